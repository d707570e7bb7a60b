/** Just in time, the legacy system leads (docs/patterns/legacy-leads.md). */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { Answer } from '../../support/browser.ts';
import { Browser, field } from '../../support/browser.ts';
import { until } from '../server.ts';
import type { Bridge } from './bridge.ts';
import { openBridge, subOf } from './bridge.ts';
import { expectArrived, expectNobody, expectWellFormed } from './ends.ts';
import { standInTest } from './place.ts';
import { expectSequence, LOGIN_PAGE, PASSWORD } from './sequences.ts';
import { SEED, TARGET } from './settings.ts';

const SHOP = 'http://shop.example/callback';
const APP_SECRET = 'secret-of-the-legacy-login-0123456789';

let bridge: Bridge;
beforeAll(async () => {
  bridge = await openBridge({
    change: ({ provider, targets: [target] }) => {
      target.move.redirect = true;
      provider.clients.push(
        {
          clientId: 'legacy-shop',
          secret: APP_SECRET,
          redirectUris: [SHOP],
          leadsTo: TARGET,
          pkce: 'optional',
        },
        {
          clientId: 'legacy-login',
          secret: APP_SECRET,
          grantTypes: ['client_credentials'],
          mayEnsure: [TARGET],
          trustedProof: true,
        },
      );
    },
  });
});
afterAll(() => bridge?.close());
beforeEach(() => bridge.fresh());

const LOOK = 'facade → zitadel reads the user';
const MADE = [
  LOOK,
  'facade → zitadel reads the newest links',
  'facade → zitadel UserService/AddHumanUser',
  'facade → zitadel ManagementService/AddUserGrant',
  LOOK,
];
const hintIn = (url = '') => {
  const { origin, searchParams } = new URL(url);
  return [origin, searchParams.get('login_hint')];
};
const there = (person: Person) => ['https://app.example.com', person.login];

describe('the login page of an old app', () => {
  const begin = (browser: Browser) => {
    const url = new URL(`${bridge.issuer}/auth`);
    const query = {
      client_id: 'legacy-shop',
      redirect_uri: SHOP,
      response_type: 'code',
      scope: 'openid',
      state: 's',
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return browser.follow(url.href, SHOP);
  };
  const post = (browser: Browser, page: Answer, form: Record<string, string>) =>
    browser.visit(page.url.split('?')[0]!, {
      form: { ...form, form_token: field(page.body, 'form_token') ?? '' },
    });
  const name = async (person: Pick<Person, 'login'>, browser = new Browser()) => ({
    browser,
    page: await post(browser, await begin(browser), { username: person.login }),
  });
  const logIn = async (person: Person, password = person.password) => {
    const { browser, page } = await name(person);
    return { browser, end: await post(browser, page, { username: person.login, password }) };
  };

  test('asks for the name, then for the password; makes, flags, and leads to ZITADEL with a hint', async () => {
    const anna = await bridge.someone('sha512', { role: 'clerk' });
    const { end } = await logIn(anna);
    expect([end.status, ...hintIn(end.location)]).toEqual([303, ...there(anna)]);
    expectSequence(bridge, LOGIN_PAGE, PASSWORD, PASSWORD, MADE);
    await expectArrived(bridge, anna);
  });

  test('leads whoever has moved there after the name alone', async () => {
    const anna = await bridge.someone();
    await logIn(anna);
    bridge.fresh();
    const { page } = await name(anna);
    expect([page.status, ...hintIn(page.location)]).toEqual([303, ...there(anna)]);
    const said = bridge.messages.taken().filter((text) => text.startsWith('browser'));
    expect(said).toEqual([...LOGIN_PAGE, ...PASSWORD]);
  });

  test('asks whoever has not moved for the password, and a name that nobody has as well', async () => {
    const anna = await bridge.someone();
    for (const login of [anna.login, 'nobody-at-all']) {
      const { page } = await name({ login });
      expect(field(page.body, 'username')).toBe(login);
      expect(page.body).toContain('name="password"');
    }
    await expectNobody(bridge, anna);
  });

  test('leaves nobody at ZITADEL with a wrong password, and asks nothing there', async () => {
    const anna = await bridge.someone();
    const { end } = await logIn(anna, 'not hers');
    expect(end.status).toBe(401);
    expectSequence(bridge, LOGIN_PAGE, PASSWORD, PASSWORD);
    await expectNobody(bridge, anna);
  });

  standInTest(
    'logs them in at the old app while ZITADEL does not answer, and moves them a little later',
    'a real one cannot be told to fail',
    async () => {
      const anna = await bridge.someone();
      bridge.standIn.failNext('AddHumanUser', 503);
      const { browser, end } = await logIn(anna);
      const back = end.location?.startsWith(SHOP) ? end : await browser.follow(end.location!, SHOP);
      expect(new URL(back.location!).searchParams.get('code')).toBeTruthy();
      expect(await bridge.isFlagged(anna)).toBe(false);
      await until(async () => bridge.isFlagged(anna));
      await until(async () => (await bridge.work(anna)).length === 0);
      await expectArrived(bridge, anna);
    },
  );
});

describe('a legacy system with a page of its own', () => {
  let token: string;
  beforeAll(async () => {
    const answer = await new Browser().visit(`${bridge.issuer}/token`, {
      form: { grant_type: 'client_credentials', scope: 'migration:write' },
      headers: { authorization: `Basic ${Buffer.from(`legacy-login:${APP_SECRET}`).toString('base64')}` },
    });
    token = answer.json<{ access_token: string }>().access_token;
  });
  const ensure = async (body: object) => {
    const answer = await new Browser().visit(`${bridge.issuer}/migration/users/ensure`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ target: TARGET, ...body }),
    });
    return {
      status: answer.status,
      ...answer.json<{ code?: string; state?: string; redirectUrl?: string }>(),
    };
  };
  const ASKED = ['app → facade POST /migration/users/ensure'];
  const proof = () => ({ authTime: Math.floor(Date.now() / 1_000), amr: ['pwd'] });

  test('sends the password along, and gets the address to send them to', async () => {
    const kwame = await bridge.someone('argon2', { otpSeed: SEED });
    const answer = await ensure({ login: kwame.login, password: kwame.password });
    expect(answer).toMatchObject({ status: 200, sub: subOf(kwame), state: 'migrated' });
    expect(hintIn(answer.redirectUrl)).toEqual(there(kwame));
    expectSequence(bridge, ASKED, MADE);
    await expectArrived(bridge, kwame);
  });

  test('gives its word instead, where that is trusted', async () => {
    const anna = await bridge.someone();
    const answer = await ensure({ sub: subOf(anna), proof: proof() });
    expect(answer).toMatchObject({ status: 200, state: 'migrated' });
    await expectArrived(bridge, anna);
    // Whoever has moved needs no proof any more: this only asks where to go.
    expect(hintIn((await ensure({ login: anna.login })).redirectUrl)).toEqual(there(anna));
  });

  test.each([
    ['a wrong password', { password: 'not hers' }, 401, 'wrong_password'],
    ['no proof at all', {}, 403, 'proof_needed'],
    ['a word of ten minutes ago', { proof: { authTime: 0, amr: ['pwd'] } }, 403, 'proof_needed'],
  ])('is refused with %s, and nobody is made', async (_what, given, status, code) => {
    const anna = await bridge.someone();
    expect(await ensure({ login: anna.login, ...given })).toMatchObject({ status, code });
    expectSequence(bridge, ASKED);
    await expectNobody(bridge, anna);
  });

  test('is told that the shop’s store is down, and nobody is made', async () => {
    const anna = await bridge.someone();
    await bridge.shop.switchTo(false);
    expect(await ensure({ login: anna.login, password: anna.password })).toMatchObject({
      status: 503,
      code: 'legacy_unavailable',
    });
    await bridge.shop.switchTo(true);
    await expectNobody(bridge, anna);
  });

  standInTest(
    'gets no address while ZITADEL is down, and one at the next login',
    'a real one cannot be told to fail',
    async () => {
      const anna = await bridge.someone();
      bridge.standIn.failNext('AddHumanUser', 503);
      const given = { login: anna.login, password: anna.password };
      expect(await ensure(given)).not.toHaveProperty('redirectUrl');
      expect(hintIn((await ensure(given)).redirectUrl)).toEqual(there(anna));
      await expectArrived(bridge, anna);
    },
  );
});

standInTest('the stand-in was asked for nothing malformed', 'it looks at itself', async () =>
  expectWellFormed(bridge),
);
