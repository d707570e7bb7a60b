/** The page everything starts from: what this is about, what to try, who lives here. */
import Router from '@koa/router';
import Koa from 'koa';
import { hashKind } from './hash-kinds.ts';
import type { Fragment } from './html.ts';
import { html } from './html.ts';
import type { Frame, Page, Places } from './page.ts';
import { draw, notice, table } from './page.ts';
import type { Person } from './people.ts';
import { pictures } from './story-pictures.ts';
import { codeOfStep, otpauthUri, PERIOD_SECONDS, stepAt } from './totp.ts';
import type { Log, WebError } from './web.ts';
import { defaults } from './web.ts';

/** How often the counts are drawn again, by the browser itself. */
const REFRESH_SECONDS = 5;

export interface StoryOptions {
  readonly places: Places;
  readonly people: readonly Person[];
  /** How many people are in each state of the ledger; without it the page says nothing about it. */
  readonly states?: (() => Promise<Readonly<Record<string, number>>>) | undefined;
  readonly log: Log;
}

export function storyApp(options: StoryOptions): Koa {
  const { places, log } = options;
  const frame: Frame = {
    part: 'story',
    places,
    brand: 'Footbridge',
    claim: 'moving people to a new identity system, without their noticing',
    nav: [
      { label: 'What to try', href: '/#try' },
      { label: 'Who is here', href: '/#people' },
      { label: 'Authenticator', href: '/authenticator' },
    ],
  };
  const page = (content: Page) => draw(frame, content);
  const router = new Router();
  router.get('/', (ctx) => {
    ctx.body = page({ title: 'The story', wide: true, body: story(options) });
  });
  router.get('/everybody', async (ctx) => {
    const counts = await options.states?.().catch(() => undefined);
    ctx.set('Refresh', String(REFRESH_SECONDS));
    ctx.body = frameless(everybody(counts));
  });
  router.get('/authenticator', (ctx) => {
    ctx.set('Refresh', String(secondsLeft(Date.now() / 1000)));
    ctx.body = page({
      title: 'Pocket authenticator',
      body: authenticator(options.people, Date.now() / 1000),
    });
  });
  const errorPage = (error: WebError) =>
    page({ title: 'Nothing here', body: html`<h1>${error.message}</h1>` });
  const app = new Koa();
  app.use(defaults({ origin: places.story, log, errorPage }));
  app.use(router.routes());
  return app;
}

function frameless(body: Fragment): string {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Where is everybody?</title><link rel="stylesheet" href="/style.css"></head><body class="story inset">${body}</body></html>`
    .text;
}

function story({ places, people, states }: StoryOptions) {
  return html`<h1>Forty people move house tonight. Hardly anybody will notice.</h1>
<p class="lead">On your machine there is now an old shop with forty customers, a new identity system that knows nobody, a new app that trusts only the new system, and <b>Footbridge</b> between them.</p>
${pictures()}
${states && html`<section><h2>Where is everybody?</h2><iframe src="/everybody" title="How many people are in which state"></iframe></section>`}
<section id="try"><h2>What to try</h2>${steps(places)}</section>
<section id="people"><h2>Who is here</h2>
<p>Invented people, real hashes. Everybody signs in at the shop and through Footbridge, unless it says otherwise.</p>
${table(['Login', 'Name', 'Password', 'Stored as', 'Takes the password along', 'Worth knowing'], people.map(personRow))}</section>
<section><h2>Looking inside</h2>${commands()}</section>`;
}

function steps(places: Places) {
  return html`<ol class="steps">
<li><b>Sign in to the <a href="${places['new-app']}">new app</a>.</b> It sends you to the new identity system; there, <i>Continue with your shop account</i>. Footbridge asks for a login and password: take <code>anna</code> and <code>anna-crosses-the-bridge</code>. You are in, and nobody asked Anna to register.</li>
<li><b>Look around.</b> The <a href="${places.target}">new identity system</a> knows Anna and has her password hash. At the <a href="${places.shop}/account">old shop</a> she is signed in as well: both worlds have a session.</li>
<li><b>Switch the old store off,</b> in the shop’s <a href="${places.shop}/backoffice">back office</a>. It is really off: nothing can connect to it.</li>
<li><b>Sign out of the new app, and in again,</b> this time with Anna’s login and password at the new identity system itself. It works. Then try <code>juergen</code>, who has not moved yet: he has to wait.</li>
<li><b>Go the other way round:</b> switch it on again and sign out of the new app. Sign in at the <a href="${places.shop}/login">old shop</a> as <code>juergen</code>, then go to the new app and <i>Continue with your shop account</i>. Footbridge asks the shop who that is: no password is typed twice. Sign out at the shop, and Footbridge has forgotten him, too.</li>
<li><b>See it as its operator does:</b> the terminal prints a link to the console. A plan of three phases runs there, and Anna’s page tells what happened to her.</li>
<li><b>Try somebody with a second factor:</b> <code>ines</code> or <code>kwame</code>. Your <a href="/authenticator">pocket authenticator</a> has their codes, and it is the same one before and after. If they used it at the shop, Footbridge does not ask again.</li>
<li><b>Try the difficult ones:</b> <code>fatou</code>, whose hash cannot be rewritten, so that her password is hashed anew as she types it; <code>MIA.BERG@example.com</code>, who could be either of two people; <code>nadia</code>, who is not welcome any more; <code>till7</code>, who has no name.</li>
</ol>`;
}

function personRow(person: Person): Fragment[] {
  const kind = hashKind(person.kind);
  return [
    html`<code class="id">${person.login}</code>`,
    [person.givenName, person.familyName].filter(Boolean).join(' ') || '–',
    html`<code>${person.password}</code>`,
    kind?.label,
    kind?.translatable ? html`<span class="tag good">yes</span>` : html`<span class="tag">hashed anew</span>`,
    html`${person.remark}${person.otpSeed && !person.remark && 'Has a second factor.'}${!person.active && !person.remark && 'Account disabled: refused.'}${!person.emailConfirmed && !person.remark && 'Email never confirmed.'}`,
  ];
}

const COMMANDS = [
  ['user show anna', 'where Anna is on her way to the new system'],
  [
    'legacy survey',
    'what kinds of users and hashes the shop holds, and what will not move: ask before you begin',
  ],
  ['rollout show', 'who goes when, how far each phase is, and what comes next'],
  ['audit export', 'who did what, in order, without anybody’s secrets'],
  ['audit verify', 'that nobody tampered with that record'],
] as const;

function commands() {
  return html`<p>In another terminal, in the folder where you ran <code>npm start</code>:</p>
<dl class="commands">${COMMANDS.map(([command, what]) => html`<div><dt><code>npm run -s footbridge -- ${command}</code></dt><dd>${what}</dd></div>`)}</dl>`;
}

/** In the order in which people pass through; others, such as `failed`, follow. */
const STATES: Readonly<Record<string, string>> = {
  legacy: 'at the old shop',
  queued: 'in a batch',
  authenticated: 'signed in once',
  releasing: 'on the bridge',
  created: 'arrived, luggage follows',
  migrated: 'moved',
  'cut-over': 'old door closed',
  retired: 'at home',
};

function everybody(counts: Readonly<Record<string, number>> | undefined) {
  if (!counts) return notice('info', 'Footbridge does not answer at the moment.');
  const rank = (state: string) => Object.keys(STATES).indexOf(state) + 1 || 99;
  const shown = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => rank(a) - rank(b));
  const total = shown.reduce((sum, [, count]) => sum + count, 0);
  return html`<ul class="states">${shown.map(
    ([state, count]) =>
      html`<li class="state-${state}"><meter min="0" max="${total}" value="${count}" aria-label="${state}">${count}</meter><b>${count}</b> ${STATES[state] ?? state}<small>${state}</small></li>`,
  )}</ul>`;
}

/** The page is drawn again when the codes change. */
function secondsLeft(unixSeconds: number): number {
  return PERIOD_SECONDS - (Math.floor(unixSeconds) % PERIOD_SECONDS);
}

function authenticator(people: readonly Person[], unixSeconds: number) {
  const step = stepAt(unixSeconds);
  const withSeed = people.flatMap(({ otpSeed, ...person }) => (otpSeed ? [{ ...person, otpSeed }] : []));
  return html`<h1>Pocket authenticator</h1>
<p>This stands for the app on people’s phones. It does not know that anybody moves, and does not have to.</p>
<ul class="codes">${withSeed.map(
    ({ login, givenName, otpSeed }) => html`<li class="card"><h2>${givenName} <small>${login}</small></h2>
<p class="code">${codeOfStep(otpSeed, step).replace(/^(...)/, '$1 ')}</p>
<p><small>a new one every ${PERIOD_SECONDS} seconds, each good once</small></p>
<details><summary>For a real app</summary><code>${otpauthUri(otpSeed, login)}</code></details></li>`,
  )}</ul>
<p class="aside">A phone would never show other people’s codes. Here it does, so that you can try.</p>`;
}
