/** Django's `algorithm$…` (django.contrib.auth.hashers). Salts are text and enter as their ASCII bytes. */
import { parseCrypt } from '../crypt-methods.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash, hexOf, prepend } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { parseArgon2, parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

const pbkdf2 = (['sha256', 'sha1'] as const).map((digest) =>
  format({
    name: `django-pbkdf2_${digest}`,
    pattern: new RegExp(`^pbkdf2_${digest}\\$(\\d+)\\$([^$]+)\\$([^$]+)$`),
    mark: true,
    read: ([, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: utf8(salt), digest: base64(key) }),
  }),
);

/** Not marks: older Werkzeug writes an HMAC in the same shape. */
const salted = (['md5', 'sha1'] as const).map((digest) =>
  format({
    name: `django-${digest}`,
    pattern: new RegExp(`^${digest}\\$([^$]*)\\$([0-9a-f]+)$`),
    read: ([, salt, key]) =>
      digestHash(digest, { salt: utf8(salt), digest: hex(key, digest === 'md5' ? 16 : 20) }),
  }),
);

const marked = [
  format({
    name: 'django-argon2',
    pattern: /^argon2(\$argon2.+)$/,
    mark: true,
    read: ([, text]) => parseArgon2(text),
  }),
  format({
    name: 'django-bcrypt',
    pattern: /^bcrypt\$(\$2.+)$/,
    mark: true,
    read: ([, text]) => parseBcrypt(text),
  }),
  format({
    name: 'django-bcrypt_sha256',
    pattern: /^bcrypt_sha256\$(\$2.+)$/,
    mark: true,
    read: ([, text]) => parseBcrypt(text, [hexOf('sha256')]),
  }),
  format({
    name: 'django-scrypt',
    pattern: /^scrypt\$(\d+)\$([^$]+)\$(\d+)\$(\d+)\$([^$]+)$/,
    mark: true,
    read: ([, n, salt, r, p, key]) =>
      parseScrypt(integer(n), [r, p], { salt: utf8(salt), digest: base64(key) }),
  }),
];

/** The documentation's upgrade in place: PBKDF2 over the old digest's hex text, the salt in both. */
const wrapped = (['md5', 'sha1'] as const).flatMap((inner) =>
  (['sha256', 'sha1'] as const).map((digest) =>
    format({
      name: `django-pbkdf2${digest === 'sha1' ? '_sha1' : ''}_wrapped_${inner}`,
      pattern: new RegExp(`^pbkdf2_wrapped_${inner}\\$(\\d+)\\$([^$]+)\\$([^$]+)$`),
      read: ([, iterations, salt = '', key]) =>
        parsePbkdf2(digest, integer(iterations), {
          salt: utf8(salt),
          digest: base64(key),
          preparation: [prepend(salt), hexOf(inner)],
        }),
    }),
  ),
);

/** `crypt$$…`: what crypt(3) returns; by itself it has a name with the other crypt(3) formats. */
const crypt = format({
  name: 'django-crypt',
  pattern: /^crypt\$[^$]*\$(.+)$/,
  read: ([, text]) => parseCrypt(text),
});

const members = [
  ...wrapped,
  format({
    name: 'django-unsalted_sha1',
    pattern: /^sha1\$\$([0-9a-f]{40})$/,
    read: ([, digest]) => digestHash('sha1', { digest: hex(digest) }),
  }),
  ...pbkdf2,
  ...salted,
  ...marked,
  format({
    name: 'django-unsalted_md5',
    pattern: /^(?:md5\$\$)?([0-9a-f]{32})$/,
    read: ([, digest]) => digestHash('md5', { digest: hex(digest) }),
  }),
  format({ name: 'django-unusable', pattern: /^!/, read: () => refuse('unusable') }),
];

export const djangoFormats = [...members, anyOf('django', [...members, crypt])];
