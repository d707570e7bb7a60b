/**
 * Authorization and logout requests that come by POST (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2):
 * they go on as GET. The library would take them as they are only if our session cookie were sent with every form of every
 * site (SameSite=None); to a GET that a browser is led to, it comes along all the same.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import { postedForm } from '../body.ts';
import { FootbridgeError } from '../errors.ts';

const PATHS = ['/auth', '/session/end'];
/** Proxies and servers end a request line at 8 KiB; what is longer can be pushed beforehand (RFC 9126). */
const MAX_QUERY_BYTES = 7 * 1024;
/** Nothing of these endpoints: in an address they would be seen by everybody on the way. */
const SECRETS = ['client_secret', 'client_assertion', 'username', 'password'];

export function postedRoutes(): Router {
  const router = new Router();
  for (const path of PATHS) router.post(path, (ctx) => handOn(ctx as unknown as Context, path));
  return router;
}

function handOn(ctx: Context, path: string): void {
  const form = postedForm(ctx.state);
  if (!form) throw new FootbridgeError('bad_request', { detail: 'expected a form' });
  for (const name of SECRETS) form.delete(name);
  const query = form.toString();
  if (Buffer.byteLength(query) > MAX_QUERY_BYTES)
    throw new FootbridgeError('bad_request', { detail: 'the request is too long: push it beforehand' });
  ctx.set('Cache-Control', 'no-store');
  ctx.status = 303;
  ctx.redirect(`${path}?${query}`);
}
