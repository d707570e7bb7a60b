/**
 * An algorithm only derives: bytes in, bytes out. It knows nothing of how a hash is written.
 *
 * A new one is a file in `algorithms/` and a line in its `index.ts`. Parameters must be plain data (they travel to
 * a worker), and `admits` must refuse whatever could take more time or memory than the caps allow.
 */
import type { Caps } from './password-settings.ts';

export type DigestName = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

export const DIGEST_BYTES: Readonly<Record<DigestName, number>> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** What an algorithm works on besides the password. Crypt-style salts and digests are kept as their text. */
export interface Derivation<P> {
  readonly parameters: P;
  readonly salt: Uint8Array;
  /** What the store holds; only its length may matter to `derive`. */
  readonly digest: Uint8Array;
}

export interface Algorithm<P> {
  /** The name shown and counted by: few distinct values, no costs in it. */
  label(parameters: P): string;
  /** Whether it may be computed at all. Decided before any work. */
  admits(derivation: Derivation<P>, caps: Caps): boolean;
  /** Runs in a worker, but see `runsAside`. Throws where the primitive refuses the parameters. */
  derive(password: Buffer, derivation: Derivation<P>): Uint8Array | Promise<Uint8Array>;
  /** Shortest digest that proves anything; 16 bytes unless the algorithm is shorter by nature. */
  readonly minDigestBytes?: number;
  /** Computed on libuv's threads, which DNS and files need as well: the pool keeps some free. */
  readonly usesThreadPool?: boolean | ((parameters: P) => boolean);
  /** How many threads compute one hash at once; one unless said. */
  threads?(parameters: P): number;
  /** All of it is: it needs no worker to be away from the event loop. */
  readonly runsAside?: boolean;
  /** The stored value can be turned back into the password. */
  readonly recoverable?: boolean;
  /** The password itself, where that needs nothing but what is stored. Throws where it was not made by this key. */
  recover?(derivation: Derivation<P>): Buffer;
}
