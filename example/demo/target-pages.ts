/** The target's pages. */
import type { AuthRequest } from './auth-requests.ts';
import { Html, html } from './html.ts';
import type { Frame, Page, Places } from './page.ts';
import { draw, facts, notice, table, when } from './page.ts';
import { kindOf } from './passwap.ts';
import { LOGIN_PATH } from './target-op.ts';
import type { ListedUser, TargetSession, TargetUser } from './target-store.ts';
import type { WebError } from './web.ts';

export type TargetPages = ReturnType<typeof targetPages>;

const METHODS: Readonly<Record<string, string>> = {
  footbridge: 'through Footbridge',
  password: 'password, checked here',
  code: 'code, checked here',
};

export function targetPages(places: Places) {
  const frame: Frame = {
    part: 'target',
    places,
    brand: 'New Identity',
    claim: 'stands for ZITADEL, Ory, cidaas or Keycloak',
    nav: [
      { label: 'What I know', href: '/' },
      { label: 'My account', href: '/account' },
    ],
  };
  const page = (content: Page) => draw(frame, content);
  const person = (session: TargetSession | undefined) =>
    session && { name: session.user.display_name, signOut: '/logout' };
  return {
    known: ({ users, session }: { users: readonly ListedUser[]; session: TargetSession | undefined }) =>
      page({ title: 'What I know', wide: true, person: person(session), body: known(users, places) }),
    login: (login: { request: AuthRequest; username?: string | undefined; wrong?: boolean }) =>
      page({ title: 'Sign in', body: loginForm(login, places) }),
    code: ({ request, wrong = false }: { request: AuthRequest; wrong?: boolean }) =>
      page({
        title: 'Second factor',
        body: html`<div class="narrow card"><h1>Your code</h1>
${wrong && notice('bad', 'That code is wrong or was used already. Codes change every 30 seconds.')}
<form method="post" action="${LOGIN_PATH}/code">
<input type="hidden" name="authRequestID" value="${request.id}">
<label>Six digits from your authenticator app<input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="7" required></label>
<button>Continue</button>
</form>
<p class="aside">The same app as before the move: the seed came along. No app at hand? Your <a href="${places.story}/authenticator" target="_blank">pocket authenticator</a> shows the code.</p></div>`,
      }),
    account: ({ session, tooShort }: { session: TargetSession; tooShort?: number }) =>
      page({ title: 'My account', person: person(session), body: account(session, tooShort) }),
    logout: (formHtml: string) =>
      page({
        title: 'Sign out',
        body: html`<div class="narrow card"><h1>Sign out?</h1>
<p>You leave the app and New Identity. Your session at the old shop stays: it ends there.</p>
${new Html(formHtml.replace('</form>', '<button name="logout" value="yes">Sign out</button></form>'))}
<p><a href="${places['new-app']}">Stay signed in</a></p></div>`,
      }),
    loggedOut: () =>
      page({ title: 'Signed out', body: html`<div class="narrow card"><h1>You are signed out.</h1></div>` }),
    failed: (sentence: string) =>
      page({
        title: 'That did not work',
        body: html`<div class="narrow card"><h1>That did not work.</h1><p>${sentence}</p><p><a href="${places['new-app']}">Back to the new app</a></p></div>`,
      }),
    error: (error: WebError) =>
      page({
        title: 'That did not work',
        body: html`<div class="narrow card"><h1>That did not work.</h1>${notice('bad', error.message)}
<p class="code">${error.code}</p><p><a class="button" href="${LOGIN_PATH}">Start again</a></p></div>`,
      }),
  };
}

function loginForm(
  {
    request,
    username = '',
    wrong = false,
  }: { request: AuthRequest; username?: string | undefined; wrong?: boolean },
  places: Places,
) {
  return html`<div class="narrow card"><h1>Welcome</h1>
${request.forApp && html`<p>The new app asks who you are.</p>`}
<form method="post" action="${LOGIN_PATH}/externalidp">
<input type="hidden" name="authRequestID" value="${request.id}">
<button>Continue with your shop account</button>
</form>
<p class="aside">That is Footbridge, registered here as an external identity provider. Take this way the first time.</p>
<p class="or"><span>or, once you have moved</span></p>
${wrong && notice('bad', 'That did not work. Check login and password; if you have not moved yet, use the button above.')}
<form method="post" action="${LOGIN_PATH}">
<input type="hidden" name="authRequestID" value="${request.id}">
<label>Login<input name="username" value="${username}" autocomplete="username" autocapitalize="none" required></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button class="second">Sign in here</button>
</form>
<p class="aside">The same password as at the shop, checked by the new system alone. Logins and passwords are on <a href="${places.story}#people">the story page</a>.</p></div>`;
}

function account({ user, methods, createdAt }: TargetSession, tooShort: number | undefined) {
  const way = methods.map((method) => METHODS[method] ?? method).join(', then ');
  return html`<h1>${user.display_name}</h1>
${user.password_hash && notice('good', welcome(user))}
${!user.password_hash && newPassword(user, tooShort)}
${facts([
  ['User id here', user.id],
  ['Login', user.username],
  ['Email', html`${user.email} ${user.email_verified ? '(verified)' : '(not verified)'}`],
  ['Roles', user.roles.join(', ') || 'none'],
  ['Second factor', user.totp_seed ? 'authenticator app, brought along' : 'none'],
  ['Signed in', way],
  ['Since', when(createdAt)],
])}`;
}

function welcome({ origin, password_chosen }: TargetUser): string {
  if (password_chosen) return 'You live here now. The password you chose works without the old shop.';
  if (origin === 'import') return 'You live here now: you were brought over before you ever came.';
  return 'You live here now. Your password came along, and it works here without the old shop.';
}

function newPassword({ username, note, factor_missing }: TargetUser, tooShort: number | undefined) {
  return html`${notice('info', html`Your password could not be taken along. ${note}`)}
${tooShort && notice('bad', `At least ${tooShort} characters, please.`)}
${
  !factor_missing &&
  html`<form class="inline" method="post" action="/account/password">
<input type="hidden" name="username" value="${username}" autocomplete="username">
<label>Choose one for this place<input name="password" type="password" autocomplete="new-password" required></label>
<button>Set password</button>
</form>`
}`;
}

function known(users: readonly ListedUser[], places: Places) {
  const moved = users.filter(({ moved_at }) => moved_at).length;
  return html`<h1>What I know</h1>
<p>${
    users.length === 0
      ? html`Nobody yet. Sign in to the <a href="${places['new-app']}">new app</a> as somebody from <a href="${places.story}#people">the list</a>, and look again.`
      : html`${users.length} ${users.length === 1 ? 'person has' : 'people have'} arrived, ${moved} of them with everything they had.`
  }</p>
${
  users.length > 0 &&
  table(
    ['Person', 'Email', 'Came by', 'Password', 'Second factor', 'Linked to', 'Sessions'],
    users.map((user) => [
      html`${user.display_name}<small>${user.username} · ${user.id}</small>`,
      html`${user.email}<small>${user.email_verified ? 'verified' : 'not verified'}</small>`,
      html`${user.origin}<small>${when(user.created_at)}</small>`,
      user.password_hash
        ? html`<span class="tag good">${kindOf(user.password_hash)}</span>`
        : html`<span class="tag">none</span><small>${user.note}</small>`,
      user.totp_seed ? html`<span class="tag good">brought along</span>` : '–',
      user.external_id ? html`<code class="id">${user.external_id}</code>` : '–',
      user.sessions,
    ]),
  )
}
<p class="aside">Only the kind of a hash is shown, never the hash. Whatever is listed here is in this system’s own database: switch the shop’s off in <a href="${places.shop}/backoffice">its back office</a>, and look whether anything changes.</p>`;
}
