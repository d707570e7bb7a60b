/** Ourselves as an application of ZITADEL's: what its tokens have that other issuers' have not, and how it refuses. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TargetSignIn } from '../../src/targets/sign-in.ts';
import { Browser } from '../support/browser.ts';
import { throughLogin } from '../support/zitadel/at-login.ts';
import type { Zitadel } from '../support/zitadel/index.ts';
import { openZitadel } from '../support/zitadel/index.ts';
import { CALLBACK, failureOf, request, signInAt } from './oidc-sign-in-issuer.ts';

const ANNA = { loginName: 'anna', password: 'Simple-Enough-1' };
let zitadel: Zitadel;
let project: string;
const opened: TargetSignIn[] = [];

beforeAll(async () => {
  zitadel = await openZitadel();
  project = (await call('/management/v1/projects', { name: 'p' })).id;
  // Its audience has all of a project's applications.
  await addApp();
  await call('/v2/users/human', {
    userId: '4711',
    username: 'anna',
    profile: { givenName: 'Anna', familyName: 'Able' },
    email: { email: 'anna@example.com', isVerified: true },
    password: { password: ANNA.password },
  });
});
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));
afterAll(() => zitadel?.close());

// biome-ignore lint/suspicious/noExplicitAny: looked into as it comes
async function call(path: string, body: object): Promise<any> {
  const headers = { authorization: `Bearer ${zitadel.token}` };
  const answer = await fetch(zitadel.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return answer.json();
}

const addApp = (more: object = {}) =>
  call(`/management/v1/projects/${project}/apps/oidc`, {
    name: 'Footbridge',
    redirectUris: [CALLBACK],
    ...more,
  });

function signIn(settings: object): TargetSignIn {
  const one = signInAt({ issuer: zitadel.url, clientSecret: undefined, ...settings }, 'zitadel');
  opened.push(one);
  return one;
}

async function comeBack(one: TargetSignIn, at: object = ANNA, browser = new Browser()) {
  const { url, checks } = await one.begin(request());
  const back = await throughLogin(browser, url, at);
  return one.finish(new URL(back.location!).searchParams, checks);
}

const WHOLE = {
  targetUserId: '4711',
  name: 'Anna Able',
  givenName: 'Anna',
  familyName: 'Able',
  username: 'anna',
  email: 'anna@example.com',
  emailVerified: true,
  amr: ['pwd'],
  authTime: expect.any(Number),
};

test.each(['basic', 'post'])(
  'whoever signed in is known, with the secret sent by %s',
  async (authentication) => {
    const { clientId, clientSecret } = await addApp({
      authMethodType: `OIDC_AUTH_METHOD_TYPE_${authentication.toUpperCase()}`,
    });
    expect(await comeBack(signIn({ clientId, clientSecret, authentication }))).toEqual(WHOLE);
  },
);

test('a key file of ZITADEL’s proves who we are, and no other key does', async () => {
  const { appId, clientId } = await addApp({ authMethodType: 'OIDC_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT' });
  const other = await addApp({ authMethodType: 'OIDC_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT' });
  const keyOf = async (id: string) => {
    const path = `/management/v1/projects/${project}/apps/${id}/keys`;
    const { keyDetails } = await call(path, { type: 'KEY_TYPE_JSON' });
    const { key, keyId } = JSON.parse(Buffer.from(keyDetails, 'base64').toString());
    return { privateKey: key as string, keyId: keyId as string };
  };
  expect(await comeBack(signIn({ clientId, ...(await keyOf(appId)) }))).toEqual(WHOLE);
  const refused = await failureOf(comeBack(signIn({ clientId, ...(await keyOf(other.appId)) })));
  expect(refused).toMatchObject({ kind: 'refused', code: 'invalid_client' });
});

test('user info inside the ID token spares userinfo', async () => {
  const { clientId, clientSecret } = await addApp({ idTokenUserinfoAssertion: true });
  expect(await comeBack(signIn({ clientId, clientSecret }))).toEqual(WHOLE);
});

test('without the scopes for it nobody’s name and address are known, and who they are still is', async () => {
  const { clientId, clientSecret } = await addApp();
  const known = await comeBack(signIn({ clientId, clientSecret, scopes: ['openid'] }));
  expect(known).toEqual({
    targetUserId: '4711',
    emailVerified: false,
    amr: ['pwd'],
    authTime: expect.any(Number),
  });
});

test('whoever says no has cancelled, and whoever may not be asked has not', async () => {
  const { clientId, clientSecret } = await addApp();
  const cancelled = await failureOf(comeBack(signIn({ clientId, clientSecret }), { cancel: true }));
  expect(cancelled).toMatchObject({ kind: 'cancelled', code: 'access_denied' });
  const silent = signIn({ clientId, clientSecret, parameters: { prompt: 'none' } });
  expect(await failureOf(comeBack(silent))).toMatchObject({ kind: 'refused', code: 'login_required' });
});

test('a wrong secret and a code that was used before are refusals, in ZITADEL’s words', async () => {
  const { clientId, clientSecret } = await addApp();
  const wrong = await failureOf(comeBack(signIn({ clientId, clientSecret: `${clientSecret}x` })));
  expect(wrong).toMatchObject({ kind: 'refused', code: 'invalid_client' });
  const one = signIn({ clientId, clientSecret });
  const { url, checks } = await one.begin(request());
  const back = await throughLogin(new Browser(), url, ANNA);
  const query = new URL(back.location!).searchParams;
  await one.finish(query, checks);
  expect(await failureOf(one.finish(query, checks))).toMatchObject({
    kind: 'refused',
    code: 'invalid_request',
  });
});

test('whoever is to be another is asked again, where the browser has a session', async () => {
  const { clientId, clientSecret } = await addApp();
  const one = signIn({ clientId, clientSecret });
  const browser = new Browser();
  await comeBack(one, ANNA, browser);
  const { url } = await one.begin(request({ isOtherAccount: true, hints: { email: 'old@example.com' } }));
  const page = await browser.follow(url, 'http://never');
  expect(page.body).toContain('value="old@example.com"');
});

test('a slash behind the issuer’s origin changes nothing: both are one address', async () => {
  const { clientId, clientSecret } = await addApp();
  expect(await comeBack(signIn({ clientId, clientSecret, issuer: `${zitadel.url}/` }))).toEqual(WHOLE);
});
