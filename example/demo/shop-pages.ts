/** The shop's pages. */
import { hashKind } from './hash-kinds.ts';
import type { Html } from './html.ts';
import { html } from './html.ts';
import type { Frame, Page, Places } from './page.ts';
import { draw, facts, notice, when } from './page.ts';
import type { Customer, ShopSession } from './shop-store.ts';
import type { WebError } from './web.ts';

const sign = (shapes: Html) => html`<svg class="sign" viewBox="0 0 48 48" aria-hidden="true">${shapes}</svg>`;
const BELL = sign(
  html`<path d="M24 6v5M12 35c3-3 3-7 3-12a9 9 0 0 1 18 0c0 5 0 9 3 12zM8 35h32"/><circle cx="24" cy="39" r="3"/>`,
);
const LANTERN = sign(
  html`<path d="M17 12c0-9 14-9 14 0M14 12h20M16 38h16l2 5H14zM17 12l-3 26M31 12l3 26"/><path class="glow" d="M24 18c6 7 5 14 0 15c-5-1-6-8 0-15z"/>`,
);
const COMPASS = sign(
  html`<circle cx="24" cy="24" r="17"/><path class="glow" d="M31 17l-4 10-10 4 4-10z"/><path d="M24 7v3M24 38v3M7 24h3M38 24h3"/>`,
);

const GOODS = [
  [BELL, 'Brass ship’s bell', 'Rings twice for visitors, once for rain.', '48.00'],
  [LANTERN, 'Storm lantern', 'Burns through every power cut since 2004.', '31.50'],
  [COMPASS, 'Pocket compass', 'Knows where north is. Rarely asked.', '24.00'],
] as const;

export function shopPages(places: Places) {
  const frame: Frame = {
    part: 'shop',
    places,
    brand: 'The Old Shop',
    claim: 'Lanterns, bells & other steady things · online since 2004',
    nav: [
      { label: 'My account', href: '/account' },
      { label: 'Back office', href: '/backoffice' },
    ],
  };
  const page = (content: Page) => draw(frame, content);
  return {
    window: ({ session, on }: { session: ShopSession | undefined; on: boolean }) =>
      page({
        title: 'Welcome',
        person: session && { name: nameOf(session.customer), signOut: '/logout' },
        body: html`<h1>${session ? html`Good to see you, ${firstName(session.customer)}.` : 'Come in out of the rain.'}</h1>
${!on && notice('bad', 'The shop’s database is switched off. You may look around, but nobody can sign in here.')}
<ul class="goods">${GOODS.map(([drawing, name, line, price]) => html`<li class="card">${drawing}<h2>${name}</h2><p>${line}</p><p class="price">${price} €</p></li>`)}</ul>
${!session && on && html`<p><a class="button" href="/login">Sign in</a></p>`}
<p class="aside">This stands for the system you have today: an application that grew over twenty years, with its own users, its own login and ten ways of storing a password.</p>`,
      }),
    login: ({ login = '', wrong = false }) =>
      page({
        title: 'Sign in',
        body: html`<div class="narrow"><h1>Sign in to the shop</h1>
${wrong && notice('bad', 'That did not work. Check login and password.')}
<form method="post" action="/login">
<label>Login or email<input name="login" value="${login}" autocomplete="username" autocapitalize="none" required></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
<p class="aside">This is the shop’s own login: Footbridge has no part in it. Logins and passwords are on <a href="${places.story}#people">the story page</a>; try <b>anna</b>.</p></div>`,
      }),
    code: (_: object) =>
      page({
        title: 'Second factor',
        body: html`<div class="narrow"><h1>And the code, please</h1>
<form method="post" action="/login/code">
<label>Six digits from your authenticator app<input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="7" required></label>
<button>Sign in</button>
</form>
<p class="aside">No app at hand? Your <a href="${places.story}/authenticator" target="_blank">pocket authenticator</a> shows the code.</p></div>`,
      }),
    account: (session: ShopSession) =>
      page({
        title: 'My account',
        person: { name: nameOf(session.customer), signOut: '/logout' },
        body: account(session),
      }),
    backoffice: (state: { on: boolean; count?: { customers: number; sessions: number } }) =>
      page({ title: 'Back office', body: backoffice(state, places) }),
    error: (error: WebError) =>
      page({
        title: 'Closed',
        body: html`<div class="narrow"><h1>${error.message}</h1>
${
  error.code === 'database_off'
    ? html`<p>Nobody can sign in here until it is back. The <a href="${places['new-app']}">new app</a> does not mind.</p><p><a class="button" href="/backoffice">To the back office</a></p>`
    : html`<p><a href="/">Back to the shop window</a></p>`
}</div>`,
      }),
  };
}

function nameOf(customer: Customer): string {
  return [customer.first_name, customer.last_name].filter(Boolean).join(' ') || customer.login;
}

function firstName(customer: Customer): string {
  return customer.first_name || customer.login;
}

function account({ customer, openedBy, openedAt }: ShopSession) {
  return html`<h1>${nameOf(customer)}</h1>
${
  openedBy === 'footbridge'
    ? notice(
        'good',
        'You never signed in here: Footbridge told the shop about your login, and the shop opened this session for you.',
      )
    : notice('info', 'You signed in here, at the shop’s own login page.')
}
${facts([
  ['Customer number', customer.id],
  ['Login', customer.login],
  ['Email', customer.email ?? 'none'],
  ['Email confirmed', customer.confirmed_at ? 'yes' : 'no'],
  ['Role', customer.role],
  ['Password stored as', hashKind(customer.pw_kind)?.label ?? customer.pw_kind],
  ['Second factor', customer.otp_secret ? 'authenticator app' : 'none'],
  ['Moved', customer.moved ? 'yes, Footbridge says' : 'not yet'],
  ['Session since', when(openedAt)],
])}`;
}

function backoffice(
  { on, count }: { on: boolean; count?: { customers: number; sessions: number } },
  places: Places,
) {
  return html`<h1>Back office</h1>
${
  on
    ? notice('good', html`The shop’s database is <b>on</b>.`)
    : notice(
        'bad',
        html`The shop’s database is <b>switched off</b>. Nothing can connect to it: not the shop, and not Footbridge.`,
      )
}
${
  count &&
  facts([
    ['Customers', count.customers],
    ['Open sessions', count.sessions],
  ])
}
<form method="post" action="/backoffice/database">
<input type="hidden" name="database" value="${on ? 'off' : 'on'}">
<button${on && html` class="danger"`}>Switch the database ${on ? 'off' : 'on'}</button>
</form>
<p class="aside">${
    on
      ? html`This is the day everybody waits for. It refuses all connections in PostgreSQL and ends those that are open. Then sign in to the <a href="${places['new-app']}">new app</a>, directly at the <a href="${places.target}">new identity system</a>: whoever has moved does not notice.`
      : html`Go to the <a href="${places['new-app']}">new app</a> and sign in with login and password at the new identity system. Whoever has moved can; the others have to wait until you switch it on again.`
  }</p>`;
}
