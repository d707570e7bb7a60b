/** A worker of the hash pool: takes one job at a time and answers whether the password is the one. */
import { timingSafeEqual } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { algorithmOf } from './hash.ts';
import type { HashAnswer, HashJob } from './hash-pool.ts';
import { prepare } from './preparation.ts';

async function answer({ hash, password, wants }: HashJob): Promise<HashAnswer> {
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

parentPort?.on('message', async (job: HashJob) => {
  parentPort?.postMessage(await answer(job));
});
