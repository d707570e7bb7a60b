/** Python beside Django and Flask: web2py, Zope and Plone, Odoo, Home-grown on passlib. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { decoded } from '../columns.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format, formats } from '../format.ts';
import { hashOf } from '../hash.ts';
import { parseArgon2, parsePasslibPbkdf2, parsePbkdf2 } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

const DIGESTS = Object.keys(DIGEST_BYTES) as DigestName[];

/** CRYPT's `algorithm$salt$hex`; with a site key an HMAC under key ‖ salt, without one a digest of password ‖ salt. */
const web2py = [
  format({
    name: 'web2py-pbkdf2',
    pattern: /^pbkdf2\((\d+),\d+,(\w+)\)\$([^$]*)\$([0-9a-f]+)$/,
    mark: true,
    read: ([, iterations, digest, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: utf8(salt), digest: hex(key) }),
  }),
  ...DIGESTS.map((digest) =>
    format({
      name: `web2py-${digest}`,
      pattern: new RegExp(`^(?:${digest}\\$([^$]*)\\$)?([0-9a-f]{${2 * DIGEST_BYTES[digest]}})$`),
      read([, salt = '', text], { setting }) {
        const key = setting('hmac_key')?.replace(/^[\w(),]+:/, '');
        if (!key) return digestHash(digest, { salt: utf8(salt), digest: hex(text) }, { salt: 'suffix' });
        return hashOf(
          'hmac',
          { digest },
          { salt: utf8(key + salt), digest: hex(text), caveat: 'site_key_disclosed' },
        );
      },
    }),
  ),
];

/** AuthEncoding: LDAP's schemes, SHA-256 in hex, bcrypt. */
const zope = [
  format({
    name: 'zope-ssha',
    pattern: /^\{SSHA\}([A-Za-z0-9+/_-]+={0,2})$/,
    read([, text]) {
      const bytes = decoded(text);
      const parts = { salt: bytes?.subarray(20), digest: bytes?.subarray(0, 20) };
      return digestHash('sha1', parts, { salt: 'suffix' });
    },
  }),
  format({
    name: 'zope-sha',
    pattern: /^\{SHA\}([A-Za-z0-9+/_-]+={0,2})$/,
    read: ([, text]) => digestHash('sha1', { digest: decoded(text, 20) }),
  }),
  format({
    name: 'zope-sha256',
    pattern: /^\{SHA256\}([0-9a-f]{64})$/,
    mark: true,
    read: ([, text]) => digestHash('sha256', { digest: hex(text) }),
  }),
  format({
    name: 'zope-bcrypt',
    pattern: /^\{BCRYPT\}(\$2.+)$/,
    mark: true,
    read: ([, text]) => parseBcrypt(text),
  }),
];

/** Odoo: passlib's PBKDF2-SHA512, and the password itself before 8. */
const odoo = [
  format({ name: 'odoo-pbkdf2', pattern: /^\$pbkdf2-.+$/, read: ([text]) => parsePasslibPbkdf2(text) }),
  format({
    name: 'odoo-plaintext',
    pattern: /^[^$].*$/s,
    read: ([text]) => (text ? hashOf('plaintext', {}, { digest: utf8(text) }) : refuse('no_hash')),
  }),
];

/** FastAPI Users: pwdlib's Argon2 or bcrypt. */
const fastapi = [
  format({ name: 'fastapi-users-argon2', pattern: /^\$argon2.+$/, read: ([text]) => parseArgon2(text) }),
  format({ name: 'fastapi-users-bcrypt', pattern: /^\$2.+$/, read: ([text]) => parseBcrypt(text) }),
];

export const pythonFormats = [
  ...web2py,
  anyOf('web2py', web2py),
  ...zope,
  anyOf('zope', zope),
  anyOf('plone', zope),
  ...odoo,
  anyOf('odoo', odoo),
  ...fastapi,
  anyOf('fastapi-users', fastapi),
  ...formats(['pyramid', 'tornado'], { pattern: /^\$2.+$/, read: ([text]) => parseBcrypt(text) }),
];
