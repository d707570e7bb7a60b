import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDemo } from '../../../example/demo/demo.ts';
import { PEOPLE } from '../../../example/demo/people.ts';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import { Browser } from '../../support/browser.ts';
import { testDatabase } from '../../support/postgres.ts';
import { signatureOf } from './footbridge-double.ts';
import type { Stage } from './stage.ts';
import {
  ANNA,
  HOOK_KEY,
  INES,
  inAdmin,
  played,
  SECRET,
  shopDatabase,
  stage,
  throughFootbridge,
} from './stage.ts';

const shop = shopDatabase();

describe('the parts', () => {
  let at: Stage;
  beforeAll(async () => {
    at = await stage(shop.url);
  });
  afterAll(() => at.close());

  const signInAtShop = (browser: Browser, login: string, password: string) =>
    browser.follow(`${at.shop}/login`, 'nowhere', { form: { login, password } });

  test.each(
    PEOPLE.filter(({ kind, active, lockedUntil }) => kind !== 'gost-yescrypt' && active && !lockedUntil)
      .filter(
        ({ kind, login }, at, all) =>
          at === all.findIndex((other) => other.kind === kind) || login === 'till7',
      )
      .map((person) => [person.login, person.kind, person] as const),
  )('%s signs in at the shop (%s)', async (_login, _kind, { login, password, otpSeed }) => {
    const browser = new Browser();
    const page = await signInAtShop(browser, login, password);
    if (!otpSeed) return expect(page.body).toContain('You signed in here');
    const code = codeOfStep(otpSeed, stepAt(Date.now() / 1000));
    expect((await browser.follow(`${at.shop}/login/code`, 'nowhere', { form: { code } })).body).toContain(
      'You signed in here',
    );
  });

  test.each([
    ['nadia', 'is disabled'],
    ['oskar', 'is locked'],
    ['hana', 'has a hash nobody computes'],
  ])('%s %s and does not sign in at the shop', async (login) => {
    const { password } = PEOPLE.find((person) => person.login === login)!;
    expect((await signInAtShop(new Browser(), login, password)).status).toBe(401);
  });

  test('a wrong code is refused at the shop, and the password has to be given again', async () => {
    const browser = new Browser();
    await signInAtShop(browser, INES.login, INES.password);
    const wrong = await browser.visit(`${at.shop}/login/code`, { form: { code: '000000' } });
    const again = await browser.visit(`${at.shop}/login/code`, { form: { code: '000000' } });
    expect([wrong.status, again.location]).toEqual([401, `${at.shop}/login`]);
  });

  test('a signed message opens a session for an active customer, and for nobody else', async () => {
    const send = (body: string, signature = signatureOf(body, HOOK_KEY)) =>
      new Browser().visit(`${at.shop}/footbridge/session`, {
        body,
        headers: { 'footbridge-signature': signature },
      });
    const nadia = PEOPLE.find(({ login }) => login === 'nadia')!;
    const opened = await send('{"legacyId":"1001"}');
    expect(opened.status).toBe(200);
    expect(opened.headers['set-cookie']?.[0]).toMatch(/^shop_session=.+httponly/i);
    expect((await send(`{"legacyId":"${nadia.id}"}`)).status).toBe(404);
    expect((await send('{"legacyId":"1001"}', 't=1,v1=00')).status).toBe(401);
  });

  test('the story lists everybody, and shows where they are', async () => {
    const page = await new Browser().visit(at.story);
    for (const { login } of PEOPLE) expect(page.body).toContain(`<code class="id">${login}</code>`);
    expect((await new Browser().visit(`${at.story}/everybody`)).body).toContain('<b>38</b> at the old shop');
  });

  test('the pocket authenticator shows the codes that the shop takes', async () => {
    const page = await new Browser().visit(`${at.story}/authenticator`);
    const codes = [-1, 0].map((drift) => codeOfStep(INES.otpSeed!, stepAt(Date.now() / 1000) + drift));
    expect(codes.some((code) => page.body.includes(code.replace(/^(...)/, '$1 ')))).toBe(true);
  });

  test('a form from another site is refused', async () => {
    const answer = await new Browser().visit(`${at.shop}/backoffice/database`, {
      form: { database: 'off' },
      headers: { origin: 'https://evil.example' },
    });
    expect(answer.status).toBe(403);
  });

  test('another host name leads to the one that cookies know', async () => {
    const answer = await new Browser().visit(`${at.newApp}//evil.example/`, {
      headers: { host: 'localhost' },
    });
    expect(answer.location).toBe(`${at.newApp}/evil.example/`);
  });

  test('what people are called is escaped', async () => {
    const { claims, ...rest } = await played(ANNA);
    at.footbridge.next = { ...rest, claims: { ...claims, given_name: '<script>', name: '<b>&"\'' } };
    const home = await throughFootbridge(new Browser(), at);
    expect(home.body).toContain('Hello, &lt;script&gt;.');
    expect(home.body).not.toContain('<b>&');
  });
});

test('a taken port is one sentence that names the port and the option', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const database = await testDatabase({ empty: true });
  const start = startDemo({
    ports: { shop: port },
    databases: { shop: shop.url, shopAdmin: inAdmin(shop.url), target: database.url },
    issuer: 'http://127.0.0.1:1',
    clientSecret: SECRET,
    hookKey: HOOK_KEY,
    log: () => undefined,
  });
  await expect(start).rejects.toThrow(new RegExp(`^Port ${port} .* ports\\.shop\\.$`));
  server.close();
  await database.drop();
});
