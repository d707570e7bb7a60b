/**
 * People whom only one side has yet: somebody new in the legacy store is moved, somebody new at the target gets a legacy account,
 * where the settings say so. Nobody is taken for somebody else: an address that is known there already is a person's to sort out.
 */
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { beginCreation, endCreation, wasBegun } from '../../migration/claim-tokens/legacy-writes.ts';
import { find, findByTargetUser, move, moveParts } from '../../migration/ledger.ts';
import { linkOnly } from '../../migration/moving/linking.ts';
import type { Mover } from '../../migration/moving/mover.ts';
import { hasTargetUser, nextState } from '../../migration/states.ts';
import type { Db } from '../../store/db.ts';
import type { FoundUser, TargetConnection } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import type { ChangeQueue, Settlement, Turn } from '../queue/change-queue.ts';
import { strangerIn } from '../queue/change-queue.ts';
import type { PairSettings } from '../sync-settings.ts';
import { failedTurn } from './turns.ts';

export interface NewcomersDeps {
  readonly db: Db;
  readonly directory: Directory;
  readonly connection: TargetConnection;
  readonly target: Target;
  readonly pair: PairSettings;
  readonly mover: Pick<Mover, 'requestParts'>;
  readonly queue: Pick<ChangeQueue, 'put'>;
  readonly pseudonym: (sub: string) => Buffer;
}

const ACTOR = 'sync';

/** Somebody of the legacy store who is not at the target: the move is asked for, and goes on by itself. */
export async function newInLegacy(deps: NewcomersDeps, { person: sub }: Turn): Promise<void> {
  const { db, directory, target, pair, mover, pseudonym } = deps;
  if (pair.newInLegacy !== 'move') return;
  const row = await find(db, target.name, sub);
  if (!nextState(row?.state ?? 'legacy', 'enqueue') || row?.state === 'failed') return;
  const entry = await directory.findBySub(sub);
  if (entry?.user.state !== 'active') return;
  const common = { target: target.name, sub, actor: ACTOR };
  await db.runParts(
    [
      ...moveParts({ ...common, event: 'enqueue', legacyId: entry.user.legacyId, subject: pseudonym(sub) }),
      ...mover.requestParts({ ...common, road: 'batch' }),
    ],
    'select 1',
  );
}

/** A user of the target of whom nothing is known here. */
export async function newAtTarget(deps: NewcomersDeps, turn: Turn): Promise<Settlement> {
  const { db, connection, pair, target, queue } = deps;
  const targetUserId = strangerIn(turn.person) ?? '';
  const done = { turn, result: 'done' } as const;
  try {
    const row = await findByTargetUser(db, target.name, targetUserId);
    if (row && hasTargetUser(row.state)) await wake(queue, turn, row.sub);
    if (row || pair.newAtTarget !== 'create') return done;
    const found = await connection.userById(targetUserId);
    // Whoever logs in through us is linked by the login; nobody is made for one who is not in use.
    if (found?.state !== 'active' || found.links.some(({ userId }) => directoryKnows(deps, userId)))
      return done;
    const entry = await accountFor(deps, found);
    await link(deps, { entry, targetUserId });
    await wake(queue, turn, entry.user.sub);
    return done;
  } catch (error) {
    if (!isFootbridgeError(error)) throw error;
    return failedTurn({ pair }, turn, error);
  }
}

const directoryKnows = ({ directory }: NewcomersDeps, userId: string) =>
  directory.legacyIdOf(userId) !== undefined;

const wake = (queue: NewcomersDeps['queue'], { target, person, since }: Turn, sub: string) =>
  queue.put([{ source: 'newcomers', id: `${person} ${since}`, target, person: sub, lane: 'live', hint: {} }]);

/** The one that was made for them, now or before we fell silent. Throws target_conflict. */
async function accountFor({ db, directory, target }: NewcomersDeps, found: FoundUser): Promise<LegacyEntry> {
  const { email, targetUserId } = found;
  if (!email?.isVerified) throw conflict('no verified address');
  if (!directory.writes().has('createPerson')) throw conflict('`writes.createPerson` is not configured');
  const creation = { target: target.name, targetUserId, email: email.address };
  const there = await directory.findByLogin(email.address);
  const isLater = await wasBegun(db, creation);
  // Who has the address by now may be somebody else than whom we made then.
  if (there && !(isLater && there.user.emailVerified)) throw conflict('the legacy store knows this address');
  if (there) return there;
  await beginCreation(db, creation);
  try {
    const made = await directory.write(undefined, 'createPerson', valuesOf(found, email.address));
    if (made === 0) throw conflict('the legacy store knows this address');
  } catch (error) {
    const isTaken = isFootbridgeError(error, 'target_conflict') || isFootbridgeError(error, 'user_ambiguous');
    if (isTaken) await endCreation(db, creation);
    throw isTaken ? conflict('the legacy store knows this address') : error;
  }
  const entry = await directory.findByLogin(email.address);
  if (entry) return entry;
  throw new FootbridgeError('user_not_found', { detail: 'whoever was made is not found by their address' });
}

const conflict = (detail: string) => new FootbridgeError('target_conflict', { detail });

const valuesOf = ({ targetUserId, displayName, givenName, familyName }: FoundUser, email: string) => ({
  targetUserId,
  email,
  name: displayName ?? ([givenName, familyName].filter(Boolean).join(' ') || null),
  givenName: givenName ?? null,
  familyName: familyName ?? null,
});

async function link(
  { db, connection, target, pseudonym }: NewcomersDeps,
  { entry, targetUserId }: { readonly entry: LegacyEntry; readonly targetUserId: string },
): Promise<void> {
  const { sub, legacyId } = entry.user;
  await linkOnly({ db, connection, pseudonym }, { target, sub, targetUserId }, entry.user);
  const common = { target: target.name, sub, actor: ACTOR, subject: pseudonym(sub) };
  const state = (await find(db, target.name, sub))?.state ?? 'legacy';
  if (state === 'legacy') await move(db, { ...common, event: 'enqueue', legacyId });
  if (!hasTargetUser(state)) await move(db, { ...common, event: 'create', targetUserId });
  if (state !== 'migrated') await move(db, { ...common, event: 'confirm', targetUserId });
  await endCreation(db, { target: target.name, targetUserId });
}
