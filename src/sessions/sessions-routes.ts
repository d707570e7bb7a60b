/**
 * What legacy apps call, each with its own signature: redeeming a hand-over, offering who is signed in there, and telling
 * that a session was used or has ended. Logout tokens bring a signature of their own.
 */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { postedForm, readBody } from '../body.ts';
import { nowSeconds } from '../clock.ts';
import { FootbridgeError } from '../errors.ts';
import type { RouteDescription } from '../migration/json-routes.ts';
import { parseJson, problems } from '../migration/json-routes.ts';
import { SIGNATURE_HEADER } from '../migration/signature.ts';
import { signatureHeader, takeSignedCall } from '../migration/signed-calls.ts';
import { BACKCHANNEL, ENDED, OFFER, REDEEM, USED } from './app-messages.ts';
import type { LogoutClient, ReadLogoutToken } from './logout-token.ts';
import { openLogoutTokens } from './logout-token.ts';
import type { TakeCall, ToldDeps } from './told-by-apps.ts';
import { ended, loggedOut, offer, redeem, used } from './told-by-apps.ts';

/** For the API's description. */
export const sessionOperations: readonly RouteDescription[] = [REDEEM, OFFER, ENDED, USED, BACKCHANNEL];

export interface SessionsRoutesDeps extends ToldDeps {
  /** Our clients, who may tell that their session has ended. */
  readonly clients: readonly LogoutClient[];
  readonly onError: (error: unknown, where: string) => void;
}

export function sessionsRoutes(deps: SessionsRoutesDeps): Router {
  const router = new Router();
  const route = ({ method, path }: RouteDescription, take: TakeCall) =>
    router.register(path, [method], [problems(deps), signed(deps, take)]);
  route(REDEEM, redeem);
  route(OFFER, offer);
  route(ENDED, ended);
  route(USED, used);
  router.register(BACKCHANNEL.path, [BACKCHANNEL.method], backchannel(deps));
  return router;
}

/** The app is known by the key that signed. */
function signed(deps: SessionsRoutesDeps, take: TakeCall): Middleware {
  const owners = deps.apps.flatMap((app) =>
    app.keys.map(({ id, key }) => ({ app, id: `${app.name}/${id}`, key })),
  );
  return async (ctx: Context) => {
    const body = await readBody(ctx.req);
    const header = signatureHeader(ctx.req.headers, [SIGNATURE_HEADER]);
    if (header === undefined) throw new FootbridgeError('unauthorized');
    const keyId = await takeSignedCall(deps, { header, body }, owners);
    const { app } = owners.find(({ id }) => id === keyId)!;
    ctx.body = await take(deps, { app, input: parseJson(body) });
  };
}

/** OpenID Connect Back-Channel Logout 1.0 section 2.8: 200, or 400 for all that is not good and all that fails. */
function backchannel(deps: SessionsRoutesDeps): Middleware {
  const read = openLogoutTokens({
    apps: deps.apps,
    clients: deps.clients,
    audience: deps.issuer,
    nowSeconds: deps.nowSeconds ?? nowSeconds,
  });
  const refuse = (ctx: Context, error: string, description: string) => {
    ctx.status = 400;
    ctx.body = { error, error_description: description };
  };
  return async (ctx: Context) => {
    ctx.set('Cache-Control', 'no-store');
    try {
      const token = await logoutToken(ctx, read);
      if (!token || !(await loggedOut(deps, token)))
        return refuse(
          ctx,
          'invalid_request',
          'expected one logout token that is good and was not used before',
        );
      ctx.status = 200;
      ctx.body = '';
    } catch (error) {
      if (error instanceof FootbridgeError && error.code === 'body_too_large') {
        ctx.set('Connection', 'close');
        return refuse(ctx, 'invalid_request', 'the body is larger than allowed');
      }
      deps.onError(error, ctx.path);
      refuse(ctx, 'server_error', 'the logout could not be done now: try again with a new token');
    }
  };
}

async function logoutToken(ctx: Context, read: ReadLogoutToken) {
  const form = await formOf(ctx);
  const [token, another] = form?.getAll('logout_token') ?? [];
  return token === undefined || another !== undefined ? undefined : read(token);
}

/** The front door has read and checked a form already. */
async function formOf(ctx: Context): Promise<URLSearchParams | undefined> {
  const posted = postedForm(ctx.state);
  if (posted) return posted;
  const body = await readBody(ctx.req);
  return ctx.is('application/x-www-form-urlencoded') ? new URLSearchParams(body.toString()) : undefined;
}
