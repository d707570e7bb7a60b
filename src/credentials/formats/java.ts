/** Apache Shiro and Jasypt. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { decoded, saltBytes } from '../columns.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { base64, integer } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { parseArgon2, parseScrypt } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

const DIGESTS = Object.keys(DIGEST_BYTES) as DigestName[];

const javaName = (digest: DigestName) =>
  digest === 'md5' ? 'MD5' : digest.toUpperCase().replace('SHA', 'SHA-');

/** `$shiro1$algorithm$iterations$salt$digest`: one layout, a row for each digest that it may name. */
const shiro1 = DIGESTS.map((digest) =>
  format({
    name: `shiro1-${digest}`,
    pattern: new RegExp(`^\\$shiro1\\$${javaName(digest)}\\$(\\d+)\\$([^$]*)\\$([^$]+)$`),
    mark: true,
    read: ([, iterations, salt, key]) =>
      digestHash(
        digest,
        { salt: base64(salt), digest: base64(key, DIGEST_BYTES[digest]) },
        { iterations: integer(iterations) },
      ),
  }),
);

const shiro2 = [
  ...['argon2id', 'argon2i', 'argon2d'].map((variant) =>
    format({
      name: `shiro2-${variant}`,
      pattern: new RegExp(`^\\$shiro2(\\$${variant}\\$.+)$`),
      mark: true,
      read: ([, text]) => parseArgon2(text),
    }),
  ),
  format({
    name: 'shiro2-bcrypt',
    pattern: /^\$shiro2(\$2.+)$/,
    mark: true,
    read: ([, text]) => parseBcrypt(text),
  }),
];

/** SimpleHash without a format around it: digest and salt in columns, iterations in a third or in the settings. */
const columns = DIGESTS.flatMap((digest) =>
  ['hex', 'base64'].map((encoding) =>
    format({
      name: `shiro-${digest}-${encoding}`,
      pattern: /^[A-Za-z0-9+/]+={0,2}$/,
      read: ([text], source) =>
        digestHash(
          digest,
          { salt: saltBytes(source) ?? Buffer.alloc(0), digest: decoded(text, DIGEST_BYTES[digest]) },
          {
            iterations: integer(
              source.column('iterations') ??
                source.setting('hashIterations') ??
                source.setting('iterations') ??
                '1',
            ),
          },
        ),
    }),
  ),
);

/** Digesters by name: salt bytes and iterations; base64 or hex of salt ‖ digest, the password in NFC. */
const JASYPT: readonly (readonly [name: string, digest: DigestName, salt: number, iterations: number])[] = [
  ['jasypt-basic', 'md5', 8, 1000],
  ['jasypt-strong', 'sha256', 16, 100_000],
  ...DIGESTS.map((digest) => [`jasypt-${digest}`, digest, 8, 1000] as const),
];

const NFC = [{ step: 'normalize', form: 'NFC' }] as const;

const jasypt = JASYPT.map(([name, digest, saltLength, iterations]) =>
  format({
    name,
    pattern: /^[A-Za-z0-9+/]+={0,2}$/,
    read([text], { setting }) {
      const saltEnd = integer(setting('saltSizeBytes') ?? String(saltLength));
      const bytes = decoded(text, saltEnd + DIGEST_BYTES[digest]);
      return digestHash(
        digest,
        { salt: bytes?.subarray(0, saltEnd), digest: bytes?.subarray(saltEnd), preparation: NFC },
        { iterations: integer(setting('iterations') ?? String(iterations)) },
      );
    },
  }),
);

/** The RFC 2307 encryptors: `{SSHA}` and its like, one pass, the salt behind. */
const rfc2307 = (
  [
    ['ssha', 'sha1'],
    ['sha', 'sha1'],
    ['smd5', 'md5'],
    ['md5', 'md5'],
  ] as const
).map(([scheme, digest]) =>
  format({
    name: `jasypt-rfc2307-${scheme}`,
    pattern: new RegExp(`^\\{${scheme}\\}([A-Za-z0-9+/]+={0,2})$`, 'i'),
    read([, text]) {
      const bytes = base64(text);
      const length = DIGEST_BYTES[digest];
      const isSalted = scheme.startsWith('s') && scheme !== 'sha';
      if (!bytes || bytes.length > length !== isSalted) return refuse('malformed');
      return digestHash(
        digest,
        { salt: bytes.subarray(length), digest: bytes.subarray(0, length), preparation: NFC },
        { salt: 'suffix' },
      );
    },
  }),
);

/** lambdaworks: log2 N, r and p in one hexadecimal number. */
const lambdaworks = format({
  name: 'lambdaworks-scrypt',
  pattern: /^\$s0\$([0-9a-f]{1,8})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/,
  mark: true,
  read([, costs = '', salt, key]) {
    const number = Number.parseInt(costs, 16);
    const [n, r, p] = [2 ** (number >>> 16), (number >>> 8) & 255, number & 255];
    return parseScrypt(n, [String(r), String(p)], { salt: base64(salt), digest: base64(key) });
  },
});

export const javaFormats = [
  lambdaworks,
  ...shiro1,
  ...shiro2,
  anyOf('shiro', [...shiro1, ...shiro2]),
  ...columns,
  ...jasypt,
  ...rfc2307,
];
