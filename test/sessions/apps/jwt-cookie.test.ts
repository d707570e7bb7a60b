/** Apps whose session is a signed token, with tokens as an app would sign them. */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { JWK, JWTPayload } from 'jose';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { jwtCookie } from '../../../src/sessions/apps/jwt-cookie.ts';
import type { Created, LegacyApp, LegacyAppDeps } from '../../../src/sessions/legacy-app.ts';
import type { LegacyAppHarness } from '../legacy-app-contract.ts';
import { browserWith, legacyAppContract, loginOf, requestOf } from '../legacy-app-contract.ts';
import type { CalledApp } from './called-app.ts';
import { KEYS, openCalledApp } from './called-app.ts';

const SHARED = 'a shared key of thirty-two bytes and more';
const ISSUER = 'https://legacy.example.com';
const base = {
  kind: 'jwt-cookie',
  name: 'portal',
  cookie: 'legacy_token',
  issuer: ISSUER,
  audience: 'portal',
  domain: 'example.com',
};
const now = () => Math.floor(Date.now() / 1_000);
/** Neither our database nor the store is asked. */
const NO_DEPS = {} as LegacyAppDeps;

const hmac = (claims: JWTPayload, key = SHARED, alg = 'HS256') =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(key));
const claimsOf = (more: JWTPayload = {}): JWTPayload => ({
  iss: ISSUER,
  aud: 'portal',
  sub: '1',
  iat: now() - 60,
  exp: now() + 600,
  auth_time: now() - 120,
  amr: ['pwd'],
  jti: randomUUID(),
  ...more,
});

let pair: Awaited<ReturnType<typeof generateKeyPair>>;
let publicJwk: JWK;
let privateJwk: JWK;
beforeAll(async () => {
  pair = await generateKeyPair('RS256', { extractable: true });
  publicJwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256' };
  privateJwk = { ...(await exportJWK(pair.privateKey)), kid: 'k1' };
});
const rsa = (claims: JWTPayload, kid = 'k1') =>
  new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(pair.privateKey);

/** A token without a signature (RFC 7519 section 6). */
const unsigned = (claims: JWTPayload) =>
  `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
/** Signed with the public key's text as if it were a shared one (RFC 8725 section 2.1). */
function confused(claims: JWTPayload): string {
  const input = [{ alg: 'HS256', kid: 'k1' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${input}.${createHmac('sha256', JSON.stringify(publicJwk)).update(input).digest('base64url')}`;
}

interface Portal extends LegacyAppHarness {
  readonly server: CalledApp;
}

/** The app's own part: it signs with its key, publishes the other half, and keeps a list of what it takes no more. */
async function openPortal(keys: 'shared' | 'published'): Promise<Portal> {
  const revoked = new Set<string>();
  const server = await openCalledApp((response, { path, json }) => {
    if (path === '/jwks') return void response.end(JSON.stringify({ keys: [publicJwk] }));
    if (json.session && 'id' in json.session) revoked.add(json.session.id);
    else revoked.add(`person ${json.legacyId}`);
    response.writeHead(204).end();
  });
  const isPublished = keys === 'published';
  const sign = (claims: JWTPayload) => (isPublished ? rsa(claims) : hmac(claims));
  const app = jwtCookie.open(
    jwtCookie.settings.parse({
      ...base,
      ...(isPublished ? { jwksUri: `${server.origin}/jwks` } : { key: SHARED }),
      create: isPublished ? { key: JSON.stringify(privateJwk) } : {},
      revokeUrl: `${server.origin}/revoke`,
      keys: KEYS,
      timeoutMs: 500,
    }),
    NO_DEPS,
  );
  return {
    app,
    server,
    signIn: async ({ user }) => {
      const claims = claimsOf({ sub: user.legacyId });
      return {
        cookies: { legacy_token: await sign(claims) },
        person: { by: 'id', value: user.legacyId },
        authTime: claims.auth_time as number,
        amr: claims.amr as string[],
      };
    },
    isSignedIn: async ({ cookies }) => {
      const key = isPublished ? pair.publicKey : new TextEncoder().encode(SHARED);
      const { payload } = await jwtVerify(cookies.legacy_token!, key as typeof pair.publicKey, {
        issuer: ISSUER,
      });
      return !revoked.has(payload.jti!) && !revoked.has(`person ${payload.sub}`);
    },
    makeOld: async ({ cookies }) => ({
      cookies: { legacy_token: await sign({ ...decodeJwt(cookies.legacy_token!), exp: now() - 16 }) },
    }),
    openConnections: server.openConnections,
    close: server.close,
  };
}

legacyAppContract({
  name: 'a token with a shared key',
  abilities: ['recognise', 'create', 'clearCookies', 'renew', 'end', 'endAllOf'],
  open: () => openPortal('shared'),
  outages: { 'refuses connections': (harness) => harness.close() },
  alone: ['recognise', 'create', 'renew'],
  stateless: true,
});

legacyAppContract({
  name: 'a token with a published key',
  abilities: ['recognise', 'create', 'clearCookies', 'renew', 'end', 'endAllOf'],
  open: () => openPortal('published'),
  outages: {
    'refuses connections': (harness) => harness.close(),
    'never answers': async (harness) => {
      (harness as Portal).server.answering = () => undefined;
    },
  },
  // Keys that are here go on serving.
  alone: ['recognise', 'create', 'renew'],
  stateless: true,
});

let app: LegacyApp | undefined;
let server: CalledApp | undefined;
afterEach(async () => {
  await app?.close();
  await server?.close();
  [app, server] = [undefined, undefined];
});
function open(more: object = { key: SHARED }): LegacyApp {
  app = jwtCookie.open(jwtCookie.settings.parse({ ...base, ...more }), NO_DEPS);
  return app;
}
const recognise = (token: string, more?: object) =>
  open(more).recognise!(requestOf({ cookies: { legacy_token: token } }));
const jwks = () => ({ jwks: { keys: [publicJwk] } });

describe('a token', () => {
  test('says who it is, when and how they proved it, and until when it is good', async () => {
    const claims = claimsOf({ sid: 'the-session', amr: ['pwd', 'otp', 7, '\n'] as string[] });
    expect(await recognise(await hmac(claims))).toEqual({
      handle: 'the-session',
      person: { by: 'id', value: '1' },
      authTime: claims.auth_time,
      amr: ['pwd', 'otp'],
      expiresAt: claims.exp,
    });
  });

  test('may come in a header, as a bearer or bare', async () => {
    const { cookie: _, ...rest } = base;
    app = jwtCookie.open(
      jwtCookie.settings.parse({ ...rest, header: 'X-Legacy-Token', key: SHARED }),
      NO_DEPS,
    );
    const token = await hmac(claimsOf());
    for (const value of [token, `Bearer ${token}`, `bearer  ${token}`]) {
      const request = requestOf({ cookies: {}, headers: { 'x-legacy-token': value } });
      expect(await app.recognise!(request)).toMatchObject({ person: { value: '1' } });
    }
    expect(await app.recognise!(requestOf({ cookies: { 'X-Legacy-Token': token } }))).toBeUndefined();
  });

  test.each<[string, JWTPayload, string]>([
    ['its session’s id', { sid: 's1', jti: 'j1' }, 's1'],
    ['its own id', { jti: 'j1' }, 'j1'],
    ['its own id where the session’s is none', { sid: '{"cookies":{}}', jti: 'j1' }, 'j1'],
  ])('is known by %s', async (_what, claims, handle) => {
    expect(await recognise(await hmac({ ...claimsOf(), jti: undefined!, ...claims }))).toMatchObject({
      handle,
    });
  });

  test('that has no id is known by the hash of what is signed', async () => {
    const token = await hmac({ ...claimsOf(), jti: undefined! });
    const handle = createHash('sha256')
      .update(token.slice(0, token.lastIndexOf('.')))
      .digest('base64url');
    expect(await recognise(token)).toMatchObject({ handle });
  });

  test.each<[string, JWTPayload, object, number | undefined]>([
    ['auth_time', { auth_time: 1_700_000_000, iat: 1_750_000_000 }, { iatIsAuthTime: true }, 1_700_000_000],
    [
      'iat where the app says so',
      { auth_time: undefined, iat: 1_750_000_000 },
      { iatIsAuthTime: true },
      1_750_000_000,
    ],
    ['nothing otherwise', { auth_time: undefined, iat: 1_750_000_000 }, {}, undefined],
    [
      'nothing by what is no time',
      { auth_time: 'now', iat: 1_750_000_000 },
      { iatIsAuthTime: true },
      undefined,
    ],
  ])('tells when the person proved it by %s', async (_what, claims, more, authTime) => {
    const found = await recognise(await hmac(claimsOf(claims)), { key: SHARED, ...more });
    expect(found!.authTime).toBe(authTime);
  });

  test('of a clock that is ahead makes no proof younger than now', async () => {
    const found = await recognise(await hmac(claimsOf({ auth_time: now() + 600 })));
    expect(found!.authTime).toBeLessThanOrEqual(now());
  });

  test.each<[string, JWTPayload]>([
    ['was made for something else', { aud: 'another' }],
    ['is another issuer’s', { iss: 'https://another.example' }],
    ['has expired', { exp: now() - 16 }],
    ['never expires', { exp: undefined! }],
    ['is not good yet', { nbf: now() + 60 }],
    ['names nobody', { sub: undefined! }],
    ['names an object', { sub: { id: 1 } as unknown as string }],
    ['names somebody by far too much', { sub: 'x'.repeat(321) }],
  ])('says nothing when it %s', async (_what, claims) => {
    expect(await recognise(await hmac(claimsOf(claims)))).toBeUndefined();
    expect(await recognise(await rsa(claimsOf(claims)), jwks())).toBeUndefined();
    expect(await recognise(await rsa(claimsOf()), jwks())).toBeDefined();
  });

  test('says nothing without a signature, with another key’s, or with one of the wrong kind', async () => {
    const claims = claimsOf();
    const stranger = await generateKeyPair('RS256');
    const strangers = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .sign(stranger.privateKey);
    for (const token of [unsigned(claims), confused(claims), strangers, await hmac(claims)])
      expect(await recognise(token, jwks())).toBeUndefined();
    for (const token of [unsigned(claims), await rsa(claims), await hmac(claims, `${SHARED}!`)])
      expect(await recognise(token)).toBeUndefined();
  });

  test('names the person by the claim and in the way that the settings say', async () => {
    const token = await hmac(claimsOf({ uid: 4711 }));
    const found = await recognise(token, { key: SHARED, subjectClaim: 'uid', identifies: 'login' });
    expect(found!.person).toEqual({ by: 'login', value: '4711' });
    expect(await recognise(token, { key: SHARED, subjectClaim: 'constructor' })).toBeUndefined();
  });
});

describe('keys that are fetched', () => {
  test.each<[string, number, string]>([
    ['an error', 500, ''],
    ['a page', 200, '<html>'],
    ['no key set', 200, '{"keys":7}'],
    ['too much', 200, `{"keys":[],"x":"${'x'.repeat(300_000)}"}`],
    ['a redirect', 302, ''],
  ])('are not there when the address answers with %s: that is an outage', async (_what, status, text) => {
    server = await openCalledApp(
      (response) => void response.writeHead(status, { location: '/jwks' }).end(text),
    );
    await expect(
      recognise(await rsa(claimsOf()), { jwksUri: `${server.origin}/jwks`, timeoutMs: 500 }),
    ).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });

  test('are not fetched for every token of an unknown key', async () => {
    server = await openCalledApp((response) => void response.end(JSON.stringify({ keys: [publicJwk] })));
    const opened = open({ jwksUri: `${server.origin}/jwks` });
    for (let time = 0; time < 20; time += 1) {
      const request = requestOf({ cookies: { legacy_token: await rsa(claimsOf(), `unknown-${time}`) } });
      expect(await opened.recognise!(request)).toBeUndefined();
    }
    expect(server.received).toHaveLength(1);
  });

  test('are not asked for again and again while nobody answers', async () => {
    server = await openCalledApp((response) => void response.writeHead(500).end());
    const opened = open({ jwksUri: `${server.origin}/jwks` });
    const request = requestOf({ cookies: { legacy_token: await rsa(claimsOf()) } });
    for (let time = 0; time < 20; time += 1)
      await expect(opened.recognise!(request)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    expect(server.received).toHaveLength(5);
  });
});

describe('a token made at a login', () => {
  const login = loginOf('1', { amr: ['pwd', 'otp'] });
  const made = async (more: object, from = login) => {
    const created = (await open(more).create!(from)) as Extract<Created, { handle?: string }>;
    const line = created.setCookies![0]!;
    return { created, line, token: /=([^;]*)/.exec(line)![1]! };
  };

  test('says what the app’s own say, and ends with the browser', async () => {
    const { created, line, token } = await made({ key: SHARED, create: { lifetimeSeconds: 600 } });
    const { payload, protectedHeader } = await jwtVerify(token, new TextEncoder().encode(SHARED));
    expect(protectedHeader).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(payload).toEqual({
      iss: ISSUER,
      aud: 'portal',
      sub: '1',
      iat: expect.any(Number),
      exp: created.expiresAt,
      auth_time: login.authTime,
      amr: ['pwd', 'otp'],
      jti: created.handle,
    });
    expect(payload.exp! - payload.iat!).toBe(600);
    expect(line.slice(line.indexOf(';'))).toBe(
      '; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
    );
  });

  test('outlives the browser for whoever wants to stay logged in, and never the login', async () => {
    const { line, created } = await made(
      { key: SHARED, create: { lifetimeSeconds: 86_400 } },
      { ...login, remember: true },
    );
    expect(created.expiresAt).toBe(login.expiresAt);
    const [, maxAge] = /Max-Age=(\d+)/.exec(line)!;
    expect(Number(maxAge)).toBeGreaterThan(3_500);
    expect(Number(maxAge)).toBeLessThanOrEqual(3_600);
  });

  test('is signed with a private key where there is one, and recognised although the app has not published it', async () => {
    const other = await generateKeyPair('ES256', { extractable: true });
    const key = JSON.stringify({ ...(await exportJWK(other.privateKey)), kid: 'ours' });
    const { token } = await made({ ...jwks(), create: { key } });
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'ours' });
    await jwtVerify(token, other.publicKey);
    expect(await app!.recognise!(requestOf({ cookies: { legacy_token: token } }))).toBeDefined();
  });

  test.each([
    ['login', 'user-1'],
    ['subject', 'shop:1'],
  ])('names the person by %s where the app does', async (identifies, value) => {
    const { token } = await made({ key: SHARED, create: {}, identifies, subjectClaim: 'uid' });
    expect(decodeJwt(token)).toMatchObject({ uid: value });
  });

  test('is not made for somebody whom the app would not know', async () => {
    const { username: _, ...user } = login.user;
    const opened = open({ key: SHARED, create: {}, identifies: 'login' });
    expect(await opened.create!({ ...login, user })).toEqual({ failure: 'refused' });
  });

  test('is made anew for the same session while the login lives on', async () => {
    const { created } = await made({ key: SHARED, create: { lifetimeSeconds: 600 } });
    const until = now() + 1_800;
    const { setCookies } = await app!.renew!(created.handle!, until, { login });
    const { token } = { token: browserWith(setCookies!).cookies.legacy_token! };
    expect(decodeJwt(token)).toMatchObject({ jti: created.handle, exp: until, auth_time: login.authTime });
    expect(await app!.renew!(created.handle!, until + 86_400, { login })).toMatchObject({
      setCookies: [expect.any(String)],
    });
    const longest = await app!.renew!(created.handle!, until + 86_400, { login });
    expect(decodeJwt(browserWith(longest.setCookies!).cookies.legacy_token!).exp).toBe(login.expiresAt);
  });

  test('is not made anew without a login, after it, or in place of the app’s own', async () => {
    const { created } = await made({ key: SHARED, create: {} });
    expect(await app!.renew!(created.handle!, now() + 60)).toEqual({});
    expect(await app!.renew!('j1', now() + 60, { login })).toEqual({});
    const over = { ...login, expiresAt: now() - 1 };
    expect(await app!.renew!(created.handle!, now() + 60, { login: over })).toEqual({});
  });
});

describe('ending', () => {
  test('takes the cookie from the browser; nobody can be told without an address', async () => {
    const opened = open({ key: SHARED, create: {} });
    expect(opened.clearCookies!()).toEqual([
      'legacy_token=; Domain=example.com; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax',
    ]);
    expect([opened.end, opened.endAllOf, opened.check]).toEqual([undefined, undefined, undefined]);
  });

  test('leaves a cookie alone that is on no domain of ours', () => {
    const { domain: _, ...rest } = base;
    app = jwtCookie.open(jwtCookie.settings.parse({ ...rest, key: SHARED }), NO_DEPS);
    expect(app.clearCookies).toBeUndefined();
  });

  test('tells the app’s list which token, or whose', async () => {
    server = await openCalledApp((response) => void response.writeHead(204).end());
    const opened = open({ key: SHARED, revokeUrl: `${server.origin}/revoke`, keys: KEYS });
    await opened.end!('j1');
    await opened.endAllOf!({ sub: 'shop:1', legacyId: '1' });
    const id = expect.any(String);
    expect(server.received.map(({ json }) => json)).toEqual([
      { id, session: { id: 'j1' } },
      { id, sub: 'shop:1', legacyId: '1' },
    ]);
  });
});

describe('the recipe of docs/sessions/jwt-cookie.md, as it stands there,', () => {
  const CALL_KEY = 'the-portal-and-we-know-this-one-key';
  const inPlace = (name: string) => join(import.meta.dirname, `.${name}-${process.pid}.mjs`);
  afterAll(() => rmSync(inPlace('recipe'), { force: true }));

  async function recipe() {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/sessions/jwt-cookie.md'), 'utf8');
    const [, code] = /```js\n(\/\/ footbridge-session\.mjs\n[\s\S]*?)```/.exec(page)!;
    // Beside this file, so that it finds `jose` as an app would.
    writeFileSync(inPlace('recipe'), code!);
    process.env.PORTAL_JWT_KEY = SHARED;
    process.env.PORTAL_CALL_KEY = CALL_KEY;
    return import(pathToFileURL(inPlace('recipe')).href);
  }

  test('makes tokens that are recognised, takes ours, and takes none that was revoked', async () => {
    const portal = await recipe();
    portal.lookUpWith((legacyId: string) => `user-${legacyId}`);
    server = await openCalledApp((response, { body, request }) => {
      const get = (name: string) => request.headers[name];
      const sendStatus = (status: number) => void response.writeHead(status).end();
      portal.revoke({ get, body: Buffer.from(body) }, { sendStatus });
    });
    const keys = [{ id: 'one', key: CALL_KEY }];
    const issuer = 'https://portal.example.com';
    const more = { key: SHARED, issuer, identifies: 'login', create: {}, keys };
    const opened = open({ ...more, revokeUrl: `${server.origin}/revoke` });
    const recognised = (token: string) => opened.recognise!(requestOf({ cookies: { legacy_token: token } }));

    const theirs: string = await portal.tokenFor('user-1');
    const found = (await recognised(theirs))!;
    expect(found).toMatchObject({ person: { by: 'login', value: 'user-1' }, amr: ['pwd'] });
    const made = (await opened.create!(loginOf('1'))) as Extract<Created, { handle?: string }>;
    const ours = browserWith(made.setCookies!).cookies.legacy_token!;
    expect(await portal.signedIn(ours)).toMatchObject({ sub: 'user-1', jti: made.handle });

    await opened.end!(found.handle);
    expect(await portal.signedIn(theirs)).toBeUndefined();
    expect(await portal.signedIn(ours)).toBeDefined();
    await opened.endAllOf!({ sub: 'shop:1', legacyId: '1' });
    expect(await portal.signedIn(ours)).toBeUndefined();
    expect(await portal.signedIn(await portal.tokenFor('user-2'))).toBeDefined();
    const stranger = open({ ...more, revokeUrl: `${server.origin}/revoke`, keys: KEYS });
    await expect(stranger.end!('j1')).rejects.toMatchObject({ code: 'legacy_unavailable' });
    await opened.close();
  });
});

describe('the settings', () => {
  const problemsOf = (more: object) =>
    jwtCookie.settings.safeParse({ ...base, ...more }).error?.issues.map(({ message }) => message) ?? [];
  const ed =
    '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}';
  test.each<[string, object, string]>([
    ['a short shared key', { key: 'short' }, 'at least 32 bytes'],
    ['two kinds of keys', { key: SHARED, jwksUri: 'https://a.example/' }, 'one of jwksUri, jwks, key'],
    ['no key at all', {}, 'one of jwksUri, jwks, key'],
    ['cookie and header', { key: SHARED, header: 'x-token' }, 'a cookie or a header'],
    ['private keys among the public', { jwks: { keys: [JSON.parse(ed)] } }, 'public keys'],
    ['nothing to sign with', { jwksUri: 'https://a.example/', create: {} }, 'a key to sign with'],
    [
      'a public key to sign with',
      {
        key: SHARED,
        create: { key: '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}' },
      },
      'private key as JWK',
    ],
    [
      'another key’s algorithm',
      { key: SHARED, create: { key: ed, alg: 'RS256' } },
      'does not sign with RS256',
    ],
    ['a shared key for a public algorithm', { key: SHARED, create: { alg: 'ES256' } }, 'needs a private key'],
    [
      'a shared key that is short for its algorithm',
      { key: SHARED, create: { alg: 'HS512' } },
      'at least 64 bytes',
    ],
    ['an address to revoke without a key', { key: SHARED, revokeUrl: 'https://a.example/' }, 'needs a key'],
    ['a __Host- cookie with a domain', { key: SHARED, cookie: '__Host-t' }, '__Host-'],
  ])('refuse %s', (_what, more, text) => {
    expect(problemsOf(more)).toEqual([expect.stringContaining(text)]);
  });

  test('are happy with a key of each kind, and say nothing of it', () => {
    expect(problemsOf({ key: SHARED, create: { key: ed } })).toEqual([]);
    const parsed = jwtCookie.settings.parse({ ...base, key: SHARED, create: { key: ed } });
    expect(JSON.stringify(parsed)).not.toContain('nWGxne');
  });
});
