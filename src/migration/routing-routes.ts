/** What legacy apps and routers in front of them call to hear where somebody goes. They may ask about targets that they may ensure people at. */
import Router from '@koa/router';
import { z } from 'zod';
import { readBody } from '../body.ts';
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { Reason } from '../rollout/deciding.ts';
import { REASONS } from '../rollout/deciding.ts';
import type { Targets } from '../targets/target.ts';
import type { User } from '../user.ts';
import type { CallerDeps } from './caller.ts';
import { bearerOf, challengeOf } from './caller.ts';
import type { RouteDescription } from './json-routes.ts';
import { parseInput, parseJson, problems } from './json-routes.ts';
import type { Routing } from './routing.ts';
import { login, subject } from './schemas.ts';
import type { TargetLinks } from './target-link.ts';

const SCOPE = 'migration:read';

const routeRequest = z
  .strictObject({
    target: z.string().min(1).max(63).describe('The target’s name.'),
    app: z
      .string()
      .min(1)
      .max(128)
      .exactOptional()
      .describe(
        'The app that the person wants to use: its name in the plan, or a client of it; the caller when absent.',
      ),
    login: login.exactOptional(),
    sub: subject.exactOptional().describe('The user’s `sub`, instead of `login`.'),
  })
  .refine(({ login, sub }) => (login === undefined) !== (sub === undefined), {
    error: 'expected login or sub, and not both',
  });

const routeAnswer = z.object({
  decision: z
    .enum(['stay', 'migrate', 'redirect'])
    .describe(
      'stay: the old login. migrate: a login here, which moves them. redirect: the target, where they are.',
    ),
  reason: z
    .enum([...(Object.keys(REASONS) as Reason[]), 'unknown_user', 'no_plan'])
    .describe('Why: a stable code.'),
  phase: z.string().optional(),
  redirectUrl: z.string().optional().describe('With `redirect`: where to send the browser.'),
});
type RouteAnswer = z.output<typeof routeAnswer>;

const ROUTE: RouteDescription = {
  method: 'POST',
  path: '/migration/route',
  summary:
    'Where a person goes who wants to use an app, by the rollout plan: to the old login, or to the target.',
  scope: SCOPE,
  takesSignature: false,
  request: routeRequest,
  response: routeAnswer,
  errors: [
    'bad_request',
    'body_too_large',
    'unauthorized',
    'insufficient_scope',
    'legacy_unavailable',
    'storage_unavailable',
  ],
};

/** For the API's description. */
export const routingOperations: readonly RouteDescription[] = [ROUTE];

export interface RoutingRoutesDeps {
  readonly directory: Pick<Directory, 'findByLogin' | 'userBySub'>;
  readonly targets: Pick<Targets, 'byName'>;
  readonly routing: Routing;
  readonly links: TargetLinks;
  readonly resolveToken: CallerDeps['resolveToken'];
  /** The targets that this client may ask about. */
  readonly mayAsk: (clientId: string) => readonly string[];
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
}

export function routingRoutes(deps: RoutingRoutesDeps): Router {
  const router = new Router();
  const guarded = problems({
    onError: deps.onError,
    challenge: (error, ctx) => challengeOf(error, ctx.req.headers, SCOPE),
  });
  router.post(ROUTE.path, guarded, async (ctx) => {
    const body = await readBody(ctx.req);
    const token = bearerOf(ctx.req.headers);
    const caller = token && (await deps.resolveToken(token));
    if (!caller) throw new FootbridgeError('unauthorized', { detail: 'the access token is not valid' });
    const { target, app = caller.clientId, ...who } = parseInput(routeRequest, parseJson(body));
    const isAllowed = caller.scopes.includes(SCOPE) && deps.mayAsk(caller.clientId).includes(target);
    if (!isAllowed)
      throw new FootbridgeError('insufficient_scope', { detail: `${caller.clientId} at ${target}` });
    ctx.body = await routeOf(deps, { target, app, user: await userOf(deps, who) });
  });
  return router;
}

async function routeOf(
  { targets, routing, links }: RoutingRoutesDeps,
  {
    target: name,
    app,
    user,
  }: { readonly target: string; readonly app: string; readonly user: User | undefined },
): Promise<RouteAnswer> {
  const target = targets.byName(name);
  // Nobody, and somebody who may not log in: the old login says it, as ever.
  if (!target || user?.state !== 'active') return { decision: 'stay', reason: 'unknown_user' };
  const decided = await routing.where(name, user, app);
  if (!decided) return { decision: 'stay', reason: 'no_plan' };
  const { decision, reason, phase, hasArrived } = decided;
  const where = phase === undefined ? {} : { phase };
  // Something of theirs is missing there: a login here brings it, and there they could not log in.
  if (decision === 'redirect' && !hasArrived) return { decision: 'migrate', reason: 'assigned', ...where };
  const answer = { decision, reason, ...where };
  if (decision !== 'redirect') return answer;
  return { ...answer, redirectUrl: (await links.linkFor(name, user)).href };
}

/** Whoever cannot be told apart, or mapped, stays where they are. */
async function userOf(
  { directory }: RoutingRoutesDeps,
  { login: typed, sub }: { readonly login?: string; readonly sub?: string },
): Promise<User | undefined> {
  try {
    if (sub !== undefined) return await directory.userBySub(sub);
    return (await directory.findByLogin(typed ?? ''))?.user;
  } catch (error) {
    if (isFootbridgeError(error, 'user_ambiguous') || isFootbridgeError(error, 'mapping_failed'))
      return undefined;
    throw error;
  }
}
