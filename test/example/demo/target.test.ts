import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HASH_KINDS } from '../../../example/demo/hash-kinds.ts';
import { Browser, field } from '../../support/browser.ts';
import type { Stage } from './stage.ts';
import {
  ANNA,
  API_TOKEN,
  played,
  shopDatabase,
  stage,
  throughFootbridge,
  toLogin,
  withPassword,
} from './stage.ts';

const shop = shopDatabase();

describe('what the target asks of Footbridge', () => {
  let at: Stage;
  beforeEach(async () => {
    at = await stage(shop.url);
  });
  afterEach(() => at.close());

  test('the state is the auth request, there is no nonce, and without a hint an account has to be chosen', async () => {
    at.footbridge.next = await played(ANNA);
    const browser = new Browser();
    const page = await toLogin(browser, at);
    const id = field(page.body, 'authRequestID')!;
    await browser.follow(`${at.target}/ui/login/login/externalidp`, 'nowhere', {
      form: { authRequestID: id },
    });
    const [asked] = at.footbridge.authorizations;
    expect(asked!.get('state')).toBe(id);
    expect(asked!.get('nonce')).toBeNull();
    expect(asked!.get('prompt')).toBe('select_account');
    expect(asked!.get('login_hint')).toBeNull();
    expect(asked!.get('code_challenge_method')).toBe('S256');
    expect(asked!.get('scope')).toBe('openid profile email phone');
  });

  test('a hint takes the place of the account selection, and a linked name that of the hint', async () => {
    at.footbridge.next = await played(ANNA);
    await throughFootbridge(new Browser(), at);
    const browser = new Browser();
    const page = await browser.follow(`${at.newApp}/login`, 'nowhere', { form: { hint: 'ANNA' } });
    await browser.follow(`${at.target}/ui/login/login/externalidp`, 'nowhere', {
      form: { authRequestID: field(page.body, 'authRequestID')! },
    });
    expect(at.footbridge.authorizations[1]!.get('login_hint')).toBe('anna');
    expect(at.footbridge.authorizations[1]!.get('prompt')).toBeNull();
  });

  test('an answer in somebody else’s browser is no login', async () => {
    at.footbridge.next = await played(ANNA);
    const attacker = new Browser();
    const page = await toLogin(attacker, at);
    const callback = await attacker.follow(
      `${at.target}/ui/login/login/externalidp`,
      `${at.target}/ui/login/login/externalidp/callback`,
      { form: { authRequestID: field(page.body, 'authRequestID')! } },
    );
    const victim = new Browser();
    await victim.visit(`${at.target}/ui/login/login`);
    const answer = await victim.visit(callback.location!);
    expect([answer.status, answer.body.includes('LOGIN-gone')]).toEqual([400, true]);
  });

  test.each([
    ['no given name', { given_name: undefined }, 'USER-UCej2'],
    ['no family name', { family_name: undefined }, 'USER-4hB7d'],
    ['no username', { preferred_username: undefined }, 'V2-zzad3'],
    ['no email', { email: undefined }, 'EMAIL-spblu'],
    ['a broken email', { email: 'anna' }, 'EMAIL-599BI'],
    ['email_verified 1', { email_verified: 1 }, 'LOGIN-external'],
    ['a locale that is none', { locale: 'not a tag' }, 'LOGIN-external'],
  ])('somebody with %s is refused, and no user is made', async (_name, claims, code) => {
    const { claims: all, ...rest } = await played(ANNA);
    at.footbridge.next = { ...rest, claims: { ...all, ...claims } };
    const page = await throughFootbridge(new Browser(), at);
    expect(page.body).toContain(code);
    expect((await new Browser().visit(at.target)).body).toContain('Nobody yet');
    expect(at.footbridge.calls.some((call) => call.includes('/migration/'))).toBe(false);
  });

  test('a username that somebody has already is refused as ZITADEL does', async () => {
    at.footbridge.next = await played(ANNA);
    await throughFootbridge(new Browser(), at);
    const { claims, ...rest } = await played(ANNA);
    at.footbridge.next = { ...rest, claims: { ...claims, sub: 'shop:9999', preferred_username: 'Anna' } };
    const page = await throughFootbridge(new Browser(), at);
    expect([page.status, page.body.includes('User already exists')]).toEqual([409, true]);
  });
});

describe('what the target refuses of a provider', () => {
  test.each([
    ['an ID token signed with EdDSA', { idTokenAlg: 'EdDSA' }, 'LOGIN-external'],
    ['userinfo as a JWT', { userinfoAlg: 'RS256' }, 'LOGIN-external'],
    ['an issuer with a slash too many', { issuerSuffix: '/' }, 'LOGIN-discovery'],
  ] as const)('%s', async (_name, options, code) => {
    const at = await stage(shop.url, options);
    at.footbridge.next = await played(ANNA);
    expect((await throughFootbridge(new Browser(), at)).body).toContain(code);
    await at.close();
  });

  test('a provider that does not answer is a page, not a crash', async () => {
    const at = await stage(shop.url);
    await at.footbridge.close();
    const page = await throughFootbridge(new Browser(), at);
    expect([page.status, page.body.includes('LOGIN-discovery')]).toEqual([502, true]);
    await at.demo.close();
  });
});

describe('the import API of the target', () => {
  let at: Stage;
  beforeAll(async () => {
    at = await stage(shop.url);
  });
  afterAll(() => at.close());

  const human = (more: object = {}) => ({
    username: 'juergen',
    profile: { givenName: 'Jürgen', familyName: 'Müßig' },
    email: { email: 'juergen@example.com', isVerified: true },
    ...more,
  });
  const post = (body: object, token = API_TOKEN) =>
    new Browser().visit(`${at.target}/v2/users/human`, {
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${token}` },
    });

  test('an imported user signs in with the password of the old system', async () => {
    const { pw: hash } = await HASH_KINDS.bcrypt.make('Grüße aus Köln');
    const created = await post(human({ userId: '4711', hashedPassword: { hash } }));
    expect([created.status, created.json().userId]).toEqual([201, '4711']);
    const home = await withPassword(new Browser(), at, { login: 'juergen', password: 'Grüße aus Köln' });
    expect(home.body).toContain('Hello, Jürgen.');
  });
  test.each([
    ['a taken username', 409, 'User already exists', { userId: '4712' }],
    ['a taken id', 400, 'COMMAND-k2unb', { userId: '4711', username: 'other' }],
    ['a hash nobody verifies', 400, 'CRYPT-2xK7d', { username: 'x1', hashedPassword: { hash: '{SSHA}x' } }],
    ['no name', 400, 'USER-UCej2', { username: 'x2', profile: {} }],
  ])('%s is refused as ZITADEL does', async (_name, status, message, more) => {
    const answer = await post(human(more));
    expect([answer.status, answer.json().message]).toEqual([status, expect.stringContaining(message)]);
  });
  test('another token is refused', async () => {
    expect((await post(human({ username: 'x3' }), 'wrong')).status).toBe(401);
  });
});
