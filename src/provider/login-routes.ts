/** The login pages' routes: `/login/:uid`. Plain HTML forms that need no script. */
import Router from '@koa/router';
import type { Context } from 'koa';
import { LOGIN_PATH } from './interaction-cookie.ts';
import { LoginFlow } from './login-flow.ts';
import type { LoginRoutesOptions } from './login-options.ts';

export type { LoginRoutesOptions } from './login-options.ts';

export function loginRoutes(options: LoginRoutesOptions): Router {
  const router = new Router({ prefix: `${LOGIN_PATH}/:uid` });
  const flow = new LoginFlow(options);
  router.get('/', (ctx) => flow.show(ctx as Context));
  router.post('/', (ctx) => flow.submit(ctx as Context));
  router.get('/cancel', (ctx) => flow.cancel(ctx as Context));
  router.get('/with/:target', (ctx) => flow.signInWith(ctx as Context));
  router.post('/with/:target', (ctx) => flow.linkInstead(ctx as Context));
  return router;
}
