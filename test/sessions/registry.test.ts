/** The table of legacy sessions: what is written down, for whom, and who gets which to ask about. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewLegacySession, Owner, VisitClaim } from '../../src/sessions/registry.ts';
import {
  claimChecks,
  claimForVisit,
  endedLegacyPart,
  endingFromLegacyPart,
  idsOf,
  legacySessionById,
  legacySessionsOfPerson,
  noteAllOver,
  noteChecked,
  noteOver,
  notePart,
  noteRedeemed,
  openHandle,
  tiePart,
} from '../../src/sessions/registry.ts';
import { sweepSessions } from '../../src/sessions/sweeper.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { Ground } from './side-by-side.ts';
import { DAY, HOUR, key, newMasterKey, nowSeconds, openGround } from './side-by-side.ts';

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
});
afterAll(() => ground.close());
beforeEach(() => ground.sql('delete from legacy_sessions'));

type Some = { readonly [K in keyof NewLegacySession]?: NewLegacySession[K] | undefined };
const MINUTES_MS = 10 * 60_000;
const note = async (sessions: Some[], owner: Owner, keyring = ground.keyring) => {
  const all = sessions.map((more) => ({
    app: 'forum',
    sub: 'shop:1',
    origin: 'created' as const,
    handle: 's1',
    amr: ['pwd'],
    expiresAt: nowSeconds() + DAY,
    ...more,
  })) as NewLegacySession[];
  await ground.db.runParts([notePart(keyring, all, owner)], 'select 1');
};
const find = (handle: string, app = 'forum', keyring = ground.keyring) =>
  legacySessionById(ground.db, idsOf(keyring, app, handle));
const age = (column: string, seconds: number, where = 'true') =>
  ground.sql(`update legacy_sessions set ${column} = ${column} - make_interval(secs => $1) where ${where}`, [
    seconds,
  ]);
const end = (ids: readonly Buffer[]) =>
  ground.db.runParts<{ id: Buffer; app: string; handle: string | null }>(
    [
      { name: 'ending_ops', text: 'select null::bytea as uid where false', values: [] },
      { name: 'ending_people', text: 'select null::text as sub where false', values: [] },
      endedLegacyPart('00000000-0000-4000-8000-000000000001', ids),
    ],
    'select * from ended_legacy',
  );

describe('what is written down', () => {
  test('is found by app and handle, which is sealed', async () => {
    const [opSession, authTime] = [key(), nowSeconds() - HOUR];
    await note([{ handle: 'a secret', authTime, amr: ['pwd', 'otp'] }], { opSession });
    const row = (await find('a secret'))!;
    expect(row).toMatchObject({ app: 'forum', sub: 'shop:1', opSession, origin: 'created', problem: null });
    expect([row.authTime, row.amr]).toEqual([new Date(authTime * 1_000), ['pwd', 'otp']]);
    expect(openHandle(ground.keyring, 'forum', row.handle!)).toBe('a secret');
    expect(openHandle(ground.keyring, 'another', row.handle!)).toBeUndefined();
    expect(JSON.stringify(await ground.sql('select * from legacy_sessions'))).not.toContain('a secret');
    expect(await find('a secret', 'another')).toBeUndefined();
    expect(await find('another secret')).toBeUndefined();
  });

  test('belongs to the login first, and to the provider’s session once there is one', async () => {
    const [login, opSession] = [key(), key()];
    await note([{}, { app: 'shop', handle: 's2' }], { login });
    expect((await find('s1'))!.opSession).toBeNull();
    await ground.db.runParts([tiePart(login, opSession)], 'select 1');
    expect([(await find('s1'))!.opSession, (await find('s2', 'shop'))!.opSession]).toEqual([
      opSession,
      opSession,
    ]);
    await ground.db.runParts([tiePart(login, key())], 'select 1');
    expect((await find('s1'))!.opSession).toEqual(opSession);
  });

  test('is one row however often it is seen, of whoever saw it last', async () => {
    const [first, second] = [key(), key()];
    await note([{ origin: 'recognised' }], { opSession: first });
    await note([{ origin: 'recognised', amr: [] }], { opSession: second });
    const rows = await ground.sql('select op_session, amr from legacy_sessions');
    expect(rows).toEqual([{ op_session: second, amr: [] }]);
  });

  test('is one row for twenty who see it at once', async () => {
    const owners = Array.from({ length: 20 }, () => key());
    await Promise.all(owners.map((opSession) => note([{ origin: 'recognised' }], { opSession })));
    const [row, ...more] = await ground.sql('select op_session from legacy_sessions');
    expect(more).toEqual([]);
    expect(owners).toContainEqual(row!.op_session);
  });

  test('begins anew when somebody else has it', async () => {
    await note([{ authTime: nowSeconds() }], { opSession: key() });
    await age('created_at', HOUR);
    await note([{ sub: 'shop:2', origin: 'recognised' }], { opSession: key() });
    const row = (await find('s1'))!;
    expect([row.sub, row.origin, row.authTime]).toEqual(['shop:2', 'recognised', null]);
    expect(Date.now() - row.createdAt.getTime()).toBeLessThan(MINUTES_MS);
  });

  test('is found under a new master key, and stays one row', async () => {
    const [old, fresh] = [newMasterKey(), newMasterKey()];
    const [before, after] = [openKeyring(old), openKeyring([fresh, old])];
    await note([{}], { opSession: key() }, before);
    const row = (await find('s1', 'forum', after))!;
    expect(openHandle(after, 'forum', row.handle!)).toBe('s1');
    await note([{ id: row.id }], { opSession: key() }, after);
    expect(await ground.sql('select 1 from legacy_sessions')).toHaveLength(1);
    // Sealed anew: the old key may go.
    expect(openHandle(openKeyring(fresh), 'forum', (await find('s1', 'forum', after))!.handle!)).toBe('s1');
  });

  test('counts how often it could not be made', async () => {
    const login = key();
    for (let i = 0; i < 2; i += 1) await note([{ handle: undefined, problem: 'timeout' }], { login });
    expect(await ground.sql('select attempts, problem, handle from legacy_sessions')).toEqual([
      { attempts: 2, problem: 'timeout', handle: null },
    ]);
  });

  test('is listed for a person, newest first, ended ones too, and nobody else’s', async () => {
    await note([{}], { opSession: key() });
    await age('created_at', HOUR);
    await note([{ handle: 's2' }, { handle: 's3', sub: 'shop:2' }], { opSession: key() });
    await noteOver(ground.db, idsOf(ground.keyring, 'forum', 's2'), 'ended');
    const rows = await legacySessionsOfPerson(ground.db, 'shop:1', 10);
    expect(rows.map(({ endedAt }) => endedAt !== null)).toEqual([true, false]);
    expect(await legacySessionsOfPerson(ground.db, 'shop:1', 1)).toHaveLength(1);
  });
});
describe('a session that the app makes when the browser comes by', () => {
  const authTime = nowSeconds() - 5;
  const redeemed = { app: 'forum', sub: 'shop:1', login: { authTime }, session: 'new' };
  const handedOver = (more: Some = {}) => note([{ handle: undefined, authTime, ...more }], { login: key() });

  test('gets its name then, and when it ends', async () => {
    await handedOver();
    const expiresAt = nowSeconds() + HOUR;
    await noteRedeemed(ground, { ...redeemed, expiresAt });
    const row = (await find('new'))!;
    expect(openHandle(ground.keyring, 'forum', row.handle!)).toBe('new');
    expect(row.expiresAt).toEqual(new Date(expiresAt * 1_000));
    expect(await ground.sql('select 1 from legacy_sessions')).toHaveLength(1);
  });

  test('takes the name from the one that the app had by it before', async () => {
    await note([{ handle: 'new', sub: 'shop:2' }], { opSession: key() });
    await handedOver();
    await noteRedeemed(ground, redeemed);
    expect(await ground.sql('select sub from legacy_sessions')).toEqual([{ sub: 'shop:1' }]);
  });

  test.each<[string, Some]>([
    ['somebody else', { sub: 'shop:2' }],
    ['another app', { app: 'shop' }],
    ['another login', { authTime: authTime - 1 }],
    ['a login that failed', { problem: 'storage' }],
  ])('is not taken for one of %s', async (_what, more) => {
    await handedOver(more);
    await noteRedeemed(ground, redeemed);
    expect(await find('new')).toBeUndefined();
  });
});

describe('the end of a session', () => {
  test('is written down once, with what has to be told', async () => {
    await note([{}], { opSession: key() });
    const ids = idsOf(ground.keyring, 'forum', 's1');
    expect(await ground.db.runParts([endingFromLegacyPart(ids)], 'select sub from ending_from')).toEqual([
      { sub: 'shop:1' },
    ]);
    const [ended, ...more] = await end(ids);
    expect([ended!.app, openHandle(ground.keyring, 'forum', ended!.handle!), more]).toEqual([
      'forum',
      's1',
      [],
    ]);
    expect(await end(ids)).toEqual([]);
    expect(await ground.db.runParts([endingFromLegacyPart(ids)], 'select sub from ending_from')).toEqual([]);
  });

  test('is known to the app itself where it said so, and otherwise when it has confirmed it', async () => {
    const opSession = key();
    await note([{}, { handle: 's2' }], { opSession });
    await end(idsOf(ground.keyring, 'forum', 's1'));
    expect((await find('s1'))!.overAt).not.toBeNull();
    const ids = idsOf(ground.keyring, 'forum', 's2');
    await noteOver(ground.db, ids, 'confirmed');
    expect((await find('s2'))!.overAt).toBeNull();
    await ground.sql('update legacy_sessions set ended_at = now() where ended_at is null');
    await noteOver(ground.db, ids, 'confirmed');
    expect((await find('s2'))!.overAt).not.toBeNull();
  });

  test('of all that a person had at an app leaves alone what lives', async () => {
    await note([{}, { handle: 's2' }, { handle: 's3', sub: 'shop:2' }], { opSession: key() });
    await ground.sql(`update legacy_sessions set ended_at = now() where id <> $1`, [
      idsOf(ground.keyring, 'forum', 's2')[0],
    ]);
    await noteAllOver(ground.db, 'forum', 'shop:1');
    const over = await Promise.all(
      ['s1', 's2', 's3'].map(async (handle) => (await find(handle))!.overAt !== null),
    );
    expect(over).toEqual([true, false, false]);
  });

  test('holds when it is seen again, unless the app said so itself or the person logged in since', async () => {
    const opSession = key();
    const seen = (more: Partial<NewLegacySession> = {}) =>
      note([{ origin: 'recognised', ...more }], { opSession });
    const isLive = async () => (await find('s1'))!.endedAt === null;
    await seen();
    await ground.sql('update legacy_sessions set ended_at = now()');
    await seen();
    expect(await isLive()).toBe(false);
    await seen({ authTime: nowSeconds() - HOUR });
    expect(await isLive()).toBe(false);
    await seen({ authTime: nowSeconds() + 2 });
    expect(await isLive()).toBe(true);
    await ground.sql('update legacy_sessions set ended_at = now(), over_at = now(), auth_time = null');
    await seen();
    expect([await isLive(), (await find('s1'))!.overAt]).toEqual([true, null]);
    await ground.sql('update legacy_sessions set ended_at = now()');
    await note([{ origin: 'created' }], { opSession });
    expect(await isLive()).toBe(true);
  });
});

describe('a round of checks', () => {
  const claim = (limit = 10) => claimChecks(ground.db, { app: 'forum', olderThanSeconds: 30, limit });

  test('gets what was not asked about for so long, oldest first, once', async () => {
    const opSession = key();
    await note([{}, { handle: 's2' }, { handle: 's3' }, { app: 'shop', handle: 's4' }], { opSession });
    expect(await claim()).toEqual([]);
    await age('checked_at', 31, `app = 'forum'`);
    await age('checked_at', 60, `app = 'shop'`);
    const rows = [...(await claim(2)), ...(await claim())];
    expect(rows.map(({ handle }) => openHandle(ground.keyring, 'forum', handle!)).toSorted()).toEqual([
      's1',
      's2',
      's3',
    ]);
    expect(await claim()).toEqual([]);
  });

  test('is shared out among twenty nodes, each session to one', async () => {
    const names = Array.from({ length: 50 }, (_, i) => `s${i}`);
    await note(
      names.map((handle) => ({ handle })),
      { opSession: key() },
    );
    await age('checked_at', 31);
    const got = (await Promise.all(Array.from({ length: 20 }, () => claim(10)))).flat();
    const rest = await claim(50);
    expect(new Set([...got, ...rest].map(({ id }) => id.toString('hex')))).toHaveProperty('size', 50);
    expect(got.length + rest.length).toBe(50);
  });

  test('leaves alone what has ended, expired, was never made, or belongs to nobody yet', async () => {
    await note([{}], { login: key() });
    await note([{ handle: 's2' }, { handle: 's3', expiresAt: nowSeconds() - 1 }], { opSession: key() });
    await note([{ handle: undefined, problem: 'timeout' }], { opSession: key() });
    await noteOver(ground.db, idsOf(ground.keyring, 'forum', 's2'), 'ended');
    await age('checked_at', HOUR);
    expect(await claim()).toEqual([]);
  });

  test('writes down use and end, never backwards', async () => {
    await note([{}], { opSession: key() });
    await age('seen_at', HOUR);
    const { id } = (await find('s1'))!;
    const at = nowSeconds() - 10;
    await noteChecked(ground.db, id, { lastUsedAt: at, expiresAt: at + DAY });
    expect(await find('s1')).toMatchObject({
      seenAt: new Date(at * 1_000),
      expiresAt: new Date((at + DAY) * 1_000),
    });
    await noteChecked(ground.db, id, { lastUsedAt: at - HOUR });
    expect(await find('s1')).toMatchObject({ seenAt: new Date(at * 1_000) });
  });
});

describe('a visit', () => {
  const claim = (opSession: Buffer, more: Partial<VisitClaim> = {}) =>
    claimForVisit(ground.db, {
      opSession,
      apps: { check: ['forum'], renew: ['forum'], create: ['forum'] },
      olderThanSeconds: { check: 30, renew: 60, create: 10 },
      maxAttempts: 3,
      ...more,
    });
  const dueOf = async (...args: Parameters<typeof claim>) => (await claim(...args)).map(({ due }) => due);

  test('gets what is to be done, once', async () => {
    const opSession = key();
    await note([{}], { opSession });
    await note([{ handle: 's2' }], { opSession: key() });
    expect(await dueOf(opSession)).toEqual([]);
    await age('checked_at', 31);
    expect(await dueOf(opSession)).toEqual(['check']);
    expect(await dueOf(opSession)).toEqual([]);
    await age('seen_at', 61);
    expect(await dueOf(opSession)).toEqual(['renew']);
    await age('seen_at', 61);
    await age('checked_at', 31);
    expect(await dueOf(opSession)).toEqual(['check and renew']);
    expect(await dueOf(opSession)).toEqual([]);
  });

  test('is shared out among twenty at once', async () => {
    const opSession = key();
    await note([{}], { opSession });
    await age('checked_at', 31);
    const got = await Promise.all(Array.from({ length: 20 }, () => dueOf(opSession)));
    expect(got.flat()).toEqual(['check']);
  });

  test('and a round of checks at once get each session once', async () => {
    const opSession = key();
    await note([{}], { opSession });
    await age('checked_at', 31);
    const round = { app: 'forum', olderThanSeconds: 30, limit: 10 };
    const got = await Promise.all(
      Array.from({ length: 20 }, async (_, i) =>
        i % 2 ? (await claim(opSession)).length : (await claimChecks(ground.db, round)).length,
      ),
    );
    expect(got.reduce((sum, n) => sum + n, 0)).toBe(1);
  });

  test('does not put off the checks of an app that can only be renewed', async () => {
    const opSession = key();
    await note([{}], { opSession });
    await age('seen_at', HOUR);
    await age('checked_at', HOUR);
    const apps = { check: [], renew: ['forum'], create: [] };
    expect(await dueOf(opSession, { apps })).toEqual(['renew']);
    expect(await dueOf(opSession)).toEqual(['check']);
  });

  test('asks nothing of an app that can nothing, nor of one that is not configured any more', async () => {
    const opSession = key();
    await note([{}, { app: 'attic', handle: 's2' }], { opSession });
    await age('seen_at', HOUR);
    await age('checked_at', HOUR);
    expect(await dueOf(opSession, { apps: { check: [], renew: [], create: [] } })).toEqual([]);
    expect(await dueOf(opSession)).toEqual(['check and renew']);
  });

  test('tries what could not be made again, after a while and not for ever', async () => {
    const opSession = key();
    await note([{ handle: undefined, problem: 'timeout' }], { opSession });
    expect(await dueOf(opSession)).toEqual([]);
    await age('checked_at', 11);
    expect(await dueOf(opSession)).toEqual(['create']);
    expect(await dueOf(opSession)).toEqual([]);
    await age('checked_at', 11);
    await ground.sql('update legacy_sessions set attempts = 3');
    expect(await dueOf(opSession)).toEqual([]);
  });
});

test('what ran out a week ago is swept away, and nothing else', async () => {
  await note([{}, { handle: 's2' }], { opSession: key() });
  await age('expires_at', 9 * DAY, `id = '\\x${idsOf(ground.keyring, 'forum', 's2')[0]!.toString('hex')}'`);
  expect(await sweepSessions(ground.db)).toBe(1);
  expect([(await find('s1')) !== undefined, await find('s2')]).toEqual([true, undefined]);
});
