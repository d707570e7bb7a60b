/** Signing in at the target: with its own password and code, or through Footbridge. */
import type Router from '@koa/router';
import { hash as argon2 } from 'argon2';
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import type { AuthRequest, AuthRequests } from './auth-requests.ts';
import { verify } from './passwap.ts';
import type { Handover } from './target-handover.ts';
import { LOGIN_PATH, TARGET_COOKIE } from './target-op.ts';
import type { TargetPages } from './target-pages.ts';
import type { RelyingParty } from './target-rp.ts';
import type { TargetStore, TargetUser } from './target-store.ts';
import { TARGET_SESSION_SECONDS } from './target-store.ts';
import { IDP_ID, userOf } from './target-users.ts';
import { stepOfCode } from './totp.ts';
import type { Log } from './web.ts';
import { COOKIE, readForm, WebError } from './web.ts';

/** ZITADEL's two: of the first login pages, and of the newer ones. Both have to be registered. */
export const CALLBACK_PATHS = [`${LOGIN_PATH}/externalidp/callback`, '/idps/callback'] as const;
const COMPLETE_PATH = `${LOGIN_PATH}/complete`;
/** Of a password nobody knows, so that an unknown name takes as long as a wrong password. */
const DECOY = '$2b$08$7cQDnCVPrnTCRoWtYVbeBuDAQV2tPRHLYYTtUCgqbVWkfuFqjSGDa';
/** Not what a production system should spend: a demo's laptop has other things to do. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const MIN_PASSWORD = 8;

export interface LoginOptions {
  readonly origin: string;
  readonly store: TargetStore;
  readonly provider: Provider;
  readonly party: RelyingParty;
  readonly handover: Handover;
  readonly requests: AuthRequests;
  readonly pages: TargetPages;
  readonly callbackPath: (typeof CALLBACK_PATHS)[number];
  readonly log: Log;
}

export function addLogin(router: Router, options: LoginOptions): void {
  const { store, pages, provider } = options;
  router.get(LOGIN_PATH, async (ctx) => {
    const request = await openRequest(ctx, options);
    const session = await store.session(ctx.cookies.get(TARGET_COOKIE) ?? '');
    if (session && request.forApp && !(await isForced(ctx, provider))) return finish(ctx, options, request);
    ctx.body = pages.login({ request, username: request.loginHint });
  });
  router.post(LOGIN_PATH, async (ctx) => {
    const form = await readForm(ctx);
    const request = known(ctx, options, form.get('authRequestID'));
    const username = form.get('username')?.trim() ?? '';
    const user = await store.userByName(username);
    const right = await verify(user?.password_hash ?? DECOY, form.get('password') ?? '');
    if (!user?.password_hash || !right) {
      ctx.status = 401;
      ctx.body = pages.login({ request, username, wrong: true });
      return;
    }
    if (!user.totp_seed) return signIn(ctx, options, { request, user, methods: ['password'] });
    request.userId = user.id;
    ctx.body = pages.code({ request });
  });
  router.post(`${LOGIN_PATH}/code`, async (ctx) => {
    const form = await readForm(ctx);
    const request = known(ctx, options, form.get('authRequestID'));
    const user = request.userId ? await store.userById(request.userId) : undefined;
    if (!user?.totp_seed) throw new WebError(400, 'no_password_yet', 'The password comes first.');
    const step = stepOfCode(user.totp_seed, form.get('code') ?? '', Date.now() / 1000);
    if (!(await store.acceptTotpStep(user.id, step))) {
      ctx.status = 401;
      ctx.body = pages.code({ request, wrong: true });
      return;
    }
    await signIn(ctx, options, { request, user, methods: ['password', 'code'] });
  });
  // Back to the app that asked; the library finds its side of it by its own cookie, which knows this path.
  router.get(COMPLETE_PATH, async (ctx) => {
    const session = await store.session(ctx.cookies.get(TARGET_COOKIE) ?? '');
    if (!session) return ctx.redirect(LOGIN_PATH);
    const login = { accountId: session.user.id, amr: [...session.methods], remember: true };
    const back = await provider.interactionResult(ctx.req, ctx.res, { login }).catch(() => '/account');
    ctx.redirect(back);
  });
  addExternal(router, options);
}

function addExternal(router: Router, options: LoginOptions): void {
  const { store, party, handover, origin, callbackPath, log } = options;
  router.post(`${LOGIN_PATH}/externalidp`, async (ctx) => {
    const form = await readForm(ctx);
    const request = known(ctx, options, form.get('authRequestID'));
    const redirectUri = `${origin}${callbackPath}`;
    const loginHint = await externalHint(store, request);
    const { url, codeVerifier } = await party.begin({ state: request.id, redirectUri, loginHint });
    request.external = { redirectUri, codeVerifier };
    ctx.redirect(url);
  });
  const callback = async (ctx: Context) => {
    const request = known(ctx, options, ctx.URL.searchParams.get('state'));
    if (!request.external) throw new WebError(400, 'LOGIN-state', 'This login was not begun here.');
    const { redirectUri, codeVerifier } = request.external;
    // One answer per question.
    delete request.external;
    const { claims, ticket } = await party
      .finish({ callback: new URL(`${redirectUri}${ctx.search}`), state: request.id, codeVerifier })
      .catch((error) => {
        if (error instanceof WebError && error.cause) log(`the login at Footbridge failed: ${error.cause}`);
        throw error;
      });
    const user = await userOf(store, claims);
    if (!user.moved_at && ticket) await handover.fetch({ id: user.id, sub: claims.sub, ticket });
    await signIn(ctx, options, { request, user, methods: ['footbridge'] });
  };
  for (const path of CALLBACK_PATHS) router.get(path, callback);
}

/** For people whose password could not be taken along: the one page on which they notice the move. */
export function addNewPassword(router: Router, { store, handover, pages, log }: LoginOptions): void {
  router.post('/account/password', async (ctx) => {
    const form = await readForm(ctx);
    const session = await store.session(ctx.cookies.get(TARGET_COOKIE) ?? '');
    if (!session) return ctx.redirect(LOGIN_PATH);
    const { user } = session;
    const password = form.get('password') ?? '';
    if (user.password_hash) throw new WebError(409, 'has_password', 'You have a password already.');
    if (user.factor_missing)
      throw new WebError(409, 'factor_missing', 'Your second factor has to come along first.');
    if (password.length < MIN_PASSWORD) {
      ctx.status = 400;
      ctx.body = pages.account({ session, tooShort: MIN_PASSWORD });
      return;
    }
    await store.bring(user.id, {
      passwordHash: inScanOrder(await argon2(password, ARGON2)),
      passwordChosen: true,
      note: null,
    });
    const link = await store.linkOf(IDP_ID, user.id);
    const imported = user.totp_seed ? ['totp'] : [];
    if (link)
      await handover
        .confirm({ id: user.id, sub: link.externalId, imported })
        .catch((error) => log(String(error)));
    ctx.redirect('/account');
  });
}

/** npm argon2 writes m, p, t; passwap reads m, t, p. */
function inScanOrder(encoded: string): string {
  return encoded.replace(/m=(\d+),p=(\d+),t=(\d+)/, 'm=$1,t=$3,p=$2');
}

async function openRequest(ctx: Context, { provider, requests }: LoginOptions): Promise<AuthRequest> {
  const id = ctx.URL.searchParams.get('authRequestID');
  if (!id) return requests.open(ctx, { forApp: false });
  const request = requests.find(ctx, id);
  if (request) return request;
  const details = await provider.interactionDetails(ctx.req, ctx.res).catch(() => undefined);
  if (details?.uid !== id) throw gone();
  const hint = details.params.login_hint;
  return requests.open(ctx, { id, forApp: true, loginHint: typeof hint === 'string' ? hint : undefined });
}

function known(ctx: Context, { requests }: LoginOptions, id: string | null): AuthRequest {
  const request = id ? requests.find(ctx, id) : undefined;
  if (!request) throw gone();
  return request;
}

const gone = () => new WebError(400, 'LOGIN-gone', 'This sign-in is over or too old. Please start again.');

/** The app insists on a fresh login (`prompt=login`, `max_age`). */
async function isForced(ctx: Context, provider: Provider): Promise<boolean> {
  const details = await provider.interactionDetails(ctx.req, ctx.res).catch(() => undefined);
  const reasons = details?.prompt.reasons ?? [];
  return !details || reasons.includes('login_prompt') || reasons.includes('max_age');
}

/** ZITADEL hints with the linked external name where there is one, and with what the app said otherwise. */
async function externalHint(store: TargetStore, { loginHint }: AuthRequest): Promise<string | undefined> {
  const user = loginHint ? await store.userByName(loginHint) : undefined;
  const link = user && (await store.linkOf(IDP_ID, user.id));
  return link?.userName ?? loginHint;
}

async function signIn(
  ctx: Context,
  options: LoginOptions,
  { request, user, methods }: { request: AuthRequest; user: TargetUser; methods: readonly string[] },
): Promise<void> {
  const token = await options.store.openSession(user.id, methods);
  ctx.cookies.set(TARGET_COOKIE, token, { ...COOKIE, maxAge: TARGET_SESSION_SECONDS * 1000 });
  options.log(`the target signed in user ${user.id} by ${methods.join(' and ')}`);
  finish(ctx, options, request);
}

function finish(ctx: Context, { requests }: LoginOptions, request: AuthRequest): void {
  requests.close(request);
  ctx.redirect(request.forApp ? COMPLETE_PATH : '/account');
}
