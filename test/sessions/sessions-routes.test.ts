/** What legacy apps and clients call, over HTTP and against a real database. */
import { randomUUID } from 'node:crypto';
import type { JWK, JWTPayload } from 'jose';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SIGNATURE_HEADER, signBody } from '../../src/migration/signature.ts';
import { APP_KINDS } from '../../src/sessions/apps/index.ts';
import type { EndingRequest } from '../../src/sessions/ending/ending.ts';
import type { HandedOver } from '../../src/sessions/hand-overs.ts';
import { storeHandOver, takeOffer } from '../../src/sessions/hand-overs.ts';
import type { legacySessionSettings } from '../../src/sessions/legacy-session-settings.ts';
import type { NewLegacySession } from '../../src/sessions/registry.ts';
import { idsOf, legacySessionById, notePart } from '../../src/sessions/registry.ts';
import { sessionsRoutes } from '../../src/sessions/sessions-routes.ts';
import type { Redeemed } from '../../src/sessions/told-by-apps.ts';
import { Secret } from '../../src/settings.ts';
import type { Stage } from '../migration/stage.ts';
import { entryOf, openStage } from '../migration/stage.ts';
import { execute } from '../support/database.ts';

const KEY = 'the-shop-and-we-know-this-key-here';
const FORUM_KEY = 'the-forum-and-we-know-it';
const PORTAL_KEY = 'the-portal-and-we-know-this-one-key';
const CLIENT_SECRET = 'a client secret of thirty-two bytes and more';
const ISSUER = 'https://id.example.com';

let stage: Stage;
let clientKeys: Awaited<ReturnType<typeof generateKeyPair>>;
const ended: EndingRequest[] = [];
const redeemed: Redeemed[] = [];
const usedAt: { opSession: Buffer; at: number }[] = [];
let endingFails = false;

const APPS = [
  {
    kind: 'hand-over',
    name: 'shop',
    url: 'https://shop.example/sso',
    askUrl: 'https://shop.example/who',
    enters: true,
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
    keys: [{ id: 'one', key: FORUM_KEY }],
  },
  {
    kind: 'hand-over',
    name: 'portal',
    askUrl: 'https://portal.example/who',
    identifies: 'login',
    keys: [{ id: 'one', key: PORTAL_KEY }],
  },
];

beforeAll(async () => {
  clientKeys = await generateKeyPair('ES256');
  const jwk: JWK = await exportJWK(clientKeys.publicKey);
  // Two apps that take hand-overs are not for one provider, and two that are asked are.
  const apps = APPS.map((app) => {
    const { settings } = APP_KINDS[app.kind as keyof typeof APP_KINDS];
    return settings.parse(app);
  }) as ReturnType<typeof legacySessionSettings.parse>;
  stage = await openStage({
    routes: ({ db, nowSeconds, keyring, directory, onError }) =>
      sessionsRoutes({
        db,
        nowSeconds: nowSeconds!,
        keyring,
        directory,
        onError,
        apps,
        issuer: ISSUER,
        stores: [{ name: 'shop', prefix: 'shop:' }],
        clients: [
          { clientId: 'web', secret: new Secret(CLIENT_SECRET) },
          { clientId: 'signs', jwks: { keys: [{ ...jwk, kid: 'k1' }] } },
          { clientId: 'short', secret: new Secret('a-short-secret') },
        ],
        endings: {
          end: async (request) => {
            if (endingFails) throw new Error('no database');
            ended.push(request);
            return { id: randomUUID(), opSessions: 1, legacySessions: 0, targetSessions: 0, deliveries: 0 };
          },
        },
        onRedeemed: async (told) => void redeemed.push(told),
        onUsed: async (told) => void usedAt.push(told),
      }),
  });
  stage.people.set('shop:1', entryOf('1'));
});
afterAll(() => stage.close());
beforeEach(() => {
  for (const list of [ended, redeemed, usedAt]) list.length = 0;
  endingFails = false;
  stage.legacyDown = false;
});

const call = (path: string, body: object, key = KEY) => {
  const text = JSON.stringify(body);
  stage.nowSeconds += 1;
  const headers = { [SIGNATURE_HEADER]: signBody(new Secret(key), Buffer.from(text), stage.nowSeconds) };
  return stage.call('POST', `/legacy/sessions/${path}`, { body: text, headers });
};
const statusOf = async (answer: ReturnType<typeof call>) => (await answer).status;
const idsAt = (app: string, handle: string) => idsOf(stage.keyring, app, handle);
const byLegacy = (app: string) => ({
  actor: `legacy:${app}`,
  initiator: { kind: 'legacy', name: app },
});

/** A session that was written down, as at a login. */
async function noted(app: string, handle: string, more: Partial<NewLegacySession> = {}) {
  const opSession = Buffer.from(randomUUID());
  const session: NewLegacySession = {
    app,
    sub: 'shop:1',
    origin: 'created',
    handle,
    amr: [],
    // The database has a clock of its own, and the stage's is set to 2027.
    expiresAt: 1_900_000_000,
    ...more,
  };
  await stage.db.runParts([notePart(stage.keyring, [session], { opSession })], 'select 1');
  return opSession;
}

describe('redeeming', () => {
  const login: HandedOver = {
    sub: 'shop:1',
    legacyId: '1',
    username: 'user-1',
    authTime: 1_800_000_000,
    amr: ['pwd'],
    returnTo: `${ISSUER}/auth/resume-1`,
    expiresAt: 1_800_090_000,
    remember: false,
  };
  const newToken = () => storeHandOver(stage.db, { app: 'shop', login, seconds: 60 });

  test('tells the app who it is, once', async () => {
    const token = await newToken();
    const first = await call('redeem', { token });
    expect([first.status, first.json]).toEqual([200, login]);
    expect(first.headers.get('cache-control')).toBe('no-store');
    const second = await call('redeem', { token });
    expect([second.status, second.json.code]).toEqual([404, 'not_found']);
    expect(redeemed).toEqual([]);
  });

  test('tells us what the app calls the session that it makes, which never outlives the login', async () => {
    await call('redeem', { token: await newToken(), session: 'shop-session' });
    await call('redeem', { token: await newToken(), session: 's2', expiresAt: 1_800_000_600 });
    await call('redeem', { token: await newToken(), session: 's3', expiresAt: 1_900_000_000 });
    const told = { app: 'shop', sub: 'shop:1', login };
    expect(redeemed).toEqual([
      { ...told, session: 'shop-session', expiresAt: 1_800_090_000 },
      { ...told, session: 's2', expiresAt: 1_800_000_600 },
      { ...told, session: 's3', expiresAt: 1_800_090_000 },
    ]);
  });

  test('is done by one of twenty at once', async () => {
    const token = await newToken();
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('redeem', { token })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 404)).toHaveLength(19);
  });

  test('is for its own app only, and the token is still good after another one tried', async () => {
    const token = await newToken();
    expect(await statusOf(call('redeem', { token }, FORUM_KEY))).toBe(404);
    expect(await statusOf(call('redeem', { token }, 'the-key-before-this-one'))).toBe(200);
  });

  test.each(['', 'fbh1.', 'fbt1.anything', 'x'.repeat(300)])('does not work with %j', async (token) => {
    expect([400, 404]).toContain(await statusOf(call('redeem', { token })));
  });

  test('is done by nobody without a signature, or with a replayed one', async () => {
    const body = JSON.stringify({ token: await newToken() });
    const unsigned = await stage.call('POST', '/legacy/sessions/redeem', { body });
    expect([unsigned.status, unsigned.json.code]).toEqual([401, 'unauthorized']);
    const badly = await call('redeem', { token: 'fbh1.x' }, 'a-key-nobody-configured');
    expect([badly.status, badly.json.code]).toEqual([401, 'bad_signature']);
    stage.nowSeconds += 1;
    const headers = { [SIGNATURE_HEADER]: signBody(new Secret(KEY), Buffer.from(body), stage.nowSeconds) };
    expect((await stage.call('POST', '/legacy/sessions/redeem', { body, headers })).status).toBe(200);
    const again = await stage.call('POST', '/legacy/sessions/redeem', { body, headers });
    expect([again.status, again.json.code]).toEqual([409, 'replayed']);
  });
});

describe('offering who is signed in', () => {
  const offered = async (body: object, key?: string) => new URL((await call('offer', body, key)).json.url);

  test('as an answer gives the way back to the question, with a token that is good for it alone', async () => {
    const url = await offered({
      state: 'our-state',
      legacyId: '1',
      session: 's1',
      authTime: 1_800_000_000,
      amr: ['pwd', 'mfa'],
    });
    expect(url.origin + url.pathname).toBe(`${ISSUER}/legacy/sessions/return`);
    expect([...url.searchParams.keys()]).toEqual(['state', 'token']);
    const token = url.searchParams.get('token')!;
    expect(await takeOffer(stage.db, { token, state: 'another' })).toBeUndefined();
    expect(await takeOffer(stage.db, { token, state: 'our-state', app: 'shop' })).toEqual({
      app: 'shop',
      found: {
        handle: 's1',
        person: { by: 'id', value: '1' },
        authTime: 1_800_000_000,
        amr: ['pwd', 'mfa'],
      },
    });
  });

  test('as an answer may say that nobody is', async () => {
    expect((await offered({ state: 'our-state' })).href).toBe(
      `${ISSUER}/legacy/sessions/return?state=our-state`,
    );
  });

  test('without being asked gives the way in, with the client to go on to', async () => {
    const url = await offered({ username: 'user-1', client: 'web' });
    expect(url.origin + url.pathname).toBe(`${ISSUER}/legacy/sessions/enter`);
    expect(url.searchParams.get('client')).toBe('web');
    const person = { by: 'login', value: 'user-1' };
    expect(await takeOffer(stage.db, { token: url.searchParams.get('token')! })).toEqual({
      app: 'shop',
      client: 'web',
      found: { handle: JSON.stringify({ person }), person, amr: [] },
    });
  });

  test.each<[string, object]>([
    ['nobody, unasked', { client: 'web' }],
    ['two persons', { legacyId: '1', sub: 'shop:2' }],
    ['two persons in an answer', { state: 's', legacyId: '1', sub: 'shop:2' }],
    ['an answer for a client', { state: 's', legacyId: '1', client: 'web' }],
    ['what has run out', { legacyId: '1', expiresAt: 1_700_000_000 }],
    ['a session that is none', { legacyId: '1', session: '{"cookies":{}}' }],
    ['an unknown member', { legacyId: '1', admin: true }],
    ['a state with a line break', { state: 'a\nb', legacyId: '1' }],
  ])('is refused where it says %s', async (_what, body) => {
    expect(await statusOf(call('offer', body))).toBe(400);
  });

  test('is only for apps that are asked, and for those that may send people by themselves', async () => {
    expect(await statusOf(call('offer', { legacyId: '1', state: 's' }, FORUM_KEY))).toBe(403);
    expect(await statusOf(call('offer', { legacyId: '1' }, FORUM_KEY))).toBe(403);
    expect(await statusOf(call('offer', { legacyId: '1' }, PORTAL_KEY))).toBe(403);
    expect(await statusOf(call('offer', { legacyId: '1', state: 's' }, PORTAL_KEY))).toBe(200);
  });
});

describe('telling that a session has ended', () => {
  test('of a person ends everything that they have', async () => {
    const told = await call('ended', { sub: 'shop:1' });
    expect([told.status, told.json]).toEqual([200, { ended: true }]);
    await call('ended', { legacyId: 1 }, FORUM_KEY);
    await call('ended', { username: 'user-1' });
    expect(ended).toEqual(
      ['shop', 'forum', 'shop'].map((app) => ({
        selection: { by: 'person', sub: 'shop:1' },
        cause: 'legacy',
        scope: 'person',
        ...byLegacy(app),
      })),
    );
  });

  test('by its name ends what belongs to it, as far as the settings say', async () => {
    await call('ended', { session: 's1', sub: 'shop:1' });
    await call('ended', { session: 's1' });
    const selection = { by: 'legacy', app: 'shop', ids: idsAt('shop', 's1') };
    const request = { selection, cause: 'legacy', ...byLegacy('shop') };
    expect(ended).toEqual([request, request]);
  });

  test('finds a session that we know by its only cookie', async () => {
    await call('ended', { session: 'cookie-value' }, FORUM_KEY);
    const { selection } = ended[0]!;
    expect(selection).toMatchObject({ by: 'legacy', app: 'forum' });
    expect((selection as unknown as { ids: Buffer[] }).ids).toEqual([
      ...idsAt('forum', 'cookie-value'),
      ...idsAt('forum', '{"cookies":{"SID":"cookie-value"}}'),
    ]);
  });

  test.each([
    ['password_changed', 'password-changed'],
    ['deactivated', 'deactivated'],
  ])('for the reason %s is about the person, whatever session is named', async (reason, cause) => {
    await call('ended', { session: 's1', sub: 'shop:1', reason });
    expect(ended).toEqual([
      { selection: { by: 'person', sub: 'shop:1' }, cause, scope: 'person', ...byLegacy('shop') },
    ]);
  });

  test('does not need the legacy store where the person is named by a key', async () => {
    stage.legacyDown = true;
    expect(await statusOf(call('ended', { legacyId: '1' }))).toBe(200);
    expect(await statusOf(call('ended', { username: 'user-1' }))).toBe(503);
    expect(ended).toHaveLength(1);
  });

  test('twice in one second is two calls where each has an id, and otherwise one', async () => {
    const told = (body: object) => {
      const text = JSON.stringify(body);
      const header = signBody(new Secret(KEY), Buffer.from(text), stage.nowSeconds);
      const headers = { [SIGNATURE_HEADER]: header };
      return statusOf(stage.call('POST', '/legacy/sessions/ended', { body: text, headers }));
    };
    expect([await told({ id: 'a', session: 'twice' }), await told({ id: 'b', session: 'twice' })]).toEqual([
      200, 200,
    ]);
    expect([await told({ session: 'twice' }), await told({ session: 'twice' })]).toEqual([200, 409]);
  });

  test('of somebody who is not there changes nothing', async () => {
    expect(await statusOf(call('ended', { username: 'nobody' }))).toBe(200);
    expect(ended).toEqual([]);
  });

  test.each<[string, object]>([
    ['nobody', {}],
    ['two persons', { sub: 'shop:1', legacyId: '2' }],
    ['an unknown reason', { sub: 'shop:1', reason: 'boredom' }],
    ['a handle of ours', { session: '{"person":{"by":"id","value":"1"}}' }],
  ])('is refused where it names %s', async (_what, body) => {
    expect(await statusOf(call('ended', body))).toBe(400);
    expect(ended).toEqual([]);
  });

  test('is no success when it could not be done', async () => {
    endingFails = true;
    expect(await statusOf(call('ended', { sub: 'shop:1' }))).toBe(500);
    expect(stage.errors.pop()).toBeDefined();
  });
});

describe('telling that a session was used', () => {
  test('lets ours live on with it', async () => {
    const opSession = await noted('shop', 'live-1');
    const told = await call('used', { session: 'live-1' });
    expect([told.status, told.json]).toEqual([200, { live: true }]);
    expect(usedAt).toEqual([{ opSession, at: stage.nowSeconds }]);
    const row = await legacySessionById(stage.db, idsAt('shop', 'live-1'));
    expect(row!.seenAt.getTime()).toBe(stage.nowSeconds * 1_000);
  });

  test('may be about a moment ago, never about one to come', async () => {
    await noted('shop', 'live-2');
    await call('used', { session: 'live-2', at: stage.nowSeconds - 600 });
    await call('used', { session: 'live-2', at: stage.nowSeconds + 600 });
    expect(usedAt.map(({ at }) => at)).toEqual([stage.nowSeconds - 602, stage.nowSeconds]);
  });

  test('is not found for one that is unknown, another app’s, over, or past its life', async () => {
    await noted('forum', 'theirs');
    await noted('shop', 'over');
    await noted('shop', 'old', { expiresAt: stage.nowSeconds });
    const [id] = idsAt('shop', 'over');
    await execute(stage.databaseUrl, 'update legacy_sessions set ended_at = now() where id = $1', [id]);
    for (const session of ['unknown', 'theirs', 'over', 'old'])
      expect([session, await statusOf(call('used', { session }))]).toEqual([session, 404]);
    expect(usedAt).toEqual([]);
  });
});

describe('a logout token', () => {
  const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const claimsOf = (more: JWTPayload = {}): JWTPayload => ({
    iss: 'shop',
    aud: ISSUER,
    iat: stage.nowSeconds,
    exp: stage.nowSeconds + 120,
    jti: randomUUID(),
    events: EVENTS,
    sid: 's1',
    ...more,
  });
  const hmac = (claims: JWTPayload, key: string = KEY, header: object = {}) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'logout+jwt', ...header })
      .sign(new TextEncoder().encode(key));
  const send = (token: string | URLSearchParams, type = 'application/x-www-form-urlencoded') =>
    stage.call('POST', '/legacy/sessions/backchannel', {
      body: String(typeof token === 'string' ? new URLSearchParams({ logout_token: token }) : token),
      headers: { 'content-type': type },
    });

  test('of an app ends the session that it names', async () => {
    const answer = await send(await hmac(claimsOf({ sub: '1' })));
    expect([answer.status, answer.text, answer.headers.get('cache-control')]).toEqual([200, '', 'no-store']);
    const selection = { by: 'legacy', app: 'shop', ids: idsAt('shop', 's1') };
    expect(ended).toEqual([{ selection, cause: 'legacy', ...byLegacy('shop') }]);
  });

  test('of an app that names only the person, as the app does, ends everything that they have', async () => {
    await send(await hmac(claimsOf({ sid: undefined!, sub: '1' })));
    await send(await hmac(claimsOf({ iss: 'portal', sid: undefined!, sub: 'user-1' }), PORTAL_KEY));
    expect(ended).toEqual(
      ['shop', 'portal'].map((app) => ({
        selection: { by: 'person', sub: 'shop:1' },
        cause: 'legacy',
        scope: 'person',
        ...byLegacy(app),
      })),
    );
  });

  test('of a client ends the session that it is part of', async () => {
    const claims = claimsOf({ iss: 'web', sub: 'shop:1', sid: 'client-sid' });
    expect((await send(await hmac(claims, CLIENT_SECRET))).status).toBe(200);
    const signed = await new SignJWT(claimsOf({ iss: 'signs', sid: 'other-sid' }))
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .sign(clientKeys.privateKey);
    expect((await send(signed)).status).toBe(200);
    expect(ended).toEqual(
      [
        ['web', 'client-sid'],
        ['signs', 'other-sid'],
      ].map(([name, sid]) => ({
        selection: { by: 'client', clientId: name, sid },
        cause: 'client',
        actor: `client:${name}`,
        initiator: { kind: 'client', name },
      })),
    );
  });

  test.each(['logout+jwt', 'application/logout+jwt', 'LOGOUT+JWT', undefined])(
    'may be of type %s',
    async (typ) => {
      expect((await send(await hmac(claimsOf(), KEY, { typ }))).status).toBe(200);
    },
  );

  test('without exp is good for five minutes', async () => {
    expect((await send(await hmac(claimsOf({ exp: undefined!, iat: stage.nowSeconds - 290 })))).status).toBe(
      200,
    );
    expect((await send(await hmac(claimsOf({ exp: undefined!, iat: stage.nowSeconds - 310 })))).status).toBe(
      400,
    );
  });

  test('is good once, and another with its jti by another sender is another', async () => {
    const claims = claimsOf({ jti: 'the-same' });
    const token = await hmac(claims);
    const answers = await Promise.all(Array.from({ length: 5 }, () => send(token)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400]);
    expect((await send(await hmac({ ...claims, iss: 'portal', sid: 'x' }, PORTAL_KEY))).status).toBe(200);
    expect(ended).toHaveLength(2);
  });

  test.each<[string, () => Promise<string>]>([
    ['nothing', async () => ''],
    ['no JWT', async () => 'a.b.c'],
    ['far too much', async () => 'x'.repeat(10_000)],
    ['of an unknown issuer', () => hmac(claimsOf({ iss: 'nobody' }))],
    ['of an issuer that is a list', () => hmac(claimsOf({ iss: ['shop'] as unknown as string }))],
    ['signed with another app’s key', () => hmac(claimsOf({ iss: 'portal' }))],
    ['signed with a key too short for it', () => hmac(claimsOf({ iss: 'forum' }), FORUM_KEY)],
    ['signed with a secret too short for it', () => hmac(claimsOf({ iss: 'short' }), 'a-short-secret')],
    [
      'signed with a client’s published key as a shared one',
      () => hmac(claimsOf({ iss: 'signs' }), 'k'.repeat(32)),
    ],
    ['for somebody else', () => hmac(claimsOf({ aud: 'https://other.example' }))],
    ['expired', () => hmac(claimsOf({ exp: stage.nowSeconds - 60 }))],
    ['from the future', () => hmac(claimsOf({ iat: stage.nowSeconds + 60 }))],
    ['without iat', () => hmac(claimsOf({ iat: undefined! }))],
    ['without jti', () => hmac(claimsOf({ jti: undefined! }))],
    ['with a jti that is no text', () => hmac(claimsOf({ jti: 7 as unknown as string }))],
    ['without events', () => hmac(claimsOf({ events: undefined }))],
    ['with another event', () => hmac(claimsOf({ events: { 'urn:other': {} } }))],
    [
      'with an event that is no object',
      () => hmac(claimsOf({ events: { [Object.keys(EVENTS)[0]!]: true } })),
    ],
    ['with a nonce, as an ID token', () => hmac(claimsOf({ nonce: 'n' }))],
    ['of another type', () => hmac(claimsOf(), KEY, { typ: 'at+jwt' })],
    ['of nobody', () => hmac(claimsOf({ sid: undefined! }))],
    ['of a sid that is no text', () => hmac(claimsOf({ sub: '1', sid: { a: 1 } }))],
    ['of a sid with a NUL', () => hmac(claimsOf({ sid: 'a\u0000b' }))],
    [
      'of a client that names a person only',
      () => hmac(claimsOf({ iss: 'web', sid: undefined!, sub: 'shop:1' }), CLIENT_SECRET),
    ],
    [
      'unsigned',
      async () =>
        `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claimsOf())).toString('base64url')}.`,
    ],
  ])('that is %s is refused, as the specification says', async (_what, token) => {
    const answer = await send(await token());
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_request']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(ended).toEqual([]);
  });

  test('has to come alone and as a form', async () => {
    const token = await hmac(claimsOf());
    expect((await send(token, 'text/plain')).status).toBe(400);
    const twice = new URLSearchParams([
      ['logout_token', token],
      ['logout_token', token],
    ]);
    expect((await send(twice)).status).toBe(400);
    expect((await send(new URLSearchParams({ logout_token: 'x'.repeat(70_000) }))).status).toBe(400);
    expect(ended).toEqual([]);
    expect((await send(token)).status).toBe(200);
  });

  test('is refused, and its failure noted, when the logout could not be done', async () => {
    endingFails = true;
    const answer = await send(await hmac(claimsOf()));
    expect([answer.status, answer.json.error]).toEqual([400, 'server_error']);
    expect(stage.errors.pop()).toBeDefined();
  });
});
