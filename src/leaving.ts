import type { ServerResponse } from 'node:http';

/**
 * Aborts when nobody waits for the answer any more: of a request that is read to its end only the answer's connection tells. Not for
 * one that has been answered, which is over, too.
 */
export function leaving({ res }: { readonly res: ServerResponse }): AbortSignal {
  const abort = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) abort.abort();
  });
  return abort.signal;
}
