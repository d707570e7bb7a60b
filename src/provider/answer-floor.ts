/** Answers that come no sooner than their floor: what was found along the way does not show in their time. */

/** Waits until `floorMs` have passed since `startedAt` (`performance.now()`). */
export function restOf(startedAt: number, floorMs: number): Promise<void> {
  const left = floorMs - (performance.now() - startedAt);
  return left > 0 ? new Promise((resolve) => setTimeout(resolve, left)) : Promise.resolve();
}
