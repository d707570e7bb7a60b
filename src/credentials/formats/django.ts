/** Django's `algorithm$…` (django.contrib.auth.hashers). Salts are text and enter as their ASCII bytes. */
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash, hexOf } from '../digests.ts';
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

const members = [
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

export const djangoFormats = [...members, anyOf('django', members)];
