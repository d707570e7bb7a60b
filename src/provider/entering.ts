/**
 * A legacy app sends somebody here who is signed in there, by itself and not because we asked. Nobody is logged in by
 * following a link: a page names the person, and they press a button. Otherwise anybody could be made to work in a stranger's
 * account without noticing (login CSRF).
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import type { Endings } from '../sessions/ending/ending.ts';
import type { LegacySessions, Recognised } from '../sessions/legacy-sessions.ts';
import type { Keyring } from '../store/encryption.ts';
import type { User } from '../user.ts';
import type { Offers } from './asking-apps.ts';
import { accepted, browserMark, nonceOf } from './asking-apps.ts';
import type { Mark } from './cookies.ts';
import { takeSession } from './cookies.ts';
import { Answered } from './failure.ts';
import { goOn } from './login-end.ts';
import { LoginForms } from './login-forms.ts';
import type { Page } from './pages/index.ts';
import type { ClientSettings } from './provider-settings.ts';
import type { RecognisedSessions } from './recognised-sessions.ts';
import type { RecognitionDeps } from './recognition.ts';
import { hasMoved } from './recognition.ts';
import { recordKey } from './record.ts';

export const ENTER_PATH = '/legacy/sessions/enter';

export interface EnteringDeps extends Pick<RecognitionDeps, 'db' | 'ledgerStatePart'> {
  readonly provider: Provider;
  readonly issuer: string;
  readonly clients: readonly Pick<ClientSettings, 'clientId' | 'name' | 'initiateLoginUri'>[];
  readonly keyring: Keyring;
  readonly legacySessions: LegacySessions;
  readonly endings: Endings;
  readonly offers: Offers;
  readonly sessions: RecognisedSessions;
  readonly loggedOut: Mark;
  readonly renderPage: (ctx: Context, page: Page, status?: number) => void;
}

/** The page may stay open for so long; the token in it is good for a minute. */
const PAGE_SECONDS = 300;

/** What the form carries, sealed. */
interface Entry {
  readonly token: string;
  readonly nonce: string;
  readonly at: number;
}

export function enteringRoutes(deps: EnteringDeps): Router {
  const entering = new Entering(deps);
  return new Router()
    .get(ENTER_PATH, (ctx) => entering.show(ctx as Context))
    .post(ENTER_PATH, (ctx) => entering.enter(ctx as Context));
}

class Entering {
  readonly #deps: EnteringDeps;
  readonly #forms: LoginForms;
  readonly #browser: Mark;

  constructor(deps: EnteringDeps) {
    this.#deps = deps;
    this.#forms = new LoginForms(deps.keyring, deps.issuer);
    this.#browser = browserMark(deps.issuer);
  }

  async show(ctx: Context): Promise<void> {
    const { token } = ctx.query;
    const offer = typeof token === 'string' ? await this.#deps.offers.peek(token) : undefined;
    const recognised = offer && (await accepted(this.#deps.legacySessions, offer));
    if (!recognised || typeof token !== 'string') return this.#expired(ctx);
    const client = this.#client(offer?.client);
    const entry = this.#seal({ token, nonce: nonceOf(ctx, this.#browser), at: nowSeconds() });
    this.#deps.renderPage(ctx, {
      page: 'enter',
      action: `${ENTER_PATH}?${new URLSearchParams({ entry })}`,
      formToken: this.#forms.token(`enter\n${entry}`),
      name: nameOf(recognised.user),
      ...(client?.name ? { clientName: client.name } : {}),
    });
  }

  async enter(ctx: Context): Promise<void> {
    const sealed = String(ctx.query.entry ?? '');
    const entry = this.#open(sealed);
    const isThisBrowser = entry && this.#deps.keyring.equal(this.#browser.read(ctx) ?? '', entry.nonce);
    if (!isThisBrowser || !this.#forms.read(ctx, `enter\n${sealed}`)) return this.#expired(ctx, 403);
    const offer = await this.#deps.offers.take({ token: entry.token });
    const recognised = offer && (await accepted(this.#deps.legacySessions, offer));
    if (!recognised) return this.#expired(ctx);
    // Whoever has moved for good is told so there, where they type their password.
    const isKnown = this.#client(offer.client) !== undefined;
    if (!isKnown || !(await hasMoved(this.#deps, recognised, offer.client!)))
      await this.#begin(ctx, recognised);
    this.#goOn(ctx, recognised.user, offer.client);
  }

  /** Whoever else was here is logged out first, with all that hangs on it. */
  async #begin(ctx: Context, recognised: Recognised): Promise<void> {
    const { provider, sessions, endings, issuer, loggedOut } = this.#deps;
    const before = await provider.Session.get(ctx as never);
    if (before.accountId === recognised.user.sub) return sessions.join(before, recognised);
    if (before.accountId) {
      const selection = { by: 'op-session', uid: recordKey('uid', before.uid) } as const;
      await endings.end({ selection, cause: 'replaced', actor: 'user' });
      takeSession(ctx, issuer);
    }
    loggedOut.clear(ctx);
    await sessions.begin(ctx, recognised);
  }

  /** The client is asked to begin (OpenID Connect Core section 4): it has the request, and we have the session. */
  #goOn(ctx: Context, user: User, clientId: string | undefined): void {
    const { issuer, renderPage } = this.#deps;
    const client = this.#client(clientId);
    if (!client?.initiateLoginUri) {
      const clientName = client?.name ? { clientName: client.name } : {};
      renderPage(ctx, { page: 'signed-in', name: nameOf(user), ...clientName });
      return;
    }
    const url = new URL(client.initiateLoginUri);
    url.searchParams.set('iss', issuer);
    url.searchParams.set('login_hint', user.sub);
    goOn(ctx, url.href);
  }

  #client(clientId: string | undefined) {
    return this.#deps.clients.find((client) => client.clientId === clientId);
  }

  #expired(ctx: Context, status = 400): never {
    this.#deps.renderPage(ctx, { page: 'error', kind: 'expired' }, status);
    throw new Answered();
  }

  #seal(entry: Entry): string {
    return this.#deps.keyring.seal('legacy-enter', JSON.stringify(entry), this.#deps.issuer);
  }

  #open(sealed: string): Entry | undefined {
    const opened = this.#deps.keyring.open('legacy-enter', sealed, this.#deps.issuer);
    if (!opened) return undefined;
    const entry = JSON.parse(opened.toString()) as Entry;
    return nowSeconds() - entry.at <= PAGE_SECONDS ? entry : undefined;
  }
}

const nameOf = ({ name, email, username, sub }: User) => name ?? email ?? username ?? sub;
