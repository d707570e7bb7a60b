/**
 * How long a provider session lives: one rule, for the library, for the policy, and for whoever looks at a session
 * besides. Also the uids of sessions that began because a legacy system knew the person: they tell when that was.
 */
import { randomBytes } from 'node:crypto';
import { nowSeconds } from '../clock.ts';
import type { ProviderSettings } from './provider-settings.ts';

/** What of a session the rule is about; times are seconds since the epoch. */
export interface SessionFacts {
  readonly uid?: string | undefined;
  readonly loginTs?: number | undefined;
  /** Ends with the browser. */
  readonly transient?: boolean | undefined;
}

export type SessionLifetimes = Pick<
  ProviderSettings['lifetimes'],
  'sessionIdleSeconds' | 'sessionSeconds' | 'rememberedSeconds'
>;

/** Seconds since the epoch in base 36 have six digits until 2038; a seventh is enough for 2,000 years more. */
const TIME_DIGITS = 7;
const RANDOM_BYTES = 16;
/** Shorter than the library's own (43 characters): none of those is ever taken for one. */
const RECOGNISED_UID = /^r([0-9a-z]{7})-[A-Za-z0-9_-]{22}$/;

/** The uid of a session whose person a legacy system knew at this moment. */
export const recognisedUid = (at = nowSeconds()): string =>
  `r${at.toString(36).padStart(TIME_DIGITS, '0')}-${randomBytes(RANDOM_BYTES).toString('base64url')}`;

/** When the person was recognised; undefined for a session that began with a login here. */
export function recognisedAt(uid: string | undefined): number | undefined {
  const digits = RECOGNISED_UID.exec(uid ?? '')?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 36);
}

/**
 * When the session began here. Recognising somebody is a login of its own: the legacy system has just been asked, and
 * has said that its session is good. `loginTs` stays what it is, the moment when the person proved who they are.
 */
export const startedAt = ({ uid, loginTs }: SessionFacts): number =>
  Math.max(loginTs ?? 0, recognisedAt(uid) ?? 0);

export const isRemembered = ({ transient }: SessionFacts, { rememberedSeconds }: SessionLifetimes): boolean =>
  rememberedSeconds > 0 && !transient;

/** Used or not, it is over then. */
export function expiresAt(session: SessionFacts, lifetimes: SessionLifetimes): number {
  const { sessionSeconds, rememberedSeconds } = lifetimes;
  return startedAt(session) + (isRemembered(session, lifetimes) ? rememberedSeconds : sessionSeconds);
}

/** If it is not used again after `at`, it is over then. */
export function idleUntil(session: SessionFacts, lifetimes: SessionLifetimes, at = nowSeconds()): number {
  const end = expiresAt(session, lifetimes);
  return isRemembered(session, lifetimes) ? end : Math.min(end, at + lifetimes.sessionIdleSeconds);
}

export const isTooOld = (session: SessionFacts, lifetimes: SessionLifetimes): boolean =>
  session.loginTs !== undefined && nowSeconds() > expiresAt(session, lifetimes);
