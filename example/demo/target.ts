/**
 * A stand-in for ZITADEL: a user store and login of its own, Footbridge as an external identity provider, and an
 * OpenID Provider towards the apps. At its edges it behaves as ZITADEL does, down to the error codes.
 */
import type { RequestListener } from 'node:http';
import Router from '@koa/router';
import Koa from 'koa';
import { authRequests } from './auth-requests.ts';
import type { Places } from './page.ts';
import { addApi } from './target-api.ts';
import { handover } from './target-handover.ts';
import type { CALLBACK_PATHS } from './target-login.ts';
import { addLogin, addNewPassword } from './target-login.ts';
import type { AppClient } from './target-op.ts';
import { isProviderPath, LOGIN_PATH, TARGET_COOKIE, targetProvider } from './target-op.ts';
import { targetPages } from './target-pages.ts';
import { relyingParty } from './target-rp.ts';
import type { TargetStore } from './target-store.ts';
import type { Log } from './web.ts';
import { COOKIE, defaults, readForm } from './web.ts';

export const TARGET_CLIENT_ID = 'demo-target';

export interface TargetOptions {
  readonly store: TargetStore;
  readonly places: Places;
  /** Footbridge, and what the target is called there. */
  readonly issuer: string;
  readonly clientSecret: string;
  readonly app: AppClient;
  /** ZITADEL's `usePkce` of the identity provider. */
  readonly usePkce: boolean;
  readonly callbackPath: (typeof CALLBACK_PATHS)[number];
  /** Opens the import API to whoever has it. */
  readonly apiToken?: string | undefined;
  readonly log: Log;
}

export function targetListener(options: TargetOptions): RequestListener {
  const { store, places, log } = options;
  const origin = places.target;
  const pages = targetPages(places);
  const provider = targetProvider({ origin, store, app: options.app, log, pages });
  const party = relyingParty({
    issuer: options.issuer,
    clientId: TARGET_CLIENT_ID,
    clientSecret: options.clientSecret,
    usePkce: options.usePkce,
  });
  const login = {
    ...{ origin, store, provider, party, pages, log },
    handover: handover({ issuer: options.issuer, store, party, log }),
    requests: authRequests(),
    callbackPath: options.callbackPath,
  };

  const router = new Router();
  router.get('/', async (ctx) => {
    const session = await store.session(ctx.cookies.get(TARGET_COOKIE) ?? '');
    ctx.body = pages.known({ users: await store.users(), session });
  });
  router.get('/account', async (ctx) => {
    const session = await store.session(ctx.cookies.get(TARGET_COOKIE) ?? '');
    if (!session) return ctx.redirect(LOGIN_PATH);
    ctx.body = pages.account({ session });
  });
  router.post('/logout', async (ctx) => {
    await readForm(ctx);
    await store.endSession(ctx.cookies.get(TARGET_COOKIE) ?? '');
    ctx.cookies.set(TARGET_COOKIE, null, COOKIE);
    ctx.redirect('/');
  });
  addLogin(router, login);
  addNewPassword(router, login);
  if (options.apiToken) addApi(router, { store, token: options.apiToken });

  const app = new Koa();
  app.use(defaults({ origin, log, errorPage: pages.error }));
  app.use(router.routes());
  const [own, theirs] = [app.callback(), provider.callback()];
  const { host } = new URL(origin);
  return (request, response) => {
    const path = (request.url ?? '').split('?')[0]!;
    const forProvider = isProviderPath(path) && request.headers.host === host;
    return forProvider ? theirs(request, response) : own(request, response);
  };
}
