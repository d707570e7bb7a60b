/**
 * What legacy apps call where people link their own accounts: a link for somebody who is logged in there, and whether an app
 * that checks passwords itself may still let somebody in. Only apps are answered of which the settings say so: that somebody
 * is logged in there is their word alone.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import { readBody } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { LegacyEntry } from '../../user.ts';
import type { CallerDeps } from '../caller.ts';
import { bearerOf, challengeOf } from '../caller.ts';
import type { RouteDescription } from '../json-routes.ts';
import { parseInput, parseJson, problems } from '../json-routes.ts';
import { find } from '../ledger.ts';
import { hasTargetUser } from '../states.ts';
import type { LinkAnswer, StandingAnswer } from './claim-schemas.ts';
import { linkAnswer, linkRequest, standingAnswer, standingRequest } from './claim-schemas.ts';
import { countLately } from './claim-tokens.ts';
import type { Enforcement } from './enforcement.ts';
import type { IssuingDeps } from './issuing.ts';
import { claimSettingsOf, issueLink } from './issuing.ts';

const SCOPE = 'migration:write';

/** An app that asks in a circle fills our table; nobody needs more links. */
const MAX_PER_HOUR = 20;
const HOUR_SECONDS = 3_600;

const ERRORS = [
  'bad_request',
  'body_too_large',
  'unauthorized',
  'insufficient_scope',
  'not_found',
  'user_not_found',
  'user_ambiguous',
  'legacy_unavailable',
  'storage_unavailable',
] as const;

const LINK: RouteDescription = {
  method: 'POST',
  path: '/migration/claim-tokens',
  summary:
    'A legacy app asks for a link by which somebody who is logged in there links their own account, or an organization of theirs, at a target. Answered with 201.',
  scope: SCOPE,
  takesSignature: false,
  request: linkRequest,
  response: linkAnswer,
  errors: [
    ...ERRORS,
    'user_disabled',
    'user_excluded',
    'user_linked',
    'organization_not_found',
    'organization_linked',
    'owner_needed',
    'person_first',
    'throttled',
  ],
};

const STANDING: RouteDescription = {
  method: 'POST',
  path: '/migration/claim-tokens/enforcement',
  summary:
    'A legacy app that checks passwords itself asks whether somebody may still log in there with theirs.',
  scope: SCOPE,
  takesSignature: false,
  request: standingRequest,
  response: standingAnswer,
  errors: ERRORS,
};

/** For the API's description. */
export const claimOperations: readonly RouteDescription[] = [LINK, STANDING];

export interface ClaimRoutesDeps extends Omit<IssuingDeps, 'directory'> {
  readonly directory: IssuingDeps['directory'] & Pick<Directory, 'findByLogin'>;
  readonly enforcement: Enforcement;
  readonly resolveToken: CallerDeps['resolveToken'];
  /** The targets for which this client may ask, by name. */
  readonly mayIssue: (clientId: string) => readonly string[];
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
}

export function claimRoutes(deps: ClaimRoutesDeps): Router {
  const router = new Router();
  const guarded = problems({
    onError: deps.onError,
    challenge: (error, ctx) => challengeOf(error, ctx.req.headers, SCOPE),
  });
  router.post(LINK.path, guarded, async (ctx) => {
    const { body, check } = await called(deps, ctx as Context);
    const request = parseInput(linkRequest, body);
    const actor = check(request.target);
    const { user } = await entryOf(deps, request);
    ctx.body = await link(deps, { ...request, sub: user.sub }, actor);
    ctx.status = 201;
  });
  router.post(STANDING.path, guarded, async (ctx) => {
    const { body, check } = await called(deps, ctx as Context);
    const request = parseInput(standingRequest, body);
    check(request.target);
    ctx.body = await standing(deps, request.target, await entryOf(deps, request));
  });
  return router;
}

/** `check`: who asks, as the audit log names them. It and this throw unauthorized, insufficient_scope; it, not_found. */
async function called(deps: ClaimRoutesDeps, ctx: Context) {
  const body = await readBody(ctx.req);
  const token = bearerOf(ctx.req.headers);
  const caller = token && (await deps.resolveToken(token));
  if (!caller) throw new FootbridgeError('unauthorized', { detail: 'the access token is not valid' });
  const { clientId, scopes } = caller;
  const targets = deps.mayIssue(clientId);
  if (targets.length === 0 || !scopes.includes(SCOPE)) {
    const detail = targets.length === 0 ? `${clientId} may ask for no claim tokens` : SCOPE;
    throw new FootbridgeError('insufficient_scope', { detail });
  }
  const check = (target: string): string => {
    if (!targets.includes(target))
      throw new FootbridgeError('insufficient_scope', { detail: `${clientId} may not ask for this target` });
    claimSettingsOf(deps, target);
    return `client:${clientId}`;
  };
  return { body: parseJson(body), check };
}

interface Who {
  readonly target: string;
  readonly login?: string;
  readonly sub?: string;
}

async function entryOf({ directory }: ClaimRoutesDeps, { login = '', sub }: Who): Promise<LegacyEntry> {
  const entry = await (sub === undefined ? directory.findByLogin(login) : directory.findBySub(sub));
  if (!entry) throw new FootbridgeError('user_not_found');
  return entry;
}

async function link(
  deps: ClaimRoutesDeps,
  {
    target,
    sub,
    organization,
  }: { readonly target: string; readonly sub: string; readonly organization?: string },
  actor: string,
): Promise<LinkAnswer> {
  const lately = await countLately(deps.db, { target, sub, seconds: HOUR_SECONDS });
  if (lately >= MAX_PER_HOUR) throw new FootbridgeError('throttled', { retryAfterSeconds: HOUR_SECONDS });
  const issued = await issueLink(deps, { target, sub, organization }, { origin: 'app', actor });
  return {
    link: issued.link.reveal(),
    expiresAt: issued.expiresAt.toISOString(),
    purpose: issued.purpose,
  };
}

async function standing(
  { db, enforcement }: ClaimRoutesDeps,
  target: string,
  entry: LegacyEntry,
): Promise<StandingAnswer> {
  const row = await find(db, target, entry.user.sub);
  const found = await enforcement.standingOf(target, entry);
  return {
    standing: found.kind,
    ...(found.kind === 'soon' ? { until: found.until.toISOString() } : {}),
    ...(found.kind === 'refused' ? { since: found.since.toISOString() } : {}),
    linked: row !== undefined && hasTargetUser(row.state),
  };
}
