/**
 * What each repair does. The target is asked first, by calls that say the same when they are said again, and the ledger
 * is told by its own moves; what dies in between is repaired by the same line again.
 */
import type { ErrorCode } from '../../errors.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { Queryable } from '../../store/db.ts';
import type { FoundUser } from '../../targets/connection.ts';
import { find, moveParts } from '../ledger.ts';
import { goBack, wayBack } from '../moving/back.ts';
import type { MoveRequest } from '../moving/mover.ts';
import { targetUserIdOf } from '../moving/target-user.ts';
import { hasTargetUser, isMovable, nextState } from '../states.ts';
import type { Act, RepairDeps } from './act.ts';
import { entryOf, NotRepaired, refuseMissing, thereOf, wanted, withoutSecrets } from './act.ts';
import type { Look } from './fresh-look.ts';
import { isNamedByEmail } from './marks.ts';
import type { Repair } from './repair-kinds.ts';
import { isProfileField } from './repair-kinds.ts';
import { setPassword, storeFactor } from './repair-secrets.ts';

type Acting = (deps: RepairDeps, act: Act) => Promise<void>;

/** Throws NotRepaired, FootbridgeError. */
export const ACTS: Readonly<Record<Exclude<Repair, 'none'>, Acting>> = {
  record: (deps, act) => moveNow(deps, act, act.targetUserIds[0]),
  import: (deps, act) => (act.fields.length > 0 ? storeFactor(deps, act) : moveAnew(deps, act)),
  relink,
  'update-target': update,
  'set-password': setPassword,
  'deactivate-target': deactivate,
  'remove-target': remove,
};

/** A move like every other, by an operator's word. */
async function moveNow(deps: RepairDeps, act: Act, targetUserId?: string): Promise<void> {
  const { comparing, mover, actor } = deps;
  const { db, target } = comparing.deps;
  const state = (await find(db, target.name, act.sub))?.state ?? 'legacy';
  const told = targetUserId === undefined ? {} : { targetUserId };
  const request: MoveRequest = { target: target.name, sub: act.sub, road: 'operator', actor, ...told };
  if (!isMovable(state)) await enqueue(db, deps, { act, request });
  const result = await mover.move(request);
  if (result.kind === 'moved') return;
  if (result.kind === 'refused') throw new NotRepaired(result.code, result.sentence);
  if (result.kind === 'later')
    throw new NotRepaired(result.code, 'Not yet: the move is kept, and goes on by itself.');
  throw new NotRepaired('illegal_transition', 'The ledger does not let this person be moved.');
}

/** Together with the work: whatever dies then, somebody goes on with the move. Throws illegal_transition. */
async function enqueue(
  q: Queryable,
  { comparing, mover, pseudonym, actor }: RepairDeps,
  { act, request }: { readonly act: Act; readonly request: MoveRequest },
): Promise<void> {
  const { sub, look } = act;
  const legacyId = look.entry?.user.legacyId ?? comparing.deps.directory.legacyIdOf(sub) ?? sub;
  const event = { target: request.target, sub, event: 'enqueue', actor, legacyId } as const;
  const [queued] = await q.runParts(
    [...moveParts({ ...event, subject: pseudonym(sub) }), ...mover.requestParts(request)],
    'select 1 from ledger_row',
  );
  if (!queued) throw new FootbridgeError('illegal_transition');
}

/**
 * The ledger says that they have arrived: it takes that back and asks for the move at once, so that nobody is lost in
 * between, and they are made under another id.
 */
async function moveAnew(deps: RepairDeps, act: Act): Promise<void> {
  const { comparing, pseudonym, actor } = deps;
  const { db, target, directory, connection } = comparing.deps;
  const { row } = act.look.person;
  if (row && hasTargetUser(row.state)) {
    // The mark in the legacy store stays: they are to arrive again.
    const { flag: _, ...unflagged } = directory;
    const back = { directory: unflagged, targets: { connection: () => connection }, pseudonym };
    const way = await wayBack({ ...back, db }, { target: target.name, sub: act.sub });
    if (way.found) throw new NotRepaired('changed_meanwhile', 'The person is there again.');
    const request: MoveRequest = { target: target.name, sub: act.sub, road: 'operator', actor };
    await db.transaction(async (tx) => {
      await goBack({ ...back, db: tx }, way, { event: 'revert', actor });
      await enqueue(tx, deps, { act, request });
    });
  }
  await moveNow(deps, act);
}

async function relink({ comparing }: RepairDeps, act: Act): Promise<void> {
  const { connection, target } = comparing.deps;
  const user = wanted(act);
  const metadata = { [target.users.legacyIdKey]: user.legacyId };
  const linked = { ...withoutSecrets(user), identityProviderLinks: [], metadata, grants: [] };
  const { missing } = await connection.complete(thereOf(act), linked);
  refuseMissing(missing, ['links', 'metadata']);
}

async function update({ comparing }: RepairDeps, act: Act): Promise<void> {
  const { connection } = comparing.deps;
  const found = thereOf(act);
  const profile = act.fields.filter(isProfileField);
  if (profile.length > 0) {
    if (!connection.update)
      throw new NotRepaired('not_supported', 'The target lets nobody write over fields.');
    const user = { ...wanted(act), targetUserId: found.targetUserId };
    // A name that is the address is to be the new one as well.
    const isNamed = profile.includes('email') && isNamedByEmail(user) && isNamedByEmail(found);
    await connection.update(found, user, [
      ...new Set([...profile, ...(isNamed ? (['username'] as const) : [])]),
    ]);
  }
  if (!act.fields.includes('state')) return;
  const isActive = entryOf(act).user.state === 'active';
  await (isActive ? connection.reactivate : connection.deactivate)(found.targetUserId);
}

async function deactivate(deps: RepairDeps, { sub, targetUserIds }: Act): Promise<void> {
  for (const id of targetUserIds) await deps.comparing.deps.connection.deactivate(id);
  await deps.onShutOut?.(sub);
}

/** Whom we have made goes; whom the target had before us is unlinked, and stays. */
async function remove(deps: RepairDeps, act: Act): Promise<void> {
  const { comparing, pseudonym, actor } = deps;
  const { db, directory, target, connection } = comparing.deps;
  const { sub, targetUserIds, look } = act;
  const { row } = look.person;
  if (row && nextState(row.state, 'delete')) {
    const back = { db, directory, targets: { connection: () => connection }, pseudonym };
    const way = await wayBack(back, { target: target.name, sub });
    await goBack(back, way, { event: 'delete', actor });
  }
  for (const id of targetUserIds) {
    const found = await connection.userById(id);
    if (!found || found.state === 'deleted') continue;
    const isOurs = !row || row.made === true || isMade(target.name, sub, { row, found });
    await (isOurs ? connection.remove(id) : connection.unlink(id, sub));
  }
  await deps.onShutOut?.(sub);
}

function isMade(
  target: string,
  sub: string,
  { row, found }: { readonly row: NonNullable<Look['person']['row']>; readonly found: FoundUser },
): boolean {
  return Array.from({ length: row.removals + 1 }, (_, removals) =>
    targetUserIdOf(target, sub, removals),
  ).some((id) => id === found.targetUserId || id === found.externalId);
}

/** About everybody and not about this person: whoever goes on would fail with each. */
const THROWN: readonly ErrorCode[] = ['storage_unavailable', 'legacy_unavailable'];

/** What kept it from being repaired; throws what is nobody's in particular. */
export function problemOf(error: unknown): { readonly code: string; readonly sentence: string } {
  if (error instanceof NotRepaired) return { code: error.code, sentence: error.message };
  if (!isFootbridgeError(error) || THROWN.includes(error.code)) throw error;
  return { code: error.code, sentence: error.message };
}
