/** Node frameworks. Several use the hex text of the salt, not the bytes it writes. */
import { parseBcrypt } from '../crypt-strings.ts';
import { hexOf } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import { format, formats } from '../format.ts';
import { parameterMap, parsePbkdf2, parseScrypt } from '../phc-strings.ts';

/** `crypto.scrypt` with Node's N, r = 16, 64 bytes of key; the password in NFKC. */
const oslo = formats(['better-auth', 'lucia-scrypt'], {
  pattern: /^([0-9a-f]{32}):([0-9a-f]{128})$/,
  read: ([, salt, key]) =>
    parseScrypt(16_384, ['16', '1'], {
      salt: utf8(salt),
      digest: hex(key),
      preparation: [{ step: 'normalize', form: 'NFKC' }],
    }),
});

/** passport-local-mongoose and its heirs; digest and iterations are options of the plugin. */
const passport = formats(['passport-local-mongoose', 'payload-cms'], {
  pattern: /^[0-9a-f]{64,1024}$/,
  read: ([key], { salt, setting }) =>
    parsePbkdf2(setting('digestAlgorithm') ?? 'sha256', integer(setting('iterations') ?? '25000'), {
      salt: utf8(salt),
      digest: hex(key),
    }),
});

export const nodeFormats = [
  ...oslo,
  ...passport,
  format({
    name: 'adonis-scrypt',
    pattern: /^\$scrypt\$(n=[^$]+)\$([^$]+)\$([^$]+)$/,
    mark: true,
    read([, list, salt, key]) {
      const parameters = parameterMap(list);
      return parseScrypt(integer(parameters?.get('n')), [parameters?.get('r'), parameters?.get('p')], {
        salt: base64(salt),
        digest: base64(key),
      });
    },
  }),
  /** The Node manual's example: `hex(key).hex(salt)` with the default costs. */
  format({
    name: 'node-scrypt-hex',
    pattern: /^([0-9a-f]{128})\.([0-9a-f]{16,64})$/,
    read: ([, key, salt]) => parseScrypt(16_384, ['8', '1'], { salt: utf8(salt), digest: hex(key) }),
  }),
  /** The browser sends the SHA-256 of the password. */
  format({ name: 'meteor', pattern: /^\$2.+$/, read: ([text]) => parseBcrypt(text, [hexOf('sha256')]) }),
];
