/** What counts as a second factor: in the legacy store, and in what a session says of itself (RFC 8176). */
import type { Credentials } from '../user.ts';

/**
 * Whether the store asks this person for more than a password. Recovery codes are none: they stand in for one. A passkey
 * that could replace the password is none either.
 */
export function hasSecondFactor(credentials: Credentials): boolean {
  const { totp, furtherTotp = [], passkeys = [], passkeyIsFactor = false } = credentials;
  return totp !== undefined || furtherTotp.length > 0 || (passkeyIsFactor && passkeys.length > 0);
}

/**
 * RFC 8176 section 2, by what each method shows. Left out, as they show none of the three: `geo`, `rba`, `user` (somebody
 * was there), `mca` (two channels may carry one factor), `wia` (whatever Windows asked for).
 */
const SHOWS: Readonly<Record<string, 'knowledge' | 'possession' | 'inherence'>> = {
  pwd: 'knowledge',
  pin: 'knowledge',
  kba: 'knowledge',
  otp: 'possession',
  pop: 'possession',
  hwk: 'possession',
  swk: 'possession',
  sc: 'possession',
  sms: 'possession',
  tel: 'possession',
  face: 'inherence',
  fpt: 'inherence',
  iris: 'inherence',
  retina: 'inherence',
  vbm: 'inherence',
};

/**
 * Two of the three, or `mfa`, which says just that. One alone is one, also if it is a code: a link by mail is `otp` too.
 * `pwd` and `pin` are two times the same.
 */
export function showsTwoFactors(amr: readonly string[]): boolean {
  return (
    amr.includes('mfa') || new Set(amr.flatMap((method) => (own(method) ? [SHOWS[method]] : []))).size > 1
  );
}

const own = (method: string) => Object.hasOwn(SHOWS, method);

/** Registered values are up to six letters; others may be made up (RFC 8176 section 1), but they are no prose. */
const METHOD = /^[A-Za-z0-9][A-Za-z0-9._-]{0,15}$/;
const MAX_METHODS = 8;

/** What may go on into a token; nothing is added. */
export function plausibleAmr(told: readonly string[]): string[] {
  const methods = told.filter((method) => typeof method === 'string' && METHOD.test(method));
  return [...new Set(methods)].slice(0, MAX_METHODS);
}
