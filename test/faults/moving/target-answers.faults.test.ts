/** Batches to a target whose answers get lost, come late, ask for time or are none at all: nobody is lost, nobody is doubled. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { BatchStatus } from '../../../src/migration/batch/batch.ts';
import { openBatchPlace, TARGET } from '../../flows/batch/batch-place.ts';
import { until } from '../../flows/server.ts';
import { fillPeople } from '../../migration/batch/people.ts';
import { execute } from '../../support/database.ts';
import { tellFault } from '../../support/fault-row.ts';
import type { StandInKratos } from '../../support/kratos/index.ts';
import { startKratos } from '../../support/kratos/index.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Call, FaultyWay, Mishap } from './faulty-way.ts';
import { openFaultyWay } from './faulty-way.ts';

const LONG = Boolean(process.env.FOOTBRIDGE_LONG);
const DONE_MS = 120_000;
/** The target is down for so long. */
const DOWN_MS = LONG ? 300_000 : 5_000;
const PEOPLE = 800;

let ours: TestDatabase;
let legacy: TestDatabase;
let kratos: StandInKratos;
const masterKey = randomBytes(32).toString('base64');
beforeAll(async () => {
  [ours, legacy, kratos] = await Promise.all([testDatabase(), testDatabase({ empty: true }), startKratos()]);
  await fillPeople(legacy.url, PEOPLE);
});
afterAll(async () => {
  await kratos?.close();
  await Promise.all([ours?.drop(), legacy?.drop()]);
});

const sql = (text: string, values?: unknown[]) => execute(ours.url, text, values);
let taken = 0;
let opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened) await close();
  opened = [];
});

/** A batch of people whom no other has, on a way of its own, and a node for it. */
async function openBatch(
  id: string,
  users: number,
  pace: { readonly size: number; readonly workers: number },
) {
  const way = await openFaultyWay(() => kratos.url);
  const node = openBatchPlace({
    ours: ours.url,
    legacy: legacy.url,
    kratos: way.url,
    masterKey,
    flags: false,
  });
  const from = taken;
  taken += users;
  const ids = Array.from({ length: users }, (_, n) => from + n + 1);
  const members = ids.map((n) => ({ sub: `shop:${n}`, legacyId: String(n), rank: n }));
  const plan = { id, target: TARGET, plan: {}, actor: 'operator:test', perSecond: null, ...pace };
  await node.batches.begin(plan);
  await node.batches.add(id, members, members.at(-1)!.sub);
  await node.batches.planned(id, null);
  await node.batches.start(id);
  const stop = new AbortController();
  const batch = {
    way,
    node,
    ids,
    /** Until it is done, or stopped. */
    run: (): Promise<BatchStatus> =>
      node.engine.run(id, { signal: AbortSignal.any([stop.signal, AbortSignal.timeout(DONE_MS + DOWN_MS)]) }),
    stop: () => stop.abort(),
    status: () => node.batches.status(id),
    /** Whoever is to be tried again later is due now. */
    hurry: () =>
      sql('update batch_users set due_at = now() where batch = $1 and lease is null and due_at > now()', [
        id,
      ]),
    attempts: async () =>
      (await sql('select max(attempts) as most from batch_users where batch = $1', [id]))[0]?.most,
    sent: () => way.calls.filter(isSending),
  };
  opened.push(async () => {
    stop.abort();
    await node.close();
    await way.close();
  });
  return batch;
}
type Running = Awaited<ReturnType<typeof openBatch>>;

const isSending = ({ method, path }: Call) => method === 'PATCH' && path === '/admin/identities';
const onSending = (way: FaultyWay, how: (n: number, call: Call) => Mishap | undefined) => {
  let n = 0;
  way.goesWrong((call) => (isSending(call) ? how(++n, call) : undefined));
};

/** All of the batch but these are there once, linked, and moved in the ledger; what `kratos` says twice is nobody. */
async function everybodyOnce({ ids }: Running, but: readonly number[] = []): Promise<void> {
  expect((await kratos.state()).duplicates).toBe(0);
  const subs = ids.filter((id) => !but.includes(id)).map((id) => `shop:${id}`);
  const rows = await sql(
    `select sub, target_user_id as id from ledger where sub = any($1) and state = 'migrated'`,
    [subs],
  );
  expect(rows.map(({ sub }) => sub).sort()).toEqual([...subs].sort());
  for (const { sub, id } of rows) expect(identifiersOf(String(id))).toContain(`footbridge:${sub}`);
  expect(await sql('select count(*)::int from target_work where sub = any($1)', [subs])).toEqual([
    { count: 0 },
  ]);
}
const identifiersOf = (id: string) => kratos.identities.byId.get(id)?.credentials.oidc?.identifiers ?? [];

const NOTHING_LOST = { lost: 0, doubled: 0, unexplained5xx: 0 };

test('a target that does its work and says 200, while the connection breaks before the body, has everybody once', async () => {
  const batch = await openBatch('cut', 120, { size: 20, workers: 2 });
  onSending(batch.way, (n) => (n > 8 ? undefined : n % 2 === 1 ? 'cut-body' : 'cut-after'));
  const running = batch.run();
  await until(async () => {
    await batch.hurry();
    return (await batch.status()).state === 'done';
  }, DONE_MS);
  expect((await running).counts).toMatchObject({ migrated: 120, failed: 0, waiting: 0 });
  await everybodyOnce(batch);
  tellFault({
    ...{ id: 'R3', ...NOTHING_LOST },
    fault:
      'the target does its work, and the connection breaks before the body of its 200, or before any of it',
    load: `a batch of 120 in calls of 20, the first ${batch.way.mishaps()} of ${batch.sent().length} calls`,
    recovery: 'the same calls again find everybody there; each is at the target once',
  });
}, 300_000);

const ASKING: readonly (readonly [what: string, retryAfter: () => string, seconds: number])[] = [
  ['seven seconds', () => '7', 7],
  // Of a date only whole seconds are told.
  ['a date', () => new Date(Date.now() + 4_000).toUTCString(), 3],
];
test.each(ASKING)(
  'a target that asks to be left alone with %s is left alone for so long, and nobody’s tries are used up',
  async (what, retryAfter, seconds) => {
    const batch = await openBatch(`asks for ${what}`, 20, { size: 10, workers: 2 });
    onSending(batch.way, (n) => (n === 1 ? { status: 429, retryAfter: retryAfter() } : undefined));
    const { counts } = await batch.run();
    const [first, second] = batch.sent();
    const waitedSeconds = (second!.atMs - first!.atMs) / 1_000;
    expect(waitedSeconds).toBeGreaterThanOrEqual(seconds - 0.1);
    // The bar is a second more; a busy machine takes several.
    expect(waitedSeconds).toBeLessThan(seconds + 20);
    expect(counts).toMatchObject({ migrated: 20, failed: 0 });
    expect(await batch.attempts()).toBe(0);
    await everybodyOnce(batch);
    tellFault({
      ...{ id: 'R4', ...NOTHING_LOST },
      fault: `429 with Retry-After: ${what}`,
      load: 'a batch of 20 in calls of 10, two workers',
      recovery: `left alone for ${waitedSeconds.toFixed(1)} s; nobody’s tries used up`,
    });
  },
  300_000,
);

test('a Retry-After that lasts for ages is believed for five minutes, a negative one not at all', async () => {
  const batch = await openBatch('asks for ages', 20, { size: 10, workers: 2 });
  onSending(batch.way, () => ({ status: 429, retryAfter: '1000000000' }));
  const running = batch.run();
  await until(async () => (await batch.status()).note?.code === 'target_throttles', DONE_MS);
  const { note } = await batch.status();
  const heldSeconds = (Date.parse(note?.until ?? '') - Date.now()) / 1_000;
  expect(heldSeconds).toBeLessThanOrEqual(300);
  expect(heldSeconds).toBeGreaterThan(200);
  batch.stop();
  await running;
  expect(await batch.attempts()).toBe(0);
  // Another node knows nothing of it, and asks anew.
  await batch.hurry();
  const again = await openBatch('asks for less than nothing', 20, { size: 10, workers: 2 });
  onSending(again.way, (n) => (n === 1 ? { status: 429, retryAfter: '-5' } : undefined));
  await Promise.all([
    again.run(),
    again.node.engine.run('asks for ages', { signal: AbortSignal.timeout(DONE_MS) }),
  ]);
  const waitedSeconds = (again.sent()[1]!.atMs - again.sent()[0]!.atMs) / 1_000;
  expect(await again.attempts()).toBe(0);
  for (const one of [batch, again]) await everybodyOnce(one);
  tellFault({
    ...{ id: 'R4', ...NOTHING_LOST },
    fault: '429 with Retry-After: 1000000000, and with -5',
    load: 'two batches of 20 in calls of 10, two workers each',
    recovery: `held for ${Math.ceil(heldSeconds)} s at most, and for ${waitedSeconds.toFixed(1)} s; nobody’s tries used up`,
  });
}, 300_000);

test('a target that answers a tenth of the calls with 500 has everybody once', async () => {
  const batch = await openBatch('a tenth', 150, { size: 5, workers: 2 });
  onSending(batch.way, (n) => (n % 10 === 3 ? { status: 500 } : undefined));
  const { state, counts } = await batch.run();
  expect({ state, ...counts }).toMatchObject({ state: 'done', migrated: 150, failed: 0 });
  expect(batch.way.mishaps()).toBeGreaterThan(2);
  await everybodyOnce(batch);
  tellFault({
    ...{ id: 'R5', ...NOTHING_LOST },
    fault: 'the target answers 500 to a tenth of the calls',
    load: `a batch of 150 in calls of 5: ${batch.way.mishaps()} of ${batch.sent().length} calls`,
    recovery: 'all done',
  });
}, 300_000);

test('a target that answers everything with 503 is left alone after five calls, asked once a second with one person, and found again', async () => {
  const batch = await openBatch('down', 100, { size: 10, workers: 4 });
  let isDown = true;
  batch.way.goesWrong(() => (isDown ? { status: 503 } : undefined));
  const running = batch.run();
  await until(async () => (await batch.status()).note?.code === 'target_down', DONE_MS);
  const before = batch.sent().length;
  const startMs = performance.now();
  expect(before).toBeLessThanOrEqual(5 + 1);
  await until(
    async () => performance.now() - startMs > DOWN_MS && batch.sent().length >= before + 2,
    DONE_MS + DOWN_MS,
  );
  const probes = batch.sent().slice(before);
  const downSeconds = (performance.now() - startMs) / 1_000;
  expect(probes.length).toBeLessThanOrEqual(downSeconds + 2);
  for (const { body } of probes) expect(JSON.parse(body).identities).toHaveLength(1);
  isDown = false;
  const healedMs = performance.now();
  const { state, counts } = await running;
  const drainedSeconds = (performance.now() - healedMs) / 1_000;
  expect({ state, ...counts }).toMatchObject({ state: 'done', migrated: 100, failed: 0 });
  await everybodyOnce(batch);
  tellFault({
    ...{ id: 'R5', ...NOTHING_LOST },
    fault: `the target answers 503 to everything for ${Math.round(downSeconds)} s`,
    load: 'a batch of 100 in calls of 10, four workers',
    recovery: `left alone after ${before} calls, then ${probes.length} of one person each; all done ${drainedSeconds.toFixed(1)} s after it was well`,
  });
}, 600_000);

test('a person over whom every call fails is soon alone, given up after eight tries, and holds up nobody', async () => {
  const batch = await openBatch('poison', 100, { size: 50, workers: 2 });
  const poisoned = batch.ids[6]!;
  onSending(batch.way, (_n, { body }) => (body.includes(`"user${poisoned}"`) ? { status: 503 } : undefined));
  const running = batch.run();
  await until(async () => {
    await batch.hurry();
    return (await batch.status()).state === 'done';
  }, DONE_MS);
  expect((await running).counts).toMatchObject({ migrated: 99, failed: 1 });
  const dead = await batch.node.batches.users('poison', { outcome: 'failed', limit: 10 });
  expect(dead).toMatchObject([{ sub: `shop:${poisoned}`, problem: { code: 'target_unavailable' } }]);
  const tries = batch.sent().filter(({ body }) => body.includes(`"user${poisoned}"`)).length;
  expect(tries).toBe(8);
  await everybodyOnce(batch, [poisoned]);
  tellFault({
    ...{ id: 'R5', ...NOTHING_LOST },
    fault: 'the target answers 503 to every call that has one certain person in it',
    load: 'a batch of 100 in calls of 50',
    recovery: `99 arrive; that one is a dead letter with its reason after ${tries} tries`,
  });
}, 300_000);

const THEIR_OWN = '$2b$04$kYWyY2LU/AWI3HAIcelCzeiRfwwLt8FUm8nPRxS2T/X4EfJFuaCPm';

test('one bad record of fifty leaves the 49 others alone, and is a dead letter with the reason', async () => {
  const batch = await openBatch('bad', 50, { size: 50, workers: 1 });
  const bad = batch.ids[6]!;
  // Somebody else has the name already, and nothing says that they are the same person.
  const neighbour = await fetch(`${kratos.url}/admin/identities`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      schema_id: 'default',
      traits: { email: 'neighbour@elsewhere.example', username: `user${bad}` },
      credentials: { password: { config: { hashed_password: THEIR_OWN } } },
    }),
  });
  expect(neighbour.status).toBe(201);
  const { state, counts } = await batch.run();
  expect({ state, ...counts }).toMatchObject({ state: 'done', migrated: 49, failed: 1 });
  const [dead] = await batch.node.batches.users('bad', { outcome: 'failed', limit: 10 });
  expect(dead).toMatchObject({ sub: `shop:${bad}`, problem: { code: 'target_conflict' } });
  await everybodyOnce(batch, [bad]);
  tellFault({
    ...{ id: 'R6', ...NOTHING_LOST },
    fault: 'one bad record of fifty: somebody else has the name at the target',
    load: 'one call with fifty people',
    recovery: '49 arrive at once; one is a dead letter with its reason',
  });
}, 300_000);
