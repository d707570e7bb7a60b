/** An answer that is good for a while: whoever measures asks every node every few seconds. */

/** Those who ask while it is asked get the same answer; what failed is asked again. */
export function keptFor<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let kept: { readonly value: Promise<T>; readonly at: number } | undefined;
  return () => {
    if (kept && performance.now() - kept.at < ms) return kept.value;
    const asked = { value: ask(), at: performance.now() };
    kept = asked;
    asked.value.catch(() => {
      if (kept === asked) kept = undefined;
    });
    return asked.value;
  };
}

/** While our database is down the other metrics are wanted all the more. */
export const orNothing = <T>(ask: () => Promise<T>): Promise<T | undefined> => ask().catch(() => undefined);
