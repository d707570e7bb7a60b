/** The courier against real recipients: what it tells whom, when again, and who does not have to wait for whom. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Courier } from '../../../src/sessions/ending/courier.ts';
import { openCourier } from '../../../src/sessions/ending/courier.ts';
import {
  claimDeliveries,
  countDeliveries,
  deliveriesOf,
  listDeliveries,
  retryDeliveries,
} from '../../../src/sessions/ending/deliveries.ts';
import type { Send } from '../../../src/sessions/ending/delivery.ts';
import { readRetryAfter } from '../../../src/sessions/ending/delivery.ts';
import { until } from '../../flows/server.ts';
import type { Recipient } from './recipient.ts';
import { die, hang, openRecipient, sendTo, status } from './recipient.ts';
import type { Stage } from './stage.ts';
import { openStage } from './stage.ts';

const ENDING = '00000000-0000-4000-8000-000000000001';
let stage: Stage;
let recipients: Map<string, Recipient>;
let results: string[];
let couriers: Courier[];
let clock: number;
const errors: unknown[] = [];

beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  await stage.clear();
  recipients = new Map();
  results = [];
  couriers = [];
  clock = 0;
  errors.length = 0;
});
afterEach(async () => {
  for (const recipient of recipients.values()) recipient.answer = status(204);
  await Promise.all([...recipients.values()].map((recipient) => recipient.close()));
  await Promise.all(couriers.map((courier) => courier.close()));
});

function hire(send: Send = sendTo(recipients)): Courier {
  const courier = openCourier({
    db: stage.db,
    senders: { client: send, legacy: send, target: send },
    onResult: ({ name, result, code }) => results.push([name, result, code].filter(Boolean).join(' ')),
    onError: (error) => errors.push(error),
    nowMs: () => clock,
  });
  couriers.push(courier);
  return courier;
}

async function recipient(name: string, answer = status(204)): Promise<Recipient> {
  const opened = await openRecipient(answer);
  recipients.set(name, opened);
  return opened;
}

const post = (name: string, { count = 1, lane = 0 } = {}) =>
  stage.sql(
    `insert into logout_deliveries (ending, kind, name, sub, handle, lane)
     select $1, 'client', $2, 'anna', 's' || n, $3 from generate_series(1, $4) n`,
    [ENDING, name, lane, count],
  );
const waiting = async (name: string) =>
  (
    await stage.sql(
      `select attempts, round(extract(epoch from due_at - now()))::float8 as "in", problem ->> 'code' as code
       from logout_deliveries where name = $1 and done_at is null order by id`,
      [name],
    )
  )[0];
/** As if the time had come; the courier looks at once. */
async function again(courier: Courier) {
  await stage.sql('update logout_deliveries set due_at = now() where done_at is null');
  clock += 3_600_000;
  courier.kick();
}
/** Taken, and not written down what became of them. */
const onTheWay = async () =>
  (await stage.sql('select 1 from logout_deliveries where lease is not null')).length;
const done = async () =>
  (await stage.sql('select 1 from logout_deliveries where done_at is null')).length === 0;

test('everybody is told once, at a kick and without one', async () => {
  const shop = await recipient('shop');
  await post('shop', { count: 3 });
  hire().kick();
  await until(done);
  expect(shop.calls.sort()).toEqual(['shop s1', 'shop s2', 'shop s3']);
  expect(results).toEqual(['shop done', 'shop done', 'shop done']);
  await post('shop');
  await until(done);
  expect(shop.calls).toHaveLength(4);
  expect(await deliveriesOf(stage.db, ENDING)).toEqual([{ kind: 'client', name: 'shop', state: 'done' }]);
});

describe('a recipient that fails', () => {
  test.each([
    ['500', status(500), 'status_500'],
    ['a redirect', status(302, { location: 'http://127.0.0.1:9/elsewhere' }), 'status_302'],
    ['a connection that breaks', die, 'unreachable'],
  ])('with %s is told again after 5 s', async (_name, answer, code) => {
    const shop = await recipient('shop', answer);
    await post('shop');
    const courier = hire();
    courier.kick();
    await until(async () => results.length === 1);
    expect(results).toEqual([`shop failed ${code}`]);
    expect(await waiting('shop')).toMatchObject({ attempts: 1, code });
    expect(Number((await waiting('shop'))!.in)).toBeGreaterThanOrEqual(4);
    expect(Number((await waiting('shop'))!.in)).toBeLessThanOrEqual(5);
    shop.answer = status(204);
    await again(courier);
    await until(done);
    expect(results).toEqual([`shop failed ${code}`, 'shop done']);
  });

  test('is told eight times within a day, and then given up', async () => {
    await recipient('shop', status(500));
    await post('shop');
    const courier = hire();
    const delays: number[] = [];
    for (let tries = 1; tries <= 8; tries += 1) {
      await again(courier);
      await until(async () => results.length === tries);
      delays.push(Number((await waiting('shop'))!.in));
    }
    expect(results.at(-1)).toBe('shop dead status_500');
    expect(results.filter((result) => result === 'shop failed status_500')).toHaveLength(7);
    expect(delays.pop()).toBe(Number.POSITIVE_INFINITY);
    const sum = delays.reduce((a, b) => a + b, 0);
    expect(delays).toEqual([...delays].sort((a, b) => a - b));
    expect(sum).toBeGreaterThan(20 * 3_600);
    expect(sum).toBeLessThanOrEqual(24 * 3_600);
  });

  test('may wish to be left alone, in seconds or until a time, and is not believed everything', async () => {
    const wishes: [string, number, number][] = [
      ['120', 118, 120],
      [new Date(Date.now() + 600_000).toUTCString(), 590, 601],
      ['99999999999999', 6 * 3_600 - 2, 6 * 3_600],
      ['Fri, 31 Dec 9999 23:59:59 GMT', 6 * 3_600 - 2, 6 * 3_600],
      ['0', 4, 5],
      ['-5', 4, 5],
      ['Sun, 06 Nov 1994 08:49:37 GMT', 4, 5],
      ['soon', 4, 5],
      ['1e9', 4, 5],
    ];
    for (const [i, [wish]] of wishes.entries()) {
      await recipient(`wish-${i}`, status(429, { 'retry-after': wish }));
      await post(`wish-${i}`);
    }
    hire().kick();
    await until(async () => results.length === wishes.length);
    for (const [i, [, least, most]] of wishes.entries()) {
      const seconds = Number((await waiting(`wish-${i}`))!.in);
      expect(seconds).toBeGreaterThanOrEqual(least - 1);
      expect(seconds).toBeLessThanOrEqual(most);
    }
  });

  test('is tried a last time when its day is over, whatever it wished, and not after it', async () => {
    await recipient('shop', status(429, { 'retry-after': '86400' }));
    await post('shop');
    const courier = hire();
    await stage.sql(`update logout_deliveries set created_at = now() - interval '23 hours'`);
    courier.kick();
    await until(async () => results.length === 1);
    expect(Number((await waiting('shop'))!.in)).toBeLessThanOrEqual(3_600);
    await stage.sql(`update logout_deliveries set created_at = now() - interval '24 hours'`);
    await again(courier);
    await until(async () => results.length === 2);
    expect(results[1]).toBe('shop dead status_429');
  });

  test('is given up when nobody’s turn came for a day', async () => {
    await recipient('shop');
    await post('shop', { count: 2 });
    await stage.sql(
      `update logout_deliveries set created_at = now() - interval '25 hours', due_at = now() + interval '1 hour'`,
    );
    hire().kick();
    await until(async () => results.length === 2);
    expect(results).toEqual(['shop dead', 'shop dead']);
    expect(
      (await listDeliveries(stage.db, { dead: true, limit: 10 })).map(({ problem }) => problem?.code),
    ).toEqual(['too_late', 'too_late']);
  });

  test('that this node does not know is left to another first, then given up, and told when an operator says so', async () => {
    await post('stranger');
    const courier = hire();
    courier.kick();
    await until(async () => results.length === 1);
    expect(results.splice(0)).toEqual(['stranger failed unknown_recipient']);
    await stage.sql('update logout_deliveries set attempts = 3, due_at = now()');
    await until(async () => results.length === 1);
    expect(results).toEqual(['stranger dead unknown_recipient']);
    const [dead] = await listDeliveries(stage.db, { dead: true, limit: 10 });
    expect(dead).toMatchObject({ name: 'stranger', attempts: 4, dueAt: null });
    expect(await deliveriesOf(stage.db, ENDING)).toMatchObject([{ state: 'failed' }]);
    expect(await countDeliveries(stage.db)).toEqual([
      { kind: 'client', name: 'stranger', waiting: 0, dead: 1 },
    ]);
    const found = await recipient('stranger');
    expect(await retryDeliveries(stage.db, { name: 'somebody else' })).toBe(0);
    expect(await retryDeliveries(stage.db, { id: dead!.id })).toBe(1);
    courier.kick();
    await until(done);
    expect(found.calls).toHaveLength(1);
    expect(await retryDeliveries(stage.db, {})).toBe(0);
  });

  test('through an error of our own is told again, and the error’s words are kept out of the database', async () => {
    await post('shop');
    hire(async () => {
      throw new Error('secret words');
    }).kick();
    await until(async () => results.length === 1);
    expect(results).toEqual(['shop failed failed']);
    expect(JSON.stringify(await stage.sql('select problem from logout_deliveries'))).not.toContain('secret');
    expect(errors).toHaveLength(1);
  });
});

describe('many deliveries', () => {
  test('ten thousand for a dead recipient keep nobody else waiting, and do not use up their tries', async () => {
    const dead = await recipient('dead', die);
    const shop = await recipient('shop');
    await post('dead', { count: 10_000 });
    const courier = hire();
    courier.kick();
    await until(async () => dead.calls.length >= 3);
    await post('shop', { count: 20 });
    courier.kick();
    await until(async () => shop.calls.length === 20);
    await until(async () => dead.load.now === 0 && (await onTheWay()) === 0);
    // Four at once, and the breaker's pause: the clock stands still.
    expect(dead.calls.length).toBeLessThanOrEqual(8);
    expect(dead.load.most).toBeLessThanOrEqual(4);
    expect(await stage.sql('select count(*)::int as n from logout_deliveries where attempts = 0')).toEqual([
      { n: 10_000 - dead.calls.length },
    ]);
  });

  test('a recipient that is back is asked by one, and then told all', async () => {
    const shop = await recipient('shop', status(503));
    await post('shop', { count: 100 });
    const courier = hire();
    courier.kick();
    await until(async () => results.length >= 4 && shop.load.now === 0 && (await onTheWay()) === 0);
    const before = shop.calls.length;
    clock += 120_000;
    courier.kick();
    await until(async () => shop.calls.length === before + 1 && results.length === before + 1);
    shop.answer = status(204);
    await again(courier);
    await until(done);
    expect(results.filter((result) => result === 'shop done')).toHaveLength(100);
  });

  test('whoever is waited for goes before one of many', async () => {
    const shop = await recipient('shop');
    await post('shop', { count: 300, lane: 1 });
    await post('shop', { count: 5 });
    await stage.sql(`update logout_deliveries set handle = 'first' where lane = 0`);
    hire().kick();
    await until(done);
    expect(shop.calls.slice(0, 4)).toEqual(Array(4).fill('shop first'));
    expect(shop.calls.indexOf('shop first', 4)).toBeLessThan(8);
  });

  test('recipients that hang leave room for the others', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, i) => recipient(`slow-${i}`, hang)));
    const shop = await recipient('shop');
    for (let i = 0; i < 12; i += 1) await post(`slow-${i}`, { count: 50, lane: 1 });
    const courier = hire();
    courier.kick();
    const underWay = () => [...recipients.values()].reduce((sum, { load }) => sum + load.now, 0);
    await until(async () => underWay() === 32);
    await post('shop');
    courier.kick();
    await until(async () => shop.calls.length === 1);
    expect(underWay()).toBeLessThanOrEqual(32);
  });
});

describe('several nodes', () => {
  test('share the work: nobody is told twice', async () => {
    const shop = await recipient('shop');
    await post('shop', { count: 200 });
    for (const courier of [hire(), hire(), hire()]) courier.kick();
    await until(done);
    expect(new Set(shop.calls).size).toBe(200);
    expect(shop.calls).toHaveLength(200);
  });

  test('take over what a killed one had under way within half a minute, and not before', async () => {
    const shop = await recipient('shop');
    await post('shop', { count: 2 });
    const exceptions = { limit: 10, bulkLimit: 10, slots: 4, exceptions: [] };
    expect(await claimDeliveries(stage.db, { lease: 'killed', ...exceptions })).toHaveLength(2);
    const [lease] = await stage.sql(
      `select max(extract(epoch from leased_until - now()))::float8 as "in" from logout_deliveries`,
    );
    expect(Number(lease!.in)).toBeLessThan(28);
    expect(await claimDeliveries(stage.db, { lease: 'other', ...exceptions })).toEqual([]);
    await stage.sql('update logout_deliveries set leased_until = now()');
    hire().kick();
    await until(done);
    expect(shop.calls).toHaveLength(2);
  });
});

test('closing waits for what is under way and begins nothing more', async () => {
  const answers: (() => void)[] = [];
  const shop = await recipient('shop', (res) => answers.push(() => res.writeHead(204).end()));
  await post('shop', { count: 10 });
  const courier = hire();
  courier.kick();
  await until(async () => answers.length === 4);
  const closing = courier.close();
  for (const answer of answers) answer();
  await closing;
  expect(shop.calls).toHaveLength(4);
  expect(await stage.sql('select count(*)::int as n from logout_deliveries where done_at is null')).toEqual([
    { n: 6 },
  ]);
  expect(await stage.sql('select 1 from logout_deliveries where lease is not null')).toEqual([]);
});

test('a Retry-After is read in both forms, and nothing else is', () => {
  const now = Date.parse('Sun, 06 Nov 1994 08:49:37 GMT');
  expect(readRetryAfter('Sun, 06 Nov 1994 08:50:37 GMT', now)).toBe(60);
  expect(readRetryAfter('Sun, 06 Nov 1994 08:40:37 GMT', now)).toBe(0);
  expect(readRetryAfter('Sun, 06 Nov 2094 08:40:37 GMT', now)).toBe(86_400);
  expect(readRetryAfter(' 7 ')).toBe(7);
  for (const field of [
    null,
    undefined,
    '',
    '1.5',
    '+3',
    '0x10',
    '2026-01-01',
    'Xxx, 99 Xxx 9999 99:99:99 GMT',
  ])
    expect(readRetryAfter(field)).toBeUndefined();
});
