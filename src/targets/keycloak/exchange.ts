/** One request to Keycloak and its answer: bounded in time and size, and never to another place than the one configured. */
import type { Agent } from 'undici';
import { errorOf, KeycloakError, Unsent } from './keycloak-error.ts';

export interface Question {
  readonly origin: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With its query, escaped. */
  readonly path: string;
  readonly authorization: string;
  /** Sent as a form where it is URLSearchParams, else as JSON. */
  readonly body?: object | undefined;
  readonly signal: AbortSignal;
}

export interface Answer<T = unknown> {
  /** Of JSON; undefined where nothing is said. */
  readonly document: T;
  /** The last part of Location: the id of what was made. */
  readonly madeId: string | undefined;
}

/** A page of a thousand users or a realm's roles, with room to spare. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const MAX_RETRY_SECONDS = 3_600;
/** The request was never sent. */
const UNSENT = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

/** A 2xx answer. Throws KeycloakError for everything else. */
export async function exchange(agent: Agent, question: Question): Promise<Answer> {
  const what = whatOf(question);
  const { status, headers, text } = await answerTo(agent, question).catch((error) => {
    throw unanswered(error, what, question.signal);
  });
  const document = documentOf(text);
  if (status >= 200 && status < 300) {
    if (text !== '' && document === undefined) {
      throw new KeycloakError({
        status,
        message: `${what} answers ${status} with something other than JSON`,
      });
    }
    const madeId = textOf(headers.location).split('/').at(-1) || undefined;
    return { document, madeId: madeId && decodeURIComponent(madeId) };
  }
  if (status >= 300 && status < 400) {
    throw new KeycloakError({ status, message: `${what} answers ${status}: redirects are not followed` });
  }
  const seconds = Number(textOf(headers['retry-after']));
  const retryAfterSeconds = seconds > 0 ? Math.min(Math.ceil(seconds), MAX_RETRY_SECONDS) : undefined;
  throw errorOf(status, document, { what, retryAfterSeconds });
}

async function answerTo(agent: Agent, { origin, method, path, authorization, body, signal }: Question) {
  const isForm = body instanceof URLSearchParams;
  const response = await agent.request({
    origin,
    path,
    method,
    headers: {
      accept: 'application/json',
      authorization,
      ...(body && { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' }),
    },
    body: body === undefined ? null : isForm ? body.toString() : JSON.stringify(body),
    signal,
  });
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of response.body) {
    received += chunk.length;
    if (received > MAX_ANSWER_BYTES) throw Object.assign(new Error(), { code: 'ANSWER_TOO_LARGE' });
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8').trim();
  return { status: response.statusCode, headers: response.headers, text };
}

const textOf = (header: string | readonly string[] | undefined) => [header ?? ''].flat()[0] ?? '';

function documentOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Without a query: values may stand in it. */
export const whatOf = ({ method, path }: Pick<Question, 'method' | 'path'>) =>
  `${method} ${path.split('?')[0]}`;

/** Never the error itself: drivers put requests into what they say. */
export function unanswered(error: unknown, what: string, signal: AbortSignal): KeycloakError {
  if (error instanceof KeycloakError) return error;
  const { code = '', name } = error as NodeJS.ErrnoException;
  if (signal.aborted) {
    const why = signal.reason?.name === 'TimeoutError' ? 'is not answered in time' : 'was given up';
    return new KeycloakError({ status: 0, message: `${what} ${why}` });
  }
  const reason = [code, name].find((part) => part && /^\w{2,60}$/.test(part)) ?? 'failed';
  const told = { status: 0, message: `${what} is not answered: ${reason}` };
  return UNSENT.test(code) ? new Unsent(told) : new KeycloakError(told);
}
