/**
 * Erasing one person on all sides. Every step may be done again and finishes what was left, so whatever dies in between, saying
 * it again goes on. What stays is the tombstone, which nobody is made by again, and records under a pseudonym.
 */
import { createHash } from 'node:crypto';
import { forgetPasskeys } from '../../credentials/factor-uses.ts';
import { isFootbridgeError } from '../../errors.ts';
import { find, states } from '../../migration/ledger.ts';
import type { BackDeps, WayBack } from '../../migration/moving/back.ts';
import { goBack, wayBack } from '../../migration/moving/back.ts';
import { hasTargetUser } from '../../migration/states.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Found, Traced } from '../../store/traces.ts';
import { countTraces, eraseTraces } from '../../store/traces.ts';
import type { Desk } from '../operation.ts';
import type { Problem } from './exporting.ts';
import { problemOf } from './exporting.ts';
import { places, tracedPerson } from './places.ts';

/** What becomes, or became, of them at one target. */
export type TargetEnd = { readonly target: string } & (
  | { readonly did: 'removed' | 'nobody' }
  /** The target had them before us: whoever runs it decides. */
  | { readonly did: 'unlinked'; readonly targetUserId: string | null }
  /** The settings do not say how to reach it. */
  | { readonly did: 'by hand'; readonly targetUserId: string | null }
  | { readonly did: 'failed'; readonly problem: Problem }
);

export type LegacyEnd =
  | { readonly did: 'removed' | 'gone' }
  | { readonly did: 'by hand'; readonly legacyId: string }
  | { readonly did: 'failed'; readonly problem: Problem };

/** What is left of somebody in a place, and why. */
export interface Left extends Found {
  readonly why: string;
  /** It goes when the erasure is said again; else it is there to stay. */
  readonly waits: boolean;
}

export interface Erasure {
  readonly targets: readonly TargetEnd[];
  readonly legacy: LegacyEnd;
  /** Rows that were taken or written over here. */
  readonly erased: readonly Found[];
  readonly left: readonly Left[];
}

export interface Erasing {
  readonly sub: string;
  /** Also whom a target had before us. */
  readonly alsoTheirs: boolean;
}

const isOpen = ({ did }: TargetEnd | LegacyEnd) => did === 'failed' || did === 'by hand';
/** Nothing is left to be done, by us or by hand. */
export const isDone = ({ targets, legacy, left }: Erasure): boolean =>
  !targets.some(isOpen) && !isOpen(legacy) && !left.some(({ waits }) => waits);

const backDeps = ({ db, directory, targets, audit }: Desk): BackDeps => ({
  db,
  directory,
  targets,
  pseudonym: audit.pseudonym,
});

async function targetNames({ db, targets }: Desk, sub: string): Promise<string[]> {
  const known = (await states(db, sub)).map(({ target }) => target);
  return [...new Set([...targets.all.map(({ name }) => name), ...known])];
}

/** As `goBack` would do it. Where there is no API, only our side can be ended. */
async function wayAt(desk: Desk, { target, sub }: { target: string; sub: string }): Promise<WayBack> {
  try {
    return await wayBack(backDeps(desk), { target, sub });
  } catch (error) {
    if (!isFootbridgeError(error, 'target_without_api')) throw error;
    const row = await find(desk.db, target, sub);
    const state = row?.state ?? 'legacy';
    return { target, sub, state, row, found: undefined, does: hasTargetUser(state) ? 'unlink' : 'nothing' };
  }
}

/** What the way back makes of them, in words of an erasure. */
function endOf(desk: Desk, { target, does, row }: WayBack): TargetEnd {
  const targetUserId = row?.targetUserId ?? null;
  if (does === 'remove') return { target, did: 'removed' };
  if (does === 'nothing') return { target, did: 'nobody' };
  const isOnlyHere = desk.targets.connection(target) === undefined;
  return { target, did: isOnlyHere && row?.made === true ? 'by hand' : 'unlinked', targetUserId };
}

const wayOf = (way: WayBack, { alsoTheirs }: Erasing): WayBack =>
  alsoTheirs && way.found ? { ...way, does: 'remove' } : way;

/** What would happen. Throws storage_unavailable. */
export async function foresee(desk: Desk, erasing: Erasing): Promise<Omit<Erasure, 'erased' | 'left'>> {
  const { sub } = erasing;
  const ends: TargetEnd[] = [];
  for (const target of await targetNames(desk, sub))
    ends.push(
      await failedOr(target, async () => endOf(desk, wayOf(await wayAt(desk, { target, sub }), erasing))),
    );
  return { targets: ends, legacy: await atLegacy(desk, sub, false) };
}

async function failedOr(target: string, work: () => Promise<TargetEnd>): Promise<TargetEnd> {
  try {
    return await work();
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    return { target, did: 'failed', problem: detailed(error) };
  }
}

/** Why it is not possible just now is in the detail. */
const detailed = (error: unknown): Problem => {
  const problem = problemOf(error);
  if (isFootbridgeError(error, 'illegal_transition') && error.detail)
    return { ...problem, sentence: error.detail };
  return problem;
};

/** Throws storage_unavailable, and nothing else that a side could throw: that is in the answer. */
export async function erase(desk: Desk, erasing: Erasing): Promise<Erasure> {
  const { sub } = erasing;
  const { db, keyring, audit, actor, endings } = desk;
  // Who they are at targets is known as long as the ledger says so.
  const person = await tracedPerson(desk, sub);
  await appendAudit(db, { actor, action: 'user.erasure-begun', subject: audit.pseudonym(sub) });
  await endings.end({ selection: { by: 'person', sub }, cause: 'removed', actor, everything: true });
  const targets: TargetEnd[] = [];
  for (const target of await targetNames(desk, sub))
    targets.push(await failedOr(target, () => endAt(desk, erasing, target)));
  const legacy = await atLegacy(desk, sub, true);
  const erased = await eraseTraces({ db, keyring }, places, person);
  return { targets, legacy, erased, left: await leftOf(desk, person) };
}

async function endAt(desk: Desk, erasing: Erasing, target: string): Promise<TargetEnd> {
  const way = wayOf(await wayAt(desk, { target, sub: erasing.sub }), erasing);
  if (way.state !== 'deleted') await goBack(backDeps(desk), way, { event: 'delete', actor: desk.actor });
  // Forgotten before, and somebody of ours is there all the same.
  else if (way.found && way.does === 'remove')
    await desk.targets.connection(target)?.remove(way.found.targetUserId);
  return endOf(desk, way);
}

/** The same at every try: the store takes it once. */
const markOf = (sub: string) =>
  createHash('sha256')
    .update(JSON.stringify(['erasure', sub]))
    .digest('hex');

/** Looked at again afterwards: what the store still has is not called gone. */
async function atLegacy(desk: Desk, sub: string, execute: boolean): Promise<LegacyEnd> {
  const { db, directory } = desk;
  try {
    directory.forget(sub);
    const entry = await directory.findBySub(sub).catch(onlyUnreadable);
    if (entry === undefined) return { did: 'gone' };
    const { removes } = directory.applies(sub);
    if (execute && removes) {
      await directory.apply(sub, { fields: {}, remove: true, mark: markOf(sub) });
      if (await directory.findBySub(sub).catch(onlyUnreadable)) return byHand(desk, sub);
    }
    if (execute && entry !== 'unreadable')
      await forgetPasskeys(db, entry.credentials.passkeys?.map(({ credentialId }) => credentialId) ?? []);
    return removes ? { did: 'removed' } : byHand(desk, sub);
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    return { did: 'failed', problem: problemOf(error) };
  }
}

/** Somebody is there, and cannot be read: whatever the record is like, it can be removed. */
const onlyUnreadable = (error: unknown): 'unreadable' => {
  if (isFootbridgeError(error, 'mapping_failed') || isFootbridgeError(error, 'user_ambiguous'))
    return 'unreadable';
  throw error;
};

const byHand = ({ directory }: Desk, sub: string): LegacyEnd => ({
  did: 'by hand',
  legacyId: directory.legacyIdOf(sub) ?? sub,
});

async function leftOf({ db, keyring }: Desk, person: Traced): Promise<Left[]> {
  const found = await countTraces({ db, keyring }, places, person);
  const isTombstone = (await states(db, person.sub)).every(({ state }) => state === 'deleted');
  return found.map(({ place, rows }): Left => {
    const { erase = {} } = places.find((one) => one.place === place)!;
    if (erase.kept !== undefined) return { place, rows, why: erase.kept, waits: false };
    if (place === 'ledger' && isTombstone)
      return { place, rows, why: 'The tombstone: nobody of this id is made again.', waits: false };
    return { place, rows, why: `It goes when ${erase.until ?? 'it is said again'}.`, waits: true };
  });
}
