/**
 * People whom one side has no longer. A look that finds nobody is believed when it is still so after a while, or when the side
 * says itself that they are gone; what is done then, nobody makes again by themselves.
 */
import { createHash } from 'node:crypto';
import type { Directory } from '../../legacy/directory.ts';
import type { BackDeps } from '../../migration/moving/back.ts';
import { goBack, wayBack } from '../../migration/moving/back.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Db } from '../../store/db.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import type { Targets } from '../../targets/target.ts';
import type { PairSettings } from '../sync-settings.ts';
import { mayGo } from './brake.ts';
import type { Looked } from './looking.ts';
import { forgetState, writeStates } from './states.ts';

export interface VanishedDeps {
  readonly db: Db;
  readonly directory: Directory;
  readonly connection: TargetConnection;
  readonly targets: BackDeps['targets'] & Pick<Targets, 'connection'>;
  readonly pair: PairSettings;
  readonly pseudonym: (sub: string) => Buffer;
  /** What they have elsewhere ends too. */
  readonly onShutOut?: (sub: string) => Promise<void>;
  readonly nowMs: () => number;
}

const STALE_SECONDS = 3_600;
/** Nobody takes turns until somebody has looked. */
const BRAKED_SECONDS = 60;

type Vanished = Extract<Looked, { readonly kind: 'gone' | 'removed' }>;

/** Undefined: all is done; else after how many seconds they are looked for again. Throws what the sides throw. */
export async function vanished(deps: VanishedDeps, one: Vanished): Promise<number | undefined> {
  // What was to be done was done; what an operator does there afterwards is theirs to know.
  if (one.kind === 'gone' && (one.state.hasLeft || deps.pair.gone.fromLegacy === 'nothing')) return undefined;
  const seconds = await graceLeft(deps, one);
  if (seconds > 0) return seconds;
  if (!(await mayGo(deps))) return BRAKED_SECONDS;
  if (one.kind === 'gone') await goneFromLegacy(deps, one);
  else await goneFromTarget(deps, one);
  return undefined;
}

/** Begins to wait, or says how long is left. */
async function graceLeft({ db, pair, nowMs }: VanishedDeps, one: Vanished): Promise<number> {
  const { turn, sub, state } = one;
  const isTold = one.kind === 'gone' ? turn.hint.goneAt : turn.hint.removedAt;
  if (isTold !== undefined) return 0;
  const { graceSeconds } = pair.gone;
  const waited = state.goneSince ? (nowMs() - state.goneSince.getTime()) / 1_000 : Number.POSITIVE_INFINITY;
  // Missed so long ago, they may have been there in between: nothing says so of whose turn had failed.
  if (waited <= graceSeconds + STALE_SECONDS) return graceSeconds - waited;
  if (graceSeconds === 0) return 0;
  await writeStates(db, pair.target, [
    { sub, state: { ...state, goneSince: new Date(nowMs()) }, isSynced: false },
  ]);
  return graceSeconds;
}

async function goneFromLegacy(deps: VanishedDeps, { sub, row, state }: Vanished): Promise<void> {
  const { connection, pair, onShutOut } = deps;
  const what = pair.gone.fromLegacy;
  if (what === 'deactivate') {
    await connection.deactivate(state.targetUserId);
    // Should the same person come back, they are as somebody who was disabled.
    await writeStates(deps.db, pair.target, [
      { sub, state: withoutState(state, deps.nowMs()), isSynced: true },
    ]);
  } else {
    const way = await wayBack(deps, { target: pair.target, sub });
    await goBack(deps, way, { event: 'delete', actor: 'sync' });
    await forgetState(deps.db, pair.target, sub);
  }
  await note(deps, sub, { action: 'sync.gone-from-legacy', did: what, state: row.state });
  await onShutOut?.(sub);
}

/** What is not known to be equal is compared anew. */
function withoutState(state: Vanished['state'], nowMs: number): Vanished['state'] {
  const { state: _, ...fields } = state.fields;
  return { ...state, fields, goneSince: new Date(nowMs), hasLeft: true };
}

async function goneFromTarget(deps: VanishedDeps, one: Vanished): Promise<void> {
  const { directory, pair, db } = deps;
  const { sub, row } = one;
  const what = pair.gone.fromTarget;
  if (what !== 'nothing') await takeFromLegacy(directory, one, what);
  // A tombstone: nobody makes them again.
  const way = await wayBack(deps, { target: pair.target, sub });
  if (way.found) return;
  await goBack(deps, way, { event: 'delete', actor: 'sync' });
  await forgetState(db, pair.target, sub);
  await note(deps, sub, { action: 'sync.gone-from-target', did: what, state: row.state });
  await deps.onShutOut?.(sub);
}

async function takeFromLegacy(
  directory: Directory,
  one: Vanished,
  what: 'disable' | 'remove',
): Promise<void> {
  if (one.kind !== 'removed') return;
  const { sub, entry, state } = one;
  const applies = directory.applies(sub);
  const mark = createHash('sha256')
    .update(JSON.stringify(['gone', sub, state.targetUserId]))
    .digest('hex');
  if (what === 'remove' && applies.removes) await directory.apply(sub, { fields: {}, remove: true, mark });
  else if (applies.fields.has('state') && entry.user.state === 'active')
    await directory.apply(sub, { fields: { state: { before: 'active', after: 'disabled' } }, mark });
}

const note = (
  { db, pseudonym, pair }: VanishedDeps,
  sub: string,
  { action, did, state }: { readonly action: string; readonly did: string; readonly state: string },
) =>
  appendAudit(db, {
    actor: 'sync',
    action,
    subject: pseudonym(sub),
    detail: { target: pair.target, did, state },
  });
