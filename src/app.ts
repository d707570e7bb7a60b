/**
 * The server: the two listeners, and behind them the generation that answers. Another configuration makes another generation; the
 * one before finishes what it has begun.
 */
import type { RequestListener } from 'node:http';
import type { Settings } from './config.ts';
import { ConfigError } from './config.ts';
import { unprovedWrites } from './credentials/self-test.ts';
import { fixedProblems } from './fixed-settings.ts';
import type { Generation, Process } from './generation.ts';
import { openGeneration } from './generation.ts';
import { listen, STOP_DEADLINE_MS, stopListening } from './listener.ts';
import { openLog } from './observability/log.ts';
import { openMetrics } from './observability/metrics.ts';
import { openRequests } from './observability/requests.ts';
import { openTracing } from './observability/tracing.ts';
import { watchDatabase } from './store/watch.ts';
import { problemLine } from './yaml-file.ts';

export interface App {
  readonly publicPort: number;
  readonly privatePort: number;
  /**
   * Goes on with what is read now; no request is refused meanwhile. False: nothing has changed, and the log says why. Resolves when
   * what was begun before is finished.
   */
  reload(read: () => Settings): Promise<boolean>;
  /** Not ready first, then no new connections, then whatever is under way finishes, then everything closes. */
  close(): Promise<void>;
}

/** Opens everything and listens. Throws PortBusyError, storage_unavailable, config_invalid. */
export async function openApp(settings: Settings): Promise<App> {
  const unproved = await unprovedWrites();
  const [metrics, tracing] = [openMetrics(), openTracing()];
  const requests = openRequests(tracing);
  const log = openLog({ level: settings.log.level, fields: requests.fields });
  if (unproved.length > 0)
    log.error({ unproved }, 'hashes are not written so: the known answers do not come out');
  const state = { isStopping: false };
  const watch = await watchDatabase(settings.database.url.reveal(), (up) => {
    metrics.storageUp.set(up ? 1 : 0);
    log[up ? 'info' : 'error'](up ? 'our database answers' : 'our database does not answer');
  });
  const closers: (() => Promise<void> | void)[] = [() => watch.close()];
  try {
    const isStopping = () => state.isStopping;
    const process = { log, metrics, tracing, requests, watch, unproved, isStopping };
    const generations = await openGenerations(settings, process);
    closers.push(generations.close);
    const { inside, handle } = generations;
    const privateListener = await listen(inside, settings.listen.private);
    closers.push(() => privateListener.close(0));
    const publicListener = await listen(handle, settings.listen.public);
    closers.push(() => stopListening(publicListener, generations.settings().listen.stopDelaySeconds));
    return {
      publicPort: publicListener.port,
      privatePort: privateListener.port,
      reload: generations.reload,
      async close() {
        state.isStopping = true;
        await closeAll(closers);
      },
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** The one that answers, and how another takes its place. */
async function openGenerations(first: Settings, process: Process) {
  const { log, metrics } = process;
  const open = async (settings: Settings): Promise<Serving> => {
    const generation = await openGeneration(settings, process);
    generation.takeOver();
    metrics.configLoadedAt.setToCurrentTime();
    return serving(generation);
  };
  let current = await open(first);
  let underWay: Promise<unknown> = Promise.resolve();
  const swap = async (read: () => Settings): Promise<void> => {
    const fresh = read();
    const before = current;
    const problems = fixedProblems(before.generation.settings, fresh);
    if (problems.length > 0) throw new ConfigError(problems);
    current = await open(fresh);
    log.level = fresh.log.level;
    log.info('the configuration was read anew');
    await before.finished();
    await before.generation
      .close()
      .catch((error) => log.warn({ error }, 'what the configuration before had opened did not close'));
  };
  const tried = async (read: () => Settings): Promise<boolean> => {
    if (process.isStopping()) return false;
    try {
      await swap(read);
      metrics.configReloads.inc({ result: 'done' });
      return true;
    } catch (error) {
      metrics.configReloads.inc({ result: 'refused' });
      log.error(whyNot(error), 'the configuration is not taken over: the one before goes on');
      return false;
    }
  };
  return {
    settings: () => current.generation.settings,
    handle: ((req, res) => current.handle(req, res)) as RequestListener,
    inside: ((req, res) => current.inside(req, res)) as RequestListener,
    reload(read: () => Settings): Promise<boolean> {
      // One after the other: each is compared with the one that is in force then.
      const done = underWay.then(() => tried(read));
      underWay = done;
      return done;
    },
    async close(): Promise<void> {
      await underWay;
      await current.generation.close();
    },
  };
}

/** Each problem with file, line and column. */
const whyNot = (error: unknown) =>
  error instanceof ConfigError ? { problems: error.problems.map(problemLine) } : { error };

/** A generation, and how much of it is under way. */
interface Serving {
  readonly generation: Generation;
  readonly handle: RequestListener;
  readonly inside: RequestListener;
  /** Every request it was given is answered, or has had its time. */
  finished(): Promise<void>;
}

function serving(generation: Generation): Serving {
  // Counted, not kept in a set: V8 has every old table of a busy set lead to the next one, and with them to all answers of the past.
  let underWay = 0;
  let onIdle: (() => void) | undefined;
  const through =
    (handle: RequestListener): RequestListener =>
    (req, res) => {
      underWay += 1;
      res.once('close', () => {
        underWay -= 1;
        if (underWay === 0) onIdle?.();
      });
      handle(req, res);
    };
  return {
    generation,
    handle: through(generation.handle),
    inside: through(generation.inside),
    async finished() {
      if (underWay === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      onIdle = resolve;
      const enough = setTimeout(resolve, STOP_DEADLINE_MS);
      await promise;
      clearTimeout(enough);
    },
  };
}

async function closeAll(closers: readonly (() => Promise<void> | void)[]): Promise<void> {
  for (const close of [...closers].reverse()) await close();
}
