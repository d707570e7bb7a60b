/**
 * ZITADEL's side of a login at an OpenID Provider, as its library does it: discovery at the beginning and again at the
 * end, no nonce, Basic authentication, RS256, ES256 or PS256, userinfo as JSON only, claims as Go reads them.
 */
import * as oidc from 'openid-client';
import type { Claims } from '../../../example/demo/strict-claims.ts';
import { readClaims } from '../../../example/demo/strict-claims.ts';
import type { Idp } from './instance.ts';

const ALGORITHMS = ['RS256', 'ES256', 'PS256'];
const DEFAULT_SCOPES = ['openid', 'profile', 'email', 'phone'];

export interface Begun {
  readonly url: string;
  readonly codeVerifier: string | undefined;
}

export interface ExternalUser {
  readonly claims: Claims;
  /** Userinfo as it came, or the ID token's claims where the provider is mapped from that. */
  readonly raw: Readonly<Record<string, unknown>>;
  readonly accessToken: string;
  readonly idToken: string;
}

interface Beginning {
  readonly state: string;
  readonly redirectUri: string;
  readonly loginHint?: string | undefined;
}

/** Where the browser goes: `select_account` unless there is a hint. */
export async function beginLogin(idp: Idp, { state, redirectUri, loginHint }: Beginning): Promise<Begun> {
  const config = await discover(idp);
  const codeVerifier = idp.settings.usePkce ? oidc.randomPKCECodeVerifier() : undefined;
  const scopes = (idp.settings.scopes as string[] | undefined) ?? [];
  const wanted = scopes.length ? scopes : DEFAULT_SCOPES;
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: [...new Set(['openid', ...wanted])].join(' '),
    state,
    ...(loginHint ? { login_hint: loginHint } : { prompt: 'select_account' }),
    ...(codeVerifier && {
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    }),
  });
  return { url: url.href, codeVerifier };
}

/** Throws for whatever ZITADEL would refuse; the message is for whoever reads a failed test. */
export async function finishLogin(
  idp: Idp,
  { callback, state, codeVerifier }: { callback: URL; state: string; codeVerifier: string | undefined },
): Promise<ExternalUser> {
  const config = await discover(idp);
  const tokens = await oidc.authorizationCodeGrant(config, callback, {
    expectedState: state,
    idTokenExpected: true,
    ...(codeVerifier && { pkceCodeVerifier: codeVerifier }),
  });
  const idClaims = tokens.claims()!;
  const header = JSON.parse(Buffer.from(tokens.id_token!.split('.')[0]!, 'base64url').toString('utf8'));
  if (!ALGORITHMS.includes(header.alg)) throw new Error(`signature algorithm not supported: ${header.alg}`);
  const raw = idp.settings.isIdTokenMapping ? { ...idClaims } : await userinfo(config, tokens.access_token);
  const claims = readClaims(raw);
  if (claims.sub !== idClaims.sub) throw new Error('userinfo is about somebody else than the ID token');
  return { claims, raw, accessToken: tokens.access_token, idToken: tokens.id_token! };
}

async function discover(idp: Idp): Promise<oidc.Configuration> {
  const { clientId, clientSecret } = idp.settings as { clientId: string; clientSecret: string };
  const config = await oidc.discovery(
    new URL(idp.issuer),
    clientId,
    {},
    oidc.ClientSecretBasic(clientSecret),
    {
      algorithm: 'oidc',
      execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    },
  );
  // To the letter: a slash too many is another issuer.
  const found = config.serverMetadata().issuer;
  if (found !== idp.issuer) throw new Error(`issuer does not match: ${found} is not ${idp.issuer}`);
  return config;
}

async function userinfo(config: oidc.Configuration, accessToken: string): Promise<Record<string, unknown>> {
  const endpoint = new URL(config.serverMetadata().userinfo_endpoint!);
  const answer = await oidc.fetchProtectedResource(config, accessToken, endpoint, 'GET');
  const type = answer.headers.get('content-type')?.split(';')[0];
  if (answer.status !== 200 || type !== 'application/json') {
    throw new Error(`userinfo answered ${answer.status} with ${type}`);
  }
  return (await answer.json()) as Record<string, unknown>;
}
