/**
 * A hash made here, from a password that was seen or recovered: where the target computes nothing that the store has.
 * Costs are those of the OWASP Password Storage Cheat Sheet, moved into the target's bounds.
 */
import { randomBytes } from 'node:crypto';
import type { AcceptedFormat, Bounds } from './accepted-format.ts';
import { DIGEST_BYTES } from './algorithm.ts';
import { cryptBase64 } from './encoding.ts';
import type { ParsedHash } from './hash.ts';
import { hashOf } from './hash.ts';
import { isRefusal } from './reasons.ts';
import { translateHash } from './translation.ts';

const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** bcrypt ignores what is beyond, and some refuse it. */
const BCRYPT_BYTES = 72;
export const BCRYPT_COST = 12;
export const ARGON2 = { memoryKib: 19_456, passes: 2, lanes: 1 };
export const SCRYPT = { log2N: 15, blockSize: 8, parallelism: 3 };
export const PBKDF2_ITERATIONS = { sha512: 210_000, sha256: 600_000, sha1: 1_300_000 };

const moved = (value: number, [min, max]: Bounds) => Math.min(Math.max(value, min), max);

/** With a fresh salt; the digest, of the right length, is still to be derived. Undefined where this format is none for it. */
function templateFor(accepted: AcceptedFormat, passwordBytes: number): ParsedHash | undefined {
  const salt = randomBytes(SALT_BYTES);
  const digest = Buffer.alloc(KEY_BYTES);
  const made = (() => {
    if ('cost' in accepted) {
      if (passwordBytes > BCRYPT_BYTES) return undefined;
      const parameters = { variant: '2b', cost: moved(BCRYPT_COST, accepted.cost) } as const;
      return hashOf('bcrypt', parameters, { salt: bcryptSalt(salt), digest: Buffer.alloc(31, '.') });
    }
    if ('variants' in accepted) {
      if (!accepted.variants.includes('id')) return undefined;
      const { memoryKiB, passes, lanes } = accepted;
      const parameters = {
        variant: 'id',
        version: 0x13,
        memoryKib: moved(ARGON2.memoryKib, memoryKiB),
        passes: moved(ARGON2.passes, passes),
        lanes: moved(ARGON2.lanes, lanes),
      } as const;
      return hashOf('argon2', parameters, { salt, digest });
    }
    if ('log2N' in accepted && 'parallelism' in accepted) {
      const parameters = {
        log2N: moved(SCRYPT.log2N, accepted.log2N),
        blockSize: moved(SCRYPT.blockSize, accepted.blockSize),
        parallelism: moved(SCRYPT.parallelism, accepted.parallelism),
      };
      return hashOf('scrypt', parameters, { salt, digest });
    }
    if ('digests' in accepted && 'iterations' in accepted) {
      const name = (['sha512', 'sha256', 'sha1'] as const).find((known) => accepted.digests.includes(known));
      if (!name) return undefined;
      const iterations = moved(PBKDF2_ITERATIONS[name], accepted.iterations);
      return hashOf(
        'pbkdf2',
        { digest: name, iterations },
        { salt, digest: Buffer.alloc(DIGEST_BYTES[name]) },
      );
    }
    return undefined;
  })();
  return made && !isRefusal(made) ? made : undefined;
}

/** 22 characters of bcrypt's alphabet, which is crypt(3)'s: the last holds two bits. */
export function bcryptSalt(bytes: Buffer): Buffer {
  return Buffer.from(`${cryptBase64(bytes).slice(0, 21)}.`, 'ascii');
}

/** The first of these formats that can hold a fresh hash, and that hash without its digest. */
export function freshTemplate(
  accepts: readonly AcceptedFormat[],
  passwordBytes: number,
): ParsedHash | undefined {
  for (const accepted of accepts) {
    const template = templateFor(accepted, passwordBytes);
    if (template && !isRefusal(translateHash(template, [accepted]))) return template;
  }
  return undefined;
}
