/**
 * `{SCHEME}value` of RFC 2307's userPassword, as OpenLDAP, 389 Directory Server, passlib, Roundup and Dovecot write
 * it. Where two disagree about a scheme, the value's own form decides.
 */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { parseCrypt } from '../crypt-methods.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { adaptedBase64, base64, hex, integer, utf8 } from '../encoding.ts';
import { format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { parseArgon2, parsePbkdf2 } from '../phc-strings.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import { parseScram } from '../scram-keys.ts';
import type { Source } from '../source.ts';

type Read = (value: string, source: Source) => ParsedHash | Refusal;

/** base64, or hex (Roundup, Dovecot's PLAIN-MD5): their lengths tell them apart. */
const plain =
  (digest: DigestName): Read =>
  (value) => {
    const length = DIGEST_BYTES[digest];
    return digestHash(digest, { digest: value.length === 2 * length ? hex(value) : base64(value, length) });
  };

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
    if (value.startsWith('$1$')) return dovecotPbkdf2(value);
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

/** Dovecot: `$1$salt$rounds$hex`, SHA-1, the salt as text. */
function dovecotPbkdf2(value: string): ParsedHash | Refusal {
  const [, salt, rounds, key] = /^\$1\$([^$]*)\$(\d{1,10})\$([0-9a-f]{40})$/i.exec(value) ?? [];
  return parsePbkdf2('sha1', integer(rounds), { salt: utf8(salt), digest: hex(key) });
}

/** RFC 5803 (`4096:salt$stored:server`) and Dovecot (`4096,salt,stored,server`). */
const scram =
  (digest: string): Read =>
  (value) => {
    const [iterations, salt, storedKey, server] = value.split(/[:,$]/);
    return server ? parseScram({ digest, iterations, salt, storedKey }) : refuse('malformed');
  };

/** Netscape's mail server: 32 digits of digest, 32 of salt, which stands on both sides with a byte between. */
const netscape: Read = (value) => {
  const [, digest, salt] = /^([0-9a-f]{32})([0-9a-f]{32})$/i.exec(value) ?? [];
  const [y, division] = [Buffer.from([89]), Buffer.from([247])];
  const message = ['salt', y, 'password', division, 'salt'] as const;
  return digestHash('md5', { digest: hex(digest), salt: utf8(salt) }, { message });
};

const clear: Read = (value) => hashOf('plaintext', {}, { digest: utf8(value) });

const nt: Read = (value) =>
  hashOf(
    'md4',
    { kind: 'plain', iterations: 1 },
    { digest: hex(value, 16), preparation: [{ step: 'utf16le' }] },
  );

/** Windows and Dovecot differ in nothing but the code page, which Dovecot does not look at. */
const lm: Read = (value) =>
  hashOf(
    'lm',
    {},
    { digest: hex(value, 16), preparation: [{ step: 'uppercase' }, { step: 'codepage', codepage: 'cp437' }] },
  );

/** Dovecot: user, realm and password; the realm is what follows the user's `@`. */
const digestMd5: Read = (value, { username }) => {
  if (username === undefined) return refuse('username_missing');
  const [user = '', realm = ''] = username.split('@');
  return digestHash('md5', {
    salt: utf8(`${user}:${realm}:`),
    digest: hex(value),
    caveat: 'username_is_salt',
  });
};

/** Dovecot's {MD5} is md5crypt, everybody else's the digest. */
const md5: Read = (value, source) =>
  value.startsWith('$1$') ? parseCrypt(value) : plain('md5')(value, source);
const argon2: Read = (value) => parseArgon2(value.replace(/^(?=argon2)/, '$'));
const bcrypt: Read = (value) => parseBcrypt(value);
const crypt: Read = (value) => parseCrypt(value);

/** Keyed by the scheme in capitals: RFC 2307 compares it without case. */
const SCHEMES: Readonly<Record<string, Read>> = {
  MD5: md5,
  'PLAIN-MD5': plain('md5'),
  'LDAP-MD5': plain('md5'),
  SHA: plain('sha1'),
  SHA1: plain('sha1'),
  SHA224: plain('sha224'),
  SHA256: plain('sha256'),
  SHA384: plain('sha384'),
  SHA512: plain('sha512'),
  SMD5: salted('md5'),
  SSHA: salted('sha1'),
  SSHA1: salted('sha1'),
  SSHA224: salted('sha224'),
  SSHA256: salted('sha256'),
  SSHA384: salted('sha384'),
  SSHA512: salted('sha512'),
  PBKDF2: pbkdf2('sha1'),
  'PBKDF2-SHA1': pbkdf2('sha1'),
  'PBKDF2-SHA256': pbkdf2('sha256'),
  'PBKDF2-SHA512': pbkdf2('sha512'),
  PBKDF2_SHA256: binaryPbkdf2,
  ARGON2: argon2,
  ARGON2I: argon2,
  ARGON2ID: argon2,
  BCRYPT: bcrypt,
  'BLF-CRYPT': bcrypt,
  CRYPT: crypt,
  'MD5-CRYPT': crypt,
  'DES-CRYPT': crypt,
  'SHA256-CRYPT': crypt,
  'SHA512-CRYPT': crypt,
  'SCRAM-SHA-1': scram('sha1'),
  'SCRAM-SHA-256': scram('sha256'),
  'SCRAM-SHA-512': scram('sha512'),
  'NS-MTA-MD5': netscape,
  'DIGEST-MD5': digestMd5,
  NT: nt,
  NTLM: nt,
  LM: lm,
  LANMAN: lm,
  CLEAR: clear,
  CLEARTEXT: clear,
  PLAIN: clear,
  PLAINTEXT: clear,
};

/** How a scheme's value is written where nothing else is said: base64, if it is not among these. */
const HEX_SCHEMES = new Set(['NT', 'NTLM', 'LM', 'LANMAN', 'DIGEST-MD5', 'NS-MTA-MD5']);
const TEXT_SCHEMES = /^(?:CLEAR|CLEARTEXT|PLAIN|PLAINTEXT|CRYPT|.*-CRYPT|ARGON2.*|BCRYPT|PBKDF2.*|SCRAM.*)$/;

/** Dovecot may say in the scheme how its value is written: `{SSHA256.HEX}`, `{CLEARTEXT.b64}`. */
function rewritten(scheme: string, suffix: string, value: string): string | undefined {
  const bytes = suffix === 'HEX' ? hex(value) : base64(value);
  if (TEXT_SCHEMES.test(scheme)) return bytes?.toString('utf8');
  return bytes?.toString(HEX_SCHEMES.has(scheme) ? 'hex' : 'base64');
}

/** passlib's names, and those that others have for a scheme; `lower case` of the scheme itself is a name anyway. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  MD5: ['ldap-md5', 'ldap-hex_md5', 'openldap-md5', '389ds-md5', 'roundup-md5'],
  SHA: ['ldap-sha1', 'ldap-sha', 'ldap-hex_sha1', 'openldap-sha', '389ds-sha', 'roundup-sha'],
  SHA256: ['ldap-sha256', 'openldap-sha256', '389ds-sha256'],
  SHA384: ['ldap-sha384', 'openldap-sha384', '389ds-sha384'],
  SHA512: ['ldap-sha512', 'openldap-sha512', '389ds-sha512'],
  SMD5: ['ldap-salted_md5', 'ldap-smd5', 'openldap-smd5', '389ds-smd5'],
  SSHA: ['ldap-salted_sha1', 'ldap-ssha', 'openldap-ssha', '389ds-ssha'],
  SSHA224: ['ldap-ssha224', 'ldap-salted_sha224'],
  SSHA256: ['ldap-salted_sha256', 'ldap-ssha256', 'openldap-ssha256', '389ds-ssha256'],
  SSHA384: ['ldap-salted_sha384', 'ldap-ssha384', 'openldap-ssha384', '389ds-ssha384'],
  SSHA512: ['ldap-salted_sha512', 'ldap-ssha512', 'openldap-ssha512', '389ds-ssha512'],
  PBKDF2: ['ldap-pbkdf2_sha1', 'openldap-pbkdf2', 'dovecot-pbkdf2'],
  'PBKDF2-SHA1': ['openldap-pbkdf2-sha1', '389ds-pbkdf2-sha1', '389ds-pbkdf2_sha1'],
  'PBKDF2-SHA256': ['ldap-pbkdf2_sha256', 'openldap-pbkdf2-sha256', '389ds-pbkdf2-sha256'],
  'PBKDF2-SHA512': ['ldap-pbkdf2_sha512', 'openldap-pbkdf2-sha512', '389ds-pbkdf2-sha512'],
  PBKDF2_SHA256: ['389ds-pbkdf2_sha256'],
  ARGON2: ['openldap-argon2', 'openldap-argon2i', 'openldap-argon2id', 'openldap-argon2d', 'ldap-argon2'],
  BCRYPT: ['ldap-bcrypt-scheme'],
  'NS-MTA-MD5': ['389ds-ns-mta-md5', 'ldap-ns-mta-md5'],
  'SCRAM-SHA-1': ['ldap-scram-sha-1', 'cyrus-scram-sha-1'],
  'SCRAM-SHA-256': ['ldap-scram-sha-256', 'cyrus-scram-sha-256'],
  'SCRAM-SHA-512': ['ldap-scram-sha-512', 'cyrus-scram-sha-512'],
  CRYPT: [
    ...['md5', 'sha1', 'sha256', 'sha512', 'des', 'bsdi', 'bcrypt', 'yescrypt', 'sun_md5', 'sun-md5'].map(
      (method) => `ldap-crypt-${method}`,
    ),
    ...['md5_crypt', 'sha1_crypt', 'sha256_crypt', 'sha512_crypt', 'des_crypt', 'bsdi_crypt', 'bcrypt'].map(
      (name) => `ldap-${name}`,
    ),
    'ldap-crypt',
    'openldap-crypt',
    '389ds-crypt',
  ],
  CLEARTEXT: ['openldap-cleartext'],
  CLEAR: ['389ds-clear'],
};

/** Spring Security writes `{bcrypt}`, `{pbkdf2}hex` and `{MD5}{salt}hex`: what only LDAP writes is the mark. */
const MARK =
  /^\{(?:(?:MD5|SHA\d*|SMD5|SSHA\d*|PBKDF2_SHA256)\}[A-Za-z0-9+/]{16,}={0,2}|PBKDF2[-A-Z0-9]*\}\d+\$.+|(?:ARGON2|CRYPT)\}[$./_A-Za-z0-9].*|(?:BLF|MD5|DES|SHA256|SHA512)-CRYPT\}.+|SCRAM-SHA-\d+\}\d+[:,].+|(?:NS-MTA-MD5|PLAIN-MD5|LDAP-MD5)\}.+|CLEARTEXT\}.+)$/i;

function parseScheme(name: string, value: string, source: Source): ParsedHash | Refusal {
  const [, scheme = '', suffix] = /^(.*?)(?:\.(HEX|B64|BASE64))?$/.exec(name.toUpperCase()) ?? [];
  const read = SCHEMES[scheme];
  if (!read) return refuse('unsupported_algorithm');
  const text = suffix ? rewritten(scheme, suffix, value) : value;
  return text === undefined ? refuse('malformed') : read(text, source);
}

/** A directory mixes schemes, and passlib takes what has none for the password itself. */
const anyScheme = /^\{([A-Za-z0-9_.-]{2,20})\}(.+)$/s;

const schemes = ['ldap', 'dovecot', 'openldap', '389ds', 'roundup'].map((name) =>
  format({
    name,
    pattern: anyScheme,
    read: ([, scheme = '', value = ''], source) => parseScheme(scheme, value, source),
  }),
);

export const ldapFormats = [
  {
    ...schemes[0]!,
    recognises: ({ hash }: { hash: string | undefined }) => hash !== undefined && MARK.test(hash),
  },
  ...schemes.slice(1),
  ...Object.keys(SCHEMES)
    .map((scheme) =>
      format({
        name: `dovecot-${scheme.toLowerCase()}`,
        pattern: new RegExp(`^\\{(${scheme}(?:\\.\\w+)?)\\}(.+)$`, 'is'),
        read: ([, written = '', value = ''], source) => parseScheme(written, value, source),
      }),
    )
    .filter(({ name }) => name !== 'dovecot-pbkdf2'),
  ...Object.entries(NAMES).flatMap(([scheme, names]) =>
    names.map((name) =>
      format({
        name,
        pattern: new RegExp(`^\\{${scheme}\\}(.+)$`, 'is'),
        read: ([, value = ''], source) => parseScheme(scheme, value, source),
      }),
    ),
  ),
  ...['ldap-plaintext', 'roundup-plaintext', 'passlib-roundup_plaintext', 'roundup_plaintext'].map((name) =>
    format({
      name,
      pattern: /^(?:\{(CLEAR|CLEARTEXT|PLAIN|PLAINTEXT)\})?((?!\{\w+\}).+)$/is,
      read: ([, , value]) => hashOf('plaintext', {}, { digest: utf8(value) }),
    }),
  ),
];
