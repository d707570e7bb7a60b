/** One request to a target and its answer: bounded in time and size, and never to another place than the one configured. */
import type { Agent } from 'undici';
import { traceHeaders } from '../observability/tracing.ts';

export interface Question {
  readonly origin: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, escaped. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as a form where it is URLSearchParams, else as JSON. */
  readonly body?: object | undefined;
  readonly signal: AbortSignal;
}

/** An answer, whatever it says. */
export interface Exchanged {
  readonly status: number;
  readonly text: string;
  /** Of JSON, else undefined. */
  readonly document: unknown;
  readonly location: string;
  readonly retryAfterSeconds: number | undefined;
  /** Any other header, by its name in small letters; empty where it is not there. */
  readonly header: (name: string) => string;
}

/** There was no answer. `message` may go to a log: it says nothing of what was sent. */
export class Unanswered extends Error {
  override name = 'Unanswered';
  /** The request never reached anybody. */
  readonly isUnsent: boolean;
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, told: { isUnsent?: boolean; retryAfterSeconds?: number } = {}) {
    super(message);
    this.isUnsent = told.isUnsent ?? false;
    this.retryAfterSeconds = told.retryAfterSeconds;
  }
}

/** A page of a thousand users or events, with room to spare. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const MAX_RETRY_SECONDS = 3_600;
const UNSENT = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

/** Throws Unanswered. */
export async function exchange(agent: Agent, question: Question): Promise<Exchanged> {
  const { origin, method, path, headers, body, signal } = question;
  const isForm = body instanceof URLSearchParams;
  try {
    const response = await agent.request({
      origin,
      path,
      method,
      headers: {
        accept: 'application/json',
        // The sentences of errors are translated.
        'accept-language': 'en',
        ...(body && { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' }),
        ...traceHeaders(),
        ...headers,
      },
      body: body === undefined ? null : isForm ? body.toString() : JSON.stringify(body),
      signal,
    });
    const text = await textWithin(response.body, MAX_ANSWER_BYTES);
    const header = (name: string) => [response.headers[name] ?? ''].flat()[0] ?? '';
    return {
      status: response.statusCode,
      text,
      document: documentOf(text),
      location: header('location'),
      retryAfterSeconds: retryAfterSecondsOf(header('retry-after'), Date.now()),
      header,
    };
  } catch (error) {
    throw unanswered(error, whatOf(question), signal);
  }
}

/** RFC 9110 section 5.6.7: as it is written today, and the two older forms of it, which a recipient has to read as well. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? [\w: -]{10,30}$/;

/**
 * Of Retry-After (RFC 9110 section 10.2.3): whole seconds, or the date on which to come again. At most an hour; undefined
 * for what is neither, or is over already.
 */
export function retryAfterSecondsOf(header: string, nowMs: number): number | undefined {
  const text = header.trim();
  const isSeconds = /^\d+(?:\.\d+)?$/.test(text);
  if (!isSeconds && !HTTP_DATE.test(text)) return undefined;
  // The oldest form names no zone: it is GMT all the same.
  const seconds = isSeconds
    ? Number(text)
    : (Date.parse(/ GMT$/.test(text) ? text : `${text} GMT`) - nowMs) / 1_000;
  return seconds > 0 ? Math.min(Math.ceil(seconds), MAX_RETRY_SECONDS) : undefined;
}

async function textWithin(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > maxBytes) throw Object.assign(new Error(), { code: 'ANSWER_TOO_LARGE' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8').trim();
}

function documentOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `POST /v2/users`: without a query, for values may stand in it. */
export const whatOf = ({ method, path }: Pick<Question, 'method' | 'path'>) =>
  `${method} ${path.split('?')[0]}`;

/** Never the error itself: drivers put requests into what they say. */
export function unanswered(error: unknown, what: string, signal: AbortSignal): Unanswered {
  if (error instanceof Unanswered) return error;
  const { code = '', name } = error as NodeJS.ErrnoException;
  if (signal.aborted) {
    const why = signal.reason?.name === 'TimeoutError' ? 'is not answered in time' : 'was given up';
    return new Unanswered(`${what} ${why}`);
  }
  const reason = [code, name].find((part) => part && /^\w{2,60}$/.test(part)) ?? 'failed';
  return new Unanswered(`${what} is not answered: ${reason}`, { isUnsent: UNSENT.test(code) });
}

/** Waits no longer than the signal allows for what others wait for too. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    // Nobody waits for it any more, however it ends.
    work.catch(() => undefined);
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
