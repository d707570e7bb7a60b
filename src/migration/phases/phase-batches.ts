/** The batches of a phase: which there are, who is in them, and how they are held. */
import { setTimeout as wait } from 'node:timers/promises';
import { isFootbridgeError } from '../../errors.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { BatchNote, BatchStatus } from '../batch/batch.ts';
import { readUsers } from '../batch/batch-users.ts';
import type { Batches } from '../batch/batches.ts';
import { phasePlanOf } from '../batch/phase-hold.ts';
import { isSending } from '../batch/undo-rows.ts';

export interface PhaseName {
  readonly target: string;
  readonly phase: string;
}

/** Of all attempts, the newest first. */
export async function batchesOf(
  batches: Pick<Batches, 'list'>,
  { target, phase }: PhaseName,
): Promise<BatchStatus[]> {
  const all = await batches.list();
  return all.filter((batch) => batch.target === target && phasePlanOf(batch)?.phase === phase);
}

/** Leaves room for a number in the 63 characters of a batch's name. */
const NAME_PREFIX_LENGTH = 48;

/** `<phase>-<n>`, with the first number that no batch has. */
export async function freeName(batches: Pick<Batches, 'list'>, phase: string): Promise<string> {
  const names = new Set((await batches.list()).map(({ id }) => id));
  for (let number = 1; ; number += 1) {
    const name = `${phase.slice(0, NAME_PREFIX_LENGTH)}-${number}`;
    if (!names.has(name)) return name;
  }
}

const MEMBERS = statement(
  readUsers(
    'distinct b.sub',
    `where b.sub = any($2::text[]) and b.batch = any($1::text[]) and b.outcome is distinct from 'skipped'
      and (b.undone is null or b.undone not in ('removed', 'unlinked', 'nothing'))`,
  ),
);
/** Those of them who are in one of these batches; whoever was skipped or taken back may come again. */
export async function membersAmong(
  q: Queryable,
  batches: readonly string[],
  subs: readonly string[],
): Promise<ReadonlySet<string>> {
  if (batches.length === 0 || subs.length === 0) return new Set();
  const rows = await q.run<{ sub: string }>(MEMBERS, [batches, subs]);
  return new Set(rows.map(({ sub }) => sub));
}

const LOOK_MS = 200;

/**
 * Nobody is sent any more: what runs is paused, and what was only planned is forgotten. Waits for calls that are under way.
 * Throws when aborted.
 */
export async function holdBatches(
  { db, batches }: { readonly db: Db; readonly batches: Pick<Batches, 'list' | 'pause' | 'drop'> },
  name: PhaseName,
  { note, signal }: { readonly note: BatchNote; readonly signal: AbortSignal },
): Promise<void> {
  for (const { id, state } of await batchesOf(batches, name)) {
    if (state === 'running') await unlessMoved(batches.pause(id, note));
    if (state === 'planning' || state === 'planned') await unlessMoved(batches.drop(id));
    while (await isSending(db, id)) await wait(LOOK_MS, undefined, { signal });
  }
}

/** Somebody else may have been quicker: whoever is sent meanwhile is held by the phase itself. */
async function unlessMoved(act: Promise<unknown>): Promise<void> {
  await act.catch((error) => {
    if (!isFootbridgeError(error, 'batch_state') && !isFootbridgeError(error, 'batch_not_found')) throw error;
  });
}
