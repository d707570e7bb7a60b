/** A session of ours that was used elsewhere: at a legacy app that belongs to it. */
import { nowSeconds } from '../clock.ts';
import type { Queryable } from '../store/db.ts';
import { listSessions, prolongSession } from './records.ts';
import type { SessionLifetimes } from './session-lives.ts';
import { idleUntil } from './session-lives.ts';

/**
 * It lives on as if it had been used here at that moment (seconds since the epoch), and never beyond its end. One that is
 * over stays so. Throws storage_unavailable.
 */
export async function touchSession(
  db: Queryable,
  lifetimes: SessionLifetimes,
  { opSession, at }: { readonly opSession: Buffer; readonly at: number },
): Promise<void> {
  const [session] = await listSessions(db, { uids: [opSession] }, 1);
  if (!session) return;
  const until = Math.floor(idleUntil(session.facts, lifetimes, Math.min(at, nowSeconds())));
  if (until * 1_000 > session.expiresAt.getTime()) await prolongSession(db, opSession, until);
}
