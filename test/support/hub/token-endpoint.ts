/** `POST /oauth/access_token`: for a code, for a refresh token, or for an organization or person who has let the app in. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { HubApp } from './apps.ts';
import type { Call, Reply } from './http.ts';
import { basicOf, oauthError } from './http.ts';
import { allows, readScopes, ScopeError } from './scopes.ts';
import type { Code, Grant } from './tokens.ts';
import type { HubWorld } from './world.ts';

const isSame = (a: string, b: string) =>
  timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());

function appOf({ apps }: HubWorld, name: string, secret: string): HubApp {
  const app = apps.get(name);
  if (!app || !isSame(app.clientSecret, secret)) throw oauthError(401, 'invalid_client');
  return app;
}

/** Other grants than that of a code: HTTP Basic only. */
export function basicApp(world: HubWorld, call: Call): HubApp {
  const basic = basicOf(call);
  if (!basic) throw oauthError(401, 'invalid_client', 'HTTP Basic is needed');
  return appOf(world, basic.name, basic.password);
}

export async function tokenEndpoint(world: HubWorld, call: Call): Promise<Reply> {
  const grantType = call.form.get('grant_type') ?? 'authorization_code';
  const grant =
    grantType === 'authorization_code'
      ? ofCode(world, call)
      : grantType === 'refresh_token'
        ? ofRefresh(world, call)
        : grantType === 'client_credentials'
          ? ofCredentials(world, call)
          : undefined;
  if (!grant) throw oauthError(400, 'unsupported_grant_type');
  const body = await world.tokens.answer(grant, world.options.expiresIn);
  return { status: 200, headers: { 'cache-control': 'no-store' }, body };
}

/** Client and secret in the form. The code is spent by whoever comes with it, also where the rest is wrong. */
function ofCode(world: HubWorld, { form }: Call): Grant {
  const code = world.tokens.takeCode(form.get('code') ?? '');
  const app = appOf(world, form.get('client_id') ?? '', form.get('client_secret') ?? '');
  if (!code || code.app !== app) throw oauthError(400, 'invalid_grant');
  if (form.has('redirect_uri') && form.get('redirect_uri') !== code.redirectUri)
    throw oauthError(400, 'invalid_grant');
  checkVerifier(code, form.get('code_verifier'));
  return code;
}

function checkVerifier({ challenge }: Code, verifier: string | null): void {
  if (challenge === undefined) return;
  if (verifier === null) throw oauthError(400, 'invalid_request', 'code_verifier is missing');
  const told = challenge.isHashed ? createHash('sha256').update(verifier).digest('base64url') : verifier;
  if (told !== challenge.value) throw oauthError(400, 'invalid_grant', 'code_verifier is wrong');
}

function ofRefresh(world: HubWorld, call: Call): Grant {
  const app = basicApp(world, call);
  const grant = world.tokens.takeRefresh(call.form.get('refresh_token') ?? '', app);
  const connection = grant && world.directory.connection(app.clientId, grant.bearer);
  if (!grant || !connection) throw oauthError(400, 'invalid_grant');
  return grant;
}

function ofCredentials(world: HubWorld, call: Call): Grant {
  const app = basicApp(world, call);
  try {
    const { bearerType, bearerId, isOnBehalf, scopes } = readScopes(call.form.get('scope') ?? '', app);
    const { people, organizations } = world.directory;
    const isThere = (bearerType === 'Person' ? people : organizations).has(bearerId ?? '');
    const bearer = { type: bearerType, id: bearerId ?? '' };
    const connection = world.directory.connection(app.clientId, bearer);
    if (isOnBehalf) throw new ScopeError('unpermitted_bearer_id');
    if (!isThere || !connection) throw new ScopeError('bearer_does_not_exist');
    if (scopes.some((scope) => !allows(connection.scopes, scope.slice(scope.indexOf('.') + 1))))
      throw new ScopeError('ungranted_scope');
    return { app, bearer, scopes };
  } catch (error) {
    if (!(error instanceof ScopeError)) throw error;
    throw oauthError(400, 'invalid_scope', error.message);
  }
}
