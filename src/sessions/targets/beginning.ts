/**
 * A session has begun at a target: it is written down with whose it is and what it came from, so that either side's end
 * finds the other. Nothing here ends anything.
 *
 * A name typed at the target's login page makes a session there before anything is proved. Such a one is kept without a
 * person: otherwise a stranger who types a name and leaves would log out whoever has it.
 */
import type { Target } from '../../targets/target.ts';
import {
  nobodysTargetSessions,
  noteTargetSession,
  noteTargetSessionEnded,
  targetSession,
} from '../target-sessions.ts';
import type { TargetSessionsDeps } from './target-people.ts';
import { isOurs, originOf, personAt } from './target-people.ts';

export interface Started {
  readonly targetSessionId: string;
  readonly targetUserId?: string;
  readonly provedAt?: number;
  readonly editor?: string;
}

/** Told twice, or after its end, it changes nothing. Throws storage_unavailable, target_unavailable. */
export async function started(deps: TargetSessionsDeps, target: Target, call: Started): Promise<void> {
  const { targetSessionId: id, provedAt, editor } = call;
  // We have only looked whether a password is theirs: nobody sits at it.
  if (await isOurs(deps, target, editor)) return;
  const row = await targetSession(deps.db, target.name, id);
  if (row?.endedAt || (row?.sub && row.opSession)) return;
  const known = call.targetUserId ?? row?.targetUserId;
  if (provedAt === undefined) {
    if (known !== undefined) await noted(deps, target, { id, targetUserId: known, startedAt: now() });
    return;
  }
  const targetUserId = known ?? (await deps.targets.connection(target.name)?.userIdBySession?.(id));
  if (targetUserId !== undefined) await proved(deps, target, { id, targetUserId, startedAt: provedAt });
}

/** The target's user has become one of ours: the sessions that began before are theirs, if they were proved. */
export async function adopted(deps: TargetSessionsDeps, target: Target, targetUserId: string): Promise<void> {
  const rows = await nobodysTargetSessions(deps.db, target.name, targetUserId);
  if (rows.length === 0 || !(await personAt(deps, target, { targetUserId }))) return;
  for (const row of rows) await identified(deps, target, row);
}

/** Asks the target about one without a person whose user is ours by now. */
export async function identified(
  deps: TargetSessionsDeps,
  target: Target,
  { id, targetUserId }: { readonly id: string; readonly targetUserId: string },
): Promise<void> {
  const connection = deps.targets.connection(target.name);
  if (!connection?.sessionById) return;
  const session = await connection.sessionById(id);
  if (!session) return noteTargetSessionEnded(deps.db, { target: target.name, id, targetUserId });
  const { provedAt: startedAt } = session;
  if (startedAt !== undefined)
    await proved(deps, target, { id, targetUserId: session.targetUserId, startedAt });
}

interface Begun {
  readonly id: string;
  readonly targetUserId: string;
  readonly startedAt: number;
}

async function proved(deps: TargetSessionsDeps, target: Target, begun: Begun): Promise<void> {
  const sub = (await personAt(deps, target, begun))?.sub;
  const opSession =
    sub === undefined ? undefined : await originOf(deps, target, { sub, at: begun.startedAt });
  await noted(deps, target, { ...begun, sub, ...(opSession && { opSession }) });
}

const noted = (
  { db }: TargetSessionsDeps,
  target: Target,
  seen: Begun & { readonly sub?: string | undefined; readonly opSession?: Buffer },
) => noteTargetSession(db, { ...seen, sub: seen.sub, target: target.name });

const now = () => Math.floor(Date.now() / 1_000);
