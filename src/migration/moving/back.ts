/**
 * The way back, and the way out: whom we have made at a target is removed there, whom it had before us is only unlinked.
 * The target is asked first and the ledger written then, so that whatever dies in between is repeated, not forgotten.
 */
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { Queryable } from '../../store/db.ts';
import type { FoundUser, TargetConnection } from '../../targets/connection.ts';
import type { Targets } from '../../targets/target.ts';
import { forgetKept } from '../batch/batch-users.ts';
import { forgetClaimTokens } from '../claim-tokens/claim-tokens.ts';
import { forgetException } from '../claim-tokens/exceptions.ts';
import { forgetLegacyWrites, legacyWritePart } from '../claim-tokens/legacy-writes.ts';
import { forgetNotices } from '../claim-tokens/notices.ts';
import { flagLegacy } from '../flagging.ts';
import type { LedgerRow } from '../ledger.ts';
import { find, moveParts } from '../ledger.ts';
import { forgetMailings } from '../mailings/mailings.ts';
import { forgetKeptOfPhases } from '../phases/return-tally.ts';
import { forgetCompared } from '../reconcile/compared.ts';
import type { State } from '../states.ts';
import { hasTargetUser, LOST_BY_REVERT, nextState } from '../states.ts';
import { targetUserIdOf } from './target-user.ts';
import { dropPart, quietPart } from './target-work.ts';

export interface BackDeps {
  readonly db: Queryable;
  readonly directory: Directory;
  readonly targets: Pick<Targets, 'connection'> & Partial<Pick<Targets, 'signIn'>>;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

interface At {
  readonly target: string;
  readonly sub: string;
}

export interface WayBack extends At {
  readonly state: State;
  /** The user at the target; undefined: nobody is there. */
  readonly found: FoundUser | undefined;
  /** What becomes of them: whom we have made is removed. */
  readonly does: 'remove' | 'unlink' | 'nothing';
  readonly row: LedgerRow | undefined;
}

/** Throws target_without_api, when the settings do not say how to reach this target. */
export function connectionOf({ targets }: Pick<BackDeps, 'targets'>, target: string): TargetConnection {
  const connection = targets.connection(target);
  if (connection) return connection;
  throw new FootbridgeError('target_without_api', { detail: target });
}

/**
 * Who is there, and whose doing it was. Without an API whoever linked their own account, or was reported by the target, is
 * unlinked on our side only. Throws target_unavailable, target_refused, target_without_api.
 */
export async function wayBack(deps: BackDeps, { target, sub }: At): Promise<WayBack> {
  const row = await find(deps.db, target, sub);
  const state = row?.state ?? 'legacy';
  const isOnlyHere = !deps.targets.connection(target) && row?.made !== true;
  if (isOnlyHere && (hasTargetUser(state) || deps.targets.signIn?.(target)))
    return { target, sub, state, found: undefined, row, does: hasTargetUser(state) ? 'unlink' : 'nothing' };
  const connection = connectionOf(deps, target);
  const ours = targetUserIdOf(target, sub, row?.removals ?? 0);
  // Before the ledger knows of anybody there may be somebody half-made, and after going back somebody who was left.
  const ids = row && hasTargetUser(state) ? [row.targetUserId] : [ours, row?.targetUserId ?? null];
  const found = await firstOf(connection, ids);
  // Only whom we make is given our id.
  const isOurs = found && [found.targetUserId, found.externalId].includes(ours);
  const made = found && (isOurs || isMadeByUs(row, found));
  return { target, sub, state, found, row, does: found ? (made ? 'remove' : 'unlink') : 'nothing' };
}

const isMadeByUs = (row: LedgerRow | undefined, { targetUserId }: FoundUser) =>
  row?.made === true && row.targetUserId === targetUserId;

async function firstOf(connection: TargetConnection, ids: readonly (string | null)[]) {
  for (const id of ids) {
    const found = id === null ? undefined : await connection.userById(id);
    if (found && found.state !== 'deleted') return found;
  }
  return undefined;
}

/** What going back loses, for the operator to read before they do it. */
export function lostBy({ state, does }: WayBack): string[] {
  const lost = state === 'created' || state === 'releasing' ? undefined : LOST_BY_REVERT[state];
  return [
    ...(does === 'remove' ? ['The user at the target, with everything that was done there since.'] : []),
    ...(does === 'unlink'
      ? ['The link to us: the user was at the target before us, and stays there with what we have added.']
      : []),
    ...(lost ? [lost] : []),
  ];
}

/** Throws illegal_transition where there is no way from this state; an exclusion is not undone in passing. */
export function checkWay({ state, sub }: WayBack, event: 'revert' | 'delete'): void {
  // Who is back already may be taken back again: what was left at the target goes.
  const isBack = event === 'revert' && state === 'legacy';
  const isKept = event === 'revert' && state === 'excluded';
  if (isBack || (!isKept && nextState(state, event))) return;
  throw new FootbridgeError('illegal_transition', {
    detail: `There is no ${event} of ${sub} from ${state}.`,
  });
}

/** Does what `wayBack` found. Doing it again finishes what was left. */
export async function goBack(
  deps: BackDeps,
  way: WayBack,
  { event, actor }: { readonly event: 'revert' | 'delete'; readonly actor: string },
): Promise<void> {
  const { target, sub, found, does, row } = way;
  checkWay(way, event);
  const [quiet] = await deps.db.runParts([quietPart(target, sub)], 'select * from work_quiet');
  if (!quiet) throw underWay();
  const connection = found && connectionOf(deps, target);
  if (found && does === 'remove') await connection?.remove(found.targetUserId);
  if (found && does === 'unlink') await connection?.unlink(found.targetUserId, sub);
  if (nextState(way.state, event)) await tell(deps, way, { event, actor });
  if (event === 'delete') await forget(deps.db, way);
  if (event === 'revert' && row) await flagLegacy(deps, { sub, migrated: false, actor });
  const takesAway = { key: sub, what: 'linkPerson', values: { id: sub, targetUserId: null } } as const;
  if (hasTargetUser(way.state) && deps.directory.writes(sub).has('linkPerson'))
    await deps.db.runParts([legacyWritePart(takesAway)], 'select 1');
}

/** What other rooms of the house have of somebody who is deleted. */
async function forget(db: Queryable, { target, sub }: At): Promise<void> {
  await forgetCompared(db, target, sub);
  await forgetMailings(db, target, sub);
  await forgetKept(db, sub);
  await forgetKeptOfPhases(db, target, sub);
  await forgetClaimTokens(db, target, sub);
  await forgetException(db, target, sub);
  await forgetNotices(db, target, sub);
  await forgetLegacyWrites(db, sub);
}

async function tell(
  { db, pseudonym }: BackDeps,
  { target, sub, found, does, row }: WayBack,
  { event, actor }: { readonly event: 'revert' | 'delete'; readonly actor: string },
): Promise<void> {
  // Gone already, and made by us: a try before this one has removed them, and the id is spent.
  const removed = does === 'remove' || (does === 'nothing' && row?.made === true && hasTargetUser(row.state));
  const detail = { does, ...(found ? { targetUserId: found.targetUserId } : {}) };
  const common = { target, sub, actor, subject: pseudonym(sub), detail };
  const [moved] = await db.runParts(
    [
      quietPart(target, sub),
      ...moveParts({ ...common, event, removed, unlinked: does === 'unlink' }, 'work_quiet'),
      dropPart('ledger_row'),
    ],
    'select 1 from ledger_row',
  );
  if (!moved) throw underWay();
}

const underWay = () =>
  new FootbridgeError('illegal_transition', {
    detail: 'Somebody is moving this person right now, or was half a minute ago. Try again then.',
  });
