/** The target as an OpenID Provider, for the apps that have switched to it. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { AccountClaims, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { interactionPolicy, Provider } from 'oidc-provider';
import { memoryAdapters } from './memory-adapter.ts';
import type { TargetStore, TargetUser } from './target-store.ts';
import { TARGET_SESSION_SECONDS } from './target-store.ts';
import type { Log } from './web.ts';

export const TARGET_COOKIE = 'target_session';
export const LOGIN_PATH = '/ui/login/login';

/** ZITADEL's own paths, so that the demo's URLs look like the real thing's. */
const ROUTES = {
  authorization: '/oauth/v2/authorize',
  token: '/oauth/v2/token',
  userinfo: '/oidc/v1/userinfo',
  end_session: '/oidc/v1/end_session',
  jwks: '/oauth/v2/keys',
};

export interface AppClient {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly postLogoutRedirectUri: string;
}

export interface TargetOpOptions {
  readonly origin: string;
  readonly store: TargetStore;
  readonly app: AppClient;
  readonly log: Log;
  readonly pages: {
    logout(formStart: string): string;
    loggedOut(): string;
    failed(sentence: string): string;
  };
}

export function targetProvider(options: TargetOpOptions): Provider {
  const provider = new Provider(options.origin, configuration(options));
  provider.silent = true;
  provider.on('server_error', (_ctx, error) => options.log(`the target's provider failed: ${error.stack}`));
  // The app's logout ends the target's own session too: otherwise the next login would be silent.
  provider.use(async (ctx, next) => {
    await next();
    const { oidc } = ctx as KoaContextWithOIDC;
    if (oidc?.route !== 'end_session_confirm' || !oidc.params?.logout) return;
    await options.store.endSession(ctx.cookies.get(TARGET_COOKIE) ?? '');
  });
  return provider;
}

/** Whether a request is for the provider rather than for the target's own pages. */
export function isProviderPath(path: string): boolean {
  return path.startsWith('/oauth/v2/') || path.startsWith('/oidc/v1/') || path.startsWith('/.well-known/');
}

function configuration({ store, app, pages }: TargetOpOptions): Configuration {
  const cookie = { httpOnly: true, sameSite: 'lax', signed: true, overwrite: true } as const;
  return {
    adapter: memoryAdapters(),
    clients: [
      {
        client_id: app.clientId,
        client_secret: app.clientSecret,
        redirect_uris: [app.redirectUri],
        post_logout_redirect_uris: [app.postLogoutRedirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    // Made at every start: sessions at the apps end with it, as the adapter's memory does.
    jwks: { keys: [signingKey()] },
    cookies: {
      names: { session: 'target_op_session', interaction: 'target_op_login', resume: 'target_op_resume' },
      keys: [randomBytes(32).toString('base64url')],
      long: cookie,
      short: cookie,
    },
    routes: ROUTES,
    scopes: ['openid'],
    claims: {
      openid: ['sub'],
      profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale'],
      email: ['email', 'email_verified'],
      roles: ['roles'],
    },
    conformIdTokenClaims: true,
    responseTypes: ['code'],
    pkce: { required: () => true },
    clientAuthMethods: ['client_secret_basic'],
    allowOmittingSingleRegisteredRedirectUri: false,
    enableHttpPostMethods: false,
    acceptQueryParamAccessTokens: false,
    clientBasedCORS: () => false,
    issueRefreshToken: async () => false,
    subjectTypes: ['public'],
    enabledJWA: { idTokenSigningAlgValues: ['RS256'] },
    ttl: {
      Interaction: 900,
      AuthorizationCode: 60,
      AccessToken: 600,
      IdToken: 600,
      Grant: TARGET_SESSION_SECONDS,
      Session: TARGET_SESSION_SECONDS,
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = pages.logout(form);
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = pages.loggedOut();
        },
      },
    },
    interactions: { policy: policyFor(store), url: (_ctx, { uid }) => `${LOGIN_PATH}?authRequestID=${uid}` },
    findAccount: async (_ctx, sub) => {
      const user = await store.userById(sub);
      return user && { accountId: sub, claims: async () => claimsOf(user) };
    },
    // The company's own app: nobody is asked for consent.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({
        clientId: oidc.client!.clientId,
        accountId: oidc.session!.accountId!,
      });
      grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' '));
      await grant.save();
      return grant;
    },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = pages.failed(out.error_description ?? out.error);
    },
  };
}

/** Somebody is signed in when the target's own session says so, whatever the library remembers. */
function policyFor(store: TargetStore) {
  const { base, Check } = interactionPolicy;
  const policy = base();
  policy.remove('consent');
  policy.get('login')!.checks.add(
    new Check('no_target_session', 'nobody is signed in here', async (ctx) => {
      const session = await store.session(ctx.cookies.get(TARGET_COOKIE) ?? '');
      const same = session !== undefined && session.user.id === ctx.oidc.session?.accountId;
      return same ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT;
    }),
  );
  return policy;
}

function claimsOf(user: TargetUser): AccountClaims {
  return {
    sub: user.id,
    name: user.display_name,
    given_name: user.given_name,
    family_name: user.family_name,
    preferred_username: user.username,
    email: user.email,
    email_verified: user.email_verified,
    ...(user.locale && { locale: user.locale }),
    roles: [...user.roles],
  };
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    ...privateKey.export({ format: 'jwk' }),
    kid: randomBytes(6).toString('base64url'),
    alg: 'RS256',
    use: 'sig',
  } as NonNullable<Configuration['jwks']>['keys'][number];
}
