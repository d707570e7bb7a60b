/** The demo world with a real Keycloak beside it, in which Footbridge is an identity provider. */
import { expect } from 'vitest';
import { codeOfStep, stepAt } from '../../example/demo/totp.ts';
import type { TargetConnection, TargetUser } from '../../src/targets/connection.ts';
import type { Keycloak } from '../servers/keycloak.ts';
import { startKeycloak } from '../servers/keycloak.ts';
import type { Realm } from '../servers/keycloak-realm.ts';
import { ALIAS, APP, brokerEndpoint, connectionTo, openRealm, TARGET } from '../servers/keycloak-realm.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';
import type { Server } from './server.ts';
import { startServer } from './server.ts';
import type { World } from './world.ts';
import {
  authorizationUrl,
  callApi,
  claimsOf,
  machineToken,
  openWorld,
  person,
  secretsPath,
  TICKET,
} from './world.ts';

export interface KeycloakWorld {
  readonly world: World;
  readonly keycloak: Keycloak;
  /** A node whose clients are the two realms. */
  readonly bridge: Server;
  /** Set up as docs/targets/keycloak.md says. */
  readonly realm: Realm;
  /** Another, whose client at Footbridge gets nothing in its ID token but the login. */
  readonly plain: Realm;
  /** One whose users we make ourselves, at their login here. */
  readonly pushed: Realm;
  /** To the first realm. */
  readonly connection: TargetConnection;
  close(): Promise<void>;
}

const REALM = 'shop';
/** One whose users we make ourselves, at their login here. */
const PUSHED = { realm: 'pushed', clientId: 'pushed', secret: 'secret-of-the-pushed-012345678' };
const PLAIN = { realm: 'plain', clientId: 'plain', secret: 'secret-of-the-plain-0123456789' };

export async function openKeycloakWorld(): Promise<KeycloakWorld> {
  const [world, keycloak] = await Promise.all([openWorld(), startKeycloak()]);
  const ours = { clientId: 'demo-target', secret: world.clientSecret };
  const pushed = await openRealm(keycloak, PUSHED.realm);
  await pushed.keepAttributes();
  const bridge = await startServer(world, (settings) => {
    const endpoint = brokerEndpoint(keycloak.url, REALM);
    settings.provider.acceptedOrigins = [keycloak.url];
    settings.provider.clients = [
      {
        ...ours,
        name: 'Example Login',
        redirectUris: [endpoint],
        postLogoutRedirectUris: [`${endpoint}/logout_response`],
        backchannelLogoutUri: `${keycloak.url}/realms/${REALM}/protocol/openid-connect/logout/backchannel-logout`,
        grantTypes: ['authorization_code', 'client_credentials'],
        claimsInIdToken: true,
      },
      {
        clientId: PLAIN.clientId,
        secret: PLAIN.secret,
        redirectUris: [brokerEndpoint(keycloak.url, PLAIN.realm)],
      },
      {
        clientId: PUSHED.clientId,
        secret: PUSHED.secret,
        redirectUris: [brokerEndpoint(keycloak.url, PUSHED.realm)],
        claimsInIdToken: true,
      },
    ];
    const target = { ...TARGET, loginUrl: keycloak.url };
    settings.targets = [
      { ...target, clientIds: [ours.clientId] },
      {
        ...target,
        name: 'pushed',
        clientIds: [PUSHED.clientId],
        api: pushed.api,
        move: { push: 'at-login' },
      },
    ];
  });
  const [realm, plain] = [await openRealm(keycloak, REALM), await openRealm(keycloak, PLAIN.realm)];
  await realm.trust(bridge.issuer, ours);
  await plain.trust(bridge.issuer, PLAIN);
  await pushed.trust(bridge.issuer, PUSHED);
  await realm.keepAttributes();
  const connection = connectionTo(realm);
  const close = async () => {
    await connection.close();
    await keycloak.stop();
    bridge.process.kill('SIGTERM');
    await bridge.exited;
    await world.close();
  };
  return { world, keycloak, bridge, realm, plain, pushed, connection, close };
}

export const subOf = (login: string) => `shop:${person(login).id}`;

export interface LogIn {
  readonly login: string;
  readonly password?: string;
  readonly stopAt?: string;
}

/** Fills in Footbridge's login pages. */
export async function logInHere(
  browser: Browser,
  page: Answer,
  { login, password = person(login).password, stopAt = APP.callback }: LogIn,
): Promise<Answer> {
  const submit = (at: Answer, form: Record<string, string>) =>
    browser.follow(at.url.split('?')[0]!, stopAt, {
      form: { form_token: field(at.body, 'form_token') ?? '', ...form },
    });
  const answer = await submit(page, { username: login, password });
  if (!person(login).otpSeed || answer.location) return answer;
  return submit(answer, { step: field(answer.body, 'step') ?? '', code: codeOf(login) });
}

/** What the person's authenticator app shows. */
export const codeOf = (login: string) => codeOfStep(person(login).otpSeed!, stepAt(Date.now() / 1000));

/** Opens the app at Keycloak, which sends the person on to us. */
export async function enter(
  { realm, bridge }: KeycloakWorld,
  login: string,
  { browser = new Browser(), at = realm } = {},
) {
  const page = await browser.follow(at.authorizationUrl({ kc_idp_hint: ALIAS }), APP.callback);
  expect(page.url).toMatch(`${bridge.issuer}/login/`);
  return { browser, end: await logInHere(browser, page, { login }) };
}

/** What Footbridge releases of the person, as a target fetches it. */
export async function release(
  { world, keycloak, bridge }: KeycloakWorld,
  login: string,
): Promise<TargetUser> {
  const callback = brokerEndpoint(keycloak.url, REALM);
  const here = { ...world, issuer: bridge.issuer, callback };
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(here), callback);
  const end = await logInHere(browser, page, { login, stopAt: callback });
  const claims = await claimsOf(here, end.location);
  const call = { method: 'POST', path: secretsPath(subOf(login)), body: { ticket: claims[TICKET] } };
  const answer = await callApi(here, await machineToken(here), call);
  expect(answer.status).toBe(200);
  const { password, totp } = answer.json<Released>();
  const legacyId = String(person(login).id);
  return {
    sub: subOf(login),
    legacyId,
    targetUserId: 'chosen-by-keycloak',
    username: login,
    givenName: String(claims.given_name),
    familyName: String(claims.family_name),
    email: { address: String(claims.email), isVerified: claims.email_verified === true },
    password,
    ...(totp && { totpSecret: totp.secret }),
    identityProviderLinks: [],
    metadata: { legacy_id: legacyId },
    grants: [],
  };
}

interface Released {
  readonly password: NonNullable<TargetUser['password']>;
  readonly totp?: { readonly secret: string };
}
