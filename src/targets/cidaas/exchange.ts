/** One call of cidaas' REST API. */
import type { Agent } from 'undici';
import type { Question } from '../exchange.ts';
import { exchange, unanswered, whatOf } from '../exchange.ts';
import { CidaasError, errorOf, saysNotFound, Unsent } from './cidaas-error.ts';

export interface Answer<T = unknown> {
  /** Of JSON; undefined where nothing is said (204). */
  readonly document: T;
}

/** A 2xx answer. Throws CidaasError for everything else. */
export async function ask(agent: Agent, question: Question): Promise<Answer> {
  const what = whatOf(question);
  const answer = await exchange(agent, question).catch((error) => {
    throw asCidaasError(error, what, question.signal);
  });
  const { status, text, document, retryAfterSeconds } = answer;
  // It says so with 204 and a body, or with another status: the number is what counts.
  if (saysNotFound(document)) throw errorOf(404, document, { what });
  if (status >= 200 && status < 300) {
    if (text !== '' && document === undefined) {
      throw new CidaasError({ status, message: `${what} answers ${status} with something other than JSON` });
    }
    return { document };
  }
  if (status >= 300 && status < 400) {
    throw new CidaasError({ status, message: `${what} answers ${status}: redirects are not followed` });
  }
  throw errorOf(status, document, { what, retryAfterSeconds });
}

export function asCidaasError(error: unknown, what: string, signal: AbortSignal): CidaasError {
  if (error instanceof CidaasError) return error;
  const { message, isUnsent, retryAfterSeconds } = unanswered(error, what, signal);
  const told = { status: 0, message, retryAfterSeconds };
  return isUnsent ? new Unsent(told) : new CidaasError(told);
}
