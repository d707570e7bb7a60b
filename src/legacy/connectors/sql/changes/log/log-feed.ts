/**
 * A feed of a database's log. The log is streamed while somebody reads, into a buffer with a bound: when it is full, the
 * stream waits. When nobody has read for a while the stream is closed, and the next page opens it where that page begins.
 */
import type { Feed, FeedPage } from '../../../../feed.ts';
import { LogBuffer, positionFrom } from './log-buffer.ts';
import type { LogSource, LogStream, Sink } from './log-source.ts';

export interface FeedTimes {
  /** How long a page waits for something to come. */
  readonly waitMs: number;
  /**
   * A log may tell of a row a moment before others can see it: the commit is written first. Who looks at the person at once
   * would see what was before, and never hear of it again.
   */
  readonly settleMs: number;
  /** A stream that nobody reads from is closed after so long. */
  readonly idleMs: number;
}
export const FEED_TIMES: FeedTimes = { waitMs: 1_000, settleMs: 300, idleMs: 30_000 };

/** Changes in memory: above the first number the stream waits, below the second it goes on. */
const FULL = 20_000;
const ROOM = 10_000;
const ASK_AGAIN_MS = 100;

interface Tail {
  readonly buffer: LogBuffer;
  readonly stream: LogStream;
  /** Resolves when something is told, and no later than then. */
  news(withinMs: number): Promise<void>;
  /** Why it has ended. */
  problem(): unknown;
  flow(): void;
}

export function logFeed(source: LogSource, times: FeedTimes = FEED_TIMES): Feed {
  let tail: Tail | undefined;
  let idle: NodeJS.Timeout | undefined;
  /** What was confirmed while no stream was open, or before it was. */
  let kept: string | undefined;

  const end = async () => {
    clearTimeout(idle);
    const ended = tail;
    tail = undefined;
    await ended?.stream.close();
  };
  const begin = async (position: string): Promise<Tail> => {
    if (tail && tail.buffer.position === position && tail.problem() === undefined) return tail;
    await end();
    tail = await openTail(source, position);
    if (kept !== undefined) tail.stream.forget(kept);
    return tail;
  };

  return {
    name: 'log',
    async read(position, limit) {
      clearTimeout(idle);
      try {
        const now = await source.end();
        // Who begins now begins anew, whatever was streamed.
        if (position === undefined) await end();
        return await pageOf(await begin(position ?? now), { source, limit, times, upTo: now });
      } catch (error) {
        await end();
        throw error;
      } finally {
        clearTimeout(idle);
        idle = setTimeout(() => void end(), times.idleMs);
        idle.unref();
      }
    },
    async confirm(position) {
      const { place } = positionFrom(position);
      if (kept !== undefined && source.compare(place, kept) <= 0) return;
      kept = place;
      tail?.stream.forget(place);
    },
    lag: (position) => source.lag(position === undefined ? undefined : positionFrom(position).place),
    async close() {
      await end();
      await source.close();
    },
  };
}

async function openTail(source: LogSource, position: string): Promise<Tail> {
  const from = positionFrom(position);
  const buffer = new LogBuffer(from);
  let wake = () => {};
  let failure: { readonly error: unknown } | undefined;
  let isWaiting = false;
  const sink: Sink = {
    changed(change) {
      buffer.push(change, performance.now());
      if (buffer.size >= FULL && !isWaiting) {
        isWaiting = true;
        stream?.pause();
      }
      wake();
    },
    reached(place) {
      buffer.reached(place);
      wake();
    },
    failed(error) {
      failure ??= { error };
      wake();
    },
  };
  let stream: LogStream | undefined;
  stream = await source.open(from.place, sink);
  if (isWaiting) stream.pause();
  return {
    buffer,
    stream,
    problem: () => failure?.error,
    flow() {
      if (!isWaiting || buffer.size > ROOM) return;
      isWaiting = false;
      stream?.resume();
    },
    news: (withinMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
}

interface Wanted {
  readonly source: LogSource;
  readonly limit: number;
  readonly times: FeedTimes;
  /** Where the log ended when the page was asked for. */
  readonly upTo: string;
}

async function pageOf(tail: Tail, { source, limit, times, upTo }: Wanted): Promise<FeedPage> {
  const { buffer, stream } = tail;
  const untilMs = performance.now() + times.waitMs;
  for (;;) {
    const nowMs = performance.now();
    const most = Math.min(limit, ROOM);
    const settled = buffer.heardBy(nowMs - times.settleMs, most);
    const isThere = source.compare(buffer.end, upTo) >= 0;
    const isAll = isThere && settled === buffer.size;
    if (settled === most || (settled > 0 && isAll) || nowMs >= untilMs) {
      const changes = buffer.take(limit, nowMs - times.settleMs);
      tail.flow();
      return { changes, position: buffer.position, isMore: buffer.size > 0 || !isThere };
    }
    // What was told before the end is good for a last page.
    if (settled === 0 && tail.problem() !== undefined) throw tail.problem();
    if (!isThere) stream.ask();
    const patienceMs = isThere ? times.waitMs : ASK_AGAIN_MS;
    const lookMs = buffer.size > 0 ? Math.min(patienceMs, times.settleMs) : patienceMs;
    await tail.news(Math.max(1, Math.min(lookMs, untilMs - nowMs)));
  }
}
