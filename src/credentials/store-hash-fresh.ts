/**
 * Hashes to be derived, for a legacy store: a new salt, and costs as the store has them. Where those are below the least of
 * the OWASP Password Storage Cheat Sheet, or unknown, it is given what that suggests.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { DigestName } from './algorithm.ts';
import { DIGEST_BYTES } from './algorithm.ts';
import type { Argon2Parameters } from './algorithms/argon2.ts';
import type { BcryptParameters } from './algorithms/bcrypt.ts';
import { cryptBase64 } from './encoding.ts';
import { ARGON2, BCRYPT_COST, bcryptSalt, PBKDF2_ITERATIONS, SCRYPT } from './fresh-hash.ts';
import type { AlgorithmName, HashOf, ParametersOf, ParsedHash } from './hash.ts';

/** What the store has of somebody, if that is of the same algorithm. */
export function ofAlgorithm<N extends AlgorithmName>(
  kept: ParsedHash | undefined,
  algorithm: N,
): HashOf<N> | undefined {
  return kept?.algorithm === algorithm ? (kept as HashOf<N>) : undefined;
}

function made<N extends AlgorithmName>(
  algorithm: N,
  parameters: ParametersOf<N>,
  parts: { readonly salt: Uint8Array; readonly digest: Uint8Array },
): ParsedHash {
  return { algorithm, parameters, ...parts, preparation: [] } as unknown as ParsedHash;
}

/** A digest of text, of which only the length counts before it is derived. */
const characters = (length: number) => Buffer.alloc(length, '.');

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** A salt that is text: 22 characters are 130 bits. */
export const textSalt = (length: number): Buffer =>
  Buffer.from(
    Array.from({ length }, () => ALPHANUMERIC.charAt(randomInt(ALPHANUMERIC.length))).join(''),
    'ascii',
  );
/** As many characters of crypt(3)'s alphabet. */
const cryptSalt = (length: number): Buffer =>
  Buffer.from(cryptBase64(randomBytes(length)).slice(0, length), 'ascii');

const LEAST_BCRYPT_COST = 10;

export function freshBcrypt(kept: ParsedHash | undefined, variant: BcryptParameters['variant']): ParsedHash {
  const { cost = 0 } = ofAlgorithm(kept, 'bcrypt')?.parameters ?? {};
  const parameters = { variant, cost: cost >= LEAST_BCRYPT_COST ? cost : BCRYPT_COST };
  return made('bcrypt', parameters, { salt: bcryptSalt(randomBytes(16)), digest: characters(31) });
}

/** What the sheet takes for as good: from 7 MiB with five passes to 46 MiB with one. */
const LEAST_ARGON2_KIB = 7_168;
const LEAST_ARGON2_WALK_KIB = 35_840;

export function freshArgon2(
  kept: ParsedHash | undefined,
  variant: Argon2Parameters['variant'] = 'id',
): ParsedHash {
  const known = ofAlgorithm(kept, 'argon2');
  const { memoryKib = 0, passes = 0 } = known?.parameters ?? {};
  const isEnough = memoryKib >= LEAST_ARGON2_KIB && memoryKib * passes >= LEAST_ARGON2_WALK_KIB;
  const costs = known && isEnough ? known.parameters : ARGON2;
  const parameters = { ...costs, variant: known?.parameters.variant ?? variant, version: 0x13 };
  return made('argon2', parameters, { salt: randomBytes(16), digest: Buffer.alloc(32) });
}

/** A salt, and how long a key, unless the digest's size. */
export interface Shape {
  readonly salt: Buffer;
  readonly keyBytes?: number;
}

export function freshPbkdf2(
  kept: ParsedHash | undefined,
  digest: 'sha1' | 'sha256' | 'sha512',
  { salt, keyBytes = DIGEST_BYTES[digest] }: Shape,
): ParsedHash {
  const known = ofAlgorithm(kept, 'pbkdf2')?.parameters;
  const least = PBKDF2_ITERATIONS[digest];
  const iterations = known?.digest === digest ? Math.max(known.iterations, least) : least;
  return made('pbkdf2', { digest, iterations }, { salt, digest: Buffer.alloc(keyBytes) });
}

/** Iterations that the format fixes. */
export const fixedPbkdf2 = (
  digest: DigestName,
  iterations: number,
  { salt, keyBytes = DIGEST_BYTES[digest] }: Shape,
): ParsedHash => made('pbkdf2', { digest, iterations }, { salt, digest: Buffer.alloc(keyBytes) });

export function freshScrypt(
  kept: ParsedHash | undefined,
  { salt, keyBytes = 32 }: Shape,
  least = SCRYPT,
): ParsedHash {
  const known = ofAlgorithm(kept, 'scrypt')?.parameters;
  const work = ({ log2N, blockSize, parallelism }: typeof SCRYPT) => 2 ** log2N * blockSize * parallelism;
  const isEnough = known && known.log2N >= 13 && work(known) >= work(SCRYPT);
  return made('scrypt', isEnough ? known : least, { salt, digest: Buffer.alloc(keyBytes) });
}

/** libxcrypt's own default, `$y$j9T$`. */
const YESCRYPT = { log2N: 12, blockSize: 32, parallelism: 1, time: 0 };

export function freshYescrypt(kept: ParsedHash | undefined): ParsedHash {
  const known = ofAlgorithm(kept, 'yescrypt')?.parameters;
  const isEnough =
    known &&
    2 ** known.log2N * known.blockSize >= 2 ** YESCRYPT.log2N * YESCRYPT.blockSize &&
    known.parallelism === 1 &&
    known.time === 0;
  const parts = { salt: randomBytes(16), digest: Buffer.alloc(32) };
  return made('yescrypt', isEnough ? known : YESCRYPT, parts);
}

/** crypt(3)'s default is 5,000, which a graphics card does in no time. */
const SHA_CRYPT_ROUNDS = 100_000;
const LEAST_SHA_CRYPT_ROUNDS = 5_000;

export function freshShaCrypt(kept: ParsedHash | undefined, digest: 'sha256' | 'sha512'): ParsedHash {
  const known = ofAlgorithm(kept, 'sha-crypt')?.parameters;
  const costs =
    known && known.rounds >= LEAST_SHA_CRYPT_ROUNDS
      ? { rounds: known.rounds, saysRounds: known.saysRounds }
      : { rounds: SHA_CRYPT_ROUNDS, saysRounds: true };
  const length = digest === 'sha256' ? 43 : 86;
  return made('sha-crypt', { digest, ...costs }, { salt: cryptSalt(16), digest: characters(length) });
}

/** What WordPress and Drupal 7 write themselves. */
const PHPASS_LOG2_ROUNDS = 13;
const DRUPAL7_LOG2_ROUNDS = 15;

export function freshPhpass(kept: ParsedHash | undefined, prefix: 'P' | 'H'): ParsedHash {
  const { log2Rounds = 0 } = ofAlgorithm(kept, 'phpass')?.parameters ?? {};
  const parameters = { prefix, log2Rounds: Math.max(log2Rounds, PHPASS_LOG2_ROUNDS) };
  return made('phpass', parameters, { salt: cryptSalt(8), digest: characters(22) });
}

export function freshDrupal7(kept: ParsedHash | undefined): ParsedHash {
  const { log2Rounds = 0 } = ofAlgorithm(kept, 'drupal7')?.parameters ?? {};
  const parameters = { log2Rounds: Math.max(log2Rounds, DRUPAL7_LOG2_ROUNDS) };
  return made('drupal7', parameters, { salt: cryptSalt(8), digest: characters(43) });
}

/** A directory's salted digest, `password ‖ salt`. Eight bytes of salt: all servers write no more. */
export const freshSalted = (digest: DigestName): ParsedHash =>
  made(
    'digest',
    {
      digest,
      message: ['password', 'salt'],
      iterations: 1,
      feedback: 'raw',
      repeatsMessage: false,
      initial: new Uint8Array(),
    },
    { salt: randomBytes(8), digest: Buffer.alloc(DIGEST_BYTES[digest]) },
  );
