/**
 * What a target reads, with its bounds. A target lists these in the order it prefers them; translation is then
 * parsing with one format and writing the first of these that fits.
 *
 * A new kind is a member here, a writer in `writers/`, a reader in `readers/` that reads back what was written, a
 * variant in the settings of targets, and a known answer.
 */
import type { DigestName } from './algorithm.ts';

/** Both ends included. */
export type Bounds = readonly [min: number, max: number];

/** Characters that the target stores at most. */
interface Limited {
  readonly maxLength?: number;
}

/**
 * `bcrypt`: `$2a$`, `$2b$` or `$2y$`, as stored. Auth0: `password_hash` or `custom_password_hash`. cidaas: the cost
 * stands in the algorithm's name.
 */
interface AcceptedBcrypt extends Limited {
  readonly write: 'bcrypt' | 'bcrypt-auth0' | 'bcrypt-cidaas';
  readonly cost: Bounds;
  /** Longer passwords are refused at login; left out where the target ignores what is beyond 72 bytes. */
  readonly maxPasswordBytes?: number;
}

/** `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, in this order; Keycloak has documents instead. */
interface AcceptedArgon2 extends Limited {
  readonly write: 'argon2' | 'argon2-keycloak' | 'argon2-auth0' | 'argon2-cidaas';
  readonly variants: readonly ('id' | 'i' | 'd')[];
  readonly memoryKiB: Bounds;
  readonly passes: Bounds;
  readonly lanes: Bounds;
}

/**
 * `pbkdf2-passlib`: `$pbkdf2-sha256$iterations$salt$key` in adapted base64, where SHA-1 is a bare `$pbkdf2$`.
 * `pbkdf2-kratos`: `$pbkdf2-sha256$i=…,l=…$salt$key` in base64 without padding, also inside Auth0's document.
 * A key that makes it too long is cut to the digest's size: PBKDF2's output is the same however much of it is kept.
 */
interface AcceptedPbkdf2 extends Limited {
  readonly write: 'pbkdf2-passlib' | 'pbkdf2-kratos' | 'pbkdf2-keycloak' | 'pbkdf2-auth0';
  readonly digests: readonly DigestName[];
  readonly iterations: Bounds;
}

/** cidaas does not say which digest its PBKDF2 has: nothing is written until somebody has tried and says so. */
interface AcceptedPbkdf2Cidaas extends Limited {
  readonly write: 'pbkdf2-cidaas';
  readonly digest?: DigestName;
  readonly iterations: Bounds;
}

/**
 * `scrypt-passwap`: `$scrypt$ln=…,r=…,p=…$salt$key`, where `ln` is log2 of N; `scrypt-kratos`: the same with N itself
 * and padding. A key that makes it too long is cut as well.
 */
interface AcceptedScrypt extends Limited {
  readonly write: 'scrypt-passwap' | 'scrypt-kratos' | 'scrypt-auth0';
  readonly log2N: Bounds;
  readonly blockSize: Bounds;
  readonly parallelism: Bounds;
}

/** `$firescrypt$ln=…,r=…,p=1$salt$hash$separator$signer key`. */
interface AcceptedFirebase extends Limited {
  readonly write: 'firebase-kratos';
  readonly log2N: Bounds;
  readonly blockSize: Bounds;
}

/** `$P$` or `$H$`, as stored. */
interface AcceptedPhpass extends Limited {
  readonly write: 'phpass';
  readonly log2Rounds: Bounds;
}

/** Kratos writes `$sha256-crypt$` where crypt(3) has `$5$`, and `$sha512-crypt$` for `$6$`. */
interface AcceptedRounds extends Limited {
  readonly write: 'drupal7' | 'sha256crypt' | 'sha512crypt' | 'sha256crypt-kratos' | 'sha512crypt-kratos';
  readonly rounds: Bounds;
}

/**
 * `md5plain`: hex in small letters. `md5salted-…`: `$md5salted-prefix$salt$hash`, a text salt without `$` and white
 * space, the hash in padded base64. `md5crypt-kratos`: `$md5-crypt$` for `$1$`.
 */
interface AcceptedMd5 extends Limited {
  readonly write: 'md5crypt' | 'md5crypt-kratos' | 'md5plain' | 'md5salted-prefix' | 'md5salted-suffix';
}

/**
 * A single pass over salt and password. Kratos: `$sha256$pf=template$salt$hash`, any order and fixed text between.
 * Auth0: the salt on one side. cidaas: no salt.
 */
interface AcceptedDigest extends Limited {
  readonly write: 'digest-kratos' | 'digest-auth0' | 'digest-cidaas';
  readonly digests: readonly DigestName[];
}

/** An HMAC over the password. Kratos: `$hmac-sha256$hash$key`. */
interface AcceptedHmac extends Limited {
  readonly write: 'hmac-kratos' | 'hmac-auth0' | 'hmac-cidaas';
  readonly digests: readonly DigestName[];
}

export type AcceptedFormat =
  | AcceptedBcrypt
  | AcceptedArgon2
  | AcceptedPbkdf2
  | AcceptedPbkdf2Cidaas
  | AcceptedScrypt
  | AcceptedFirebase
  | AcceptedPhpass
  | AcceptedRounds
  | AcceptedMd5
  | AcceptedDigest
  | AcceptedHmac;

export type WriteName = AcceptedFormat['write'];

/** The accepted format that names this kind. */
export type Accepted<W extends WriteName, F = AcceptedFormat> = F extends { readonly write: infer N }
  ? W extends N
    ? F & { readonly write: W }
    : never
  : never;
