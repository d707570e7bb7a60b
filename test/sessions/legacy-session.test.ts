import { createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SIGNATURE_HEADER, signBody } from '../../src/migration/signature.ts';
import type { LegacyLogin, LegacySessions } from '../../src/sessions/legacy-session.ts';
import { openLegacySessions } from '../../src/sessions/legacy-session.ts';
import { legacySessionSettings } from '../../src/sessions/legacy-session-settings.ts';
import { sessionsRoutes } from '../../src/sessions/sessions-routes.ts';
import { sweepSessions } from '../../src/sessions/sweeper.ts';
import { Secret } from '../../src/settings.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import type { Stage } from '../migration/stage.ts';
import { openStage, userOf } from '../migration/stage.ts';
import { execute } from '../support/database.ts';

const NOW = 1_800_000_000;
const KEY = 'the-shop-and-we-know-this';
const LOGIN: LegacyLogin = {
  sub: 'shop:1',
  user: userOf('1'),
  authTime: NOW,
  amr: ['pwd'],
  clientId: 'app',
  returnTo: 'https://id.example.com/auth/resume-1',
};

let stage: Stage;
const ended: [string, string][] = [];
let apps = legacySessionSettings.parse([]);
beforeAll(async () => {
  const handOver = { kind: 'hand-over', url: 'https://shop.example/sso?lang=en' };
  apps = legacySessionSettings.parse([
    {
      ...handOver,
      name: 'shop',
      keys: [
        { id: 'new', key: KEY },
        { id: 'old', key: 'the-key-before-this-one' },
      ],
    },
    {
      kind: 'http-hook',
      name: 'forum',
      url: 'http://127.0.0.1:9/',
      cookies: ['SID'],
      keys: [{ id: 'one', key: 'the-forum-and-we-know-it' }],
    },
  ]);
  stage = await openStage({
    routes: ({ db, nowSeconds, onError }) =>
      sessionsRoutes({
        db,
        nowSeconds: nowSeconds!,
        onError,
        apps,
        endSessions: async (sub, app) => void ended.push([sub, app]),
      }),
  });
});
afterAll(() => stage.close());

let open: LegacySessions | undefined;
const outcomes: object[] = [];
beforeEach(() => {
  outcomes.length = 0;
});
afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** `db` is only needed by hand-overs. */
function create(settings: object[], login = LOGIN, db: Db = stage.db) {
  open = openLegacySessions(legacySessionSettings.parse(settings), {
    db,
    nowSeconds: () => NOW,
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  return open.create(login);
}

interface Received {
  readonly body: string;
  readonly request: IncomingMessage;
}

/** A legacy app on a real port. */
async function app(answer: (response: ServerResponse, received: Received) => void) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ body: Buffer.concat(chunks).toString(), request });
      answer(response, received.at(-1)!);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/session?a=1`, received, close };
}

const hook = (url: string, more: object = {}) => ({
  kind: 'http-hook',
  name: 'forum',
  url,
  cookies: ['SID'],
  domain: 'example.com',
  keys: [{ id: 'one', key: KEY }],
  ...more,
});

describe('the HTTP hook', () => {
  test('tells the app who logged in, signed, and relays its cookie', async () => {
    const forum = await app((response) => {
      response.setHeader('Set-Cookie', ['SID=s3ss10n; Path=/forum', 'tracking=1']);
      response.end('{"ignored":true}');
    });
    const created = await create([hook(forum.url)]);
    expect(created).toEqual({
      setCookies: ['SID=s3ss10n; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax'],
      failures: [],
    });
    expect(outcomes).toEqual([{ app: 'forum', outcome: 'created' }]);
    const [{ request, body }] = forum.received as [Received];
    expect([request.method, request.url]).toEqual(['POST', '/session?a=1']);
    expect(JSON.parse(body)).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sub: 'shop:1',
      legacyId: '1',
      username: 'user-1',
      authTime: NOW,
      amr: ['pwd'],
      client: 'app',
    });
    const expected = createHmac('sha256', KEY).update(`${NOW}.${body}`).digest('hex');
    expect(request.headers[SIGNATURE_HEADER]).toBe(`t=${NOW},v1=${expected}`);
    await forum.close();
  });

  test.each<[string, string, (response: ServerResponse) => void]>([
    ['refuses', 'refused', (response) => response.writeHead(500).end()],
    [
      'redirects, which is not followed',
      'refused',
      (response) => response.writeHead(302, { location: '/elsewhere', 'set-cookie': 'SID=a' }).end(),
    ],
    [
      'sets no cookie we relay',
      'no_cookie',
      (response) => response.writeHead(200, { 'set-cookie': 'other=1' }).end(),
    ],
    ['hangs up', 'unreachable', (response) => void response.destroy()],
    ['never answers', 'timeout', () => undefined],
  ])('does not hold a login up when the app %s', async (_what, failure, answer) => {
    const forum = await app(answer);
    const created = await create([hook(forum.url, { timeoutMs: 100 })]);
    expect(created).toEqual({ setCookies: [], failures: [{ app: 'forum', failure }] });
    expect(outcomes).toEqual([{ app: 'forum', outcome: failure }]);
    expect(forum.received).toHaveLength(1);
    await forum.close();
  });

  test('does not hold a login up when nobody listens', async () => {
    const forum = await app(() => undefined);
    await forum.close();
    expect((await create([hook(forum.url)])).failures).toEqual([{ app: 'forum', failure: 'unreachable' }]);
  });

  test('that is required refuses the login instead', async () => {
    const forum = await app((response) => response.writeHead(500).end());
    await expect(create([hook(forum.url, { required: true })])).rejects.toMatchObject({
      code: 'legacy_unavailable',
    });
    expect(outcomes).toEqual([{ app: 'forum', outcome: 'refused' }]);
    await forum.close();
  });

  test('does not wait for the end of the app’s answer', async () => {
    const forum = await app((response) => void response.writeHead(200, { 'set-cookie': 'SID=a' }).write('x'));
    const created = await create([hook(forum.url, { timeoutMs: 5_000 })]);
    expect(created.setCookies).toHaveLength(1);
    await forum.close();
  });

  test('signs two logins of one second differently, so that neither is a replay', async () => {
    const forum = await app((response) => response.writeHead(200, { 'set-cookie': 'SID=a' }).end());
    for (let login = 0; login < 2; login += 1) {
      await create([hook(forum.url)]);
      await open!.close();
    }
    expect(new Set(forum.received.map(({ request }) => request.headers[SIGNATURE_HEADER])).size).toBe(2);
    await forum.close();
  });

  test('is called only for the clients it names', async () => {
    const forum = await app((response) => response.writeHead(200, { 'set-cookie': 'SID=a' }).end());
    await create([hook(forum.url, { clientIds: ['another'] })]);
    expect(forum.received).toEqual([]);
    expect((await create([hook(forum.url, { clientIds: ['app'] })])).setCookies).toHaveLength(1);
    await forum.close();
  });
});

describe('the hand-over', () => {
  const call = (path: string, body: object, key = KEY) => {
    const text = JSON.stringify(body);
    stage.nowSeconds += 1;
    const headers = { [SIGNATURE_HEADER]: signBody(new Secret(key), Buffer.from(text), stage.nowSeconds) };
    return stage.call('POST', `/legacy/sessions/${path}`, { body: text, headers });
  };
  const redeem = (token: string, key = KEY) => call('redeem', { token }, key);
  const handOver = () => ({
    kind: 'hand-over',
    name: 'shop',
    url: 'https://shop.example/sso?lang=en',
    keys: [{ id: 'new', key: KEY }],
  });
  const newToken = async () => {
    const { redirectTo } = await create([handOver()]);
    return new URL(redirectTo!).searchParams.get('token')!;
  };

  test('sends the browser to the app with a token and nothing else about the person', async () => {
    const { redirectTo, setCookies, failures } = await create([handOver()]);
    const url = new URL(redirectTo!);
    expect([url.origin, url.pathname, url.searchParams.get('lang')]).toEqual([
      'https://shop.example',
      '/sso',
      'en',
    ]);
    expect(url.searchParams.get('token')).toMatch(/^fbh1\.[A-Za-z0-9_-]{43}$/);
    expect([...url.searchParams.keys()]).toEqual(['lang', 'token']);
    expect([setCookies, failures]).toEqual([[], []]);
  });

  test('tells the app who it is, once', async () => {
    const token = await newToken();
    const first = await redeem(token);
    expect([first.status, first.json]).toEqual([
      200,
      {
        sub: 'shop:1',
        legacyId: '1',
        username: 'user-1',
        authTime: NOW,
        amr: ['pwd'],
        returnTo: LOGIN.returnTo,
      },
    ]);
    expect(first.headers.get('cache-control')).toBe('no-store');
    const second = await redeem(token);
    expect([second.status, second.json.code]).toEqual([404, 'not_found']);
  });

  test('is redeemed by one of twenty at once', async () => {
    const token = await newToken();
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(token)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 404)).toHaveLength(19);
  });

  test('is good for its own app only, and still good after another one tried', async () => {
    const token = await newToken();
    expect((await redeem(token, 'the-forum-and-we-know-it')).status).toBe(404);
    expect((await redeem(token, 'the-key-before-this-one')).status).toBe(200);
  });

  test('ends with its minute', async () => {
    const token = await newToken();
    await execute(stage.databaseUrl, `update hand_overs set expires_at = now() - interval '1 second'`);
    expect((await redeem(token)).status).toBe(404);
    await sweepSessions(stage.db);
    expect(await execute(stage.databaseUrl, 'select * from hand_overs')).toEqual([]);
  });

  test('is not found by its hash: the database holds no token', async () => {
    const token = await newToken();
    const rows = JSON.stringify(
      await execute(stage.databaseUrl, `select encode(id, 'escape') as id, app, login::text from hand_overs`),
    );
    expect(rows).not.toContain(token);
    expect(rows).not.toContain(token.slice(5));
  });

  test.each(['', 'fbh1.', 'fbt1.anything', 'x'.repeat(300)])('does not redeem %j', async (token) => {
    expect([400, 404]).toContain((await redeem(token)).status);
  });

  test('does not hold a login up when our database is down', async () => {
    const gone = openDb({ url: 'postgres://127.0.0.1:1/none' });
    const created = await create([handOver()], LOGIN, gone);
    expect(created).toEqual({ setCookies: [], failures: [{ app: 'shop', failure: 'storage' }] });
    await gone.close();
  });

  test('is redeemed by nobody without a signature, or with a replayed one', async () => {
    const body = JSON.stringify({ token: await newToken() });
    const unsigned = await stage.call('POST', '/legacy/sessions/redeem', { body });
    expect([unsigned.status, unsigned.json.code]).toEqual([401, 'unauthorized']);
    const badly = await redeem('fbh1.x', 'a-key-nobody-configured');
    expect([badly.status, badly.json.code]).toEqual([401, 'bad_signature']);
    stage.nowSeconds += 1;
    const headers = { [SIGNATURE_HEADER]: signBody(new Secret(KEY), Buffer.from(body), stage.nowSeconds) };
    expect((await stage.call('POST', '/legacy/sessions/redeem', { body, headers })).status).toBe(200);
    const again = await stage.call('POST', '/legacy/sessions/redeem', { body, headers });
    expect([again.status, again.json.code]).toEqual([409, 'replayed']);
  });

  test('is not the only call: an app tells that its session ended', async () => {
    const told = await call('ended', { sub: 'shop:1' });
    expect([told.status, told.json]).toEqual([200, { ended: true }]);
    expect(ended).toEqual([['shop:1', 'shop']]);
    expect((await call('ended', {})).status).toBe(400);
    expect(ended).toHaveLength(1);
  });
});

describe('the settings', () => {
  const keys = [{ id: 'one', key: KEY }];
  const problemsOf = (...settings: object[]) =>
    legacySessionSettings.safeParse(settings).error?.issues.map(({ message }) => message) ?? [];

  test.each([
    [
      'two apps of one name',
      [hook('https://a.example/'), hook('https://b.example/')],
      'every app has a name of its own',
    ],
    [
      'two ways for one browser',
      ['a', 'b'].map((name) => ({ kind: 'hand-over', name, url: `https://${name}.example/`, keys })),
      'the browser can go through one app only',
    ],
    ['a __Host- cookie with a domain', [hook('https://a.example/', { cookies: ['__Host-sid'] })], '__Host-'],
    [
      'SameSite=None without Secure',
      [hook('https://a.example/', { sameSite: 'None', secure: false })],
      'need secure cookies',
    ],
  ])('refuse %s', (_what, settings, message) => {
    expect(problemsOf(...settings)).toEqual([expect.stringContaining(message)]);
  });

  test('are happy with one app of each kind', () => {
    expect(
      problemsOf(hook('https://a.example/'), {
        kind: 'hand-over',
        name: 'shop',
        url: 'https://b.example/',
        keys,
      }),
    ).toEqual([]);
  });
});
