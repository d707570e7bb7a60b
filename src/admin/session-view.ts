/** Sessions as an operator sees them. What names one is the hash under which it is stored, never what a browser has. */
import type { ListedSession } from '../provider/records.ts';
import type { SessionLifetimes } from '../provider/session-lives.ts';
import { expiresAt, isRemembered, startedAt } from '../provider/session-lives.ts';
import type { LegacySessionRow } from '../sessions/registry.ts';
import type { TargetSessionRow } from '../sessions/target-sessions.ts';

const UID_BYTES = 32;
const SHOWN_DIGITS = 16;

export const shownId = (uid: Buffer): string => uid.toString('hex').slice(0, SHOWN_DIGITS);

/** All uids that begin so: after the first and up to the second. */
export function uidsFrom(prefix: string): { readonly after: Buffer; readonly upTo: Buffer } {
  const lowest = Buffer.from(prefix.padEnd(UID_BYTES * 2, '0'), 'hex');
  return { after: before(lowest), upTo: Buffer.from(prefix.padEnd(UID_BYTES * 2, 'f'), 'hex') };
}

/** The value just before: a page begins after one. */
function before(uid: Buffer): Buffer {
  const n = BigInt(`0x${uid.toString('hex')}`);
  return n === 0n ? Buffer.alloc(0) : Buffer.from((n - 1n).toString(16).padStart(UID_BYTES * 2, '0'), 'hex');
}

export interface ShownSession {
  readonly id: string;
  readonly user: string;
  /** When it began here. */
  readonly since: string | undefined;
  /** When the person proved who they are; earlier than `since` for whoever was recognised at a legacy app. */
  readonly provedAt: string | undefined;
  /** Where that can be told. */
  readonly lastUsedAt: string | undefined;
  readonly endsUnlessUsedAt: string;
  readonly endsAt: string | undefined;
  /** It outlives the browser. */
  readonly remembered: boolean;
  readonly clients: readonly string[];
}

export function showSession(session: ListedSession, lifetimes: SessionLifetimes): ShownSession {
  const { uid, sub, clients } = session;
  const facts = { ...withoutNulls(session.facts) };
  const hasBegun = facts.loginTs !== undefined;
  const remembered = isRemembered(facts, lifetimes);
  const endsAt = hasBegun ? expiresAt(facts, lifetimes) : undefined;
  const stored = Math.floor(session.expiresAt.getTime() / 1_000);
  // An end that the session's age has set does not tell when it was used.
  const usedAt = remembered || (endsAt ?? 0) - stored < 2 ? undefined : stored - lifetimes.sessionIdleSeconds;
  return {
    id: shownId(uid),
    user: sub,
    since: timeOf(hasBegun ? startedAt(facts) : undefined),
    provedAt: timeOf(facts.loginTs),
    lastUsedAt: timeOf(usedAt),
    endsUnlessUsedAt: session.expiresAt.toISOString(),
    endsAt: timeOf(endsAt),
    remembered,
    clients,
  };
}

export const showLegacySession = (row: LegacySessionRow) => ({
  app: row.app,
  session: row.opSession ? shownId(row.opSession) : undefined,
  origin: row.origin,
  since: row.createdAt.toISOString(),
  lastUsedAt: row.seenAt.toISOString(),
  endsAt: row.expiresAt.toISOString(),
  /** Why there is none, or why the app could not be asked about it. */
  problem: row.problem ?? undefined,
  endedAt: row.endedAt?.toISOString(),
});

export const showTargetSession = (row: TargetSessionRow) => ({
  target: row.target,
  id: row.id,
  session: row.opSession ? shownId(row.opSession) : undefined,
  since: row.startedAt.toISOString(),
  lastSeenAt: row.seenAt.toISOString(),
  endedAt: row.endedAt?.toISOString(),
});

export const isLiveAtApp = ({ endedAt, problem, expiresAt: end }: LegacySessionRow): boolean =>
  endedAt === null && problem === null && end.getTime() > Date.now();
export const isLiveAtTarget = ({ endedAt }: TargetSessionRow): boolean => endedAt === null;

/** One line, for lists. */
export const sessionLine = (shown: ShownSession): string =>
  [
    shown.id,
    `since ${shown.since ?? '?'}`,
    ...(shown.lastUsedAt ? [`used ${shown.lastUsedAt}`] : []),
    shown.remembered
      ? `remembered until ${shown.endsAt ?? '?'}`
      : `ends ${shown.endsUnlessUsedAt} if not used`,
    `at ${shown.clients.join(', ') || 'no client'}`,
  ].join('  ');

const timeOf = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : new Date(seconds * 1_000).toISOString();

function withoutNulls<T extends object>(facts: T): T {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null)) as T;
}
