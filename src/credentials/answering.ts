/** Whether a password is the one of a hash: what a slot of the hash pool computes. */
import { timingSafeEqual } from 'node:crypto';
import { algorithmOf } from './hash.ts';
import type { HashAnswer, HashJob } from './hash-pool.ts';
import { prepare } from './preparation.ts';

/** Never throws. */
export async function answerTo({ hash, password, wants }: HashJob): Promise<HashAnswer> {
  try {
    const prepared = prepare(Buffer.from(password), hash.preparation);
    const derived = await algorithmOf(hash).derive(prepared, hash);
    if (wants === 'digest') return { matches: undefined, digest: derived };
    return { matches: derived.length === hash.digest.length && timingSafeEqual(derived, hash.digest) };
  } catch {
    // A primitive that refuses its parameters. Its message may hold parts of the hash: it stays here.
    return { matches: undefined };
  }
}
