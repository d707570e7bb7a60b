/** Keycloak's Admin REST API of one realm: says who we are, keeps the pace, bounds the time, reads the errors. */
import { Agent } from 'undici';
import type { Exchanged, Question } from '../exchange.ts';
import { exchange, orAborted, Unanswered, whatOf } from '../exchange.ts';
import { Pace } from '../pace.ts';
import type { Answer } from './exchange.ts';
import { asKeycloakError, ask } from './exchange.ts';
import { KeycloakError, Unsent } from './keycloak-error.ts';
import type { KeycloakSettings } from './service-account.ts';
import { serviceAccountOf, tokenPath } from './service-account.ts';

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
}

export interface KeycloakApi {
  /**
   * `path` is what follows `/admin/realms/<realm>`, escaped already. Throws KeycloakError, also for waiting longer than
   * `timeoutMs`, with everything that happens on the way in it: its turn, a token, a repeat.
   */
  call<T = unknown>(method: Question['method'], path: string, options?: CallOptions): Promise<Answer<T>>;
  /** What the realm's token endpoint answers to another client than ours, once. Throws KeycloakError where it does not answer. */
  grant(form: URLSearchParams, headers: Readonly<Record<string, string>>): Promise<Exchanged>;
  close(): Promise<void>;
}

/** More calls than that wait for a connection. */
const CONNECTIONS = 16;
/** Where 429 comes without Retry-After. */
const UNSAID_RETRY_SECONDS = 1;

/** Where all paths of a realm begin. */
export const realmRoot = (realm: string) => `/admin/realms/${encodeURIComponent(realm)}`;

interface Throttle {
  readonly error: KeycloakError;
  readonly untilMs: number;
}

/** As the answer that made us wait, while it holds. */
function asThrottled(unanswered: Unanswered, { error, untilMs }: Throttle): Unanswered | KeycloakError {
  const leftMs = untilMs - performance.now();
  if (leftMs <= 0) return unanswered;
  const { status, reason } = error;
  return new KeycloakError({
    status,
    reason,
    message: `${unanswered.message}: too many were made`,
    retryAfterSeconds: Math.ceil(leftMs / 1_000),
  });
}

/** Calls nobody yet. */
export function openKeycloakApi(
  api: KeycloakSettings,
  deps: { readonly nowSeconds?: () => number } = {},
): KeycloakApi {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1, connect: { timeout: api.timeoutMs } });
  const account = serviceAccountOf(api, { ...deps, agent });
  const pace = new Pace(api.perSecond);
  const root = realmRoot(api.realm);
  let throttle: Throttle | undefined;

  /** Tells the pace and the account what an error means for the calls to come. */
  const learn = (error: unknown, header: string) => {
    if (!(error instanceof KeycloakError)) return;
    if (error.status === 429) {
      const seconds = error.retryAfterSeconds ?? UNSAID_RETRY_SECONDS;
      pace.hold(seconds);
      throttle = { error, untilMs: performance.now() + seconds * 1_000 };
    }
    if (error.status === 401) account.renew(header);
  };
  const attempt = async (question: Omit<Question, 'headers'>, untilMs: number) => {
    await pace.turn(untilMs, question.signal).catch((error) => {
      // Nothing was sent, and it is not that nobody answers: we were told to wait for longer than this call can.
      throw error instanceof Unanswered && throttle ? asThrottled(error, throttle) : error;
    });
    const authorization = await orAborted(account.header(), question.signal);
    return ask(agent, { ...question, headers: { authorization } }).catch((error) => {
      learn(error, authorization);
      throw error;
    });
  };

  return {
    async call<T>(method: Question['method'], path: string, { body, signal }: CallOptions = {}) {
      const untilMs = performance.now() + api.timeoutMs;
      const deadline = AbortSignal.timeout(api.timeoutMs);
      const both = signal ? AbortSignal.any([signal, deadline]) : deadline;
      const question = { origin: api.url, method, path: root + path, body, signal: both };
      try {
        const answer = await attempt(question, untilMs).catch((error) => {
          if (both.aborted || !isRepeated(error, method)) throw error;
          return attempt(question, untilMs);
        });
        return answer as Answer<T>;
      } catch (error) {
        throw asKeycloakError(error, whatOf(question), both);
      }
    },
    async grant(form, headers) {
      const untilMs = performance.now() + api.timeoutMs;
      const signal = AbortSignal.timeout(api.timeoutMs);
      const question = { origin: api.url, method: 'POST', path: tokenPath(api.realm), body: form } as const;
      try {
        await pace.turn(untilMs, signal);
        return await exchange(agent, { ...question, headers, signal });
      } catch (error) {
        throw asKeycloakError(error, whatOf(question), signal);
      }
    },
    close: () => agent.destroy(),
  };
}

/** Once more where that can do no harm: nothing was done, or nothing is done by it. */
const isRepeated = (error: unknown, method: Question['method']) =>
  error instanceof KeycloakError &&
  (error instanceof Unsent ||
    error.status === 401 ||
    error.status === 429 ||
    (error.isTemporary && method === 'GET'));
