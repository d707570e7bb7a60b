/**
 * The JWT hand-over: ZITADEL sends a browser here and asks who that is, and gets a token that says so.
 *
 * ZITADEL does not look whether the browser that brings the token is the one that it sent. Whoever began a login there
 * could have somebody else finish it with a link, and be that person. So nobody is handed over by following a link:
 * the person presses a button, or has logged in for this very hand-over, in this browser.
 */
import { randomBytes } from 'node:crypto';
import Router from '@koa/router';
import type { JWK } from 'jose';
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import { FootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { Queryable } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import type { Target } from '../targets/target.ts';
import type { User } from '../user.ts';
import { isSecure } from './cookies.ts';
import type { JwtIdpSettings } from './jwt-idp-settings.ts';
import { jwtIdpClaims, jwtIdpToken, publicKeys } from './jwt-idp-token.ts';
import type { HandOver } from './jwt-relay.ts';
import { relay } from './jwt-relay.ts';
import { goOn } from './login-end.ts';
import { LoginForms } from './login-forms.ts';
import { JWT_IDP_CLIENT, JWT_IDP_PATH, jwtIdpIssuer, ownLoginPath, RETURN_PATH } from './own-clients.ts';
import type { Page } from './pages/index.ts';
import type { SessionLifetimes } from './session-lives.ts';
import { isTooOld } from './session-lives.ts';

/** As `authRequestID` and `userAgentID` come: an id, and encrypted bytes in base64url. */
const OPAQUE = /^[A-Za-z0-9_.~-]{1,512}$/;
/** The longest login; whoever takes longer is asked whether they meant it. */
const LOGIN_SECONDS = 900;

export interface JwtIdpOptions {
  readonly provider: Provider;
  readonly settings: JwtIdpSettings;
  readonly target: Target;
  /** The provider's. */
  readonly issuer: string;
  readonly lifetimes: SessionLifetimes;
  /** Current first. */
  readonly keys: readonly JWK[];
  readonly keyring: Keyring;
  readonly directory: Directory;
  readonly renderPage: (ctx: Context, page: Page, status?: number) => void;
  /** Notes in the ledger who is handed over, before the target hears of them. Throws illegal_transition, storage_unavailable. */
  readonly prove: (sub: string) => Promise<void>;
}

export function jwtIdpRoutes(options: JwtIdpOptions): Router {
  const router = new Router();
  const idp = new JwtIdp(options);
  router.get(JWT_IDP_PATH, (ctx) => idp.ask(ctx as Context));
  router.post(JWT_IDP_PATH, (ctx) => idp.answer(ctx as Context));
  router.get(RETURN_PATH, (ctx) => idp.afterLogin(ctx as Context));
  router.get(`${JWT_IDP_PATH}/jwks`, (ctx) => {
    ctx.body = publicKeys(options.keys);
  });
  return router;
}

/** Who is here, and when they proved it; seconds since the epoch. A legacy app may have said so (recognition.ts). */
interface Present {
  readonly user: User;
  readonly loggedInAt: number;
}

class JwtIdp {
  readonly #options: JwtIdpOptions;
  readonly #forms: LoginForms;
  readonly #cookie: string;

  constructor(options: JwtIdpOptions) {
    const { keyring, issuer } = options;
    this.#options = options;
    this.#forms = new LoginForms(keyring, issuer);
    this.#cookie = isSecure(issuer) ? '__Secure-fb_jwt' : 'fb_jwt';
  }

  /** ZITADEL has sent the browser. */
  async ask(ctx: Context): Promise<void> {
    const handOver = handOverIn(ctx);
    const present = await this.#whoIsHere(ctx);
    if (!present) return this.#logIn(ctx, handOver, {});
    this.#confirm(ctx, handOver, present.user);
  }

  /** The person has pressed a button. */
  async answer(ctx: Context): Promise<void> {
    const handOver = handOverIn(ctx);
    const present = await this.#whoIsHere(ctx);
    if (!present) return this.#logIn(ctx, handOver, {});
    const form = this.#forms.read(ctx, formOf(handOver, present.user));
    if (!form) return this.#options.renderPage(ctx, { page: 'error', kind: 'expired' }, 403);
    if (form.get('choice') !== 'continue') return this.#logIn(ctx, handOver, { prompt: 'login' });
    await this.#handOver(ctx, handOver, present.user);
  }

  /** The provider has sent the browser back; the code is of no use to us, the session is. */
  async afterLogin(ctx: Context): Promise<void> {
    const begun = this.#begun(ctx);
    const present = begun && (await this.#whoIsHere(ctx));
    if (!present) return this.#options.renderPage(ctx, { page: 'error', kind: 'expired' }, 400);
    const { at, isThisBrowser, ...handOver } = begun;
    const isFresh = isThisBrowser && present.loggedInAt >= at;
    if (!isFresh) return this.#confirm(ctx, handOver, present.user);
    this.#setCookie(ctx, '', 0);
    await this.#handOver(ctx, handOver, present.user);
  }

  async #whoIsHere(ctx: Context): Promise<Present | undefined> {
    const { provider, directory, lifetimes } = this.#options;
    const session = await provider.Session.get(ctx as never);
    const { accountId, loginTs = 0 } = session;
    if (!accountId || isTooOld(session, lifetimes)) return undefined;
    const user = await directory.userBySub(accountId);
    return user?.state === 'active' ? { user, loggedInAt: loginTs } : undefined;
  }

  #confirm(ctx: Context, handOver: HandOver, user: User): void {
    this.#options.renderPage(ctx, {
      page: 'choose-account',
      action: `${JWT_IDP_PATH}?${new URLSearchParams({ ...handOver })}`,
      formToken: this.#forms.token(formOf(handOver, user)),
      name: user.name ?? user.email ?? user.username ?? user.sub,
      clientName: this.#options.target.displayName,
    });
  }

  /** What was asked for goes along, sealed; a cookie says afterwards that it was this browser that went. */
  #logIn(ctx: Context, handOver: HandOver, more: { prompt?: string }): void {
    const { keyring, issuer } = this.#options;
    const nonce = randomBytes(16).toString('base64url');
    const begun = JSON.stringify({ ...handOver, at: nowSeconds(), nonce });
    this.#setCookie(ctx, nonce, LOGIN_SECONDS);
    const state = keyring.seal('jwt-idp', begun, issuer);
    goOn(
      ctx,
      ownLoginPath({ client_id: JWT_IDP_CLIENT, redirect_uri: `${issuer}${RETURN_PATH}`, state, ...more }),
    );
  }

  #begun(ctx: Context): (HandOver & { at: number; isThisBrowser: boolean }) | undefined {
    const { keyring, issuer } = this.#options;
    const opened = keyring.open('jwt-idp', String(ctx.query.state ?? ''), issuer);
    if (!opened) return undefined;
    const { nonce, ...begun } = JSON.parse(opened.toString()) as HandOver & { at: number; nonce: string };
    if (nowSeconds() - begun.at > LOGIN_SECONDS) return undefined;
    const cookie = ctx.cookies.get(this.#cookie, { signed: false }) ?? '';
    return { ...begun, isThisBrowser: keyring.equal(cookie, nonce) };
  }

  #setCookie(ctx: Context, value: string, maxAgeSeconds: number): void {
    const secure = isSecure(this.#options.issuer) ? '; Secure' : '';
    const attributes = `Path=${JWT_IDP_PATH}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure}`;
    ctx.append('Set-Cookie', `${this.#cookie}=${value}; ${attributes}`);
  }

  async #handOver(ctx: Context, handOver: HandOver, user: User): Promise<void> {
    const { settings, target, issuer, keys, prove } = this.#options;
    const { api } = target;
    const [key] = keys;
    if (!api || !key) throw new FootbridgeError('config_invalid', { detail: 'no api, or no key' });
    const token = await jwtIdpToken(jwtIdpClaims(user, target), {
      issuer: jwtIdpIssuer(issuer),
      audience: api.url,
      key,
      lifetimeSeconds: settings.lifetimeSeconds,
    });
    await prove(user.sub);
    const how = { origin: api.url, settings, timeoutMs: api.timeoutMs };
    goOn(ctx, await relay(ctx, { handOver, token }, how));
  }
}

/** Nothing is written of whom the ledger keeps away from the target, and of whom has left for good. Throws illegal_transition. */
export async function proveNow(db: Queryable, parts: readonly Part[]): Promise<void> {
  if (parts.length === 0) return;
  const [row] = await db.runParts(parts, 'select from ledger_row');
  if (!row) throw new FootbridgeError('illegal_transition', { detail: 'excluded, deleted or cut over' });
}

/** Throws bad_request. */
function handOverIn({ query }: Context): HandOver {
  const { authRequestID, userAgentID } = query;
  const isWhole = [authRequestID, userAgentID].every((id) => typeof id === 'string' && OPAQUE.test(id));
  if (!isWhole) throw new FootbridgeError('bad_request', { detail: 'no authRequestID or userAgentID' });
  return { authRequestID: String(authRequestID), userAgentID: String(userAgentID) };
}

/** A form serves one hand-over of one person. */
const formOf = ({ authRequestID, userAgentID }: HandOver, { sub }: User) =>
  `jwt-idp\n${authRequestID}\n${userAgentID}\n${sub}`;
