/**
 * Legacy apps that can only be asked who is there by sending the browser to them. It comes back with the state it was sent
 * with, and with a one-time token if somebody is signed in there; and then goes on where it wanted to, whatever the answer.
 */
import { randomBytes } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import { isFootbridgeError } from '../errors.ts';
import type { Offer } from '../sessions/hand-overs.ts';
import type { LegacySessions, Recognised } from '../sessions/legacy-sessions.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Mark } from './cookies.ts';
import { mark } from './cookies.ts';
import { goOn } from './login-end.ts';
import type { Page } from './pages/index.ts';
import type { RecognisedSessions } from './recognised-sessions.ts';
import type { RecognitionDeps } from './recognition.ts';
import { hasMoved } from './recognition.ts';

export const RETURN_PATH = '/legacy/sessions/return';

/** One-time tokens by which apps say who is signed in there (sessions/hand-overs.ts). Both throw storage_unavailable. */
export interface Offers {
  /** What the token of an app that was not asked says, which stays good; undefined for one that is unknown, used or too old. */
  peek(token: string): Promise<Offer | undefined>;
  /** Once. `state`: what the browser was sent to this app with. */
  take(what: {
    readonly token: string;
    readonly state?: string;
    readonly app?: string;
  }): Promise<Offer | undefined>;
}

export interface AskingDeps extends Pick<RecognitionDeps, 'db' | 'ledgerStatePart'> {
  readonly provider: Provider;
  readonly issuer: string;
  readonly keyring: Keyring;
  readonly legacySessions: LegacySessions;
  readonly offers: Offers;
  readonly sessions: RecognisedSessions;
  readonly loggedOut: Mark;
  readonly renderPage: (ctx: Context, page: Page, status?: number) => void;
}

/** How long the browser may be on its way. */
const WAY_SECONDS = 600;
/** An app that did not know the browser is not asked again for so long. */
const ASKED_SECONDS = 60;
/** Parameters of ours are no longer (guard.ts); a request that does not fit is not worth a question. */
const STATE_CHARACTERS = 2_000;
const QUERY_BYTES = 64 * 1024;
const NONCE = /^[A-Za-z0-9_-]{22}$/;

interface Asked {
  readonly app: string;
  /** Of the authorization request. */
  readonly query: string;
  readonly nonce: string;
  readonly at: number;
}

/** Says that a page of ours and what comes back to it belong to one browser. */
export const browserMark = (issuer: string): Mark => mark(issuer, 'fb_browser', WAY_SECONDS);

/** The browser's own number, the one that it has if it has one: two tabs ask at once. */
export function nonceOf(ctx: Context, browser: Mark): string {
  const known = browser.read(ctx);
  const nonce = known !== undefined && NONCE.test(known) ? known : randomBytes(16).toString('base64url');
  browser.set(ctx, nonce);
  return nonce;
}

export class AskingApps {
  readonly #deps: AskingDeps;
  readonly #browser: Mark;
  readonly #asked: Mark;

  constructor(deps: AskingDeps) {
    this.#deps = deps;
    this.#browser = browserMark(deps.issuer);
    this.#asked = mark(deps.issuer, 'fb_asked', ASKED_SECONDS);
  }

  /** Sends the browser to the first app that it was not sent to just now; false: there is none. */
  ask(ctx: Context, clientId: string): boolean {
    // In another site's frame neither our cookies come along nor the app's.
    if (!['', 'document'].includes(ctx.get('sec-fetch-dest'))) return false;
    const before = new Set(this.#asked.read(ctx)?.split('.'));
    const app = this.#deps.legacySessions.asks(clientId).find(({ app }) => !before.has(app));
    if (!app) return false;
    const nonce = nonceOf(ctx, this.#browser);
    const state = this.#seal({ app: app.app, query: ctx.querystring, nonce, at: nowSeconds() });
    if (state.length > STATE_CHARACTERS) return false;
    ctx.set('Cache-Control', 'no-store');
    goOn(ctx, app.url(state));
    return true;
  }

  routes(): Router {
    return new Router().get(RETURN_PATH, (ctx) => this.#comeBack(ctx as Context));
  }

  async #comeBack(ctx: Context): Promise<void> {
    const state = String(ctx.query.state ?? '');
    const asked = this.#open(state);
    const isOurs = asked && this.#deps.keyring.equal(this.#browser.read(ctx) ?? '', asked.nonce);
    if (!isOurs) {
      const kind = ctx.headers.cookie ? 'expired' : 'no_cookies';
      return this.#deps.renderPage(ctx, { page: 'error', kind }, 400);
    }
    if (!(await this.#takeIn(ctx, state, asked))) this.#remember(ctx, asked.app);
    ctx.set('Cache-Control', 'no-store');
    goOn(ctx, `/auth?${asked.query}`);
  }

  /** Whether there is somebody now. Whoever has logged in or out in the meantime is left alone. */
  async #takeIn(ctx: Context, state: string, { app, query }: Asked): Promise<boolean> {
    const { provider, offers, legacySessions, sessions, loggedOut } = this.#deps;
    const { token } = ctx.query;
    if (typeof token !== 'string') return false;
    const offer = await offers.take({ token, state, app });
    if (!offer || loggedOut.read(ctx)) return false;
    const recognised = await accepted(legacySessions, offer);
    const clientId = new URLSearchParams(query).get('client_id') ?? '';
    if (!recognised || (await hasMoved(this.#deps, recognised, clientId))) return false;
    const session = await provider.Session.get(ctx as never);
    if (!session.accountId) await sessions.begin(ctx, recognised);
    else if (session.accountId === recognised.user.sub) sessions.join(session, recognised);
    return true;
  }

  #remember(ctx: Context, app: string): void {
    const before = this.#asked.read(ctx)?.split('.') ?? [];
    this.#asked.set(ctx, [...new Set([...before, app])].join('.'));
  }

  #seal(asked: Asked): string {
    const { keyring, issuer } = this.#deps;
    return keyring.seal('legacy-ask', deflateRawSync(JSON.stringify(asked)), issuer);
  }

  #open(state: string): Asked | undefined {
    const { keyring, issuer } = this.#deps;
    const opened = keyring.open('legacy-ask', state, issuer);
    if (!opened) return undefined;
    const text = inflateRawSync(opened, { maxOutputLength: QUERY_BYTES }).toString();
    const asked = JSON.parse(text) as Asked;
    return nowSeconds() - asked.at <= WAY_SECONDS ? asked : undefined;
  }
}

/** Who is meant, if they may be here. An outage: nobody, and people are asked for their password. */
export async function accepted(
  legacySessions: LegacySessions,
  { app, found }: Offer,
): Promise<Recognised | undefined> {
  return legacySessions.accept(app, found).catch((error: unknown) => {
    if (isFootbridgeError(error, 'legacy_unavailable')) return undefined;
    throw error;
  });
}
