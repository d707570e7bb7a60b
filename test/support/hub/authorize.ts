/** `GET /oauth/authorize`: what is refused at once, and what is kept of a request until somebody has agreed to it. */
import { randomBytes } from 'node:crypto';
import type { HubApp } from './apps.ts';
import type { Bearer } from './directory.ts';
import type { Call, Reply } from './http.ts';
import { seeOther } from './http.ts';
import { errorPage } from './pages.ts';
import type { Wanted } from './scopes.ts';
import { readScopes, ScopeError } from './scopes.ts';
import type { Code } from './tokens.ts';
import type { HubWorld } from './world.ts';

export interface AuthorizationRequest {
  readonly id: string;
  readonly app: HubApp;
  readonly redirectUri: string;
  readonly state: string | null;
  readonly wanted: Wanted;
  readonly challenge: Code['challenge'];
  /** `login`, and what a form is filled in with. */
  readonly hints: URLSearchParams;
  readonly canSignUp: boolean;
  /** An earlier session does not do. */
  readonly mustLogIn: boolean;
  /** Who has logged in for this very request. */
  loggedIn: string | undefined;
  /** Chosen, where it is an organization. */
  bearer: Bearer | undefined;
}

const MAX_REQUESTS = 1_000;

/** An error that the app hears of. */
export function sendBack(
  world: HubWorld,
  { redirectUri, state }: Pick<AuthorizationRequest, 'redirectUri' | 'state'>,
  result: Readonly<Record<string, string>>,
): Reply {
  const to = new URL(redirectUri);
  for (const [name, value] of Object.entries(result)) to.searchParams.set(name, value);
  const isError = 'error' in result;
  if (state !== null && !(isError && world.options.errorsWithoutState)) to.searchParams.set('state', state);
  return seeOther(to.href);
}

export function openAuthorization(world: HubWorld) {
  const requests = new Map<string, AuthorizationRequest>();

  const begin = ({ url: { searchParams: query } }: Call): Reply => {
    const app = world.apps.get(query.get('client_id') ?? '');
    if (!app) return errorPage(400, 'There is no such app (unknown client_id).');
    const redirectUri = query.get('redirect_uri') ?? app.redirectUris[0];
    if (!redirectUri || !app.redirectUris.includes(redirectUri))
      return errorPage(400, 'The app has not named this address (redirect_uri).');
    const back = { redirectUri, state: query.get('state') };
    const challenge = challengeOf(query);
    if (challenge === 'invalid')
      return sendBack(world, back, { error: 'invalid_request', error_description: 'invalid PKCE' });
    try {
      const wanted = readScopes(query.get('scope') ?? '', app);
      const request: AuthorizationRequest = {
        id: randomBytes(16).toString('hex'),
        app,
        ...back,
        wanted: checkBearer(wanted),
        challenge,
        hints: query,
        canSignUp: query.get('signup') !== 'false',
        mustLogIn: query.get('force_login') === 'true',
        loggedIn: undefined,
        bearer: undefined,
      };
      requests.set(request.id, request);
      if (requests.size > MAX_REQUESTS) requests.delete(requests.keys().next().value!);
      const first = query.get('show_signup') === 'true' && request.canSignUp ? 'signup' : 'continue';
      return seeOther(`/${first}?request=${request.id}`);
    } catch (error) {
      if (!(error instanceof ScopeError)) throw error;
      return sendBack(world, back, { error: 'invalid_scope', error_description: error.message });
    }
  };

  return {
    begin,
    requestOf: ({ url }: Call) => requests.get(url.searchParams.get('request') ?? ''),
    finish(request: AuthorizationRequest, personId: string): Reply {
      requests.delete(request.id);
      const { app, wanted, redirectUri, challenge } = request;
      const bearer: Bearer = request.bearer ?? { type: 'Person', id: personId };
      world.connect(app, bearer, wanted.scopes);
      if (wanted.isOnBehalf) world.connect(app, { type: 'Person', id: personId }, []);
      const code = world.tokens.newCode({
        app,
        bearer,
        scopes: wanted.scopes,
        redirectUri,
        challenge,
        ...(wanted.isOnBehalf && { onBehalfOf: personId }),
      });
      return sendBack(world, request, { code });
    },
    deny(request: AuthorizationRequest): Reply {
      requests.delete(request.id);
      return sendBack(world, request, {
        error: 'access_denied',
        error_description: 'The user has cancelled the flow.',
      });
    },
  };
}

export type Authorization = ReturnType<typeof openAuthorization>;

/** A person is whoever logs in; an organization may be named. */
function checkBearer(wanted: Wanted): Wanted {
  if (wanted.bearerType === 'Person' && wanted.bearerId !== undefined)
    throw new ScopeError('unpermitted_bearer_id');
  return wanted;
}

function challengeOf(query: URLSearchParams): Code['challenge'] | 'invalid' {
  const value = query.get('code_challenge');
  const method = query.get('code_challenge_method');
  if (value === null) return method === null ? undefined : 'invalid';
  if (!/^[\w.~-]{43,128}$/.test(value)) return 'invalid';
  if (method !== 'S256' && method !== 'plain') return 'invalid';
  return { value, isHashed: method === 'S256' };
}
