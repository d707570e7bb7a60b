/** passlib's own formats and those it alone still writes, each as `passlib-` and the name that passlib gives it. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { parseCrypt } from '../crypt-methods.ts';
import { BCRYPT, PHPASS, parseBcrypt, parsePhpass } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { adaptedBase64, base64, hex, integer, utf8 } from '../encoding.ts';
import { format, formats } from '../format.ts';
import { hashOf } from '../hash.ts';
import {
  ARGON2,
  PASSLIB_PBKDF2,
  PASSLIB_SCRYPT,
  parameterMap,
  parseArgon2,
  parsePasslibPbkdf2,
  parsePasslibScrypt,
  parsePbkdf2,
} from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

/** v=2: HMAC-SHA256 keyed with the salt's 22 characters, in base64. */
const bcryptSha256 = format({
  name: 'passlib-bcrypt_sha256',
  pattern: /^\$bcrypt-sha256\$v=2,t=(2[aby]),r=(\d{1,2})\$([^$]{22})\$([^$]{31})$/,
  mark: true,
  read: ([, variant, cost, salt = '', digest]) =>
    parseBcrypt(`$${variant}$${cost?.padStart(2, '0')}$${salt}${digest}`, [
      { step: 'hmac', digest: 'sha256', key: Buffer.from(salt, 'ascii'), as: 'base64' },
    ]),
});

/** v=1 (before passlib 1.7.3): plain SHA-256 in base64. */
const bcryptSha256Old = format({
  name: 'passlib-bcrypt_sha256-v1',
  pattern: /^\$bcrypt-sha256\$(2[aby]),(\d{1,2})\$([^$]{22})\$([^$]{31})$/,
  mark: true,
  read: ([, variant, cost, salt, digest]) =>
    parseBcrypt(`$${variant}$${cost?.padStart(2, '0')}$${salt}${digest}`, [
      { step: 'digest', digest: 'sha256', as: 'base64' },
    ]),
});

/** Two authors, one prefix: Cryptacular writes url-safe base64, Dwayne Litzenberger takes the setting as the salt. */
const p5k2 = [
  ...formats(['passlib-cta_pbkdf2_sha1', 'cta_pbkdf2_sha1'], {
    pattern: /^\$p5k2\$([0-9a-f]{1,8})\$([A-Za-z0-9_-]+={0,2})\$([A-Za-z0-9_-]{27}=)$/,
    mark: true,
    read: ([, rounds = '', salt, key]) =>
      parsePbkdf2('sha1', Number.parseInt(rounds, 16), { salt: urlBase64(salt), digest: urlBase64(key) }),
  }),
  ...formats(['passlib-dlitz_pbkdf2_sha1', 'dlitz_pbkdf2_sha1'], {
    pattern: /^(\$p5k2\$([0-9a-f]{0,8})\$[./0-9A-Za-z]*)\$([./A-Za-z0-9]{32})$/,
    mark: true,
    read: ([, setting, rounds, key]) =>
      parsePbkdf2('sha1', rounds ? Number.parseInt(rounds, 16) : 400, {
        salt: utf8(setting),
        digest: adaptedBase64(key),
      }),
  }),
];

function urlBase64(text: string | undefined): Buffer | undefined {
  return base64(text?.replaceAll('-', '+').replaceAll('_', '/'));
}

/** PBKDF1 with password and salt in each other's place, which is an iterated digest. */
const fshp = formats(['passlib-fshp', 'fshp'], {
  pattern: /^\{FSHP([0-3])\|(\d{1,4})\|(\d{1,10})\}([A-Za-z0-9+/]+={0,2})$/,
  mark: true,
  read([, variant, length, rounds, text]) {
    const digest = (['sha1', 'sha256', 'sha384', 'sha512'] as const)[integer(variant)]!;
    const bytes = base64(text);
    const [salt, key] = [bytes?.subarray(0, integer(length)), bytes?.subarray(integer(length))];
    return digestHash(digest, { salt, digest: key }, { iterations: integer(rounds) });
  },
});

/** What RFC 5802 calls SaltedPassword, by several digests; passlib looks at them in this order. */
const SCRAM_DIGESTS = ['sha-256', 'sha-512', 'sha-224', 'sha-384', 'sha-1'];

const scram = formats(['passlib-scram', 'scram'], {
  pattern: /^\$scram\$(\d{1,10})\$([^$]*)\$([^$]+)$/,
  mark: true,
  read([, rounds, salt, list]) {
    const keys = parameterMap(list);
    const name = SCRAM_DIGESTS.find((known) => keys?.has(known));
    const parts = { salt: adaptedBase64(salt), digest: adaptedBase64(keys?.get(name ?? '')) };
    if (!name) return refuse('malformed');
    return parsePbkdf2(name, integer(rounds), { ...parts, preparation: [{ step: 'saslprep' }] });
  },
});

const hexDigests = (Object.keys(DIGEST_BYTES) as DigestName[]).flatMap((digest) =>
  formats([`passlib-hex_${digest}`, `hex_${digest}`], {
    pattern: /^[0-9a-f]+$/i,
    read: ([text]) => digestHash(digest, { digest: hex(text, DIGEST_BYTES[digest]) }),
  }),
);

const SHA1_ITERATIONS = 10_000;

/** Rows whose salt and key are written in a way of their own. */
const rows = [
  ...p5k2,
  ...fshp,
  ...scram,
  ...hexDigests,
  ...formats(['passlib-hex_md4', 'hex_md4', 'generic-hex_md4'], {
    pattern: /^[0-9a-f]{32}$/i,
    read: ([text]) => hashOf('md4', { kind: 'plain', iterations: 1 }, { digest: hex(text) }),
  }),
  ...formats(['grub-pbkdf2-sha512', 'passlib-grub_pbkdf2_sha512', 'grub_pbkdf2_sha512'], {
    pattern: /^grub\.pbkdf2\.(sha512)\.(\d{1,10})\.([0-9A-F]+)\.([0-9A-F]+)$/i,
    mark: true,
    read: ([, digest, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: hex(salt), digest: hex(key) }),
  }),
  /** base64(salt (16) ‖ key (32)): Confluence, Jira, Crowd. */
  ...formats(['atlassian-pbkdf2_sha1', 'passlib-atlassian_pbkdf2_sha1', 'atlassian_pbkdf2_sha1'], {
    pattern: /^\{PKCS5S2\}([A-Za-z0-9+/]{64})$/,
    mark: true,
    read([, text]) {
      const bytes = base64(text, 48);
      return parsePbkdf2('sha1', SHA1_ITERATIONS, {
        salt: bytes?.subarray(0, 16),
        digest: bytes?.subarray(16),
      });
    },
  }),
  /** `user:realm:digest`, or the digest with the user's name and the realm beside it. */
  ...formats(['htdigest', 'passlib-htdigest', 'apache-htdigest'], {
    pattern: /^(?:([^:\n]+):([^:\n]*):)?([0-9a-f]{32})$/i,
    read([, inUser, inRealm, digest], { username, column, setting }) {
      const [user, realm] = [inUser ?? username, inRealm ?? column('realm') ?? setting('realm')];
      if (user === undefined) return refuse('username_missing');
      if (realm === undefined) return refuse('setting_missing');
      return digestHash('md5', {
        salt: utf8(`${user}:${realm}:`),
        digest: hex(digest),
        caveat: 'username_is_salt',
      });
    },
  }),
  /** Django to 1.4; its first versions repeated the salt in front, of which two characters count. */
  ...formats(['django-des_crypt', 'django_des_crypt'], {
    pattern: /^crypt\$[./0-9A-Za-z]*\$([./0-9A-Za-z]{13})$/,
    mark: true,
    read: ([, text]) => parseCrypt(text),
  }),
  ...formats(['passlib-plaintext', 'plaintext'], {
    pattern: /^.+$/s,
    read: ([text]) => hashOf('plaintext', {}, { digest: utf8(text) }),
  }),
  ...formats(['passlib-unix_disabled', 'unix_disabled', 'passlib-django_disabled', 'django_disabled'], {
    pattern: /^[!*].*$/s,
    read: () => refuse('unusable'),
  }),
];

export const passlibFormats = [
  format({ name: 'pbkdf2', pattern: PASSLIB_PBKDF2, mark: true, read: ([text]) => parsePasslibPbkdf2(text) }),
  ...formats(
    ['sha1', 'sha256', 'sha512'].flatMap((digest) => [`passlib-pbkdf2_${digest}`, `pbkdf2_${digest}`]),
    { pattern: PASSLIB_PBKDF2, read: ([text]) => parsePasslibPbkdf2(text) },
  ),
  format({
    name: 'passlib-scrypt',
    pattern: PASSLIB_SCRYPT,
    mark: true,
    read: ([text]) => parsePasslibScrypt(text),
  }),
  /** passlib writes `$7$` of libxcrypt as well. */
  format({ name: 'passlib-scrypt-7', pattern: /^\$7\$.+$/, read: ([text]) => parseCrypt(text) }),
  format({ name: 'phpass', pattern: PHPASS, mark: true, read: ([text]) => parsePhpass(text) }),
  ...formats(['passlib-phpass', 'passlib-phpass-P', 'passlib-phpass-H'], {
    pattern: PHPASS,
    read: ([text]) => parsePhpass(text),
  }),
  ...formats(['passlib-argon2', 'passlib-argon2i', 'passlib-argon2d'], {
    pattern: ARGON2,
    read: ([text]) => parseArgon2(text),
  }),
  ...formats(['passlib-bcrypt', 'passlib-bcrypt-2a', 'passlib-bcrypt-2b', 'passlib-bcrypt-2y'], {
    pattern: BCRYPT,
    read: ([text]) => parseBcrypt(text),
  }),
  bcryptSha256,
  bcryptSha256Old,
  ...rows,
];
