/** Who can reach the console, and with what. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sweepConsole } from '../../../src/admin/console/sweeper.ts';
import { Browser } from '../../support/browser.ts';
import type { Stand } from './stand.ts';
import { openStand } from './stand.ts';
import type { Operator } from './world.ts';
import { operatorAt } from './world.ts';

let stand: Stand;
let operator: Operator;
let viewer: Operator;
beforeAll(async () => {
  stand = await openStand();
  operator = await stand.signIn('operator', 'olga');
  viewer = await stand.signIn('viewer', 'vera');
});
afterAll(() => stand?.close());

const done = () => stand.deeds.filter(({ operation }) => operation !== 'thing look').length;
const look = { name: 'a' };

describe('whoever is not signed in', () => {
  test('is sent to sign in, and back to where they wanted to go', async () => {
    const answer = await new Browser().visit(`${stand.origin}/admin/operations?q=x`);
    expect(answer.status).toBe(303);
    expect(answer.location).toBe(`${stand.origin}/admin/sign-in?to=%2Fadmin%2Foperations%3Fq%3Dx`);
  });

  test('does nothing by a form', async () => {
    const answer = await new Browser().visit(`${stand.origin}/admin/do/thing/look`, {
      form: look,
      headers: { origin: stand.origin },
    });
    expect(answer.status).toBe(303);
    expect(answer.location).toBe(`${stand.origin}/admin/sign-in`);
    expect(stand.deeds).toEqual([]);
  });

  test('has the whole page led away where only a part of it is asked for', async () => {
    const answer = await new Browser().visit(`${stand.origin}/admin/runs`, {
      headers: { 'hx-request': 'true' },
    });
    expect([answer.status, answer.headers['hx-redirect']]).toEqual([
      401,
      '/admin/sign-in?to=%2Fadmin%2Fruns',
    ]);
  });

  test('is not led anywhere but into the console', async () => {
    for (const to of [
      '//evil.example',
      'https://evil.example',
      '/admin//evil',
      '/admin/\\evil',
      '/login',
      '/adminevil',
    ]) {
      const page = await operator.get(`/admin/sign-in?${new URLSearchParams({ to })}`);
      expect(page.location, to).toBe(`${stand.origin}/admin`);
    }
    expect((await operator.get('/admin/sign-in?to=/admin/runs')).location).toBe(`${stand.origin}/admin/runs`);
  });

  test('is asked for one more step when they come from another site, whose requests bring no session along', async () => {
    const page = await new Browser().visit(`${stand.origin}/admin/sign-in?to=/admin/runs`, {
      headers: { 'sec-fetch-site': 'cross-site' },
    });
    expect(page.body).toContain('<a class="button" href="/admin/runs">Go on to the console</a>');
  });
});

describe('a form', () => {
  const refused = async (fields: Record<string, string>, headers: Record<string, string>, by = operator) => {
    const before = stand.deeds.length;
    const answer = await by.browser.visit(`${stand.origin}/admin/do/thing/look`, {
      form: { ...look, ...fields },
      headers,
    });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('not sent by a page of the console');
    expect(stand.deeds.length).toBe(before);
  };

  test('with its word and from our page is taken', async () => {
    expect((await operator.post('/admin/do/thing/look', look)).status).toBe(303);
    const fetched = await operator.browser.visit(`${stand.origin}/admin/do/thing/look`, {
      form: { ...look, csrf: operator.csrf },
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    expect(fetched.status).toBe(303);
  });

  test('without its word, or with that of another session, is refused', async () => {
    await refused({}, { origin: stand.origin });
    await refused({ csrf: `${operator.csrf}x` }, { origin: stand.origin });
    await refused({ csrf: viewer.csrf }, { origin: stand.origin });
  });

  test('from another site is refused, and from nowhere', async () => {
    const { csrf } = operator;
    await refused({ csrf }, { origin: 'http://evil.example' });
    await refused({ csrf }, { origin: 'null' });
    await refused({ csrf }, { origin: `http://127.0.0.1:${stand.port + 1}` });
    await refused({ csrf }, {});
    await refused({ csrf }, { 'sec-fetch-site': 'same-site' });
    await refused({ csrf }, { origin: stand.origin, 'sec-fetch-site': 'cross-site' });
  });

  test('with what PostgreSQL cannot store, of another kind, or too large is refused', async () => {
    const { csrf } = operator;
    expect((await operator.post('/admin/do/thing/look', { name: 'a\0b' })).status).toBe(400);
    const as = (type: string, body: string) =>
      operator.browser.visit(`${stand.origin}/admin/do/thing/look`, {
        body,
        headers: { origin: stand.origin, 'content-type': type },
      });
    expect((await as('text/plain', `csrf=${csrf}&name=a`)).status).toBe(400);
    expect((await as('application/x-www-form-urlencoded', 'x'.repeat(70_000))).status).toBe(413);
    expect((await operator.get('/admin/operations?q=%00')).status).toBe(400);
  });
});

describe('a name', () => {
  const under = (host: string) =>
    operator.browser.visit(`${stand.origin}/admin/operations`, { headers: { host } });

  test('that is not ours is answered with nothing of ours', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${stand.port}`,
      '127.0.0.1',
      `127.0.0.1:${stand.port + 1}`,
    ])
      expect((await under(host)).status, host).toBe(421);
  });

  test('of the loopback interface is', async () => {
    expect((await under(`127.0.0.1:${stand.port}`)).status).toBe(200);
    expect((await under(`localhost:${stand.port}`)).status).toBe(200);
  });
});

describe('a page', () => {
  test('loads nothing from elsewhere, is kept nowhere, and is framed by nobody', async () => {
    const pages = [
      '/admin/operations',
      '/admin/nothing',
      '/admin/sign-in/invitation',
      '/admin/do/thing/change',
    ];
    for (const path of pages) {
      const { headers, body } = await operator.get(path);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self'; .*frame-ancestors 'none'; base-uri 'none'$/,
      );
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-frame-options']).toBe('DENY');
      expect(headers['referrer-policy']).toBe('same-origin');
      expect(body).not.toMatch(/(?:src|href|action)="(?:https?:)?\/\//);
      expect(body).not.toMatch(/\son\w+=|<script>|style="/);
    }
  });

  test('names its stylesheets and scripts by what is in them, so that they can be kept for good', async () => {
    const { body } = await operator.get('/admin/operations');
    const paths = [...body.matchAll(/"(\/admin\/assets\/[^"]+)"/g)].map(([, path]) => path!);
    expect(paths.length).toBe(5);
    for (const path of paths) {
      const { status, headers } = await new Browser().visit(stand.origin + path);
      expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
      expect(path).toContain(headers.etag!.replaceAll('"', ''));
    }
    expect((await operator.get('/admin/assets/../console-routes.ts')).status).toBe(404);
    expect((await operator.get('/admin/assets/console.css')).status).toBe(404);
  });

  test('writes down what somebody typed and runs none of it', async () => {
    const hostile = '"><script>alert(1)</script>';
    const { body } = await operator.get(`/admin/operations?${new URLSearchParams({ q: hostile })}`);
    expect(body).toContain('&quot;&gt;&lt;script&gt;');
    expect(body).not.toContain('<script>alert');
  });

  test('says of a fault of ours no more than where the log has it', async () => {
    for (const [path, status] of [
      ['/admin/broken', 500],
      ['/admin/away', 503],
    ] as const) {
      const answer = await operator.get(path);
      expect(answer.status).toBe(status);
      expect(answer.body).not.toContain('CANARY');
      expect(answer.body).toMatch(/The log has more under <code>[0-9a-f]{8}</);
    }
  });

  test('that is only for admins is neither offered to others nor shown', async () => {
    expect((await operator.get('/admin/operations')).body).not.toContain('/admin/secrets');
    expect((await operator.get('/admin/secrets')).status).toBe(403);
    const admin = await stand.signIn('admin');
    expect((await admin.get('/admin/operations')).body).toContain('/admin/secrets');
    expect((await admin.get('/admin/secrets')).body).toContain('seen');
  });

  test('has its part of the path as it was written, and the target that was looked at last', async () => {
    const id = 'shop:4711/ä %';
    const of = (query = '') => viewer.get(`/admin/things/${encodeURIComponent(id)}${query}`);
    expect((await of()).body).toContain(`The thing ${id}`);
    expect((await of()).body).toContain('vera looks at null');
    await of('?target=two');
    expect((await of()).body).toContain('vera looks at two');
    await of('?target=nobody');
    expect((await of()).body).toContain('vera looks at two');
    await of('?target=');
    expect((await of()).body).toContain('vera looks at null');
  });
});

describe('a session', () => {
  const sessionOf = (by: Operator | Browser) =>
    ('browser' in by ? by.browser : by).cookies.find(({ name }) => name === 'fb_console')?.value ?? '';

  test('travels in a cookie that scripts cannot read and other sites do not send, and is stored as a digest', async () => {
    const { token } = await stand.invited('viewer');
    const [line] = (await stand.redeem(token)).headers['set-cookie'] ?? [];
    expect(line).toMatch(/^fb_console=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    const rows = await stand.sql('select row_to_json(s)::text as row from operator_sessions s');
    const invitations = await stand.sql('select row_to_json(i)::text as row from operator_invitations i');
    const kept = JSON.stringify([rows, invitations]);
    expect(kept).not.toContain(/=([\w-]{43});/.exec(line!)![1]);
    expect(kept).not.toContain(token);
  });

  test('begins under a new id: what a browser was given before is worth nothing', async () => {
    const browser = new Browser();
    const planted = 'x'.repeat(43);
    browser.cookies.push({ name: 'fb_console', value: planted, path: '/', host: '127.0.0.1' });
    const { token } = await stand.invited('operator');
    await stand.redeem(token, browser);
    expect(sessionOf(browser)).not.toBe(planted);
    const attacker = new Browser();
    attacker.cookies.push({ name: 'fb_console', value: planted, path: '/', host: '127.0.0.1' });
    expect((await attacker.visit(`${stand.origin}/admin/operations`)).status).toBe(303);
  });

  test('ends the one that the browser had before', async () => {
    const first = await stand.signIn('operator');
    const copy = first.browser.copy();
    const { token } = await stand.invited('viewer');
    await stand.redeem(token, first.browser);
    expect((await first.get('/admin/operations')).status).toBe(200);
    expect((await copy.visit(`${stand.origin}/admin/operations`)).status).toBe(303);
  });

  test('ends when it was not used for a while; use keeps it', async () => {
    const { ms } = stand.clock;
    const idle = await stand.signIn('operator');
    const busy = await stand.signIn('operator');
    for (const minutes of [20, 40]) {
      stand.clock.ms = ms + minutes * 60_000;
      expect((await busy.get('/admin/operations')).status).toBe(200);
    }
    expect((await idle.get('/admin/operations')).status).toBe(303);
    stand.clock.ms = ms;
  });

  test('ends after its whole time, however much it is used', async () => {
    const { ms } = stand.clock;
    const busy = await stand.signIn('operator');
    for (let minutes = 25; minutes < 480; minutes += 25) {
      stand.clock.ms = ms + minutes * 60_000;
      expect((await busy.get('/admin/runs')).status).toBe(200);
    }
    stand.clock.ms = ms + 481 * 60_000;
    expect((await busy.get('/admin/runs')).status).toBe(303);
    stand.clock.ms = ms;
  });

  test('is over at once when somebody signs out, also for whoever copied its cookie', async () => {
    const leaving = await stand.signIn('operator');
    const copy = leaving.browser.copy();
    expect((await leaving.post('/admin/sign-out', {}, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await leaving.get('/admin/runs')).status).toBe(200);
    const answer = await leaving.post('/admin/sign-out');
    expect(answer.location).toBe(`${stand.origin}/admin/sign-in?out`);
    expect(sessionOf(leaving)).toBe('');
    expect((await copy.visit(`${stand.origin}/admin/runs`)).status).toBe(303);
  });

  test('can be ended by an admin, by name, and by nobody less', async () => {
    const [admin, gone] = [await stand.signIn('admin'), await stand.signIn('operator', 'gone')];
    const denied = await operator.post('/admin/do/console/sign-out', { name: 'gone' });
    expect(denied.status).toBe(403);
    const dry = await admin.submit('/admin/do/console/sign-out', { name: 'GONE' });
    expect(dry.body).toContain('Would end 1 session of GONE');
    expect((await gone.get('/admin/runs')).status).toBe(200);
    const confirmation = /name="confirmation" value="([^"]+)"/.exec(dry.body)![1]!;
    expect((await admin.submit('/admin/confirm', { confirmation })).body).toContain(
      'Ended 1 session of GONE',
    );
    expect((await gone.get('/admin/runs')).status).toBe(303);
  });

  test('is listed without what opens it', async () => {
    const { location } = await viewer.post('/admin/do/console/sessions');
    const answer = await viewer.get(`${location}/answer.json`);
    const { sessions } = answer.json<{ sessions: Record<string, unknown>[] }>();
    expect(sessions.map(({ name }) => name)).toContain('vera');
    expect(Object.keys(sessions[0]!)).toEqual(['name', 'role', 'via', 'startedAt', 'seenAt', 'expiresAt']);
  });

  test('that is over is swept away, with invitations that are; one that is not stays', async () => {
    await stand.sql(`insert into operator_sessions (id, name, role, via, expires_at)
      values ('\\x01', 'old', 'viewer', 'invitation', now() - interval '1 minute')`);
    await stand.sql(`insert into operator_invitations (id, name, role, actor, expires_at)
      values ('\\x01', 'old', 'viewer', 'operator:test', now() - interval '2 days')`);
    expect(await sweepConsole(stand.db)).toBe(2);
    expect(await sweepConsole(stand.db)).toBe(0);
    expect((await viewer.get('/admin/runs')).status).toBe(200);
  });

  test('leaves a record of who came and who went', async () => {
    const rows = await stand.sql(
      `select actor, action, detail from audit_log where detail->>'name' = 'gone' order by id`,
    );
    expect(rows.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
      'operator:test console.invited',
      'console console.signed-in',
      expect.stringMatching(/^operator:admin-\d+ console\.signed-out$/),
    ]);
  });
});

describe('a role', () => {
  test('that only looks is neither offered changes nor lets any through', async () => {
    const before = done();
    const list = (await viewer.get('/admin/operations')).body;
    expect(list).not.toContain('batch run');
    expect((await viewer.get('/admin/do/thing/change?name=a')).status).toBe(403);
    expect((await viewer.post('/admin/do/thing/change', look)).status).toBe(403);
    expect(done()).toBe(before);
  });

  test('is asked again at the confirmation: whoever has lost it confirms nothing', async () => {
    const demoted = await stand.signIn('operator', 'demoted');
    const dry = await demoted.submit('/admin/do/thing/change', look);
    const confirmation = /name="confirmation" value="([^"]+)"/.exec(dry.body)![1]!;
    await stand.sql(`update operator_sessions set role = 'viewer' where name = 'demoted'`);
    const before = done();
    expect((await demoted.post('/admin/confirm', { confirmation })).status).toBe(403);
    expect(done()).toBe(before);
  });

  test('of an operator does not do what admins do', async () => {
    expect((await operator.get('/admin/do/thing/rule')).status).toBe(403);
    expect((await operator.post('/admin/do/thing/rule')).status).toBe(403);
    const admin = await stand.signIn('admin');
    expect((await admin.submit('/admin/do/thing/rule')).body).toContain('Ruled.');
  });
});

describe('under https', () => {
  test('cookies belong to this very host, and are sent in clear to nobody', async () => {
    const secure = await openStand({ console: { origin: 'https://console.example' } });
    try {
      const { token } = await secure.invited('viewer');
      const browser = new Browser();
      const headers = { host: 'console.example', origin: 'https://console.example' };
      const answer = await secure.redeem(token, browser, headers);
      expect(answer.headers['set-cookie']![0]).toMatch(
        /^__Host-fb_console=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
      );
      const page = await browser.visit(`${secure.origin}/admin/operations`, {
        headers: { host: 'console.example' },
      });
      expect(page.status).toBe(200);
      // By the address that is listened on it is another browser's world, without that cookie.
      expect((await browser.visit(`${secure.origin}/admin/operations`)).status).toBe(303);
      const foreign = await secure.redeem(token, browser, { host: 'console.example', origin: secure.origin });
      expect(foreign.status).toBe(403);
    } finally {
      await secure.close();
    }
  });
});

test('somebody else’s browser with the same name is somebody of their own', async () => {
  const twin = await operatorAt(stand.origin, {
    browser: (await stand.signIn('operator', 'olga')).browser,
    name: 'olga',
  });
  expect(twin.csrf).not.toBe(operator.csrf);
});
