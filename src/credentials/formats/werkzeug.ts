/** Werkzeug's `method$salt$hex` (werkzeug.security) and Flask-Security on top of passlib. */
import { parseBcrypt, parseShaCrypt } from '../crypt-strings.ts';
import { digestHash, hexOf } from '../digests.ts';
import { hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import {
  digestOf,
  parseArgon2,
  parsePasslibPbkdf2,
  parsePasslibScrypt,
  parsePbkdf2,
  parseScrypt,
} from '../phc-strings.ts';
import type { PreparationStep } from '../preparation.ts';
import { prepared } from '../prepared.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import type { Source } from '../source.ts';

const scrypt = format({
  name: 'werkzeug-scrypt',
  pattern: /^scrypt:(\d+):(\d+):(\d+)\$([^$]+)\$([0-9a-f]+)$/,
  mark: true,
  read: ([, n, r, p, salt, key]) => parseScrypt(integer(n), [r, p], { salt: utf8(salt), digest: hex(key) }),
});

const DIGESTS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];

const pbkdf2 = DIGESTS.map((digest) =>
  format({
    name: `werkzeug-pbkdf2-${digest}`,
    pattern: new RegExp(`^pbkdf2:${digest}:(\\d+)\\$([^$]+)\\$([0-9a-f]+)$`),
    mark: true,
    read: ([, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: utf8(salt), digest: hex(key) }),
  }),
);

/** Before Werkzeug 2.0: HMAC keyed with the salt. */
const hmac = DIGESTS.map((name) =>
  format({
    name: `werkzeug-hmac-${name}`,
    pattern: new RegExp(`^${name}\\$([^$]+)\\$([0-9a-f]+)$`),
    read([, salt, key]) {
      const digest = digestOf(name);
      return digest
        ? hashOf('hmac', { digest }, { salt: utf8(salt), digest: hex(key) })
        : refuse('malformed');
    },
  }),
);

/** Without a salt a plain digest; `plain` keeps the password. Before 0.9.3 the iterations were left out: 1,000. */
const old = [
  ...DIGESTS.map((digest) =>
    format({
      name: `werkzeug-${digest}-unsalted`,
      pattern: new RegExp(`^${digest}\\$\\$([0-9a-f]+)$`),
      read([, key]) {
        const known = digestOf(digest);
        return known ? digestHash(known, { digest: hex(key) }) : refuse('malformed');
      },
    }),
  ),
  ...DIGESTS.map((digest) =>
    format({
      name: `werkzeug-pbkdf2-${digest}-old`,
      pattern: new RegExp(`^pbkdf2:${digest}\\$([^$]+)\\$([0-9a-f]+)$`),
      read: ([, salt, key]) => parsePbkdf2(digest, 1000, { salt: utf8(salt), digest: hex(key) }),
    }),
  ),
  format({
    name: 'werkzeug-plain',
    pattern: /^plain\$\$(.+)$/s,
    read: ([, text]) => hashOf('plaintext', {}, { digest: utf8(text) }),
  }),
];

/** The password is an HMAC under SECURITY_PASSWORD_SALT before its scheme sees it, and the hash does not show it. */
const SECURITY_SCHEMES: Readonly<Record<string, (text: string | undefined) => ParsedHash | Refusal>> = {
  argon2: (text) => parseArgon2(text),
  bcrypt: (text) => parseBcrypt(text),
  pbkdf2_sha512: parsePasslibPbkdf2,
  pbkdf2_sha256: parsePasslibPbkdf2,
  pbkdf2_sha1: parsePasslibPbkdf2,
  scrypt: parsePasslibScrypt,
  sha256_crypt: parseShaCrypt,
  sha512_crypt: parseShaCrypt,
};

function securityHmac({ setting }: Source): PreparationStep {
  const key = Buffer.from(setting('SECURITY_PASSWORD_SALT') ?? '', 'utf8');
  return { step: 'hmac', digest: 'sha512', key, as: 'base64' };
}

const flaskSecurity = Object.entries(SECURITY_SCHEMES).map(([scheme, parse]) =>
  format({
    name: `flask-security-${scheme}`,
    pattern: /^\$.+$/,
    settings: ['SECURITY_PASSWORD_SALT'],
    read: ([text], source) => prepared(parse(text), [securityHmac(source)]),
  }),
);

/** BCRYPT_HANDLE_LONG_PASSWORDS digests first. */
const flaskBcrypt = [
  format({ name: 'flask-bcrypt', pattern: /^\$2.+$/, read: ([text]) => parseBcrypt(text) }),
  format({
    name: 'flask-bcrypt-long',
    pattern: /^\$2.+$/,
    read: ([text]) => parseBcrypt(text, [hexOf('sha256')]),
  }),
];

const members = [scrypt, ...pbkdf2, ...hmac, ...old];

export const werkzeugFormats = [
  ...members,
  anyOf('werkzeug', members),
  ...flaskSecurity,
  anyOf('flask-security', flaskSecurity),
  ...flaskBcrypt,
];
