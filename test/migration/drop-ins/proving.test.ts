/** What a proof leaves behind, how often a try counts, and whom a right password opens nothing for. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Stage } from './stage.ts';
import { ACCOUNT_FAILURES, BEARER, FLOOR_MS, openStage, PASSWORD } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage([
    { name: 'ory', kind: 'ory', auth: BEARER, target: 'main' },
    { name: 'alone', kind: 'okta', auth: BEARER },
    { name: 'okta', kind: 'okta', auth: BEARER, target: 'served' },
  ]);
});
afterAll(() => stage.close());
beforeEach(async () => {
  stage.isDown = false;
  stage.proofs = 0;
  stage.held = Promise.resolve();
  stage.calls.length = 0;
  await stage.sql('truncate login_attempts');
});

const ask = (identifier: string, password = PASSWORD) =>
  stage.send('POST', '/hooks/ory/password/ory', { identifier, password });
const askFrom = (name: string, username: string, { password = PASSWORD, ipAddress = '198.51.100.7' } = {}) =>
  stage.send('POST', `/drop-ins/okta/${name}/password`, {
    data: { context: { request: { ipAddress }, credential: { username, password } } },
  });
const statusOf = async (answer: Promise<{ status: number }>) => (await answer).status;

/** An answer that came no sooner than the floor. */
async function slowly<T>(answer: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const given = await answer();
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(FLOOR_MS - 1);
  return given;
}

describe('a proof', () => {
  test('is in the ledger and in the audit log before the caller hears of it', async () => {
    expect(await statusOf(ask('Anna'))).toBe(200);
    expect(await stage.row('shop:1')).toMatchObject({ state: 'authenticated', amr: ['pwd'], legacyId: '1' });
    expect(await stage.auditRecords()).toMatchObject([{ actor: 'user', action: 'ledger.prove' }]);
  });

  test('forgets the failures before it', async () => {
    const login = stage.guest();
    await ask(login, 'wrong');
    expect(await stage.failures()).toBe(1);
    await ask(login);
    expect(await stage.sql('select 1 from login_attempts')).toHaveLength(1); // the network’s
  });

  test('is in no ledger where no target is named', async () => {
    const login = stage.guest();
    expect((await askFrom('alone', login)).json.commands[0].value.credential).toBe('VERIFIED');
    const rows = await stage.sql('select 1 from ledger where sub like $1', [`%${login}`]);
    expect(rows).toEqual([]);
  });

  test('makes nobody at the target: whom the ledger does not know there, the caller has made', async () => {
    expect((await askFrom('okta', 'Anna')).status).toBe(200);
    expect(await stage.row('shop:1', 'served')).toMatchObject({ state: 'authenticated' });
    expect(await stage.sql('select 1 from target_work')).toEqual([]);
  });

  test('asks for the rest of whom the ledger knows at the target', async () => {
    await stage.prove('shop:9', 'served');
    await stage.happens('shop:9', 'create', 'served');
    expect((await askFrom('okta', 'known')).status).toBe(200);
    const work = await stage.sql('select target, sub, road, actor from target_work');
    expect(work).toEqual([{ target: 'served', sub: 'shop:9', road: 'typed', actor: 'drop-in:okta' }]);
    await stage.sql('truncate target_work');
    await stage.happens('shop:9', 'confirm', 'served');
    expect((await askFrom('okta', 'known')).status).toBe(200);
    expect(await stage.sql('select 1 from target_work')).toEqual([]);
  });
});

describe('a right password', () => {
  test.each([
    ['excluded', 'shop:3', ['exclude']],
    ['gone', 'shop:4', ['delete']],
    ['unverified', 'shop:5', ['create', 'confirm', 'cut-over']],
  ] as const)(
    'of whom the ledger keeps out (%s) is wrong, no sooner than a wrong one',
    async (login, sub, events) => {
      if (events.length > 1) await stage.prove(sub);
      for (const event of events) await stage.happens(sub, event);
      const before = await stage.row(sub);
      const wrong = await ask(login, 'wrong');
      const attempts = await stage.sql('select * from login_attempts order by bucket');
      const right = await slowly(() => ask(login));
      expect([right.status, right.text]).toEqual([wrong.status, wrong.text]);
      expect(right.status).toBe(403);
      expect(await stage.row(sub)).toEqual(before);
      // Nothing of what a proof leaves behind was stored.
      expect(await stage.sql('select * from login_attempts order by bucket')).toEqual(attempts);
    },
  );

  test('of somebody with a second factor is wrong: the caller would ask for none', async () => {
    expect(await statusOf(slowly(() => ask('tina')))).toBe(403);
    expect(await stage.row('shop:6')).toBeUndefined();
  });
});

describe('a try that its caller sends again', () => {
  test('counts once, one after the other', async () => {
    const login = stage.guest();
    for (let i = 0; i < 3; i++) expect(await statusOf(ask(login, 'wrong'))).toBe(403);
    expect(await stage.failures()).toBe(1);
    expect(stage.proofs).toBe(1);
    expect(stage.calls.map(({ result }) => result)).toEqual(['wrong', 'wrong', 'wrong']);
  });

  test('counts once, all at the same time', async () => {
    const login = stage.guest();
    const answers = await Promise.all([1, 2, 3].map(() => ask(login, 'wrong')));
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect(await stage.failures()).toBe(1);
    expect(stage.proofs).toBe(1);
  });

  test('counts once although whoever sent it first has left', async () => {
    const login = stage.guest();
    const leaving = new AbortController();
    const gate = Promise.withResolvers<void>();
    stage.held = gate.promise;
    const gone = fetch(`${stage.url}/hooks/ory/password/ory`, {
      method: 'POST',
      headers: { authorization: `Bearer ${BEARER.bearer}` },
      body: JSON.stringify({ identifier: login, password: 'wrong' }),
      signal: leaving.signal,
    }).catch((error: Error) => error.name);
    await expect.poll(() => stage.proofs).toBe(1);
    leaving.abort();
    expect(await gone).toBe('AbortError');
    const again = statusOf(ask(login, 'wrong'));
    gate.resolve();
    expect(await again).toBe(403);
    expect(await stage.failures()).toBe(1);
    expect(stage.proofs).toBe(1);
  });

  test('counts again with another password, of another person, and from another caller', async () => {
    const [login, other] = [stage.guest(), stage.guest()];
    await ask(login, 'wrong');
    await ask(login, 'wrong too');
    await ask(other, 'wrong');
    await askFrom('alone', login, { password: 'wrong' });
    expect(stage.proofs).toBe(4);
    expect(await stage.failures()).toBe(3);
  });

  test('is looked at again after an outage, which is nobody’s failure', async () => {
    const login = stage.guest();
    stage.isDown = true;
    for (let i = 0; i < 3; i++) expect(await statusOf(ask(login))).toBe(503);
    stage.isDown = false;
    expect(await statusOf(ask(login))).toBe(200);
    expect(await stage.failures()).toBe(0);
  });

  test('is not let in by a memory: what was right is proved again', async () => {
    const login = stage.guest();
    await ask(login);
    await ask(login);
    expect(stage.proofs).toBe(2);
  });
});

describe('guessing', () => {
  test('counts for the account whichever caller it comes from', async () => {
    const login = stage.guest();
    for (let i = 0; i < ACCOUNT_FAILURES; i++)
      await (i % 2 ? ask(login, `guess ${i}`) : askFrom('alone', login, { password: `guess ${i}` }));
    expect(await statusOf(ask(login))).toBe(423);
    expect(await statusOf(askFrom('okta', login))).toBe(429);
  });

  test('counts for the network that the caller names, and for nobody else there', async () => {
    const bucketsOf = async () => (await stage.sql('select 1 from login_attempts')).length;
    await askFrom('alone', stage.guest(), { password: 'x', ipAddress: '203.0.113.1' });
    await askFrom('alone', stage.guest(), { password: 'x', ipAddress: '203.0.113.200' });
    expect(await bucketsOf()).toBe(3);
    await askFrom('alone', stage.guest(), { password: 'x', ipAddress: '2001:db8:0:1::5' });
    await askFrom('alone', stage.guest(), { password: 'x', ipAddress: '2001:db8:0:1::6' });
    expect(await bucketsOf()).toBe(6);
    await askFrom('alone', stage.guest(), { password: 'x', ipAddress: '2001:db8:0:2::6' });
    expect(await bucketsOf()).toBe(8);
    // Without an address, everybody has a network of their own.
    await askFrom('alone', stage.guest(), { password: 'x', ipAddress: 'no address' });
    await askFrom('alone', stage.guest(), { password: 'x', ipAddress: 'no address' });
    expect(await bucketsOf()).toBe(12);
  });
});
