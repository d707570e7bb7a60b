/** A realm at a private Keycloak, in which Footbridge is an identity provider, and an app that people log in to. */
import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import type { TargetConnection } from '../../src/targets/connection.ts';
import { openTargets } from '../../src/targets/index.ts';
import type { apiSettings } from '../../src/targets/move-settings.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';
import { Browser } from '../support/browser.ts';
import type { Keycloak } from './keycloak.ts';

export const ALIAS = 'footbridge';
export const APP = { clientId: 'new-app', callback: 'http://127.0.0.1:9/cb', bye: 'http://127.0.0.1:9/bye' };
const API_CLIENT = 'footbridge-api';

export interface Realm {
  readonly name: string;
  readonly url: string;
  /** As the administrator; `path` is what follows the realm's. */
  admin<T = unknown>(method: string, path: string, body?: object): Promise<T>;
  /** For `targets[].api`. */
  readonly api: z.input<typeof apiSettings>;
  /** Registers an issuer as the identity provider. */
  trust(issuer: string, client: { clientId: string; secret: string }, more?: object): Promise<void>;
  /** Lets administrators store attributes that the realm's user profile does not name. */
  keepAttributes(): Promise<void>;
  /** Where the app sends people; `kc_idp_hint` skips Keycloak's own login page. */
  authorizationUrl(params?: Record<string, string>): string;
  /** What the app is told about who came back. */
  claimsOf(location: string | undefined): Promise<Record<string, unknown>>;
}

/** Where an identity provider sends people back to. */
export const brokerEndpoint = (url: string, realm: string) =>
  `${url}/realms/${realm}/broker/${ALIAS}/endpoint`;

/** `rights`: the roles of `realm-management` that our service account has. */
export async function openRealm(
  keycloak: Keycloak,
  name: string,
  rights: readonly string[] = ['manage-users'],
): Promise<Realm> {
  const [appSecret, apiSecret] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  await keycloak.admin('POST', '', {
    realm: name,
    enabled: true,
    sslRequired: 'NONE',
    clients: [
      {
        clientId: APP.clientId,
        secret: appSecret,
        redirectUris: [APP.callback],
        attributes: { 'post.logout.redirect.uris': APP.bye },
      },
      { clientId: API_CLIENT, secret: apiSecret, serviceAccountsEnabled: true, standardFlowEnabled: false },
    ],
    users: [
      {
        username: `service-account-${API_CLIENT}`,
        enabled: true,
        serviceAccountClientId: API_CLIENT,
        clientRoles: { 'realm-management': rights },
      },
    ],
  });
  const url = `${keycloak.url}/realms/${name}`;
  const admin: Realm['admin'] = (method, path, body) => keycloak.admin(method, `/${name}${path}`, body);
  return {
    name,
    url,
    admin,
    api: {
      url: keycloak.url,
      realm: name,
      clientCredentials: { clientId: API_CLIENT, secret: apiSecret },
      identityProvider: ALIAS,
      timeoutMs: 60_000,
      perSecond: 1_000,
    },
    trust: (issuer, client, more) => trust(admin, issuer, { client, more }),
    async keepAttributes() {
      const profile = await admin<object>('GET', '/users/profile');
      await admin('PUT', '/users/profile', { ...profile, unmanagedAttributePolicy: 'ADMIN_EDIT' });
    },
    authorizationUrl: (params = {}) => authorizationUrl(url, params),
    claimsOf: (location) => claimsOf(url, location, appSecret),
  };
}

interface Trusted {
  readonly client: { readonly clientId: string; readonly secret: string };
  readonly more?: object | undefined;
}

/** As docs/targets/keycloak.md does it. */
async function trust(admin: Realm['admin'], issuer: string, { client, more }: Trusted): Promise<void> {
  const config = await admin<object>('POST', '/identity-provider/import-config', {
    providerId: 'oidc',
    fromUrl: `${issuer}/.well-known/openid-configuration`,
  });
  await admin('POST', '/identity-provider/instances', {
    alias: ALIAS,
    providerId: 'oidc',
    displayName: 'Your existing account',
    enabled: true,
    trustEmail: true,
    firstBrokerLoginFlowAlias: 'first broker login',
    config: {
      ...config,
      clientId: client.clientId,
      clientSecret: client.secret,
      clientAuthMethod: 'client_secret_basic',
      pkceEnabled: 'true',
      pkceMethod: 'S256',
      defaultScope: 'openid profile email phone',
      syncMode: 'IMPORT',
      loginHint: 'true',
    },
    ...more,
  });
}

function authorizationUrl(realmUrl: string, params: Record<string, string>): string {
  const url = new URL(`${realmUrl}/protocol/openid-connect/auth`);
  const all = {
    client_id: APP.clientId,
    redirect_uri: APP.callback,
    response_type: 'code',
    scope: 'openid profile email',
    state: 's',
    ...params,
  };
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
  return url.href;
}

async function claimsOf(
  realmUrl: string,
  location: string | undefined,
  secret: string,
): Promise<Record<string, unknown>> {
  const code = new URL(location ?? 'x:').searchParams.get('code') ?? '';
  const answer = await new Browser().visit(`${realmUrl}/protocol/openid-connect/token`, {
    form: { grant_type: 'authorization_code', code, redirect_uri: APP.callback },
    headers: { authorization: `Basic ${Buffer.from(`${APP.clientId}:${secret}`).toString('base64')}` },
  });
  const { id_token } = answer.json<{ id_token: string }>();
  const claims = JSON.parse(Buffer.from(id_token.split('.')[1]!, 'base64url').toString());
  return { ...claims, id_token };
}

/** The form of Keycloak's page: where it leads, with its hidden fields and what the person fills in. */
export function formOf(page: { readonly body: string; readonly url: string }): string {
  const action = /<form[^>]*\baction="([^"]*)"/.exec(page.body)?.[1] ?? '';
  return new URL(action.replaceAll('&amp;', '&'), page.url).href;
}

export const TARGET = { name: 'keycloak', kind: 'keycloak', displayName: 'Example Login' };

/** As the settings open it; `changes` to `targets[].api`. */
export function connectionTo(
  { api, url }: Pick<Realm, 'api' | 'url'>,
  changes: object = {},
): TargetConnection {
  const settings = targetSettings.parse([{ ...TARGET, loginUrl: url, api: { ...api, ...changes } }]);
  return openTargets(settings, { issuer: 'https://login.example' }).connection(TARGET.name)!;
}

/** Opens the app and fills in Keycloak's own login page. */
export async function logInAt(realm: Realm, username: string, password: string) {
  const browser = new Browser();
  const page = await browser.follow(realm.authorizationUrl(), APP.callback);
  const answer = await browser.follow(formOf(page), APP.callback, { form: { username, password } });
  return { browser, answer };
}

/** What the page is called. */
export const titleOf = (page: { readonly body: string }) =>
  (/id="kc-page-title"[^>]*>([\s\S]*?)<\/h1>/.exec(page.body)?.[1] ?? '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
