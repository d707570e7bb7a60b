/**
 * Who logs out × what ends. Each row logs one person in twice, in two browsers, everywhere: at Footbridge, at a Django, at a
 * PHP forum, at an application behind mod_auth_openidc and at ZITADEL. Then one thing happens, and every cell is looked at.
 */
import { createHmac } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requiresApache } from '../../servers/apache.ts';
import { requiresDjango } from '../../servers/django.ts';
import { requiresPhp } from '../../servers/php.ts';
import { Browser, field } from '../../support/browser.ts';
import { until } from '../server.ts';
import { TARGET } from '../zitadel/settings.ts';
import type { Everywhere, Part, Town } from './town.ts';
import { ALL, APACHE_SECRET, HOOK_KEY, openTown } from './town.ts';

const needed = [requiresDjango(), requiresPhp(), requiresApache()];
const skip = needed.some((one) => one.skip);
const NAME = skip ? needed.map(({ name }) => name).join(', ') : 'a town of two old apps, a wiki and ZITADEL';

/** Far more than it takes: what has not ended by then does not. */
const WITHIN_MS = 30_000;
const NOTHING: readonly Part[] = [];

describe.skipIf(skip)(NAME, () => {
  let town: Town;
  beforeAll(async () => {
    town = await openTown({ people: 40 });
  }, 180_000);
  afterAll(() => town?.close());

  /** The same person in two browsers. */
  const twice = async () => {
    const person = town.somebody();
    const here = await town.everywhere(person);
    const there = await town.everywhere(person);
    return { person, here, there };
  };
  const ends = (whole: Everywhere, left: readonly Part[] = NOTHING) =>
    until(async () => (await town.state(whole)).join() === left.join(), WITHIN_MS);
  const signed = (path: string, told: object) => {
    const body = JSON.stringify(told);
    const seconds = Math.floor(Date.now() / 1000);
    const mac = createHmac('sha256', HOOK_KEY).update(`${seconds}.${body}`).digest('hex');
    const headers = { 'content-type': 'application/json', 'footbridge-signature': `t=${seconds},v1=${mac}` };
    return new Browser().visit(`${town.bridge.issuer}${path}`, { body, headers });
  };
  const cookie = (browser: Browser, name: string) =>
    browser.cookies.find((one) => one.name === name)?.value ?? '';

  describe('in one browser', () => {
    /** The person logs out there; only what belongs to that browser ends. */
    const ONE: readonly [string, (whole: Everywhere) => Promise<unknown>][] = [
      [
        'at Footbridge',
        async ({ browser }) => {
          const page = await browser.visit(`${town.bridge.issuer}/session/end`);
          const form = { xsrf: field(page.body, 'xsrf')!, logout: 'yes' };
          await browser.visit(`${town.bridge.issuer}/session/end/confirm`, { form });
        },
      ],
      [
        'at the wiki, which leads to Footbridge',
        async ({ browser }) => {
          const url = `${town.at.redirectUri}?logout=${encodeURIComponent(town.at.loggedOut)}`;
          const page = await browser.follow(url, 'nowhere:');
          const form = { xsrf: field(page.body, 'xsrf')!, logout: 'yes' };
          await browser.follow(`${town.bridge.issuer}/session/end/confirm`, 'nowhere:', { form });
        },
      ],
      ['at the forum, which tells us', ({ browser }) => town.post(town.forum.origin, '/logout', {}, browser)],
      [
        'at Django, which says nothing and is asked',
        ({ browser }) => town.post(town.django.origin, '/logout', {}, browser),
      ],
      [
        'at ZITADEL, which sends an event',
        ({ targetSession }) => town.bridge.operator('DELETE', `/v2/sessions/${targetSession}`, {}),
      ],
    ];
    test.each(ONE)('a logout %s ends all of it, and nothing in another browser', async (_, logOut) => {
      const { here, there } = await twice();
      await logOut(here);
      await ends(here);
      expect(await town.state(there)).toEqual(ALL);
    });

    test('a logout token from the wiki ends all of it, and nothing in another browser', async () => {
      const { here, there } = await twice();
      const [row] = await town.sql(
        `select payload -> 'authorizations' -> 'apache' ->> 'sid' as sid from oidc_records o
         join target_sessions t on t.op_session = o.uid where o.kind = 'Session' and t.id = $1`,
        [here.targetSession],
      );
      const token = await new SignJWT({
        sid: row!.sid,
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      })
        .setProtectedHeader({ alg: 'HS256', typ: 'logout+jwt' })
        .setIssuer('apache')
        .setAudience(town.bridge.issuer)
        .setIssuedAt()
        .setExpirationTime('2m')
        .setJti(here.targetSession)
        .sign(new TextEncoder().encode(APACHE_SECRET));
      const receive = `${town.bridge.issuer}/legacy/sessions/backchannel`;
      const answer = await new Browser().visit(receive, { form: { logout_token: token } });
      expect(answer.status).toBe(200);
      // Its own session is the wiki's own business: it knows.
      await ends(here, ['wiki']);
      expect(await town.state(there)).toEqual(ALL);
      expect((await new Browser().visit(receive, { form: { logout_token: token } })).status).toBe(400);
    });

    test('a session at ZITADEL whose end nobody told us of is found missing', async () => {
      const { here, there } = await twice();
      town.bridge.standIn.events.mode = 'held';
      await town.bridge.operator('DELETE', `/v2/sessions/${here.targetSession}`, {});
      town.bridge.standIn.events.held.splice(0);
      town.bridge.standIn.events.mode = 'at-once';
      await town.sql(`update target_sessions set seen_at = now() - interval '1 hour' where id = $1`, [
        here.targetSession,
      ]);
      await ends(here);
      expect(await town.state(there)).toEqual(ALL);
    });
  });

  describe('everywhere', () => {
    /** It is about the person: whatever they have, in whatever browser, ends. */
    type Act = (one: { readonly here: Everywhere; readonly sub: string }) => Promise<unknown>;
    const ALL_OF_IT: readonly [string, Act, (readonly Part[])?][] = [
      ['an operator', ({ sub }) => town.bridge.cli('session', 'end', '--user', sub, '--execute')],
      [
        'a new password at Django',
        ({ here }) =>
          town.post(town.django.origin, '/password', { username: here.person.username, password: 'another' }),
      ],
      [
        'a new password at ZITADEL',
        async ({ sub }) => {
          const [row] = await town.sql('select target_user_id from ledger where sub = $1', [sub]);
          const password = { password: 'Another-1234', changeRequired: false };
          await town.bridge.login('POST', `/v2/users/${row!.target_user_id}/password`, {
            newPassword: password,
          });
        },
        // Whoever has set it is logged in there with it.
        ['zitadel'],
      ],
      [
        'a deactivation at Django',
        ({ here }) =>
          town.post(town.django.origin, '/active', { username: here.person.username, active: 'no' }),
      ],
      [
        'a deactivation at ZITADEL',
        async ({ sub }) => {
          const [row] = await town.sql('select target_user_id from ledger where sub = $1', [sub]);
          await town.bridge.operator('POST', `/v2/users/${row!.target_user_id}/deactivate`, {});
        },
      ],
      [
        'the forum, naming the person',
        ({ here }) => signed('/legacy/sessions/ended', { legacyId: String(here.person.id) }),
        // It says so because it has ended its own.
        ['forum'],
      ],
    ];
    test.each(ALL_OF_IT)(
      '%s ends what the person has in all browsers, and nobody else’s',
      async (_, act, left = NOTHING) => {
        const { here, there } = await twice();
        const stranger = await town.everywhere(town.somebody());
        await act({ here, sub: town.subOf(here.person) });
        await ends(here, left);
        await ends(there, left);
        expect(await town.state(stranger)).toEqual(ALL);
      },
    );
  });

  test('what does not come from whom it says ends nothing', async () => {
    const whole = await town.everywhere(town.somebody());
    const told = { legacyId: String(whole.person.id), session: cookie(whole.browser, 'PHPSESSID') };
    const body = JSON.stringify(told);
    const seconds = Math.floor(Date.now() / 1000);
    const mac = createHmac('sha256', 'somebody-elses-key-0123456789')
      .update(`${seconds}.${body}`)
      .digest('hex');
    const headers = { 'content-type': 'application/json', 'footbridge-signature': `t=${seconds},v1=${mac}` };
    const url = `${town.bridge.issuer}/legacy/sessions/ended`;
    expect((await new Browser().visit(url, { body, headers })).status).toBe(401);
    expect(await town.state(whole)).toEqual(ALL);
  });

  test('recorded is what ended, why, and that everybody was told', async () => {
    const { here, there } = await twice();
    const sub = town.subOf(here.person);
    await town.bridge.cli('session', 'end', '--user', sub, '--execute');
    await ends(here);
    await ends(there);
    const told = () =>
      town.sql('select kind, name, done_at from logout_deliveries where sub = $1 order by kind, name', [sub]);
    await until(async () => (await told()).every(({ done_at }) => done_at !== null));
    const names = new Set((await told()).map(({ kind, name }) => `${kind} ${name}`));
    expect(names).toEqual(new Set(['client apache', 'legacy forum', 'legacy shop', `target ${TARGET}`]));
    const [ending] = await town.sql('select cause, scope from session_endings where sub = $1', [sub]);
    expect(ending).toEqual({ cause: 'operator', scope: 'person' });
  });
});
