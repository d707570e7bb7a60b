/** What Keycloak says when it does not do what it was asked for. */
import { FootbridgeError } from '../../errors.ts';

interface Told {
  /** HTTP; 0: there was no answer. */
  readonly status: number;
  /** In Keycloak's words, as `error-invalid-email`; undefined where it says nothing. */
  readonly reason?: string | undefined;
  /** Without a value that we sent. */
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
}

/** `message` may go to a log: it says nothing of what was sent. */
export class KeycloakError extends Error {
  readonly status: number;
  /** For outcomes and logs: Keycloak's own words as a code, or else `http-404`, `no-answer`. */
  readonly reason: string;
  readonly retryAfterSeconds?: number;

  constructor({ status, reason, message, retryAfterSeconds }: Told) {
    super(message);
    this.name = 'KeycloakError';
    this.status = status;
    this.reason = reason ?? (status === 0 ? 'no-answer' : `http-${status}`);
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The same call may succeed later. Nobody knows whether this one did, except at 429. */
  get isTemporary(): boolean {
    const { status, reason } = this;
    // It answers 500 as well where a credential is not what it can read: no other try changes that.
    const isDown = status >= 500 && reason !== 'invalid_request';
    return status === 0 || status === 408 || status === 429 || isDown;
  }

  /** Nothing is wrong with what was asked for: it is down, or wants a pause, or does not let us in. */
  get isNobodysFault(): boolean {
    return this.isTemporary || this.status === 401 || this.status === 403;
  }
}

/** There was no answer, and the request never reached anybody. */
export class Unsent extends KeycloakError {}

const MAX_REASON = 60;

/**
 * Reads `{errorMessage, field, params}` and OAuth's `{error, error_description}` (RFC 6749 section 5.2). Of these,
 * `params` repeats what was sent, and a description may.
 */
export function errorOf(
  status: number,
  document: unknown,
  told: { what: string; retryAfterSeconds?: number | undefined },
) {
  const { errorMessage, error, field } = objectOf(document);
  const said = [errorMessage, error].find((text) => typeof text === 'string' && text !== '');
  const reason = typeof said === 'string' && !said.startsWith('HTTP ') ? codeOf(said) : undefined;
  const about = typeof field === 'string' && /^[\w.-]{1,60}$/.test(field) ? ` (${field})` : '';
  return new KeycloakError({
    status,
    reason,
    message: `${told.what} answers ${status}${reason ? `: ${reason}${about}` : ''}`,
    retryAfterSeconds: told.retryAfterSeconds,
  });
}

/** `User exists with same email` → `user-exists-with-same-email`. Behind a colon stand others' words, as a mail server's. */
const codeOf = (text: string) =>
  text
    .replace(/:.*$/s, '')
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, MAX_REASON) || undefined;

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** As the rooms above know it: target_unavailable or target_refused. */
export function asFootbridgeError(error: unknown): unknown {
  if (!(error instanceof KeycloakError)) return error;
  const { message: detail, retryAfterSeconds } = error;
  if (!error.isNobodysFault) return new FootbridgeError('target_refused', { detail });
  return new FootbridgeError('target_unavailable', {
    detail,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

/** A 403 is no outage: our account lacks a role, which is said so. */
export async function unlessForbidden<T>(detail: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KeycloakError) || error.status !== 403) throw error;
    throw new FootbridgeError('target_refused', { detail });
  }
}
