/** Who has to be told of a logout is told: whatever dies, hangs or is away in the meantime. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { until } from '../server.ts';
import type { NodesStage } from './nodes-stage.ts';
import { openNodes } from './nodes-stage.ts';

// Processes are started and killed, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

/** Far more than it takes. */
const WITHIN_MS = 60_000;
const PEOPLE_AT_ONCE = 12;
/** What a person would notice. */
const PAGE_WITHIN_MS = 300;

let stage: NodesStage;
beforeAll(async () => {
  const clients = ['mail', 'wiki', 'chat', 'away', 'rude', 'slow'];
  stage = await openNodes({ clients, people: 40, nodes: 2 });
}, 120_000);
afterAll(() => stage?.close());

const isTold = (client: string, sid: string) => stage.client(client).told.includes(sid);
/** As if the time until the next try had passed. */
const isDueNow = (client: string) =>
  stage.sql(
    `update logout_deliveries set due_at = now() where name = $1 and done_at is null and due_at < 'infinity'`,
    [client],
  );

describe('a node that is killed in the middle of telling', () => {
  test('loses no logout, and nobody is logged out who is not meant', async () => {
    const clients = ['mail', 'wiki', 'chat'];
    const stays = stage.somebody();
    await stage.logInAt(stays, ...clients);
    const people = Array.from({ length: PEOPLE_AT_ONCE }, () => stage.somebody());
    const browsers = await Promise.all(people.map((person) => stage.logInAt(person, ...clients)));
    const sids = (await Promise.all(people.map((person) => stage.sidsOf(person)))).flat();
    expect(sids).toHaveLength(PEOPLE_AT_ONCE * clients.length);
    for (const client of clients) stage.client(client).manner = 'hold';
    const logouts = Promise.allSettled(browsers.map((browser) => stage.logOut(browser)));
    const leases = () =>
      stage.sql(
        `select lease, count(*)::int as n from logout_deliveries where done_at is null and leased_until > now() group by lease`,
      );
    await until(async () => (await leases()).length === 2, WITHIN_MS);
    const [victim, survivor] = stage.balancer.nodes;
    const server = stage.nodeAt(victim!);
    await stage.kill(server);
    expect(stage.balancer.nodes).toEqual([survivor]);
    const left = (await leases()).map(({ n }) => Number(n)).reduce((a, b) => a + b);
    expect(left).toBeGreaterThan(0);
    // Whoever was on their way to the dead node asks again.
    await logouts;
    for (const browser of browsers) await stage.logOut(browser);
    for (const client of clients) await stage.client(client).free();
    // As if the time had passed after which a living node takes over.
    await stage.sql(`update logout_deliveries set leased_until = now() where done_at is null`);
    await until(async () => {
      for (const client of clients) await isDueNow(client);
      return sids.every(({ client, sid }) => isTold(client, sid));
    }, WITHIN_MS);
    await until(async () => {
      const open = await stage.sql('select 1 from logout_deliveries where done_at is null');
      return open.length === 0;
    }, WITHIN_MS);
    for (const { client, sid } of await stage.sidsOf(stays)) expect(isTold(client, sid)).toBe(false);
    expect(await stage.sidsOf(stays)).toHaveLength(clients.length);
    for (const client of clients) expect(stage.client(client).wrong).toEqual([]);
    await stage.start();
  });
});

describe('a client that is away', () => {
  test('hears of the logout when it is back; the others have heard at once', async () => {
    const person = stage.somebody();
    const browser = await stage.logInAt(person, 'mail', 'away');
    const [away, mail] = await stage.sidsOf(person);
    await stage.client('away').down();
    await stage.logOut(browser);
    await until(async () => isTold('mail', mail!.sid), WITHIN_MS);
    await until(async () => (await stage.deliveries(person))[0]?.attempts === 1, WITHIN_MS);
    expect((await stage.deliveries(person))[0]).toMatchObject({
      name: 'away',
      done_at: null,
      is_dead: false,
      problem: { code: 'unreachable' },
    });
    const { code, out } = await stage.cli('delivery', 'list');
    expect([code, out]).toEqual([0, expect.stringContaining('client away: 1 waiting, 0 given up')]);
    await stage.client('away').up();
    expect(isTold('away', away!.sid)).toBe(false);
    await isDueNow('away');
    await until(async () => isTold('away', away!.sid), WITHIN_MS);
    await until(async () => (await stage.deliveries(person))[0]?.done_at !== null, WITHIN_MS);
    expect((await stage.cli('delivery', 'list')).out).toContain('Everybody has been told.');
  });
});

describe('a client that answers badly for a day', () => {
  test('is given up, listed, and told again when an operator says so', async () => {
    const person = stage.somebody();
    const browser = await stage.logInAt(person, 'rude');
    const [rude] = await stage.sidsOf(person);
    stage.client('rude').manner = 'badly';
    await stage.logOut(browser);
    await until(async () => (await stage.deliveries(person))[0]?.attempts === 1, WITHIN_MS);
    expect(await stage.cli('delivery', 'list', '--dead')).toMatchObject({ code: 0 });
    await stage.sql(
      `update logout_deliveries set created_at = now() - interval '25 hours' where name = 'rude'`,
    );
    await until(async () => {
      await isDueNow('rude');
      return (await stage.deliveries(person))[0]?.is_dead === true;
    }, WITHIN_MS);
    const dead = await stage.cli('delivery', 'list', '--dead');
    expect(dead.out).toContain('client rude: 0 waiting, 1 given up');
    expect(dead.out).toMatch(/one session of shop:\d+ .*given up.*status_503/);
    expect(dead.out).not.toContain(rude!.sid);
    expect(dead.code).not.toBe(0);

    stage.client('rude').manner = 'well';
    const dry = await stage.cli('delivery', 'retry', '--name', 'rude');
    expect(dry.out).toContain('Would tell 1 again');
    expect((await stage.deliveries(person))[0]?.is_dead).toBe(true);
    const other = await stage.cli('delivery', 'retry', '--name', 'mail', '--execute');
    expect(other.out).toContain('0 are told again');
    expect((await stage.deliveries(person))[0]?.is_dead).toBe(true);
    expect(isTold('rude', rude!.sid)).toBe(false);
    const retried = await stage.cli('delivery', 'retry', '--name', 'rude', '--execute');
    expect(retried.out).toContain('1 are told again');
    await until(async () => isTold('rude', rude!.sid), WITHIN_MS);
    await until(async () => (await stage.deliveries(person))[0]?.done_at !== null, WITHIN_MS);
    expect(await stage.cli('delivery', 'list', '--dead')).toMatchObject({ code: 0 });
  });
});

describe('a client that hangs', () => {
  test('keeps nobody waiting who logs out: not the person, and not the other clients', async () => {
    stage.client('slow').manner = 'hold';
    const times: number[] = [];
    for (let tries = 0; tries < 5; tries++) {
      const person = stage.somebody();
      const browser = await stage.logInAt(person, 'mail', 'slow');
      const [mail, slow] = await stage.sidsOf(person);
      const { answer, tookMs } = await stage.logOut(browser);
      times.push(tookMs);
      expect([answer.status, answer.body, answer.location]).toEqual([
        303,
        expect.anything(),
        expect.stringContaining('/session/end/success'),
      ]);
      expect(await stage.sidsOf(person)).toEqual([]);
      await until(async () => isTold('mail', mail!.sid), WITHIN_MS);
      expect(isTold('slow', slow!.sid)).toBe(false);
    }
    expect(stage.client('slow').calls.count).toBeGreaterThan(0);
    expect(Math.min(...times)).toBeLessThan(PAGE_WITHIN_MS);
    await stage.client('slow').free();
    await until(async () => {
      await isDueNow('slow');
      return stage.client('slow').told.length === times.length;
    }, WITHIN_MS);
  });
});
