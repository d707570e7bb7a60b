/** Werkzeug's `method$salt$hex` (werkzeug.security) and Flask-Security on top of passlib. */
import { hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { hashOf } from '../hash.ts';
import { digestOf, parseArgon2, parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

const scrypt = format({
  name: 'werkzeug-scrypt',
  pattern: /^scrypt:(\d+):(\d+):(\d+)\$([^$]+)\$([0-9a-f]+)$/,
  mark: true,
  read: ([, n, r, p, salt, key]) => parseScrypt(integer(n), [r, p], { salt: utf8(salt), digest: hex(key) }),
});

const pbkdf2 = ['sha1', 'sha256', 'sha512'].map((digest) =>
  format({
    name: `werkzeug-pbkdf2-${digest}`,
    pattern: new RegExp(`^pbkdf2:${digest}:(\\d+)\\$([^$]+)\\$([0-9a-f]+)$`),
    mark: true,
    read: ([, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: utf8(salt), digest: hex(key) }),
  }),
);

/** Before Werkzeug 2.0: HMAC keyed with the salt. */
const hmac = ['md5', 'sha1', 'sha256', 'sha512'].map((name) =>
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

/** The password is an HMAC under SECURITY_PASSWORD_SALT before Argon2 sees it, and the hash does not show it. */
const flaskSecurity = format({
  name: 'flask-security-argon2',
  pattern: /^\$argon2.+$/,
  settings: ['SECURITY_PASSWORD_SALT'],
  read: ([text], { setting }) =>
    parseArgon2(text, [
      {
        step: 'hmac',
        digest: 'sha512',
        key: Buffer.from(setting('SECURITY_PASSWORD_SALT') ?? '', 'utf8'),
        as: 'base64',
      },
    ]),
});

const members = [scrypt, ...pbkdf2, ...hmac];

export const werkzeugFormats = [...members, anyOf('werkzeug', members), flaskSecurity];
