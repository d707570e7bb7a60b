/** passlib's own formats, and phpass as it writes it. */
import { PHPASS, parseBcrypt, parsePhpass } from '../crypt-strings.ts';
import { format, formats } from '../format.ts';
import { PASSLIB_PBKDF2, PASSLIB_SCRYPT, parsePasslibPbkdf2, parsePasslibScrypt } from '../phc-strings.ts';

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

export const passlibFormats = [
  format({ name: 'pbkdf2', pattern: PASSLIB_PBKDF2, mark: true, read: ([text]) => parsePasslibPbkdf2(text) }),
  ...formats(['passlib-pbkdf2_sha1', 'passlib-pbkdf2_sha256', 'passlib-pbkdf2_sha512'], {
    pattern: PASSLIB_PBKDF2,
    read: ([text]) => parsePasslibPbkdf2(text),
  }),
  format({
    name: 'passlib-scrypt',
    pattern: PASSLIB_SCRYPT,
    mark: true,
    read: ([text]) => parsePasslibScrypt(text),
  }),
  format({ name: 'phpass', pattern: PHPASS, mark: true, read: ([text]) => parsePhpass(text) }),
  ...formats(['passlib-phpass-P', 'passlib-phpass-H'], {
    pattern: PHPASS,
    read: ([text]) => parsePhpass(text),
  }),
  bcryptSha256,
  bcryptSha256Old,
];
