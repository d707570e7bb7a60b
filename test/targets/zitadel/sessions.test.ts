/** Sessions at ZITADEL through its API: who has which, and how they end. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TargetConnection } from '../../../src/targets/connection.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { connectionTo } from './connected.ts';
import { anna, named } from './people.ts';

const NOW = Date.parse('2027-01-01T12:00:00.500Z');
let zitadel: Zitadel;
let connection: TargetConnection;
let aheadMs = 0;

beforeEach(async () => {
  aheadMs = 0;
  zitadel = await openZitadel({ now: () => NOW + aheadMs });
  connection = connect();
  for (const person of [anna, named('other')])
    await zitadel.loginClient('POST', '/v2/users/human', {
      userId: person.targetUserId,
      username: person.username,
      profile: { givenName: 'A', familyName: 'B' },
      email: { email: `${person.username}@example.com`, isVerified: true },
      password: { password: 'Correct-horse-1' },
    });
});
afterEach(async () => {
  expect(zitadel.violations).toEqual([]);
  await connection.close();
  await zitadel.close();
});

const connect = (api: object = {}) => connectionTo(zitadel, async () => undefined, api);
async function begin(userId: string, { proved = true, more = {} } = {}): Promise<string> {
  const checks = { user: { userId }, ...(proved && { password: { password: 'Correct-horse-1' } }) };
  const made = await zitadel.loginClient<{ sessionId: string }>('POST', '/v2/sessions', { checks, ...more });
  return made.sessionId;
}
const seconds = (ms: number) => Math.floor(ms / 1_000);
const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error) => error,
  );
const as = (role: string) => {
  const { token } = zitadel.oauth.addServiceUser({ roles: [role] });
  return connect({ token });
};
const ended = () => zitadel.instance.events.filter(({ type }) => type === 'session.terminated').length;

describe('the sessions of a person', () => {
  test('are told newest first, with when they began and were proved; those of others are not among them', async () => {
    const first = await begin(anna.targetUserId);
    aheadMs = 60_000;
    const second = await begin(anna.targetUserId);
    await begin('fb-other');
    expect(await connection.sessionsOf!(anna.targetUserId)).toEqual([
      {
        id: second,
        targetUserId: anna.targetUserId,
        startedAt: seconds(NOW + 60_000),
        provedAt: seconds(NOW + 60_000),
      },
      { id: first, targetUserId: anna.targetUserId, startedAt: seconds(NOW), provedAt: seconds(NOW) },
    ]);
  });

  test('in which only a name was said are told as that', async () => {
    const id = await begin(anna.targetUserId, { proved: false });
    const [session] = await connection.sessionsOf!(anna.targetUserId);
    expect(session).toEqual({ id, targetUserId: anna.targetUserId, startedAt: seconds(NOW) });
    expect(await connection.sessionById!(id)).toEqual(session);
  });

  test('are told once and all, however many pages they fill', async () => {
    const all = new Set<string>();
    for (let i = 0; i < 105; i += 1) all.add(await begin(anna.targetUserId, { proved: false }));
    const found = await connection.sessionsOf!(anna.targetUserId);
    expect(new Set(found.map(({ id }) => id))).toEqual(all);
    expect(found).toHaveLength(105);
  });

  test('that have expired are over', async () => {
    const id = await begin(anna.targetUserId, { more: { lifetime: '60s' } });
    expect(await connection.sessionById!(id)).toBeDefined();
    aheadMs = 61_000;
    const later = connectionTo(zitadel, async () => undefined, { timeoutMs: 5_000 });
    // The connection's own clock is the system's: behind that of this ZITADEL.
    zitadel.instance.sessions.get(id)!.expiresAt = new Date(Date.now() - 1_000).toISOString();
    expect(await later.sessionsOf!(anna.targetUserId)).toEqual([]);
    await later.close();
  });

  test('are none for somebody who is nobody there', async () => {
    expect(await connection.sessionsOf!('nobody')).toEqual([]);
  });

  test('are not taken for none by whom they are hidden from', async () => {
    await begin(anna.targetUserId);
    const blind = as('ORG_USER_MANAGER');
    for (const asked of [
      () => blind.sessionsOf!(anna.targetUserId),
      () => blind.endSessionsOf!(anna.targetUserId),
    ]) {
      const error = await problemOf(asked());
      expect([error.code, error.detail]).toEqual([
        'target_refused',
        expect.stringContaining('lacks the right session.read'),
      ]);
    }
    await blind.close();
  });
});

describe('one session', () => {
  test('is told as long as it is there', async () => {
    const id = await begin(anna.targetUserId);
    expect(await connection.sessionById!(id)).toMatchObject({ id, targetUserId: anna.targetUserId });
    await connection.endSession!(id);
    expect(await connection.sessionById!(id)).toBeUndefined();
    expect(await connection.sessionById!('unknown')).toBeUndefined();
    expect(await connection.sessionById!('..')).toBeUndefined();
  });

  test('that we may not see is not taken for one that has ended', async () => {
    const id = await begin(anna.targetUserId);
    const blind = as('ORG_USER_MANAGER');
    const error = await problemOf(blind.sessionById!(id));
    expect([error.code, error.detail]).toEqual(['target_refused', expect.stringContaining('session.read')]);
    await blind.close();
  });

  test('is not taken for ended while ZITADEL is down', async () => {
    const id = await begin(anna.targetUserId);
    zitadel.failNext('GetSession', 503, 2);
    expect(await problemOf(connection.sessionById!(id))).toMatchObject({ code: 'target_unavailable' });
    expect(await connection.sessionById!(id)).toBeDefined();
  });
});

describe('ending', () => {
  test('ends one, and one that is over already is no failure', async () => {
    const [id, other] = [await begin(anna.targetUserId), await begin(anna.targetUserId)];
    await connection.endSession!(id);
    await connection.endSession!(id);
    await connection.endSession!('unknown');
    await connection.endSession!('..');
    expect(ended()).toBe(1);
    expect(zitadel.instance.sessions.has(other)).toBe(true);
  });

  test('ends all of one person and nobody else’s, also where nothing is proved yet', async () => {
    await begin(anna.targetUserId);
    await begin(anna.targetUserId, { proved: false });
    const other = await begin('fb-other');
    await connection.endSessionsOf!(anna.targetUserId);
    expect([...zitadel.instance.sessions.keys()]).toEqual([other]);
    await connection.endSessionsOf!(anna.targetUserId);
    expect(ended()).toBe(2);
  });

  test('says which right is missing', async () => {
    const id = await begin(anna.targetUserId);
    const viewer = as('IAM_OWNER_VIEWER');
    for (const asked of [() => viewer.endSession!(id), () => viewer.endSessionsOf!(anna.targetUserId)]) {
      const error = await problemOf(asked());
      expect([error.code, error.detail]).toEqual([
        'target_refused',
        expect.stringContaining('lacks the right session.delete'),
      ]);
    }
    expect(ended()).toBe(0);
    await viewer.close();
  });

  test('that ZITADEL does not answer is said as that, with how long to wait', async () => {
    const id = await begin(anna.targetUserId);
    zitadel.failNext('DeleteSession', 503);
    expect(await problemOf(connection.endSession!(id))).toMatchObject({ code: 'target_unavailable' });
    await connection.endSession!(id);
    expect(ended()).toBe(1);
  });
});
