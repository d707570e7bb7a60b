/** Apache Shiro and Jasypt. */
import { digestHash } from '../digests.ts';
import { base64, integer } from '../encoding.ts';
import { format } from '../format.ts';
import { digestOf, parseArgon2 } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

export const javaFormats = [
  format({
    name: 'shiro1-sha256',
    pattern: /^\$shiro1\$(SHA-\d+|MD5)\$(\d+)\$([^$]*)\$([^$]+)$/,
    mark: true,
    read([, name, iterations, salt, key]) {
      const digest = digestOf(name);
      if (!digest) return refuse('unsupported_algorithm');
      return digestHash(
        digest,
        { salt: base64(salt), digest: base64(key) },
        { iterations: integer(iterations) },
      );
    },
  }),
  format({
    name: 'shiro2-argon2id',
    pattern: /^\$shiro2(\$argon2.+)$/,
    mark: true,
    read: ([, text]) => parseArgon2(text),
  }),
  /** BasicPasswordEncryptor: base64(salt (8) ‖ digest), the password in NFC. */
  format({
    name: 'jasypt-basic',
    pattern: /^[A-Za-z0-9+/]{32}$/,
    read([text]) {
      const bytes = base64(text, 24);
      return digestHash(
        'md5',
        {
          salt: bytes?.subarray(0, 8),
          digest: bytes?.subarray(8),
          preparation: [{ step: 'normalize', form: 'NFC' }],
        },
        { iterations: 1000 },
      );
    },
  }),
];
