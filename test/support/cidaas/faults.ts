/** What a test makes the stand-in do wrong. */

/** An answer instead of the one that the call would have had. */
export interface Fault {
  readonly status: number;
  readonly retryAfterSeconds?: number;
}

export function openFaults() {
  let failing: { status: number; share: number; path?: string } | undefined;
  let throttling: { retryAfterSeconds: number; left: number; path?: string } | undefined;
  let dropping = 0;
  let meanwhile: { path: string; work: () => void | Promise<void> } | undefined;
  let calls = 0;
  const isFor = (path: string, only: string | undefined) => only === undefined || path.startsWith(only);
  return {
    knobs: {
      /** This share of the calls (of this path) is answered so; 0 ends it. */
      fail(status: number, share = 1, path?: string) {
        calls = 0;
        failing = share > 0 ? { status, share, ...(path !== undefined && { path }) } : undefined;
      },
      /** So many calls (of this path) are answered with 429. */
      throttle(retryAfterSeconds: number, times = 1, path?: string) {
        throttling = { retryAfterSeconds, left: times, ...(path !== undefined && { path }) };
      },
      /** So many bulk imports are done, and the connection is cut before the answer. */
      dropAfter(times = 1) {
        dropping = times;
      },
      /** Happens once, just before the next call of this path is worked on. */
      meanwhile(path: string, work: () => void | Promise<void>) {
        meanwhile = { path, work };
      },
    },
    faultFor(path: string): Fault | undefined {
      if (throttling && throttling.left > 0 && isFor(path, throttling.path)) {
        throttling.left -= 1;
        return { status: 429, retryAfterSeconds: throttling.retryAfterSeconds };
      }
      if (!failing || !isFor(path, failing.path)) return undefined;
      calls += 1;
      // Evenly: the third of a share of a third, and so on.
      const isHit = Math.floor(calls * failing.share) > Math.floor((calls - 1) * failing.share);
      return isHit ? { status: failing.status } : undefined;
    },
    async happensBefore(path: string): Promise<void> {
      if (!meanwhile || !isFor(path, meanwhile.path)) return;
      const { work } = meanwhile;
      meanwhile = undefined;
      await work();
    },
    isDropped(): boolean {
      dropping -= 1;
      return dropping >= 0;
    },
  };
}
