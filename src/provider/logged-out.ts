/**
 * What the person sees after a logout: who was told, and who is still to be told. The browser that logged out has a cookie
 * with the ending, sealed, so that nobody sees another one's; it is sent to the logout's own pages only.
 */
import type { Context } from 'koa';
import type { ToldRecipient } from '../sessions/ending/deliveries.ts';
import { deliveriesOf } from '../sessions/ending/deliveries.ts';
import type { Db } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import { isSecure } from './cookies.ts';
import type { LoggedOutPage } from './pages/page.ts';

export interface LoggedOutDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly issuer: string;
  /** What people call the client, app or target. */
  readonly nameOf: (recipient: Pick<ToldRecipient, 'kind' | 'name'>) => string;
}

export interface LoggedOut {
  /** The browser may see how far this ending is, for some minutes. */
  show(ctx: Context, ending: string): void;
  /** Never fails for the list's sake: without it, the page says that the person is signed out. */
  page(ctx: Context): Promise<LoggedOutPage>;
}

const PATH = '/session/end';
const COOKIE_SECONDS = 600;
const REFRESH_SECONDS = 3;
/** A page left open asks no more often; what then is under way is told without anybody looking. */
const MAX_REFRESHES = 10;
const PURPOSE = 'logged-out';
const UUID = /^[0-9a-f-]{36}$/;

export function openLoggedOut({ db, keyring, issuer, nameOf }: LoggedOutDeps): LoggedOut {
  const name = isSecure(issuer) ? '__Secure-fb_ended' : 'fb_ended';
  const endingOf = (ctx: Context): string | undefined => {
    const sealed = ctx.cookies.get(name, { signed: false });
    const [ending = '', until] = (sealed && keyring.open(PURPOSE, sealed, '')?.toString().split(' ')) || [];
    return UUID.test(ending) && Number(until) > Date.now() ? ending : undefined;
  };
  return {
    show(ctx, ending) {
      const sealed = keyring.seal(PURPOSE, `${ending} ${Date.now() + COOKIE_SECONDS * 1_000}`, '');
      const secure = isSecure(issuer) ? '; Secure' : '';
      ctx.append(
        'Set-Cookie',
        `${name}=${sealed}; Path=${PATH}; Max-Age=${COOKIE_SECONDS}; HttpOnly; SameSite=Lax${secure}`,
      );
    },
    async page(ctx) {
      const ending = endingOf(ctx);
      const told = ending ? await deliveriesOf(db, ending).catch(() => []) : [];
      if (told.length === 0) return { page: 'logged-out' };
      const shown = refreshesSoFar(ctx);
      if (told.some(({ state }) => state === 'under-way' || state === 'later') && shown < MAX_REFRESHES)
        ctx.set('Refresh', `${REFRESH_SECONDS}; url=${PATH}/success?again=${shown + 1}`);
      return { page: 'logged-out', told: told.map((one) => ({ name: nameOf(one), state: one.state })) };
    },
  };
}

function refreshesSoFar({ query }: Context): number {
  const again = typeof query.again === 'string' && /^\d{1,2}$/.test(query.again) ? Number(query.again) : 0;
  return Math.min(again, MAX_REFRESHES);
}
