/** One call of Kratos' admin API. */
import type { Agent } from 'undici';
import type { Question } from '../exchange.ts';
import { exchange, unanswered, whatOf } from '../exchange.ts';
import { errorOf, KratosError, Unsent } from './kratos-error.ts';

/** The document of a 2xx answer; undefined where nothing is said. Throws KratosError for everything else. */
export async function ask(agent: Agent, question: Question): Promise<unknown> {
  const what = whatOf(question);
  const answer = await exchange(agent, question).catch((error) => {
    throw asKratosError(error, what, question.signal);
  });
  const { status, text, document, retryAfterSeconds } = answer;
  if (status >= 200 && status < 300) {
    if (text === '' || document !== undefined) return document;
    throw new KratosError({ status, message: `${what} answers ${status} with something other than JSON` });
  }
  if (status >= 300 && status < 400) {
    // The public API sends everybody who asks for the admin API there.
    throw new KratosError({ status, message: `${what} answers ${status}: redirects are not followed` });
  }
  throw errorOf(status, document, { what, retryAfterSeconds });
}

export function asKratosError(error: unknown, what: string, signal: AbortSignal): KratosError {
  if (error instanceof KratosError) return error;
  const { message, isUnsent, retryAfterSeconds } = unanswered(error, what, signal);
  const told = { status: 0, message, retryAfterSeconds };
  return isUnsent ? new Unsent(told) : new KratosError(told);
}
