/** What every contract promises its caller, over HTTP, in the words of each. */
import Router from '@koa/router';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BODY_BYTES } from '../../../src/settings.ts';
import { referenceOf } from '../../../src/targets/cidaas/password-reference.ts';
import type { Answer, Stage } from './stage.ts';
import { ACCOUNT_FAILURES, AUTHORIZED, BEARER, FLOOR_MS, openStage, PASSWORD, SECRET } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  const basic = { basic: { user: 'caller', password: SECRET } };
  stage = await openStage([
    { name: 'ory', kind: 'ory', auth: BEARER },
    { name: 'cidaas', kind: 'cidaas', auth: BEARER, target: 'tenant' },
    { name: 'keycloak', kind: 'keycloak', auth: BEARER, target: 'main' },
    { name: 'okta', kind: 'okta', auth: BEARER },
    {
      name: 'fusion',
      kind: 'fusionauth',
      auth: BEARER,
      applications: ['d37b1de2-a7ec-4c36-ad85-959402cd3fb9'],
    },
    { name: 'pool', kind: 'cognito', auth: BEARER },
    { name: 'connection', kind: 'auth0', auth: BEARER },
    { name: 'by-basic', kind: 'okta', auth: basic },
    { name: 'by-key', kind: 'okta', auth: { apiKey: { name: 'X-Api-Key', value: SECRET } } },
    { name: 'bare', kind: 'okta', auth: { apiKey: { name: 'Authorization', value: SECRET } } },
  ]);
});
afterAll(() => stage.close());
afterEach(() => {
  stage.isDown = false;
  stage.calls.length = 0;
  stage.errors.length = 0;
});

const command = (credential: string) => ({
  commands: [{ type: 'com.okta.action.update', value: { credential } }],
});
const cidaasSays = (verified: boolean) => ({ status: 200, success: true, data: { verified } });
const oktaBody = (username: string, password: string) => ({
  eventType: 'com.okta.user.credential.password.import',
  source: 'https://org.okta.example/api/v1/inlineHooks/cal1',
  data: {
    context: {
      request: { id: 'r1', method: 'POST', ipAddress: '198.51.100.7' },
      credential: { username, password },
    },
    action: { credential: 'UNVERIFIED' },
  },
});

/** A contract's words. */
interface Spoken {
  readonly path: (login: string) => string;
  readonly body: (login: string, password: string) => unknown;
  /** Status and a part of the body. */
  readonly right: readonly [number, object];
  readonly wrong: readonly [number, object];
  readonly throttled: number;
}
/** cidaas asks by what we gave it. */
const referenceTo = (login: string) => {
  const id = /^guest-(\d+)$/.exec(login)?.[1];
  const sub = `shop:${id ? 100 + Number(id) : ({ Anna: 1, dora: 2 }[login] ?? 'nobody')}`;
  return referenceOf((text) => stage.keyring.mac('cidaas-password', text), 'tenant', sub);
};

const CONTRACTS: Record<string, Spoken> = {
  ory: {
    path: () => '/hooks/ory/password/ory',
    body: (identifier, password) => ({ identifier, password }),
    right: [200, { status: 'password_match' }],
    wrong: [403, { status: 'password_mismatch' }],
    throttled: 423,
  },
  cidaas: {
    path: () => '/hooks/cidaas/password/cidaas',
    body: (login, password) => ({
      passwordVerification: { passwordHash: referenceTo(login), hData: { salt: '' } },
      password,
      algorithm: 'CUSTOM_FOOTBRIDGE',
    }),
    right: [200, cidaasSays(true)],
    wrong: [200, cidaasSays(false)],
    throttled: 429,
  },
  keycloak: {
    path: (login) => `/drop-ins/keycloak/keycloak/users/${encodeURIComponent(login)}`,
    body: (_login, password) => ({ password }),
    right: [200, {}],
    wrong: [403, {}],
    throttled: 429,
  },
  okta: {
    path: () => '/drop-ins/okta/okta/password',
    body: oktaBody,
    right: [200, command('VERIFIED')],
    wrong: [200, command('UNVERIFIED')],
    throttled: 429,
  },
  fusionauth: {
    path: () => '/drop-ins/fusionauth/fusion/login',
    body: (loginId, password) => ({
      applicationId: 'd37b1de2-a7ec-4c36-ad85-959402cd3fb9',
      eventInfo: { deviceType: 'BROWSER', ipAddress: '2001:db8::1' },
      loginId,
      password,
      noJWT: false,
    }),
    right: [200, { user: { email: 'anna@example.com' } }],
    wrong: [404, {}],
    throttled: 429,
  },
  cognito: {
    path: () => '/drop-ins/cognito/pool/login',
    body: (login, password) => ({ login, password }),
    right: [200, { sub: 'shop:1', legacyId: '1' }],
    wrong: [401, { code: 'wrong_password' }],
    throttled: 429,
  },
  auth0: {
    path: () => '/drop-ins/auth0/connection/login',
    body: (login, password) => ({ login, password, address: '192.0.2.1' }),
    right: [200, { profile: { email: 'anna@example.com', email_verified: true, locale: 'de-AT' } }],
    wrong: [401, { code: 'wrong_password' }],
    throttled: 429,
  },
};

const post = (spoken: Spoken, login: string, password = PASSWORD, headers: object = AUTHORIZED) =>
  stage.send('POST', spoken.path(login), spoken.body(login, password), headers);
const expectAnswer = ({ status, json }: Answer, [wanted, body]: readonly [number, object]) => {
  expect(status).toBe(wanted);
  expect(json).toMatchObject(body);
};

describe.each(Object.entries(CONTRACTS))('the contract of %s', (_name, spoken) => {
  test('says yes to a right password, and keeps the answer out of caches', async () => {
    const answer = await post(spoken, 'Anna');
    expectAnswer(answer, spoken.right);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(stage.calls.map(({ result }) => result)).toEqual(['right']);
    expect(answer.text).not.toContain('$2b$');
  });

  test('says the same no to a wrong password, to a stranger and to the disabled, no sooner than the floor', async () => {
    const answers: string[] = [];
    for (const [login, password] of [
      [stage.guest(), 'wrong'],
      [`nobody-${stage.guest()}`, PASSWORD],
      ['dora', PASSWORD],
    ] as const) {
      const startedAt = performance.now();
      const answer = await post(spoken, login, password);
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(FLOOR_MS - 1);
      expectAnswer(answer, spoken.wrong);
      answers.push(answer.text);
    }
    expect(new Set(answers).size).toBe(1);
    expect(stage.calls.map(({ result }) => result)).toEqual(['wrong', 'wrong', 'wrong']);
  });

  test('says neither yes nor no to who has guessed too often, even when they are right', async () => {
    const login = stage.guest();
    for (let i = 0; i < ACCOUNT_FAILURES; i++) await post(spoken, login, `wrong ${i}`);
    const answer = await post(spoken, login);
    expect(answer.status).toBe(spoken.throttled);
    expect(answer.text).not.toMatch(/password_m|verified/i);
    expect(stage.calls.at(-1)?.result).toBe('throttled');
  });

  test('says neither yes nor no while the legacy store is down, and counts nothing', async () => {
    const login = stage.guest();
    const before = await stage.sql('select * from login_attempts');
    stage.isDown = true;
    const answer = await post(spoken, login, 'wrong');
    expectAnswer(answer, [503, { code: 'legacy_unavailable' }]);
    expect(answer.text).not.toMatch(/password_m|verified/i);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await stage.sql('select * from login_attempts')).toEqual(before);
    expect(stage.calls).toEqual([{ dropIn: expect.any(String), result: 'unavailable' }]);
    stage.isDown = false;
    expect((await post(spoken, 'Anna')).status).toBe(200);
  });

  test.each([
    ['nothing', {}],
    ['another secret', { authorization: `Bearer ${SECRET}x` }],
    ['a part of the secret', { authorization: `Bearer ${SECRET.slice(0, -1)}` }],
    ['another scheme', { authorization: `Basic ${SECRET}` }],
    ['the bare secret', { authorization: SECRET }],
    ['an empty secret', { authorization: 'Bearer ' }],
  ])('asks nobody about a password for a caller with %s', async (_what, headers) => {
    const { proofs } = stage;
    const answer = await post(spoken, 'Anna', PASSWORD, headers);
    expectAnswer(answer, [401, { code: 'unauthorized' }]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="footbridge"');
    expect(stage.proofs).toBe(proofs);
    expect(stage.calls.map(({ result }) => result)).toEqual(['refused']);
  });

  test.each([
    ['no JSON', '{"password":', [400, 'bad_request']],
    ['JSON of another shape', '[]', [400, 'bad_request']],
    ['numbers for texts', '{"identifier":1,"login":1,"loginId":1,"password":2}', [400, 'bad_request']],
    ['nothing', '', [400, 'bad_request']],
    ['too much', 'x'.repeat(BODY_BYTES + 1), [413, 'body_too_large']],
  ])('refuses %s, and says nothing of what it held', async (_what, body, [status, code]) => {
    const answer = await stage.send('POST', spoken.path('Anna'), body);
    expectAnswer(answer, [status as number, { code }]);
    expect(answer.text).not.toContain('identifier":1');
    expect(stage.calls.map(({ result }) => result)).toEqual(['refused']);
  });
});

describe('a caller', () => {
  const right = oktaBody('Anna', PASSWORD);
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
  test.each([
    ['by Basic', 'by-basic', basic(`caller:${SECRET}`), basic(`caller:${SECRET}:`), 'Basic'],
    ['by another user of Basic', 'by-basic', basic(`caller:${SECRET}`), basic(`coller:${SECRET}`), 'Basic'],
    ['by a header', 'by-key', { 'x-api-key': SECRET }, { 'x-api-key': `${SECRET} x` }, 'ApiKey'],
    ['by a bare key', 'bare', { authorization: SECRET }, { authorization: `Bearer ${SECRET}` }, 'ApiKey'],
  ])('is known %s, and nearly so is not enough', async (_how, name, good, bad, scheme) => {
    const path = `/drop-ins/okta/${name}/password`;
    expectAnswer(await stage.send('POST', path, right, good), [200, command('VERIFIED')]);
    const refused = await stage.send('POST', path, right, bad);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe(`${scheme} realm="footbridge"`);
  });

  test('does not get in by the secret of another drop-in', async () => {
    const answer = await stage.send('POST', '/drop-ins/okta/by-key/password', right, AUTHORIZED);
    expect(answer.status).toBe(401);
  });

  test('of a name that is none of ours finds nothing', async () => {
    expect((await stage.send('POST', '/drop-ins/okta/none/password', right)).status).toBe(404);
    // Nor at another contract's place.
    expect((await stage.send('POST', '/drop-ins/okta/fusion/password', right)).status).toBe(404);
  });
});

describe('FusionAuth', () => {
  const login = (loginId: string) =>
    stage.send('POST', '/drop-ins/fusionauth/fusion/login', { loginId, password: PASSWORD });

  test('gets the same UUID for the same person, however they log in, and another one for another', async () => {
    const ids = [];
    for (const typed of ['Anna', 'anna', 'anna@example.com']) ids.push((await login(typed)).json.user.id);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect((await login('known')).json.user.id).not.toBe(ids[0]);
  });

  test('gets a user in its own words', async () => {
    expect((await login('Anna')).json.user).toEqual({
      id: expect.any(String),
      active: true,
      username: 'Anna',
      email: 'anna@example.com',
      verified: true,
      firstName: 'Given',
      lastName: 'Family',
      fullName: 'Given Family',
      mobilePhone: '+4930123456',
      preferredLanguages: ['de_AT'],
      data: { sub: 'shop:1', legacyId: '1' },
      registrations: [{ applicationId: 'd37b1de2-a7ec-4c36-ad85-959402cd3fb9' }],
    });
    expect((await login('nomail')).json.user).toMatchObject({ username: 'nomail', verified: false });
  });
});

describe('cidaas', () => {
  const ask = (passwordHash: string) =>
    stage.send('POST', '/hooks/cidaas/password', {
      passwordVerification: { passwordHash, hData: {} },
      password: PASSWORD,
      algorithm: 'CUSTOM_FOOTBRIDGE',
    });

  test('is an error where its hash is no reference of ours, not a wrong password', async () => {
    const good = referenceTo('Anna');
    expect((await ask(good)).json).toEqual(cidaasSays(true));
    const other = referenceOf((text) => stage.keyring.mac('cidaas-password', text), 'other', 'shop:1');
    for (const bad of ['da1800bf53301b5dbadbf85e991ba8eed93164cb', other, `${good}A`, good.slice(0, -1)])
      expectAnswer(await ask(bad), [400, { code: 'bad_request' }]);
  });
});

describe('Ory', () => {
  test('is served without a name where there is one of them', async () => {
    const body = { identifier: 'Anna', password: PASSWORD };
    expect((await stage.send('POST', '/hooks/ory/password', body)).json).toEqual({
      status: 'password_match',
    });
  });

  test('is never kept waiting by Retry-After, which it obeys for 429 and 503', async () => {
    stage.isDown = true;
    const answer = await stage.send('POST', '/hooks/ory/password', { identifier: 'Anna', password: 'x' });
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(2);
    expect(answer.status).toBe(503);
  });
});

describe('with two of a kind', () => {
  const body = { identifier: 'Anna', password: PASSWORD };
  let two: Stage;
  /** As the hooks of the targets, which would take any such path. */
  const hooks = new Router();
  hooks.post('/hooks/:kind/:target/:hook', (ctx) => {
    ctx.body = { taken: ctx.params };
  });
  beforeAll(async () => {
    const one = { kind: 'ory', auth: BEARER };
    two = await openStage(
      [
        { ...one, name: 'one' },
        { ...one, name: 'two', auth: { bearer: `${SECRET}-of-two` } },
      ],
      [hooks],
    );
  });
  afterAll(() => two.close());

  test('each has its name and its secret, and there is no path without a name', async () => {
    expect((await two.send('POST', '/hooks/ory/password/one', body)).status).toBe(200);
    expect((await two.send('POST', '/hooks/ory/password/two', body)).status).toBe(401);
    expect((await two.send('POST', '/hooks/ory/password', body)).status).toBe(404);
  });

  test('the hooks of the targets behind them take no call of theirs, and lose none of their own', async () => {
    expect((await two.send('POST', '/hooks/ory/password/one', body)).json).toEqual({
      status: 'password_match',
    });
    expect((await two.send('POST', '/hooks/ory/password/three', body)).json).toMatchObject({
      taken: { kind: 'ory', target: 'password', hook: 'three' },
    });
    expect((await two.send('POST', '/hooks/zitadel/main/session', body)).json.taken.kind).toBe('zitadel');
  });
});
