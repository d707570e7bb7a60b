/**
 * How legacy stores write a hash in one column. A layout only writes: which formats read it, what they do to the password
 * first and what comes out is asked of the formats themselves, so that a row here serves every name that reads it.
 */
import { argon2, bcrypt, drupal7, phpass, shaCrypt, yescrypt } from './store-hash-crypt.ts';
import {
  django,
  ldapPbkdf2,
  passlib,
  scrypts,
  springPbkdf2,
  springScrypt,
  werkzeug,
} from './store-hash-derived.ts';
import { aspnetV2, aspnetV3, keycloakDocuments, salted } from './store-hash-documents.ts';
import type { Layout, Names } from './store-hash-layout.ts';
import { LAYOUT_NAMES as NAMES } from './store-hash-names.ts';

const inLdap: Names = { formats: NAMES.ldap };

/** In the order in which they are preferred where neither the store nor the format's name says which. */
export const LAYOUTS: readonly Layout[] = [
  bcrypt('$wp'),
  ...django,
  argon2('argon2'),
  bcrypt('bcrypt_sha256$'),
  bcrypt('bcrypt$'),
  bcrypt('{bcrypt}', { formats: NAMES.spring }),
  ...springPbkdf2,
  argon2('{argon2@SpringSecurity_v5_8}', { formats: NAMES.spring }),
  argon2('{argon2}', { formats: NAMES.spring }),
  ...springScrypt,
  ...aspnetV3,
  aspnetV2,
  ...keycloakDocuments,
  ...scrypts,
  ...werkzeug,
  bcrypt(''),
  argon2(''),
  ...passlib,
  shaCrypt('sha512', ''),
  shaCrypt('sha256', ''),
  yescrypt(''),
  ...salted,
  shaCrypt('sha512', '{CRYPT}', inLdap),
  shaCrypt('sha256', '{CRYPT}', inLdap),
  bcrypt('{CRYPT}', inLdap),
  yescrypt('{CRYPT}', inLdap),
  argon2('{ARGON2}', inLdap),
  argon2('{ARGON2ID}', { formats: NAMES.dovecot }),
  bcrypt('{BCRYPT}', inLdap),
  bcrypt('{BLF-CRYPT}', { formats: NAMES.dovecot }),
  shaCrypt('sha512', '{SHA512-CRYPT}', { formats: NAMES.dovecot }),
  shaCrypt('sha256', '{SHA256-CRYPT}', { formats: NAMES.dovecot }),
  ...ldapPbkdf2,
  ...phpass,
  drupal7,
];
