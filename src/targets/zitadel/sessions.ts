/**
 * Sessions at ZITADEL, those of its session API (Login V2). Login V1 keeps its own elsewhere, where no API reaches.
 *
 * Reading another's session takes the right `session.read`, ending it `session.delete`. A search without the right finds
 * nothing and says nothing; so where nothing is found and that matters, it is asked what we may do.
 */
import { FootbridgeError } from '../../errors.ts';
import type { TargetSession } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import type { ZitadelApi } from './api.ts';
import type { Message } from './messages.ts';
import { myPermissions, send } from './messages.ts';
import { isNotFound } from './outcomes.ts';
import { deleteSession, findSessions, getSession } from './session-messages.ts';
import { ZitadelError } from './zitadel-error.ts';

/** `zitadel.session.v2.Session`; a field with its default value is left out. */
interface Session {
  readonly id?: string;
  readonly creationDate?: string;
  readonly expirationDate?: string;
  readonly userAgent?: { readonly description?: string; readonly ip?: string };
  readonly factors?: { readonly user?: { readonly id?: string } } & Readonly<
    Partial<Record<(typeof PROOFS)[number], { readonly verifiedAt?: string }>>
  >;
}

/** Factors that prove who somebody is on their own. */
const PROOFS = ['password', 'intent', 'webAuthN'] as const;

export interface Sessions {
  readonly api: ZitadelApi;
  /** Seconds since the epoch; the system's clock by default. */
  readonly nowSeconds?: (() => number) | undefined;
}

const PAGE = 100;
/** Nobody has more; those beyond are not looked at. */
const MAX_SESSIONS = 1_000;
const ENDED_AT_ONCE = 4;
const MAX_DEVICE = 200;

/**
 * Undefined for a session without a user, and where we may not look: reading without the session's own token takes the
 * right `session.read` (IAM_OWNER, IAM_LOGIN_CLIENT). Throws ZitadelError.
 */
export async function userIdBySession(api: ZitadelApi, sessionId: string): Promise<string | undefined> {
  const session = await read(api, sessionId).catch((error) => {
    if (isForbidden(error)) return undefined;
    throw error;
  });
  return session?.factors?.user?.id;
}

/** Newest first. Throws ZitadelError, as all of these, and target_refused where a right is missing. */
export async function sessionsOf(sessions: Sessions, userId: string): Promise<readonly TargetSession[]> {
  const found = new Map<string, TargetSession>();
  for (let offset = 0; offset < MAX_SESSIONS; offset += PAGE) {
    const message = findSessions(userId, { offset, limit: PAGE });
    const { sessions: page = [] } = await allowed(
      send<{ sessions?: Session[] }>(sessions.api, message),
      'session.read',
    );
    // A session that begins meanwhile moves the others to the next page.
    for (const one of page) {
      const session = liveOf(one, sessions.nowSeconds);
      if (session?.targetUserId === userId) found.set(session.id, session);
    }
    if (page.length < PAGE) break;
  }
  if (found.size === 0) await assertMay(sessions.api, 'session.read');
  return [...found.values()].sort((a, b) => b.startedAt - a.startedAt);
}

export async function sessionById(
  { api, nowSeconds }: Sessions,
  sessionId: string,
): Promise<TargetSession | undefined> {
  const session = await allowed(read(api, sessionId), 'session.read');
  return session && liveOf({ ...session, id: sessionId }, nowSeconds);
}

/** Older releases do not find one that has ended; newer ones answer as if they had ended it. */
export async function endSession({ api }: Sessions, sessionId: string): Promise<void> {
  if (!isId(sessionId)) return;
  await allowed(send(api, deleteSession(sessionId)), 'session.delete').catch((error) => {
    if (!isNotFound(error)) throw error;
  });
}

export async function endSessionsOf(sessions: Sessions, userId: string): Promise<void> {
  const found = await sessionsOf(sessions, userId);
  await inParallel(found, ENDED_AT_ONCE, ({ id }) => endSession(sessions, id));
}

async function read(api: ZitadelApi, sessionId: string): Promise<Session | undefined> {
  if (!isId(sessionId)) return undefined;
  const answer = await send<{ session?: Session }>(api, getSession(sessionId)).catch((error) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  return answer?.session;
}

/** Undefined for one that nobody has, or that has expired. */
function liveOf(
  { id, creationDate, expirationDate, factors = {}, userAgent = {} }: Session,
  nowSeconds = () => Date.now() / 1_000,
): TargetSession | undefined {
  const targetUserId = factors.user?.id;
  const expiresAt = secondsOf(expirationDate);
  if (!id || !targetUserId || (expiresAt !== undefined && expiresAt <= nowSeconds())) return undefined;
  const proofs = PROOFS.flatMap((factor) => secondsOf(factors[factor]?.verifiedAt) ?? []);
  const device = (userAgent.description || userAgent.ip)?.slice(0, MAX_DEVICE);
  return {
    id,
    targetUserId,
    startedAt: secondsOf(creationDate) ?? Math.floor(nowSeconds()),
    ...(proofs.length > 0 && { provedAt: Math.max(...proofs) }),
    ...(device && { device }),
  };
}

/** Of an RFC 3339 time. */
function secondsOf(time: string | undefined): number | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1_000);
}

const isForbidden = (error: unknown) => error instanceof ZitadelError && error.status === 403;

/** Two of them would be another path. */
const isId = (text: string) => /^[^\s/?#]{1,200}$/.test(text) && text !== '.' && text !== '..';

/** Throws target_refused where our token lacks the right. */
export async function allowed<T>(work: Promise<T>, right: Right): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    throw lacks(right);
  }
}

type Right = 'session.read' | 'session.write' | 'session.delete';

async function assertMay(api: ZitadelApi, right: Right): Promise<void> {
  const { result = [] } = await send<{ result?: string[] }>(api, myPermissions satisfies Message);
  // One that holds for a single thing is written with its id behind a colon.
  if (!result.some((permission) => permission.split(':')[0] === right)) throw lacks(right);
}

const lacks = (right: Right) =>
  new FootbridgeError('target_refused', {
    detail: `zitadel: our token lacks the right ${right} (the role IAM_OWNER has it)`,
  });
