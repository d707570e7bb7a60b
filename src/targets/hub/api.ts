/** The hub's HTTP interface: bounded in time and size, left alone when it asks for that. */
import { Agent } from 'undici';
import { nowSeconds as systemSeconds } from '../../clock.ts';
import type { Exchanged, Question } from '../exchange.ts';
import { exchange, unanswered, whatOf } from '../exchange.ts';
import { HubError, reasonOf } from './hub-error.ts';

export interface HubCall {
  readonly method: 'GET' | 'POST';
  /** With its query, escaped. */
  readonly path: string;
  /** The Authorization header's value. */
  readonly authorization?: string;
  readonly form?: URLSearchParams;
}

export interface HubApi {
  /** A 2xx answer with JSON. Throws HubError for everything else. */
  ask(call: HubCall): Promise<Exchanged>;
  close(): Promise<void>;
}

export interface HubApiOptions {
  readonly origin: string;
  readonly timeoutMs: number;
  readonly nowSeconds?: () => number;
}

/** More calls than that wait for a connection. */
const CONNECTIONS = 8;
/** Where 429 does not say until when. */
const UNSAID_RESET_SECONDS = 5;
/** One answer must not silence us for longer; the next call hears it again. */
const MAX_HOLD_SECONDS = 60;

/** Calls nobody yet. */
export function openHubApi({ origin, timeoutMs, nowSeconds = systemSeconds }: HubApiOptions): HubApi {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1, connect: { timeout: timeoutMs } });
  let heldUntil = 0;

  const attempt = async (question: Question) => {
    const what = whatOf(question);
    const left = heldUntil - nowSeconds();
    if (left > 0) throw tooMany(what, left);
    const answer = await exchange(agent, question).catch((error) => {
      const { message, retryAfterSeconds } = unanswered(error, what, question.signal);
      throw new HubError({ status: 0, message, retryAfterSeconds });
    });
    if (answer.status !== 429) return checked(answer, what);
    const seconds = resetSecondsOf(answer, nowSeconds());
    heldUntil = nowSeconds() + Math.min(seconds, MAX_HOLD_SECONDS);
    throw tooMany(what, seconds);
  };

  return {
    async ask({ method, path, authorization, form }) {
      const signal = AbortSignal.timeout(timeoutMs);
      const headers = authorization === undefined ? {} : { authorization };
      const question = { origin, method, path, headers, body: form, signal };
      return attempt(question).catch((error) => {
        // Reading does nothing there: a connection that broke off is tried once more.
        const isBroken = error instanceof HubError && error.status === 0 && !signal.aborted;
        if (method !== 'GET' || !isBroken) throw error;
        return attempt(question);
      });
    },
    close: () => agent.destroy(),
  };
}

/** What is neither JSON nor empty comes from whoever stands before the hub: a page that says that it will be back. */
function checked(answer: Exchanged, what: string): Exchanged {
  const { status, text, document, retryAfterSeconds } = answer;
  const isOk = status >= 200 && status < 300;
  if (isOk && document !== undefined) return answer;
  if (isOk || (status >= 300 && status < 400) || (text !== '' && document === undefined))
    throw new HubError({
      status,
      reason: 'not_json',
      message: `${what} answers ${status} with something other than JSON`,
      isForeign: true,
      retryAfterSeconds,
    });
  const reason = reasonOf(document);
  const message = `${what} answers ${status}${reason ? `: ${reason}` : ''}`;
  throw new HubError({ status, reason, message, retryAfterSeconds });
}

const tooMany = (what: string, retryAfterSeconds: number) =>
  new HubError({ status: 429, message: `${what}: too many calls`, retryAfterSeconds });

/** `RateLimit-Reset` is a time, in seconds since the epoch, by the hub's clock. */
function resetSecondsOf({ header, retryAfterSeconds }: Exchanged, now: number): number {
  const reset = Number(header('ratelimit-reset'));
  const seconds = reset > 0 ? Math.ceil(reset - now) : (retryAfterSeconds ?? UNSAID_RESET_SECONDS);
  return Math.min(Math.max(seconds, 1), 3_600);
}

/** Whether there is another page behind this one (RFC 8288). */
export const hasNext = ({ header }: Exchanged): boolean => /;\s*rel="?next"?/.test(header('link'));
