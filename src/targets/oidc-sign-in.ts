/**
 * Signing in at any target that is an OpenID Provider (OpenID Connect Core 1.0): the code flow with PKCE, state and nonce,
 * and an ID token whose signature is checked against the issuer's keys, whoever it came from.
 */
import { timingSafeEqual } from 'node:crypto';
import * as oidc from 'openid-client';
import { openAsking } from './oidc/asking.ts';
import type { Claims } from './oidc/profile.ts';
import { isSparse, signedInOf } from './oidc/profile.ts';
import { asSignInFailed, refused } from './oidc/refusals.ts';
import type { RelyingPartyOptions } from './oidc/relying-party.ts';
import { openRelyingParty } from './oidc/relying-party.ts';
import type { SignedIn, SignInChecks, SignInRequest, TargetSignIn } from './sign-in.ts';
import type { SignInSettings } from './sign-in-settings.ts';
import type { Target } from './target.ts';

const SCOPES = ['openid', 'profile', 'email'];

/** For a target with `signIn`. Asks nobody yet. */
export function openOidcSignIn(
  target: Pick<Target, 'signIn'>,
  options: RelyingPartyOptions = {},
): TargetSignIn {
  const signIn = target.signIn!;
  const asking = openAsking(signIn.timeoutMs);
  const relyingParty = openRelyingParty(signIn, asking, options);
  return {
    async begin(request) {
      needPerson(request.purpose);
      const configuration = await relyingParty.configuration();
      const checks = newChecks(request);
      const parameters = await parametersOf(signIn, request, checks);
      return { url: oidc.buildAuthorizationUrl(configuration, parameters).href, checks };
    },
    async finish(query, checks) {
      needPerson(checks.purpose);
      const configuration = await relyingParty.configuration();
      try {
        return await signedIn(configuration, { signIn, query, checks });
      } catch (error) {
        const failed = asSignInFailed(error);
        if (failed.code === 'unknown_key') relyingParty.forget();
        throw failed;
      }
    },
    close: () => asking.close(),
  };
}

/** What an organization would be here nobody knows: OpenID Connect is about people. */
function needPerson(purpose: SignInRequest['purpose']): void {
  if (purpose !== 'person') throw refused('no_organizations');
}

/** 256 bits each. */
const newChecks = ({ purpose, redirectUri }: SignInRequest) =>
  ({
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
    verifier: oidc.randomPKCECodeVerifier(),
    purpose,
    redirectUri,
  }) satisfies SignInChecks;

/** Hints first, over them the operator's parameters, and over all what the flow rests on. */
async function parametersOf(
  { scopes = SCOPES, parameters }: SignInSettings,
  { hints, isOtherAccount, locale }: SignInRequest,
  { state, nonce, verifier, redirectUri }: ReturnType<typeof newChecks>,
): Promise<Record<string, string>> {
  return {
    ...(hints.email !== undefined && { login_hint: hints.email }),
    // Of the values that ask somebody again, the one that all of them know.
    ...(isOtherAccount && { prompt: 'login' }),
    ...(locale !== undefined && { ui_locales: locale }),
    ...parameters,
    redirect_uri: redirectUri,
    scope: [...new Set(['openid', ...scopes])].join(' '),
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
}

interface Answered {
  readonly signIn: SignInSettings;
  readonly query: URLSearchParams;
  readonly checks: SignInChecks;
}

async function signedIn(
  configuration: oidc.Configuration,
  { signIn, query, checks }: Answered,
): Promise<SignedIn> {
  const metadata = configuration.serverMetadata();
  needOurs(query, checks, metadata);
  const url = new URL(checks.redirectUri);
  url.search = query.toString();
  const maxAge = Number(signIn.parameters.max_age ?? Number.NaN);
  const tokens = await oidc.authorizationCodeGrant(configuration, url, {
    expectedState: checks.state,
    expectedNonce: checks.nonce!,
    pkceCodeVerifier: checks.verifier,
    idTokenExpected: true,
    ...(Number.isFinite(maxAge) && { maxAge }),
  });
  const claims: Claims = tokens.claims()!;
  const userinfo =
    isSparse(claims) && metadata.userinfo_endpoint
      ? await oidc.fetchUserInfo(configuration, tokens.access_token, String(claims.sub))
      : undefined;
  return signedInOf(claims, userinfo);
}

/** The library checks the same and does not tell what it was. */
function needOurs(query: URLSearchParams, checks: SignInChecks, metadata: oidc.ServerMetadata): void {
  if (!isSame(query.get('state') ?? '', checks.state)) throw refused('wrong_state');
  const { issuer, authorization_response_iss_parameter_supported: isNamed } = metadata;
  if ((isNamed || query.has('iss')) && query.get('iss') !== issuer) throw refused('wrong_iss');
  // With an undefined nonce the library would want none.
  if (!checks.nonce || !checks.verifier) throw refused('wrong_nonce');
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return right.length > 0 && left.length === right.length && timingSafeEqual(left, right);
}
