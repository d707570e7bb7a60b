/**
 * The old shop: its own login, its own sessions, its own database. It knows one thing about Footbridge: when that
 * signs somebody in, it is told, and opens a session of its own for the same browser.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import Koa from 'koa';
import { hashKind } from './hash-kinds.ts';
import type { Places } from './page.ts';
import { readSessionHook } from './session-hook.ts';
import { shopPages } from './shop-pages.ts';
import type { Customer, ShopSession, ShopStore } from './shop-store.ts';
import { SHOP_SESSION_SECONDS } from './shop-store.ts';
import { stepOfCode } from './totp.ts';
import type { Log } from './web.ts';
import { COOKIE, defaults, newToken, readBody, readForm, WebError } from './web.ts';

export const SHOP_COOKIE = 'shop_session';
const PENDING_COOKIE = 'shop_pending';
/** How long the page for the second factor stays good, and how many such logins are remembered. */
const PENDING_MS = 5 * 60_000;
const MAX_PENDING = 1_000;

export interface ShopOptions {
  readonly store: ShopStore;
  readonly hookKey: string;
  readonly places: Places;
  readonly log: Log;
}

export function shopApp(options: ShopOptions): Koa {
  const pages = shopPages(options.places);
  const app = new Koa();
  app.use(defaults({ origin: options.places.shop, log: options.log, errorPage: pages.error }));
  app.use(async (_ctx, next) => {
    try {
      await next();
    } catch (error) {
      // Whatever went wrong: if the database is switched off, that is the reason.
      if (error instanceof WebError || (await options.store.isOn())) throw error;
      throw new WebError(503, 'database_off', 'The shop’s database is switched off.');
    }
  });
  const router = new Router();
  addPages(router, options, pages);
  addLogin(router, options, pages);
  addHook(router, options);
  app.use(router.routes());
  return app;
}

type Pages = ReturnType<typeof shopPages>;

function addPages(router: Router, { store }: ShopOptions, pages: Pages): void {
  router.get('/', async (ctx) => {
    // The shop window stays lit when the back office is dark.
    const on = await store.isOn();
    const session = on ? await sessionOf(ctx, store) : undefined;
    ctx.body = pages.window({ session, on });
  });
  router.get('/account', async (ctx) => {
    const session = await sessionOf(ctx, store);
    if (!session) return ctx.redirect('/login');
    ctx.body = pages.account(session);
  });
  router.get('/backoffice', async (ctx) => {
    const on = await store.isOn();
    ctx.body = pages.backoffice({ on, ...(on ? { count: await store.count() } : {}) });
  });
  router.post('/backoffice/database', async (ctx) => {
    const form = await readForm(ctx);
    await store.switchTo(form.get('database') === 'on');
    ctx.redirect('/backoffice');
  });
}

function addLogin(router: Router, { store, log }: ShopOptions, pages: Pages): void {
  const pending = new Map<string, { customerId: number; expires: number }>();
  const signIn = async (ctx: Context, customer: Customer) => {
    ctx.cookies.set(SHOP_COOKIE, await store.openSession(customer.id, 'shop'), {
      ...COOKIE,
      maxAge: SHOP_SESSION_SECONDS * 1000,
    });
    log(`the shop signed in customer ${customer.id}`);
    ctx.redirect('/account');
  };

  router.get('/login', async (ctx) => {
    if (!(await store.isOn()))
      throw new WebError(503, 'database_off', 'The shop’s database is switched off.');
    ctx.body = pages.login({});
  });
  router.post('/login', async (ctx) => {
    const form = await readForm(ctx);
    const login = form.get('login')?.trim() ?? '';
    const customer = await store.customerByLogin(login);
    if (!customer || !(await opens(customer, form.get('password') ?? ''))) {
      ctx.status = 401;
      ctx.body = pages.login({ login, wrong: true });
      return;
    }
    if (!customer.otp_secret) return signIn(ctx, customer);
    if (pending.size >= MAX_PENDING) pending.clear();
    const token = newToken();
    pending.set(token, { customerId: customer.id, expires: Date.now() + PENDING_MS });
    ctx.cookies.set(PENDING_COOKIE, token, COOKIE);
    ctx.redirect('/login/code');
  });
  router.get('/login/code', (ctx) => {
    ctx.body = pages.code({});
  });
  router.post('/login/code', async (ctx) => {
    const form = await readForm(ctx);
    const token = ctx.cookies.get(PENDING_COOKIE) ?? '';
    const waiting = pending.get(token);
    if (!waiting || waiting.expires < Date.now()) return ctx.redirect('/login');
    // One try per password: guessing codes costs a login each.
    pending.delete(token);
    const customer = await store.customerById(waiting.customerId);
    const seed = customer?.otp_secret;
    if (!customer || !seed || !stepOfCode(seed, form.get('code') ?? '', Date.now() / 1000)) {
      ctx.status = 401;
      ctx.body = pages.login({ wrong: true });
      return;
    }
    await signIn(ctx, customer);
  });
  router.post('/logout', async (ctx) => {
    await readForm(ctx);
    const token = ctx.cookies.get(SHOP_COOKIE);
    ctx.cookies.set(SHOP_COOKIE, null, COOKIE);
    if (token) await store.endSession(token);
    ctx.redirect('/');
  });
}

/** Footbridge relays the cookie of the answer to the browser, which it may because all run on one host. */
function addHook(router: Router, { store, hookKey, log }: ShopOptions): void {
  const hook = readSessionHook(hookKey);
  router.post('/footbridge/session', async (ctx) => {
    const body = await readBody(ctx.req);
    const told = hook({ signature: ctx.get('Footbridge-Signature'), body, unixSeconds: Date.now() / 1000 });
    const customer = 'refused' in told ? undefined : await store.customerById(told.customerId);
    if ('refused' in told || !customer || !mayEnter(customer)) {
      const reason = 'refused' in told ? told.refused : 'no such customer';
      log(`the shop refused a session: ${reason}`);
      ctx.status = 'refused' in told ? 401 : 404;
      ctx.body = { error: reason };
      return;
    }
    ctx.cookies.set(SHOP_COOKIE, await store.openSession(customer.id, 'footbridge'), {
      ...COOKIE,
      maxAge: SHOP_SESSION_SECONDS * 1000,
    });
    log(`the shop opened a session for customer ${customer.id}, told by Footbridge`);
    ctx.status = 204;
  });
}

async function sessionOf(ctx: Context, store: ShopStore): Promise<ShopSession | undefined> {
  const token = ctx.cookies.get(SHOP_COOKIE);
  return token ? store.session(token) : undefined;
}

function mayEnter(customer: Customer): boolean {
  return customer.active === 'Y' && !(customer.locked_until && customer.locked_until > new Date());
}

async function opens(customer: Customer, password: string): Promise<boolean> {
  const kind = hashKind(customer.pw_kind);
  const right = await kind?.matches(password, { pw: customer.pw, salt: customer.salt ?? undefined });
  return right === true && mayEnter(customer);
}
