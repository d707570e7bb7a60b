/** ZITADEL's two logins, walked through our real provider. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { serve } from '../../legacy/http-api.ts';
import type { Stage } from '../../provider/harness.ts';
import { ANNA, openStage } from '../../provider/harness.ts';
import { Browser } from '../browser.ts';
import { flowKey } from './actions-v1-calls.ts';
import type { AtProvider } from './at-provider.ts';
import { typing } from './at-provider.ts';
import type { Zitadel } from './index.ts';
import { openZitadel } from './index.ts';

const CLIENT_SECRET = 'zitadel-secret-0123456789';
let zitadel: Zitadel;
let stage: Stage;
beforeAll(async () => {
  zitadel = await openZitadel();
  const redirectUris = ['/ui/login/login/externalidp/callback', '/idps/callback'].map(
    (path) => zitadel.url + path,
  );
  const client = { clientId: 'zitadel', secret: CLIENT_SECRET, redirectUris, pkce: 'optional' };
  stage = await openStage({ clients: [client] });
});
afterAll(async () => {
  await stage?.close();
  await zitadel?.close();
});

const call = async <T>(verb: string, path: string, body: object): Promise<T> => {
  const headers = { authorization: `Bearer ${zitadel.token}` };
  const answer = await fetch(zitadel.url + path, { method: verb, headers, body: JSON.stringify(body) });
  return (await answer.json()) as T;
};

let idpId: string;
/** A provider with these options; nobody is there yet. */
async function register(providerOptions: object): Promise<void> {
  zitadel.instance.users.clear();
  zitadel.instance.catchUp();
  zitadel.instance.loginIdps.clear();
  const given = {
    name: 'Old',
    issuer: stage.issuer,
    clientId: 'zitadel',
    clientSecret: CLIENT_SECRET,
    providerOptions,
    usePkce: true,
  };
  const made = await call<{ id: string }>('POST', '/admin/v1/idps/generic_oidc', given);
  idpId = made.id;
  await call('POST', '/admin/v1/policies/login/idps', { idpId });
}

const anna = typing({ username: ANNA.login, password: ANNA.password });
const nobody = typing({ username: ANNA.login, password: 'wrong' });
const AUTOMATIC = { isLinkingAllowed: true, isCreationAllowed: true, isAutoCreation: true };
const users = () => [...zitadel.instance.users.values()];

describe('Login V2', () => {
  beforeEach(() => register(AUTOMATIC));
  const login = (atProvider = anna) => zitadel.loginV2(new Browser()).throughProvider(idpId, atProvider);

  test('makes a user, and finds them the next time', async () => {
    const first = await login();
    expect(first).toMatchObject({ kind: 'logged-in', did: ['created'] });
    expect(users()).toMatchObject([{ links: [{ idpId, userId: 'shop:anna', userName: 'anna' }] }]);
    expect(await login()).toMatchObject({ kind: 'logged-in', did: [], userId: users()[0]!.id });
  });
  test('makes nobody of a wrong password', async () => {
    expect((await login(nobody)).kind).toBe('page');
    expect(users()).toEqual([]);
  });
  test('shows the registration page where nobody may be made automatically', async () => {
    await register({ isCreationAllowed: true });
    expect(await login()).toMatchObject({
      kind: 'page',
      page: '/idp/oidc/complete-registration',
      parameters: { idpUserId: 'shop:anna' },
    });
  });
  test('asks for the password of somebody who has one, and sends the others to their provider', async () => {
    await login();
    const at = zitadel.loginV2(new Browser());
    expect(await at.submitLoginName('anna')).toMatchObject({ kind: 'redirect', idpId });
    users()[0]!.links = [];
    await call('POST', `/v2/users/${users()[0]!.id}/password`, {
      newPassword: { password: 'Simple-Enough-1' },
    });
    expect(await at.submitLoginName('ANNA')).toMatchObject({ kind: 'page', page: '/password' });
    expect(await at.submitPassword('anna', 'wrong')).toMatchObject({ kind: 'error' });
    expect(await at.submitPassword('anna', 'Simple-Enough-1')).toMatchObject({ kind: 'logged-in' });
  });
  test('says of nobody whether they exist where it is told so', async () => {
    zitadel.instance.policies.login.ignoreUnknownUsernames = true;
    const at = zitadel.loginV2(new Browser());
    expect(await at.submitLoginName('nobody')).toMatchObject({ kind: 'page', page: '/password' });
    expect(await at.submitPassword('nobody', 'x')).toMatchObject({ kind: 'error' });
    zitadel.instance.policies.login.ignoreUnknownUsernames = false;
  });
});

describe('Login V1', () => {
  beforeEach(() => register(AUTOMATIC));
  const login = (atProvider = anna) => zitadel.loginV1({ browser: new Browser(), idpId, atProvider });

  test('makes a user, and finds them the next time', async () => {
    expect(await login()).toMatchObject({ kind: 'logged-in', did: ['created'] });
    expect(await login()).toMatchObject({ kind: 'logged-in', did: [] });
    expect(users()).toHaveLength(1);
  });
  test('asks where nobody may be made automatically, and gives up where nothing may be', async () => {
    await register({ isCreationAllowed: true });
    expect(await login()).toMatchObject({ kind: 'page', page: 'external_not_found_option' });
    await register({});
    expect(await login()).toMatchObject({ kind: 'error', error: expect.stringContaining('LOGIN-3kl44') });
  });
  test('runs its Actions in order, and for failed logins too', async () => {
    const { organization, instance } = zitadel;
    const action = (name: string, script: string) => {
      const one = {
        id: name,
        organization,
        name,
        script,
        timeoutMs: 5_000,
        allowedToFail: false,
        isActive: true,
      };
      instance.actions.set(name, one);
      return name;
    };
    const post = action(
      'post',
      "function post(ctx, api) { if (ctx.v1.authError !== 'none') return; api.setNickName(ctx.getClaim('sub')); api.v1.user.appendMetadata('a', { b: 1 }) }",
    );
    const after = action(
      'after',
      "function after(ctx, api) { require('zitadel/log').log(ctx.v1.getUser().id + ' ' + ctx.v1.authRequest.linkingUsers[0].externalId) }",
    );
    instance.flows.set(flowKey(organization, '1', '1'), [post]);
    instance.flows.set(flowKey(organization, '1', '3'), [after]);
    await login();
    await zitadel.loginV1({
      browser: new Browser(),
      idpId,
      atProvider: async ({ browser, redirectUri }) => ({
        ...(await browser.visit(stage.issuer)),
        location: `${redirectUri}?error=access_denied`,
      }),
    });
    const [user] = users();
    expect(instance.actionRuns.map(({ trigger }) => trigger)).toEqual([
      'post-authentication',
      'post-creation',
      'post-authentication',
    ]);
    expect(user).toMatchObject({ profile: { nickName: 'shop:anna' } });
    expect(Buffer.from(user!.metadata.a!, 'base64').toString()).toBe('{"b":1}');
    expect(instance.actionRuns[1]?.logs).toEqual([`log: ${user!.id} shop:anna`]);
  });
});

describe('a JWT provider', () => {
  const ISSUER = 'https://old.example';
  /** A proxy on the legacy side: puts the token into the header of the request that the browser is on its way with. */
  async function through(claims: object, login: 'V1' | 'V2') {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k' };
    const keys = await serve(() => ({ json: { keys: [jwk] } }));
    const now = Math.floor(Date.now() / 1_000);
    const given = {
      iss: ISSUER,
      sub: 'shop:anna',
      iat: now,
      exp: now + 60,
      given_name: 'A',
      family_name: 'B',
      email: 'a@b.example',
      preferred_username: 'anna',
    };
    const token = await new SignJWT({ ...given, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .sign(privateKey);
    const settings = {
      name: 'Old',
      issuer: ISSUER,
      jwtEndpoint: 'https://old.example/jwt',
      keysEndpoint: keys.url,
      headerName: 'x-token',
      providerOptions: AUTOMATIC,
    };
    const { id } = await call<{ id: string }>('POST', '/admin/v1/idps/generic_jwt', settings);
    await call('POST', '/admin/v1/policies/login/idps', { idpId: id });
    const path = login === 'V1' ? '/ui/login/login/jwt/authorize' : '/idps/jwt';
    const relay: AtProvider = ({ browser, url }) =>
      browser.visit(zitadel.url + path + new URL(url).search, { headers: { 'x-token': token } });
    if (login === 'V1')
      return zitadel.loginV1({ browser: new Browser(), idpId: id, atProvider: relay }).finally(keys.close);
    const at = zitadel.loginV2(new Browser());
    const started = await at.startProvider(id);
    if (started.kind !== 'redirect') return started;
    const back = await relay({ browser: new Browser(), url: started.url, redirectUri: '' });
    return at.openReturn(new URL(back.location!)).finally(keys.close);
  }
  beforeEach(() => register(AUTOMATIC));

  test.each(['V1', 'V2'] as const)('logs in at Login %s, whatever its audience', async (login) => {
    expect(await through({ aud: 'somebody else' }, login)).toMatchObject({
      kind: 'logged-in',
      did: ['created'],
    });
  });
  test.each([
    ['another issuer', { iss: `${ISSUER}/` }],
    ['no time left', { exp: Math.floor(Date.now() / 1_000) }],
    ['a time of issue too long ago', { iat: 1 }],
  ])('does not with %s', async (_what, claims) => {
    expect((await through(claims, 'V2')).kind).toBe('error');
    expect(users()).toEqual([]);
  });
});
