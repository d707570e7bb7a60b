/**
 * The OpenID Provider: oidc-provider with every one of its traps settled by an explicit setting (the list with a test
 * for each is `docs/provider.md`). A provider is a value made of settings and keys; rotating keys makes a new one.
 */

import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { Provider } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import type { Keyring } from '../store/encryption.ts';
import type { User } from '../user.ts';
import { adapterFactory, asProtocolError } from './adapter.ts';
import type { ClaimsOptions } from './claims.ts';
import { accountOf, CLAIMS_BY_SCOPE, ORGANIZATIONS_CLAIM } from './claims.ts';
import { assertEndsSoon } from './client-assertion.ts';
import { clientMetadata, RESPONSE_MODES } from './clients.ts';
import { cookieSettings } from './cookies.ts';
import { underFapi } from './fapi.ts';
import { LOGIN_PATH } from './interaction-cookie.ts';
import type { ProviderKeys } from './keys.ts';
import { noteAsker } from './logout.ts';
import { claimClient, jwtIdpClient } from './own-clients.ts';
import type { PolicyOptions } from './policy.ts';
import { interactionPolicyFor } from './policy.ts';
import type { ProviderSettings } from './provider-settings.ts';
import type { Scopes } from './request-scope.ts';
import type { SessionFacts, SessionLifetimes } from './session-lives.ts';
import { idleUntil } from './session-lives.ts';

export const API_SCOPES = ['migration:read', 'migration:secrets', 'migration:write', 'sync:write'] as const;
/** Authentication context classes: one factor, two factors. */
export const ACR = { password: 'urn:footbridge:acr:1', twoFactors: 'urn:footbridge:acr:2' } as const;
/** Seconds two machines' clocks may differ. */
const CLOCK_TOLERANCE_SECONDS = 15;
/** A session without a person only carries a logout page's answer. */
const ANONYMOUS_SESSION_SECONDS = 300;
const RESPONSE_BYTES = 64 * 1024;
/** The library answers with or without a slash at the end. */
const METADATA = /^\/\.well-known\/(?:openid-configuration|oauth-authorization-server)\/?$/;

/** In the library's words. */
const OTHERS_GRANT = 'requested grant type is not allowed for this client';

export interface ProviderOptions {
  readonly settings: ProviderSettings;
  readonly keys: ProviderKeys;
  readonly keyring: Keyring;
  readonly scopes: Scopes;
  readonly userBySub: (sub: string) => Promise<User | undefined>;
  readonly ticket: ClaimsOptions['ticket'];
  readonly oldLoginIsOver?: PolicyOptions['oldLoginIsOver'];
  readonly organizationsOf?: ClaimsOptions['organizationsOf'];
  /** People log in here to link their account. */
  readonly hasClaimTokens?: boolean;
  /** Extra claims the mapping names; granted with scope `legacy`. */
  readonly attributeClaims?: readonly string[];
  readonly renderError: NonNullable<Configuration['renderError']>;
  readonly renderLogout: (ctx: KoaContextWithOIDC, form: string) => Promise<void>;
  readonly renderLoggedOut: (ctx: KoaContextWithOIDC) => Promise<void>;
}

export function createProvider(options: ProviderOptions): Provider {
  const { settings, keys } = options;
  assertKeys(keys);
  const asked = configuration(options);
  const provider = new Provider(settings.issuer, settings.profile === 'fapi-2.0' ? underFapi(asked) : asked);
  provider.use(mendAnswers);
  // The front door (guard.ts) overwrites the forwarded headers with what was checked: nothing a client sent survives.
  provider.proxy = true;
  provider.maxIpsCount = 1;
  provider.silent = true;
  return provider;
}

/**
 * The library's metadata names a response mode that no client of ours may use, its page that posts itself adds the hash of its
 * script to a directive that says 'none', and it has no name of its own for a grant that is not this client's (RFC 6749 section 5.2).
 */
async function mendAnswers(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next();
  const body = ctx.body as Record<string, unknown> | undefined;
  if (METADATA.test(ctx.path) && body?.response_modes_supported)
    body.response_modes_supported = RESPONSE_MODES;
  if (ctx.path === '/token' && body?.error_description === OTHERS_GRANT) body.error = 'unauthorized_client';
  const policy = ctx.response.get('Content-Security-Policy');
  if (policy.includes("'none' 'sha256-"))
    ctx.set('Content-Security-Policy', policy.replace("'none' 'sha256-", "'sha256-"));
}

/** The library would fall back to published development keys and unsigned cookies; we refuse to start instead. */
function assertKeys({ signing, cookie }: ProviderKeys): void {
  if (signing.length === 0) throw new Error('no signing key: the provider does not start without one');
  if (cookie.length === 0) throw new Error('no cookie key: the provider does not start without one');
  if (new Set(signing.map((key) => key.kid)).size !== signing.length)
    throw new Error('two signing keys share one kid');
}

function configuration(options: ProviderOptions): Configuration {
  const { settings, keys, scopes, keyring, organizationsOf } = options;
  const clients = new Map(settings.clients.map((client) => [client.clientId, client]));
  return {
    adapter: adapterFactory(scopes, keyring, settings.lifetimes.interactionSeconds),
    clients: [
      ...settings.clients.map((client) => clientMetadata(client, settings.profile)),
      ...(settings.jwtIdp ? [jwtIdpClient(settings.issuer)] : []),
      ...(options.hasClaimTokens ? [claimClient(settings.issuer)] : []),
    ],
    jwks: { keys: keys.signing as NonNullable<Configuration['jwks']>['keys'] },
    cookies: cookieSettings(settings.issuer, keys.cookie),
    ...protocol(clients),
    ...lifetimes(settings),
    features: features(options),
    claims: {
      ...CLAIMS_BY_SCOPE,
      ...(organizationsOf ? { roles: [...CLAIMS_BY_SCOPE.roles, ORGANIZATIONS_CLAIM] } : {}),
      legacy: [...CLAIMS_BY_SCOPE.legacy, ...(options.attributeClaims ?? [])],
      sid: null,
    },
    scopes: ['openid', 'offline_access', ...API_SCOPES],
    acrValues: Object.values(ACR),
    // False, because claims.ts decides per client what an ID token carries.
    conformIdTokenClaims: false,
    interactions: {
      policy: interactionPolicyFor({
        lifetimes: settings.lifetimes,
        userBySub: options.userBySub,
        oldLoginIsOver: options.oldLoginIsOver,
      }),
      url: (_ctx, interaction) => `${LOGIN_PATH}/${interaction.uid}`,
    },
    findAccount: async (ctx, sub, token) => {
      const user = await options.userBySub(sub).catch(asProtocolError);
      if (user?.state !== 'active' || user.sub !== sub) return undefined;
      return accountOf(user, ctx, token, {
        // Both ask the store and our database, at the token endpoint as well.
        ticket: (login) => options.ticket(login).catch(asProtocolError),
        organizationsOf: organizationsOf && ((of) => organizationsOf(of).catch(asProtocolError)),
        claimsInIdToken: (clientId) => clients.get(clientId)?.claimsInIdToken ?? false,
      });
    },
    loadExistingGrant,
    extraTokenClaims: async (ctx, token) => {
      const authTime = (ctx.oidc.entities.AuthorizationCode ?? ctx.oidc.entities.RefreshToken)?.authTime;
      // RFC 9470 section 6.2: resource servers may ask when the person last proved who they are.
      return token.kind === 'AccessToken' && authTime ? { auth_time: authTime } : undefined;
    },
    renderError: options.renderError,
    fetch: guardedFetch(settings.acceptedOrigins),
    fetchResponseBodyLimits: { jwks_uri: RESPONSE_BYTES },
  } as Configuration;
}

function protocol(clients: ReadonlyMap<string, ProviderSettings['clients'][number]>): Configuration {
  return {
    responseTypes: ['code'],
    pkce: { required: (_ctx, client) => clients.get(client.clientId)?.pkce !== 'optional' },
    allowOmittingSingleRegisteredRedirectUri: false,
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    assertJwtClientAuthClaimsAndHeader: (_ctx, claims) => assertEndsSoon(claims),
    clientBasedCORS: () => false,
    subjectTypes: ['public'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    acceptQueryParamAccessTokens: false,
    // posted-routes.ts takes them: the library's own way needs SameSite=None, and every cross-site form would carry the session.
    enableHttpPostMethods: false,
    // Confidential clients keep their refresh token (FAPI 2.0 section 5.3.2.1); public clients do not exist here.
    rotateRefreshToken: () => false,
    issueRefreshToken: async (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    expiresWithSession: async (_ctx, code) => !code.scopes.has('offline_access'),
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'ES256'],
      userinfoSigningAlgValues: ['RS256', 'ES256'],
      clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      dPoPSigningAlgValues: ['ES256', 'EdDSA', 'PS256', 'RS256'],
      introspectionSigningAlgValues: ['RS256', 'ES256'],
    },
  } as Configuration;
}

function lifetimes({ lifetimes: t }: ProviderSettings): Configuration {
  return {
    ttl: {
      Interaction: t.interactionSeconds,
      AuthorizationCode: t.codeSeconds,
      AccessToken: t.accessTokenSeconds,
      ClientCredentials: t.accessTokenSeconds,
      IdToken: t.idTokenSeconds,
      RefreshToken: t.refreshTokenSeconds,
      PushedAuthorizationRequest: 60,
      // A grant that ended before what was issued under it would kill living tokens.
      Grant: Math.max(t.sessionSeconds, t.rememberedSeconds, t.refreshTokenSeconds) + t.accessTokenSeconds,
      Session: (_ctx, session) => (session.accountId ? sessionTtl(session, t) : ANONYMOUS_SESSION_SECONDS),
    },
  };
}

/** Seconds, one at least: the library stores nothing for less. */
export const sessionTtl = (session: SessionFacts, lifetimes: SessionLifetimes): number =>
  Math.max(1, idleUntil(session, lifetimes) - nowSeconds());

function features(options: ProviderOptions): NonNullable<Configuration['features']> {
  const ownTokensOnly = async (
    _ctx: KoaContextWithOIDC,
    client: { clientId: string },
    token: { clientId?: string | undefined },
  ) => token.clientId === client.clientId;
  const told = new Set(options.settings.clients.filter((c) => c.toldOfOwnLogout).map((c) => c.clientId));
  return {
    devInteractions: { enabled: false },
    registration: { enabled: false },
    deviceFlow: { enabled: false },
    requestObjects: { enabled: false },
    resourceIndicators: { enabled: false },
    clientCredentials: { enabled: true },
    claimsParameter: { enabled: true },
    introspection: { enabled: true, allowedPolicy: ownTokensOnly },
    revocation: { enabled: true, allowedPolicy: ownTokensOnly },
    jwtUserinfo: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    dPoP: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: async (ctx: KoaContextWithOIDC, form: string) => {
        noteAsker(ctx, { isTold: told.has(ctx.oidc.client?.clientId ?? '') });
        await options.renderLogout(ctx, form);
      },
      postLogoutSuccessSource: options.renderLoggedOut,
    },
  } as NonNullable<Configuration['features']>;
}

/** The person's login is the consent: a grant for what the client asks, made once per session and widened when needed. */
async function loadExistingGrant(ctx: KoaContextWithOIDC) {
  const { client, session, provider, account } = ctx.oidc;
  if (!client || !session?.accountId || !account) return undefined;
  const scope = [...ctx.oidc.requestParamOIDCScopes].join(' ');
  const claims = [...ctx.oidc.requestParamClaims];
  const grantId = session.grantIdFor(client.clientId);
  const existing = grantId ? await provider.Grant.find(grantId) : undefined;
  const fits = existing && existing.accountId === session.accountId && existing.clientId === client.clientId;
  const grant = fits
    ? existing
    : new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  const covers =
    fits &&
    existing.getOIDCScopeFiltered(ctx.oidc.requestParamOIDCScopes) === scope &&
    claims.every((claim) => existing.getOIDCClaims().includes(claim));
  if (covers) return grant;
  grant.addOIDCScope(scope);
  if (claims.length) grant.addOIDCClaims(claims);
  await grant.save();
  return grant;
}

/**
 * The library destroys sockets to private addresses (its guard against server-side request forgery). Origins the
 * operator listed are internal on purpose and bypass it; everything else keeps it.
 */
function guardedFetch(acceptedOrigins: readonly string[]): NonNullable<Configuration['fetch']> {
  const accepted = new Set(acceptedOrigins);
  return async (url, init) => {
    const headers = new Headers(init?.headers);
    // The library leaves it empty, which some firewalls take for an attack (RFC 9110 section 10.1.5).
    headers.set('User-Agent', 'footbridge');
    if (!accepted.has(new URL(url as string).origin)) return fetch(url, { ...init, headers });
    const { dispatcher: _guard, ...rest } = (init ?? {}) as RequestInit & { dispatcher?: unknown };
    return fetch(url, { ...rest, headers });
  };
}
