import { argon2d, argon2i, argon2id, hash } from 'argon2';
import type { Algorithm } from '../algorithm.ts';

export interface Argon2Parameters {
  readonly variant: 'id' | 'i' | 'd';
  /** 0x13 (19), or 0x10 (16) of before 2015. */
  readonly version: number;
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

const TYPES = { id: argon2id, i: argon2i, d: argon2d } as const;

/** Up to here twice the lanes are allowed: the threads are short-lived. */
const SMALL_MEMORY_KIB = 65_536;
const MIN_SALT_BYTES = 8;

/** Argon2 (RFC 9106). */
export const argon2Algorithm: Algorithm<Argon2Parameters> = {
  label: ({ variant }) => `argon2${variant}`,
  usesThreadPool: true,
  threads: ({ lanes }) => lanes,
  runsAside: true,
  admits({ parameters: { version, memoryKib, passes, lanes }, salt }, caps) {
    const maxLanes = memoryKib <= SMALL_MEMORY_KIB ? caps.argon2Lanes * 2 : caps.argon2Lanes;
    return (
      (version === 0x13 || version === 0x10) &&
      lanes >= 1 &&
      lanes <= maxLanes &&
      memoryKib >= 8 * lanes &&
      memoryKib <= caps.argon2MemoryKib &&
      passes >= 1 &&
      passes <= caps.argon2Passes &&
      salt.length >= MIN_SALT_BYTES
    );
  },
  derive(password, { parameters, salt, digest }) {
    return hash(password, {
      raw: true,
      type: TYPES[parameters.variant],
      version: parameters.version,
      memoryCost: parameters.memoryKib,
      timeCost: parameters.passes,
      parallelism: parameters.lanes,
      salt: Buffer.from(salt),
      hashLength: digest.length,
    });
  },
};
