/** One call of Keycloak's REST API. */
import type { Agent } from 'undici';
import type { Question } from '../exchange.ts';
import { exchange, unanswered, whatOf } from '../exchange.ts';
import { errorOf, KeycloakError, Unsent } from './keycloak-error.ts';

export interface Answer<T = unknown> {
  /** Of JSON; undefined where nothing is said. */
  readonly document: T;
  /** The last part of Location: the id of what was made. */
  readonly madeId: string | undefined;
}

/** A 2xx answer. Throws KeycloakError for everything else. */
export async function ask(agent: Agent, question: Question): Promise<Answer> {
  const what = whatOf(question);
  const answer = await exchange(agent, question).catch((error) => {
    throw asKeycloakError(error, what, question.signal);
  });
  const { status, text, document, location, retryAfterSeconds } = answer;
  if (status >= 200 && status < 300) {
    if (text !== '' && document === undefined) {
      throw new KeycloakError({
        status,
        message: `${what} answers ${status} with something other than JSON`,
      });
    }
    const madeId = location.split('/').at(-1) || undefined;
    return { document, madeId: madeId && decodeURIComponent(madeId) };
  }
  if (status >= 300 && status < 400) {
    throw new KeycloakError({ status, message: `${what} answers ${status}: redirects are not followed` });
  }
  throw errorOf(status, document, { what, retryAfterSeconds });
}

export function asKeycloakError(error: unknown, what: string, signal: AbortSignal): KeycloakError {
  if (error instanceof KeycloakError) return error;
  const { message, isUnsent, retryAfterSeconds } = unanswered(error, what, signal);
  const told = { status: 0, message, retryAfterSeconds };
  return isUnsent ? new Unsent(told) : new KeycloakError(told);
}
