/** bcrypt, Argon2 and what else crypt(3) and its kin write, bare or behind somebody's prefix. */
import { cryptBase64, cryptCharacter } from './encoding.ts';
import type { ParsedHash } from './hash.ts';
import {
  freshArgon2,
  freshBcrypt,
  freshDrupal7,
  freshPhpass,
  freshShaCrypt,
  freshYescrypt,
  ofAlgorithm,
} from './store-hash-fresh.ts';
import type { Layout, Names } from './store-hash-layout.ts';
import { ANY, after, asWritten, beginning } from './store-hash-layout.ts';
import { bcryptVariantFor, LAYOUT_NAMES as NAMES } from './store-hash-names.ts';

export function bcrypt(prefix: string, names: Names = {}): Layout {
  return {
    name: `${prefix}$2`,
    mark: beginning(...['2a', '2b', '2y'].map((variant) => `${prefix}$${variant}$`)),
    hint: NAMES.bcrypt,
    ...names,
    fresh: (kept, wish) => freshBcrypt(kept, bcryptVariantFor(wish, ofAlgorithm(kept, 'bcrypt'))),
    write: (hash) => after(prefix, asWritten(hash, { write: 'bcrypt', cost: ANY })),
  };
}

export const ANY_ARGON2 = { variants: ['id', 'i', 'd'], memoryKiB: ANY, passes: ANY, lanes: ANY } as const;

export function argon2(prefix: string, names: Names = {}): Layout {
  return {
    name: `${prefix}$argon2`,
    mark: beginning(`${prefix}$argon2`),
    hint: NAMES.argon2,
    ...names,
    fresh: (kept, { format }) => freshArgon2(kept, NAMES.argon2i.test(format) ? 'i' : 'id'),
    write: (hash) => after(prefix, asWritten(hash, { write: 'argon2', ...ANY_ARGON2 })),
  };
}

export function shaCrypt(digest: 'sha256' | 'sha512', prefix: string, names: Names = {}): Layout {
  const [id, write] = digest === 'sha256' ? (['5', 'sha256crypt'] as const) : (['6', 'sha512crypt'] as const);
  return {
    name: `${prefix}$${id}$`,
    mark: beginning(`${prefix}$${id}$`),
    hint: NAMES[digest],
    ...names,
    fresh: (kept) => freshShaCrypt(sameDigest(kept, digest), digest),
    write: (hash) => after(prefix, asWritten(hash, { write, rounds: ANY })),
  };
}

const sameDigest = (kept: ParsedHash | undefined, digest: 'sha256' | 'sha512') =>
  ofAlgorithm(kept, 'sha-crypt')?.parameters.digest === digest ? kept : undefined;

/** One character each: more than 47 would take two, which nobody sets up. */
const ONE_CHARACTER = 47;
const YESCRYPT_DEFAULTS = 47;

export function yescrypt(prefix: string, names: Names = {}): Layout {
  return {
    name: `${prefix}$y$`,
    mark: beginning(`${prefix}$y$`),
    hint: NAMES.yescrypt,
    ...names,
    fresh: freshYescrypt,
    write(hash) {
      if (hash.algorithm !== 'yescrypt') return undefined;
      const { log2N, blockSize, parallelism, time } = hash.parameters;
      if (blockSize > ONE_CHARACTER || parallelism !== 1 || time !== 0) return undefined;
      const costs = [YESCRYPT_DEFAULTS, log2N - 1, blockSize - 1].map(cryptCharacter).join('');
      return `${prefix}$y$${costs}$${cryptBase64(hash.salt)}$${cryptBase64(hash.digest)}`;
    },
  };
}

export const phpass = (['P', 'H'] as const).map(
  (prefix): Layout => ({
    name: `$${prefix}$`,
    mark: beginning(`$${prefix}$`),
    hint: prefix === 'P' ? NAMES.phpass : NAMES.phpassH,
    fresh: (kept) => freshPhpass(kept, prefix),
    write: (hash) => asWritten(hash, { write: 'phpass', log2Rounds: ANY }),
  }),
);

export const drupal7: Layout = {
  name: '$S$',
  mark: beginning('$S$'),
  hint: NAMES.drupal7,
  fresh: freshDrupal7,
  write: (hash) => asWritten(hash, { write: 'drupal7', rounds: ANY }),
};
