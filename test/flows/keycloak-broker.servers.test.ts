/**
 * Footbridge as the identity provider of a real Keycloak: people who come through us, people whom we imported with the
 * hash of the legacy store, and logging out.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ImportOutcome, TargetUser } from '../../src/targets/connection.ts';
import { requiresKeycloak } from '../servers/keycloak.ts';
import type { Realm } from '../servers/keycloak-realm.ts';
import { ALIAS, APP, formOf, logInAt, titleOf } from '../servers/keycloak-realm.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { KeycloakWorld } from './keycloak-world.ts';
import { codeOf, enter, logInHere, openKeycloakWorld, release, subOf } from './keycloak-world.ts';
import { until } from './server.ts';
import { person } from './world.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();

interface KeycloakUser {
  readonly id: string;
  readonly username: string;
  readonly email?: string;
  readonly emailVerified: boolean;
  readonly attributes?: Record<string, string[]>;
}

describe.skipIf(needed.skip)(needed.name, () => {
  let all: KeycloakWorld;
  let realm: Realm;
  beforeAll(async () => {
    all = await openKeycloakWorld();
    realm = all.realm;
  });
  afterAll(() => all?.close());

  const usersOf = (query: string, at = realm) =>
    at.admin<readonly KeycloakUser[]>('GET', `/users?briefRepresentation=false&${query}`);
  const userOf = async (username: string, at = realm) =>
    (await usersOf(`exact=true&username=${encodeURIComponent(username)}`, at))[0]!;
  const linksOf = ({ id }: KeycloakUser) =>
    realm.admin<readonly object[]>('GET', `/users/${id}/federated-identity`);

  describe('a person who comes through us', () => {
    test('is made at the first login without being asked anything, and linked to our subject', async () => {
      const { end } = await enter(all, 'juergen');
      expect(end.location).toMatch(`${APP.callback}?`);
      const claims = await realm.claimsOf(end.location);
      expect(claims).toMatchObject({
        preferred_username: 'juergen',
        given_name: 'Jürgen',
        family_name: 'Müßig',
        email: person('juergen').email,
        email_verified: true,
      });
      const user = await userOf('juergen');
      expect(user.id).toBe(claims.sub);
      expect(await linksOf(user)).toEqual([
        { identityProvider: ALIAS, userId: subOf('juergen'), userName: 'juergen' },
      ]);
    });

    test('is the same user at the second login, in another browser as well', async () => {
      const [first, second] = [await enter(all, 'aiko'), await enter(all, 'aiko')];
      const again = await first.browser.follow(
        realm.authorizationUrl({ kc_idp_hint: ALIAS, prompt: 'login' }),
        APP.callback,
      );
      const ends = [
        first.end,
        second.end,
        again.location ? again : await logInHere(first.browser, again, { login: 'aiko' }),
      ];
      const subs = await Promise.all(ends.map(async (end) => (await realm.claimsOf(end.location)).sub));
      expect(new Set(subs)).toEqual(new Set([(await userOf('aiko')).id]));
    });

    test('leaves nobody at Keycloak with a wrong password', async () => {
      const browser = new Browser();
      const page = await browser.follow(realm.authorizationUrl({ kc_idp_hint: ALIAS }), APP.callback);
      const refused = await logInHere(browser, page, { login: 'bruno', password: 'not this one' });
      expect(refused.status).toBe(401);
      expect(await usersOf('exact=true&username=bruno')).toEqual([]);
    });

    test('has an address that is verified there only where it is here, with the claims in the ID token', async () => {
      const { end } = await enter(all, 'lars');
      expect(await realm.claimsOf(end.location)).toMatchObject({
        email: person('lars').email,
        email_verified: false,
      });
    });

    test('has an unverified address taken for a verified one without: Keycloak reads it there only', async () => {
      await enter(all, 'lars', { at: all.plain });
      expect(await userOf('lars', all.plain)).toMatchObject({
        email: person('lars').email,
        emailVerified: true,
      });
    });

    test('is asked for the address that the legacy store does not have', async () => {
      const { end } = await enter(all, 'priya');
      expect(titleOf(end)).toBe('Update Account Information');
      expect(await usersOf('exact=true&username=priya')).toEqual([]);
    });

    test('brings the second factor of the legacy store with the login', async () => {
      const { end } = await enter(all, 'ines');
      expect((await realm.claimsOf(end.location)).preferred_username).toBe('ines');
    });

    test('gets in as neither of two users who have the link', async () => {
      const link = { identityProvider: ALIAS, userId: subOf('zoe'), userName: 'zoe' };
      for (const username of ['castor', 'pollux'])
        await realm.admin('POST', '/users', { username, enabled: true, federatedIdentities: [link] });
      const { end } = await enter(all, 'zoe');
      expect(end.location).toBeUndefined();
      expect(titleOf(end)).toBe('We are sorry...');
    });

    test('is filled in on our page when the app gives a hint', async () => {
      const page = await new Browser().follow(
        realm.authorizationUrl({ kc_idp_hint: ALIAS, login_hint: 'zoe' }),
        APP.callback,
      );
      expect(field(page.body, 'username')).toBe('zoe');
    });
  });

  describe('an account at Keycloak that has the same address', () => {
    test.each([
      ['chiara', false],
      ['emre', true],
    ])('is not captured: %s, verified there: %s', async (login, emailVerified) => {
      const { email = '' } = person(login);
      const names = { firstName: 'Another', lastName: 'Person' };
      const credentials = [{ type: 'password', value: 'known to the other one' }];
      const other = { username: `not-${login}`, enabled: true, email, emailVerified, ...names, credentials };
      await realm.admin('POST', '/users', other);
      const { browser, end } = await enter(all, login);
      expect(titleOf(end)).toBe('Account already exists');
      const login2 = await browser.follow(formOf(end), APP.callback, {
        form: { submitAction: 'linkAccount' },
      });
      expect(titleOf(login2)).toBe('Sign in to your account');
      const wrong = { username: other.username, password: person(login).password };
      const refused = await browser.follow(formOf(login2), APP.callback, { form: wrong });
      expect(refused.location).toBeUndefined();
      expect(await linksOf(await userOf(other.username))).toEqual([]);
      const right = { username: other.username, password: credentials[0]!.value };
      const linked = await browser.follow(formOf(refused), APP.callback, { form: right });
      expect((await realm.claimsOf(linked.location)).sub).toBe((await userOf(other.username)).id);
      expect(await linksOf(await userOf(other.username))).toMatchObject([{ userId: subOf(login) }]);
    });
  });

  describe('a person whom we import', () => {
    const importOne = async (user: TargetUser): Promise<ImportOutcome> =>
      (await all.connection.importUsers([user]))[0]!;

    test.each([
      ['bruno', 'pbkdf2-keycloak', 'the legacy hash, which was PBKDF2'],
      ['yusuf', 'argon2-keycloak', 'the legacy hash, which was Argon2'],
      ['anna', 'argon2-keycloak', 'a fresh hash, for bcrypt cannot be read there'],
    ])('logs in at Keycloak with the old password: %s, as %s: %s', async (login, format) => {
      const user = await release(all, login);
      expect(user.password?.format).toBe(format);
      expect(await importOne(user)).toMatchObject({ kind: 'created', missing: [] });
      const refused = await logInAt(realm, login, `${person(login).password}!`);
      expect(refused.answer.location).toBeUndefined();
      const { answer } = await logInAt(realm, login, person(login).password);
      expect(await realm.claimsOf(answer.location)).toMatchObject({
        sub: (await userOf(login)).id,
        preferred_username: login,
        email_verified: true,
      });
      expect((await userOf(login)).attributes).toEqual({ legacy_id: [String(person(login).id)] });
    });

    test('is asked there for the code of the old second factor', async () => {
      expect(await importOne(await release(all, 'kwame'))).toMatchObject({
        kind: 'created',
        stored: expect.arrayContaining(['password', 'totp']),
      });
      const { browser, answer } = await logInAt(realm, 'kwame', person('kwame').password);
      expect(answer.body).toContain('name="otp"');
      const wrong = await browser.follow(formOf(answer), APP.callback, { form: { otp: '000000' } });
      expect(wrong.location).toBeUndefined();
      const otp = codeOf('kwame');
      const end = await browser.follow(formOf(wrong), APP.callback, { form: { otp } });
      expect((await realm.claimsOf(end.location)).preferred_username).toBe('kwame');
    });

    test('is found by those who come through us as well, and is one user', async () => {
      const outcome = await importOne(await release(all, 'dagny'));
      const { end } = await enter(all, 'dagny');
      expect(outcome).toMatchObject({ targetUserId: (await realm.claimsOf(end.location)).sub });
    });

    test('is not sent at all with a hash that Keycloak cannot verify', async () => {
      const user = await release(all, 'itzel');
      const password = {
        format: 'bcrypt',
        encoded: '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
      };
      expect(await importOne({ ...user, password })).toMatchObject({
        kind: 'refused',
        code: 'password-format',
      });
      expect(await usersOf('exact=true&username=itzel')).toEqual([]);
    });
  });

  describe('a person whom we make at the login here, before Keycloak hears of it', () => {
    const ledgerOf = (login: string) =>
      execute(
        all.world.databaseUrl('footbridge'),
        "select state, target_user_id as id, password from ledger where target = 'pushed' and sub = $1",
        [subOf(login)],
      );

    test.each([
      ['bruno', 'carried'],
      ['anna', 'captured'],
    ])(
      'comes through as that user, has moved, and logs in there from then on: %s, password %s',
      async (login, password) => {
        const { end } = await enter(all, login, { at: all.pushed });
        const { sub } = await all.pushed.claimsOf(end.location);
        expect(await ledgerOf(login)).toEqual([{ state: 'migrated', id: sub, password }]);
        expect((await userOf(login, all.pushed)).attributes).toEqual({
          legacy_id: [String(person(login).id)],
        });
        const { answer } = await logInAt(all.pushed, login, person(login).password);
        expect((await all.pushed.claimsOf(answer.location)).sub).toBe(sub);
      },
    );

    test('has the old second factor there as well', async () => {
      await enter(all, 'kaito', { at: all.pushed });
      expect(await ledgerOf('kaito')).toMatchObject([{ state: 'migrated' }]);
      const { browser, answer } = await logInAt(all.pushed, 'kaito', person('kaito').password);
      expect(answer.location).toBeUndefined();
      const end = await browser.follow(formOf(answer), APP.callback, { form: { otp: codeOf('kaito') } });
      expect((await all.pushed.claimsOf(end.location)).preferred_username).toBe('kaito');
    });

    test('is not made where another has the address; Keycloak asks, and the ledger says nothing of a move', async () => {
      const other = { username: 'not-jomo', enabled: true, email: person('jomo').email, emailVerified: true };
      await all.pushed.admin('POST', '/users', other);
      const { end } = await enter(all, 'jomo', { at: all.pushed });
      expect(titleOf(end)).toBe('Account already exists');
      expect(await usersOf('exact=true&username=jomo', all.pushed)).toEqual([]);
      expect(await ledgerOf('jomo')).not.toMatchObject([{ state: 'migrated' }]);
    });
  });

  describe('logging out', () => {
    const sessionsOf = async (login: string) =>
      realm.admin<readonly object[]>('GET', `/users/${(await userOf(login)).id}/sessions`);

    test('at Keycloak leads by our question back to the app, and ends our session too', async () => {
      const { browser, end } = await enter(all, 'florin');
      const { id_token } = await realm.claimsOf(end.location);
      const query = new URLSearchParams({
        id_token_hint: String(id_token),
        post_logout_redirect_uri: APP.bye,
      });
      const page = await browser.follow(`${realm.url}/protocol/openid-connect/logout?${query}`, APP.bye);
      expect(page.body).toContain('name="logout" value="yes"');
      const form = { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' };
      const bye = await browser.follow(`${all.bridge.issuer}/session/end/confirm`, APP.bye, { form });
      expect(bye.location).toMatch(APP.bye);
      expect(await sessionsOf('florin')).toEqual([]);
      const again = await browser.follow(realm.authorizationUrl({ kc_idp_hint: ALIAS }), APP.callback);
      expect(again.url).toMatch(`${all.bridge.issuer}/login/`);
    });

    test('here ends the session at Keycloak by a logout token', async () => {
      const { browser } = await enter(all, 'grainne');
      expect(await sessionsOf('grainne')).toHaveLength(1);
      const page = await browser.visit(`${all.bridge.issuer}/session/end`);
      const form = { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' };
      await browser.visit(`${all.bridge.issuer}/session/end/confirm`, { form });
      await until(async () => (await sessionsOf('grainne')).length === 0);
    });
  });
});
