/**
 * ZITADEL's REST API: says who we are, keeps the pace, bounds the time, reads the errors. What the paths and bodies are
 * stands where they are used.
 */
import { Agent } from 'undici';
import type { Question } from '../exchange.ts';
import { orAborted, Unanswered, whatOf } from '../exchange.ts';
import { Pace } from '../pace.ts';
import type { ApiSettings } from './authorization.ts';
import { authorizationOf } from './authorization.ts';
import { ask, asZitadelError, Unsent } from './exchange.ts';
import { ZitadelError } from './zitadel-error.ts';

export type { ApiSettings } from './authorization.ts';
export { ZitadelError } from './zitadel-error.ts';

export interface CallOptions {
  /** Sent as JSON. Unknown fields are lost without a word: test every body against the protobufs. */
  readonly body?: object;
  /** The organization that the call is about (`x-zitadel-orgid`); that of the token's user by default. */
  readonly organization?: string;
  readonly signal?: AbortSignal;
}

export interface ZitadelApi {
  /**
   * The answer's JSON. `path` is escaped already. Throws ZitadelError, also for waiting longer than `timeoutMs`, with
   * everything that happens on the way in it: its turn, a token, a repeat.
   */
  call<T>(method: Question['method'], path: string, options?: CallOptions): Promise<T>;
  close(): Promise<void>;
}

/** More calls than that wait for a connection. */
const CONNECTIONS = 16;
/** Where 429 comes without Retry-After. */
const UNSAID_RETRY_SECONDS = 1;
/** Calls that read, though they are POST. */
const SEARCH = /[/_]search$|^\/v2\/users$/;

interface Throttle {
  readonly error: ZitadelError;
  readonly untilMs: number;
}

/** As the answer that made us wait, while it holds. */
function asThrottled(unanswered: Unanswered, { error, untilMs }: Throttle): Unanswered | ZitadelError {
  const leftMs = untilMs - performance.now();
  if (leftMs <= 0) return unanswered;
  const { status, code, id } = error;
  return new ZitadelError({
    status,
    code,
    id,
    message: `${unanswered.message}: too many were made`,
    retryAfterSeconds: Math.ceil(leftMs / 1_000),
  });
}

/** Calls nobody yet. Throws config_invalid for a key that cannot sign. */
export function openZitadelApi(api: ApiSettings, deps: { nowSeconds?: () => number } = {}): ZitadelApi {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1, connect: { timeout: api.timeoutMs } });
  const authorization = authorizationOf(api, { ...deps, agent });
  const pace = new Pace(api.perSecond);
  let throttle: Throttle | undefined;

  /** Tells the pace and the authorization what an error means for the calls to come. */
  const learn = (error: unknown, header: string) => {
    if (!(error instanceof ZitadelError)) return;
    if (error.status === 429) {
      const seconds = error.retryAfterSeconds ?? UNSAID_RETRY_SECONDS;
      pace.hold(seconds);
      throttle = { error, untilMs: performance.now() + seconds * 1_000 };
    }
    if (error.status === 401) authorization.renew?.(header);
  };
  const attempt = async (question: Question, untilMs: number) => {
    await pace.turn(untilMs, question.signal).catch((error) => {
      // Nothing was sent, and it is not that nobody answers: we were told to wait for longer than this call can.
      throw error instanceof Unanswered && throttle ? asThrottled(error, throttle) : error;
    });
    const header = await orAborted(authorization.header(), question.signal);
    const headers = { ...question.headers, authorization: header };
    return ask(agent, { ...question, headers }).catch((error) => {
      learn(error, header);
      throw error;
    });
  };
  /** Once more where that can do no harm: nothing was done, or nothing is done by it. */
  const isRepeated = (error: unknown, { method, path, signal }: Question) =>
    error instanceof ZitadelError &&
    !signal.aborted &&
    (error instanceof Unsent ||
      error.status === 429 ||
      (error.status === 401 && authorization.renew !== undefined) ||
      (error.isTemporary && (method === 'GET' || SEARCH.test(path))));

  return {
    async call<T>(method: Question['method'], path: string, options: CallOptions = {}): Promise<T> {
      const untilMs = performance.now() + api.timeoutMs;
      const question = questionOf(api, { method, path, ...options });
      try {
        return (await attempt(question, untilMs).catch((error) => {
          if (!isRepeated(error, question)) throw error;
          // Its turn may be too late by now: then what was answered says more.
          return attempt(question, untilMs).catch((second) => {
            throw error.status === 429 && !second.status ? error : second;
          });
        })) as T;
      } catch (error) {
        throw asZitadelError(error, whatOf(question), question.signal);
      }
    },
    close: () => agent.destroy(),
  };
}

function questionOf(
  { url, timeoutMs }: ApiSettings,
  asked: CallOptions & Pick<Question, 'method' | 'path'>,
): Question {
  const { method, path, body, organization, signal } = asked;
  const deadline = AbortSignal.timeout(timeoutMs);
  return {
    origin: url,
    method,
    path,
    headers: organization === undefined ? {} : { 'x-zitadel-orgid': organization },
    body,
    signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
  };
}
