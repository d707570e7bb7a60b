/** One call of ZITADEL's REST gateway. */
import type { Agent } from 'undici';
import type { Question } from '../exchange.ts';
import { exchange, unanswered, whatOf } from '../exchange.ts';
import { errorOf, ZitadelError } from './zitadel-error.ts';

/** There was no answer, and the request never reached anybody. */
export class Unsent extends ZitadelError {}

/** The JSON of a 2xx answer. Throws ZitadelError for everything else. */
export async function ask(agent: Agent, question: Question): Promise<unknown> {
  const what = whatOf(question);
  const answer = await exchange(agent, question).catch((error) => {
    throw asZitadelError(error, what, question.signal);
  });
  const { status, document, retryAfterSeconds } = answer;
  const isSuccess = status >= 200 && status < 300;
  if (isSuccess && document !== undefined) return document;
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

export function asZitadelError(error: unknown, what: string, signal: AbortSignal): ZitadelError {
  if (error instanceof ZitadelError) return error;
  const { message, isUnsent, retryAfterSeconds } = unanswered(error, what, signal);
  const told = { status: 0, message, retryAfterSeconds };
  return isUnsent ? new Unsent(told) : new ZitadelError(told);
}
