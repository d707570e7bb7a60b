/** `{SCHEME}value` of RFC 2307's userPassword, as OpenLDAP, 389 Directory Server and passlib write it. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { parseBcrypt, parseCrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { adaptedBase64, base64, integer } from '../encoding.ts';
import { format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { parseArgon2, parsePbkdf2 } from '../phc-strings.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';

type Read = (value: string) => ParsedHash | Refusal;

const plain =
  (digest: DigestName): Read =>
  (value) =>
    digestHash(digest, { digest: base64(value, DIGEST_BYTES[digest]) });

/** The salt stands behind the digest and is digested after the password. */
const salted =
  (digest: DigestName): Read =>
  (value) => {
    const bytes = base64(value);
    const length = DIGEST_BYTES[digest];
    if (!bytes || bytes.length < length) return refuse('malformed');
    return digestHash(
      digest,
      { digest: bytes.subarray(0, length), salt: bytes.subarray(length) },
      { salt: 'suffix' },
    );
  };

/** passlib and OpenLDAP write adapted base64, 389 Directory Server plain base64. */
const pbkdf2 =
  (digest: DigestName): Read =>
  (value) => {
    const [iterations, salt, key, ...rest] = value.split('$');
    if (rest.length > 0) return refuse('malformed');
    return parsePbkdf2(digest, integer(iterations), {
      salt: adaptedBase64(salt),
      digest: adaptedBase64(key),
    });
  };

/** 389 Directory Server before 2.0: iterations (32 bits, big-endian) ‖ 64 bytes of salt ‖ 256 bytes of key. */
const binaryPbkdf2: Read = (value) => {
  const bytes = base64(value, 4 + 64 + 256);
  if (!bytes) return refuse('malformed');
  const parts = { salt: bytes.subarray(4, 68), digest: bytes.subarray(68) };
  return hashOf('pbkdf2', { digest: 'sha256', iterations: bytes.readUInt32BE(0) }, parts);
};

/** Keyed by the scheme in capitals: RFC 2307 compares it without case. */
const SCHEMES: Readonly<Record<string, Read>> = {
  MD5: plain('md5'),
  SHA: plain('sha1'),
  SHA256: plain('sha256'),
  SHA384: plain('sha384'),
  SHA512: plain('sha512'),
  SMD5: salted('md5'),
  SSHA: salted('sha1'),
  SSHA256: salted('sha256'),
  SSHA384: salted('sha384'),
  SSHA512: salted('sha512'),
  PBKDF2: pbkdf2('sha1'),
  'PBKDF2-SHA1': pbkdf2('sha1'),
  'PBKDF2-SHA256': pbkdf2('sha256'),
  'PBKDF2-SHA512': pbkdf2('sha512'),
  PBKDF2_SHA256: binaryPbkdf2,
  ARGON2: parseArgon2,
  BCRYPT: parseBcrypt,
  CRYPT: parseCrypt,
};

const NAMES: Readonly<Record<string, string>> = {
  'ldap-md5': 'MD5',
  'ldap-sha1': 'SHA',
  'ldap-salted_md5': 'SMD5',
  'ldap-salted_sha1': 'SSHA',
  'ldap-salted_sha256': 'SSHA256',
  'ldap-salted_sha512': 'SSHA512',
  'ldap-pbkdf2_sha1': 'PBKDF2',
  'ldap-pbkdf2_sha256': 'PBKDF2-SHA256',
  'ldap-crypt-sha512': 'CRYPT',
  '389ds-pbkdf2-sha512': 'PBKDF2-SHA512',
  '389ds-pbkdf2_sha256': 'PBKDF2_SHA256',
  'openldap-ssha': 'SSHA',
  'openldap-ssha512': 'SSHA512',
  'openldap-pbkdf2-sha256': 'PBKDF2-SHA256',
  'openldap-argon2': 'ARGON2',
};

/** Spring Security writes `{bcrypt}`, `{pbkdf2}hex` and `{MD5}{salt}hex`: what only LDAP writes is the mark. */
const MARK =
  /^\{(?:(?:MD5|SHA\d*|SMD5|SSHA\d*|PBKDF2_SHA256)\}[A-Za-z0-9+/]{16,}={0,2}|PBKDF2[-A-Z0-9]*\}\d+\$.+|(?:ARGON2|CRYPT)\}[$./A-Za-z0-9].*)$/i;

export const ldapFormats = [
  {
    ...format({
      name: 'ldap',
      pattern: /^\{([A-Za-z0-9_-]{2,16})\}(.+)$/,
      read: ([, scheme = '', value = '']) =>
        SCHEMES[scheme.toUpperCase()]?.(value) ?? refuse('unsupported_algorithm'),
    }),
    recognises: ({ hash }: { hash: string | undefined }) => hash !== undefined && MARK.test(hash),
  },
  ...Object.entries(NAMES).map(([name, scheme]) =>
    format({
      name,
      pattern: new RegExp(`^\\{${scheme}\\}(.+)$`, 'i'),
      read: ([, value = '']) => SCHEMES[scheme]!(value),
    }),
  ),
];
