/** One request to ZITADEL and its answer: bounded in time and size, and never to another place than the one configured. */
import type { Agent } from 'undici';
import { errorOf, ZitadelError } from './zitadel-error.ts';

export interface Question {
  readonly origin: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as a form where it is URLSearchParams, else as JSON. */
  readonly body?: object | undefined;
  readonly signal: AbortSignal;
}

/** A page of a thousand users or events, with room to spare. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const MAX_RETRY_SECONDS = 3_600;
/** The request was never sent. */
const UNSENT = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

/** There was no answer, and the request never reached anybody. */
export class Unsent extends ZitadelError {}

/** The JSON of a 2xx answer. Throws ZitadelError for everything else. */
export async function exchange(agent: Agent, question: Question): Promise<unknown> {
  const { status, text, retryAfterSeconds } = await answerTo(agent, question);
  const document = documentOf(text);
  const isSuccess = status >= 200 && status < 300;
  if (isSuccess && document !== undefined) return document;
  const what = whatOf(question);
  if (isSuccess) {
    throw new ZitadelError({ status, message: `${what} answers ${status} with something other than JSON` });
  }
  if (status >= 300 && status < 400) {
    throw new ZitadelError({ status, message: `${what} answers ${status}: redirects are not followed` });
  }
  const { body, headers } = question;
  const sent = [
    body instanceof URLSearchParams ? [...body.values()] : body,
    headers.authorization?.split(' '),
  ];
  throw errorOf({ status, document, what, sent, retryAfterSeconds });
}

async function answerTo(agent: Agent, { origin, method, path, headers, body, signal }: Question) {
  try {
    const isForm = body instanceof URLSearchParams;
    const response = await agent.request({
      origin,
      path,
      method,
      headers: {
        accept: 'application/json',
        // The sentences of its errors are translated.
        'accept-language': 'en',
        ...(body && { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : isForm ? body.toString() : JSON.stringify(body),
      signal,
    });
    const text = await textWithin(response.body, MAX_ANSWER_BYTES);
    const seconds = Number([response.headers['retry-after'] ?? ''].flat()[0]);
    const retryAfterSeconds = seconds > 0 ? Math.min(Math.ceil(seconds), MAX_RETRY_SECONDS) : undefined;
    return { status: response.statusCode, text, retryAfterSeconds };
  } catch (error) {
    throw unanswered(error, whatOf({ method, path }), signal);
  }
}

async function textWithin(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > maxBytes) throw Object.assign(new Error(), { code: 'ANSWER_TOO_LARGE' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function documentOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Without a query: values may stand in it. */
const whatOf = ({ method, path }: Pick<Question, 'method' | 'path'>) => `${method} ${path.split('?')[0]}`;

/** Never the error itself: drivers put requests into what they say. */
export function unanswered(error: unknown, what: string, signal: AbortSignal): ZitadelError {
  if (error instanceof ZitadelError) return error;
  const { code = '', name } = error as NodeJS.ErrnoException;
  if (signal.aborted) {
    const why = signal.reason?.name === 'TimeoutError' ? 'is not answered in time' : 'was given up';
    return new ZitadelError({ status: 0, message: `${what} ${why}` });
  }
  const reason = [code, name].find((part) => part && /^\w{2,60}$/.test(part)) ?? 'failed';
  const told = { status: 0, message: `${what} is not answered: ${reason}` };
  return UNSENT.test(code) ? new Unsent(told) : new ZitadelError(told);
}
