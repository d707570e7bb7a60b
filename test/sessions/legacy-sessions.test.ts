/** Legacy sessions beside ours: who is known, what is made, what lives on together, and what ends together. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import type { Delivery } from '../../src/sessions/ending/delivery.ts';
import { DeliveryError } from '../../src/sessions/ending/delivery.ts';
import { legacySessionSettings, wrongStores } from '../../src/sessions/legacy-session-settings.ts';
import type { VisitedSession } from '../../src/sessions/legacy-sessions.ts';
import { openLegacySessions } from '../../src/sessions/legacy-sessions.ts';
import { idsOf, legacySessionById, openHandle, tiePart } from '../../src/sessions/registry.ts';
import { openDb } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { Ground, Opened, OpenOptions, TestApp } from './side-by-side.ts';
import {
  anna,
  browser,
  DAY,
  HOUR,
  key,
  loginOf,
  MINUTE,
  newMasterKey,
  nowSeconds,
  openGround,
  openSessions,
  testApp,
} from './side-by-side.ts';

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
});
afterAll(() => ground.close());

let forum: TestApp;
let shop: TestApp;
const opened: Opened[] = [];
beforeEach(async () => {
  await ground.sql('delete from legacy_sessions');
  forum = testApp('forum');
  shop = testApp('shop');
});
afterEach(async () => {
  for (const { sessions } of opened.splice(0)) await sessions.close();
});
const open = (options: Partial<OpenOptions> = {}): Opened => {
  const made = openSessions(ground, { apps: { forum, shop }, ...options });
  opened.push(made);
  return made;
};
const signIn = (app: TestApp, handle: string, more: object = {}) =>
  app.sessions.set(handle, {
    person: { by: 'subject', value: 'shop:1' },
    amr: [],
    authTime: nowSeconds() - HOUR,
    ...more,
  });
const rows = () =>
  ground.sql(
    'select app, sub, origin, problem, attempts, ended_at is not null as ended from legacy_sessions order by app',
  );
const rowOf = (handle: string, app = 'forum') =>
  legacySessionById(ground.db, idsOf(ground.keyring, app, handle));
const age = (column: string, seconds: number) =>
  ground.sql(`update legacy_sessions set ${column} = ${column} - make_interval(secs => $1)`, [seconds]);
const at = { clientId: 'app' };

describe('at a login', () => {
  test('every app concerned makes a session, and all of them are written down', async () => {
    const { sessions, outcomes } = open();
    const created = await sessions.create(loginOf());
    expect(created.setCookies).toEqual(['forum=forum-1; Path=/', 'shop=shop-1; Path=/']);
    expect([created.failures, created.redirectTo]).toEqual([[], undefined]);
    expect(outcomes).toEqual(['forum created', 'shop created']);
    const [login, opSession] = [key(), key()];
    await ground.db.runParts([...created.parts(login)], 'select 1');
    await ground.db.runParts([tiePart(login, opSession)], 'select 1');
    const row = (await rowOf('forum-1'))!;
    expect(row).toMatchObject({ sub: 'shop:1', opSession, origin: 'created', amr: ['pwd'] });
    expect(openHandle(ground.keyring, 'forum', row.handle!)).toBe('forum-1');
  });

  test('one that fails holds nobody up, and is written down with its problem', async () => {
    forum.isDown = true;
    const { sessions, outcomes } = open();
    const created = await sessions.create(loginOf());
    expect(created.failures).toEqual([{ app: 'forum', failure: 'unreachable' }]);
    expect(created.setCookies).toEqual(['shop=shop-1; Path=/']);
    expect(outcomes).toEqual(['forum unreachable', 'shop created']);
    await ground.db.runParts([...created.parts(key())], 'select 1');
    expect(await rows()).toMatchObject([
      { app: 'forum', problem: 'unreachable', attempts: 1 },
      { app: 'shop', problem: null, attempts: 0 },
    ]);
  });

  test('one that throws holds nobody up either', async () => {
    forum.meanwhile = () => Promise.reject(new Error('a mistake of its own'));
    const created = await open().sessions.create(loginOf());
    expect(created.failures).toEqual([{ app: 'forum', failure: 'unreachable' }]);
  });

  test('one that is required refuses the login instead', async () => {
    forum.isDown = true;
    const { sessions, outcomes } = open({ settings: { forum: { required: true } } });
    await expect(sessions.create(loginOf())).rejects.toMatchObject({ code: 'legacy_unavailable' });
    expect(outcomes).toContain('forum unreachable');
  });

  test('the browser is sent through the app that wants it', async () => {
    forum.instead = { redirectTo: 'https://forum.example/in' };
    expect((await open().sessions.create(loginOf())).redirectTo).toBe('https://forum.example/in');
  });

  test('apps are left alone that are for other clients, or cannot make sessions', async () => {
    const { sessions } = open({
      apps: { forum, shop: testApp('shop', ['create']) },
      settings: { forum: { clientIds: ['another'] } },
    });
    const created = await sessions.create(loginOf());
    expect([created.setCookies, created.parts(key())]).toEqual([[], []]);
    expect((await sessions.create(loginOf({ clientId: 'another' }))).setCookies).toHaveLength(1);
  });

  test('no session is written down as good for longer than the login', async () => {
    const expiresAt = nowSeconds() + HOUR;
    const lives: unknown[] = [];
    for (const until of [expiresAt + DAY, expiresAt - MINUTE]) {
      forum.instead = { handle: `until-${until}`, expiresAt: until };
      const created = await open().sessions.create(loginOf({ expiresAt }));
      await ground.db.runParts([...created.parts(key())], 'select 1');
      lives.push((await rowOf(`until-${until}`))!.expiresAt.getTime() / 1_000);
    }
    expect(lives).toEqual([expiresAt, expiresAt - MINUTE]);
  });

  test('a handle that is too long is not kept', async () => {
    forum.instead = { handle: 'x'.repeat(4_097) };
    const created = await open({ apps: { forum } }).sessions.create(loginOf());
    await ground.db.runParts([...created.parts(key())], 'select 1');
    expect(await ground.sql('select handle, problem from legacy_sessions')).toEqual([
      { handle: null, problem: null },
    ]);
  });
});

describe('whoever is signed in at an app', () => {
  test('is known here, and the session becomes ours', async () => {
    signIn(forum, 's1', { amr: ['pwd'] });
    const { sessions, outcomes } = open();
    const recognised = (await sessions.recognise(browser({ forum: 's1' }), at))!;
    expect(recognised).toMatchObject({ app: 'forum', user: { sub: 'shop:1', username: 'anna' } });
    expect(recognised).toMatchObject({ amr: ['pwd'], isTwoFactor: false });
    expect(nowSeconds() - recognised.authTime).toBeGreaterThanOrEqual(HOUR);
    // The shop's cookie was not there: it was not asked, and there is nothing to count.
    expect([outcomes, shop.calls]).toEqual([['forum recognised'], []]);
    const opSession = key();
    await ground.db.runParts([...recognised.parts(opSession)], 'select 1');
    expect(await rowOf('s1')).toMatchObject({ opSession, origin: 'recognised', sub: 'shop:1' });
  });

  test.each<[string, object, string]>([
    ['with a session that the app does not know', {}, 'nobody'],
    ['with an old session', { forum: 'old' }, 'too_old'],
    ['as somebody we do not know', { forum: 'stranger' }, 'unknown_user'],
    ['as somebody who is disabled', { forum: 'disabled' }, 'inactive'],
    ['with a second factor that was not used', { forum: 'factor' }, 'factor'],
  ])('is asked for the password when they come %s', async (_what, cookies, outcome) => {
    signIn(forum, 'old', { authTime: nowSeconds() - 2 * DAY });
    signIn(forum, 'stranger', { person: { by: 'subject', value: 'shop:99' } });
    signIn(forum, 'disabled', { person: { by: 'subject', value: 'shop:4' } });
    signIn(forum, 'factor', { person: { by: 'subject', value: 'shop:3' } });
    const { sessions, outcomes } = open();
    expect(await sessions.recognise(browser({ forum: 'garbage', ...cookies }), at)).toBeUndefined();
    expect(outcomes).toEqual([`forum ${outcome}`]);
  });

  test('at several is believed in the order of the settings, whoever answers first', async () => {
    signIn(forum, 'f', { person: { by: 'subject', value: 'shop:2' } });
    signIn(shop, 's');
    let answered: (() => void) | undefined;
    const shopAnswered = new Promise<void>((resolve) => {
      answered = resolve;
    });
    forum.meanwhile = () => shopAnswered;
    shop.meanwhile = async () => answered?.();
    const recognised = await open().sessions.recognise(browser({ forum: 'f', shop: 's' }), at);
    expect([recognised?.app, recognised?.user.sub]).toEqual(['forum', 'shop:2']);
  });

  test('is believed by the next app where the first one’s session is not good enough', async () => {
    signIn(forum, 'f', { authTime: nowSeconds() - 2 * DAY });
    signIn(shop, 's');
    const { sessions, outcomes } = open();
    expect((await sessions.recognise(browser({ forum: 'f', shop: 's' }), at))?.app).toBe('shop');
    expect(outcomes.toSorted()).toEqual(['forum too_old', 'shop recognised']);
  });

  test('brings the same person’s sessions at other apps along, and nobody else’s', async () => {
    const cookies = browser({ forum: 'f', shop: 's' });
    signIn(forum, 'f');
    signIn(shop, 's');
    const { sessions } = open();
    const opSession = key();
    await ground.db.runParts([...(await sessions.recognise(cookies, at))!.parts(opSession)], 'select 1');
    expect((await rowOf('s', 'shop'))!.opSession).toEqual(opSession);
    await ground.sql('delete from legacy_sessions');
    signIn(shop, 's', { person: { by: 'subject', value: 'shop:2' } });
    await ground.db.runParts([...(await sessions.recognise(cookies, at))!.parts(opSession)], 'select 1');
    expect(await rows()).toMatchObject([{ app: 'forum', sub: 'shop:1' }]);
  });

  test('is not asked about where the app is for other clients', async () => {
    signIn(forum, 's1');
    const { sessions } = open({ settings: { forum: { clientIds: ['another'] } } });
    expect(await sessions.recognise(browser({ forum: 's1' }), at)).toBeUndefined();
    expect(forum.calls).toEqual([]);
    expect(await sessions.recognise(browser({ forum: 's1' }), { clientId: 'another' })).toBeDefined();
  });

  test('belongs to the later of two sessions of ours that know them by the same one', async () => {
    signIn(forum, 's1');
    const [first, second] = [open(), open()];
    const [a, b] = await Promise.all(
      [first, second].map(({ sessions }) => sessions.recognise(browser({ forum: 's1' }), at)),
    );
    const [one, two] = [key(), key()];
    await ground.db.runParts([...a!.parts(one)], 'select 1');
    await ground.db.runParts([...b!.parts(two)], 'select 1');
    expect([await rows(), (await rowOf('s1'))!.opSession]).toMatchObject([[{ app: 'forum' }], two]);
  });

  test('is not let in again by a session that has ended here', async () => {
    signIn(forum, 's1');
    const { sessions, outcomes } = open();
    const recognised = (await sessions.recognise(browser({ forum: 's1' }), at))!;
    await ground.db.runParts([...recognised.parts(key())], 'select 1');
    await ground.sql('update legacy_sessions set ended_at = now()');
    expect(await sessions.recognise(browser({ forum: 's1' }), at)).toBeUndefined();
    expect(outcomes).toEqual(['forum recognised', 'forum nobody']);
  });

  test('is judged the same when the app says so by way of the browser', async () => {
    const said = {
      handle: 's1',
      person: { by: 'subject', value: 'shop:1' },
      amr: [],
      authTime: nowSeconds(),
    } as const;
    const { sessions, outcomes } = open();
    expect(await sessions.accept('forum', said)).toMatchObject({ app: 'forum', user: { sub: 'shop:1' } });
    expect(await sessions.accept('forum', { ...said, authTime: nowSeconds() - 2 * DAY })).toBeUndefined();
    expect(await sessions.accept('attic', said)).toBeUndefined();
    expect(outcomes).toEqual(['forum recognised', 'forum too_old']);
  });

  test('can be asked for by sending the browser there, for the clients of the app', () => {
    const { sessions } = open({ settings: { forum: { clientIds: ['another'] } } });
    const [one, ...more] = sessions.asks('app');
    expect([one?.app, one?.url('abc'), more]).toEqual(['shop', 'https://shop.example/who?state=abc', []]);
    expect(sessions.asks('another').map(({ app }) => app)).toEqual(['forum', 'shop']);
  });
});

describe('an app that does not answer', () => {
  test('recognises nobody, and does not hide who is signed in at another', async () => {
    forum.isDown = true;
    signIn(shop, 's');
    const { sessions, outcomes } = open();
    expect((await sessions.recognise(browser({ forum: 'f', shop: 's' }), at))?.app).toBe('shop');
    expect(outcomes.toSorted()).toEqual(['forum outage', 'shop recognised']);
  });

  test('holds nobody up for longer than the limit', async () => {
    forum.meanwhile = () => new Promise(() => undefined);
    signIn(shop, 's');
    const before = performance.now();
    const { sessions, outcomes } = open();
    expect((await sessions.recognise(browser({ forum: 'f', shop: 's' }), at))?.app).toBe('shop');
    expect(performance.now() - before).toBeGreaterThan(1_000);
    expect(outcomes).toContain('forum outage');
  });

  test('is left alone after five failures, whoever comes without its cookie in between', async () => {
    forum.isDown = true;
    const { sessions, outcomes } = open();
    for (let i = 0; i < 20; i += 1) {
      await sessions.recognise(browser({ forum: `garbage-${i}` }), at);
      await sessions.recognise(browser(), at);
    }
    // One more may have been let through to see, on a machine that is busy for two seconds.
    expect(forum.calls.length).toBeLessThanOrEqual(10);
    expect(outcomes.filter((outcome) => outcome === 'forum outage').length).toBeGreaterThanOrEqual(20);
  });

  test('is asked so much at once and no more', async () => {
    let free: (() => void) | undefined;
    const freed = new Promise<void>((resolve) => {
      free = resolve;
    });
    forum.meanwhile = () => freed;
    const { sessions } = open({ apps: { forum } });
    const all = Array.from({ length: 100 }, (_, i) =>
      sessions.recognise(browser({ forum: `garbage-${i}` }), at),
    );
    free!();
    await Promise.all(all);
    expect(forum.calls).toHaveLength(32);
  });
});

/** A session of ours that a legacy session belongs to. */
async function visited(
  sessions: Opened['sessions'],
  more: Partial<VisitedSession> = {},
): Promise<VisitedSession> {
  const [login, opSession] = [key(), key()];
  const created = await sessions.create(loginOf());
  await ground.db.runParts([...created.parts(login)], 'select 1');
  await ground.db.runParts([tiePart(login, opSession)], 'select 1');
  for (const app of [forum, shop]) app.calls.length = 0;
  return {
    opSession,
    user: anna,
    clientId: 'app',
    authTime: nowSeconds(),
    amr: ['pwd'],
    idleUntil: nowSeconds() + 2 * HOUR,
    expiresAt: nowSeconds() + DAY,
    remember: false,
    ...more,
  };
}

describe('a visit', () => {
  test('asks nothing within half a minute', async () => {
    const { sessions } = open();
    const visit = await visited(sessions);
    expect(await sessions.visit(visit)).toEqual({ setCookies: [] });
    expect([forum.calls, shop.calls]).toEqual([[], []]);
  });

  test('lets the apps’ sessions live on, for as long as ours will', async () => {
    const { sessions } = open();
    const visit = await visited(sessions);
    await age('seen_at', 61);
    expect(await sessions.visit(visit)).toEqual({
      setCookies: ['forum=forum-1; Path=/', 'shop=shop-1; Path=/'],
    });
    expect(forum.sessions.get('forum-1')!.expiresAt).toBe(visit.idleUntil);
    // An app that keeps nothing writes its session anew from this.
    expect(forum.renewals).toMatchObject([{ sub: 'shop:1', authTime: visit.authTime, amr: ['pwd'] }]);
    expect(await sessions.visit(visit)).toEqual({ setCookies: [] });
    expect(forum.calls).toEqual(['renew forum-1']);
  });

  test('never lets them live on for longer than ours can', async () => {
    const { sessions } = open();
    const visit = await visited(sessions, { expiresAt: nowSeconds() + MINUTE });
    await age('seen_at', 61);
    await sessions.visit(visit);
    expect(forum.sessions.get('forum-1')!.expiresAt).toBe(visit.expiresAt);
  });

  test('tells that somebody has logged out at an app, prolongs nothing, and tells it until it has ended', async () => {
    const { sessions } = open();
    const visit = await visited(sessions);
    shop.sessions.clear();
    await age('checked_at', 31);
    await age('seen_at', 61);
    expect(await sessions.visit(visit)).toEqual({ setCookies: [], endedAt: 'shop' });
    expect(forum.calls).toEqual(['check forum-1']);
    expect(await sessions.visit(visit)).toMatchObject({ endedAt: 'shop' });
    expect(shop.calls).toEqual(['check shop-1']);
    await ground.sql('update legacy_sessions set ended_at = now()');
    expect(await sessions.visit(visit)).toEqual({ setCookies: [] });
  });

  test('takes it for a logout when somebody else is signed in in the same session', async () => {
    const { sessions } = open();
    const visit = await visited(sessions);
    signIn(shop, 'shop-1', { person: { by: 'login', value: 'anna' } });
    await age('checked_at', 31);
    expect(await sessions.visit(visit)).not.toHaveProperty('endedAt');
    signIn(shop, 'shop-1', { person: { by: 'login', value: 'bob' } });
    await age('checked_at', 31);
    expect(await sessions.visit(visit)).toMatchObject({ endedAt: 'shop' });
  });

  test('tells that the browser has a session of somebody else’s at the app now, and of nobody else at another', async () => {
    const { sessions } = open();
    const visit = await visited(sessions, { request: browser({ shop: 'shop-9', forum: 'forum-9' }) });
    signIn(shop, 'shop-9', { person: { by: 'subject', value: 'shop:1' } });
    await age('checked_at', 31);
    expect(await sessions.visit(visit)).not.toHaveProperty('endedAt');
    signIn(shop, 'shop-9', { person: { by: 'login', value: 'bob' } });
    await age('checked_at', 31);
    forum.isDown = true;
    expect(await sessions.visit(visit)).toEqual({ setCookies: [], endedAt: 'shop', isReplaced: true });
    // The one that we know is as it was.
    expect(await rows()).toMatchObject([{ ended: false }, { ended: false }]);
  });

  test('takes it for no logout that a session has run out', async () => {
    const { sessions } = open();
    const visit = await visited(sessions);
    shop.sessions.clear();
    await age('checked_at', 31);
    await age('seen_at', 9 * HOUR);
    expect(await sessions.visit(visit)).not.toHaveProperty('endedAt');
    expect(await rows()).toMatchObject([
      { app: 'forum', ended: false },
      { app: 'shop', ended: true },
    ]);
  });

  test('follows no app that is not to be followed', async () => {
    const { sessions } = open({ settings: { shop: { follow: false } } });
    const visit = await visited(sessions);
    shop.sessions.clear();
    await age('checked_at', 31);
    expect(await sessions.visit(visit)).not.toHaveProperty('endedAt');
    expect(await rows()).toMatchObject([{ ended: false }, { ended: true }]);
  });

  test('takes an outage for nothing', async () => {
    const { sessions } = open();
    const visit = await visited(sessions);
    forum.isDown = true;
    await age('checked_at', 31);
    await age('seen_at', 61);
    expect(await sessions.visit(visit)).toEqual({ setCookies: ['shop=shop-1; Path=/'] });
    expect(await rows()).toMatchObject([{ ended: false }, { ended: false }]);
  });

  test('does not wait for an app that takes its time', async () => {
    const { sessions } = open();
    const visit = await visited(sessions);
    forum.meanwhile = () => new Promise(() => undefined);
    await age('checked_at', 31);
    const before = performance.now();
    expect(await sessions.visit(visit)).toEqual({ setCookies: [] });
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test('makes what could not be made at the login', async () => {
    forum.isDown = true;
    const { sessions, outcomes } = open();
    const visit = await visited(sessions, { amr: ['pwd', 'otp'], remember: true });
    forum.isDown = false;
    await age('checked_at', 11);
    outcomes.length = 0;
    expect(await sessions.visit(visit)).toEqual({ setCookies: ['forum=forum-1; Path=/'] });
    expect(outcomes).toEqual(['forum created']);
    expect(forum.logins.at(-1)).toMatchObject({
      sub: 'shop:1',
      authTime: visit.authTime,
      amr: ['pwd', 'otp'],
      expiresAt: visit.expiresAt,
      remember: true,
      clientId: 'app',
    });
    expect(await rows()).toMatchObject([
      { app: 'forum', problem: null, attempts: 0 },
      { app: 'shop', problem: null },
    ]);
    expect(await rowOf('forum-1')).toMatchObject({ opSession: visit.opSession, origin: 'created' });
    expect(await sessions.visit(visit)).toEqual({ setCookies: [] });
  });

  test('gives up after five times', async () => {
    forum.isDown = true;
    const { sessions } = open();
    const visit = await visited(sessions);
    for (let i = 0; i < 10; i += 1) {
      await age('checked_at', 11);
      await sessions.visit(visit);
    }
    // The first was at the login.
    expect(forum.calls).toHaveLength(4);
    expect(await rows()).toMatchObject([{ app: 'forum', problem: 'unreachable', attempts: 5 }, {}]);
  });

  test('makes it once when there are twenty at once', async () => {
    forum.isDown = true;
    const { sessions } = open();
    const visit = await visited(sessions);
    forum.isDown = false;
    await age('checked_at', 11);
    const answers = await Promise.all(Array.from({ length: 20 }, () => sessions.visit(visit)));
    expect(answers.flatMap(({ setCookies }) => setCookies)).toEqual(['forum=forum-1; Path=/']);
  });

  test('sends nobody through an app that wants the browser', async () => {
    const handOver = { kind: 'hand-over', url: 'https://forum.example/in' };
    forum.isDown = true;
    const { sessions } = open({ settings: { forum: handOver } });
    const visit = await visited(sessions);
    await age('checked_at', 11);
    await sessions.visit(visit);
    expect(forum.calls).toEqual([]);
  });

  test('costs nobody a login when our database is down', async () => {
    const db = openDb({ url: 'postgres://127.0.0.1:1/none' });
    const { sessions } = open({ deps: { db } });
    const visit = { ...(await visited(open().sessions)), opSession: key() };
    expect(await sessions.visit(visit)).toEqual({ setCookies: [] });
    await db.close();
  });

  test('is served under a new master key', async () => {
    const [old, fresh] = [newMasterKey(), newMasterKey()];
    const visit = await visited(open({ deps: { keyring: openKeyring(old) } }).sessions);
    await age('seen_at', 61);
    const { sessions } = open({ deps: { keyring: openKeyring([fresh, old]) } });
    expect((await sessions.visit(visit)).setCookies).toHaveLength(2);
    // Nothing can be said of what nobody can open any more: that is no logout.
    await age('checked_at', 31);
    const without = open({ deps: { keyring: openKeyring(fresh) } });
    expect(await without.sessions.visit(visit)).toEqual({ setCookies: [] });
  });
});

describe('a round of checks', () => {
  test('tells of sessions that have ended at their app', async () => {
    const { sessions, ended, used } = open();
    await visited(sessions);
    shop.sessions.clear();
    await sessions.check();
    expect([forum.calls, shop.calls]).toEqual([[], []]);
    await age('checked_at', 31);
    await sessions.check();
    expect([forum.calls, shop.calls]).toEqual([['check forum-1'], ['check shop-1']]);
    expect(ended).toEqual([{ app: 'shop', ids: [(await rowOf('shop-1', 'shop'))!.id] }]);
    expect(used).toEqual([]);
  });

  test('tells of use, once', async () => {
    const { sessions, used } = open();
    const { opSession } = await visited(sessions);
    await age('seen_at', HOUR);
    await age('checked_at', HOUR);
    const lastUsedAt = nowSeconds() - MINUTE;
    signIn(forum, 'forum-1', { lastUsedAt });
    await sessions.check();
    expect(used).toEqual([{ opSession, at: lastUsedAt }]);
    await age('checked_at', HOUR);
    await sessions.check();
    expect(used).toHaveLength(1);
  });

  test('believes no use in the future', async () => {
    const { sessions, used } = open();
    await visited(sessions);
    await age('checked_at', HOUR);
    signIn(forum, 'forum-1', { lastUsedAt: nowSeconds() + DAY });
    await sessions.check();
    expect(used).toEqual([]);
  });

  test('is shared by two nodes, and each session is asked about once', async () => {
    const [one, two] = [open(), open()];
    await visited(one.sessions);
    shop.sessions.clear();
    await age('checked_at', 31);
    await Promise.all([one.sessions.check(), two.sessions.check(), one.sessions.check()]);
    expect([forum.calls, shop.calls]).toEqual([['check forum-1'], ['check shop-1']]);
    expect([...one.ended, ...two.ended]).toHaveLength(1);
  });

  test('and a visit at the same moment ask once', async () => {
    const [one, two] = [open(), open()];
    const visit = await visited(one.sessions);
    await age('checked_at', 31);
    await Promise.all([one.sessions.check(), two.sessions.visit(visit)]);
    expect([forum.calls, shop.calls]).toEqual([['check forum-1'], ['check shop-1']]);
  });

  test('takes an outage for no logout, and does not ask about one session after the other', async () => {
    const { sessions, ended } = open({ apps: { forum } });
    for (let i = 0; i < 30; i += 1) await visited(sessions);
    await age('checked_at', 31);
    forum.isDown = true;
    await sessions.check();
    expect(forum.calls.length).toBeLessThanOrEqual(8);
    forum.isDown = false;
    await age('checked_at', 31);
    forum.calls.length = 0;
    // Another node: this one leaves the app alone for two seconds.
    const other = open({ apps: { forum } });
    await other.sessions.check();
    expect([forum.calls.length, ended, other.ended]).toEqual([30, [], []]);
  });

  test('is not followed by logouts where sessions have run out, or are not to be followed', async () => {
    const { sessions, ended } = open({ settings: { shop: { follow: false } } });
    await visited(sessions);
    forum.sessions.clear();
    shop.sessions.clear();
    await age('seen_at', 9 * HOUR);
    await age('checked_at', 31);
    await sessions.check();
    expect([ended, shop.calls]).toEqual([[], []]);
    expect(await rows()).toMatchObject([
      { app: 'forum', ended: true },
      { app: 'shop', ended: false },
    ]);
  });

  test('tells again where an end could not be written down', async () => {
    let isDown = true;
    const ended: string[] = [];
    const onEnded = async ({ app }: { app: string }) => {
      if (isDown) throw new FootbridgeError('storage_unavailable');
      ended.push(app);
    };
    const { sessions } = open({ deps: { onEnded } });
    await visited(sessions);
    shop.sessions.clear();
    await age('checked_at', 31);
    await expect(sessions.check()).rejects.toMatchObject({ code: 'storage_unavailable' });
    isDown = false;
    await age('checked_at', 31);
    await sessions.check();
    expect(ended).toEqual(['shop']);
  });

  test('prolongs what is written down of a session that lives', async () => {
    const { sessions } = open({ apps: { forum } });
    await visited(sessions);
    await age('expires_at', DAY - HOUR);
    await age('checked_at', 31);
    await sessions.check();
    const left = (await rowOf('forum-1'))!.expiresAt.getTime() / 1_000 - nowSeconds();
    expect(left).toBeGreaterThan(7 * HOUR);
  });
});

describe('the end at an app', () => {
  const signal = () => AbortSignal.timeout(2_000);
  const delivery = (more: Partial<Delivery> = {}): Delivery => ({
    id: '1',
    ending: '00000000-0000-4000-8000-000000000001',
    kind: 'legacy',
    name: 'forum',
    sub: 'shop:1',
    handle: null,
    attempts: 0,
    ...more,
  });
  const sealed = async (handle: string) => (await rowOf(handle))!.handle;
  const problem = (sent: Promise<void>) =>
    sent.then(
      () => undefined,
      (error: DeliveryError) => ({
        isOurs: error instanceof DeliveryError,
        code: error.code,
        isFinal: error.isFinal,
        after: error.retryAfterSeconds,
      }),
    );

  test('is told of one session, and lets its handle go', async () => {
    const { sessions, outcomes } = open({ apps: { forum } });
    await visited(sessions);
    await ground.sql('update legacy_sessions set ended_at = now()');
    await sessions.end(delivery({ handle: await sealed('forum-1') }), { signal: signal() });
    expect([forum.calls, forum.sessions.size]).toEqual([['end forum-1'], 0]);
    // The app has it again: somebody has logged in there a moment later.
    await ground.sql("update legacy_sessions set over_at = now() - interval '1 second'");
    signIn(forum, 'forum-1');
    expect(await sessions.recognise(browser({ forum: 'forum-1' }), at)).toBeDefined();
    expect(outcomes.at(-1)).toBe('forum recognised');
  });

  test('is told of a person by the primary key where no session is named', async () => {
    const { sessions } = open({ apps: { forum } });
    await visited(sessions);
    await ground.sql('update legacy_sessions set ended_at = now()');
    await sessions.end(delivery(), { signal: signal() });
    expect(forum.calls).toEqual(['endAllOf shop:1 1']);
    expect((await rowOf('forum-1'))!.overAt).not.toBeNull();
  });

  test('is said again later when the app does not answer', async () => {
    const { sessions } = open();
    await visited(sessions);
    forum.isDown = true;
    const handle = await sealed('forum-1');
    expect(await problem(sessions.end(delivery({ handle }), { signal: signal() }))).toEqual({
      isOurs: true,
      code: 'unreachable',
      isFinal: false,
      after: 7,
    });
    forum.isDown = false;
    forum.meanwhile = () => Promise.reject(new Error('a mistake of its own'));
    expect(await problem(sessions.end(delivery({ handle }), { signal: signal() }))).toMatchObject({
      code: 'refused',
      isFinal: false,
    });
  });

  test('takes no longer than it may', async () => {
    const { sessions } = open();
    await visited(sessions);
    forum.meanwhile = () => new Promise(() => undefined);
    const handle = await sealed('forum-1');
    const sent = sessions.end(delivery({ handle }), { signal: AbortSignal.timeout(50) });
    expect(await problem(sent)).toMatchObject({ code: 'timeout', isFinal: false });
    const late = sessions.end(delivery({ handle }), { signal: AbortSignal.abort() });
    expect(await problem(late)).toMatchObject({ code: 'timeout' });
  });

  test.each<[string, Partial<Delivery>]>([
    ['the app is not configured any more', { name: 'attic' }],
    ['the handle cannot be opened any more', { handle: 'AAAA' }],
    ['the person belongs to no store any more', { sub: 'attic:1' }],
  ])('is given up when %s', async (_what, more) => {
    const sent = open().sessions.end(delivery(more), { signal: signal() });
    expect(await problem(sent)).toMatchObject({ isOurs: true, code: 'unknown_recipient', isFinal: true });
    expect(forum.calls).toEqual([]);
  });

  test('is nothing to an app that cannot, or is not to be told', async () => {
    const { sessions } = open();
    await visited(sessions);
    const handle = await sealed('forum-1');
    const mute = testApp('forum', ['end', 'endAllOf']);
    for (const more of [{ handle }, { handle: null }]) {
      await open({ apps: { forum: mute } }).sessions.end(delivery(more), { signal: signal() });
      const silent = open({ settings: { forum: { end: false } } });
      await silent.sessions.end(delivery(more), { signal: signal() });
    }
    expect([forum.calls, mute.calls]).toEqual([[], []]);
  });

  test('takes our cookies of the apps from the browser', () => {
    expect(open().sessions.clearCookies()).toEqual(['forum=; Max-Age=0', 'shop=; Max-Age=0']);
  });
});

describe('the settings', () => {
  test.each<[string, Partial<OpenOptions>, string]>([
    [
      'a required app that cannot be given a session',
      { apps: { forum: testApp('forum', ['create']) }, settings: { forum: { required: true } } },
      'forum is required',
    ],
    ['a store there is none of', { settings: { forum: { store: 'attic' } } }, 'names the legacy store attic'],
    [
      'primary keys of nobody knows which store',
      { settings: { forum: { identifies: 'id' } } },
      'has to say whose primary keys',
    ],
  ])('refuse %s', (_what, options, sentence) => {
    expect(() => open(options)).toThrow(
      expect.objectContaining({ code: 'config_invalid', detail: expect.stringContaining(sentence) }),
    );
  });

  test('are happy with primary keys of a store that is named, and of the only one', () => {
    expect(() => open({ settings: { forum: { identifies: 'id', store: 'club' } } })).not.toThrow();
    const stores = ground.stores.slice(0, 1);
    expect(() => open({ settings: { forum: { identifies: 'id' } }, deps: { stores } })).not.toThrow();
  });

  const keys = [{ id: 'one', key: 'the-forum-and-we-know-it' }];
  const hook = (name: string, more: object = {}) => ({
    kind: 'http-hook',
    name,
    url: `https://${name}.example/`,
    cookies: ['SID'],
    keys,
    ...more,
  });
  const problemsOf = (...settings: object[]) =>
    legacySessionSettings.safeParse(settings).error?.issues.map(({ message }) => message) ?? [];

  test('refuse two apps of one name, two ways for one browser, and a kind that there is none of', () => {
    expect(problemsOf(hook('a'), hook('a'))).toEqual(['every app has a name of its own']);
    const handOvers = ['a', 'b'].map((name) => ({
      kind: 'hand-over',
      name,
      url: 'https://a.example/',
      keys,
    }));
    expect(problemsOf(...handOvers)).toEqual(['the browser can go through one app only']);
    expect(problemsOf(hook('a', { kind: 'pigeon' }))).toHaveLength(1);
  });

  test('name the app whose store there is none of', () => {
    const apps = legacySessionSettings.parse([hook('a'), hook('b', { store: 'attic' })]);
    expect(wrongStores(apps, ['shop'])).toEqual([
      { path: [1, 'store'], message: 'no legacy store is called attic' },
    ]);
    expect(wrongStores(apps, ['attic'])).toEqual([]);
  });
});

/** A legacy app on a real port that keeps its sessions in memory and speaks the hook's language. */
async function webApp() {
  const sessions = new Map<string, { readonly legacyId: string; authTime: number }>();
  const answer = (request: IncomingMessage, response: ServerResponse, body: string) => {
    const told = JSON.parse(body);
    const say = (said: object) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify(said));
    const id = told.session?.id ?? told.session?.cookies?.SID;
    if (request.url === '/make') {
      sessions.set('w1', { legacyId: told.legacyId, authTime: told.authTime });
      response.setHeader('set-cookie', 'SID=w1; Path=/');
      return say({ session: 'w1' });
    }
    if (request.url === '/end') {
      sessions.delete(id);
      return response.writeHead(204).end();
    }
    const found = sessions.get(id);
    return found ? say({ session: id, ...found }) : response.writeHead(404).end();
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => answer(request, response, Buffer.concat(chunks).toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { sessions, close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('all of it holds with an app that is called over HTTP', async () => {
  const web = await webApp();
  const ended: string[] = [];
  const sessions = openLegacySessions(
    legacySessionSettings.parse([
      {
        kind: 'http-hook',
        name: 'web',
        url: `${web.url}/make`,
        checkUrl: `${web.url}/check`,
        endUrl: `${web.url}/end`,
        cookies: ['SID'],
        keys: [{ id: 'one', key: 'the-web-app-and-we-know-it' }],
        store: 'shop',
      },
    ]),
    {
      ...ground,
      checkSeconds: 30,
      onEnded: async ({ app }) => void ended.push(app),
      onUsed: async () => undefined,
    },
  );
  // Made at a login, and known by its cookie from then on.
  const created = await sessions.create(loginOf());
  expect(created.setCookies).toEqual([expect.stringContaining('SID=w1')]);
  const [login, opSession] = [key(), key()];
  await ground.db.runParts([...created.parts(login)], 'select 1');
  await ground.db.runParts([tiePart(login, opSession)], 'select 1');
  const request = browser({ SID: 'w1' });
  expect(await sessions.recognise(request, at)).toMatchObject({ app: 'web', user: { sub: 'shop:1' } });
  // Ended here, it is ended there, and lets nobody in on the way.
  await ground.sql('update legacy_sessions set ended_at = now()');
  expect(await sessions.recognise(request, at)).toBeUndefined();
  const { handle } = (await rowOf('w1', 'web'))!;
  const errand = {
    id: '1',
    ending: login.toString('hex'),
    kind: 'legacy',
    name: 'web',
    sub: 'shop:1',
  } as const;
  await sessions.end({ ...errand, handle, attempts: 0 }, { signal: AbortSignal.timeout(5_000) });
  expect(web.sessions.size).toBe(0);
  // Somebody logs in there, is known here, and logs out there.
  web.sessions.set('w2', { legacyId: '1', authTime: nowSeconds() });
  const recognised = (await sessions.recognise(browser({ SID: 'w2' }), at))!;
  await ground.db.runParts([...recognised.parts(opSession)], 'select 1');
  await age('checked_at', 31);
  await sessions.check();
  expect(ended).toEqual([]);
  web.sessions.clear();
  await age('checked_at', 31);
  await sessions.check();
  expect(ended).toEqual(['web']);
  await sessions.close();
  await web.close();
});
