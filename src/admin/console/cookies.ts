/**
 * The console's cookies (RFC 6265bis). The session's is sent with requests from our own pages only; what a sign-in elsewhere has to
 * bring back travels in a second, sealed and short-lived, because that comes from there.
 */
import type { Context } from 'koa';

export interface Cookie {
  read(ctx: Context): string | undefined;
  set(ctx: Context, origin: string, value: string): void;
  clear(ctx: Context, origin: string): void;
}

export interface CookieOptions {
  readonly sameSite: 'Strict' | 'Lax';
  /** Absent: as long as the browser is open. */
  readonly seconds?: number;
}

/** What we write into cookies: base64url, and names of targets. */
const VALUE = /^[A-Za-z0-9_.~-]{1,4000}$/;

/** Under https it can be set by nobody but this very host; in clear, for loopback, there is no such thing. */
const fullName = (origin: string, name: string) => (origin.startsWith('https:') ? `__Host-${name}` : name);

export function cookie(name: string, { sameSite, seconds }: CookieOptions): Cookie {
  const write = (ctx: Context, origin: string, { value, age }: { value: string; age: number | undefined }) =>
    ctx.append(
      'Set-Cookie',
      [
        `${fullName(origin, name)}=${value}`,
        'Path=/',
        ...(age === undefined ? [] : [`Max-Age=${age}`]),
        'HttpOnly',
        `SameSite=${sameSite}`,
        ...(origin.startsWith('https:') ? ['Secure'] : []),
      ].join('; '),
    );
  return {
    read(ctx) {
      const value = ctx.cookies.get(fullName(originIn(ctx), name), { signed: false });
      return value !== undefined && VALUE.test(value) ? value : undefined;
    },
    set: (ctx, origin, value) => write(ctx, origin, { value, age: seconds }),
    clear: (ctx, origin) => write(ctx, origin, { value: '', age: 0 }),
  };
}

/** As the guard has found it. */
const originIn = (ctx: Context): string => (ctx.state.origin as string | undefined) ?? 'http:';

/** For so long somebody may take to sign in elsewhere. */
export const SIGN_IN_SECONDS = 600;

export const sessionCookie = cookie('fb_console', { sameSite: 'Strict' });
export const signInCookie = cookie('fb_console_sign_in', { sameSite: 'Lax', seconds: SIGN_IN_SECONDS });
/** Which target somebody looks at, until they look at another one. */
export const targetCookie = cookie('fb_console_target', { sameSite: 'Strict' });
