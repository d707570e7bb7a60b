/** A backlog of everybody, and people who change something meanwhile: they do not wait for it, and memory does not grow with it. */
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Directory } from '../../../src/legacy/directory.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { setPair } from '../../../src/sync/pairs.ts';
import { openPostgresQueue } from '../../../src/sync/queue/postgres-queue.ts';
import { pairSettings } from '../../../src/sync/sync-settings.ts';
import { openSyncing } from '../../../src/sync/syncing.ts';
import type { FoundUser, TargetConnection, TargetUser, UserUpdate } from '../../../src/targets/connection.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { until } from '../../flows/server.ts';
import { execute } from '../../support/database.ts';
import { tellFault } from '../../support/fault-row.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import { entryOf, foundOf, subOf } from '../../sync/people/world.ts';

const [PEOPLE, EDITS] = process.env.FOOTBRIDGE_LONG ? [1_000_000, 500] : [20_000, 40];
const PUT_AT_ONCE = 10_000;
const NAME = 'target';
/** The bar is five seconds for 95 of 100, on a machine that has nothing else to do. */
const P95_MS = 30_000;
const GROWN_MIB = 50;

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
  await execute(
    database.url,
    `insert into ledger (target, sub, state, from_state, target_user_id, legacy_id, made)
     select '${NAME}', 'shop:' || n, 'migrated', 'created', 't-' || n, n::text, true from generate_series(1, ${PEOPLE}) n`,
  );
  await execute(database.url, 'analyze ledger');
});
afterAll(async () => {
  await db?.close();
  await database?.drop();
});

/** Both sides as they would be: everybody is equal but for who has just been changed, and only those are kept. */
function openSides() {
  const [here, there] = [new Map<string, string>(), new Map<string, string>()];
  const arrivals = new Map<string, () => void>();
  let writes = 0;
  const record = (sub: string, names: ReadonlyMap<string, string>) => ({
    email: `${sub.slice(5)}@example.com`,
    email_verified: 'true',
    givenName: names.get(sub) ?? 'Anna',
    familyName: 'Tester',
    nickname: '',
    displayName: '',
    phone: '',
    state: 'active',
  });
  const directory = {
    legacyIdOf: (sub: string) => sub.slice(5),
    findBySubs: async (subs: readonly string[]) =>
      new Map(subs.map((sub) => [sub, entryOf(sub, record(sub, here), undefined)])),
    applies: () => undefined,
    writes: () => new Set(),
    feeds: [],
    setups: [],
  } as unknown as Directory;
  const write = (id: string, { givenName }: TargetUser) => {
    writes += 1;
    there.set(subOf(id), givenName);
    arrivals.get(`${subOf(id)} ${givenName}`)?.();
    return { kind: 'updated' as const };
  };
  const found = (id: string) => foundOf(subOf(id), record(subOf(id), there));
  const connection = {
    userById: async (id: string) => found(id),
    usersByIds: async (ids: readonly string[]) => new Map(ids.map((id) => [id, found(id)])),
    update: async ({ targetUserId }: FoundUser, user: TargetUser) => void write(targetUserId, user),
    updateMany: async (updates: readonly UserUpdate[]) =>
      updates.map(({ targetUserId, user }) => write(targetUserId, user)),
  } as unknown as TargetConnection;
  return {
    directory,
    connection,
    writes: () => writes,
    /** Resolves when it is at the target. */
    edit(sub: string, name: string): Promise<void> {
      here.set(sub, name);
      return new Promise((resolve) => arrivals.set(`${sub} ${name}`, resolve));
    },
    differing: () => [...here].filter(([sub, name]) => there.get(sub) !== name).map(([sub]) => sub),
  };
}

/** What is held once all garbage is gone: when it goes by itself is the collector's own affair. */
const heldMib = () => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
};
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test(`an edit is at the other side long before a backlog of ${PEOPLE.toLocaleString('en')} is worked off, and memory stays flat`, async () => {
  const sides = openSides();
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const [target] = openTargets(
    targetSettings.parse([{ name: NAME, kind: 'generic', displayName: 'T', loginUrl: 'https://t.example/' }]),
  ).all;
  const queue = openPostgresQueue(db);
  const errors: unknown[] = [];
  const turns = {
    ...{
      db,
      keyring,
      directory: sides.directory,
      connection: sides.connection,
      target: target!,
      nowMs: Date.now,
    },
    pair: pairSettings.parse({ target: NAME, fields: { givenName: 'legacy' } }),
    pseudonym: openAuditLog({ db, keyring }).pseudonym,
    targets: { connection: () => sides.connection },
    password: async () => ({ kind: 'equal' as const }),
  };
  const syncing = openSyncing({
    ...{ db, queue, pairs: new Map([[NAME, turns]]) },
    onStranger: async (turn) => ({ turn, result: 'done' }),
    onError: (error) => void errors.push(error),
  });
  await setPair(db, { target: NAME, state: 'aligning', actor: 'test' });
  for (let from = 1; from <= PEOPLE; from += PUT_AT_ONCE)
    await queue.put(
      Array.from({ length: Math.min(PUT_AT_ONCE, PEOPLE - from + 1) }, (_, n) => ({
        ...{ source: 'sweep', id: `s${from + n}`, target: NAME, person: `shop:${from + n}` },
        ...{ lane: 'backlog' as const, hint: {} },
      })),
    );
  await execute(database.url, 'analyze sync_turns');
  const waiting = async () =>
    (await queue.stats()).reduce((sum, { live, backlog }) => sum + live + backlog, 0);
  expect(await waiting()).toBe(PEOPLE);

  const stop = new AbortController();
  const startMs = performance.now();
  const before = heldMib();
  const following = syncing.follow(stop.signal);
  const latencies: number[] = [];
  for (let n = 0; n < EDITS && (await waiting()) > 0; n += 1) {
    // From the end, whose turn is a long way off.
    const sub = `shop:${PEOPLE - n * Math.floor(PEOPLE / EDITS / 2)}`;
    const at = performance.now();
    const arrived = sides.edit(sub, `Live${n}`);
    const hint = { legacyAt: new Date().toISOString() };
    await queue.put([{ source: 'legacy:shop', id: `e${n}`, target: NAME, person: sub, lane: 'live', hint }]);
    await arrived;
    latencies.push(performance.now() - at);
  }
  const meanwhile = heldMib();
  await until(async () => (await waiting()) === 0, 3_600_000);
  const seconds = (performance.now() - startMs) / 1_000;
  const after = heldMib();
  stop.abort();
  await following;

  latencies.sort((a, b) => a - b);
  const p95 = latencies[Math.floor(latencies.length * 0.95)] ?? latencies.at(-1)!;
  expect(latencies.length).toBeGreaterThan(5);
  expect(p95).toBeLessThan(P95_MS);
  expect(Math.max(meanwhile, after) - before).toBeLessThan(GROWN_MIB);
  expect(errors).toEqual([]);
  expect(sides.differing()).toEqual([]);
  expect(sides.writes()).toBe(latencies.length);
  const [known] = await execute(database.url, 'select count(*)::int as people from sync_people');
  expect(known).toEqual({ people: PEOPLE });
  tellFault({
    ...{ id: 'R23', lost: 0, doubled: 0, unexplained5xx: 0 },
    fault: `a backlog of ${PEOPLE.toLocaleString('en')} people`,
    load: `one node, and ${latencies.length} live edits meanwhile`,
    recovery: `95 of 100 edits at the target within ${(p95 / 1_000).toFixed(1)} s; the backlog done after ${Math.round(seconds)} s; memory held: ${[before, meanwhile, after].map(Math.round).join(', ')} MiB before, meanwhile and after`,
  });
}, 3_600_000);
