/** What shadow(5) holds. DES and yescrypt are named so that a survey can count them; nothing computes them here. */
import { BCRYPT, MD5CRYPT, parseCrypt, parseMd5crypt, parseShaCrypt, SHA_CRYPT } from '../crypt-strings.ts';
import { format, formats } from '../format.ts';
import { refuse } from '../reasons.ts';

const UNMISTAKABLE = new RegExp(`${BCRYPT.source}|${MD5CRYPT.source}|${SHA_CRYPT.source}`);

export const unixFormats = [
  format({ name: 'unix-md5_crypt', pattern: /^\$1\$.+$/, mark: true, read: ([text]) => parseMd5crypt(text) }),
  format({ name: 'unix-apr1', pattern: /^\$apr1\$.+$/, mark: true, read: ([text]) => parseMd5crypt(text) }),
  format({
    name: 'unix-sha256_crypt',
    pattern: /^\$5\$.+$/,
    mark: true,
    read: ([text]) => parseShaCrypt(text),
  }),
  format({
    name: 'unix-sha512_crypt',
    pattern: /^\$6\$.+$/,
    mark: true,
    read: ([text]) => parseShaCrypt(text),
  }),
  ...formats(['crypt-sha512-norounds'], { pattern: SHA_CRYPT, read: ([text]) => parseShaCrypt(text) }),
  format({ name: 'crypt', pattern: UNMISTAKABLE, read: ([text]) => parseCrypt(text) }),
  format({
    name: 'unix-des_crypt',
    pattern: /^[./0-9A-Za-z]{13}$/,
    read: () => refuse('unsupported_algorithm'),
  }),
  format({
    name: 'crypt-yescrypt',
    pattern: /^\$g?y\$.+$/,
    mark: true,
    read: () => refuse('unsupported_algorithm'),
  }),
  format({
    name: 'nthash',
    pattern: /^[0-9a-f]{32}$/i,
    read: () => refuse('unsupported_algorithm'),
  }),
];
