/** Many people at once at a real Keycloak: made, found again, changed, reminded, and nobody twice. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import type {
  FoundUser,
  ImportOutcome,
  TargetConnection,
  TargetUser,
} from '../../../src/targets/connection.ts';
import { openMailStage } from '../../mail/smtp-stage.ts';
import type { Keycloak } from '../../servers/keycloak.ts';
import { requiresKeycloak, startKeycloak } from '../../servers/keycloak.ts';
import type { Realm } from '../../servers/keycloak-realm.ts';
import { ALIAS, APP, connectionTo, formOf, logInAt, openRealm } from '../../servers/keycloak-realm.ts';
import { Browser } from '../../support/browser.ts';
import { crowd, passwordOf, pbkdf2, SEED, someone } from './crowd.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();
const ISSUER = 'http://127.0.0.1:9';
const RIGHTS = ['manage-users', 'manage-realm'];

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** What is sent to Keycloak's API meanwhile. */
async function asked<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly calls: Asked[] }> {
  const calls: Asked[] = [];
  const note = (message: unknown) => {
    const { method, path, body } = (message as { request: Asked }).request;
    if (path.startsWith('/admin/')) calls.push({ method, path, body: body && JSON.parse(String(body)) });
  };
  subscribe('undici:request:create', note);
  const result = await work();
  unsubscribe('undici:request:create', note);
  return { result, calls };
}

const kindsOf = (outcomes: readonly ImportOutcome[]) => {
  const kinds: Record<string, number> = {};
  for (const { kind } of outcomes) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
};
const isMessage = ({ path }: Asked) => path.endsWith('/partialImport');

describe.skipIf(needed.skip)(needed.name, () => {
  let keycloak: Keycloak;
  beforeAll(async () => {
    keycloak = await startKeycloak();
  });
  afterAll(() => keycloak?.stop());

  const provider = (alias: string) => ({
    alias,
    providerId: 'oidc',
    enabled: true,
    config: {
      issuer: ISSUER,
      authorizationUrl: `${ISSUER}/auth`,
      tokenUrl: `${ISSUER}/token`,
      clientId: 'one',
      clientSecret: 'two',
    },
  });

  interface Place {
    readonly realm: Realm;
    readonly connection: TargetConnection;
    bulk(users: readonly TargetUser[]): Promise<readonly ImportOutcome[]>;
    howMany(): Promise<number>;
  }
  const opened: TargetConnection[] = [];
  afterAll(() => Promise.all(opened.map((connection) => connection.close())));

  async function place(name: string): Promise<Place> {
    const realm = await openRealm(keycloak, name, RIGHTS);
    await realm.admin('POST', '/identity-provider/instances', provider(ALIAS));
    await realm.keepAttributes();
    await realm.admin('PUT', '', { internationalizationEnabled: true, supportedLocales: ['en', 'de'] });
    const connection = connectionTo(realm);
    opened.push(connection);
    return {
      realm,
      connection,
      bulk: (users) => connection.importUsers(users, { bulk: true }),
      howMany: () => realm.admin<number>('GET', '/users/count'),
    };
  }

  async function everybody(
    connection: TargetConnection,
    limit: number,
    between = async () => undefined as unknown,
  ) {
    const found: FoundUser[] = [];
    for (let after: string | undefined; ; ) {
      const page = await connection.users!({ limit, ...(after !== undefined && { after }) });
      found.push(...page.users);
      if (page.next === undefined) return found;
      after = page.next;
      await between();
    }
  }

  describe('five hundred people', () => {
    let there: Place;
    let people: TargetUser[];
    let outcomes: readonly ImportOutcome[];
    let calls: Asked[];
    beforeAll(async () => {
      there = await place('crowd');
      people = await crowd('crowd', 500);
      ({ result: outcomes, calls } = await asked(() => there.bulk(people)));
    });

    test('are made with all they have, in ten messages and one look at each', async () => {
      expect(kindsOf(outcomes)).toEqual({ created: 500 });
      for (const [at, outcome] of outcomes.entries()) {
        const totp = people[at]?.totpSecret === undefined ? [] : ['totp'];
        expect(outcome).toMatchObject({
          stored: ['profile', 'password', ...totp, 'links', 'metadata'],
          missing: [],
        });
      }
      expect(calls.filter(isMessage)).toHaveLength(10);
      // One of each message is read back, and the realm is asked for its default role.
      expect(calls).toHaveLength(500 + 10 + 10 + 1);
      expect(await there.howMany()).toBe(500);
    });

    test.each([0, 1, 2, 251, 498])(
      'let number %i in with the old password, and not with another',
      async (at) => {
        const { username } = people[at]!;
        expect((await logInAt(there.realm, username, passwordOf(username))).answer.location).toMatch(
          APP.callback,
        );
        expect((await logInAt(there.realm, username, 'something else')).answer.location).toBeUndefined();
      },
    );

    test.each([9, 499])('ask number %i for the code of the old authenticator app as well', async (at) => {
      const { username } = people[at]!;
      const { browser, answer } = await logInAt(there.realm, username, passwordOf(username));
      expect(answer.body).toContain('kc-otp-login-form');
      const otp = codeOfStep(SEED, stepAt(Date.now() / 1_000));
      const { location } = await browser.follow(formOf(answer), APP.callback, { form: { otp } });
      expect(location).toMatch(APP.callback);
    });

    test('have the roles that every new user gets', async () => {
      const { targetUserId } = outcomes[17] as Extract<ImportOutcome, { kind: 'created' }>;
      const path = `/users/${targetUserId}/role-mappings/realm`;
      expect(await there.realm.admin<object[]>('GET', path)).toMatchObject([{ name: 'default-roles-crowd' }]);
    });

    test('are not made again when they are sent again, whole or in part, or under other names', async () => {
      expect(kindsOf(await there.bulk(people))).toEqual({ exists: 500 });
      const renamed = people.slice(0, 60).map((user) => ({
        ...user,
        username: `other-${user.username}`,
        email: { address: `other-${user.email?.address}`, isVerified: true },
      }));
      const again = await there.bulk(renamed);
      expect(again.map((outcome) => outcome.kind === 'exists' && outcome.found.username)).toEqual(
        people.slice(0, 60).map(({ username }) => username),
      );
      expect(await there.howMany()).toBe(500);
    });

    test('are listed, each once, with whom they are linked to, and nobody besides', async () => {
      const found = await everybody(there.connection, 120);
      expect(found.map(({ username }) => username)).toEqual(people.map(({ username }) => username));
      for (const [at, user] of found.entries()) {
        const { sub, username, totpSecret } = people[at]!;
        expect(user).toEqual({
          targetUserId: (outcomes[at] as { targetUserId: string }).targetUserId,
          username,
          loginName: username,
          state: 'active',
          email: { address: `${username}@example.test`, isVerified: true },
          givenName: 'Some',
          familyName: 'One',
          hasPassword: true,
          hasTotp: totpSecret !== undefined,
          links: [{ idpId: ALIAS, userId: sub, userName: username }],
          metadata: { legacy_id: username },
        });
      }
      expect(await there.connection.userById(found[3]!.targetUserId)).toEqual(found[3]);
    });

    test('are told once each though others leave and come between the pages', async () => {
      const passing = await crowd('a-passer-by', 45);
      const ids = (await there.bulk(passing)).map(
        (outcome) => (outcome as { targetUserId: string }).targetUserId,
      );
      const arriving = await crowd('a-late-comer', 20);
      const found = await everybody(there.connection, 150, async () => {
        for (const id of ids.splice(0, 15)) await there.connection.remove(id);
        await there.bulk(arriving.splice(0, 10));
      });
      const names = found.map(({ username }) => username);
      expect(new Set(names).size).toBe(names.length);
      expect(names.filter((name) => name.startsWith('crowd-'))).toEqual(
        people.map(({ username }) => username),
      );
    });

    test('do not get in any more once they are deactivated', async () => {
      const { username } = people[30]!;
      const { targetUserId } = (await there.connection.userByLogin(username))!;
      await there.connection.deactivate(targetUserId);
      expect((await logInAt(there.realm, username, passwordOf(username))).answer.location).toBeUndefined();
      expect(await there.connection.userById(targetUserId)).toMatchObject({
        state: 'inactive',
        hasPassword: true,
      });
    });
  });

  describe('one among fifty', () => {
    const credential = (secretData: string) => ({
      format: 'pbkdf2-keycloak',
      encoded: { type: 'password', credentialData: '{}', secretData },
    });
    let there: Place;
    beforeAll(async () => {
      there = await place('mixed');
      await there.bulk([someone('first')]);
    });

    test.each<[string, Partial<TargetUser>, object]>([
      [
        'has the address of another',
        { email: { address: 'FIRST@example.test', isVerified: true } },
        { kind: 'conflict', code: 'user-exists-with-same-email', found: { username: 'first' } },
      ],
      [
        'has the name of another',
        { username: 'First' },
        { kind: 'conflict', code: 'user-exists-with-same-username', found: { username: 'first' } },
      ],
      [
        'has a name that is too long',
        { givenName: 'x'.repeat(300) },
        { kind: 'refused', code: 'error-invalid-length-too-long' },
      ],
      [
        'has a hash that nobody can read',
        { password: credential('not JSON') },
        { kind: 'refused', code: 'invalid_request' },
      ],
      [
        'has a hash that Keycloak does not verify',
        { password: { format: 'bcrypt', encoded: '$2b$10$x' } },
        { kind: 'refused', code: 'password-format' },
      ],
    ])('who %s keeps none of the others out', async (what, more, expected) => {
      const people = await crowd(`mixed-${what.length}`, 50);
      people[23] = { ...people[23]!, ...more };
      const before = await there.howMany();
      const { result, calls } = await asked(() => there.bulk(people));
      expect(kindsOf(result.filter((_outcome, at) => at !== 23))).toEqual({ created: 49 });
      expect(result[23]).toMatchObject(expected);
      expect(result[23]?.kind).not.toBe('created');
      expect(await there.howMany()).toBe(before + 49);
      expect(
        calls.filter(({ method, path }) => method === 'POST' && path.endsWith('/users')).length,
      ).toBeLessThan(9);
      const { username } = people[49]!;
      const seed = people[49]?.totpSecret;
      const { answer } = await logInAt(there.realm, username, passwordOf(username));
      if (seed === undefined) expect(answer.location).toMatch(APP.callback);
      else expect(answer.body).toContain('kc-otp-login-form');
    });

    test('who comes twice in one message, under two names, is made once', async () => {
      const people = await crowd('twins', 20);
      const twin = {
        ...people[3]!,
        username: 'the-other-twin',
        email: { address: 'twin@example.test', isVerified: true },
      };
      const namesake = someone('TWINS-0004', {
        sub: 'shop:somebody-else',
        email: { address: 'n@example.test', isVerified: true },
      });
      const { result, calls } = await asked(() => there.bulk([...people, twin, namesake]));
      expect(kindsOf(result.slice(0, 20))).toEqual({ created: 20 });
      expect(result[20]).toMatchObject({ kind: 'exists', found: { username: 'twins-0003' } });
      expect(result[21]).toMatchObject({ kind: 'conflict', found: { username: 'twins-0004' } });
      expect(calls.filter(isMessage)).toHaveLength(1);
      expect(await there.connection.userByLogin('the-other-twin')).toBeUndefined();
    });
  });

  describe('roles', () => {
    let there: Place;
    let app: string;
    beforeAll(async () => {
      there = await place('roles');
      await there.realm.admin('POST', '/roles', { name: 'staff' });
      const [client] = await there.realm.admin<{ id: string }[]>('GET', `/clients?clientId=${APP.clientId}`);
      app = client!.id;
      await there.realm.admin('POST', `/clients/${app}/roles`, { name: 'buyer' });
    });
    const rolesOf = async (outcome: ImportOutcome | undefined) => {
      const { targetUserId } = outcome as { targetUserId: string };
      const { realmMappings = [], clientMappings = {} } = await there.realm.admin<{
        realmMappings?: { name: string }[];
        clientMappings?: Record<string, { mappings: { name: string }[] }>;
      }>('GET', `/users/${targetUserId}/role-mappings`);
      const ofClient = clientMappings[APP.clientId]?.mappings ?? [];
      return [...realmMappings, ...ofClient].map(({ name }) => name).sort();
    };

    test('of the realm are in the message, and those of a client are given in one call each', async () => {
      const grants = [
        { project: 'roles', roles: ['staff'] },
        { project: app, roles: ['buyer'] },
      ];
      const people = Array.from({ length: 30 }, (_none, n) => someone(`worker-${n}`, { grants }));
      const { result, calls } = await asked(() => there.bulk(people));
      for (const outcome of result) expect(outcome).toMatchObject({ kind: 'created', missing: [] });
      expect(result.every((outcome) => outcome.kind === 'created' && outcome.stored.includes('grants'))).toBe(
        true,
      );
      for (const at of [0, 29])
        expect(await rolesOf(result[at])).toEqual(['buyer', 'default-roles-roles', 'staff']);
      const given = calls.filter(({ method, path }) => method === 'POST' && path.includes('/role-mappings/'));
      expect(given).toHaveLength(30);
      expect(given.every(({ path }) => path.endsWith(`/clients/${app}`))).toBe(true);
    });

    test('that there are not are not made, and whoever was to have them is told so', async () => {
      const grants = [{ project: 'roles', roles: ['staff', 'nobody-knows'] }];
      const result = await there.bulk([someone('hopeful', { grants }), someone('modest')]);
      expect(result).toMatchObject([
        { kind: 'created', missing: [{ what: 'grants', code: 'role-not-found' }] },
        { kind: 'created', missing: [] },
      ]);
      expect(await rolesOf(result[0])).toEqual(['default-roles-roles', 'staff']);
      await expect(there.realm.admin('GET', '/roles/nobody-knows')).rejects.toThrow('404');
    });

    test('that would make an administrator are not given by an account that may not', async () => {
      const [management] = await there.realm.admin<{ id: string }[]>(
        'GET',
        '/clients?clientId=realm-management',
      );
      const grants = [{ project: management!.id, roles: ['realm-admin'] }];
      expect(await there.bulk([someone('climber', { grants })])).toMatchObject([
        { kind: 'created', missing: [{ what: 'grants', code: 'http-403' }] },
      ]);
    });
  });

  test('what Keycloak drops without a word is told of everybody, though only one is read back', async () => {
    const realm = await openRealm(keycloak, 'narrow', RIGHTS);
    const connection = connectionTo(realm);
    const people = await crowd('narrow', 40);
    const { result, calls } = await asked(() => connection.importUsers(people, { bulk: true }));
    for (const outcome of result) {
      expect(outcome).toMatchObject({
        kind: 'created',
        missing: [
          { what: 'links', code: 'link-not-kept' },
          { what: 'metadata', code: 'attribute-not-kept' },
        ],
      });
    }
    expect(
      calls.filter(({ method, path }) => method === 'GET' && /\/users\/[^/?]+$/.test(path)),
    ).toHaveLength(1);
    await connection.close();
  });

  test('a preview shows the very message that is sent then, and sends nothing', async () => {
    const there = await place('preview');
    await there.realm.admin('POST', '/roles', { name: 'staff' });
    const grants = [{ project: 'preview', roles: ['staff'] }];
    const people = [
      ...(await crowd('seen', 60)),
      someone('granted', { grants }),
      someone('odd', { organization: 'x' }),
    ];
    const { result: shown, calls } = await asked(() => there.connection.preview!(people));
    expect(calls).toEqual([]);
    expect(shown.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array(2).fill('POST /admin/realms/preview/partialImport'),
    );
    const sent = await asked(() => there.bulk(people));
    expect(sent.calls.filter(isMessage)).toEqual(shown);
    expect(kindsOf(sent.result)).toEqual({ created: 61, refused: 1 });
  });

  describe('an update', () => {
    let there: Place;
    let found: FoundUser;
    const user = someone('una', {
      nickname: 'U',
      locale: 'de',
      phone: { number: '+49 30 555', isVerified: true },
      password: pbkdf2(passwordOf('una')),
    });
    beforeAll(async () => {
      there = await place('update');
      await there.bulk([user]);
      found = (await there.connection.userBySubject(user.sub))!;
    });
    const now = () => there.connection.userById(found.targetUserId);

    test('writes the fields that it is told, and leaves the others', async () => {
      const changed = someone('una', {
        givenName: 'Una',
        familyName: 'Neu',
        nickname: 'N',
        locale: 'en',
        phone: { number: '+49 30 777', isVerified: false },
        email: { address: 'una.neu@example.test', isVerified: false },
      });
      await there.connection.update!(found, changed, ['givenName', 'phone']);
      expect(await now()).toEqual({
        ...found,
        givenName: 'Una',
        phone: changed.phone,
        metadata: expect.anything(),
      });
      await there.connection.update!(found, changed, ['familyName', 'nickname', 'locale', 'email']);
      const { phone, email, givenName, familyName, nickname, locale } = changed;
      expect(await now()).toMatchObject({
        ...{ phone, email, givenName, familyName, nickname, locale },
        hasPassword: true,
        links: found.links,
        metadata: { legacy_id: 'una' },
      });
    });

    test('takes away what the person does not have any more', async () => {
      const { email: _email, ...bare } = someone('una');
      await there.connection.update!(found, bare, ['nickname', 'locale', 'phone', 'email']);
      const after = await now();
      for (const field of ['nickname', 'locale', 'phone', 'email']) expect(after).not.toHaveProperty(field);
      expect(after?.metadata).toEqual({ legacy_id: 'una' });
      expect((await logInAt(there.realm, 'una', passwordOf('una'))).answer.status).toBeLessThan(400);
    });

    test('of nothing, and of a display name, which Keycloak has not, changes nothing', async () => {
      const before = await now();
      await there.connection.update!(found, { ...user, displayName: 'Other' }, ['displayName']);
      await there.connection.update!(found, { ...user, displayName: 'Other' }, []);
      expect(await now()).toEqual(before);
    });

    test('of a username is refused where the realm does not let it be changed, and done where it does', async () => {
      const renamed = { ...user, username: 'una-two' };
      const refused = { code: 'target_refused', detail: expect.stringContaining('read-only') };
      await expect(there.connection.update!(found, renamed, ['username'])).rejects.toMatchObject(refused);
      await there.realm.admin('PUT', '', { editUsernameAllowed: true });
      await there.connection.update!(found, renamed, ['username']);
      expect(await now()).toMatchObject({ username: 'una-two' });
    });

    test('of a field that the realm drops without a word is refused', async () => {
      const realm = await openRealm(keycloak, 'narrow-update');
      const connection = connectionTo(realm);
      await connection.importUsers([someone('nadia')]);
      const there = (await connection.userByLogin('nadia'))!;
      await expect(
        connection.update!(there, { ...someone('nadia'), nickname: 'N' }, ['nickname']),
      ).rejects.toMatchObject({
        code: 'target_refused',
        detail: expect.not.stringContaining('nadia'),
      });
      await connection.close();
    });

    test('of nobody is refused', async () => {
      await expect(
        there.connection.update!({ ...found, targetUserId: 'nobody' }, user, ['givenName']),
      ).rejects.toMatchObject({ code: 'target_refused' });
    });
  });

  describe('a mail to choose a new password', () => {
    let there: Place;
    let id: string;
    beforeAll(async () => {
      there = await place('mails');
      const { email: _email, ...without } = someone('silent');
      const outcomes = await there.bulk([someone('rosa', { password: pbkdf2('forgotten') }), without]);
      id = (outcomes[0] as { targetUserId: string }).targetUserId;
    });

    test('cannot be sent by a realm without a mail server; that may become otherwise', async () => {
      await expect(there.connection.mailReset!(id)).rejects.toMatchObject({
        code: 'target_unavailable',
        detail: expect.stringMatching(/500: failed-to-send-execute-actions-email$/),
      });
    });

    test('arrives, and with its link they choose one and get in', async () => {
      const mails = await openMailStage();
      const smtpServer = { host: '127.0.0.1', port: String(mails.port), from: 'login@example.test' };
      await there.realm.admin('PUT', '', { smtpServer });
      await there.connection.mailReset!(id);
      expect(mails.sentTo('rosa@example.test')).toBe(1);
      const { text = '' } = await mails.parsed('rosa@example.test');
      const browser = new Browser();
      const info = await browser.follow(/https?:\S+/.exec(text)?.[0] ?? '', APP.callback);
      const onward = /href="([^"]*login-actions[^"]*)"/.exec(info.body)?.[1]?.replaceAll('&amp;', '&') ?? '';
      const page = await browser.follow(new URL(onward, info.url).href, APP.callback);
      const form = { 'password-new': 'chosen anew', 'password-confirm': 'chosen anew' };
      await browser.follow(formOf(page), APP.callback, { form });
      expect((await logInAt(there.realm, 'rosa', 'chosen anew')).answer.location).toMatch(APP.callback);
      expect((await logInAt(there.realm, 'rosa', 'forgotten')).answer.location).toBeUndefined();
      await mails.stop();
    });

    test('is refused for whoever has no address or was deactivated, and for nobody', async () => {
      const silent = (await there.connection.userByLogin('silent'))!;
      await there.connection.deactivate(id);
      for (const targetUserId of [silent.targetUserId, id, 'nobody']) {
        await expect(there.connection.mailReset!(targetUserId)).rejects.toMatchObject({
          code: 'target_refused',
        });
      }
    });
  });
});
