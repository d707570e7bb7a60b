/**
 * One address of a legacy app that we call: a signed POST with a JSON body, bounded in time, size and number, and never
 * to another address than the configured one.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Agent, Dispatcher } from 'undici';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import { CircuitBreaker } from '../../legacy/circuit-breaker.ts';
import { parseExactly } from '../../legacy/documents.ts';
import type { SigningKey } from '../../migration/signature.ts';
import { SIGNATURE_HEADER, signBody } from '../../migration/signature.ts';
import type { CallOptions } from '../legacy-app.ts';

export interface AppEndpointDeps {
  readonly agent: Agent;
  /** The first signs. */
  readonly keys: readonly SigningKey[];
  readonly timeoutMs: number;
  readonly nowSeconds: () => number;
}

export interface AppAnswer {
  readonly status: number;
  readonly setCookies: readonly string[];
  /** Whether the app says that its answer is JSON. */
  readonly isJson: boolean;
  /** The answer's JSON. Throws for anything else, and for more than 64 KiB. */
  read(): Promise<unknown>;
}

export interface AppEndpoint {
  /**
   * What `take` makes of the answer; a body that it does not read is left to itself. Throws legacy_unavailable where there
   * is no answer in time (`cause` is a TimeoutError then), or `take` cannot read it.
   */
  call<T>(
    message: object,
    take: (answer: AppAnswer) => T | Promise<T>,
    options?: CallOptions | undefined,
  ): Promise<T>;
}

const ANSWER_BYTES = 64 * 1_024;
const RETRY_AFTER_MS = 50;
/** Nothing was sent yet: only then is a call made twice, for it may open a session. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** An answer that means nothing to us; `message` says what is wrong with it, without a value. */
export class UnreadableAnswer extends Error {}

/** `what` names the address in errors: `checkUrl of forum`. Each has a breaker of its own. */
export function appEndpoint(url: string, what: string, deps: AppEndpointDeps): AppEndpoint {
  const breaker = new CircuitBreaker(() => performance.now());
  return {
    call: (message, take, options = {}) =>
      breaker.run(async () => {
        const timeout = AbortSignal.timeout(deps.timeoutMs);
        const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
        try {
          const answer = answerOf(await send(url, message, { ...deps, signal }));
          return await Promise.resolve(take(answer)).finally(answer.drop);
        } catch (error) {
          if (isFootbridgeError(error)) throw error;
          if (signal.aborted) throw unavailable(`${what} does not answer in time`, signal.reason);
          throw unavailable(`${what} ${reasonOf(error)}`);
        }
      }),
  };
}

type Sending = AppEndpointDeps & { readonly signal: AbortSignal };

/** Once more where there was no connection, inside the same time limit. */
async function send(url: string, message: object, sending: Sending): Promise<Dispatcher.ResponseData> {
  const { agent, keys, nowSeconds, signal } = sending;
  const body = Buffer.from(JSON.stringify(message));
  const once = () =>
    agent.request({
      ...addressOf(url),
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        [SIGNATURE_HEADER]: signBody(keys[0]!.key, body, nowSeconds()),
      },
      body,
      signal,
    });
  try {
    return await once();
  } catch (error) {
    if (signal.aborted || !NOT_CONNECTED.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await delay(RETRY_AFTER_MS, undefined, { signal });
    return once();
  }
}

function addressOf(url: string): { origin: string; path: string } {
  const { origin, pathname, search } = new URL(url);
  return { origin, path: pathname + search };
}

function answerOf({ statusCode, headers, body }: Dispatcher.ResponseData): AppAnswer & { drop(): void } {
  let isRead = false;
  return {
    status: statusCode,
    setCookies: [headers['set-cookie'] ?? []].flat(),
    isJson: /^application\/(?:[\w.+-]+\+)?json\b/i.test(String(headers['content-type'] ?? '')),
    read: () => {
      isRead = true;
      return documentOf(body);
    },
    // Nobody waits for a body that means nothing: it is read to its end only if that is near.
    drop: () => void (isRead || body.dump({ limit: ANSWER_BYTES }).catch(() => undefined)),
  };
}

async function documentOf(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > ANSWER_BYTES) throw new UnreadableAnswer(`answers with more than ${ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return parseExactly(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw new UnreadableAnswer('answers with what is not JSON');
  }
}

/** Never the error itself: it may quote what was sent. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof UnreadableAnswer) return thrown.message;
  const { code, name } = thrown as NodeJS.ErrnoException;
  return [code, name].find((part) => part && /^\w{2,60}$/.test(part)) ?? 'failed';
}

function unavailable(detail: string, cause?: unknown): FootbridgeError {
  return new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: 2, cause });
}
