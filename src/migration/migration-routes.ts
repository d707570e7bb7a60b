/** What targets call: profile and state, secrets, and the flag that a user has moved. */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import { readBody } from '../body.ts';
import { FootbridgeError } from '../errors.ts';
import type { Caller, CallerDeps, MigrationScope } from './caller.ts';
import { authenticate, challengeOf } from './caller.ts';
import type { FlaggingDeps } from './flagging.ts';
import { flagUser } from './flagging.ts';
import type { RouteDescription } from './json-routes.ts';
import { parseInput, parseJson, problems } from './json-routes.ts';
import { profileByLogin, profileBySub } from './profile.ts';
import * as schemas from './schemas.ts';
import type { RetrievalDeps } from './secret-retrieval.ts';
import { retrieveSecrets } from './secret-retrieval.ts';

const CALLER_ERRORS = [
  'unauthorized',
  'insufficient_scope',
  'already_retired',
  'storage_unavailable',
] as const;
const SIGNED_ERRORS = [
  'bad_request',
  'body_too_large',
  'bad_signature',
  'replayed',
  ...CALLER_ERRORS,
] as const;
const bySub = z.object({ sub: schemas.subject });

const RETRIEVE: RouteDescription & { scope: MigrationScope } = {
  method: 'POST',
  path: '/migration/users/:sub/secrets',
  summary:
    'One user’s password hash, second factor, links and profile, once, shortly after that user logged in.',
  scope: 'migration:secrets',
  parameters: bySub,
  request: schemas.secretsRequest,
  response: schemas.secretsAnswer,
  errors: [
    ...SIGNED_ERRORS,
    'no_export_ticket',
    'ticket_expired',
    'ticket_used',
    'already_migrated',
    'user_not_found',
    'user_excluded',
    'user_disabled',
    'volume_exceeded',
    'legacy_unavailable',
  ],
};

const FLAG: RouteDescription & { scope: MigrationScope } = {
  method: 'PUT',
  path: '/migration/users/:sub/state',
  summary: 'Tells that the user exists at the target, or has everything there. Saying it again is no error.',
  scope: 'migration:write',
  parameters: bySub,
  request: schemas.stateRequest,
  response: schemas.stateAnswer,
  errors: [
    ...SIGNED_ERRORS,
    'illegal_transition',
    'already_linked',
    'second_factor_missing',
    'user_not_found',
    'user_excluded',
    'legacy_unavailable',
  ],
};

const SHOW: RouteDescription & { scope: MigrationScope } = {
  method: 'GET',
  path: '/migration/users/:sub',
  summary: 'One user’s profile and migration state, without secrets.',
  scope: 'migration:read',
  parameters: bySub,
  response: schemas.profileAnswer,
  errors: ['bad_request', ...CALLER_ERRORS, 'user_not_found', 'legacy_unavailable'],
};

const FIND: RouteDescription & { scope: MigrationScope } = {
  method: 'GET',
  path: '/migration/users',
  summary: 'The same by what the person types to log in.',
  scope: 'migration:read',
  parameters: z.object({ login: schemas.login }),
  response: schemas.profileAnswer,
  errors: ['bad_request', ...CALLER_ERRORS, 'user_not_found', 'user_ambiguous', 'legacy_unavailable'],
};

/** For the API's description. */
export const migrationOperations: readonly RouteDescription[] = [RETRIEVE, FLAG, SHOW, FIND];

export interface MigrationRoutesDeps extends CallerDeps, FlaggingDeps, RetrievalDeps {
  readonly db: FlaggingDeps['db'];
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
}

interface Call {
  readonly ctx: Context & { readonly params: Record<string, string> };
  readonly caller: Caller;
  readonly body: Buffer;
}

export function migrationRoutes(deps: MigrationRoutesDeps): Router {
  const router = new Router();
  const route = (
    description: RouteDescription & { scope: MigrationScope },
    work: (call: Call) => Promise<void>,
  ) =>
    router.register(
      description.path,
      [description.method],
      [guarded(deps, description.scope), called(deps, description.scope, work)],
    );

  route(RETRIEVE, async ({ ctx, caller, body }) => {
    const { sub } = parseInput(bySub, ctx.params);
    const request = parseInput(schemas.secretsRequest, parseJson(body));
    const secrets = await retrieveSecrets(deps, { ...request, caller, sub });
    ctx.body = secrets.body;
    ctx.type = secrets.contentType;
  });
  route(FLAG, async ({ ctx, caller, body }) => {
    const { sub } = parseInput(bySub, ctx.params);
    const request = parseInput(schemas.stateRequest, parseJson(body));
    if ((caller.isSigned || request.sub !== undefined) && request.sub !== sub) {
      throw new FootbridgeError('bad_request', {
        detail: 'the body names another user than the path, or none',
      });
    }
    ctx.body = await flagUser(deps, { ...request, caller, sub });
  });
  route(SHOW, async ({ ctx, caller }) => {
    ctx.body = await profileBySub(deps, caller.target, parseInput(bySub, ctx.params).sub);
  });
  route(FIND, async ({ ctx, caller }) => {
    const { login } = parseInput(z.object({ login: schemas.login }), ctx.query);
    ctx.body = await profileByLogin(deps, caller.target, login);
  });
  return router;
}

function guarded({ onError }: MigrationRoutesDeps, scope: MigrationScope): Middleware {
  return problems({ onError, challenge: (error, ctx) => challengeOf(error, ctx.req.headers, scope) });
}

/** The body is read before the caller is known: a signature is over its bytes. */
function called(
  deps: MigrationRoutesDeps,
  scope: MigrationScope,
  work: (call: Call) => Promise<void>,
): Middleware {
  return async (ctx) => {
    const body = await readBody(ctx.req);
    const caller = await authenticate(deps, { headers: ctx.req.headers, body }, scope);
    await work({ ctx: ctx as Call['ctx'], caller, body });
  };
}
