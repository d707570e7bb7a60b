/**
 * The public listener's one handler: the front door, the request's unit of work, our routes, and the provider behind
 * them. Rotated keys make a new provider; requests under way finish on the old one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { FactorUses } from '../credentials/factor-uses.ts';
import { FootbridgeError } from '../errors.ts';
import { appendAudit } from '../store/audit-log.ts';
import type { Db } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import type { Target } from '../targets/target.ts';
import type { Offers } from './asking-apps.ts';
import type { ClaimingOptions, ClaimingParts, ClaimPages } from './claiming/index.ts';
import { openClaimPages } from './claiming/index.ts';
import { oldSessions } from './claiming/old-sessions.ts';
import { sessionCookieName } from './cookies.ts';
import { Answered, fail, unanswered } from './failure.ts';
import { guard, securityHeaders } from './guard.ts';
import type { JwtIdpOptions } from './jwt-idp.ts';
import { jwtIdpRoutes, proveNow } from './jwt-idp.ts';
import type { ProviderKeys } from './keys.ts';
import type { LoginRoutesOptions } from './login-routes.ts';
import { loginRoutes } from './login-routes.ts';
import type { BackchannelLogout } from './logout.ts';
import { LookupRate } from './lookup-rate.ts';
import { mounted } from './mounted.ts';
import { CLAIM_CLIENT, JWT_IDP_CLIENT } from './own-clients.ts';
import { handlerOf, lettingGo } from './own-context.ts';
import type { Pages } from './pages/index.ts';
import { postedRoutes } from './posted-routes.ts';
import type { ProviderOptions } from './provider.ts';
import { createProvider } from './provider.ts';
import type { ProviderDoor } from './provider-door.ts';
import { doorOf } from './provider-door.ts';
import { RaceLost } from './race-lost.ts';
import { RecordReader } from './record-reader.ts';
import type { PageRenderer } from './rendering.ts';
import { renderer, renderings } from './rendering.ts';
import { RequestScope } from './request-scope.ts';
import type { RetiredParts } from './retired.ts';
import { retiredFacade } from './retired.ts';
import { signedInElsewhere } from './signed-in-elsewhere.ts';

/** What logins need and the front makes. */
type FrontsOwn = 'uses' | 'relyingParty' | 'suspect' | 'lookups' | 'claimPages';

export interface FrontOptions
  extends Omit<
      ProviderOptions,
      'keys' | 'renderError' | 'renderLogout' | 'renderLoggedOut' | 'hasClaimTokens'
    >,
    Omit<
      LoginRoutesOptions,
      'provider' | 'renderPage' | 'scopes' | 'issuer' | 'clientName' | 'lifetimes' | FrontsOwn
    > {
  readonly db: Db;
  readonly pages: Pages;
  /** Whose JWT hand-over we do, where the settings name one. */
  readonly jwtIdpTarget?: Target;
  readonly backchannel: BackchannelLogout;
  /** What people need who link their accounts; absent: nobody does. */
  readonly claiming?: ClaimingParts;
  /** One-time tokens by which legacy apps say who is signed in there; without them nobody comes by a hand-over. */
  readonly offers?: Offers;
  /** Other rooms' routes on the public listener. */
  readonly routers: (door: ProviderDoor) => readonly Router[];
  /** Whose old login is over, and where their people go; absent: nobody's. */
  readonly retired?: RetiredParts;
  /** What a proved login writes in the same statement as its code. */
  readonly loginParts: (login: {
    user: string;
    clientId: string;
    amr: readonly string[];
    /** A login at our pages, at an old app that we asked, or a session that was there already. */
    by: 'login' | 'recognised' | 'session';
  }) => Promise<readonly Part[]>;
  /** False while our database is known to be down: then only discovery and keys answer. */
  readonly storageUp: () => boolean;
  readonly onError: (error: unknown, where: string) => void;
  /** For metrics; `route` is from a closed set. */
  readonly onRequest?: (request: { route: string; status: number; seconds: number }) => void;
}

export interface Front {
  readonly handle: (req: IncomingMessage, res: ServerResponse) => void;
  /** Swaps in a provider with these keys. */
  reload(keys: ProviderKeys): void;
}

/** Answered without our database. */
const WITHOUT_STORAGE = /^\/(\.well-known\/|jwks$|jwt\/jwks$|assets\/)/;

/** A connection that its client has broken, was too slow on or spoke no HTTP on: nothing of ours failed. */
const THEIRS = /^(HPE_\w+|ERR_HTTP_REQUEST_TIMEOUT|ECONNRESET|EPIPE)$/;

export function openFront(options: FrontOptions, keys: ProviderKeys): Front {
  let handle = build(options, keys);
  return {
    handle: (req, res) => void handle(req, res),
    reload: (fresh) => {
      handle = build(options, fresh);
    },
  };
}

function build(options: FrontOptions, keys: ProviderKeys): ReturnType<typeof handlerOf> {
  const render = renderer(options);
  const names = new Map(options.settings.clients.map((client) => [client.clientId, client.name]));
  names.set(JWT_IDP_CLIENT, options.jwtIdpTarget?.displayName);
  names.set(CLAIM_CLIENT, undefined);
  const provider = createProvider({
    ...options,
    keys,
    hasClaimTokens: options.claiming !== undefined,
    oldLoginIsOver: options.claiming && oldSessions(options.claiming),
    ...renderings(names, render, options.backchannel),
  });
  options.backchannel.attach(provider);
  provider.on('server_error', (ctx: KoaContextWithOIDC, error) => options.onError(error, ctx.path));
  (provider as unknown as NodeJS.EventEmitter).on('error', (error: unknown) => {
    if (!THEIRS.test(String((error as { code?: unknown } | undefined)?.code)))
      options.onError(error, 'listener');
  });
  const { issuer, trustedProxies, lifetimes } = options.settings;
  const own = factorDeps(options);
  const claimPages = claimPagesOf(options, { provider, renderPage: render.page, lookups: own.lookups });
  const login = loginRoutes({
    ...options,
    ...own,
    claimPages,
    provider,
    issuer,
    lifetimes,
    renderPage: render.page,
    clientName: (id) => names.get(id),
  });
  const use = (middleware: Middleware) => provider.use(middleware as never);
  use(lettingGo);
  use(measured(options));
  use(securityHeaders(issuer));
  use(failures(options, render.error));
  use(guard({ issuer, trustedProxies }));
  use(cacheHeaders(options));
  use(nothingToEnd(options, { renderPage: render.page, claimPages }));
  use(unitOfWork(options));
  if (options.retired) use(overFor(options, options.retired, { provider, renderPage: render.page }));
  const { middlewares, routers } = signedInElsewhere(options, {
    provider,
    cookieKeys: keys.cookie,
    renderPage: render.page,
    lookups: own.lookups,
  });
  for (const middleware of middlewares) use(middleware);
  const handOver = handOverRoutes(options, { provider, keys: keys.jwtIdp, renderPage: render.page });
  const ours = [postedRoutes(), login, ...(claimPages ? [claimPages.routes] : []), ...handOver];
  use(mounted([...ours, ...routers, ...options.routers(doorOf(provider))]));
  return handlerOf(provider);
}

const overFor = (
  { settings, db, claiming, jwtIdpTarget }: FrontOptions,
  retired: RetiredParts,
  made: { readonly provider: Provider; readonly renderPage: PageRenderer },
): Middleware =>
  retiredFacade({
    ...{ ...retired, ...made, db, jwtIdpTarget },
    issuer: settings.issuer,
    clients: settings.clients,
    claimTargets: claiming?.claimTokens.map(({ target }) => target) ?? [],
  });

function claimPagesOf(
  options: FrontOptions,
  made: Pick<ClaimingOptions, 'provider' | 'renderPage' | 'lookups'>,
): ClaimPages | undefined {
  const { claiming, settings, db, keyring, directory, scopes, endings, onError } = options;
  if (!claiming) return undefined;
  const { issuer, lifetimes } = settings;
  const { targets } = claiming.claiming;
  const shared = { db, keyring, directory, targets, scopes, endings, onError };
  return openClaimPages({ ...claiming, ...made, ...shared, issuer, lifetimes });
}

function handOverRoutes(
  { settings, jwtIdpTarget: target, keyring, directory, db, loginParts }: FrontOptions,
  made: Pick<JwtIdpOptions, 'provider' | 'keys' | 'renderPage'>,
): readonly Router[] {
  const { issuer, jwtIdp, lifetimes } = settings;
  if (!jwtIdp || !target) return [];
  // A session that is already there is the proof, ours or the legacy system's: nobody has typed anything (RFC 8176).
  const prove = async (user: string) =>
    proveNow(db, await loginParts({ user, clientId: JWT_IDP_CLIENT, amr: [], by: 'session' }));
  return [jwtIdpRoutes({ ...made, settings: jwtIdp, target, issuer, lifetimes, keyring, directory, prove })];
}

function factorDeps({
  db,
  keyring,
  settings,
}: FrontOptions): Pick<LoginRoutesOptions, Exclude<FrontsOwn, 'claimPages'>> {
  const { origin, hostname } = new URL(settings.issuer);
  const { rpId = hostname, userVerification } = settings.login.passkeys;
  return {
    lookups: new LookupRate(db, settings.login.networkLookups),
    uses: new FactorUses(db, keyring),
    relyingParty: { rpId, origin, userVerification },
    suspect: (sub, action) =>
      appendAudit(db, { actor: 'user', action, subject: keyring.mac('audit-subject', sub) }),
  };
}

const ROUTES =
  /^\/(\.well-known|auth|token|me|jwks|request|session|login|claim|jwt|migration|hooks|webhooks|drop-ins|legacy|assets)(?:\/|$)/;

function measured({ onRequest }: FrontOptions): Middleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    await next();
    const seconds = (performance.now() - startedAt) / 1000;
    onRequest?.({ route: ROUTES.exec(ctx.path)?.[1] ?? 'other', status: ctx.status, seconds });
  };
}

/** For the log: a link's secret is in its path. */
const placeOf = ({ path }: Pick<Context, 'path'>) => (/^\/claim\//.test(path) ? '/claim' : path);

/** Errors become answers here, whatever they went through. */
function failures(options: FrontOptions, renderError: ReturnType<typeof renderer>['error']): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined) throw unanswered(ctx);
      if (ctx.status === 503 && !ctx.response.get('Retry-After')) ctx.set('Retry-After', '2');
    } catch (error) {
      if (error instanceof Answered) return;
      // A lost race is a double click or a replay: nothing of ours failed.
      const isOurs = error instanceof FootbridgeError ? error.status >= 500 : !(error instanceof RaceLost);
      if (isOurs) options.onError(error, placeOf(ctx));
      fail(ctx, error, renderError);
    }
  };
}

function cacheHeaders({ pages, settings, storageUp }: FrontOptions): Middleware {
  return async (ctx, next) => {
    const asset = ctx.method === 'GET' && ctx.path.startsWith('/assets/') ? pages.asset(ctx.path) : undefined;
    if (asset) {
      ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
      ctx.set('ETag', asset.etag);
      ctx.type = asset.type;
      ctx.body = asset.body;
      return;
    }
    if (!WITHOUT_STORAGE.test(ctx.path) && !storageUp())
      throw new FootbridgeError('storage_unavailable', { retryAfterSeconds: 2 });
    await next();
    // RFC 6749 section 5.1 wants it beside Cache-Control, which the library sets.
    if (ctx.path === '/token') ctx.set('Pragma', 'no-cache');
    if (ctx.status === 200 && (/^\/(jwt\/)?jwks$/.test(ctx.path) || ctx.path.startsWith('/.well-known/'))) {
      ctx.set('Cache-Control', `public, max-age=${settings.keys.cacheSeconds}`);
    }
  };
}

/** A logout of nobody, asked for by no client: the library would make a session row for each such visitor. */
function nothingToEnd(
  { settings }: FrontOptions,
  { renderPage, claimPages }: { renderPage: PageRenderer; claimPages: ClaimPages | undefined },
): Middleware {
  const cookie = sessionCookieName(settings.issuer);
  return async (ctx, next) => {
    const isAsked = ctx.method === 'GET' && ctx.path === '/session/end';
    if (!isAsked || ctx.cookies.get(cookie) || ctx.query.client_id || ctx.query.id_token_hint) return next();
    claimPages?.forget(ctx as Context);
    renderPage(ctx as Context, { page: 'logged-out' });
  };
}

/** Everything a request writes is stored before its answer leaves. */
function unitOfWork({ scopes, db }: FrontOptions): Middleware {
  const reader = new RecordReader(db);
  return async (ctx, next) => {
    const scope = new RequestScope(ctx, { db, reader });
    await scopes.run(scope, async () => {
      await next();
      await scope.flush();
    });
  };
}
