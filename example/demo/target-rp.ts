/**
 * The target's side of a login at Footbridge, as ZITADEL does it: discovery at the beginning and again at the end,
 * the auth request's id as state, no nonce, `select_account` unless there is a hint, Basic authentication, and
 * userinfo as JSON only.
 */
import * as oidc from 'openid-client';
import type { Claims } from './strict-claims.ts';
import { ClaimError, readClaims } from './strict-claims.ts';
import { WebError } from './web.ts';

const SCOPES = 'openid profile email phone';
const ALGORITHMS = ['RS256', 'ES256', 'PS256'];
/** The right to fetch this user's secrets, once and soon. */
export const TICKET_CLAIM = 'urn:footbridge:ticket';

export interface RelyingPartyOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly usePkce: boolean;
}

export interface ExternalLogin {
  readonly claims: Claims;
  readonly ticket: string | undefined;
}

export interface RelyingParty {
  begin(request: { state: string; redirectUri: string; loginHint?: string | undefined }): Promise<{
    readonly url: string;
    readonly codeVerifier: string | undefined;
  }>;
  /** `callback` is the redirect URI with the query that came back. Throws `WebError`, nothing else. */
  finish(answer: { callback: URL; state: string; codeVerifier: string | undefined }): Promise<ExternalLogin>;
  /** For the calls that the target makes on its own behalf. */
  configuration(): Promise<oidc.Configuration>;
}

export function relyingParty(options: RelyingPartyOptions): RelyingParty {
  const configuration = () => discover(options).catch((error) => fail('LOGIN-discovery', error));
  return {
    configuration,
    async begin({ state, redirectUri, loginHint }) {
      const config = await configuration();
      const codeVerifier = options.usePkce ? oidc.randomPKCECodeVerifier() : undefined;
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: SCOPES,
        state,
        ...(loginHint ? { login_hint: loginHint } : { prompt: 'select_account' }),
        ...(codeVerifier && {
          code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: 'S256',
        }),
      });
      return { url: url.href, codeVerifier };
    },
    async finish({ callback, state, codeVerifier }) {
      const config = await configuration();
      try {
        const tokens = await oidc.authorizationCodeGrant(config, callback, {
          expectedState: state,
          idTokenExpected: true,
          ...(codeVerifier && { pkceCodeVerifier: codeVerifier }),
        });
        const idToken = tokens.claims()!;
        assertAlgorithm(tokens.id_token!);
        const userinfo = await fetchUserinfo(config, tokens.access_token);
        const claims = readClaims(userinfo);
        if (claims.sub !== idToken.sub) throw new Error('userinfo is about somebody else than the ID token');
        const ticket = userinfo[TICKET_CLAIM];
        return { claims, ticket: typeof ticket === 'string' ? ticket : undefined };
      } catch (error) {
        return fail('LOGIN-external', error);
      }
    },
  };
}

async function discover({
  issuer,
  clientId,
  clientSecret,
}: RelyingPartyOptions): Promise<oidc.Configuration> {
  const config = await oidc.discovery(
    new URL(issuer),
    clientId,
    // No algorithm fixed here: any of the three that ZITADEL's library knows is taken.
    {},
    oidc.ClientSecretBasic(clientSecret),
    { algorithm: 'oidc', execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
  );
  // To the letter: a slash too many is another issuer (RFC 8414 section 3.3).
  const found = config.serverMetadata().issuer;
  if (found !== issuer) throw new Error(`issuer does not match: ${found} is not ${issuer}`);
  return config;
}

function assertAlgorithm(idToken: string): void {
  const header = JSON.parse(Buffer.from(idToken.split('.')[0]!, 'base64url').toString('utf8')) as {
    alg?: string;
  };
  if (!ALGORITHMS.includes(header.alg ?? ''))
    throw new Error(`signature algorithm not supported: ${header.alg}`);
}

async function fetchUserinfo(
  config: oidc.Configuration,
  accessToken: string,
): Promise<Record<string, unknown>> {
  const endpoint = config.serverMetadata().userinfo_endpoint;
  if (!endpoint) throw new Error('there is no userinfo endpoint');
  const response = await oidc.fetchProtectedResource(config, accessToken, new URL(endpoint), 'GET');
  const type = response.headers.get('content-type')?.split(';')[0];
  if (response.status !== 200 || type !== 'application/json') {
    throw new Error(`userinfo answered ${response.status} with ${type}`);
  }
  return (await response.json()) as Record<string, unknown>;
}

/** What the person may know: a refusal by name, a claim by name; the rest stays in the log, as `cause`. */
function fail(code: string, error: unknown): never {
  if (error instanceof WebError) throw error;
  const said =
    error instanceof oidc.AuthorizationResponseError
      ? `Footbridge answered: ${error.error_description ?? error.error}.`
      : error instanceof ClaimError
        ? `The login failed: ${error.message}.`
        : 'The login at Footbridge did not work.';
  throw Object.assign(new WebError(502, code, said), { cause: error });
}
