/**
 * What a target reads, with its bounds. A target lists these in the order it prefers them; translation is then
 * parsing with one format and writing the first of these that fits.
 */
import type { DigestName } from './algorithm.ts';

/** Both ends included. */
export type Bounds = readonly [min: number, max: number];

/** Characters that the target stores at most. */
interface Limited {
  readonly maxLength?: number;
}

/** `$2a$`, `$2b$` or `$2y$`, as stored. */
interface AcceptedBcrypt extends Limited {
  readonly write: 'bcrypt';
  readonly cost: Bounds;
}

/** `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, in this order. */
interface AcceptedArgon2 extends Limited {
  readonly write: 'argon2';
  readonly variants: readonly ('id' | 'i' | 'd')[];
  readonly memoryKiB: Bounds;
  readonly passes: Bounds;
  readonly lanes: Bounds;
}

/**
 * `$pbkdf2-sha256$iterations$salt$key` in adapted base64; SHA-1 is a bare `$pbkdf2$`. A key that makes it too long is
 * cut to the digest's size: PBKDF2's output is the same however much of it is kept.
 */
interface AcceptedPbkdf2 extends Limited {
  readonly write: 'pbkdf2-passlib';
  readonly digests: readonly DigestName[];
  readonly iterations: Bounds;
}

/** `$scrypt$ln=…,r=…,p=…$salt$key`, where `ln` is log2 of N. A key that makes it too long is cut as well. */
interface AcceptedScrypt extends Limited {
  readonly write: 'scrypt-passwap';
  readonly log2N: Bounds;
  readonly blockSize: Bounds;
  readonly parallelism: Bounds;
}

/** `$P$` or `$H$`, as stored. */
interface AcceptedPhpass extends Limited {
  readonly write: 'phpass';
  readonly log2Rounds: Bounds;
}

interface AcceptedRounds extends Limited {
  readonly write: 'drupal7' | 'sha256crypt' | 'sha512crypt';
  readonly rounds: Bounds;
}

/**
 * `md5plain`: hex in small letters. `md5salted-…`: `$md5salted-prefix$salt$hash`, a text salt without `$` and white
 * space, the hash in padded base64.
 */
interface AcceptedMd5 extends Limited {
  readonly write: 'md5crypt' | 'md5plain' | 'md5salted-prefix' | 'md5salted-suffix';
}

export type AcceptedFormat =
  | AcceptedBcrypt
  | AcceptedArgon2
  | AcceptedPbkdf2
  | AcceptedScrypt
  | AcceptedPhpass
  | AcceptedRounds
  | AcceptedMd5;
