/** The browser's way through an app, in both directions, with the calls of docs/sessions/hand-over.md. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { handOver } from '../../../src/sessions/apps/hand-over.ts';
import {
  peekOffer,
  redeemHandOver,
  storeHandOver,
  storeOffer,
  takeOffer,
} from '../../../src/sessions/hand-overs.ts';
import type { Created, FoundSession, LegacyApp, LegacyAppDeps } from '../../../src/sessions/legacy-app.ts';
import { sweepSessions } from '../../../src/sessions/sweeper.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { LegacyAppHarness } from '../legacy-app-contract.ts';
import { legacyAppContract, loginOf } from '../legacy-app-contract.ts';
import type { CalledApp } from './called-app.ts';
import { forum, KEYS, openCalledApp } from './called-app.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const settingsOf = (more: object) =>
  handOver.settings.parse({ kind: 'hand-over', name: 'shop', keys: KEYS, ...more });
const open = (more: object, at: Db = db): LegacyApp =>
  handOver.open(settingsOf(more), { db: at } as unknown as LegacyAppDeps);
const redeemed = async (url: string) => {
  const token = new URL(url).searchParams.get('token')!;
  return redeemHandOver(db, { app: 'shop', token });
};

/** A shop that redeems what the browser brings and makes a session; the browser holds nothing that we could see. */
async function openShop(): Promise<LegacyAppHarness & { server: CalledApp }> {
  const { sessions, signIn, answering } = forum();
  const server = await openCalledApp(answering);
  const app = open({
    url: 'https://shop.example/sso',
    askUrl: 'https://shop.example/who',
    endUrl: `${server.origin}/end`,
    timeoutMs: 500,
  });
  return {
    app,
    server,
    signIn: async ({ user }) => {
      const { cookie, session } = signIn(user.legacyId);
      const person = { by: 'id', value: user.legacyId } as const;
      return { cookies: { SID: cookie }, person, amr: [], handle: session.id };
    },
    isSignedIn: async ({ cookies }) => sessions.has(cookies.SID!),
    browserOf: async ({ redirectTo }) => {
      const { legacyId } = (await redeemed(redirectTo!))!;
      return { cookies: { SID: signIn(legacyId).cookie } };
    },
    openConnections: server.openConnections,
    close: server.close,
  };
}

legacyAppContract({
  name: 'an app that the browser goes through',
  abilities: ['create', 'askUrl', 'end', 'endAllOf'],
  open: openShop,
  outages: {
    'refuses connections': (harness) => harness.close(),
    'never answers': async (harness) => {
      (harness as Awaited<ReturnType<typeof openShop>>).server.answering = () => undefined;
    },
  },
  // The browser will find out.
  alone: ['create'],
});

describe('a hand-over', () => {
  const login = loginOf('1', { authTime: 1_800_000_000, remember: true });
  const created = async (at?: Db) => {
    const app = open({ url: 'https://shop.example/sso?lang=en' }, at);
    const made = (await app.create!(login)) as Extract<Created, { redirectTo?: string }>;
    await app.close();
    return made;
  };

  test('sends the browser to the app with a token and nothing else about the person', async () => {
    const url = new URL((await created()).redirectTo!);
    expect([url.origin, url.pathname, url.searchParams.get('lang')]).toEqual([
      'https://shop.example',
      '/sso',
      'en',
    ]);
    expect(url.searchParams.get('token')).toMatch(/^fbh1\.[A-Za-z0-9_-]{43}$/);
    expect([...url.searchParams.keys()]).toEqual(['lang', 'token']);
  });

  test('says who it is, how they proved it, and how long a session may be good', async () => {
    expect(await redeemed((await created()).redirectTo!)).toEqual({
      sub: 'shop:1',
      legacyId: '1',
      username: 'user-1',
      authTime: 1_800_000_000,
      amr: ['pwd'],
      returnTo: login.returnTo,
      expiresAt: login.expiresAt,
      remember: true,
    });
  });

  test('does not hold a login up when our database is down', async () => {
    const gone = openDb({ url: 'postgres://127.0.0.1:1/none' });
    expect(await created(gone)).toEqual({ failure: 'storage' });
    await gone.close();
  });

  test('is redeemed by nobody as an offer, nor an offer as a hand-over', async () => {
    const token = new URL((await created()).redirectTo!).searchParams.get('token')!;
    expect(await takeOffer(db, { token })).toBeUndefined();
    const offered = await storeOffer(db, { app: 'shop', found: FOUND });
    expect(await redeemHandOver(db, { app: 'shop', token: offered })).toBeUndefined();
    const renamed = offered.replace('fbo1.', 'fbh1.');
    expect(await redeemHandOver(db, { app: 'shop', token: renamed })).toBeUndefined();
    expect(await redeemHandOver(db, { app: 'shop', token })).toBeDefined();
    expect(await takeOffer(db, { token: offered })).toBeDefined();
  });
});

const FOUND: FoundSession = {
  handle: 'session-1',
  person: { by: 'id', value: '1' },
  authTime: 1_800_000_000,
  amr: ['pwd'],
};

const HANDED = {
  sub: 'shop:1',
  legacyId: '1',
  authTime: 1_800_000_000,
  amr: ['pwd'],
  returnTo: 'https://id.example.com/auth/resume-1',
};

describe('an offer', () => {
  test('says once who is signed in at the app', async () => {
    const token = await storeOffer(db, { app: 'shop', found: FOUND, client: 'app' });
    expect(token).toMatch(/^fbo1\.[A-Za-z0-9_-]{43}$/);
    expect(await takeOffer(db, { token })).toEqual({ app: 'shop', found: FOUND, client: 'app' });
    expect(await takeOffer(db, { token })).toBeUndefined();
  });

  test('may be looked at before it is taken, unless it answers a question', async () => {
    const token = await storeOffer(db, { app: 'shop', found: FOUND, client: 'app' });
    for (let time = 0; time < 2; time += 1)
      expect(await peekOffer(db, token)).toEqual({ app: 'shop', found: FOUND, client: 'app' });
    expect(await takeOffer(db, { token })).toBeDefined();
    expect(await peekOffer(db, token)).toBeUndefined();
    const answer = await storeOffer(db, { app: 'shop', found: FOUND, state: 's1' });
    expect(await peekOffer(db, answer)).toBeUndefined();
    expect(
      await peekOffer(db, await storeHandOver(db, { app: 'shop', login: HANDED, seconds: 60 })),
    ).toBeUndefined();
  });

  test('is taken by one of twenty at once', async () => {
    const token = await storeOffer(db, { app: 'shop', found: FOUND, state: 's1' });
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeOffer(db, { token, state: 's1' })));
    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  test('is good for the question that it answers and for the app that was asked, and still is after another try', async () => {
    const token = await storeOffer(db, { app: 'shop', found: FOUND, state: 's1' });
    expect(await takeOffer(db, { token, state: 's2' })).toBeUndefined();
    expect(await takeOffer(db, { token })).toBeUndefined();
    expect(await takeOffer(db, { token, state: 's1', app: 'forum' })).toBeUndefined();
    expect(await takeOffer(db, { token, state: 's1', app: 'shop' })).toEqual({ app: 'shop', found: FOUND });
  });

  test('that answers no question is not good for one', async () => {
    const token = await storeOffer(db, { app: 'shop', found: FOUND });
    expect(await takeOffer(db, { token, state: '' })).toBeUndefined();
    expect(await takeOffer(db, { token, state: 's1' })).toBeUndefined();
    expect(await takeOffer(db, { token })).toBeDefined();
  });

  test('ends with its minute, whatever is asked for, and is swept away', async () => {
    await storeHandOver(db, { app: 'shop', login: HANDED, seconds: 3_600 });
    const token = await storeOffer(db, { app: 'shop', found: FOUND });
    const [row] = await execute(
      database.url,
      `select max(extract(epoch from expires_at - now()))::float8 as seconds from hand_overs`,
    );
    expect(row!.seconds).toBeLessThanOrEqual(60);
    await execute(database.url, `update hand_overs set expires_at = now() - interval '1 second'`);
    expect(await takeOffer(db, { token })).toBeUndefined();
    await sweepSessions(db);
    expect(await execute(database.url, 'select * from hand_overs')).toEqual([]);
  });

  test('lies in the database without its token and without our state', async () => {
    const token = await storeOffer(db, { app: 'shop', found: FOUND, state: 'a-state-of-ours' });
    const rows = JSON.stringify(
      await execute(database.url, `select encode(id, 'escape') as id, app, login::text from hand_overs`),
    );
    expect(rows).toContain('session-1');
    expect(rows).not.toContain(token.slice(5));
    expect(rows).not.toContain('a-state-of-ours');
  });

  test.each(['', 'fbo1.', 'fbh1.x', 'x'.repeat(300)])('is not %j', async (token) => {
    expect(await takeOffer(db, { token })).toBeUndefined();
  });
});

describe('asking by way of the browser', () => {
  test('adds our state to the app’s address', async () => {
    const app = open({ askUrl: 'https://shop.example/who?lang=en&state=old' });
    expect(app.askUrl!('a b&c')).toBe('https://shop.example/who?lang=en&state=a+b%26c');
    await app.close();
  });
});

describe('the settings', () => {
  const problemsOf = (more: object) =>
    handOver.settings
      .safeParse({ kind: 'hand-over', name: 'shop', keys: KEYS, ...more })
      .error?.issues.map(({ message }) => message) ?? [];

  test.each<[string, object, string]>([
    ['no address', {}, 'at least one of'],
    ['no key', { url: 'https://a.example/', keys: [] }, '>=1 items'],
    ['a token that lives for longer than a minute', { url: 'https://a.example/', ttlSeconds: 61 }, '<=60'],
  ])('refuse %s', (_what, more, text) => {
    expect(problemsOf(more)).toEqual([expect.stringContaining(text)]);
  });

  test('are happy with each way alone, and then the app can do just that', async () => {
    const abilities = async (more: object) => {
      const app = open(more);
      await app.close();
      return Object.keys(app).filter((name) => name !== 'close');
    };
    const url = 'https://shop.example/';
    expect(await abilities({ url })).toEqual(['create']);
    expect(await abilities({ askUrl: url })).toEqual(['askUrl']);
    expect(await abilities({ endUrl: url })).toEqual(['end', 'endAllOf']);
    expect(await abilities({ enters: true })).toEqual([]);
  });
});
