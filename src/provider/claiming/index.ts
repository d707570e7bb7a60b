/** Everything about links on the public listener; without claim tokens in the settings there is nothing. */
import Router from '@koa/router';
import type { Context } from 'koa';
import { CLAIM_PATH } from '../../migration/claim-tokens/claim-token.ts';
import { CLAIM_RETURN_PATH } from '../own-clients.ts';
import { ClaimAtLogin } from './claim-at-login.ts';
import { ClaimFlow } from './claim-flow.ts';
import { ClaimKit } from './claim-kit.ts';
import type { ClaimingOptions } from './claiming-options.ts';
import { Confirming } from './confirming.ts';
import { SignInWith } from './sign-in-with.ts';
import { ToTarget } from './to-target.ts';

export type { ClaimingOptions, ClaimingParts, ClaimOutcome } from './claiming-options.ts';

export interface ClaimPages {
  readonly routes: Router;
  /** For the login page. */
  readonly signInWith: SignInWith;
  readonly atLogin: ClaimAtLogin;
  /** What was proved here for a link dies with the logout. */
  forget(ctx: Context): void;
}

export function openClaimPages(options: ClaimingOptions): ClaimPages {
  const kit = new ClaimKit(options);
  const toTarget = new ToTarget(kit);
  const forget = (ctx: Context) => kit.cookie.clear(ctx);
  options.provider.on('end_session.success', (ctx) => forget(ctx as unknown as Context));
  const confirming = new Confirming(kit, toTarget);
  const flow = new ClaimFlow(kit, toTarget, confirming);
  const routes = new Router({ prefix: CLAIM_PATH })
    .use(async (ctx, next) => {
      // Links, codes and states are in addresses here: they are not sent on, not even to ourselves.
      ctx.set('Referrer-Policy', 'no-referrer');
      await next();
    })
    .get('/', (ctx) => flow.show(ctx as Context))
    .post('/', (ctx) => flow.submit(ctx as Context))
    .get(CLAIM_RETURN_PATH.slice(CLAIM_PATH.length), (ctx) => flow.returned(ctx as Context))
    .get('/start/:target', (ctx) => flow.start(ctx as Context))
    .get('/callback/:target', (ctx) => toTarget.back(ctx as Context))
    .get('/:token', (ctx) => flow.open(ctx as Context));
  return {
    routes,
    signInWith: new SignInWith(kit, toTarget, confirming),
    atLogin: new ClaimAtLogin(kit, toTarget, confirming),
    forget,
  };
}
