/** What the hub says when it does not do what it was asked for. */
import { FootbridgeError } from '../../errors.ts';
import { SignInFailed } from '../sign-in.ts';

interface Told {
  /** HTTP; 0: there was no answer. */
  readonly status: number;
  /** In the hub's words, as `bearer_does_not_exist`; undefined where it says nothing that is one. */
  readonly reason?: string | undefined;
  /** Without a value that we sent or were sent. */
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
  /** It answers with something that the hub itself never says: whoever stands before it does. */
  readonly isForeign?: boolean;
}

/** `message` may go to a log: it says nothing of what was sent. */
export class HubError extends Error {
  override name = 'HubError';
  readonly status: number;
  /** For logs and counters: the hub's own words, or else `status_404`, `no_answer`. */
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;
  /** The same call may succeed later. */
  readonly isTemporary: boolean;

  constructor({ status, reason, message, retryAfterSeconds, isForeign = false }: Told) {
    super(message);
    this.status = status;
    this.reason = reason ?? (status === 0 ? 'no_answer' : `status_${status}`);
    this.retryAfterSeconds = retryAfterSeconds;
    this.isTemporary = isForeign || status === 0 || status === 408 || status === 429 || status >= 500;
  }
}

/** What can be wrong with a scope (its guide “Scopes”): which of these it is decides what we do. */
const SCOPE_ERRORS = [
  'bearer_does_not_exist',
  'ungranted_scope',
  'unpermitted_bearer_id',
  'different_bearer_types',
  'different_bearer_ids',
  'scope_is_not_included_in_desired_scopes',
  'malformed_scope',
] as const;
const WORD = /^[a-z][a-z_]{2,59}$/;
const MAX_TEXT = 10_000;

/**
 * The API says `{errors: ["unpermitted_scope"]}`, OAuth `{error, error_description}` (RFC 6749 section 5.2). Where a scope's
 * error stands is not documented: it is looked for everywhere. Other sentences are left out, they may repeat what was sent.
 */
export function reasonOf(document: unknown): string | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  const text = JSON.stringify(document).slice(0, MAX_TEXT);
  const { error, errors } = document as Record<string, unknown>;
  const said = [error, Array.isArray(errors) ? errors[0] : undefined];
  return SCOPE_ERRORS.find((one) => text.includes(one)) ?? said.find(isWord);
}

const isWord = (one: unknown): one is string => typeof one === 'string' && WORD.test(one);

/** Of an error that a browser brought back: one of those that there are, for nobody is to fill our logs with words. */
export function returnedReason(error: string, description: string | null): string {
  const scope = error === 'invalid_scope' && SCOPE_ERRORS.find((one) => description?.includes(one));
  return scope || (RETURNED.has(error) ? error : 'unknown_error');
}

/** RFC 6749 section 4.1.2.1. */
const RETURNED = new Set([
  'access_denied',
  'invalid_request',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_response_type',
]);

/** As the rooms above know it: target_unavailable or target_refused. */
export function asFootbridgeError(error: unknown): unknown {
  if (!(error instanceof HubError)) return error;
  const { message: detail, retryAfterSeconds } = error;
  if (!error.isTemporary) return new FootbridgeError('target_refused', { detail, cause: error });
  return new FootbridgeError('target_unavailable', {
    detail,
    cause: error,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

/** For somebody who was signing in. */
export function asSignInFailed(error: unknown): unknown {
  if (!(error instanceof HubError)) return error;
  return new SignInFailed(error.isTemporary ? 'unavailable' : 'refused', error.reason, { cause: error });
}
