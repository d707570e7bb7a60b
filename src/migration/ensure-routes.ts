/** What legacy apps call to have somebody at a target: they are no target's clients, but clients that may ensure. */
import Router from '@koa/router';
import type { Context } from 'koa';
import { readBody } from '../body.ts';
import { FootbridgeError } from '../errors.ts';
import { leaving } from '../leaving.ts';
import type { Target, Targets } from '../targets/target.ts';
import type { CallerDeps } from './caller.ts';
import { bearerOf, challengeOf } from './caller.ts';
import type { EnsureDeps, EnsuringClient } from './ensure.ts';
import { ensureUser } from './ensure.ts';
import type { RouteDescription } from './json-routes.ts';
import { parseInput, parseJson, problems } from './json-routes.ts';
import { ensureAnswer, ensureRequest } from './schemas-ensure.ts';

const SCOPE = 'migration:write';

const ENSURE: RouteDescription = {
  method: 'POST',
  path: '/migration/users/ensure',
  summary:
    'A legacy app asks that a person be at a target, with a proof that they are there, and gets the address to send them to.',
  scope: SCOPE,
  takesSignature: false,
  request: ensureRequest,
  response: ensureAnswer,
  errors: [
    'bad_request',
    'body_too_large',
    'unauthorized',
    'insufficient_scope',
    'proof_needed',
    'wrong_password',
    'throttled',
    'user_disabled',
    'user_excluded',
    'already_retired',
    'user_not_found',
    'target_conflict',
    'target_refused',
    'hashing_overloaded',
    'legacy_unavailable',
    'target_unavailable',
    'storage_unavailable',
  ],
};

/** For the API's description. */
export const ensureOperations: readonly RouteDescription[] = [ENSURE];

export interface EnsureRoutesDeps extends EnsureDeps {
  readonly targets: Pick<Targets, 'byName'>;
  readonly resolveToken: CallerDeps['resolveToken'];
  /** Its settings; undefined for a client that may ensure nobody. */
  readonly ensuring: (
    clientId: string,
  ) => { readonly mayEnsure: readonly string[]; readonly trustedProof: boolean } | undefined;
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
}

export function ensureRoutes(deps: EnsureRoutesDeps): Router {
  const router = new Router();
  const guarded = problems({
    onError: deps.onError,
    // A wrong password is not the caller's: RFC 9110 section 11.6.1 wants a challenge, and a token is none.
    challenge: (error, ctx) =>
      error.code === 'wrong_password' ? 'FormBased' : challengeOf(error, ctx.req.headers, SCOPE),
  });
  router.post(ENSURE.path, guarded, async (ctx) => {
    const body = await readBody(ctx.req);
    const allowed = await callerOf(deps, ctx as Context);
    const { target: name, network = ctx.ip, ...request } = parseInput(ensureRequest, parseJson(body));
    const { target, client } = allowed(name);
    ctx.body = await ensureUser(deps, {
      ...request,
      target,
      client,
      network,
      signal: leaving(ctx as Context),
    });
  });
  return router;
}

/** Which targets the caller may name. Throws unauthorized, insufficient_scope. */
async function callerOf(deps: EnsureRoutesDeps, ctx: Context) {
  const token = bearerOf(ctx.req.headers);
  const caller = token && (await deps.resolveToken(token));
  if (!caller) throw new FootbridgeError('unauthorized', { detail: 'the access token is not valid' });
  const settings = deps.ensuring(caller.clientId);
  if (!settings || !caller.scopes.includes(SCOPE)) {
    throw new FootbridgeError('insufficient_scope', {
      detail: settings ? SCOPE : `${caller.clientId} may ensure nobody`,
    });
  }
  return (name: string): { target: Target; client: EnsuringClient } => {
    const target = settings.mayEnsure.includes(name) ? deps.targets.byName(name) : undefined;
    if (!target) {
      const detail = `${caller.clientId} may not ensure people at this target`;
      throw new FootbridgeError('insufficient_scope', { detail });
    }
    return { target, client: { clientId: caller.clientId, trustedProof: settings.trustedProof } };
  };
}
