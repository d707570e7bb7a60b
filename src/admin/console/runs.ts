/**
 * Operations under way at the console, and what came of them: in this process, for a while, for whoever started them. Whatever takes
 * long runs on while its page is asked again.
 */
import { randomBytes } from 'node:crypto';
import { stripVTControlCharacters } from 'node:util';
import { FootbridgeError } from '../../errors.ts';
import type { Log } from '../../observability/log.ts';
import type { Operation, Progress, RunOptions } from '../operation.ts';
import type { Given } from './forms.ts';

export interface Run {
  readonly id: string;
  readonly owner: string;
  readonly operation: Operation;
  readonly given: Given;
  readonly isExecuted: boolean;
  readonly startedAt: Date;
  readonly state: 'running' | 'done' | 'failed';
  readonly finishedAt?: Date;
  readonly progress?: Progress;
  /** For people. */
  readonly text?: string;
  /** As one HTML document. */
  readonly page?: string;
  readonly output?: unknown;
  readonly hasFoundWrong?: boolean;
  readonly error?: FootbridgeError;
  /** By which the log's line is found. */
  readonly reference?: string;
  readonly canStop: boolean;
  readonly isStopping: boolean;
}

export interface Asked {
  readonly owner: string;
  readonly operation: Operation;
  readonly given: Given;
  readonly isExecuted: boolean;
  /** A dry run is confirmed once: whoever presses twice gets the run that there is. */
  readonly confirmation?: string;
  readonly work: (options: Required<Pick<RunOptions, 'onProgress' | 'signal'>>) => Promise<unknown>;
}

export interface Runs {
  /** Returns when it is done, or some seconds have gone by. Throws throttled when too much is under way. */
  start(asked: Asked): Promise<Run>;
  /** Only what `owner` has started. */
  find(id: string, owner: string): Run | undefined;
  /** Newest first. */
  of(owner: string): Run[];
  stop(run: Run): void;
  close(): Promise<void>;
}

/** More at once than people at a desk start. */
const UNDER_WAY = 16;
/** So that nobody keeps all others from what cannot wait, such as a rollback. */
const UNDER_WAY_EACH = 6;
/** Kept to be looked at, for so long; what it says may be about people. */
const KEPT = 40;
const KEPT_MS = 30 * 60_000;
/** As much of a report as a browser shows well. */
const TEXT_CHARACTERS = 256 * 1024;
const PAGE_CHARACTERS = 1024 * 1024;
/** Nobody looks at an empty page for longer. */
const AT_ONCE_MS = 2_000;
/** At the end of the process whatever looks at its signal may finish. */
const CLOSE_MS = 5_000;
/** Confirmations that are remembered as used; they are good for minutes. */
const CONFIRMATIONS = 200;

type Kept = { -readonly [Name in keyof Run]: Run[Name] } & {
  readonly abort: AbortController;
  finished: Promise<void>;
};

/** Thrown out of what only reads, to end it at its next step: it goes on from there another time. */
class Stopped extends Error {}

export interface RunsOptions {
  readonly log: Log;
  readonly now: () => Date;
  /** What is quicker is shown at once. */
  readonly atOnceMs?: number | undefined;
}

export function openRuns({ log, now, atOnceMs = AT_ONCE_MS }: RunsOptions): Runs {
  const kept = new Map<string, Kept>();
  const confirmations = new Map<string, Kept>();
  const underWay = () => [...kept.values()].filter(({ state }) => state === 'running');

  const forget = () => {
    const old = now().getTime() - KEPT_MS;
    const done = [...kept.values()].filter(({ state }) => state !== 'running');
    const surplus = done.slice(0, Math.max(0, done.length - KEPT));
    for (const run of done)
      if (surplus.includes(run) || (run.finishedAt?.getTime() ?? 0) < old) kept.delete(run.id);
  };

  const remember = (confirmation: string, run: Kept) => {
    confirmations.set(confirmation, run);
    if (confirmations.size > CONFIRMATIONS) confirmations.delete(confirmations.keys().next().value!);
  };

  return {
    async start({ work, confirmation, ...asked }) {
      forget();
      const before = confirmation === undefined ? undefined : confirmations.get(confirmation);
      if (before) return before;
      const { operation, owner } = asked;
      const others = underWay();
      const own = others.filter((run) => run.owner === owner);
      if (others.length >= UNDER_WAY || own.length >= UNDER_WAY_EACH)
        throw new FootbridgeError('throttled', { retryAfterSeconds: 10 });
      const run: Kept = {
        ...asked,
        id: randomBytes(12).toString('base64url'),
        startedAt: now(),
        state: 'running',
        canStop: operation.interruptible === true || !operation.changes,
        isStopping: false,
        abort: new AbortController(),
        finished: Promise.resolve(),
      };
      kept.set(run.id, run);
      if (confirmation !== undefined) remember(confirmation, run);
      run.finished = settle(run, work, { log, now });
      await within(run.finished, atOnceMs);
      return run;
    },
    find(id, owner) {
      forget();
      const run = kept.get(id);
      return run?.owner === owner ? run : undefined;
    },
    of(owner) {
      forget();
      return [...kept.values()].filter((run) => run.owner === owner).reverse();
    },
    stop({ id }) {
      const run = kept.get(id);
      if (run?.state !== 'running' || !run.canStop) return;
      run.isStopping = true;
      run.abort.abort();
    },
    async close() {
      const left = underWay();
      for (const run of left) run.abort.abort();
      await within(Promise.all(left.map(({ finished }) => finished)), CLOSE_MS);
    },
  };
}

async function settle(
  run: Kept,
  work: Asked['work'],
  { log, now }: Pick<RunsOptions, 'log' | 'now'>,
): Promise<void> {
  const { operation, abort } = run;
  try {
    const output = await work({
      signal: abort.signal,
      onProgress: (progress) => {
        run.progress = progress;
        if (abort.signal.aborted && !operation.changes && !operation.interruptible) throw new Stopped();
      },
    });
    Object.assign(run, shown(operation, output), { state: 'done' });
  } catch (error) {
    Object.assign(run, failure(error, log, operation.name), { state: 'failed' });
  } finally {
    run.finishedAt = now();
  }
}

/** What is said on a command line may tell to add what here is a button. */
export const withoutExecute = (text: string): string => text.replace(/: add --execute(?=[.\s]|$)/g, '');

/** What it says on a command line. */
function shown(operation: Operation, output: unknown): Partial<Run> {
  const text = withoutExecute(stripVTControlCharacters(operation.print(output)));
  const page = operation.page?.(output);
  return {
    output,
    text:
      text.length > TEXT_CHARACTERS
        ? `${text.slice(0, TEXT_CHARACTERS)}\n… cut here; the download has all of it`
        : text,
    ...(page && page.length <= PAGE_CHARACTERS ? { page } : {}),
    hasFoundWrong: operation.foundWrong?.(output) === true,
  };
}

function failure(error: unknown, log: Log, operation: string): Partial<Run> {
  if (error instanceof Stopped)
    return { text: 'Stopped before its end; the next run goes on where it was, as far as it can.' };
  if (error instanceof FootbridgeError && error.status < 500) return { error };
  const reference = randomBytes(4).toString('hex');
  log.warn({ error, reference, operation }, 'an operation of the console failed');
  const known = error instanceof FootbridgeError ? error : new FootbridgeError('internal', { cause: error });
  return { error: known, reference };
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
