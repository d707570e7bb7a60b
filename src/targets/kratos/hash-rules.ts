/**
 * What Kratos would say of a hash (`hash_comparator.go`, `hash_limits.go`), said before it is asked: one that it does not
 * know refuses everybody in the call, and one that it takes and cannot read lets the person in with no password.
 */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import type { ParsedHash } from '../../credentials/hash.ts';
import { readBack } from '../../credentials/read-back.ts';
import { isRefusal } from '../../credentials/reasons.ts';
import type { TargetUser } from '../connection.ts';

/** `supportedHashers`, without what our readers do not read. */
const KNOWN =
  /^\$(?:2[aby]|argon2id?|pbkdf2-sha(?:1|256|512)|scrypt|firescrypt|(?:md5|sha256|sha512)-crypt|md5|sha(?:1|256|512)|hmac-(?:md5|sha(?:1|224|256|384|512)))\$/;

const MAX_BCRYPT_COST = 15;
const MAX_ARGON2 = { memoryKib: 1_048_576, passes: 10, lanes: 16 } as const;
const MAX_PBKDF2_ITERATIONS = 10_000_000;
const MAX_SCRYPT = { log2N: 17, blockSize: 8, parallelism: 10 } as const;

export interface HashProblem {
  readonly code: string;
  readonly sentence: string;
}

/** Undefined: Kratos takes it and can verify with it. */
export function hashProblem(
  { encoded, format }: NonNullable<TargetUser['password']>,
  accepts: readonly AcceptedFormat[],
): HashProblem | undefined {
  const accepted = accepts.find(({ write }) => write === format);
  if (!accepted || typeof encoded !== 'string' || !KNOWN.test(encoded)) {
    return { code: 'password-format', sentence: `Kratos cannot verify a password written as ${format}.` };
  }
  const hash = readBack(accepted, encoded);
  if (isRefusal(hash)) {
    return { code: 'password-hash-malformed', sentence: 'Kratos could not read this hash.' };
  }
  if (isWithin(hash)) return undefined;
  return { code: 'password-hash-bounds', sentence: 'Kratos takes no hash that costs this much to compute.' };
}

function isWithin(hash: ParsedHash): boolean {
  switch (hash.algorithm) {
    case 'bcrypt':
      return hash.parameters.cost <= MAX_BCRYPT_COST;
    case 'argon2': {
      const { memoryKib, passes, lanes } = hash.parameters;
      const isSmall = memoryKib <= MAX_ARGON2.memoryKib && passes <= MAX_ARGON2.passes;
      return isSmall && lanes <= MAX_ARGON2.lanes && memoryKib * passes * lanes > 0;
    }
    case 'pbkdf2': {
      const { iterations } = hash.parameters;
      return iterations > 0 && iterations <= MAX_PBKDF2_ITERATIONS;
    }
    case 'scrypt': {
      const { log2N, blockSize, parallelism } = hash.parameters;
      const isSmall = log2N <= MAX_SCRYPT.log2N && blockSize <= MAX_SCRYPT.blockSize;
      return isSmall && parallelism <= MAX_SCRYPT.parallelism;
    }
    case 'firebase-scrypt': {
      const { log2N, blockSize } = hash.parameters;
      return log2N <= MAX_SCRYPT.log2N && blockSize <= MAX_SCRYPT.blockSize;
    }
    default:
      return true;
  }
}
