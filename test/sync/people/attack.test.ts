/** What somebody with time tried against people who are kept equal: each of these went wrong once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { move, proveParts } from '../../../src/migration/ledger.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { allowGoing, allPairs, setPair } from '../../../src/sync/pairs.ts';
import { missAnew } from '../../../src/sync/people/states.ts';
import type { TurnsDeps } from '../../../src/sync/people/turns.ts';
import type { ChangeQueue, Hint, Settlement, Turn } from '../../../src/sync/queue/change-queue.ts';
import { strangerOf } from '../../../src/sync/queue/change-queue.ts';
import { openPostgresQueue } from '../../../src/sync/queue/postgres-queue.ts';
import { sweepRound } from '../../../src/sync/sweeping.ts';
import { pairSettings } from '../../../src/sync/sync-settings.ts';
import { openSyncing } from '../../../src/sync/syncing.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Faults, Record as Person } from './world.ts';
import { connectionOver, directoryOver, idOf, sideStore } from './world.ts';

let database: TestDatabase;
let db: Db;
const keyring = openKeyring(new Secret(Buffer.alloc(32, 7).toString('base64')));
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const CALM: Faults = { draw: () => 1, kill: 0, lose: 0, meanwhile: 0, onMeanwhile: async () => undefined };
let worlds = 0;

interface Options {
  readonly people?: number;
  readonly pair?: Record<string, unknown>;
  readonly deps?: (deps: TurnsDeps) => Partial<TurnsDeps>;
  readonly queue?: (queue: ChangeQueue) => Partial<ChangeQueue>;
  readonly onStranger?: (turn: Turn) => Promise<Settlement>;
}

/** Everybody is at both sides, and equal. */
async function openWorld(options: Options = {}) {
  worlds += 1;
  const name = `target-${worlds}`;
  const [target] = openTargets(
    targetSettings.parse([
      { name, kind: 'generic', displayName: 'T', loginUrl: 'https://target.example/login' },
    ]),
  ).all;
  const sides = { legacy: sideStore(), target: sideStore() };
  const clock = { nowMs: Date.now() };
  const audit = openAuditLog({ db, keyring });
  const updatedAt = new Map<string, number>();
  const subs = Array.from(
    { length: options.people ?? 1 },
    (_, at) => `shop:${worlds}-${String(at).padStart(4, '0')}`,
  );
  for (const sub of subs) {
    const record: Person = {
      email: `${sub.slice(5)}@example.com`,
      email_verified: 'true',
      givenName: 'Anna',
      familyName: 'Berg',
      nickname: '',
      displayName: 'Anna Berg',
      phone: '',
      state: 'active',
    };
    for (const side of [sides.legacy, sides.target]) side.people.set(sub, { ...record });
    const common = { target: name, sub, subject: audit.pseudonym(sub) };
    await db.runParts(proveParts({ ...common, legacyId: sub, amr: [] }), 'select 1');
    await move(db, { ...common, event: 'create', actor: 'user', targetUserId: idOf(sub) });
  }
  await setPair(db, { target: name, state: 'aligning', actor: 'test' });
  const node = { isDead: false };
  const errors: unknown[] = [];
  const pairOf = (more: object = {}) => pairSettings.parse({ target: name, ...options.pair, ...more });
  const basic: TurnsDeps = {
    db,
    keyring,
    directory: directoryOver(sides.legacy, node, CALM, (sub) => updatedAt.get(sub)),
    target: target!,
    connection: connectionOver(sides.target, node, CALM, { isBulk: false }),
    pair: pairOf(),
    nowMs: () => clock.nowMs,
    targets: { connection: () => undefined },
    pseudonym: audit.pseudonym,
    password: async () => ({ kind: 'equal' }),
  };
  let deps: TurnsDeps = { ...basic, ...options.deps?.(basic) };
  const real = openPostgresQueue(db);
  const queue = { ...real, ...options.queue?.(real) };
  const open = () =>
    openSyncing({
      db,
      queue,
      pairs: new Map([[name, deps]]),
      onStranger: options.onStranger ?? (async (turn) => ({ turn, result: 'done' })),
      onError: (error) => void errors.push(error),
    });
  let syncing = open();
  let heard = 0;
  const dueNow = () =>
    db.run(statement(`update sync_turns set due_at = now() where target = $1 and due_at < 'infinity'`), [
      name,
    ]);
  const world = {
    name,
    sides,
    subs,
    clock,
    errors,
    updatedAt,
    queue,
    settings: (more: object) => {
      deps = { ...deps, pair: pairOf(more) };
      syncing = open();
    },
    round: () => syncing.round(),
    hear: async (person: string, hint: Hint = {}) => {
      heard += 1;
      await queue.put([{ source: 'test', id: `${name} ${heard}`, target: name, person, lane: 'live', hint }]);
    },
    later: async (seconds: number) => {
      clock.nowMs += seconds * 1_000;
      await dueNow();
      await syncing.round();
    },
    sweep: async () => {
      clock.nowMs += 1_000;
      await db.run(
        statement(
          `update sync_pairs set sweep_due_at = now(), sweep = '{}', leased_until = null where target = $1`,
        ),
        [name],
      );
      const sweeping = {
        ...deps,
        queue,
        hasBegun: async () => true,
        onError: (error: unknown) => void errors.push(error),
      };
      while (await sweepRound(sweeping));
      await syncing.round();
    },
    state: async () => (await allPairs(db)).find(({ target: one }) => one === name),
    active: () => [...sides.target.people.values()].filter(({ state }) => state === 'active').length,
    audited: async (action: string) => {
      const [row] = await db.run<{ rows: number }>(
        statement(`select count(*)::int as rows from audit_log where action = $1 and detail->>'target' = $2`),
        [action, name],
      );
      return row!.rows;
    },
  };
  await world.sweep();
  return world;
}

describe('people who vanish', () => {
  const emptied = async (people = 60) => {
    const world = await openWorld({ people });
    const kept = new Map(world.sides.legacy.people);
    world.sides.legacy.people.clear();
    await world.sweep();
    await world.later(61);
    return { world, kept };
  };

  test('all at once let nobody go: sync pauses itself and says so', async () => {
    const { world } = await emptied();
    expect(world.active()).toBe(60);
    expect(await world.state()).toMatchObject({ state: 'paused', actor: 'sync' });
    expect(await world.audited('sync.braked')).toBe(1);
  });

  test('by mistake are as before when they are back and an operator resumes', async () => {
    const { world, kept } = await emptied();
    for (const [sub, record] of kept) world.sides.legacy.people.set(sub, record);
    await missAnew(db, world.name);
    await setPair(db, { target: world.name, state: 'running', actor: 'test' });
    await world.later(61);
    expect(world.active()).toBe(60);
    expect((await world.state())?.state).toBe('running');
    world.sides.legacy.people.delete(world.subs[0]!);
    await world.sweep();
    await world.later(61);
    expect(world.active()).toBe(59);
  });

  test('are still asked about when an operator only resumes', async () => {
    const { world } = await emptied();
    await missAnew(db, world.name);
    await setPair(db, { target: world.name, state: 'running', actor: 'test' });
    await world.later(61);
    await world.later(61);
    expect(world.active()).toBe(60);
    expect((await world.state())?.state).toBe('paused');
  });

  test('indeed are let go when an operator says so', async () => {
    const { world } = await emptied();
    await missAnew(db, world.name);
    await allowGoing(db, world.name);
    await setPair(db, { target: world.name, state: 'running', actor: 'test' });
    await world.later(61);
    await world.later(61);
    expect(world.active()).toBe(0);
  });

  test('whom the store itself tells of are no more than may go, either', async () => {
    const world = await openWorld({ people: 60 });
    world.sides.legacy.people.clear();
    for (const sub of world.subs) await world.hear(sub, { goneAt: new Date().toISOString() });
    await world.round();
    expect(world.active()).toBe(50);
    expect((await world.state())?.state).toBe('paused');
  });

  test('one by one are let go, and once each', async () => {
    const world = await openWorld({ people: 3 });
    world.sides.legacy.people.delete(world.subs[0]!);
    for (let sweeps = 0; sweeps < 3; sweeps += 1) {
      await world.sweep();
      await world.later(61);
    }
    expect(world.active()).toBe(2);
    expect(await world.audited('sync.gone-from-legacy')).toBe(1);
  });

  test('and come back are heard of by the next reading', async () => {
    const world = await openWorld({ people: 2 });
    const [sub = ''] = world.subs;
    const record = world.sides.legacy.people.get(sub)!;
    world.sides.legacy.people.delete(sub);
    await world.sweep();
    await world.later(61);
    expect(world.active()).toBe(1);
    world.sides.legacy.people.set(sub, record);
    await world.sweep();
    expect(world.active()).toBe(2);
  });

  test('are waited for anew when they were missed long before', async () => {
    const world = await openWorld({ people: 2 });
    const [sub = ''] = world.subs;
    const record = world.sides.legacy.people.get(sub)!;
    world.sides.legacy.people.delete(sub);
    await world.hear(sub);
    await world.round();
    world.clock.nowMs += 30 * 86_400_000;
    await world.hear(sub);
    await world.round();
    expect(world.active()).toBe(2);
    world.sides.legacy.people.set(sub, record);
    await world.later(61);
    expect(world.active()).toBe(2);
  });
});

describe('a stranger', () => {
  test('is nobody of a store that is called `user`', async () => {
    const strangers: string[] = [];
    const world = await openWorld({
      onStranger: async (turn) => {
        strangers.push(turn.person);
        return { turn, result: 'done' };
      },
    });
    await world.hear('user:4711');
    await world.hear(strangerOf('4711'));
    await world.round();
    expect(strangers).toEqual([strangerOf('4711')]);
  });

  test('with whom something is wrong keeps nobody waiting, and is a dead letter in the end', async () => {
    let tries = 0;
    const world = await openWorld({
      pair: { attempts: 3 },
      onStranger: async () => {
        tries += 1;
        throw new TypeError('a mistake of ours');
      },
    });
    const [sub = ''] = world.subs;
    world.sides.legacy.people.get(sub)!.givenName = 'Berta';
    await world.hear(strangerOf('4711'));
    await world.hear(sub, { legacyAt: new Date().toISOString() });
    for (let rounds = 0; rounds < 5; rounds += 1) await world.later(61);
    expect(world.sides.target.people.get(sub)!.givenName).toBe('Berta');
    expect(tries).toBe(3);
    expect(await world.queue.dead({ target: world.name, limit: 9 })).toMatchObject([
      { person: strangerOf('4711'), problem: { code: 'internal' } },
    ]);
  });
});

describe('a reading of both sides', () => {
  test('finds what is new of a field that was never equal, though nobody told', async () => {
    const world = await openWorld();
    const [sub = ''] = world.subs;
    // The target makes one up, and the store has none: nothing is compared.
    world.sides.target.people.get(sub)!.nickname = 'made up';
    await world.hear(sub, { targetAt: new Date().toISOString() });
    await world.round();
    await world.sweep();
    world.sides.legacy.people.get(sub)!.nickname = 'Anni';
    await world.sweep();
    expect(world.sides.target.people.get(sub)!.nickname).toBe('Anni');
  });

  test('finds whom a changed rule is about', async () => {
    const world = await openWorld({ pair: { fields: { givenName: 'never' } } });
    const [sub = ''] = world.subs;
    world.sides.legacy.people.get(sub)!.givenName = 'Berta';
    await world.hear(sub);
    await world.round();
    expect(world.sides.target.people.get(sub)!.givenName).toBe('Anna');
    world.settings({ fields: { givenName: 'legacy' } });
    await world.sweep();
    expect(world.sides.target.people.get(sub)!.givenName).toBe('Berta');
  });

  test('wakes nobody for what a rule leaves different', async () => {
    const world = await openWorld({ pair: { fields: { familyName: 'never' } } });
    const [sub = ''] = world.subs;
    world.sides.legacy.people.get(sub)!.familyName = 'Tal';
    await world.sweep();
    await world.sweep();
    expect(world.sides.target.people.get(sub)!.familyName).toBe('Berg');
    expect(await world.queue.stats()).not.toContainEqual(expect.objectContaining({ target: world.name }));
  });
});

test('a row that is dated in the year 2099 does not win for ever', async () => {
  const world = await openWorld({
    pair: { fields: { nickname: 'last-writer' }, clock: { tie: 'target', toleranceSeconds: 0 } },
  });
  const [sub = ''] = world.subs;
  world.updatedAt.set(sub, Date.UTC(2099, 0, 1));
  world.sides.legacy.people.get(sub)!.nickname = 'old';
  world.sides.target.people.get(sub)!.nickname = 'new';
  await world.hear(sub, { targetAt: new Date().toISOString() });
  await world.round();
  expect(world.sides.legacy.people.get(sub)!.nickname).toBe('new');
});

test('a target that is slow has people done before their lease is over', async () => {
  const taken: number[] = [];
  const world = await openWorld({
    people: 40,
    pair: { batch: 20, atOnce: 1 },
    queue: (real) => ({
      take: (options) => {
        taken.push(options.limit);
        return real.take({ ...options, leaseSeconds: 120 });
      },
    }),
    deps: ({ connection }) => ({
      connection: {
        ...connection,
        userById: async (id) => {
          const from = performance.now();
          // As if each of them took seconds.
          Object.defineProperty(performance, 'now', { value: () => from + 3_000, configurable: true });
          return connection.userById(id);
        },
      },
    }),
  });
  Reflect.deleteProperty(performance, 'now');
  expect(taken.at(0)).toBe(80);
  expect(taken.at(-1)).toBeLessThan(20);
  expect(world.errors).toEqual([]);
});

test('an outage of the target in the midst of it is nobody’s removal', async () => {
  const world = await openWorld({
    people: 3,
    pair: { gone: { graceSeconds: 0 } },
    deps: ({ connection }) => ({
      connection: {
        ...connection,
        userById: async () => {
          throw new FootbridgeError('target_unavailable');
        },
      },
    }),
  });
  await world.later(61);
  expect(world.active()).toBe(3);
  expect([...world.sides.legacy.people.values()].every(({ state }) => state === 'active')).toBe(true);
});
