/** Spring Security's `{id}value` (DelegatingPasswordEncoder). Iterations of PBKDF2 come from the encoder's version. */
import type { DigestName } from '../algorithm.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { base64, hex, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { hashOf } from '../hash.ts';
import { parseArgon2, parsePbkdf2 } from '../phc-strings.ts';
import type { Source } from '../source.ts';

/** hex(salt ‖ digest). The encoder's secret is digested as part of the salt. */
function saltedHex(text: string | undefined, saltBytes: number, { setting }: Source) {
  const bytes = hex(text);
  const secret = setting('secret') ?? '';
  const salt = bytes && Buffer.concat([bytes.subarray(0, saltBytes), Buffer.from(secret, 'utf8')]);
  return {
    salt,
    digest: bytes?.subarray(saltBytes),
    caveat: secret ? ('site_key_disclosed' as const) : undefined,
  };
}

const PBKDF2 = [
  ['spring-pbkdf2-v5_5', 'pbkdf2', 'sha1', 185_000, 8],
  ['spring-pbkdf2-v5_8', 'pbkdf2@SpringSecurity_v5_8', 'sha256', 310_000, 16],
] as const;

const pbkdf2 = PBKDF2.map(([name, id, digest, iterations, saltBytes]) =>
  format({
    name,
    pattern: new RegExp(`^\\{${id}\\}([0-9a-f]+)$`),
    mark: true,
    read: ([, text], source) => parsePbkdf2(digest, iterations, saltedHex(text, saltBytes, source)),
  }),
);

/** MessageDigestPasswordEncoder: the salt is digested with its braces, after the password. */
const MESSAGE_DIGESTS: readonly (readonly [id: string, digest: DigestName])[] = [
  ['MD5', 'md5'],
  ['SHA-1', 'sha1'],
  ['SHA-256', 'sha256'],
];

const messageDigests = MESSAGE_DIGESTS.map(([id, digest]) =>
  format({
    name: `spring-${id}`,
    pattern: new RegExp(`^\\{${id}\\}(\\{[^}]*\\})?([0-9a-f]+)$`),
    mark: true,
    read: ([, salt = '', text]) =>
      digestHash(digest, { salt: utf8(salt), digest: hex(text) }, { salt: 'suffix' }),
  }),
);

/** `$` hex(log2 N ‖ r ‖ p) `$salt$key`: 16, 8 and 8 bits. */
const scrypt = format({
  name: 'spring-scrypt-v4_1',
  pattern: /^\{scrypt(?:@SpringSecurity_v5_8)?\}\$([0-9a-f]{1,8})\$([^$]+)\$([^$]+)$/,
  mark: true,
  read([, parameters = '', salt, key]) {
    const bits = Number.parseInt(parameters, 16);
    const costs = { log2N: bits >>> 16, blockSize: (bits >> 8) & 0xff, parallelism: bits & 0xff };
    return hashOf('scrypt', costs, { salt: base64(salt), digest: base64(key) });
  },
});

const members = [
  format({
    name: 'spring-bcrypt',
    pattern: /^\{bcrypt\}(.+)$/,
    mark: true,
    read: ([, text]) => parseBcrypt(text),
  }),
  ...pbkdf2,
  scrypt,
  format({
    name: 'spring-argon2-v5_2',
    pattern: /^\{argon2\}(.+)$/,
    mark: true,
    read: ([, text]) => parseArgon2(text),
  }),
  format({
    name: 'spring-argon2-v5_8',
    pattern: /^\{argon2@SpringSecurity_v5_8\}(.+)$/,
    mark: true,
    read: ([, text]) => parseArgon2(text),
  }),
  format({
    name: 'spring-sha256',
    pattern: /^\{sha256\}([0-9a-f]{80})$/,
    mark: true,
    read: ([, text], source) => digestHash('sha256', saltedHex(text, 8, source), { iterations: 1024 }),
  }),
  ...messageDigests,
  format({
    name: 'spring-noop',
    pattern: /^\{noop\}(.+)$/s,
    mark: true,
    read: ([, text]) => hashOf('plaintext', {}, { digest: utf8(text) }),
  }),
];

export const springFormats = [...members, anyOf('spring', members)];
