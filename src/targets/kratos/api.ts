/** Kratos' admin API: says who we are, keeps the pace, bounds the time, reads the errors. */
import { Agent } from 'undici';
import type { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { Question } from '../exchange.ts';
import { Unanswered, whatOf } from '../exchange.ts';
import type { apiSettings } from '../move-settings.ts';
import { Pace } from '../pace.ts';
import { asKratosError, ask } from './exchange.ts';
import { KratosError, Unsent, Unturned } from './kratos-error.ts';

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
}

export interface KratosApi {
  /**
   * `path` is what follows `/admin`, escaped already. Throws KratosError, also for waiting longer than `timeoutMs`, with
   * everything that happens on the way in it: its turn, a repeat.
   */
  call<T = unknown>(method: Question['method'], path: string, options?: CallOptions): Promise<T>;
  close(): Promise<void>;
}

/** More calls than that wait for a connection. */
const CONNECTIONS = 16;
/** Where 429 comes without Retry-After. */
const UNSAID_RETRY_SECONDS = 1;

/** Calls nobody yet. Throws config_invalid where the settings want a login that Kratos does not have. */
export function openKratosApi(api: z.output<typeof apiSettings>): KratosApi {
  const headers = headersOf(api);
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1, connect: { timeout: api.timeoutMs } });
  const pace = new Pace(api.perSecond);

  let heldUntilMs = 0;

  const attempt = async (question: Omit<Question, 'headers'>, untilMs: number) => {
    await pace.turn(untilMs, question.signal).catch((error) => {
      if (!(error instanceof Unanswered)) throw error;
      const { message, retryAfterSeconds } = error;
      throw new Unturned(message, { isHeld: performance.now() < heldUntilMs, retryAfterSeconds });
    });
    return ask(agent, { ...question, headers }).catch((error) => {
      if (error.status === 429) {
        const seconds = error.retryAfterSeconds ?? UNSAID_RETRY_SECONDS;
        heldUntilMs = performance.now() + seconds * 1_000;
        pace.hold(seconds);
      }
      throw error;
    });
  };

  return {
    async call<T>(method: Question['method'], path: string, { body, signal }: CallOptions = {}) {
      const untilMs = performance.now() + api.timeoutMs;
      const deadline = AbortSignal.timeout(api.timeoutMs);
      const both = signal ? AbortSignal.any([signal, deadline]) : deadline;
      const question = { origin: api.url, method, path: `/admin${path}`, body, signal: both };
      try {
        return (await attempt(question, untilMs).catch((error) => {
          if (both.aborted || !isRepeated(error, method)) throw error;
          return attempt(question, untilMs).catch((second) => {
            throw second instanceof Unturned ? error : second;
          });
        })) as T;
      } catch (error) {
        throw asKratosError(error, whatOf(question), both);
      }
    },
    close: () => agent.destroy(),
  };
}

function headersOf({ token, open }: z.output<typeof apiSettings>): Record<string, string> {
  if (token) return { authorization: `Bearer ${token.reveal()}` };
  if (open) return {};
  throw new FootbridgeError('config_invalid', {
    detail: 'a target of kind kratos needs api.token (Ory Network), or api.open for its own admin API',
  });
}

/** Once more where that can do no harm: nothing was done, or nothing is done by it. */
const isRepeated = (error: unknown, method: Question['method']) =>
  error instanceof KratosError &&
  !(error instanceof Unturned) &&
  (error instanceof Unsent || error.status === 429 || (error.isTemporary && method === 'GET'));
