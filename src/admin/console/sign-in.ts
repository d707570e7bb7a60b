/**
 * Operators who sign in at an OpenID Provider: the code flow with PKCE, state and nonce (OpenID Connect Core 1.0 section 3.1). What
 * they may do is read afresh from their claims each time, and kept for one session only.
 */
import * as oidc from 'openid-client';
import { openAsking } from '../../targets/oidc/asking.ts';
import { asSignInFailed, refused } from '../../targets/oidc/refusals.ts';
import { openRelyingParty } from '../../targets/oidc/relying-party.ts';
import type { AdminSettings } from '../admin-settings.ts';
import type { Role } from '../operation.ts';
import { ROLES } from '../operation.ts';

export type SignInSettings = NonNullable<AdminSettings['console']['signIn']>;

/** Between the two halves; never outside our sealed cookie. */
export interface Checks {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
  /** Where in the console they wanted to go. */
  readonly onward: string;
  /** Seconds since the epoch. */
  readonly until: number;
}

export interface SignedInThere {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  /** Undefined: they are known there, and have no role here. */
  readonly role: Role | undefined;
}

export interface OperatorSignIn {
  readonly issuer: string;
  /** Where to send the browser. Throws SignInFailed. */
  begin(asked: {
    readonly redirectUri: string;
    readonly onward: string;
    readonly until: number;
    /** Asks them again, although they are signed in there. */
    readonly isAgain: boolean;
  }): Promise<{ readonly url: string; readonly checks: Checks }>;
  /** `query`: what the browser brought back. Throws SignInFailed. */
  finish(query: URLSearchParams, checks: Checks): Promise<SignedInThere>;
  close(): Promise<void>;
}

/** How long one call there may take. */
const TIMEOUT_MS = 10_000;

/** Asks nobody yet. `sessionSeconds`: whoever signed in there longer ago than a session of ours lasts is asked again. */
export function openSignIn(settings: SignInSettings, sessionSeconds: number): OperatorSignIn {
  const { issuer, clientId, secret, scopes } = settings;
  const asking = openAsking(TIMEOUT_MS);
  const relyingParty = openRelyingParty(
    {
      issuer,
      clientId,
      ...(secret ? { clientSecret: secret } : {}),
      algorithm: 'RS256',
      authentication: 'basic',
      parameters: {},
      timeoutMs: TIMEOUT_MS,
    },
    asking,
  );
  return {
    issuer,
    async begin({ isAgain, ...asked }) {
      const configuration = await relyingParty.configuration();
      const checks: Checks = {
        ...asked,
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
      };
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: checks.redirectUri,
        scope: [...new Set(['openid', ...scopes])].join(' '),
        state: checks.state,
        nonce: checks.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(checks.verifier),
        code_challenge_method: 'S256',
        max_age: String(sessionSeconds),
        ...(isAgain ? { prompt: 'login' } : {}),
      });
      return { url: url.href, checks };
    },
    async finish(query, checks) {
      const configuration = await relyingParty.configuration();
      try {
        return signedInOf(
          await claimsOf(configuration, { query, checks, sessionSeconds, settings }),
          settings,
        );
      } catch (error) {
        const failed = asSignInFailed(error);
        if (failed.code === 'unknown_key') relyingParty.forget();
        throw failed;
      }
    },
    close: () => asking.close(),
  };
}

type Claims = Readonly<Record<string, unknown>>;

interface Answered {
  readonly query: URLSearchParams;
  readonly checks: Checks;
  readonly sessionSeconds: number;
  readonly settings: SignInSettings;
}

async function claimsOf(
  configuration: oidc.Configuration,
  { query, checks, sessionSeconds, settings }: Answered,
): Promise<Claims> {
  const url = new URL(checks.redirectUri);
  url.search = query.toString();
  const tokens = await oidc.authorizationCodeGrant(configuration, url, {
    expectedState: checks.state,
    expectedNonce: checks.nonce,
    pkceCodeVerifier: checks.verifier,
    idTokenExpected: true,
    maxAge: sessionSeconds,
  });
  const claims: Claims = tokens.claims()!;
  // Some say roles in the ID token only where told to; userinfo is about the same subject, which the library checks.
  const isThere = claimAt(claims, settings.roleClaim) !== undefined;
  if (isThere || configuration.serverMetadata().userinfo_endpoint === undefined) return claims;
  const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, String(claims.sub));
  return { ...userinfo, ...claims };
}

function signedInOf(claims: Claims, settings: SignInSettings): SignedInThere {
  const subject = claims.sub;
  if (typeof subject !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(subject)) throw refused('wrong_sub');
  const text = (value: unknown) =>
    typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  const email = claims.email_verified === true ? text(claims.email) : undefined;
  return {
    issuer: settings.issuer,
    subject,
    name: text(claims.preferred_username) ?? email ?? subject,
    role: roleOf(claims, settings),
  };
}

/** The highest that any of their roles there is worth here. */
export function roleOf(
  claims: Claims,
  { roleClaim, roles }: Pick<SignInSettings, 'roleClaim' | 'roles'>,
): Role | undefined {
  const held = new Set(valuesOf(claimAt(claims, roleClaim)));
  return ROLES.findLast((role) => roles[role].some((value) => held.has(value)));
}

/** By its name; where there is none of it, by its path (`realm_access.roles`). */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split('.')
    .reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), claims);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A list of texts, one text, or an object with a role per key, as ZITADEL writes them. */
function valuesOf(claim: unknown): string[] {
  if (typeof claim === 'string') return [claim];
  if (Array.isArray(claim)) return claim.filter((one) => typeof one === 'string');
  return isObject(claim) ? Object.keys(claim) : [];
}
