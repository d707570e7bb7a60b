/**
 * A session has ended at a target, or its person has a new password there, or is gone: what is here ends too. What we
 * ended there ourselves comes back as news, and is none.
 */
import type { Target } from '../../targets/target.ts';
import type { EndingCause } from '../ending/ending.ts';
import type { TargetSessionRow } from '../target-sessions.ts';
import {
  noteTargetSession,
  noteTargetSessionEnded,
  targetSession,
  targetSessionsOfPerson,
} from '../target-sessions.ts';
import type { TargetSessionsDeps } from './target-people.ts';
import { isOurs, originOf, personAt } from './target-people.ts';

export interface EndedAtTarget {
  readonly targetSessionId?: string;
  readonly targetUserId?: string;
  readonly editor?: string;
}

/** More of one person's are not looked at. */
const MAX_SESSIONS = 1_000;

/** Told twice it changes nothing. Throws storage_unavailable, target_unavailable. */
export async function ended(deps: TargetSessionsDeps, target: Target, call: EndedAtTarget): Promise<void> {
  const { targetSessionId: id, targetUserId, editor } = call;
  const row = id === undefined ? undefined : await targetSession(deps.db, target.name, id);
  if (row?.endedAt) return;
  const ours = await isOurs(deps, target, editor);
  if (row?.sub && !ours) return endedKnown(deps, target, { ...row, sub: row.sub });
  if (id !== undefined) {
    await noteTargetSessionEnded(deps.db, { target: target.name, id, targetUserId });
    // Its name was said there, and nothing was proved, or nobody here has it.
    if (row) return;
  }
  if (ours || targetUserId === undefined) return;
  const person = await personAt(deps, target, { targetUserId });
  if (person) await endThrough(deps, target, { sub: person.sub });
}

/** The row's own, and what it came from; where that is not certain, all that came through the target. */
async function endedKnown(
  deps: TargetSessionsDeps,
  target: Target,
  row: TargetSessionRow & { readonly sub: string },
): Promise<void> {
  const { id, sub } = row;
  const startedAt = Math.floor(row.startedAt.getTime() / 1_000);
  // The provider may not have stored its session yet when this one began.
  const opSession = row.opSession ?? (await originOf(deps, target, { sub, at: startedAt }));
  if (opSession && !row.opSession)
    await noteTargetSession(deps.db, { ...row, startedAt, opSession, target: target.name });
  if (!opSession) await endThrough(deps, target, { sub, except: id });
  const selection = { by: 'target', target: target.name, id } as const;
  await deps.endings.end({ ...said(target), selection, initiator: { kind: 'target', name: target.name } });
}

/**
 * The provider's sessions in which the person went to the target, but for those that another session there, still live,
 * came from. Rather one too many than one that goes on after its person has logged out.
 */
async function endThrough(
  deps: TargetSessionsDeps,
  target: Target,
  { sub, except }: { readonly sub: string; readonly except?: string },
): Promise<void> {
  if (target.clientIds.length === 0) return;
  const all = await deps.opSessionsOf({ sub, clientIds: target.clientIds });
  const rows = all.length === 0 ? [] : await targetSessionsOfPerson(deps.db, sub, MAX_SESSIONS);
  const others = rows.filter((row) => row.target === target.name && row.id !== except && !row.endedAt);
  // Which of them has ended was not said: then none is spared.
  const spared = except === undefined ? [] : others.flatMap(({ opSession }) => opSession ?? []);
  for (const uid of all)
    if (!spared.some((other) => other.equals(uid)))
      await deps.endings.end({ ...said(target), selection: { by: 'op-session', uid } });
}

const CAUSES = {
  'password-set': 'password-changed',
  deactivated: 'deactivated',
  removed: 'removed',
} as const satisfies Record<string, EndingCause>;

export interface PersonChanged {
  readonly kind: keyof typeof CAUSES;
  readonly targetUserId: string;
  readonly editor?: string;
}

/**
 * Everything that the person has here and at the legacy apps ends. The target knows already: the session there in which
 * somebody has just changed their password goes on.
 */
export async function personChanged(
  deps: TargetSessionsDeps,
  target: Target,
  { kind, targetUserId, editor }: PersonChanged,
): Promise<void> {
  const person = await personAt(deps, target, { targetUserId, gone: kind === 'removed' });
  if (!person || (await isOurs(deps, target, editor))) return;
  if (!(await isStillSo(deps, target, { kind, targetUserId }))) return;
  await deps.endings.end({
    ...said(target),
    selection: { by: 'person', sub: person.sub },
    cause: CAUSES[kind],
    scope: 'person',
    // Whoever is deactivated at a target may still have a session there; whoever has a new password keeps theirs.
    ...(kind === 'password-set'
      ? { initiator: { kind: 'target', name: target.name } }
      : { everything: true }),
  });
}

/** News may be old: whoever is there and active by now stays logged in. */
async function isStillSo(
  { targets }: TargetSessionsDeps,
  target: Target,
  { kind, targetUserId }: PersonChanged,
): Promise<boolean> {
  const connection = targets.connection(target.name);
  if (kind === 'password-set' || !connection) return true;
  const user = await connection.userById(targetUserId);
  return kind === 'removed' ? user === undefined : user?.state !== 'active';
}

const said = ({ name }: Target) => ({ cause: 'target', actor: `target:${name}` }) as const;
