/** Brokering with auto-registration (docs/patterns/brokering.md): old and new apps have sessions beside one another. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { field } from '../../support/browser.ts';
import type { Bridge } from './bridge.ts';
import { openBridge, subOf } from './bridge.ts';
import { expectArrived, expectNobody, expectWellFormed } from './ends.ts';
import { standInTest } from './place.ts';
import {
  ASKED,
  BACK_TO_ZITADEL,
  BEGUN,
  CLAIMS,
  expectSequence,
  FOUND_BY_LOGIN,
  LOGIN_PAGE,
  logInV2,
  MADE_BY_LOGIN,
  PASSWORD,
  RETRIEVED,
  SESSION,
  types,
} from './sequences.ts';
import type { Settings } from './settings.ts';
import { SEED } from './settings.ts';

let bridge: Bridge;
beforeAll(async () => {
  bridge = await openBridge();
});
afterAll(() => bridge?.close());
beforeEach(() => bridge.fresh());

const LINKED = 'zitadel → facade event user.human.externalidp.added';
const LOOK = 'facade → zitadel reads the user';
const NEWEST = 'facade → zitadel reads the newest links';
const GRANT = 'facade → zitadel ManagementService/AddUserGrant';
const METADATA = 'facade → zitadel ManagementService/BulkSetUserMetadata';
const HASH = 'facade → zitadel UserService/UpdateHumanUser';
/** It comes back to us what we have set. */
const TOLD_OF_PASSWORD = ['zitadel → facade event user.human.password.changed'];
const METHOD = '/zitadel.user.v2.UserService/RetrieveIdentityProviderIntent';
const username = (more: object) => (settings: Settings) => {
  settings.targets[0].users.username = more;
};
const move = (more: object) => (settings: Settings) => Object.assign(settings.targets[0].move, more);

const throughV2 = [...BEGUN, ...LOGIN_PAGE, ...PASSWORD, ...BACK_TO_ZITADEL, ...CLAIMS];
const KNOWN = [...FOUND_BY_LOGIN, ...SESSION];

describe('Login V2, with an Action that pulls', () => {
  test('makes the person of the Action’s answer, and the event brings what no answer can', async () => {
    const anna = await bridge.someone('bcrypt', { otpSeed: SEED, role: 'clerk' });
    expect(await logInV2(bridge, anna)).toMatchObject({ kind: 'logged-in', did: ['created'] });
    const pages = [...LOGIN_PAGE, ...PASSWORD, ...PASSWORD];
    expectSequence(bridge, BEGUN, pages, BACK_TO_ZITADEL, CLAIMS, ASKED, MADE_BY_LOGIN, SESSION);
    expect(await bridge.row(anna)).toMatchObject({ state: 'releasing' });
    await bridge.deliver();
    expectSequence(bridge, [LINKED, LOOK, GRANT, LOOK]);
    await expectArrived(bridge, anna);
  });

  test('finds the same user at the second login, and moves nothing again', async () => {
    const anna = await bridge.someone('django');
    await logInV2(bridge, anna);
    await bridge.deliver();
    const { id } = await expectArrived(bridge, anna);
    const before = await bridge.row(anna);
    bridge.messages.taken();
    expect(await logInV2(bridge, anna)).toMatchObject({ kind: 'logged-in', userId: id, did: [] });
    expectSequence(bridge, throughV2, ASKED, KNOWN);
    await bridge.deliver();
    expectSequence(bridge, []);
    expect(await bridge.row(anna)).toEqual(before);
  });

  test('makes nobody of a wrong password, and tells ZITADEL nothing', async () => {
    const anna = await bridge.someone();
    const outcome = await logInV2(bridge, { ...anna, password: 'not hers' });
    expect(outcome).toMatchObject({ kind: 'page', parameters: { status: '401' } });
    // The page comes again as often as somebody types.
    expectSequence(bridge, BEGUN, LOGIN_PAGE, PASSWORD, PASSWORD, PASSWORD, PASSWORD);
    expect(await bridge.row(anna)).toBeUndefined();
    await expectNobody(bridge, anna);
  });

  test('catches as it is typed what ZITADEL cannot verify', async () => {
    const fatou = await bridge.someone('wp');
    expect(await logInV2(bridge, fatou)).toMatchObject({ did: ['created'] });
    await bridge.deliver();
    await expectArrived(bridge, fatou);
  });

  standInTest(
    'makes them without a password where an older login leaves it out; the event brings it',
    'a real one is of one release',
    async () => {
      const anna = await bridge.someone('phpass');
      bridge.standIn.instance.intentAnswer = 'add-human-user';
      expect(await logInV2(bridge, anna)).toMatchObject({ did: ['created'] });
      bridge.standIn.instance.intentAnswer = 'create-user';
      expectSequence(bridge, throughV2, ASKED, MADE_BY_LOGIN, SESSION);
      await bridge.deliver();
      expectSequence(bridge, [LINKED, LOOK, GRANT, LOOK, HASH, LOOK], TOLD_OF_PASSWORD);
      await expectArrived(bridge, anna);
    },
  );
});

describe('Login V2, with the Action off', () => {
  const pulling = (targets: readonly string[]) =>
    bridge.operator('PUT', '/v2/actions/executions', {
      condition: { response: { method: METHOD } },
      targets,
    });
  beforeAll(() => pulling([]));
  // What somebody has switched off there by hand, the setup sees and mends.
  afterAll(() => bridge.setUp());

  test('makes the person of the claims, and the event brings everything else', async () => {
    const anna = await bridge.someone('argon2', { role: 'clerk' });
    expect(await logInV2(bridge, anna)).toMatchObject({ did: ['created'] });
    expectSequence(bridge, throughV2, RETRIEVED, MADE_BY_LOGIN, SESSION);
    const [made] = await bridge.usersOf(anna);
    expect(made).toMatchObject({ hasPassword: false, metadata: {}, grants: {} });
    await bridge.deliver();
    expectSequence(bridge, [LINKED, LOOK, METADATA, GRANT, LOOK, HASH, LOOK], TOLD_OF_PASSWORD);
    expect((await expectArrived(bridge, anna)).id).toBe(made!.id);
    expect(await bridge.row(anna)).toMatchObject({ made: false });
  });

  test('gives no password to whoever has a second factor, because ZITADEL takes none afterwards', async () => {
    const ines = await bridge.someone('phpass', { otpSeed: SEED });
    await logInV2(bridge, ines);
    await bridge.deliver();
    expect(await bridge.usersOf(ines)).toMatchObject([{ hasPassword: false, hasTotp: false }]);
    expect(await bridge.row(ines)).toMatchObject({ state: 'created' });
    expect(await bridge.isFlagged(ines)).toBe(false);
    expect(await bridge.work(ines)).toEqual([]);
  });

  test('does nothing for somebody who is linked there and has proved nothing', async () => {
    const anna = await bridge.someone();
    const idpLinks = [{ idpId: await bridge.idp(), userId: subOf(anna), userName: anna.login }];
    await bridge.operator('POST', '/v2/users/human', {
      username: anna.login,
      profile: { givenName: 'Anna', familyName: 'Sommerfeld' },
      email: { email: anna.email, isVerified: true },
      idpLinks,
    });
    bridge.messages.taken();
    await bridge.deliver();
    expectSequence(bridge, [LINKED]);
    expect(await bridge.usersOf(anna)).toMatchObject([{ hasPassword: false, metadata: {} }]);
    expect(await bridge.row(anna)).toBeUndefined();
  });
});

describe('Login V1, with its scripts', () => {
  const WHY = 'Login V1 has no API';
  const logInV1 = async (person: Parameters<typeof types>[0], more: object = {}) =>
    bridge.standIn.loginV1({
      browser: bridge.browser(),
      idpId: await bridge.idp(),
      atProvider: types(person),
      ...more,
    });
  const throughV1 = [...throughV2.slice(1, -CLAIMS.length - 1), ...CLAIMS];
  const SCRIPT = 'zitadel → facade v1';
  beforeAll(() =>
    bridge.configure((settings) => {
      settings.targets[0].setup.loginVersions = ['v1', 'v2'];
    }),
  );

  standInTest('one script names the person, another says that they were made', WHY, async () => {
    const anna = await bridge.someone('sha512', { role: 'clerk' });
    expect(await logInV1(anna)).toMatchObject({ kind: 'logged-in', did: ['created'] });
    const completed = [LOOK, METADATA, GRANT, LOOK, HASH, LOOK];
    expectSequence(bridge, throughV1, [SCRIPT, SCRIPT, ...completed]);
    await expectArrived(bridge, anna);
    await bridge.deliver();
    expectSequence(bridge, [LINKED], TOLD_OF_PASSWORD);
  });

  standInTest('the second login runs no script that calls us, and changes nothing', WHY, async () => {
    const anna = await bridge.someone();
    await logInV1(anna);
    const { id } = await expectArrived(bridge, anna);
    const before = await bridge.row(anna);
    bridge.fresh();
    expect(await logInV1(anna)).toMatchObject({ kind: 'logged-in', userId: id, did: [] });
    expectSequence(bridge, throughV1);
    expect(await bridge.row(anna)).toEqual(before);
  });

  standInTest('a wrong password runs no script and makes nobody', WHY, async () => {
    const anna = await bridge.someone();
    expect(await logInV1({ ...anna, password: 'not hers' })).toMatchObject({ kind: 'page' });
    expectSequence(bridge, throughV1.slice(0, 3), PASSWORD, PASSWORD, PASSWORD, PASSWORD);
    await expectNobody(bridge, anna);
  });

  standInTest('a script that cannot reach us stops nobody; the event brings the rest', WHY, async () => {
    const anna = await bridge.someone('md5');
    const outcome = await logInV1(anna, { actionsDenylist: ['127.0.0.1'] });
    expect(outcome).toMatchObject({ kind: 'logged-in', did: ['created'] });
    expectSequence(bridge, throughV1);
    await bridge.deliver();
    await expectArrived(bridge, anna);
  });
});

describe('pushed at the login', () => {
  const PUSHED = [NEWEST, 'facade → zitadel UserService/AddHumanUser', GRANT, LOOK];
  beforeAll(() => bridge.configure(move({ push: 'at-login' })));

  test('the person is there, complete, before the browser is back at ZITADEL', async () => {
    const kwame = await bridge.someone('argon2', { otpSeed: SEED });
    expect(await logInV2(bridge, kwame)).toMatchObject({ kind: 'logged-in', did: [] });
    const pages = [...LOGIN_PAGE, ...PASSWORD, ...PASSWORD];
    expectSequence(bridge, BEGUN, pages, [LOOK, ...PUSHED], BACK_TO_ZITADEL, CLAIMS, ASKED, KNOWN);
    await expectArrived(bridge, kwame);
    await bridge.deliver();
    // ZITADEL tells us of the link that we have made, and there is nothing to do.
    expectSequence(bridge, [LINKED]);
  });

  test('a wrong password asks ZITADEL for nothing', async () => {
    const anna = await bridge.someone();
    await logInV2(bridge, { ...anna, password: 'not hers' });
    expectSequence(bridge, BEGUN, LOGIN_PAGE, PASSWORD, PASSWORD, PASSWORD, PASSWORD);
    await expectNobody(bridge, anna);
  });

  standInTest(
    'a ZITADEL that does not answer keeps nobody out: they are moved by themselves a little later',
    'a real one cannot be told to fail',
    async () => {
      const anna = await bridge.someone('bcrypt');
      bridge.standIn.failNext('AddHumanUser', 503);
      expect(await logInV2(bridge, anna)).toMatchObject({ kind: 'logged-in', did: ['created'] });
      await bridge.deliver();
      await expectArrived(bridge, anna);
    },
  );
});

describe('the login hint', () => {
  const hinted = async (hint: string) => {
    const url = new URL(`${bridge.issuer}/auth`);
    const { authUrl } = await bridge.operator<{ authUrl: string }>('POST', '/v2/idp_intents', {
      idpId: await bridge.idp(),
      urls: { successUrl: 'https://app.invalid/', failureUrl: 'https://app.invalid/' },
    });
    for (const [name, value] of new URL(authUrl).searchParams) url.searchParams.set(name, value);
    url.searchParams.delete('prompt');
    url.searchParams.set('login_hint', hint);
    return bridge.browser().follow(url.href, 'https://app.invalid/');
  };

  test('fills the name in, and nobody is told whether there is such a person', async () => {
    const anna = await bridge.someone();
    expect(field((await hinted(anna.login)).body, 'username')).toBe(anna.login);
    expect(field((await hinted('nobody-at-all')).body, 'username')).toBe('nobody-at-all');
  });

  standInTest(
    'is the link’s name where ZITADEL knows the person: ours, whatever they are called there',
    'Login V1 has no API',
    async () => {
      await bridge.configure(username({ suffix: '.new' }), { setup: false });
      const anna = await bridge.someone();
      await logInV2(bridge, anna);
      const { id: userId } = await expectArrived(bridge, anna, { username: `${anna.login}.new` });
      let typed: string | undefined;
      const outcome = await bridge.standIn.loginV1({
        browser: bridge.browser(),
        idpId: await bridge.idp(),
        userId,
        atProvider: async ({ browser, url, redirectUri }) => {
          const page = await browser.follow(url, redirectUri);
          typed = field(page.body, 'username');
          return types({ ...anna, login: typed! })({ browser, url, redirectUri });
        },
      });
      expect(typed).toBe(anna.login);
      expect(outcome).toMatchObject({ kind: 'logged-in', userId });
      await bridge.configure(username({ suffix: '' }), { setup: false });
    },
  );
});

describe('somebody who is at ZITADEL already', () => {
  const already = (email: string, isVerified: boolean) =>
    bridge.operator<{ userId: string }>('POST', '/v2/users/human', {
      username: `already-${email}`,
      profile: { givenName: 'Anna', familyName: 'Sommerfeld' },
      email: { email, ...(isVerified ? { isVerified } : { returnCode: {} }) },
    });
  beforeAll(() =>
    bridge.configure(
      (settings) => {
        settings.targets[0].users.existing = 'verified-email';
      },
      { setup: false },
    ),
  );

  test('is the same person where both sides have verified the same address', async () => {
    const anna = await bridge.someone('bcrypt');
    const { userId } = await already(anna.email!, true);
    bridge.fresh();
    expect(await logInV2(bridge, anna)).toMatchObject({ kind: 'logged-in', userId, did: [] });
    const found = [LOOK, NEWEST, 'facade → zitadel reads who has this name', LOOK];
    const completed = ['facade → zitadel UserService/AddIDPLink', METADATA, GRANT, LOOK, HASH, LOOK];
    expectSequence(bridge, throughV2.slice(0, 5), found, completed, throughV2.slice(5), ASKED, KNOWN);
    await expectArrived(bridge, anna, { username: `already-${anna.email}` });
    await bridge.deliver();
  });

  test.each([
    ['the shop has not verified it', { emailConfirmed: false }, true],
    ['ZITADEL has not verified it', {}, false],
  ])('is somebody else where %s', async (_why, more, isVerified) => {
    const anna = await bridge.someone('bcrypt', more);
    const { userId } = await already(anna.email!, isVerified);
    const outcome = await logInV2(bridge, anna);
    await bridge.deliver();
    expect(outcome).not.toMatchObject({ userId });
    const there = (await bridge.usersOf(anna)).find(({ id }) => id === userId);
    expect(there).toMatchObject({ links: [], hasPassword: false, metadata: {}, grants: {} });
  });
});

describe('somebody who logs in with an external provider at the shop', () => {
  /** Who is Google here is the facade under another client: its subject is the person's id there. */
  let google: string;
  beforeAll(async () => {
    const googleClient = {
      clientId: 'google',
      secret: 'secret-of-google-0123456789',
      redirectUris: bridge.settings.provider.clients[0].redirectUris,
    };
    const { id } = await bridge.operator<{ id: string }>('POST', '/admin/v1/idps/generic_oidc', {
      name: 'Google',
      issuer: bridge.issuer,
      clientId: googleClient.clientId,
      clientSecret: googleClient.secret,
      scopes: ['openid', 'profile', 'email'],
      usePkce: true,
      providerOptions: { isLinkingAllowed: true, isCreationAllowed: true },
    });
    google = id;
    await bridge.operator('POST', '/admin/v1/policies/login/idps', { idpId: google });
    await bridge.configure(
      (settings) => {
        settings.provider.clients.push(googleClient);
        settings.targets[0].users.identityProviders = { google };
      },
      { setup: false },
    );
  });
  afterAll(() => bridge.operator('DELETE', `/admin/v1/idps/templates/${google}`));
  const withGoogle = (person: Parameters<typeof types>[0]) =>
    bridge.loginV2().throughProvider(google, types(person));

  test('is linked to it there as well, and no registration page comes', async () => {
    const anna = await bridge.someone('bcrypt');
    await bridge.shop.sql('update customers set google_id = $2 where id = $1', [anna.id, subOf(anna)]);
    await logInV2(bridge, anna);
    const links = [`${await bridge.idp()}/${subOf(anna)}`, `${google}/${subOf(anna)}`];
    const { id } = await expectArrived(bridge, anna, { links });
    expect(await withGoogle(anna)).toMatchObject({ kind: 'logged-in', userId: id, did: [] });
    await bridge.deliver();
  });

  test('would have to register without the link', async () => {
    const anna = await bridge.someone('bcrypt');
    await logInV2(bridge, anna);
    await expectArrived(bridge, anna);
    expect(await withGoogle(anna)).toMatchObject({ kind: 'page', page: '/idp/oidc/complete-registration' });
    await bridge.deliver();
  });
});

describe('organizations', () => {
  test('get the people of their domain, with their roles, if the address is verified', async () => {
    const domain = 'partner.example';
    const { organizationId } = await bridge.operator<{ organizationId: string }>(
      'POST',
      '/v2/organizations',
      {
        name: `partner-${bridge.project}`,
      },
    );
    await bridge.configure(
      (settings) => {
        settings.targets[0].users.organizations = [
          { when: { emailDomain: domain }, organization: organizationId },
        ];
        settings.targets[0].users.grants = [];
      },
      { setup: false },
    );
    const partner = await bridge.someone('bcrypt', { email: `p-${bridge.project}@${domain}` });
    const pretender = await bridge.someone('bcrypt', {
      email: `q-${bridge.project}@${domain}`,
      emailConfirmed: false,
    });
    for (const person of [partner, pretender]) {
      expect(await logInV2(bridge, person)).toMatchObject({ kind: 'logged-in' });
      await bridge.deliver();
    }
    const there = await expectArrived(bridge, partner, { organization: organizationId, grants: {} });
    expect((await expectArrived(bridge, pretender, { grants: {} })).organization).not.toBe(
      there.organization,
    );
  });
});

standInTest('the stand-in was asked for nothing malformed', 'it looks at itself', async () =>
  expectWellFormed(bridge),
);
