/** The console: everything below /admin of the private listener, except for the API. */

import { randomBytes } from 'node:crypto';
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { FootbridgeError } from '../../errors.ts';
import type { Log } from '../../observability/log.ts';
import type { AdminSettings } from '../admin-settings.ts';
import type { Desk, Operation } from '../operation.ts';
import { operations as allOperations } from '../operations/index.ts';
import { mayDo } from '../perform.ts';
import { ASSETS_AT, openAssets } from './assets.ts';
import { sessionCookie } from './cookies.ts';
import { addDoing } from './doing.ts';
import { checkedFields, checkPath } from './forms.ts';
import { needOwnForm, originOf, setHeaders } from './guard.ts';
import type { ConsolePage } from './page.ts';
import { pages as allPages } from './pages/index.ts';
import { openRendering } from './rendering.ts';
import { openRuns } from './runs.ts';
import { findSession } from './sessions.ts';
import { openSignIn } from './sign-in.ts';
import { addSignIn, onwardIn, SIGN_IN_AT } from './sign-in-routes.ts';
import type { Stage } from './stage.ts';
import { chosenTarget, keepTarget, needSession, ownOrigin, sessionOf, show, whoIs } from './stage.ts';
import { openTries } from './tries.ts';

export interface ConsoleOptions {
  readonly desk: Desk;
  readonly settings: AdminSettings['console'];
  /** The address that is listened on. */
  readonly host: string;
  readonly log: Log;
  readonly now?: () => Date;
  readonly atOnceMs?: number;
  /** Instead of the shelves'. */
  readonly pages?: readonly ConsolePage[];
  readonly operations?: readonly Operation[];
}

export interface Console {
  /** Answers what is below /admin, except for /admin/api; hands on everything else. */
  readonly middleware: Middleware;
  close(): Promise<void>;
}

export function openConsole(options: ConsoleOptions): Console {
  const { desk, settings, host, log, now = () => new Date() } = options;
  const { pages = allPages, operations = allOperations } = options;
  const assets = openAssets();
  const runs = openRuns({ log, now, atOnceMs: options.atOnceMs });
  const rendering = openRendering(assets.paths);
  const stage: Stage = { desk, settings, log, now, assets, rendering, pages, operations, runs };
  const signIn = settings.signIn && openSignIn(settings.signIn, settings.sessionSeconds);
  const routes = routesOf(stage, signIn);
  const names = { origin: settings.origin, host };
  return {
    middleware: async (ctx, next) => {
      if (!isOurs(ctx.path)) return next();
      const given = ctx as Context;
      setHeaders(given);
      try {
        ctx.state.origin = originOf(given, names);
        if (asset(given, stage)) return;
        if (ctx.method === 'POST') needOwnForm(given, ownOrigin(given));
        checkPath(ctx.path);
        checkedFields(ctx.search.slice(1));
        await recognise(given, stage);
        await routes(given as never, async () => {
          throw new FootbridgeError('not_found');
        });
        if (ctx.status === 404 && ctx.body === undefined) throw new FootbridgeError('not_found');
      } catch (error) {
        problem(given, stage, error);
      }
    },
    async close() {
      await runs.close();
      await signIn?.close();
    },
  };
}

const isOurs = (path: string) =>
  (path === '/admin' || path.startsWith('/admin/')) && !path.startsWith('/admin/api/');

function routesOf(stage: Stage, signIn: ReturnType<typeof openSignIn> | undefined): Middleware {
  const router = new Router();
  addSignIn(router, { stage, signIn, tries: openTries(() => stage.now().getTime()) });
  addDoing(router, stage);
  for (const page of stage.pages)
    router.get(`/admin${page.path && `/${page.path}`}`, (ctx) => open(ctx as Context, stage, page));
  return router.routes() as Middleware;
}

async function open(ctx: Context, stage: Stage, page: ConsolePage): Promise<void> {
  const who = whoIs(needSession(ctx));
  const { role = 'viewer' } = page;
  if (!mayDo(who.role, role))
    throw new FootbridgeError('role_needed', { detail: `This page needs the role ${role}.` });
  ctx.state.page = page;
  keepTarget(ctx, stage);
  const query = new URLSearchParams(ctx.search);
  const target = chosenTarget(ctx, stage);
  if (target !== undefined) query.set('target', target);
  const params = (ctx as { params?: Record<string, string> }).params ?? {};
  const desk = { ...stage.desk, actor: `operator:${who.name}` };
  const view = await page.load(desk, { params, query, who, now: stage.now() });
  show(ctx, stage, { ...view, title: view.title ?? page.title, under: page.path });
}

function asset(ctx: Context, { assets }: Stage): boolean {
  if (!ctx.path.startsWith(ASSETS_AT)) return false;
  const found = assets.get(ctx.path);
  if (!found || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) throw new FootbridgeError('not_found');
  ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
  ctx.set('ETag', found.etag);
  ctx.set('Content-Type', found.type);
  ctx.body = found.body;
  return true;
}

async function recognise(ctx: Context, { desk, settings, now }: Stage): Promise<void> {
  const token = sessionCookie.read(ctx);
  if (token === undefined) return;
  const isByItself = ctx.get('hx-request') === 'true';
  ctx.state.session = await findSession(desk.db, { token, now: now(), isByItself }, settings);
}

/** As a page, within the frame for whoever is signed in. Whoever is not is sent to where they can. */
function problem(ctx: Context, stage: Stage, error: unknown): void {
  const known = error instanceof FootbridgeError ? error : new FootbridgeError('internal', { cause: error });
  if (known.code === 'unauthorized') {
    toSignIn(ctx);
    return;
  }
  const reference = known.status >= 500 ? randomBytes(4).toString('hex') : undefined;
  if (reference) stage.log.warn({ error, reference, path: ctx.path }, 'a page of the console failed');
  if (known.retryAfterSeconds) ctx.set('Retry-After', String(known.retryAfterSeconds));
  const data = {
    code: known.code,
    message: known.message,
    detail: known.status < 500 ? known.detail : undefined,
    reference,
    isSignedIn: sessionOf(ctx) !== undefined,
  };
  const title =
    known.status === 404 ? 'Not found' : known.status < 500 ? 'This did not work' : 'Something is wrong';
  // Nobody's name is to be looked up when our own database is away: an error page asks nobody.
  show(ctx, stage, { title, template: 'error', data }, known.status);
}

function toSignIn(ctx: Context): void {
  const isPage = ctx.method === 'GET' || ctx.method === 'HEAD';
  const to = isPage ? onwardIn(ctx.path + ctx.search) : '/admin';
  const at = to === '/admin' ? SIGN_IN_AT : `${SIGN_IN_AT}?${new URLSearchParams({ to })}`;
  // A part of a page that is asked for by script: all of it goes.
  if (ctx.get('hx-request') === 'true') {
    ctx.status = 401;
    ctx.set('HX-Redirect', at);
    ctx.body = '';
    return;
  }
  ctx.redirect(at);
  ctx.status = 303;
}
