/**
 * Signing in at the hub: plain OAuth 2.0 (RFC 6749 section 4.1) with PKCE, no OpenID Connect. Who somebody is stands beside the
 * access token and in it; what they are called is asked for with it. Then it is dropped.
 */
import { timingSafeEqual } from 'node:crypto';
import { nowSeconds as systemSeconds } from '../../clock.ts';
import type { SignedIn, SignInChecks, TargetSignIn } from '../sign-in.ts';
import { SignInFailed } from '../sign-in.ts';
import type { Target } from '../target.ts';
import type { AccessToken } from './access-token.ts';
import { readAccessToken } from './access-token.ts';
import type { HubApi } from './api.ts';
import { openHubApi } from './api.ts';
import { authorizationOf } from './authorization.ts';
import type { PersonAnswer } from './documents.ts';
import { organizationAnswer, personAnswer, readDocument } from './documents.ts';
import { asSignInFailed, HubError, returnedReason } from './hub-error.ts';
import type { HubTarget } from './hub-target.ts';
import { hubTarget } from './hub-target.ts';
import { readMembers } from './members.ts';
import type { TokenKeys } from './token-keys.ts';
import { openTokenKeys } from './token-keys.ts';

export interface HubSignInDeps {
  readonly nowSeconds?: () => number;
}

interface SignInDeps {
  readonly target: HubTarget;
  readonly api: HubApi;
  readonly keys: TokenKeys;
  readonly nowSeconds: () => number;
}

/** Throws config_invalid. Calls nobody yet. */
export function openHubSignIn(
  settings: Target,
  { nowSeconds = systemSeconds }: HubSignInDeps = {},
): TargetSignIn {
  const target = hubTarget(settings);
  const { timeoutMs } = target.signIn;
  const api = openHubApi({ origin: target.hub.url, timeoutMs, nowSeconds });
  const deps = { target, api, keys: openTokenKeys(api, nowSeconds), nowSeconds };
  return {
    begin: async (request) => authorizationOf(target, request),
    finish: (query, checks) =>
      told(async () => {
        const token = await tokenFor(deps, codeOf(query, checks, 'person'), checks);
        const person = await readWith(deps, token, { path: '/api/v1/person', schema: personAnswer });
        return signedIn(whoIs(person, token));
      }),
    finishOrganization: (query, checks) =>
      told(async () => {
        const token = await tokenFor(deps, codeOf(query, checks, 'organization'), checks);
        const [organization, members] = await Promise.all([
          readWith(deps, token, { path: '/api/v1/organization', schema: organizationAnswer }),
          readMembers(api, token.header),
        ]);
        const { id, name } = whoIs(organization, token);
        const { personId: by } = token;
        return { targetOrganizationId: id, name, members, ...(by === undefined ? {} : { by }) };
      }),
    close: () => api.close(),
  };
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asSignInFailed(error);
  }
}

const MAX_CODE = 2_000;

/** What the browser brought back. Throws SignInFailed. */
function codeOf(query: URLSearchParams, checks: SignInChecks, purpose: SignInChecks['purpose']): string {
  if (checks.purpose !== purpose) throw new SignInFailed('refused', 'wrong_purpose');
  const state = query.get('state');
  const error = query.get('error');
  // As the hub's documentation shows it, an error comes without: it can do no more than end what was begun.
  if (state === null ? error === null : !isSame(state, checks.state))
    throw new SignInFailed('refused', 'wrong_state');
  if (error !== null) throw failed(error, query.get('error_description'));
  const code = query.get('code');
  if (!code || code.length > MAX_CODE) throw new SignInFailed('refused', 'no_code');
  return code;
}

function failed(error: string, description: string | null): SignInFailed {
  const code = returnedReason(error, description);
  if (code === 'access_denied') return new SignInFailed('cancelled', code);
  const isDown = code === 'server_error' || code === 'temporarily_unavailable';
  return new SignInFailed(isDown ? 'unavailable' : 'refused', code);
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** A code is good once: where there is no answer, it is not sent again. Throws HubError. */
async function tokenFor(
  { target, api, keys, nowSeconds }: SignInDeps,
  code: string,
  { verifier, purpose }: SignInChecks,
): Promise<AccessToken> {
  const { document } = await api.ask({
    method: 'POST',
    path: '/oauth/access_token',
    form: new URLSearchParams({
      client_id: target.signIn.clientId,
      client_secret: target.clientSecret.reveal(),
      code,
      code_verifier: verifier,
    }),
  });
  const type = purpose === 'person' ? 'Person' : 'Organization';
  return readAccessToken(document, type, { keys, nowSeconds });
}

async function readWith<T extends Parameters<typeof readDocument>[0]>(
  { api }: SignInDeps,
  { header }: AccessToken,
  { path, schema }: { readonly path: string; readonly schema: T },
) {
  const { document } = await api.ask({ method: 'GET', path, authorization: header });
  return readDocument(schema, document, `GET ${path}`);
}

/** The answer is about whoever the token is for. */
function whoIs<T extends { readonly id: string }>(answer: T, { bearerId }: AccessToken): T {
  if (answer.id === bearerId) return answer;
  throw new HubError({ status: 200, reason: 'wrong_bearer', message: 'the hub answers about somebody else' });
}

function signedIn({ id, full_name, first_name, name, email, email_confirmed }: PersonAnswer): SignedIn {
  return {
    targetUserId: id,
    ...(full_name && { name: full_name }),
    ...(first_name && { givenName: first_name }),
    ...(name && { familyName: name }),
    ...(email && { email }),
    emailVerified: Boolean(email) && email_confirmed === true,
    amr: [],
  };
}
