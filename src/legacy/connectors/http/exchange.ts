/** One request and its answer: bounded in time and size, and never to another place than the one configured. */
import { TextDecoder } from 'node:util';
import type { Agent } from 'undici';
import { FootbridgeError } from '../../../errors.ts';
import { parseExactly } from '../../documents.ts';

export interface Question {
  readonly method: string;
  readonly origin: string;
  /** Path and query, escaped. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For errors: method and path as configured, without values. */
  readonly what: string;
}

export interface Answer {
  readonly status: number;
  /** What a 2xx answer says; undefined where it says nothing. */
  readonly document: unknown;
  /** WWW-Authenticate (RFC 9110 section 11.6.1). */
  readonly challenge: string;
  readonly retryAfterSeconds: number;
  /** ETag (RFC 9110 section 8.8.3). */
  readonly etag?: string;
}

export interface Limits {
  readonly limitMs: number;
  readonly maxBytes: number;
}

/** Enough to keep the connection of an error page. */
const DUMPED_BYTES = 16_384;
const MAX_RETRY_SECONDS = 60;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i;

/** Throws legacy_unavailable: no answer, a 2xx that is not JSON, an answer that is too long or late. */
export async function exchange(agent: Agent, question: Question, limits: Limits): Promise<Answer> {
  const { origin, target, method, headers, body = null, what } = question;
  const place = `${new URL(origin).host} ${what}`;
  const signal = AbortSignal.timeout(limits.limitMs);
  try {
    // `path` as it is: nothing of it is read as a URL again.
    const options = { origin, path: target, method: method as 'GET', headers, body, signal };
    const response = await agent.request(options);
    const { statusCode: status } = response;
    const type = textOfHeader(response.headers['content-type']);
    const isSuccess = status >= 200 && status < 300;
    if (!isSuccess) await response.body.dump({ limit: DUMPED_BYTES, signal }).catch(() => undefined);
    const text = isSuccess ? await textWithin(response.body, limits.maxBytes) : '';
    const etag = textOfHeader(response.headers.etag);
    const seconds = Number(textOfHeader(response.headers['retry-after']));
    return {
      status,
      document: text.trim() === '' ? undefined : documentOf(text, type),
      challenge: textOfHeader(response.headers['www-authenticate']),
      retryAfterSeconds: seconds > 0 ? Math.min(Math.ceil(seconds), MAX_RETRY_SECONDS) : 2,
      ...(etag ? { etag } : {}),
    };
  } catch (error) {
    throw unavailable(`${place} ${signal.aborted ? 'does not answer in time' : reasonOf(error)}`);
  }
}

/** What the server says of itself: a sentence without a value. */
class Unreadable extends Error {}

async function textWithin(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > maxBytes) throw new Unreadable(`answers with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Unreadable('answers with what is not UTF-8');
  }
}

function documentOf(text: string, type: string): unknown {
  if (!JSON_TYPE.test(type)) throw new Unreadable('answers with something other than JSON');
  try {
    return parseExactly(text);
  } catch {
    throw new Unreadable('answers with JSON that cannot be read');
  }
}

const textOfHeader = (value: string | string[] | undefined) => [value ?? ''].flat().join(', ');

/** Never the error itself: drivers put requests into what they say. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof Unreadable) return thrown.message;
  const { code, name } = thrown as NodeJS.ErrnoException;
  return [code, name].find((part) => part && /^\w{2,60}$/.test(part)) ?? 'failed';
}

export function unavailable(detail: string, retryAfterSeconds = 2): FootbridgeError {
  return new FootbridgeError('legacy_unavailable', { detail: `http ${detail}`, retryAfterSeconds });
}

/** An answer that nobody expected. */
export function unexpected({ origin, what }: Question, answer: Answer): FootbridgeError {
  const { status, retryAfterSeconds } = answer;
  const why =
    status === 401 || status === 403
      ? ': it refuses our credentials, see http.authorization'
      : status >= 300 && status < 400
        ? ': redirects are not followed'
        : '';
  return unavailable(`${new URL(origin).host} ${what} answers ${status}${why}`, retryAfterSeconds);
}
