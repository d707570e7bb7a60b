/** PBKDF2 and scrypt, in the spellings of frameworks and directories. */
import { randomBytes } from 'node:crypto';
import { toAdaptedBase64, unpaddedBase64 } from './encoding.ts';
import type { HashOf } from './hash.ts';
import type { Shape } from './store-hash-fresh.ts';
import { fixedPbkdf2, freshPbkdf2, freshScrypt, ofAlgorithm, textSalt } from './store-hash-fresh.ts';
import type { Layout, Names } from './store-hash-layout.ts';
import { ANY, asWritten, beginning } from './store-hash-layout.ts';
import { LAYOUT_NAMES as NAMES } from './store-hash-names.ts';

type Pbkdf2Text = (hash: HashOf<'pbkdf2'>, salt: Buffer, key: Buffer) => string;

/** PBKDF2 of one digest, in any spelling. */
export function pbkdf2(
  digest: 'sha1' | 'sha256' | 'sha512',
  { name, mark, shape, text }: { name: string; mark: RegExp; shape: () => Shape; text: Pbkdf2Text },
  names: Names = {},
): Layout {
  return {
    name,
    mark,
    ...names,
    fresh: (kept) => freshPbkdf2(kept, digest, shape()),
    write(hash) {
      const known = ofAlgorithm(hash, 'pbkdf2');
      if (known?.parameters.digest !== digest) return undefined;
      return text(known, Buffer.from(known.salt), Buffer.from(known.digest));
    },
  };
}

export const bytes16 = (): Shape => ({ salt: randomBytes(16) });

export const django = (['sha256', 'sha1'] as const).map((digest) =>
  pbkdf2(digest, {
    name: `pbkdf2_${digest}$`,
    mark: beginning(`pbkdf2_${digest}$`),
    shape: () => ({ salt: textSalt(22) }),
    text: ({ parameters }, salt, key) =>
      `pbkdf2_${digest}$${parameters.iterations}$${salt}$${key.toString('base64')}`,
  }),
);

export const werkzeug = (['sha256', 'sha512', 'sha1'] as const).map((digest) =>
  pbkdf2(
    digest,
    {
      name: `pbkdf2:${digest}:`,
      mark: beginning(`pbkdf2:${digest}:`),
      shape: () => ({ salt: textSalt(16) }),
      text: ({ parameters }, salt, key) =>
        `pbkdf2:${digest}:${parameters.iterations}$${salt}$${key.toString('hex')}`,
    },
    { hint: NAMES[digest] },
  ),
);

export const passlib = (['sha256', 'sha512', 'sha1'] as const).map((digest) =>
  pbkdf2(
    digest,
    {
      name: digest === 'sha1' ? '$pbkdf2$' : `$pbkdf2-${digest}$`,
      mark: digest === 'sha1' ? /^\$pbkdf2\$\d+\$/ : new RegExp(`^\\$pbkdf2-${digest}\\$\\d+\\$`),
      shape: bytes16,
      text: (hash) => asWritten(hash, { write: 'pbkdf2-passlib', digests: [digest], iterations: ANY }) ?? '',
    },
    { hint: NAMES[digest] },
  ),
);

/** OpenLDAP's pw-pbkdf2. 389 Directory Server writes plain base64 under the same names: that is left to itself. */
export const ldapPbkdf2 = (['sha256', 'sha512', 'sha1'] as const).map((digest) =>
  pbkdf2(
    digest,
    {
      name: `{PBKDF2-${digest.toUpperCase()}}`,
      mark: new RegExp(`^\\{PBKDF2-${digest.toUpperCase()}\\}\\d+\\$[\\w./]+\\$[\\w./]+$`, 'i'),
      shape: bytes16,
      text: ({ parameters }, salt, key) =>
        `{PBKDF2-${digest.toUpperCase()}}${parameters.iterations}$${toAdaptedBase64(salt)}$${toAdaptedBase64(key)}`,
    },
    { formats: NAMES.openldap, hint: new RegExp(`pbkdf2[-_]${digest}`) },
  ),
);

/** Iterations and salt of the encoder's version, all in hex. */
export const springPbkdf2 = (
  [
    ['{pbkdf2@SpringSecurity_v5_8}', 'sha256', 310_000, 16],
    ['{pbkdf2}', 'sha1', 185_000, 8],
  ] as const
).map(
  ([prefix, digest, iterations, saltBytes]): Layout => ({
    name: prefix,
    mark: beginning(prefix),
    formats: NAMES.spring,
    fresh: () => fixedPbkdf2(digest, iterations, { salt: randomBytes(saltBytes), keyBytes: 32 }),
    write: (hash) =>
      hash.algorithm === 'pbkdf2'
        ? prefix + Buffer.concat([hash.salt, hash.digest]).toString('hex')
        : undefined,
  }),
);

interface ScryptText {
  readonly name: string;
  readonly shape: () => Shape;
  readonly text: (costs: HashOf<'scrypt'>['parameters'], salt: Buffer, key: Buffer) => string | undefined;
  /** Where the format fixes them. */
  readonly costs?: HashOf<'scrypt'>['parameters'];
}

function scrypt({ name, shape, text, costs }: ScryptText, names: Names = {}): Layout {
  return {
    name,
    mark: beginning(name),
    hint: NAMES.scrypt,
    ...names,
    fresh: (kept) => freshScrypt(costs ? undefined : kept, shape(), costs),
    write: (hash) =>
      hash.algorithm === 'scrypt'
        ? text(hash.parameters, Buffer.from(hash.salt), Buffer.from(hash.digest))
        : undefined,
  };
}

export const springScrypt = ['{scrypt@SpringSecurity_v5_8}', '{scrypt}'].map((prefix) =>
  scrypt(
    {
      name: `${prefix}$`,
      shape: bytes16,
      // 16, 8 and 8 bits in hex.
      text: ({ log2N, blockSize, parallelism }, salt, key) =>
        blockSize < 256 && parallelism < 256
          ? `${prefix}$${(log2N * 65_536 + blockSize * 256 + parallelism).toString(16)}$${salt.toString('base64')}$${key.toString('base64')}`
          : undefined,
    },
    { formats: prefix === '{scrypt}' ? NAMES.spring : NAMES.spring58 },
  ),
);

export const scrypts = [
  scrypt({
    name: 'scrypt$',
    shape: () => ({ salt: textSalt(22), keyBytes: 64 }),
    text: ({ log2N, blockSize, parallelism }, salt, key) =>
      `scrypt$${2 ** log2N}$${salt}$${blockSize}$${parallelism}$${key.toString('base64')}`,
  }),
  scrypt({
    name: 'scrypt:',
    shape: () => ({ salt: textSalt(16), keyBytes: 64 }),
    text: ({ log2N, blockSize, parallelism }, salt, key) =>
      `scrypt:${2 ** log2N}:${blockSize}:${parallelism}$${salt}$${key.toString('hex')}`,
  }),
  scrypt({
    name: '$scrypt$ln=',
    shape: bytes16,
    text: ({ log2N, blockSize, parallelism }, salt, key) =>
      `$scrypt$ln=${log2N},r=${blockSize},p=${parallelism}$${[salt, key].map(unpaddedBase64).join('$')}`,
  }),
  scrypt(
    {
      name: 'better-auth',
      shape: () => ({ salt: Buffer.from(randomBytes(16).toString('hex'), 'ascii'), keyBytes: 64 }),
      text: (_, salt, key) => `${salt}:${key.toString('hex')}`,
      costs: { log2N: 14, blockSize: 16, parallelism: 1 },
    },
    { formats: NAMES.betterAuth },
  ),
];
