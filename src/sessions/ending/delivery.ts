/** What has to be told to whom, and by whom: the courier's errand. */

export interface Delivery {
  readonly id: string;
  readonly ending: string;
  readonly kind: 'client' | 'legacy' | 'target';
  /** The client's id, the app's or the target's name. */
  readonly name: string;
  readonly sub: string;
  /** client: its `sid`; legacy: the sealed handle; target: the session's id. Null: all that the person has there. */
  readonly handle: string | null;
  readonly attempts: number;
}

/**
 * Tells one recipient. Returning means that it is done, also where there was nothing left to end. Throws whatever went
 * wrong; a `DeliveryError` says more. Takes no longer than `signal`.
 */
export type Send = (delivery: Delivery, options: { readonly signal: AbortSignal }) => Promise<void>;

export class DeliveryError extends Error {
  /** Stable: timeout, unreachable, refused, status_<n>, unknown_recipient. */
  readonly code: string;
  /** The recipient's wish (RFC 9110 section 10.2.3). */
  readonly retryAfterSeconds: number | undefined;
  /** Saying it again will not help. */
  readonly isFinal: boolean;

  constructor(
    code: string,
    sentence: string,
    {
      retryAfterSeconds,
      isFinal = false,
    }: { retryAfterSeconds?: number | undefined; isFinal?: boolean } = {},
  ) {
    super(sentence);
    this.name = 'DeliveryError';
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
    this.isFinal = isFinal;
  }
}

const MAX_RETRY_AFTER_SECONDS = 86_400;
const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * A Retry-After field in seconds from now, in either of its forms (RFC 9110 section 10.2.3): a day at most, and never in
 * the past. Undefined: there is none, or it cannot be read.
 */
export function readRetryAfter(field: string | null | undefined, nowMs = Date.now()): number | undefined {
  const text = field?.trim() ?? '';
  if (/^\d{1,20}$/.test(text)) return Math.min(Number(text), MAX_RETRY_AFTER_SECONDS);
  if (!IMF_FIXDATE.test(text)) return undefined;
  const seconds = Math.ceil((Date.parse(text) - nowMs) / 1_000);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER_SECONDS) : undefined;
}
