/** An app that has switched: it trusts the target, speaks standard OpenID Connect, and has never heard of Footbridge. */
import Router from '@koa/router';
import type { Context } from 'koa';
import Koa from 'koa';
import * as oidc from 'openid-client';
import { html } from './html.ts';
import type { Frame, Page, Places } from './page.ts';
import { draw, facts, notice } from './page.ts';
import type { AppClient } from './target-op.ts';
import type { Log } from './web.ts';
import { COOKIE, defaults, newToken, readForm, WebError } from './web.ts';

const COOKIE_NAME = 'new_app_session';
export const CALLBACK_PATH = '/callback';
/** Sessions live in memory and end with the process; the oldest go first. */
const MAX_SESSIONS = 1_000;
const SESSION_MS = 8 * 3600_000;

interface Session {
  readonly expires: number;
  /** A login under way. */
  readonly pending?: { readonly state: string; readonly nonce: string; readonly codeVerifier: string };
  /** Somebody is signed in. */
  readonly person?: { readonly claims: oidc.IDToken & oidc.UserInfoResponse; readonly idToken: string };
}

export interface NewAppOptions {
  readonly places: Places;
  readonly client: AppClient;
  readonly log: Log;
}

export function newApp({ places, client, log }: NewAppOptions): Koa {
  const pages = newAppPages(places);
  const sessions = sessionsOf();
  const issuer = () =>
    oidc.discovery(new URL(places.target), client.clientId, {}, oidc.ClientSecretBasic(client.clientSecret), {
      execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    });

  const router = new Router();
  router.get('/', (ctx) => {
    ctx.body = pages.home(sessions.find(ctx)?.person);
  });
  router.post('/login', async (ctx) => {
    const form = await readForm(ctx);
    const pending = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      codeVerifier: oidc.randomPKCECodeVerifier(),
    };
    const hint = form.get('hint')?.trim();
    const url = oidc.buildAuthorizationUrl(await issuer(), {
      redirect_uri: client.redirectUri,
      scope: 'openid profile email roles',
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pending.codeVerifier),
      code_challenge_method: 'S256',
      ...(hint && { login_hint: hint }),
    });
    sessions.open(ctx, { pending });
    ctx.redirect(url.href);
  });
  router.get(CALLBACK_PATH, async (ctx) => {
    const pending = sessions.find(ctx)?.pending;
    sessions.close(ctx);
    if (!pending) throw new WebError(400, 'no_login', 'No login was under way. Please start again.');
    const person = await answerOf({
      config: await issuer(),
      callback: new URL(`${client.redirectUri}${ctx.search}`),
      pending,
    });
    sessions.open(ctx, { person });
    log(`the new app signed in ${person.claims.sub}`);
    ctx.redirect('/');
  });
  router.post('/logout', async (ctx) => {
    await readForm(ctx);
    const person = sessions.find(ctx)?.person;
    sessions.close(ctx);
    if (!person) return ctx.redirect('/');
    const url = oidc.buildEndSessionUrl(await issuer(), {
      id_token_hint: person.idToken,
      post_logout_redirect_uri: client.postLogoutRedirectUri,
    });
    ctx.redirect(url.href);
  });

  const app = new Koa();
  app.use(defaults({ origin: places['new-app'], log, errorPage: pages.error }));
  app.use(router.routes());
  return app;
}

async function answerOf({
  config,
  callback,
  pending,
}: {
  config: oidc.Configuration;
  callback: URL;
  pending: NonNullable<Session['pending']>;
}): Promise<NonNullable<Session['person']>> {
  const tokens = await oidc
    .authorizationCodeGrant(config, callback, {
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      pkceCodeVerifier: pending.codeVerifier,
      idTokenExpected: true,
    })
    .catch((error) => {
      if (!(error instanceof oidc.AuthorizationResponseError)) throw error;
      throw new WebError(
        400,
        error.error,
        `New Identity answered: ${error.error_description ?? error.error}.`,
      );
    });
  const idToken = tokens.claims()!;
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, idToken.sub);
  return { claims: { ...userinfo, ...idToken }, idToken: tokens.id_token! };
}

function sessionsOf() {
  const sessions = new Map<string, Session>();
  return {
    open(ctx: Context, session: Omit<Session, 'expires'>): void {
      const token = newToken();
      if (sessions.size >= MAX_SESSIONS) sessions.delete(sessions.keys().next().value!);
      sessions.set(token, { ...session, expires: Date.now() + SESSION_MS });
      ctx.cookies.set(COOKIE_NAME, token, COOKIE);
    },
    find(ctx: Context): Session | undefined {
      const session = sessions.get(ctx.cookies.get(COOKIE_NAME) ?? '');
      return session && session.expires > Date.now() ? session : undefined;
    },
    close(ctx: Context): void {
      sessions.delete(ctx.cookies.get(COOKIE_NAME) ?? '');
      ctx.cookies.set(COOKIE_NAME, null, COOKIE);
    },
  };
}

function newAppPages(places: Places) {
  const frame: Frame = {
    part: 'new-app',
    places,
    brand: 'Lighthouse',
    claim: 'the new app',
    nav: [],
  };
  const page = (content: Page) => draw(frame, content);
  return {
    home: (person: Session['person']) =>
      person
        ? page({
            title: 'Home',
            person: { name: person.claims.name ?? person.claims.sub, signOut: '/logout' },
            body: home(person.claims, places),
          })
        : page({
            title: 'Welcome',
            body: html`<div class="narrow hero"><h1>Hello. Who are you?</h1>
<p>This app was written last month. It asks <a href="${places.target}">New Identity</a> who you are, in standard OpenID Connect, and knows nothing of the old shop.</p>
<form method="post" action="/login"><button>Sign in</button></form></div>`,
          }),
    error: (error: WebError) =>
      page({
        title: 'That did not work',
        body: html`<div class="narrow hero"><h1>That did not work.</h1>${notice('bad', error.message)}<p><a class="button" href="/">Start again</a></p></div>`,
      }),
  };
}

function home(claims: oidc.IDToken & oidc.UserInfoResponse, places: Places) {
  const roles = Array.isArray(claims.roles) ? claims.roles.join(', ') : '';
  return html`<h1>Hello, ${claims.given_name ?? claims.name}.</h1>
${facts([
  ['Who said so', html`<code>${claims.iss}</code>`],
  ['Your id', html`<code>${claims.sub}</code>`],
  ['Name', claims.name],
  ['Login', claims.preferred_username],
  ['Email', html`${claims.email} ${claims.email_verified ? '(verified)' : '(not verified)'}`],
  ['Roles', roles || 'none'],
])}
<p class="aside">All of it was said by New Identity. If you came through your shop account, you are signed in at <a href="${places.shop}/account">the old shop</a> as well: have a look. Then sign out, and come back with login and password at New Identity itself.</p>`;
}
