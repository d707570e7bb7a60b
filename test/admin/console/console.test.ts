/** The console as a server has it: beside the API, with every operation and page there is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pages } from '../../../src/admin/console/pages/index.ts';
import { operations } from '../../../src/admin/operations/index.ts';
import { Browser, field } from '../../support/browser.ts';
import type { ConsoleWorld, Operator } from './world.ts';
import { openConsoleWorld, operatorAt } from './world.ts';

const ANNA = {
  id: 1,
  login: 'anna',
  givenName: 'Anna',
  familyName: 'Sommerfeld',
  email: 'anna@example.com',
  password: 'anna-crosses-the-bridge',
  kind: 'bcrypt',
  role: 'clerk',
  language: 'en',
  emailConfirmed: true,
  active: true,
} as const;

let world: ConsoleWorld;
let admin: Operator;
beforeAll(async () => {
  world = await openConsoleWorld({
    change: (settings) => {
      settings.provider.clients.push({
        clientId: 'console',
        secret: 'secret-of-the-console-0123456789',
        redirectUris: [`http://127.0.0.1:${settings.listen.private.port}/admin/sign-in/callback`],
      });
      settings.admin.console.signIn = {
        issuer: settings.provider.issuer,
        clientId: 'console',
        secret: 'secret-of-the-console-0123456789',
        scopes: ['openid', 'profile', 'email', 'roles'],
        roleClaim: 'roles',
        roles: { operator: ['clerk'] },
      };
    },
  });
  admin = await world.signIn('admin', 'ada');
});
afterAll(() => world?.close());

test('every operation has a form, and whatever it needs is in it or is said to be elsewhere', async () => {
  for (const { name, input } of operations) {
    const { status, body } = await admin.get(`/admin/do/${name.replaceAll(' ', '/')}`);
    expect(status, name).toBe(200);
    for (const [key, schema] of Object.entries(input.shape)) {
      const isThere = body.includes(` name="${key}"`) || body.includes('Only on the command line');
      expect(isThere || schema.safeParse(undefined).success, `${name} ${key}`).toBe(true);
    }
  }
});

test('every page of the menu is there, for a viewer as well, where nothing has happened yet', async () => {
  const viewer = await world.signIn('viewer');
  for (const { path, role = 'viewer' } of pages.filter((page) => !page.path.includes(':'))) {
    const { status } = await viewer.get(`/admin${path && `/${path}`}`);
    expect(status, path).toBe(role === 'viewer' ? 200 : 403);
  }
});

test('the API answers in its own words beside it', async () => {
  const answer = await new Browser().visit(`${world.origin}/admin/api/schema/status`, { body: '{}' });
  expect([answer.status, answer.headers['content-type']]).toEqual([
    401,
    expect.stringContaining('problem+json'),
  ]);
  // A session of the console opens nothing there: it takes no cookie.
  const cookie = await admin.browser.visit(`${world.origin}/admin/api/schema/status`, {
    body: '{}',
    headers: { origin: world.origin },
  });
  expect(cookie.status).toBe(401);
  expect((await new Browser().visit(`${world.origin}/nothing`)).headers['content-type']).toContain(
    'problem+json',
  );
});

describe('the command line', () => {
  test('invites: first it says so, then it prints a link that signs in', async () => {
    const asked = ['console', 'invite', '--name', 'eve', '--role', 'operator'];
    const dry = await world.cli(...asked);
    expect(dry.out).toContain('Would invite eve as operator. There is no link yet');
    const { out } = await world.cli(...asked, '--execute');
    const [, link, token] = /^(http:\S+)#(\S+)$/m.exec(out)!;
    expect(link).toBe(`${world.origin}/admin/sign-in/invitation`);
    const browser = new Browser();
    await browser.visit(link!, { form: { token: token! }, headers: { origin: world.origin } });
    const eve = await operatorAt(world.origin, { browser, name: 'eve' });
    expect((await eve.get('/admin/operations')).body).toContain('<strong>eve</strong>');
    expect((await world.cli('console', 'sessions')).out).toMatch(/^ *eve +operator +invitation/m);
    expect((await world.cli('console', 'sign-out', 'eve', '--execute')).out).toContain(
      'Ended 1 session of eve',
    );
    expect((await eve.get('/admin/operations')).status).toBe(303);
    const told = await world.sql(
      `select detail::text from audit_log where detail::text like '%' || $1 || '%'`,
      [token],
    );
    expect(told).toEqual([]);
  });

  test('invites nobody without a name that others can tell apart, or with a role that there is not', async () => {
    const invite = (...more: string[]) => world.cli('console', 'invite', ...more, '--execute');
    expect(await invite('--name', 'a b', '--role', 'admin')).toMatchObject({ code: 2 });
    expect(await invite('--name', 'a', '--role', 'root')).toMatchObject({ code: 2 });
  });
});

test('an account of a real provider opens it: ours, where the old shop’s people log in', async () => {
  await world.shop.seed([ANNA]);
  const browser = new Browser();
  const login = await browser.follow(`${world.origin}/admin/sign-in/begin?to=/admin/runs`, world.origin);
  const form = {
    form_token: field(login.body, 'form_token')!,
    username: ANNA.login,
    password: ANNA.password,
  };
  const back = await browser.follow(login.url.split('?')[0]!, `${world.origin}/admin/sign-in/callback`, {
    form,
  });
  const page = await browser.visit(back.location!);
  expect(page.body).toContain('url=/admin/runs"');
  const runs = await browser.visit(`${world.origin}/admin/runs`);
  expect(runs.body).toMatch(/<strong>anna<\/strong> <span class="badge"[^>]*>operator</);
});
