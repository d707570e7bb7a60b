/**
 * Whether what an app says of somebody is enough to let them in without a password: who it is, whether they may, how long
 * ago they proved it, and with what.
 */
import { nowSeconds } from '../clock.ts';
import { isFootbridgeError } from '../errors.ts';
import type { Queryable } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import type { LegacyEntry, User } from '../user.ts';
import type { FoundSession, LegacyPerson } from './legacy-app.ts';
import { sinceAskedMs } from './legacy-session-row.ts';
import type { LegacyAppSettings } from './legacy-session-settings.ts';
import type { LegacySessionDeps, RecognitionOutcome } from './legacy-sessions.ts';
import type { LegacySessionRow, NewLegacySession } from './registry.ts';
import { idsOf, legacySessionById } from './registry.ts';
import { hasSecondFactor, plausibleAmr, showsTwoFactors } from './second-factor.ts';
import type { StoreSubjects } from './store-subjects.ts';
import { prefixOf } from './store-subjects.ts';

export interface JudgeDeps extends Pick<LegacySessionDeps, 'directory' | 'personEndedAt' | 'watchParts'> {
  readonly db: Queryable;
  readonly keyring: Keyring;
  readonly stores: readonly StoreSubjects[];
  readonly nowSeconds?: () => number;
}

export interface GoodSession {
  readonly user: User;
  readonly authTime: number;
  readonly amr: readonly string[];
  readonly isTwoFactor: boolean;
  /** How it is written down. */
  readonly note: NewLegacySession;
  /** Whoever is let in so is looked after like everybody else. */
  readonly watch?: readonly Part[];
}

export type Judgement =
  | { readonly outcome: 'recognised'; readonly session: GoodSession }
  | { readonly outcome: Exclude<RecognitionOutcome, 'recognised'> };

/** Clocks of two machines differ by so much; what lies further ahead says nothing. */
const SKEW_SECONDS = 60;
/** Longer than any session that is good for something: what lies further ahead is a mistake. */
const MAX_LIFE_SECONDS = 400 * 86_400;
/** One legacy session lets in no more browsers: all of them end with it, so all have to be known. */
const MAX_SHARED = 100;

/** Never throws: an outage is an outcome. `askedMs`: when the app was asked, by `performance.now()`. */
export async function judge(
  deps: JudgeDeps,
  app: LegacyAppSettings,
  found: FoundSession,
  askedMs: number,
): Promise<Judgement> {
  try {
    const entry = await personOf(deps, app, found.person);
    if (!entry) return { outcome: 'unknown_user' };
    if (entry.user.state !== 'active') return { outcome: 'inactive' };
    const [row, endedAt] = await Promise.all([
      legacySessionById(deps.db, idsOf(deps.keyring, app.name, found.handle)),
      deps.personEndedAt?.(entry.user.sub),
    ]);
    const judged = weigh({
      app,
      found,
      entry,
      row,
      endedAt,
      askedMs,
      now: (deps.nowSeconds ?? nowSeconds)(),
    });
    if (judged.outcome !== 'recognised' || !deps.watchParts) return judged;
    return { ...judged, session: { ...judged.session, watch: deps.watchParts(entry) } };
  } catch (error) {
    const isAnswer = ['user_ambiguous', 'mapping_failed'] as const;
    return { outcome: isAnswer.some((code) => isFootbridgeError(error, code)) ? 'unknown_user' : 'outage' };
  }
}

/** Exactly the person whom the app names, read afresh. Throws what the directory throws. */
export async function personOf(
  { directory, stores }: Pick<JudgeDeps, 'directory' | 'stores'>,
  app: Pick<LegacyAppSettings, 'store'>,
  { by, value }: LegacyPerson,
): Promise<LegacyEntry | undefined> {
  const prefix = prefixOf(app.store, stores);
  if (by === 'login') {
    const entry = await directory.findByLogin(value);
    return entry?.user.sub.startsWith(prefix ?? '') ? entry : undefined;
  }
  if (by === 'id' && prefix === undefined) return undefined;
  const sub = by === 'id' ? prefix + value : value;
  const legacyId = directory.legacyIdOf(sub);
  const isNamed = by === 'id' ? legacyId === value : legacyId !== undefined && sub.startsWith(prefix ?? '');
  if (!isNamed) return undefined;
  const entry = await directory.findBySub(sub);
  // A store may have compared more generously than we do.
  return entry?.user.sub === sub && entry.user.legacyId === legacyId ? entry : undefined;
}

interface Evidence {
  readonly app: LegacyAppSettings;
  readonly found: FoundSession;
  readonly entry: LegacyEntry;
  /** What we wrote down of this session before. */
  readonly row: LegacySessionRow | undefined;
  /** When everything of this person was ended last, by somebody who meant the person. */
  readonly endedAt: number | undefined;
  readonly askedMs: number;
  readonly now: number;
}

function weigh(evidence: Evidence): Judgement {
  const { app, found, entry, row, endedAt, askedMs, now } = evidence;
  const { lastUsedAt, expiresAt } = found;
  if (expiresAt !== undefined && expiresAt <= now) return { outcome: 'nobody' };
  const { certain, assumed } = authTimeOf(evidence);
  if ((row?.sharedWith ?? 0) >= MAX_SHARED) return { outcome: 'nobody' };
  if (isEndedHere(evidence, certain) || (endedAt !== undefined && assumed <= endedAt))
    return { outcome: 'nobody' };
  if (now - assumed > app.maxAgeSeconds) return { outcome: 'too_old' };
  if (lastUsedAt !== undefined && now - lastUsedAt > app.maxIdleSeconds) return { outcome: 'idle' };
  const told = plausibleAmr(found.amr);
  const isAsked = hasSecondFactor(entry.credentials);
  const isAssured = isAsked && app.secondFactor === 'assured' && !showsTwoFactors(told);
  const amr = isAssured ? [...told, 'mfa'] : told;
  const isTwoFactor = showsTwoFactors(amr);
  if (isAsked && !isTwoFactor) return { outcome: 'factor' };
  const note: NewLegacySession = {
    app: app.name,
    sub: entry.user.sub,
    origin: 'recognised',
    handle: found.handle,
    amr,
    askedMs,
    expiresAt: Math.min(expiresAt ?? now + app.maxAgeSeconds, now + MAX_LIFE_SECONDS),
    ...(certain === undefined ? {} : { authTime: certain }),
    ...(row ? { id: row.id } : {}),
  };
  return { outcome: 'recognised', session: { user: entry.user, authTime: assumed, amr, isTwoFactor, note } };
}

/**
 * We ended it and the app has not confirmed that, or only after it was asked: it must not let anybody in again, not until the
 * person has proved who they are once more. A token stays good whatever its app confirms or tells: for it the end is here.
 */
function isEndedHere({ app, row, askedMs }: Evidence, certain: number | undefined): boolean {
  if (!row?.endedAt) return false;
  const isConfirmed = row.overForMs !== null && row.overForMs > sinceAskedMs(askedMs);
  if (isConfirmed && app.kind !== 'jwt-cookie') return false;
  return certain === undefined || certain * 1_000 <= row.endedAt.getTime();
}

/**
 * `certain`: as the app says, and no later than the login here that made the session. `assumed`: where nobody knows, the
 * longest ago that still counts; but a session that we have known for longer than that is older than that.
 */
function authTimeOf({ app, found, entry, row, now }: Evidence): { certain?: number; assumed: number } {
  const known = row?.sub === entry.user.sub && !row.endedAt ? row : undefined;
  const times = [
    ...(found.authTime !== undefined && found.authTime <= now + SKEW_SECONDS ? [found.authTime] : []),
    ...(known?.origin === 'created' && known.authTime ? [known.authTime.getTime() / 1_000] : []),
  ];
  if (times.length > 0) {
    const certain = Math.min(now, ...times);
    return { certain, assumed: certain };
  }
  const seen = known ? Math.floor(known.createdAt.getTime() / 1_000) : now;
  const oldest = now - app.maxAgeSeconds;
  return { assumed: seen < oldest ? seen : oldest };
}
