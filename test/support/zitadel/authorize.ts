/**
 * The authorization endpoint for applications, in the order of zitadel/oidc: what is wrong with a request is told to the
 * browser as JSON, and redirected only from the login on.
 */
import { createHash } from 'node:crypto';
import type { App } from './apps.ts';
import { OAuthRefusal } from './apps.ts';
import type { Instance } from './instance.ts';

export interface AuthRequest {
  readonly id: string;
  readonly app: App;
  readonly redirectUri: string;
  readonly state: string | undefined;
  readonly nonce: string | undefined;
  readonly scopes: readonly string[];
  /** Client ids of all applications of the project, and the project. */
  readonly audience: readonly string[];
  readonly prompts: readonly string[];
  readonly loginHint: string | undefined;
  readonly maxAgeSeconds: number | undefined;
  readonly uiLocales: string | undefined;
  readonly challenge: { readonly value: string; readonly isHashed: boolean } | undefined;
  /** Whose password was right, while the second factor is still asked for. */
  pending?: string;
}

/** A login that is over, as the tokens tell of it. */
export interface Authenticated {
  readonly userId: string;
  readonly sessionId: string;
  /** RFC 8176. */
  readonly amr: readonly string[];
  /** Seconds since the epoch. */
  readonly authTime: number;
}

export interface Granted extends Authenticated {
  readonly request: AuthRequest;
  readonly expiresAt: number;
  isExchanged: boolean;
}

export const LOGIN_PATH = '/ui/v2/login/login';
const STANDARD_SCOPES = ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'];
/** Ten minutes, which RFC 6749 section 4.1.2 has for the longest; ZITADEL's own figure is not known. */
const CODE_LIFETIME_MS = 600_000;

export interface Authorizations {
  /** Where the browser goes. Throws OAuthRefusal. */
  begin(query: URLSearchParams): string;
  requestOf(id: string | null): AuthRequest | undefined;
  /** Back to the application with a code; the request is over. */
  grant(request: AuthRequest, login: Authenticated): string;
  /** Back to it without one. */
  refuse(request: AuthRequest, error: string, description: string): string;
  /** Throws OAuthRefusal. A code that was shown with the wrong proof is still good. */
  exchange(app: App, form: URLSearchParams): Granted;
}

export function openAuthorizations(instance: Instance): Authorizations {
  const requests = new Map<string, AuthRequest>();
  const codes = new Map<string, Granted>();

  const back = (request: AuthRequest, parameters: Record<string, string | undefined>): string => {
    requests.delete(request.id);
    const url = new URL(request.redirectUri);
    for (const [name, value] of Object.entries({ ...parameters, state: request.state }))
      if (value !== undefined) url.searchParams.set(name, value);
    return url.href;
  };

  return {
    begin(query) {
      const request = checked(instance, query);
      requests.set(request.id, request);
      return `${instance.url}${LOGIN_PATH}?authRequest=${request.id}`;
    },
    requestOf: (id) => requests.get(id ?? ''),
    grant(request, login) {
      const code = instance.newSecret();
      const expiresAt = instance.now() + CODE_LIFETIME_MS;
      codes.set(code, { ...login, request, expiresAt, isExchanged: false });
      return back(request, { code });
    },
    refuse: (request, error, description) => back(request, { error, error_description: description }),
    exchange(app, form) {
      const [code, redirectUri] = [form.get('code'), form.get('redirect_uri')];
      if (!code) throw invalidRequest('code missing');
      if (!redirectUri) throw invalidRequest('redirect_uri missing');
      const granted = codes.get(code);
      // Not `invalid_grant`: ZITADEL's own errors come through as `invalid_request`.
      if (!granted) throw invalidRequest('Errors.User.Code.Invalid');
      if (granted.isExchanged || granted.expiresAt <= instance.now())
        throw invalidRequest('Errors.AuthRequest.NoCode');
      checkVerifier(granted.request, form.get('code_verifier') ?? '');
      if (granted.request.app !== app) throw new OAuthRefusal('invalid_grant', 'code of another client');
      if (granted.request.redirectUri !== redirectUri)
        throw new OAuthRefusal('invalid_grant', 'redirect_uri does not correspond');
      granted.isExchanged = true;
      return granted;
    },
  };
}

const invalidRequest = (description: string) => new OAuthRefusal('invalid_request', description);

function checked(instance: Instance, query: URLSearchParams): AuthRequest {
  const text = (name: string) => query.get(name) || undefined;
  const words = (name: string) => (query.get(name) ?? '').split(' ').filter(Boolean);
  const app = instance.apps.get(text('client_id') ?? '');
  if (!text('client_id')) throw invalidRequest('auth request is missing client_id');
  if (!app) throw invalidRequest('Errors.App.NotFound');
  const redirectUri = text('redirect_uri');
  if (!redirectUri) throw invalidRequest('auth request is missing redirect_uri');
  const [prompts, scopes, responseType] = [words('prompt'), words('scope'), text('response_type')];
  if (prompts.includes('none') && prompts.length > 1)
    throw invalidRequest('The prompt parameter `none` must only be used as a single value');
  if (scopes.length === 0) throw invalidRequest('The scope of your request is missing.');
  checkRedirect(app, redirectUri, responseType);
  if (!responseType) throw invalidRequest('The response type is missing in your request.');
  if (responseType !== 'code')
    throw new OAuthRefusal(
      'unauthorized_client',
      'The requested response type is missing in the client configuration.',
    );
  const challenge = text('code_challenge');
  const maxAge = text('max_age');
  const { projectId } = app;
  const others = [...instance.apps.values()].filter((one) => one.projectId === projectId);
  return {
    id: `V2_${instance.newId()}`,
    app,
    redirectUri,
    state: text('state'),
    nonce: text('nonce'),
    // What it does not know it drops without a word.
    scopes: scopes.filter((scope) => STANDARD_SCOPES.includes(scope) || scope.startsWith('urn:zitadel:')),
    audience: [...others.map(({ clientId }) => clientId), projectId],
    prompts,
    loginHint: text('login_hint'),
    maxAgeSeconds: prompts.includes('login') ? 0 : maxAge === undefined ? undefined : Number(maxAge),
    uiLocales: text('ui_locales'),
    challenge: challenge
      ? { value: challenge, isHashed: text('code_challenge_method') === 'S256' }
      : undefined,
  };
}

/** To the letter; in clear only for development, or where the code is of no use without the secret. */
function checkRedirect(app: App, uri: string, responseType: string | undefined): void {
  if (!app.redirectUris.includes(uri))
    throw invalidRequest('The requested redirect_uri is missing in the client configuration.');
  const isSafe = uri.startsWith('https://') || app.isDevMode;
  const isConfidential = app.type === 'OIDC_APP_TYPE_WEB' && responseType === 'code';
  if (!isSafe && !(uri.startsWith('http://') && isConfidential))
    throw invalidRequest("This client's redirect_uri is http and is not allowed.");
}

/** RFC 7636; whoever began without a challenge is asked for nothing, unless they have no secret either. */
function checkVerifier({ challenge, app }: AuthRequest, verifier: string): void {
  if (!challenge) {
    if (app.authMethod === 'OIDC_AUTH_METHOD_TYPE_NONE' && verifier)
      throw invalidRequest('code_verifier unexpectedly provided');
    return;
  }
  if (!verifier) throw invalidRequest('code_verifier required');
  const shown = challenge.isHashed ? createHash('sha256').update(verifier).digest('base64url') : verifier;
  if (shown !== challenge.value) throw new OAuthRefusal('invalid_grant', 'invalid code_verifier');
}
