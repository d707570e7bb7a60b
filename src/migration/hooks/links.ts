/**
 * The target says that it has made, linked or found a user of ours. What it says is where to look: done is only what the
 * target's API says too, at that moment, for somebody who has proved a password or is in a batch.
 */
import type { FoundUser } from '../../targets/connection.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { FlaggingDeps } from '../flagging.ts';
import type { LedgerRow } from '../ledger.ts';
import { find, findByTargetUser } from '../ledger.ts';
import type { Mover } from '../moving/mover.ts';
import type { Routing } from '../routing.ts';
import { isMovable } from '../states.ts';

export interface LinkDeps extends Pick<FlaggingDeps, 'db'> {
  readonly targets: Pick<Targets, 'connection'>;
  readonly mover: Pick<Mover, 'move'>;
  readonly routing: Pick<Routing, 'waits'>;
  /** The id of our identity provider at the target; undefined before it was set up there. */
  readonly ourIdp: (target: Target) => Promise<string | undefined>;
}

/** Who was linked at the target, as far as it was told. */
export interface Linked {
  readonly targetUserId: string;
  readonly sub?: string;
  readonly identityProvider?: string;
}

/** Throws legacy_unavailable, storage_unavailable, target_unavailable, target_refused. */
export async function completeLinked(deps: LinkDeps, target: Target, linked: Linked): Promise<void> {
  const connection = deps.targets.connection(target.name);
  const ourIdp = await deps.ourIdp(target);
  const { targetUserId, sub, identityProvider = ourIdp } = linked;
  if (!connection || !ourIdp || identityProvider !== ourIdp || target.move.push === 'never') return;
  // Asked first, because it costs the target nothing: most of what is told is about people who have arrived.
  if (sub !== undefined && !isAwaited(await find(deps.db, target.name, sub))) return;
  const found = await connection.userById(targetUserId);
  const really = found && subjectAt(found, ourIdp);
  if (really === undefined || (sub !== undefined && sub !== really)) return;
  if (!isAwaited(await find(deps.db, target.name, really))) return;
  if (await deps.routing.waits(target.name, really)) return;
  await deps.mover.move({ ...request(target, targetUserId), sub: really });
}

/** For a user of the target whom the ledger knows: whatever is still to be done. */
export async function completeKnown(deps: LinkDeps, target: Target, targetUserId: string): Promise<void> {
  const row = await findByTargetUser(deps.db, target.name, targetUserId);
  if (!row || !isAwaited(row) || !deps.targets.connection(target.name)) return;
  if (await deps.routing.waits(target.name, row.sub)) return;
  await deps.mover.move({ ...request(target, targetUserId), sub: row.sub });
}

const request = (target: Target, targetUserId: string) => ({
  target: target.name,
  road: 'event' as const,
  actor: `target:${target.name}`,
  targetUserId,
});

const isAwaited = (row: LedgerRow | undefined) => row !== undefined && isMovable(row.state);

/** Our subject of this user, by our link. */
export function subjectAt({ links }: FoundUser, ourIdp: string | undefined): string | undefined {
  return links.find(({ idpId }) => idpId === ourIdp)?.userId;
}
