/** What a page shows of something that may be away: what is known in time, or why it is not. The rest of the page stands. */
import { setTimeout as wait } from 'node:timers/promises';
import { FootbridgeError } from '../../errors.ts';

export type Known<T> =
  | { readonly isKnown: true; readonly value: T }
  | { readonly isKnown: false; readonly why: string };

/** Nobody waits longer for a page because a part of it is away. */
const PATIENCE_MS = 2_000;

export async function known<T>(asked: Promise<T>, patienceMs = PATIENCE_MS): Promise<Known<T>> {
  const over = new AbortController();
  const late = wait(patienceMs, undefined, { signal: over.signal, ref: false }).then(
    (): Known<T> => ({ isKnown: false, why: 'It did not answer in time.' }),
    (): Known<T> => ({ isKnown: false, why: 'It did not answer in time.' }),
  );
  const answer = asked.then(
    (value): Known<T> => ({ isKnown: true, value }),
    (error: unknown): Known<T> => {
      // What we have not foreseen is no outage: it has to be seen.
      if (!(error instanceof FootbridgeError) || error.code === 'internal') throw error;
      return { isKnown: false, why: error.message };
    },
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
  }
}

export const valueOr = <T, E>(of: Known<T>, other: E): T | E => (of.isKnown ? of.value : other);
