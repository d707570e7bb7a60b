/**
 * Reads both sides from end to end for what nobody has told: everybody who differs from what both had last, who was never
 * compared, or who is missing at one side, gets a turn in the backlog. It only reads; what is done is the turn's.
 */
import { randomUUID } from 'node:crypto';
import { isFootbridgeError } from '../errors.ts';
import type { LedgerRow } from '../migration/ledger.ts';
import { findByTargetUsers, ledgerPage } from '../migration/ledger.ts';
import { hasTargetUser } from '../migration/states.ts';
import type { LegacyEntry } from '../user.ts';
import type { Pair, SweepPlace } from './pairs.ts';
import { finishSweep, keepSweep, leaseSweep, releaseSweep } from './pairs.ts';
import type { Side } from './people/deciding.ts';
import type { Values } from './people/fields.ts';
import { keptOf, targetValues } from './people/fields.ts';
import type { LookingDeps } from './people/looking.ts';
import { authorityOf, madeOfEntry, valuesOfEntry } from './people/looking.ts';
import { markingOf } from './people/marks.ts';
import { isAnotherPassword } from './people/password-note.ts';
import type { PersonState } from './people/states.ts';
import { markSeen, statesOf, unseenAfter } from './people/states.ts';
import { differsFrom } from './people/unequal.ts';
import type { ChangeQueue } from './queue/change-queue.ts';
import { strangerOf } from './queue/change-queue.ts';

export interface SweepingDeps extends LookingDeps {
  readonly queue: Pick<ChangeQueue, 'put'>;
  /** Every feed is being read: what changes from now on is heard. */
  readonly hasBegun: () => Promise<boolean>;
  readonly onError: (error: unknown, where: string) => void;
}

/** Of the ledger, and of the target. */
const PAGE = 500;
const TARGET_PAGE = 100;
/** In one round; the rest in the next, so that whoever stops does not wait. */
const ROUND_PAGES = 20;
const AGAIN_SECONDS = 60;

type Step = (deps: SweepingDeps, place: Placed) => Promise<Placed | 'done'>;
type Placed = SweepPlace & { readonly begunAt: string };

/** Reads on where it is time to and nobody else does. True: there is more. Throws storage_unavailable. */
export async function sweepRound(deps: SweepingDeps): Promise<boolean> {
  const { db, pair, nowMs } = deps;
  const lease = randomUUID();
  const leased = await leaseSweep(db, pair.target, lease);
  if (!leased) return false;
  try {
    if (!(await deps.hasBegun())) {
      await releaseSweep(db, pair.target, lease, 1);
      return false;
    }
    let place = placeOf(leased, nowMs());
    for (let pages = 0; pages < ROUND_PAGES; pages += 1) {
      const next = await STEPS[place.side ?? 'legacy'](deps, place);
      if (next === 'done') {
        await finishSweep(db, pair.target, { lease, place, nextSeconds: pair.sweepMinutes * 60 });
        return false;
      }
      place = next;
      if (!(await keepSweep(db, pair.target, lease, place))) return false;
    }
    await releaseSweep(db, pair.target, lease, 0);
    return true;
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    deps.onError(error, `reading both sides of ${pair.target}`);
    await releaseSweep(db, pair.target, lease, AGAIN_SECONDS);
    return false;
  }
}

/** One that is over begins anew. */
function placeOf({ sweep, sweptAt }: Pair, nowMs: number): Placed {
  const { begunAt } = sweep;
  const isOver = sweptAt !== null && begunAt !== undefined && Date.parse(begunAt) <= sweptAt.getTime();
  if (begunAt === undefined || isOver)
    return {
      side: 'legacy',
      begunAt: new Date(nowMs).toISOString(),
      legacyPeople: 0,
      targetPeople: 0,
      found: 0,
    };
  return { ...sweep, begunAt };
}

const STEPS: Readonly<Record<NonNullable<SweepPlace['side']>, Step>> = {
  legacy: legacyStep,
  target: targetStep,
  unseen: unseenStep,
};

/** By the ledger, so that whoever is missing is missed. */
async function legacyStep(deps: SweepingDeps, place: Placed): Promise<Placed> {
  const { db, directory, pair } = deps;
  const rows = await ledgerPage(db, pair.target, place.after ?? '', PAGE);
  const last = rows.at(-1)?.sub;
  if (last === undefined) return { ...withoutAfter(place), side: 'target' };
  const there = rows.filter(({ state }) => hasTargetUser(state));
  const subs = there.map(({ sub }) => sub);
  const [entries, states] = await Promise.all([
    subs.length > 0 ? directory.findBySubs(subs) : new Map(),
    statesOf(db, pair.target, subs),
  ]);
  const differing = there
    .filter((row) => isChanged(deps, row, { entry: entries.get(row.sub), state: states.get(row.sub) }))
    .map(({ sub }) => sub);
  await wake(deps, place, differing);
  const [people = 0, found = 0] = [place.legacyPeople, place.found];
  return { ...place, after: last, legacyPeople: people + subs.length, found: found + differing.length };
}

const withoutAfter = ({ after: _, ...place }: Placed): Placed => place;

function isChanged(deps: SweepingDeps, row: LedgerRow, { entry, state }: Read): boolean {
  if (!entry) return !state?.hasLeft;
  if (entry.error || !state || state.version === 0 || state.intended || state.hasLeft) return true;
  const made = valuesOfEntry(deps, entry as LegacyEntry, state.targetUserId);
  if (!made) return true;
  const madeOf = madeOfEntry(deps, entry as LegacyEntry);
  return (
    isAnotherPassword(madeOf, state.password) || differs(deps, row, { state, values: made, side: 'legacy' })
  );
}

interface Read {
  readonly entry: (LegacyEntry & { readonly error?: undefined }) | { readonly error: unknown } | undefined;
  readonly state: PersonState | undefined;
}

function differs(
  { keyring, target, pair }: SweepingDeps,
  row: LedgerRow,
  { state, values, side }: { readonly state: PersonState; readonly values: Values; readonly side: Side },
): boolean {
  const marking = markingOf(keyring, { target: target.name, sub: row.sub }, state.of);
  return differsFrom(state, values, { side, marking, authority: authorityOf(pair, row) });
}

async function targetStep(deps: SweepingDeps, place: Placed): Promise<Placed | 'done'> {
  const { db, connection, pair, target } = deps;
  const users = connection.users?.bind(connection);
  if (!users) return 'done';
  const page = await users({
    ...(place.after === undefined ? {} : { after: place.after }),
    limit: TARGET_PAGE,
  });
  const there = page.users.filter(({ state }) => state !== 'deleted');
  const rows = await findByTargetUsers(
    db,
    pair.target,
    there.map(({ targetUserId }) => targetUserId),
  );
  const known = new Map(
    rows.filter(({ state }) => hasTargetUser(state)).map((row) => [row.targetUserId, row]),
  );
  const subs = [...known.values()].map(({ sub }) => sub);
  const states = await statesOf(db, pair.target, subs);
  const differing = there.flatMap((found) => {
    const row = known.get(found.targetUserId);
    if (row === undefined) return pair.newAtTarget === 'create' ? [strangerOf(found.targetUserId)] : [];
    const state = states.get(row.sub);
    if (state?.hasLeft) return [];
    const isNew = !state || state.version === 0;
    const values = keptOf(connection, targetValues(target, found));
    return isNew || differs(deps, row, { state, values, side: 'target' }) ? [row.sub] : [];
  });
  await markSeen(db, pair.target, subs, new Date(place.begunAt));
  await wake(deps, place, differing);
  const [people = 0, found = 0] = [place.targetPeople, place.found];
  const counted = { ...place, targetPeople: people + known.size, found: found + differing.length };
  if (page.next === undefined) return { ...withoutAfter(counted), side: 'unseen' };
  return { ...counted, after: page.next };
}

/** Who is not at the target any more. */
async function unseenStep(deps: SweepingDeps, place: Placed): Promise<Placed | 'done'> {
  const { db, pair } = deps;
  const where = { after: place.after ?? '', begunAt: new Date(place.begunAt), limit: PAGE };
  const subs = await unseenAfter(db, pair.target, where);
  const last = subs.at(-1);
  if (last === undefined) return 'done';
  await wake(deps, place, subs);
  return { ...place, after: last, found: (place.found ?? 0) + subs.length };
}

/** The same reading wakes nobody twice. */
async function wake(
  { queue, pair }: SweepingDeps,
  { begunAt, side }: Placed,
  people: readonly string[],
): Promise<void> {
  if (people.length === 0) return;
  await queue.put(
    people.map((person) => ({
      source: 'sweep',
      id: `${begunAt} ${side} ${person}`.slice(0, 500),
      target: pair.target,
      person,
      lane: 'backlog',
      hint: {},
    })),
  );
}
