/**
 * Whatever happens to events, nodes and the two ends: what we know of members becomes what is true at the target, and the
 * legacy store is told of it.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import type { Db, Queryable } from '../../../src/store/db.ts';
import { putEvents } from '../../../src/sync/inbox.ts';
import type { TargetEvent } from '../../../src/targets/webhook.ts';
import type { Place } from './place.ts';
import { membershipsEvent, openPlace, TARGET } from './place.ts';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.close());

const ORGANIZATIONS = ['acme', 'bolt'];
const legacyOf = (organization: string) => `shop:${organization}`;
/** The last of them have linked nothing. */
const USERS = ['ann', 'bob', 'cid', 'dan'];
const KNOWN = ['ann', 'bob', 'cid'];
const ROLES: Record<string, string[]> = {
  admin: ['manager'],
  owner: ['manager', 'billing'],
  printer: ['printer'],
};

const change = fc.record({
  kind: fc.constant('change' as const),
  organization: fc.constantFrom(...ORGANIZATIONS),
  user: fc.constantFrom(...USERS),
  /** Undefined: they leave. */
  roles: fc.option(fc.subarray(Object.keys(ROLES)), { nil: undefined }),
  event: fc.constantFrom('at once', 'twice', 'late', 'lost'),
});
const happening = fc.oneof(
  { weight: 6, arbitrary: change },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('round' as const), nodes: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('poll' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('target' as const), isDown: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('store' as const), isDown: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('late events' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('kill' as const),
      statements: fc.integer({ min: 0, max: 24 }),
      isDone: fc.boolean(),
      isFound: fc.boolean(),
    }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** The database as a node sees it that dies at one of its statements: before it is run, or before it hears of it. */
function dying(db: Db, statements: number, isDone: boolean): Db {
  let left = statements;
  const dead = () => new FootbridgeError('storage_unavailable', { detail: 'killed' });
  const over =
    <A extends unknown[], T>(work: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      if (left < 0 || (left === 0 && !isDone)) throw dead();
      left -= 1;
      const result = await work(...args);
      if (left < 0) throw dead();
      return result;
    };
  const queryable = (q: Queryable): Queryable => ({
    run: over((statement, values) => q.run(statement, values)) as Queryable['run'],
    runParts: over((parts, final) => q.runParts(parts, final)) as Queryable['runParts'],
  });
  return {
    ...db,
    ...queryable(db),
    transaction: (work) => db.transaction((tx) => work(queryable(tx))),
  };
}

const truth = (organization: string) =>
  Object.fromEntries(
    [...(place.hub.truth.get(organization) ?? [])]
      .sort()
      .map(([user, roles]) => [user, [...new Set(roles.flatMap((role) => ROLES[role] ?? []))].sort()]),
  );
const everybody = () => Promise.all(ORGANIZATIONS.map((one) => place.members(legacyOf(one))));

async function begin(): Promise<void> {
  await place.clear();
  for (const organization of ORGANIZATIONS) {
    place.hub.truth.set(organization, new Map());
    await place.link(legacyOf(organization), organization);
  }
  for (const user of KNOWN) await place.person(`shop:${user}`, user);
}

async function happen(one: Happening, late: TargetEvent[], serial: number): Promise<void> {
  const { hub, store, db } = place;
  if (one.kind === 'target') hub.isDown = one.isDown;
  if (one.kind === 'store') store.isDown = one.isDown;
  if (one.kind === 'change') {
    const members = hub.truth.get(one.organization)!;
    if (one.roles) members.set(one.user, one.roles);
    else members.delete(one.user);
    const event = membershipsEvent(`e${serial}`, one.organization);
    if (one.event === 'late') late.push(event);
    if (one.event === 'at once' || one.event === 'twice') await putEvents(db, TARGET, [event]);
    if (one.event === 'twice') await putEvents(db, TARGET, [event]);
  }
  if (one.kind === 'late events')
    for (const event of late.splice(0).reverse()) await putEvents(db, TARGET, [event]);
  const before = await everybody();
  if (one.kind === 'round') await Promise.all(Array.from({ length: one.nodes }, () => place.node().round()));
  if (one.kind === 'kill') {
    await place.timePasses();
    const node = place.node({ db: dying(db, one.statements, one.isDone) });
    await Promise.allSettled([node.round(), place.node().round()]);
    if (one.isFound) await place.leasesEnd();
  }
  if (one.kind === 'poll') {
    await place.leasesEnd();
    await place.timePasses();
    await place.sql('update organization_links set due_at = now()');
    await Promise.all([place.node().round(), place.node().round()]);
    if (!hub.isDown) expect(await everybody()).toEqual(ORGANIZATIONS.map(truth));
  }
  if (hub.isDown) expect(await everybody()).toEqual(before);
}

/** Everybody is there again, and it is time for everything: twice, because a store that was away is told in the second turn. */
async function settle(): Promise<void> {
  Object.assign(place.hub, { isDown: false });
  Object.assign(place.store, { isDown: false });
  await place.leasesEnd();
  for (let turn = 0; turn < 2; turn += 1) {
    await place.sql('update organization_links set due_at = now()');
    await place.node().round();
  }
}

test('members become what the target says, whatever is lost, doubled, late, away or killed', async () => {
  let serial = 0;
  const property = fc.asyncProperty(
    fc.array(happening, { minLength: 4, maxLength: 16 }),
    async (happenings) => {
      await begin();
      const late: TargetEvent[] = [];
      for (const one of happenings) await happen(one, late, ++serial);
      await settle();
      expect(await everybody()).toEqual(ORGANIZATIONS.map(truth));
      const told = ORGANIZATIONS.flatMap((organization) =>
        Object.entries(truth(organization))
          .filter(([user]) => KNOWN.includes(user))
          .map(([user, roles]) => [`${legacyOf(organization)} shop:${user}`, roles.join(',')] as const),
      );
      expect(new Map([...place.store.members].sort())).toEqual(new Map(told.sort()));
      expect(await place.sql('select id from target_events where done_at is null')).toEqual([]);
      expect(await place.sql('select target from organization_links where lease is not null')).toEqual([]);
    },
  );
  await fc.assert(property, { numRuns: 20 });
}, 120_000);
