/**
 * The old shop: its own login, its own sessions, its own database. It knows one thing about Footbridge: they tell each
 * other about sessions. Who signs in at one is known at the other, and who signs out has left both.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import Koa from 'koa';
import { hashKind } from './hash-kinds.ts';
import type { Places } from './page.ts';
import type { HookCall } from './session-hook.ts';
import { readSessionHook, tellSignedOut } from './session-hook.ts';
import { shopPages } from './shop-pages.ts';
import type { Customer, ShopSession, ShopStore } from './shop-store.ts';
import { SHOP_SESSION_SECONDS } from './shop-store.ts';
import { stepOfCode } from './totp.ts';
import type { Log } from './web.ts';
import { COOKIE, defaults, newToken, readBody, readForm, tokenDigest, WebError } from './web.ts';

export const SHOP_COOKIE = 'shop_session';
const PENDING_COOKIE = 'shop_pending';
/** How long the page for the second factor stays good, and how many such logins are remembered. */
const PENDING_MS = 5 * 60_000;
const MAX_PENDING = 1_000;

export interface ShopOptions {
  readonly store: ShopStore;
  readonly hookKey: string;
  /** Footbridge's. */
  readonly issuer: string;
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

function addLogin(router: Router, options: ShopOptions, pages: Pages): void {
  const { store, log } = options;
  const pending = new Map<string, { customerId: number; expires: number }>();
  const signIn = async (ctx: Context, customer: Customer) => {
    // Whoever was signed in here before has left with it.
    await endHere(ctx, options);
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
    await endHere(ctx, options);
    ctx.cookies.set(SHOP_COOKIE, null, COOKIE);
    ctx.redirect('/');
  });
}

/** This browser's session, if there is one, and what Footbridge has beside it. */
async function endHere(ctx: Context, { store, issuer, hookKey, log }: ShopOptions): Promise<void> {
  const session = await sessionOf(ctx, store);
  if (!session) return;
  const { id, customer } = session;
  await store.endSession(id);
  const heard = await tellSignedOut({ issuer, key: hookKey }, { legacyId: String(customer.id), session: id });
  log(`customer ${customer.id} signed out; Footbridge ${heard ? 'was told' : 'does not answer'}`);
}

/** What Footbridge asks for. It relays the cookie of `create` to the browser, which it may because all run on one host. */
function addHook(router: Router, { store, hookKey, log }: ShopOptions): void {
  const hook = readSessionHook(hookKey);
  const route = (path: string, answer: (ctx: Context, call: HookCall) => Promise<void>) =>
    router.post(path, async (ctx) => {
      const body = await readBody(ctx.req);
      const call = hook({
        signature: ctx.get('Footbridge-Signature'),
        body,
        unixSeconds: Date.now() / 1000,
      });
      if (!('refused' in call)) return answer(ctx as Context, call);
      log(`the shop refused a call: ${call.refused}`);
      ctx.status = 401;
      ctx.body = { error: call.refused };
    });

  route('/footbridge/session', async (ctx, { customerId }) => {
    const customer = customerId === undefined ? undefined : await store.customerById(customerId);
    if (!customer || !mayEnter(customer)) {
      log('the shop refused a session: no such customer');
      ctx.status = 404;
      ctx.body = { error: 'no such customer' };
      return;
    }
    const token = await store.openSession(customer.id, 'footbridge');
    ctx.cookies.set(SHOP_COOKIE, token, { ...COOKIE, maxAge: SHOP_SESSION_SECONDS * 1000 });
    log(`the shop opened a session for customer ${customer.id}, told by Footbridge`);
    ctx.body = { session: tokenDigest(token) };
  });
  route('/footbridge/session/check', async (ctx, { session }) => {
    const found = session?.id
      ? await store.sessionById(session.id)
      : session?.cookie && (await store.session(session.cookie));
    if (!found) {
      ctx.status = 404;
      return;
    }
    ctx.body = {
      legacyId: String(found.customer.id),
      session: found.id,
      authTime: Math.floor(found.openedAt.getTime() / 1000),
      // Nobody with a second factor has a session here without it, whoever opened it.
      amr: found.customer.otp_secret ? ['pwd', 'otp'] : ['pwd'],
    };
  });
  route('/footbridge/session/end', async (ctx, { session, customerId }) => {
    const id = session?.id ?? (session?.cookie && tokenDigest(session.cookie));
    if (id) await store.endSession(id);
    else if (customerId !== undefined) await store.endSessionsOf(customerId);
    log('the shop ended a session, told by Footbridge');
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
