/**
 * The old login is over: everybody who comes for it is sent on to their target, without a question to the legacy store.
 * What was issued before lives out its time, and keys and discovery stay, so that old tokens can be verified.
 */
import type { Context, Middleware } from 'koa';
import type { Provider } from 'oidc-provider';
import { FootbridgeError, isFootbridgeError, problem } from '../errors.ts';
import { find } from '../migration/ledger.ts';
import type { Retired } from '../migration/retiring/following.ts';
import type { TargetLinks } from '../migration/target-link.ts';
import type { Queryable } from '../store/db.ts';
import type { Target } from '../targets/target.ts';
import type { User } from '../user.ts';
import { mark } from './cookies.ts';
import { goOn } from './login-end.ts';
import type { PageRenderer } from './rendering.ts';

/** What `public.ts` hands in. */
export interface RetiredParts {
  readonly retired: Pick<Retired, 'isOver' | 'isAllOver'>;
  /** Of the settings, in their order. */
  readonly targets: readonly Target[];
  /** Where a client's people belong. */
  readonly targetOf: (clientId: string) => Target | undefined;
  readonly links: Pick<TargetLinks, 'hrefOf' | 'plainHref'>;
}

export interface RetiredOptions extends RetiredParts {
  readonly db: Queryable;
  readonly provider: Provider;
  readonly issuer: string;
  readonly clients: readonly { readonly clientId: string; readonly redirectUris: readonly string[] }[];
  /** Whose people may link their own accounts. */
  readonly claimTargets: readonly string[];
  readonly jwtIdpTarget: Target | undefined;
  readonly renderPage: PageRenderer;
}

/** A target that sends people straight back to us would go in a circle: who comes again so soon gets a page with a link. */
const CIRCLE_SECONDS = 10;
const LOGIN = /^\/login\/[\w-]+(?:\/|$)/;
const HOOK = /^\/hooks\/[^/]+\/([^/]+)(?:\/|$)/;
const CLAIM = /^\/claim(?:\/|$)/;
/** Of apps and targets; what only tells us of an ending goes on being heard. */
const CALLS = /^\/(?:migration|drop-ins|legacy\/(?:changes|sessions\/(?:enter|offer|return)))(?:\/|$)/;

export function retiredFacade(options: RetiredOptions): Middleware {
  const { retired, targets, targetOf, claimTargets, jwtIdpTarget } = options;
  const circle = mark(options.issuer, 'fb_over', CIRCLE_SECONDS);
  const overOf = (target: Target | undefined) => (target && retired.isOver(target.name) ? target : undefined);
  /** An app without a target of its own belongs to none: it goes where all go, once all are gone. */
  const targetFor = (clientId: string) =>
    overOf(targetOf(clientId) ?? (retired.isAllOver() ? targets[0] : undefined));

  const sendOn = async (ctx: Context, target: Target, hint: string | undefined) => {
    const href = await hrefFor(options, ctx, { target, hint });
    if (circle.read(ctx) !== undefined)
      return options.renderPage(ctx, { page: 'moved', targetName: target.displayName, href });
    circle.set(ctx, '1');
    ctx.set('Cache-Control', 'no-store');
    goOn(ctx, href);
  };

  return async (ctx, next) => {
    if (!targets.some(({ name }) => retired.isOver(name))) return next();
    const { path } = ctx;
    if (path === '/auth' && ctx.method === 'GET') {
      const clientId = textOf(ctx.query.client_id);
      const client = options.clients.find((one) => one.clientId === clientId);
      const target = client && targetFor(client.clientId);
      if (!target) return next();
      // A frame that asks without a person in front of it is told so (OpenID Connect Core section 3.1.2.6).
      if (textOf(ctx.query.prompt) === 'none') return refuseSilently(ctx, client, options.issuer) ?? next();
      return sendOn(ctx, target, textOf(ctx.query.login_hint));
    }
    if (LOGIN.test(path)) {
      const begun = await begunLogin(options, ctx);
      const target = begun ? targetFor(begun.clientId) : retired.isAllOver() ? targets[0] : undefined;
      return target ? sendOn(ctx, target, begun?.hint) : next();
    }
    if (path === '/jwt' && overOf(jwtIdpTarget)) return sendOn(ctx, jwtIdpTarget!, undefined);
    if (CLAIM.test(path) && claimTargets.length > 0 && claimTargets.every((name) => retired.isOver(name)))
      return claimIsOver(options, ctx);
    const hook = HOOK.exec(path)?.[1];
    const isGone = hook === undefined ? CALLS.test(path) && retired.isAllOver() : retired.isOver(hook);
    return isGone ? gone(ctx) : next();
  };
}

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

/** The way to an account that the target knows by itself. */
async function hrefFor(
  { db, links, provider }: RetiredOptions,
  ctx: Context,
  { target, hint }: { readonly target: Target; readonly hint: string | undefined },
): Promise<string> {
  // Whoever names themselves is believed: it is a hint, and opens nothing.
  const sub = hint === undefined ? (await provider.Session.get(ctx as never)).accountId : undefined;
  const row = sub === undefined ? undefined : await find(db, target.name, sub);
  return links.hrefOf(target, { targetUserId: row?.targetUserId ?? null, ...(hint ? { typed: hint } : {}) });
}

async function begunLogin({ provider }: RetiredOptions, ctx: Context) {
  const interaction = await provider.interactionDetails(ctx.req, ctx.res).catch(() => undefined);
  if (!interaction) return undefined;
  const { client_id: clientId, login_hint: hint } = interaction.params;
  return { clientId: String(clientId), hint: textOf(hint) };
}

/** Undefined: nothing is registered to send it to. */
function refuseSilently(
  ctx: Context,
  { redirectUris }: { readonly redirectUris: readonly string[] },
  issuer: string,
): true | undefined {
  const asked = textOf(ctx.query.redirect_uri);
  if (asked === undefined || !redirectUris.includes(asked)) return undefined;
  const url = new URL(asked);
  const state = textOf(ctx.query.state);
  for (const [name, value] of [
    ['error', 'login_required'],
    ['error_description', 'the old login is over'],
    ...(state === undefined ? [] : [['state', state]]),
    ['iss', issuer],
  ] as const)
    url.searchParams.set(name!, value!);
  ctx.set('Cache-Control', 'no-store');
  goOn(ctx, url.href);
  return true;
}

function claimIsOver(options: RetiredOptions, ctx: Context): void {
  const target = options.targets.find(({ name }) => options.claimTargets.includes(name))!;
  const href = options.links.plainHref(target);
  options.renderPage(ctx, { page: 'moved', targetName: target.displayName, href }, 410);
}

/** A problem document (RFC 9457), whoever asks. */
function gone(ctx: Context): void {
  const error = new FootbridgeError('already_retired');
  ctx.status = error.status;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = problem(error);
  ctx.type = 'application/problem+json';
}

/**
 * Somebody's record for tokens that were issued before. Once all is over a store that does not answer is no outage: it has
 * nobody any more.
 */
export const userUnlessOver =
  (
    userBySub: (sub: string) => Promise<User | undefined>,
    retired: Pick<Retired, 'isAllOver'>,
  ): ((sub: string) => Promise<User | undefined>) =>
  (sub) =>
    userBySub(sub).catch((error: unknown) => {
      if (retired.isAllOver() && isFootbridgeError(error, 'legacy_unavailable')) return undefined;
      throw error;
    });
