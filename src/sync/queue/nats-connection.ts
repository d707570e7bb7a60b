/** The connection to NATS: it comes back by itself, and while it is away everything is storage_unavailable at once. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { FootbridgeError } from '../../errors.ts';
import type { QueueSettings } from '../sync-settings.ts';
import type { NatsDriver } from './nats-driver.ts';
import { loadNatsDriver } from './nats-driver.ts';

export type NatsSettings = Extract<QueueSettings, { readonly engine: 'nats' }>;

/** What is done with a connection that stands. */
export interface Nats {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly driver: NatsDriver;
}

export interface NatsLink {
  /** Throws storage_unavailable, backlog_full, config_invalid. */
  use<T>(work: (nats: Nats) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface NatsLinkOptions {
  /** Makes what is needed there; done before anything else each time the connection stands. */
  readonly prepare: (nats: Nats) => Promise<void>;
  /** It stands, again or for the first time. */
  readonly onUp: () => void;
  /** Told of what keeps it away, once each time. */
  readonly onError: (error: unknown) => void;
}

const RETRY_MS = 500;
/** No answer within this is none. */
export const ANSWER_MS = 5_000;
/** A server that has vanished without a word is noticed after two of these. */
const PING_MS = 5_000;

export function openNatsLink(settings: NatsSettings, options: NatsLinkOptions): NatsLink {
  const closing = new AbortController();
  const { signal } = closing;
  let up: Nats | undefined;
  /** What the operator has to mend, while nothing else is wrong. */
  let problem: unknown;

  const living = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await once();
      } catch (thrown) {
        const error = natsError(thrown);
        if (!signal.aborted && !isSame(error, problem)) options.onError(error);
        problem = error;
      }
      if (!signal.aborted) await pause(RETRY_MS, signal);
    }
  };
  /** Until the connection is lost. */
  const once = async (): Promise<void> => {
    const driver = await loadNatsDriver();
    const nc = await driver.transport.connect({ ...connectionOptions(settings), reconnect: false });
    const stop = () => void nc.close();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const js = driver.jetstream.jetstream(nc, { timeout: ANSWER_MS });
      const nats = { nc, js, jsm: await js.jetstreamManager(), driver };
      await options.prepare(nats);
      up = nats;
      problem = undefined;
      options.onUp();
      await nc.closed();
      if (!signal.aborted) options.onError(away('the connection to NATS was lost'));
    } finally {
      up = undefined;
      signal.removeEventListener('abort', stop);
      await nc.close();
    }
  };
  const life = living();

  return {
    async use(work) {
      if (!up)
        throw problem instanceof FootbridgeError ? again(problem) : away('there is no connection to NATS');
      try {
        // What is under way when the connection is lost is rejected by the driver.
        return await work(up);
      } catch (error) {
        throw natsError(error);
      }
    },
    async close() {
      closing.abort();
      await life;
    },
  };
}

const SCHEME = /^(nats|tls):\/\//;
const connectionOptions = ({ servers, token, user, password }: NatsSettings) => ({
  servers: servers.map((server) => server.replace(SCHEME, '')),
  // Then a server that does not offer it is refused.
  ...(servers.some((server) => server.startsWith('tls:')) ? { tls: {} } : {}),
  name: 'footbridge sync',
  timeout: ANSWER_MS,
  pingInterval: PING_MS,
  maxPingOut: 2,
  // Stacks of every request would cost more than the requests.
  noAsyncTraces: true,
  ...(token ? { token: token.reveal() } : {}),
  ...(user === undefined ? {} : { user }),
  ...(password ? { pass: password.reveal() } : {}),
});

const away = (detail: string, cause?: unknown) =>
  new FootbridgeError('storage_unavailable', { detail, retryAfterSeconds: 2, cause });
const again = ({ code, detail }: FootbridgeError) =>
  new FootbridgeError(code, {
    ...(detail === undefined ? {} : { detail }),
    ...(code === 'storage_unavailable' ? { retryAfterSeconds: 2 } : {}),
  });

/** The server's code for a stream that takes no more, or a disk (JSStreamStoreFailedF, server/errors.json of nats-server). */
const STORE_FAILED = 10_077;
const OURS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']);

/** Whatever NATS says is an outage, except that a stream is full; mistakes of ours stay what they are. */
export function natsError(error: unknown): unknown {
  if (error instanceof FootbridgeError || !(error instanceof Error) || OURS.has(error.name)) return error;
  if (codeOf(error) === STORE_FAILED && /maximum (messages|bytes)/.test(error.message))
    return new FootbridgeError('backlog_full', { detail: error.message, retryAfterSeconds: 5, cause: error });
  return away(`${error.name}: ${error.message}`, error);
}

/** The code of an answer of JetStream's, or undefined. */
export function codeOf(error: unknown): number | undefined {
  const { cause, code } = (error ?? {}) as { readonly cause?: unknown; readonly code?: unknown };
  if (typeof code === 'number') return code;
  return cause === undefined ? undefined : codeOf(cause);
}

const isSame = (a: unknown, b: unknown) =>
  a instanceof Error && b instanceof Error && a.message === b.message && detailOf(a) === detailOf(b);
const detailOf = (error: Error) => (error instanceof FootbridgeError ? error.detail : undefined);

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
