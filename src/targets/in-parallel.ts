/** Works on all items, so many at once; results in order. The first error ends it, once what is under way is done. */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]!).catch((error) => {
        next = items.length;
        throw error;
      });
    }
  };
  const done = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
  for (const one of done) if (one.status === 'rejected') throw one.reason;
  return results;
}
