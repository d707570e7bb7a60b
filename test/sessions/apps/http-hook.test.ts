/** The calls of docs/sessions/http-hook.md, against a real app on a real port. */
import { createHmac } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { SIGNATURE_HEADER } from '../../../src/migration/signature.ts';
import { httpHook } from '../../../src/sessions/apps/http-hook.ts';
import type { LegacyApp, LegacyAppDeps, LegacyLogin } from '../../../src/sessions/legacy-app.ts';
import type { LegacyAppHarness } from '../legacy-app-contract.ts';
import { legacyAppContract, loginOf, requestOf } from '../legacy-app-contract.ts';
import type { Answering, CalledApp } from './called-app.ts';
import { forum, KEY, KEYS, openCalledApp } from './called-app.ts';

const NOW = 1_800_000_000;
const LOGIN: LegacyLogin = loginOf('1', { authTime: NOW, expiresAt: NOW + 3_600 });
/** Neither our database nor the store is asked. */
const NO_DEPS = {} as LegacyAppDeps;

const settingsOf = (more: object) =>
  httpHook.settings.parse({
    kind: 'http-hook',
    name: 'forum',
    cookies: ['SID'],
    domain: 'example.com',
    keys: KEYS,
    ...more,
  });

async function openForum(options: { tellsIds?: boolean }): Promise<LegacyAppHarness & { server: CalledApp }> {
  const { sessions, signIn, answering } = forum(options);
  const server = await openCalledApp(answering);
  const app = httpHook.open(
    settingsOf({
      url: `${server.origin}/create`,
      checkUrl: `${server.origin}/check`,
      renewUrl: `${server.origin}/renew`,
      endUrl: `${server.origin}/end`,
      timeoutMs: 500,
    }),
    NO_DEPS,
  );
  return {
    app,
    server,
    signIn: async ({ user }) => {
      const { cookie, session } = signIn(user.legacyId);
      const { authTime, amr } = session;
      return { cookies: { SID: cookie }, person: { by: 'id', value: user.legacyId }, authTime, amr };
    },
    isSignedIn: async ({ cookies }) => sessions.has(cookies.SID!),
    signOut: async ({ cookies }) => void sessions.delete(cookies.SID!),
    makeOld: async (session) => {
      sessions.get(session.cookies.SID!)!.expiresAt = Math.floor(Date.now() / 1_000);
      return session;
    },
    openConnections: server.openConnections,
    close: server.close,
  };
}

for (const tellsIds of [true, false])
  legacyAppContract({
    name: tellsIds ? 'an app that tells its sessions’ ids' : 'an app that has only cookies',
    abilities: ['create', 'clearCookies', 'recognise', 'check', 'renew', 'end', 'endAllOf'],
    open: () => openForum({ tellsIds }),
    outages: {
      'refuses connections': (harness) => harness.close(),
      'never answers': async (harness) => {
        (harness as Awaited<ReturnType<typeof openForum>>).server.answering = () => undefined;
      },
      'answers with errors': async (harness) => {
        (harness as Awaited<ReturnType<typeof openForum>>).server.answering = (response) =>
          void response.writeHead(500).end();
      },
    },
  });

let server: CalledApp | undefined;
let opened: LegacyApp | undefined;
afterEach(async () => {
  await opened?.close();
  await server?.close();
  [server, opened] = [undefined, undefined];
});

/** An app with all addresses that answers so. */
async function hook(answering: Answering, more: object = {}): Promise<Required<LegacyApp>> {
  server = await openCalledApp(answering);
  const urls = Object.fromEntries(
    ['url', 'checkUrl', 'renewUrl', 'endUrl'].map((name) => [name, `${server!.origin}/${name}?a=1`]),
  );
  opened = httpHook.open(settingsOf({ ...urls, ...more }), { ...NO_DEPS, nowSeconds: () => NOW });
  return opened as Required<LegacyApp>;
}
const json =
  (document: unknown, headers: Record<string, string> = {}): Answering =>
  (response) =>
    void response
      .writeHead(200, { 'content-type': 'application/json', ...headers })
      .end(typeof document === 'string' ? document : JSON.stringify(document));
const browser = requestOf({ cookies: { SID: 's3ss10n', other: 'secret' } });
const unavailable = { code: 'legacy_unavailable' };

describe('a session made at a login', () => {
  test('is asked for with all that the app has to know, signed, and its cookie is relayed', async () => {
    const app = await hook((response) => {
      response.setHeader('Set-Cookie', ['SID=s3ss10n; Path=/forum; Max-Age=99999', 'tracking=1']);
      response.end('{"ignored":true}');
    });
    expect(await app.create(LOGIN)).toEqual({
      setCookies: ['SID=s3ss10n; Domain=example.com; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax'],
      handle: '{"cookies":{"SID":"s3ss10n"}}',
    });
    const [{ path, body, request }] = server!.received as [CalledApp['received'][number]];
    expect([request.method, path]).toEqual(['POST', '/url?a=1']);
    expect(JSON.parse(body)).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sub: 'shop:1',
      legacyId: '1',
      username: 'user-1',
      authTime: NOW,
      amr: ['pwd'],
      client: 'app',
      remember: false,
      expiresAt: NOW + 3_600,
    });
    const expected = createHmac('sha256', KEY).update(`${NOW}.${body}`).digest('hex');
    expect(request.headers[SIGNATURE_HEADER]).toBe(`t=${NOW},v1=${expected}`);
  });

  test('is known by the id that the app has for it, and never outlives the login', async () => {
    const app = await hook(json({ session: 'abc', expiresAt: NOW + 9_999_999 }, { 'set-cookie': 'SID=a' }));
    expect(await app.create(LOGIN)).toMatchObject({ handle: 'abc', expiresAt: NOW + 3_600 });
  });

  test.each([
    ['half a document', '{"session":'],
    ['a number', '{"session":7}'],
    ['what is no id', '{"session":"{}"}'],
    ['more than 64 KiB', 'x'.repeat(70_000)],
  ])('is there all the same when the app says %s besides', async (_what, text) => {
    const app = await hook(json(text, { 'set-cookie': 'SID=a' }));
    expect(await app.create(LOGIN)).toMatchObject({ handle: '{"cookies":{"SID":"a"}}' });
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
  ])(
    'does not hold a login up when the app %s, and is not asked for twice',
    async (_what, failure, answer) => {
      const app = await hook(answer, { timeoutMs: 100 });
      expect(await app.create(LOGIN)).toEqual({ failure });
      expect(server!.received).toHaveLength(1);
    },
  );

  test('does not hold a login up when nobody listens', async () => {
    const app = await hook(() => undefined);
    await server!.close();
    expect(await app.create(LOGIN)).toEqual({ failure: 'unreachable' });
  });

  test('is made by the second try where the app was not there at the first', async () => {
    const app = await hook(json({}, { 'set-cookie': 'SID=a' }), { timeoutMs: 5_000 });
    const { origin } = server!;
    await server!.close();
    const back = createServer((_request, response) => response.setHeader('set-cookie', 'SID=b').end());
    let failed = 0;
    const onError = () => {
      failed += 1;
      back.listen(Number(new URL(origin).port), '127.0.0.1');
    };
    subscribe('undici:client:connectError', onError);
    expect(await app.create(LOGIN)).toMatchObject({ setCookies: [expect.stringMatching(/^SID=b;/)] });
    unsubscribe('undici:client:connectError', onError);
    expect(failed).toBe(1);
    back.closeAllConnections();
    await new Promise((resolve) => back.close(resolve));
  });

  test('does not wait for the end of the app’s answer', async () => {
    const app = await hook((response) => void response.writeHead(200, { 'set-cookie': 'SID=a' }).write('x'));
    expect(await app.create(LOGIN)).toMatchObject({ setCookies: [expect.any(String)] });
  });

  test('is signed differently from another of the same second, so that neither is a replay', async () => {
    const app = await hook(json({}, { 'set-cookie': 'SID=a' }));
    await app.create(LOGIN);
    await app.create(LOGIN);
    expect(new Set(server!.received.map(({ request }) => request.headers[SIGNATURE_HEADER])).size).toBe(2);
  });

  test('is taken from the browser with the attributes that it was given with', async () => {
    const app = await hook(() => undefined);
    expect(app.clearCookies()).toEqual([
      'SID=; Domain=example.com; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax',
    ]);
  });
});

describe('asking whose a session is', () => {
  test('shows the app the named cookies and no others', async () => {
    const app = await hook(json({ legacyId: 1 }), { cookies: ['SID', 'remember'] });
    expect(await app.recognise(browser)).toEqual({
      handle: '{"cookies":{"SID":"s3ss10n"}}',
      person: { by: 'id', value: '1' },
      amr: [],
    });
    const [{ path, json: told }] = server!.received as [CalledApp['received'][number]];
    expect(path).toBe('/checkUrl?a=1');
    expect(told).toEqual({ id: expect.any(String), session: { cookies: { SID: 's3ss10n' } } });
  });

  test.each([
    ['username', { by: 'login', value: 'user-1' }, 'user-1'],
    ['sub', { by: 'subject', value: 'shop:1' }, 'shop:1'],
  ])('takes %s for an answer as well', async (member, person, value) => {
    const app = await hook(json({ [member]: value, authTime: NOW - 60, amr: ['pwd', 'mfa'] }));
    expect(await app.recognise(browser)).toMatchObject({ person, authTime: NOW - 60, amr: ['pwd', 'mfa'] });
  });

  test('keeps a primary key that no number holds', async () => {
    const app = await hook(json('{"legacyId":"9007199254740993"}'));
    expect(await app.recognise(browser)).toMatchObject({ person: { value: '9007199254740993' } });
  });

  test('lets no clock that is ahead make a proof younger than now', async () => {
    const app = await hook(json({ legacyId: 1, authTime: NOW + 600, lastUsedAt: NOW + 600 }));
    expect(await app.recognise(browser)).toMatchObject({ authTime: NOW, lastUsedAt: NOW });
  });

  test.each([204, 404, 410])('finds nobody by a %i', async (status) => {
    const app = await hook((response) => void response.writeHead(status).end());
    expect(await app.recognise(browser)).toBeUndefined();
    expect(await app.check('abc')).toBeUndefined();
  });

  test('finds nobody by a session that has run out', async () => {
    const app = await hook(json({ legacyId: 1, expiresAt: NOW }));
    expect(await app.recognise(browser)).toBeUndefined();
  });

  test.each<[string, Answering]>([
    ['nothing', (response) => void response.writeHead(200).end()],
    ['no person', json({ session: 'abc' })],
    ['two persons', json({ legacyId: 1, sub: 'shop:2' })],
    ['an unknown member', json({ legacyId: 1, admin: true })],
    ['milliseconds', json({ legacyId: 1, expiresAt: NOW * 1_000 })],
    ['more than 64 KiB', json({ legacyId: 1, session: 'x'.repeat(70_000) })],
    ['a page', (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['a redirect to a login page', (response) => void response.writeHead(302, { location: '/login' }).end()],
    ['that our signature is wrong', (response) => void response.writeHead(401).end()],
    ['half of it', (response) => void response.writeHead(200).write('{"legacyId":')],
  ])('takes no answer that says %s for a logout', async (_what, answering) => {
    const app = await hook(answering, { timeoutMs: 200 });
    await expect(app.recognise(browser)).rejects.toMatchObject(unavailable);
    await expect(app.check('abc')).rejects.toMatchObject(unavailable);
  });

  test('gives up with whoever asks', async () => {
    const app = await hook(() => undefined, { timeoutMs: 5_000 });
    const asked = app.recognise(browser, { signal: AbortSignal.timeout(50) });
    await expect(asked).rejects.toMatchObject(unavailable);
  });

  test('spares an app that is down: after five failures nobody asks it for a while', async () => {
    const app = await hook((response) => void response.writeHead(500).end());
    for (let time = 0; time < 20; time += 1)
      await expect(app.recognise(browser)).rejects.toMatchObject(unavailable);
    expect(server!.received).toHaveLength(5);
    // Each address is another matter.
    server!.answering = (response) => void response.writeHead(200).end();
    await app.end('abc');
  });

  test('says nothing of cookies or keys in its errors', async () => {
    const app = await hook((response) => void response.writeHead(500).end());
    const error = await app.recognise(browser).catch((thrown) => thrown);
    expect(error.detail).toBe('checkUrl of forum answers 500');
    expect(error.cause).toBeUndefined();
  });

  test('names the session as recognition did, by its id or by its cookies', async () => {
    const app = await hook(json({ legacyId: 1, session: 'new-id' }));
    expect(await app.check('abc')).toMatchObject({ handle: 'abc' });
    await app.check('{"cookies":{"SID":"s3ss10n"}}');
    expect(server!.received.map(({ json: told }) => told.session)).toEqual([
      { id: 'abc' },
      { cookies: { SID: 's3ss10n' } },
    ]);
  });

  test.each(['', '{', '{"cookies":7}', '{"id":"a"}', '\u0000', 'a b'])(
    'asks nobody about the handle %j',
    async (handle) => {
      const app = await hook(json({ legacyId: 1 }));
      expect(await app.check(handle)).toBeUndefined();
      await app.end(handle);
      expect(await app.renew(handle, NOW)).toEqual({});
      expect(server!.received).toEqual([]);
    },
  );
});

describe('renewing and ending', () => {
  test('tell the app which session, and until when', async () => {
    const app = await hook((response) => void response.setHeader('set-cookie', ['SID=new', 'x=1']).end());
    expect(await app.renew('abc', NOW + 60)).toEqual({
      setCookies: ['SID=new; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax'],
    });
    await app.end('abc');
    await app.endAllOf({ sub: 'shop:1', legacyId: '1' });
    const id = expect.any(String);
    expect(server!.received.map(({ path, json: told }) => [path, told])).toEqual([
      ['/renewUrl?a=1', { id, session: { id: 'abc' }, until: NOW + 60 }],
      ['/endUrl?a=1', { id, session: { id: 'abc' } }],
      ['/endUrl?a=1', { id, sub: 'shop:1', legacyId: '1' }],
    ]);
  });

  test.each([200, 202, 204, 404, 410])('are done with a %i', async (status) => {
    const app = await hook((response) => void response.writeHead(status).end());
    await app.end('abc');
    await app.endAllOf({ sub: 'shop:1', legacyId: '1' });
    expect((await app.renew('abc', NOW)).setCookies ?? []).toEqual([]);
  });

  test.each([302, 400, 401, 500, 503])('are not done with a %i', async (status) => {
    const app = await hook((response) => void response.writeHead(status, { location: '/' }).end());
    await expect(app.end('abc')).rejects.toMatchObject(unavailable);
    await expect(app.endAllOf({ sub: 'shop:1', legacyId: '1' })).rejects.toMatchObject(unavailable);
    await expect(app.renew('abc', NOW)).rejects.toMatchObject(unavailable);
  });
});

describe('the settings', () => {
  const problemsOf = (more: object) =>
    httpHook.settings
      .safeParse({ kind: 'http-hook', name: 'forum', keys: KEYS, ...more })
      .error?.issues.map(({ message }) => message) ?? [];
  const url = 'https://forum.example/';
  test.each([
    ['no address', {}, 'at least one of'],
    ['no cookie to relay', { url }, 'name the cookies'],
    ['no cookie to ask about', { checkUrl: url }, 'name the cookies'],
    ['a __Host- cookie with a domain', { url, cookies: ['__Host-sid'], domain: 'example.com' }, '__Host-'],
    [
      'SameSite=None without Secure',
      { url, cookies: ['a'], sameSite: 'None', secure: false },
      'secure cookies',
    ],
    ['no key', { url, cookies: ['a'], keys: [] }, 'expected array to have >=1 items'],
  ])('refuse %s', (_what, more, text) => {
    expect(problemsOf(more)).toEqual([expect.stringContaining(text)]);
  });

  test('are happy with one address of each kind, and then the app can do just that', async () => {
    const abilities = async (more: object) => {
      const app = httpHook.open(settingsOf(more), NO_DEPS);
      await app.close();
      return Object.keys(app).filter((name) => !['close', 'mayKnow'].includes(name));
    };
    expect(await abilities({ url })).toEqual(['create', 'clearCookies']);
    expect(await abilities({ checkUrl: url })).toEqual(['recognise', 'check']);
    expect(await abilities({ renewUrl: url, cookies: [] })).toEqual(['renew']);
    expect(await abilities({ endUrl: url, cookies: [] })).toEqual(['end', 'endAllOf']);
  });
});
