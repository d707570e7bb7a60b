/**
 * Cookie names and attributes (RFC 6265bis): prefixed and Secure on https; on a loopback http issuer, for trying out,
 * neither. Besides the provider's own there are small ones that say what happened in this browser a moment ago.
 */

import type { KeyObject } from 'node:crypto';
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import Keygrip from 'keygrip';
import type { Context } from 'koa';
import type { Configuration } from 'oidc-provider';
import { lately } from '../lately.ts';

export const isSecure = (issuer: string): boolean => issuer.startsWith('https:');

export const sessionCookieName = (issuer: string): string =>
  isSecure(issuer) ? '__Host-fb_session' : 'fb_session';

/** A login's four cookies, for a few hundred logins under way. */
const SIGNED_LATELY = 2_000;
/** Nobody's cookies of ours are longer. */
const SIGNED_LENGTH = 256;

/**
 * Keygrip as it signs, with key objects: of a string Node makes one at every use, which takes longer than the use. Each
 * request verifies two or three cookies, which mostly were signed here a moment ago.
 */
class CookieSigner extends Keygrip {
  constructor(keys: readonly string[]) {
    super([...keys], 'sha256', 'base64');
    const objects = keys.map((key) => createSecretKey(Buffer.from(key)));
    const [newest] = objects;
    if (!newest) return;
    const known = lately<string>(SIGNED_LATELY);
    const made = (data: string, key: KeyObject) => createHmac('sha256', key).update(data).digest('base64url');
    const signed = (data: string, key: KeyObject) => {
      if (key !== newest || data.length > SIGNED_LENGTH) return made(data, key);
      const before = known.get(data);
      if (before !== undefined) return before;
      const signature = made(data, key);
      known.set(data, signature);
      return signature;
    };
    const isSigned = (data: string, signature: Buffer) => (key: KeyObject) => {
      const expected = Buffer.from(signed(data, key));
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    };
    this.sign = (data) => signed(String(data), newest);
    this.index = (data, signature) => objects.findIndex(isSigned(String(data), Buffer.from(signature)));
    this.verify = (data, signature) => this.index(data, signature) >= 0;
  }
}

export const cookieSigner = (keys: readonly string[]): Keygrip => new CookieSigner(keys);

const attributesFor = (issuer: string) =>
  ({ httpOnly: true, sameSite: 'lax', secure: isSecure(issuer), signed: true, overwrite: true }) as const;

export function cookieSettings(
  issuer: string,
  keys: readonly string[],
): NonNullable<Configuration['cookies']> {
  const secure = isSecure(issuer);
  const attributes = attributesFor(issuer);
  return {
    names: {
      session: sessionCookieName(issuer),
      interaction: secure ? '__Secure-fb_login' : 'fb_login',
      resume: secure ? '__Secure-fb_resume' : 'fb_resume',
    },
    keys: cookieSigner(keys),
    long: attributes,
    short: attributes,
  } as NonNullable<Configuration['cookies']>;
}

/**
 * Gives the browser a session as the library would (name, signature, attributes), and lets this very request have it
 * already. `expires`: for one that outlives the browser.
 */
export function giveSession(
  ctx: Context,
  { issuer, keys, id, expires }: { issuer: string; keys: readonly string[]; id: string; expires?: Date },
): void {
  const name = sessionCookieName(issuer);
  takeSession(ctx, issuer);
  const pair = `${name}=${id}`;
  const signed = [pair, `${name}.sig=${cookieSigner(keys).sign(pair)}`];
  ctx.req.headers.cookie = [...signed, ...(ctx.req.headers.cookie ? [ctx.req.headers.cookie] : [])].join(
    '; ',
  );
  ctx.cookies.set(name, id, { ...attributesFor(issuer), ...(expires ? { expires } : {}) });
}

/** This request knows of no session any more; the browser's cookie leads nowhere and may stay. */
export function takeSession(ctx: Context, issuer: string): void {
  const name = sessionCookieName(issuer);
  const rest = (ctx.req.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair && !pair.startsWith(`${name}=`) && !pair.startsWith(`${name}.sig=`));
  if (rest.length > 0) ctx.req.headers.cookie = rest.join('; ');
  else delete ctx.req.headers.cookie;
}

/** A cookie of our own that is of no use to anybody else: no signature, any path. */
export interface Mark {
  read(ctx: Context): string | undefined;
  set(ctx: Context, value: string): void;
  clear(ctx: Context): void;
}

/** Values are letters, digits, `-`, `_` and `.`; anything else in such a cookie is nothing. */
const MARK_VALUE = /^[A-Za-z0-9_.-]{1,512}$/;

export function mark(issuer: string, name: string, seconds: number): Mark {
  const full = isSecure(issuer) ? `__Host-${name}` : name;
  const write = (ctx: Context, value: string, maxAge: number) =>
    ctx.append(
      'Set-Cookie',
      `${full}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${isSecure(issuer) ? '; Secure' : ''}`,
    );
  const read = (ctx: Context) => {
    const value = ctx.cookies.get(full, { signed: false });
    return value !== undefined && MARK_VALUE.test(value) ? value : undefined;
  };
  return {
    read,
    set: (ctx, value) => write(ctx, value, seconds),
    clear: (ctx) => {
      if (read(ctx) !== undefined) write(ctx, '', 0);
    },
  };
}

/** A legacy session that is still being ended would sign the person in again: for so long nobody is recognised. */
const LOGGED_OUT_SECONDS = 300;

/** In this browser somebody has just logged out. */
export const loggedOutMark = (issuer: string): Mark => mark(issuer, 'fb_out', LOGGED_OUT_SECONDS);
