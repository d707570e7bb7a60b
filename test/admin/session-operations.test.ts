/** What an operator sees of sessions and does with them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { privateApp } from '../../src/admin/api.ts';
import { openApiDocument } from '../../src/admin/openapi.ts';
import { deliveryList } from '../../src/admin/operations/delivery-list.ts';
import { deliveryRetry } from '../../src/admin/operations/delivery-retry.ts';
import { operations } from '../../src/admin/operations/index.ts';
import { sessionEnd } from '../../src/admin/operations/session-end.ts';
import { sessionEndings } from '../../src/admin/operations/session-endings.ts';
import { sessionList } from '../../src/admin/operations/session-list.ts';
import { sessionShow } from '../../src/admin/operations/session-show.ts';
import { userShow } from '../../src/admin/operations/user-show.ts';
import { shownId, uidsFrom } from '../../src/admin/session-view.ts';
import { listen } from '../../src/listener.ts';
import { openMetrics } from '../../src/observability/metrics.ts';
import { openPeopleWatch } from '../../src/sessions/people-watch.ts';
import { Secret } from '../../src/settings.ts';
import type { SessionStage } from './session-stage.ts';
import { now, openSessionStage } from './session-stage.ts';

let stage: SessionStage;
beforeAll(async () => {
  stage = await openSessionStage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  stage.state.isLegacyDown = false;
  for (const table of [
    'oidc_records',
    'legacy_sessions',
    'target_sessions',
    'session_endings',
    'logout_deliveries',
    'watched_people',
  ])
    await stage.sql(`delete from ${table}`);
});

type Listed = { readonly id: string; readonly user: string }[];
const idsOf = ({ sessions }: Record<string, unknown>) => (sessions as Listed).map(({ id }) => id).sort();
const left = async () => (await stage.sql(`select uid from oidc_records where kind = 'Session'`)).length;

describe('session list', () => {
  test('shows who is logged in, by what only we can recognise: neither cookie nor uid', async () => {
    const sub = stage.put('anna');
    const { uid, id, raw } = await stage.session(sub);
    const listed = await stage.run(sessionList, {});
    expect(listed).toMatchObject({ sessions: [{ id: shownId(uid), user: sub, clients: ['app'] }] });
    const all = JSON.stringify(listed);
    expect([id, raw].filter((secret) => all.includes(secret))).toEqual([]);
    expect(listed.text).toContain('at app');
  });

  test('goes on where the last page ended, and shows each once', async () => {
    for (let i = 0; i < 25; i += 1) await stage.session(`shop:${i}`);
    const seen: string[] = [];
    let after: unknown;
    for (let pages = 0; pages < 4; pages += 1) {
      const page = await stage.run(sessionList, { limit: 10, ...(after ? { after } : {}) });
      seen.push(...idsOf(page));
      after = page.next;
      if (!after) break;
    }
    expect([seen.length, new Set(seen).size, after]).toEqual([25, 25, undefined]);
  });

  test('takes a limit as the command line gives it', async () => {
    for (let i = 0; i < 3; i += 1) await stage.session(`shop:${i}`);
    expect(idsOf(await stage.run(sessionList, { limit: '2' }))).toHaveLength(2);
  });

  test('shows those of a person, a client, an app or a target, and those that are all of it', async () => {
    const [anna, bob] = [stage.put('anna'), stage.put('bob')];
    const one = await stage.session(anna, { clients: ['app', 'shop'] });
    const two = await stage.session(anna, { clients: ['shop'] });
    const three = await stage.session(bob);
    await stage.atApp({ app: 'forum', sub: anna, handle: 'a' }, one.uid);
    await stage.atApp({ app: 'forum', sub: bob, problem: 'timeout' }, three.uid);
    await stage.atTarget({ id: 't1', sub: bob, opSession: three.uid });
    await stage.atTarget({ id: 't2', sub: anna });
    const ids = async (input: object) => idsOf(await stage.run(sessionList, input));
    const shown = (...sessions: { uid: Buffer }[]) => sessions.map(({ uid }) => shownId(uid)).sort();
    expect(await ids({ user: 'anna' })).toEqual(shown(one, two));
    expect(await ids({ user: bob })).toEqual(shown(three));
    expect(await ids({ client: 'app' })).toEqual(shown(one, three));
    expect(await ids({ app: 'forum' })).toEqual(shown(one));
    expect(await ids({ target: 'main' })).toEqual(shown(three));
    expect(await ids({ user: 'anna', client: 'app', app: 'forum' })).toEqual(shown(one));
    expect(await ids({ user: 'anna', target: 'main' })).toEqual([]);
    expect(await ids({ app: 'forum', target: 'main' })).toEqual([]);
    expect((await stage.run(sessionList, { client: 'none' })).text).toBe('No live session.');
  });

  test('leaves out what has expired, and sessions of nobody', async () => {
    await stage.session('shop:1', { ttl: -10 });
    await stage.sql(`insert into oidc_records (id, kind, uid, payload, expires_at)
      values ('\\x01', 'Session', '\\x01', '{"state":{}}', now() + interval '1 minute')`);
    expect(idsOf(await stage.run(sessionList, {}))).toEqual([]);
  });
});

describe('session show', () => {
  test('says since when, until when, and how it was used last', async () => {
    const sub = stage.put('anna');
    const at = now();
    await stage.session(sub, { loginTs: at - 1_000, ttl: 3_000 });
    const iso = (seconds: number) => new Date(seconds * 1_000).toISOString();
    const { sessions } = (await stage.run(sessionShow, { user: 'anna' })) as unknown as {
      sessions: Record<string, string>[];
    };
    expect(sessions[0]).toMatchObject({
      since: iso(at - 1_000),
      provedAt: iso(at - 1_000),
      endsAt: iso(at - 1_000 + 86_400),
      remembered: false,
    });
    // The database's clock has gone on a little since `at`.
    const usedAt = Date.parse(sessions[0]?.lastUsedAt ?? '') / 1_000;
    expect(Math.abs(usedAt - (at - 600))).toBeLessThan(30);
  });

  test('tells remembered ones, and no last use where the age sets the end', async () => {
    const sub = stage.put('anna');
    await stage.session(sub, { loginTs: now() - 1_000, transient: false, ttl: 30 * 86_400 - 1_000 });
    await stage.session(sub, { loginTs: now() - 85_400, ttl: 1_000 });
    const shown = await stage.run(sessionShow, { user: sub });
    expect(
      (shown.sessions as { remembered: boolean; lastUsedAt?: string }[]).map((s) => s.remembered),
    ).toContain(true);
    expect((shown.sessions as { lastUsedAt?: string }[]).map((s) => s.lastUsedAt)).toEqual([
      undefined,
      undefined,
    ]);
    expect(shown.text).toContain('remembered until');
  });

  test('shows what belongs to it at apps and targets, what ended, and who was told', async () => {
    const sub = stage.put('anna');
    const { uid } = await stage.session(sub);
    await stage.atApp({ app: 'forum', sub, handle: 'the handle' }, uid);
    await stage.atApp({ app: 'shop', sub, problem: 'timeout' }, uid);
    await stage.atTarget({ id: 't1', sub, opSession: uid });
    const before = await stage.run(sessionShow, { user: 'anna' });
    expect(before).toMatchObject({
      user: sub,
      targetSessions: [{ target: 'main', id: 't1', session: shownId(uid) }],
      endings: [],
    });
    expect(before.text).toContain('failed: timeout');
    expect(JSON.stringify(before)).not.toContain('the handle');
    await stage.endings.end({ selection: { by: 'op-session', uid }, cause: 'logout', actor: 'user' });
    const after = await stage.run(sessionShow, { user: 'anna' });
    expect(after).toMatchObject({ sessions: [], endings: [{ cause: 'logout', actor: 'user' }] });
    expect((after.endings as { told: unknown[] }[])[0]?.told).toContainEqual(
      expect.objectContaining({ kind: 'client', name: 'app', state: 'under-way' }),
    );
    expect(after.text).toMatch(
      /here {7}not logged in[\s\S]*ended {6}.*logout by user[\s\S]*client app: being told/,
    );
  });

  test('works by sub while the legacy store is down, and knows nobody by nothing', async () => {
    const sub = stage.put('anna');
    await stage.session(sub);
    await expect(stage.run(sessionShow, { user: 'nobody' })).rejects.toMatchObject({
      code: 'user_not_found',
    });
    stage.state.isLegacyDown = true;
    const shown = await stage.run(sessionShow, { user: sub });
    expect(shown).toMatchObject({ user: sub, sessions: [{ user: sub }] });
    expect(shown.text).toContain('cannot be asked');
  });

  test('says whether somebody is watched', async () => {
    const sub = stage.put('anna');
    await stage.session(sub);
    expect(await stage.run(sessionShow, { user: sub })).toMatchObject({ watched: undefined });
    await stage.sql(`insert into watched_people (sub, live_until) values ($1, now() + interval '1 hour')`, [
      sub,
    ]);
    expect(await stage.run(sessionShow, { user: sub })).toMatchObject({ watched: { isMarked: false } });
  });
});

test('user show says briefly where somebody is logged in', async () => {
  const sub = stage.put('anna');
  const { uid } = await stage.session(sub);
  await stage.atApp({ app: 'forum', sub, handle: 'a' }, uid);
  await stage.atTarget({ id: 't1', sub });
  const shown = await stage.run(userShow, { user: 'anna' });
  expect(shown).toMatchObject({
    sessions: [{ id: shownId(uid) }],
    legacySessions: { forum: 1 },
    targetSessions: { main: 1 },
  });
  expect(shown.text).toMatch(/at forum {3}1 session[\s\S]*at main {4}1 session/);
});

describe('session end', () => {
  test('without --execute only counts', async () => {
    const sub = stage.put('anna');
    const { uid } = await stage.session(sub);
    await stage.session('shop:other');
    await stage.atApp({ app: 'forum', sub, handle: 'a' }, uid);
    await stage.atTarget({ id: 't1', sub, opSession: uid });
    const numbers = { opSessions: 1, legacySessions: 1, targetSessions: 1 };
    expect(await stage.run(sessionEnd, { user: 'anna' })).toMatchObject(numbers);
    expect(await stage.run(sessionEnd, { session: shownId(uid) })).toMatchObject(numbers);
    expect(await stage.run(sessionEnd, { client: 'app' })).toMatchObject({ opSessions: 2 });
    const all = await stage.run(sessionEnd, { all: true });
    expect(all).toMatchObject({ opSessions: 2, executed: false });
    expect(all.text).toContain('Nothing was changed');
    expect(await left()).toBe(2);
    expect(await stage.sql('select 1 from session_endings')).toEqual([]);
  });

  test('ends everything of a person and writes down who did it and why', async () => {
    const sub = stage.put('anna');
    const { uid } = await stage.session(sub);
    await stage.session(sub);
    const other = await stage.session('shop:other');
    await stage.atApp({ app: 'forum', sub, handle: 'a' }, uid);
    await stage.atTarget({ id: 't1', sub });
    const input = { user: 'anna', reason: 'phone stolen' };
    const ended = await stage.run(sessionEnd, input, { execute: true });
    expect(ended).toMatchObject({
      executed: true,
      opSessions: 2,
      legacySessions: 1,
      targetSessions: 1,
      left: 0,
    });
    expect(idsOf(await stage.run(sessionList, {}))).toEqual([shownId(other.uid)]);
    const records = await stage.audit.records({ sub, actor: 'operator:test' });
    expect(records.map(({ action }) => action).sort()).toEqual(['sessions.end_reason', 'sessions.ended']);
    expect(records.find(({ action }) => action === 'sessions.end_reason')?.detail).toMatchObject({
      reason: 'phone stolen',
    });
    const kinds = await stage.sql('select distinct kind from logout_deliveries order by kind');
    expect(kinds.map(({ kind }) => kind)).toEqual(['client', 'legacy', 'target']);
    // Again: nothing is left to end, and that is no error.
    expect(await stage.run(sessionEnd, input, { execute: true })).toMatchObject({ opSessions: 0 });
  });

  test('ends one session and what belongs to it, and no other of the same person', async () => {
    const sub = stage.put('anna');
    const [one, two] = [await stage.session(sub), await stage.session(sub)];
    await stage.atApp({ app: 'forum', sub, handle: 'a' }, one.uid);
    await stage.atApp({ app: 'forum', sub, handle: 'b' }, two.uid);
    const ended = await stage.run(sessionEnd, { session: shownId(one.uid) }, { execute: true });
    expect(ended).toMatchObject({ opSessions: 1, legacySessions: 1 });
    expect(idsOf(await stage.run(sessionList, { app: 'forum' }))).toEqual([shownId(two.uid)]);
  });

  test('ends no session that is named by too little, or not there', async () => {
    await stage.session('shop:1');
    const uids = ['aa', 'ab'].map((last) => Buffer.from('0123456789abcdef'.padEnd(62, '0') + last, 'hex'));
    for (const uid of uids) {
      await stage.session('shop:x');
      await stage.sql(
        `update oidc_records set uid = $1 where payload ->> 'accountId' = 'shop:x' and uid <> all($2)`,
        [uid, uids],
      );
    }
    const end = (session: string) => stage.run(sessionEnd, { session }, { execute: true });
    await expect(end('0123456789abcdef')).rejects.toMatchObject({ code: 'bad_request' });
    await expect(end('f'.repeat(63))).rejects.toMatchObject({ code: 'not_found' });
    expect(await left()).toBe(3);
    await end(uids[0]?.toString('hex') ?? '');
    expect(await left()).toBe(2);
  });

  test.each([[{}], [{ user: 'anna', all: true }], [{ client: 'app', session: '0123456789' }]])(
    'wants to know whose, exactly: %o',
    async (input) => {
      await expect(stage.run(sessionEnd, input, { execute: true })).rejects.toMatchObject({
        code: 'bad_request',
      });
    },
  );

  test('of a client ends what it has a session in, and nothing else', async () => {
    await stage.session('shop:1', { clients: ['app'] });
    await stage.session('shop:1', { clients: ['other'] });
    await stage.session('shop:2', { clients: ['other', 'app'] });
    const ended = await stage.run(sessionEnd, { client: 'app' }, { execute: true });
    expect(ended).toMatchObject({ opSessions: 2, left: 0, wrong: false });
    expect(await left()).toBe(1);
  });

  test('of all goes in batches, tells how far it is, and puts those who wait first', async () => {
    await stage.sql(`insert into oidc_records (id, kind, uid, payload, expires_at)
      select sha256(convert_to('s' || i, 'UTF8')), 'Session', sha256(convert_to('u' || i, 'UTF8')),
        jsonb_build_object('accountId', 'shop:' || i, 'loginTs', 1, 'authorizations',
          jsonb_build_object('app', jsonb_build_object('sid', 'sid' || i, 'grantId', 'g' || i))),
        now() + interval '1 hour' from generate_series(1, 1200) i`);
    const progress: { users: number; total: number }[] = [];
    const ended = await stage.run(sessionEnd, { all: true, reason: 'drill' }, { execute: true, progress });
    expect(ended).toMatchObject({ opSessions: 1_200, left: 0, wrong: false });
    expect(progress.map(({ users, total }) => [users, total])).toEqual([
      [500, 1_200],
      [1_000, 1_200],
      [1_200, 1_200],
    ]);
    expect(
      await stage.sql('select lane, count(*)::int as n from logout_deliveries where kind = $1 group by 1', [
        'client',
      ]),
    ).toEqual([{ lane: 1, n: 1_200 }]);
    expect(await left()).toBe(0);
  });

  test('of all takes along whose session here has run out, and nobody who comes meanwhile', async () => {
    const [gone, elsewhere, later] = ['shop:1', 'shop:2', 'shop:3'];
    const { uid } = await stage.session(gone, { ttl: -10 });
    await stage.atApp({ app: 'forum', sub: gone, handle: 'a' }, uid);
    await stage.atTarget({ id: 't1', sub: elsewhere });
    const other = await stage.session('shop:4');
    await stage.atApp({ app: 'forum', sub: later, handle: 'b' }, other.uid);
    await stage.sql(`update legacy_sessions set created_at = now() - interval '1 minute', op_session = null`);
    await stage.sql(`update legacy_sessions set created_at = now() + interval '1 minute' where sub = $1`, [
      later,
    ]);
    await stage.sql(`update target_sessions set started_at = now() - interval '1 minute'`);
    const ended = await stage.run(sessionEnd, { all: true }, { execute: true });
    expect(ended).toMatchObject({ opSessions: 1, legacySessions: 1, targetSessions: 1, left: 0 });
    const live = await stage.sql('select sub from legacy_sessions where ended_at is null');
    expect(live).toEqual([{ sub: later }]);
  });

  test('of all goes on where it was cut off, and says what somebody else holds', async () => {
    for (let i = 0; i < 3; i += 1) await stage.session(`shop:${i}`);
    const { uid } = await stage.session('shop:held');
    await stage.db.transaction(async (tx) => {
      await tx.run({ name: 'test-hold', text: 'select 1 from oidc_records where uid = $1 for update' }, [
        uid,
      ]);
      const ended = await stage.run(sessionEnd, { all: true }, { execute: true });
      expect(ended).toMatchObject({ opSessions: 3, left: 1, wrong: true });
      expect(ended.text).toContain('say it again');
    });
    expect(await stage.run(sessionEnd, { all: true }, { execute: true })).toMatchObject({
      opSessions: 1,
      left: 0,
    });
  });
});

test('session endings lists what ended last, and how often each cause was one', async () => {
  for (const sub of ['shop:1', 'shop:2']) {
    await stage.session(sub);
    await stage.endings.end({ selection: { by: 'person', sub }, cause: 'logout', actor: 'user' });
  }
  await stage.session('shop:3');
  await stage.endings.end({
    selection: { by: 'person', sub: 'shop:3' },
    cause: 'deactivated',
    actor: 'footbridge',
  });
  const all = await stage.run(sessionEndings, {});
  expect(all).toMatchObject({
    lastDay: [
      { cause: 'logout', endings: 2, opSessions: 2 },
      { cause: 'deactivated', endings: 1 },
    ],
    endings: [{ sub: 'shop:3' }, { sub: 'shop:2' }, { sub: 'shop:1' }],
  });
  expect(await stage.run(sessionEndings, { cause: 'deactivated' })).toMatchObject({
    endings: [{ sub: 'shop:3' }],
  });
  expect((await stage.run(sessionEndings, { cause: 'target' })).endings).toEqual([]);
});

describe('deliveries', () => {
  async function waiting() {
    const { uid } = await stage.session('shop:1');
    await stage.atApp({ app: 'forum', sub: 'shop:1', handle: 'the handle' }, uid);
    await stage.endings.end({ selection: { by: 'op-session', uid }, cause: 'logout', actor: 'user' });
  }
  const giveUp = (kind: string) =>
    stage.sql(
      `update logout_deliveries set due_at = 'infinity', attempts = 8,
        problem = '{"code":"unreachable","sentence":"It does not answer."}' where kind = $1`,
      [kind],
    );

  test('are listed with what went wrong and without what a session is called', async () => {
    await waiting();
    const before = await stage.run(deliveryList, {});
    expect(before.deliveries).toHaveLength(2);
    expect(before.wrong).toBe(false);
    expect(await stage.run(deliveryList, { dead: true })).toMatchObject({ deliveries: [] });
    await giveUp('legacy');
    const dead = await stage.run(deliveryList, { dead: true });
    expect(dead).toMatchObject({
      wrong: true,
      deliveries: [{ kind: 'legacy', name: 'forum', dueAt: null, means: 'session' }],
    });
    expect(dead.text).toContain('unreachable: It does not answer.');
    const [row] = await stage.sql(`select handle from logout_deliveries where kind = 'legacy'`);
    expect(JSON.stringify(dead)).not.toContain(String(row?.handle));
    expect(JSON.stringify(dead)).not.toContain('the handle');
  });

  test('that were given up are told again when asked for, of one recipient or one by one', async () => {
    await waiting();
    for (const kind of ['legacy', 'client']) await giveUp(kind);
    expect(await stage.run(deliveryRetry, { kind: 'legacy' })).toMatchObject({
      executed: false,
      deliveries: 1,
    });
    expect(await stage.run(deliveryRetry, {})).toMatchObject({ deliveries: 2 });
    expect((await stage.run(deliveryList, { dead: true })).deliveries).toHaveLength(2);
    const again = await stage.run(deliveryRetry, { name: 'forum' }, { execute: true });
    expect(again).toMatchObject({ executed: true, deliveries: 1 });
    const [left] = (await stage.run(deliveryList, { dead: true })).deliveries as {
      id: string;
      kind: string;
    }[];
    expect(left?.kind).toBe('client');
    expect(await stage.run(deliveryRetry, { id: left?.id }, { execute: true })).toMatchObject({
      deliveries: 1,
    });
    expect(await stage.run(deliveryList, {})).toMatchObject({ wrong: false });
    expect(await stage.run(deliveryRetry, {}, { execute: true })).toMatchObject({ deliveries: 0 });
  });

  test('are retried by id or by recipient, not by both', async () => {
    await expect(stage.run(deliveryRetry, { id: '1', name: 'forum' })).rejects.toMatchObject({
      code: 'bad_request',
    });
  });
});

test('a person who is deactivated in the legacy store loses everything, and everybody is to be told', async () => {
  const sub = stage.put('anna');
  const { uid } = await stage.session(sub);
  await stage.session('shop:other');
  await stage.atApp({ app: 'forum', sub, handle: 'a' }, uid);
  const { db, keyring } = stage.desk;
  const watch = openPeopleWatch({
    ...{ db, keyring, endings: stage.endings, watchSeconds: 60, watchPerSecond: 10 },
    directory: {
      findBySub: async (wanted) => {
        const user = await stage.desk.directory.userBySub(wanted);
        return user && { user: { ...user, state: 'disabled' }, credentials: { passwords: [] } };
      },
    },
    onError: (error) => {
      throw error;
    },
  });
  await db.runParts([watch.watchPart(sub, now() + 600)], 'select 1');
  await stage.sql(`update watched_people set checked_at = now() - interval '2 minutes'`);
  await watch.round();
  expect(await stage.run(sessionEndings, {})).toMatchObject({ endings: [{ sub, cause: 'deactivated' }] });
  expect(await left()).toBe(1);
  expect((await stage.run(deliveryList, {})).deliveries).not.toEqual([]);
  expect(await stage.sql('select 1 from watched_people')).toEqual([]);
});

test('the operations are in the API’s description, all six', () => {
  const names = operations.map(({ name }) => name);
  const { paths } = openApiDocument('https://id.example.com') as { paths: Record<string, unknown> };
  for (const name of [
    'session list',
    'session show',
    'session end',
    'session endings',
    'delivery list',
    'delivery retry',
  ]) {
    expect(names).toContain(name);
    expect(Object.keys(paths)).toContain(`/admin/api/${name.replace(' ', '/')}`);
  }
});

test('over HTTP they take the same input, only with the token, and end nothing unasked', async () => {
  const token = new Secret('a token of the operator');
  const app = privateApp({
    desk: stage.desk,
    keyring: stage.desk.keyring,
    token,
    metrics: openMetrics(),
    calledBy: { host: '127.0.0.1' },
    openApi: () => ({}),
    health: async () => ({ status: 'ready', ready: true, parts: {} }),
  });
  const listener = await listen(app.callback(), { host: '127.0.0.1', port: 0 });
  const post = async (path: string, body: object, bearer = token.reveal()) => {
    const response = await fetch(`http://127.0.0.1:${listener.port}/admin/api/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  try {
    const { uid } = await stage.session('shop:1');
    expect((await post('session/list', {}, 'wrong')).status).toBe(401);
    expect((await post('session/list', { limit: 5 })).body).toMatchObject({
      sessions: [{ id: shownId(uid) }],
    });
    expect((await post('session/end', { all: true })).body).toMatchObject({ executed: false, opSessions: 1 });
    expect((await post('session/end', {})).status).toBe(400);
    expect((await post('session/end', { session: 'nothing' })).status).toBe(400);
    expect(await left()).toBe(1);
    const ended = await post('session/end', { session: shownId(uid), execute: true });
    expect(ended.body).toMatchObject({ executed: true, opSessions: 1 });
    expect(await left()).toBe(0);
  } finally {
    await listener.close(0);
  }
});

test('a page begins after the value before its first', () => {
  const { after, upTo } = uidsFrom('01'.padEnd(64, '0'));
  expect([after.toString('hex'), upTo.toString('hex')]).toEqual([
    `00${'f'.repeat(62)}`,
    `01${'0'.repeat(62)}`,
  ]);
  expect(uidsFrom('').after).toHaveLength(0);
  expect(uidsFrom('0').after).toHaveLength(0);
});
