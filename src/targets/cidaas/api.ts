/** cidaas' REST API: says who we are, keeps the pace, bounds the time, reads the errors. */
import { Agent } from 'undici';
import type { Question } from '../exchange.ts';
import { orAborted, whatOf } from '../exchange.ts';
import { Pace } from '../pace.ts';
import type { CidaasApiSettings } from './app-token.ts';
import { appTokenOf } from './app-token.ts';
import { CidaasError, Unsent } from './cidaas-error.ts';
import type { CidaasSettings } from './cidaas-settings.ts';
import type { Answer } from './exchange.ts';
import { asCidaasError, ask } from './exchange.ts';

export interface CallOptions {
  /** Sent as a form where it is URLSearchParams, else as JSON. */
  readonly body?: object;
  /** It only reads, though it is a POST. */
  readonly isReading?: boolean;
  /** Its body says who asks: no token of ours goes with it, and 401 is an answer like others. */
  readonly isOpen?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface CidaasApi {
  /**
   * `path` is escaped already. Throws CidaasError, also for waiting longer than `timeoutMs`, with everything that happens
   * on the way in it: its turn, a token, a repeat.
   */
  call(method: Question['method'], path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** More calls than that wait for a connection. */
const CONNECTIONS = 16;
/** Where 429 comes without Retry-After. */
const UNSAID_RETRY_SECONDS = 1;

export interface OpenCidaasDeps {
  readonly cidaas: CidaasSettings;
  readonly nowSeconds?: () => number;
}

/** Calls nobody yet. */
export function openCidaasApi(api: CidaasApiSettings, deps: OpenCidaasDeps): CidaasApi {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1, connect: { timeout: api.timeoutMs } });
  const app = appTokenOf(api, { ...deps, agent });
  const pace = new Pace(api.perSecond);

  /** Tells the pace and the app what an error means for the calls to come. */
  const learn = (error: unknown, header: string) => {
    if (!(error instanceof CidaasError)) return;
    if (error.status === 429) pace.hold(error.retryAfterSeconds ?? UNSAID_RETRY_SECONDS);
    if (error.status === 401) app.renew(header);
  };
  const attempt = async (question: Omit<Question, 'headers'>, untilMs: number, isOpen: boolean) => {
    await pace.turn(untilMs, question.signal);
    // Nobody would wait for the token that is asked for next.
    question.signal.throwIfAborted();
    const authorization = isOpen ? '' : await orAborted(app.header(), question.signal);
    const headers: Record<string, string> = isOpen ? {} : { authorization };
    return ask(agent, { ...question, headers }).catch((error) => {
      learn(error, authorization);
      throw error;
    });
  };

  return {
    async call(method, path, { body, isReading = method === 'GET', isOpen = false, signal } = {}) {
      const untilMs = performance.now() + api.timeoutMs;
      const deadline = AbortSignal.timeout(api.timeoutMs);
      const both = signal ? AbortSignal.any([signal, deadline]) : deadline;
      const question = { origin: api.url, method, path, body, signal: both };
      try {
        return await attempt(question, untilMs, isOpen).catch((error) => {
          if (both.aborted || !isRepeated(error, { isReading, isOpen })) throw error;
          return attempt(question, untilMs, isOpen);
        });
      } catch (error) {
        throw asCidaasError(error, whatOf(question), both);
      }
    },
    close: () => agent.destroy(),
  };
}

/**
 * Once more where that can do no harm: nothing was done, or nothing is done by it. Who is wanted to come back later goes
 * away with that: whoever sends batches has to know, and to slow down.
 */
const isRepeated = (error: unknown, { isReading, isOpen }: Record<'isReading' | 'isOpen', boolean>) =>
  error instanceof CidaasError &&
  (error instanceof Unsent ||
    (error.status === 401 && !isOpen) ||
    (error.isTemporary && error.status !== 429 && isReading));
