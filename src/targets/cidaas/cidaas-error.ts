/** What cidaas says when it does not do what it was asked for. */
import { FootbridgeError } from '../../errors.ts';

interface Told {
  /** HTTP; 0: there was no answer. */
  readonly status: number;
  /** cidaas' own words or number; undefined where it says nothing. */
  readonly reason?: string | undefined;
  /** Without a value that we sent. */
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
  /** It is not in cidaas’ form: a proxy, or another server, has answered. */
  readonly isStrange?: boolean | undefined;
}

/** `message` may go to a log: it says nothing of what was sent. */
export class CidaasError extends Error {
  readonly status: number;
  /** For outcomes and logs: cidaas' own words as a code, or else `http-404`, `no-answer`. */
  readonly reason: string;
  readonly retryAfterSeconds?: number;
  readonly isStrange: boolean;

  constructor({ status, reason, message, retryAfterSeconds, isStrange = false }: Told) {
    super(message);
    this.name = 'CidaasError';
    this.status = status;
    this.isStrange = isStrange;
    this.reason = reason ?? (status === 0 ? 'no-answer' : `http-${status}`);
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The same call may succeed later. Nobody knows whether this one did, except at 429. */
  get isTemporary(): boolean {
    const { status } = this;
    return status === 0 || status === 408 || status === 429 || (status >= 500 && status !== INVALID_EMAIL);
  }

  /** Nothing is wrong with what was asked for: it is down, wants a pause, does not let us in, or is not cidaas. */
  get isNobodysFault(): boolean {
    return this.isTemporary || this.isStrange || this.status === 401 || this.status === 403;
  }
}

/** There was no answer, and the request never reached anybody. */
export class Unsent extends CidaasError {}

const MAX_REASON = 60;

/** `invalid email passed`, which is documented as a code: should it be the status as well, no later try is better. */
const INVALID_EMAIL = 507;

/** Its number for a user who is not there, whatever the status is. */
const NOT_FOUND = '10301';

/**
 * Reads cidaas' envelope, `{success, status, error: {code, error}}`, and OAuth's `{error, error_description}` (RFC 6749
 * section 5.2), whose description may repeat what was sent.
 */
export function errorOf(
  status: number,
  document: unknown,
  told: { readonly what: string; readonly retryAfterSeconds?: number | undefined },
) {
  const reason = codeOf(document);
  return new CidaasError({
    status,
    reason,
    message: `${told.what} answers ${status}${reason ? `: ${reason}` : ''}`,
    isStrange: status === 404 && typeof objectOf(document).success !== 'boolean' && !saysNotFound(document),
    retryAfterSeconds: told.retryAfterSeconds,
  });
}

/** `10301`, or `invalid-email-passed`; undefined where nothing is said. `sent`: what must not come back in it. */
export function codeOf(document: unknown, sent: readonly string[] = []): string | undefined {
  const { error, code = objectOf(error).code, message } = objectOf(document);
  const said = [objectOf(error).error, error, message].find((text) => typeof text === 'string' && text);
  const words = typeof said === 'string' ? slugOf(said, sent) : undefined;
  const number = /^\d{1,6}$/.test(String(code)) ? String(code) : undefined;
  return words ?? number;
}

/** The number that cidaas gives an error, as text. */
export function numberOf(document: unknown): string | undefined {
  const { error, code = objectOf(error).code } = objectOf(document);
  return /^\d{1,6}$/.test(String(code)) ? String(code) : undefined;
}

export const saysNotFound = (document: unknown) => numberOf(document) === NOT_FOUND;

/** Addresses, numbers, and what we sent are left out. */
function slugOf(text: string, sent: readonly string[]): string | undefined {
  const known = sent.filter((value) => value.length > 2).map((value) => wordOf(value.toLowerCase()));
  const cleared = known.reduce((left, word) => left.replace(word, ' '), text.toLowerCase());
  return (
    cleared
      .replace(/\S*[@\d]\S*/g, ' ')
      .replace(/[^a-z_]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, MAX_REASON) || undefined
  );
}

/** Standing alone: somebody called Able is not meant by `enabled`. */
const wordOf = (value: string) =>
  new RegExp(`(?<![\\p{L}\\p{N}])${value.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'gu');

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** As the rooms above know it: target_unavailable or target_refused. */
export function asFootbridgeError(error: unknown): unknown {
  if (!(error instanceof CidaasError)) return error;
  const { message: detail, retryAfterSeconds } = error;
  if (!error.isNobodysFault) return new FootbridgeError('target_refused', { detail });
  return new FootbridgeError('target_unavailable', {
    detail,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
