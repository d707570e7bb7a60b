/** What two-way sync needs of a real Keycloak: what it tells has changed, whether a password is right, and roles. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Secret } from '../../../src/settings.ts';
import type { TargetConnection, TargetUser } from '../../../src/targets/connection.ts';
import { openTargets } from '../../../src/targets/index.ts';
import type { Targets } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { TargetEvent } from '../../../src/targets/webhook.ts';
import type { Keycloak } from '../../servers/keycloak.ts';
import { requiresKeycloak, startKeycloak } from '../../servers/keycloak.ts';
import type { Realm } from '../../servers/keycloak-realm.ts';
import { APP, formOf, logInAt, openRealm, TARGET } from '../../servers/keycloak-realm.ts';
import { passwordOf, pbkdf2, SEED, someone } from './crowd.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();
const CHECK = { clientId: 'footbridge-check', clientSecret: 'a secret: of ours' };
const PUBLIC = 'footbridge-public';

describe.skipIf(needed.skip)(needed.name, () => {
  let keycloak: Keycloak;
  let realm: Realm;
  let targets: Targets;
  let connection: TargetConnection;
  /** The app’s id, as the console shows it in its address. */
  let app: string;

  /** `changes` to `targets[].keycloak`. */
  const openWith = (at: Realm, changes: object = {}): Targets => {
    const grants = [
      { role: 'worker', project: at.name, roles: ['staff'] },
      { role: 'buyer', project: app, roles: ['buyer', 'reader'] },
    ];
    const settings = {
      ...TARGET,
      loginUrl: at.url,
      api: at.api,
      keycloak: { events: true, passwordCheck: CHECK, ...changes },
      users: { grants },
    };
    return openTargets(targetSettings.parse([settings]), { issuer: 'https://login.example' });
  };
  beforeAll(async () => {
    keycloak = await startKeycloak();
    realm = await openRealm(keycloak, 'sync', ['manage-users', 'view-events', 'view-clients']);
    await realm.trust(`${keycloak.url}/realms/master`, { clientId: 'x', secret: 'y' });
    await realm.keepAttributes();
    await realm.admin('PUT', '', { eventsEnabled: true, adminEventsEnabled: true });
    for (const role of ['staff', 'of-their-own']) await realm.admin('POST', '/roles', { name: role });
    const [client] = await realm.admin<{ id: string }[]>('GET', `/clients?clientId=${APP.clientId}`);
    app = client!.id;
    for (const role of ['buyer', 'reader', 'of-their-own'])
      await realm.admin('POST', `/clients/${app}/roles`, { name: role });
    const check = { standardFlowEnabled: false, directAccessGrantsEnabled: true };
    await realm.admin('POST', '/clients', { ...check, clientId: CHECK.clientId, secret: CHECK.clientSecret });
    await realm.admin('POST', '/clients', { ...check, clientId: PUBLIC, publicClient: true });
    targets = openWith(realm);
    connection = targets.connection(TARGET.name)!;
  });
  afterAll(async () => {
    await targets?.close();
    await keycloak?.stop();
  });

  /** Throws where they were not made. */
  const made = async (name: string, more: Partial<TargetUser> = {}): Promise<string> => {
    const user = someone(name, { password: pbkdf2(passwordOf(name)), ...more });
    const [outcome] = await connection.importUsers([user]);
    if (outcome?.kind === 'created') return outcome.targetUserId;
    throw new Error(`${name}: ${JSON.stringify(outcome)}`);
  };
  /** All of them. */
  const replayed = async (since: Date, at = targets): Promise<TargetEvent[]> => {
    const all: TargetEvent[] = [];
    for (let page = 1; ; page += 1) {
      const { events, isLast } = await at.webhook(TARGET.name)!.replay!(since, page);
      all.push(...events);
      if (isLast) return all;
    }
  };
  const about = async (userId: string, since: Date) =>
    (await replayed(since))
      .filter((event) => event.about.kind === 'user' && event.about.targetUserId === userId)
      .map(({ name, about: what }) => [name, what.kind === 'user' && what.change]);

  describe('events', () => {
    test('of what a person does to their own profile and password are found, and logins are not among them', async () => {
      const id = await made('ada');
      const { browser } = await logInAt(realm, 'ada', passwordOf('ada'));
      const since = new Date();
      const edit = await browser.follow(
        realm.authorizationUrl({ kc_action: 'UPDATE_PROFILE' }),
        APP.callback,
      );
      const form = { username: 'ada', email: 'ada.new@example.test', firstName: 'Ada', lastName: 'Byron' };
      expect((await browser.follow(formOf(edit), APP.callback, { form })).location).toMatch(APP.callback);
      const choose = await browser.follow(
        realm.authorizationUrl({ kc_action: 'UPDATE_PASSWORD' }),
        APP.callback,
      );
      const passwords = { 'password-new': 'chosen by Ada', 'password-confirm': 'chosen by Ada' };
      await browser.follow(formOf(choose), APP.callback, { form: passwords });
      const found = await about(id, since);
      expect(found).toContainEqual(['access.UPDATE_PROFILE', 'changed']);
      expect(found).toContainEqual(['access.UPDATE_PASSWORD', 'password']);
      expect(found.some(([name]) => /LOGIN/.test(String(name)))).toBe(false);
      expect(await connection.checkPassword!(id, new Secret('chosen by Ada'))).toBe(true);
      expect(await connection.checkPassword!(id, new Secret(passwordOf('ada')))).toBe(false);
    });

    test('of what administrators do say who did it, and come once, with the same id, however often they are read', async () => {
      const since = new Date();
      const id = await made('bob');
      await connection.update!((await connection.userById(id))!, someone('bob', { givenName: 'Rob' }), [
        'givenName',
      ]);
      await realm.admin('PUT', `/users/${id}/reset-password`, { type: 'password', value: 'given' });
      await realm.admin('PUT', `/users/${id}`, { enabled: false });
      await realm.admin('POST', `/users/${id}/logout`);
      await connection.setGrants!(id, [{ project: realm.name, roles: ['staff'] }], [{ project: realm.name }]);
      await connection.remove(id);
      const [first, again] = [await replayed(since), await replayed(since)];
      expect(again).toEqual(first);
      expect(new Set(first.map((event) => event.id)).size).toBe(first.length);
      expect(first.map(({ at }) => at.getTime())).toEqual(
        first.map(({ at }) => at.getTime()).sort((a, b) => a - b),
      );
      const own = await connection.ownUserId!();
      expect(own).toMatch(/^[0-9a-f-]{36}$/);
      expect(
        first.map(({ name, about: what }) =>
          what.kind === 'user' ? [name, what.change, what.editor === own ? 'us' : 'them'] : [name],
        ),
      ).toEqual([
        ['admin.USER-CREATE', 'changed', 'us'],
        ['admin.USER-UPDATE', 'changed', 'us'],
        ['admin.USER-ACTION', 'password', 'them'],
        ['admin.USER-UPDATE', 'changed', 'them'],
        ['admin.REALM_ROLE_MAPPING-CREATE', 'changed', 'us'],
        ['admin.USER-DELETE', 'removed', 'us'],
      ]);
      expect(first.every((event) => event.about.kind === 'user' && event.about.targetUserId === id)).toBe(
        true,
      );
    });

    test('are read on page by page, by whichever node, whatever comes meanwhile', async () => {
      const since = new Date();
      const id = await made('cleo');
      for (let n = 0; n < 230; n += 1) await realm.admin('PUT', `/users/${id}`, { firstName: `Cleo ${n}` });
      const webhook = targets.webhook(TARGET.name)!;
      const one = await webhook.replay!(since, 1);
      expect(one.isLast).toBe(false);
      await realm.admin('PUT', `/users/${id}`, { firstName: 'Last' });
      const other = openWith(realm);
      const two = await other.webhook(TARGET.name)!.replay!(since, 2);
      await other.close();
      expect(await webhook.replay!(since, 2)).toEqual(two);
      expect(two.isLast).toBe(true);
      const all = [...one.events, ...two.events];
      expect(all).toHaveLength(232);
      expect(new Set(all.map((event) => event.id)).size).toBe(232);
    });

    test.each([
      ['no user events', { eventsEnabled: false }, 'user events are not saved'],
      ['no admin events', { adminEventsEnabled: false }, 'admin events are not saved'],
      ['only some', { enabledEventTypes: ['LOGIN', 'UPDATE_PROFILE'] }, 'UPDATE_PASSWORD'],
    ])('that a realm stores none of (%s) are refused, with what to switch on', async (_what, off, words) => {
      const before = await realm.admin<{ enabledEventTypes: string[] }>('GET', '/events/config');
      await realm.admin('PUT', '', off);
      await expect(replayed(new Date())).rejects.toMatchObject({
        code: 'target_refused',
        detail: expect.stringContaining(words),
      });
      const { enabledEventTypes } = before;
      await realm.admin('PUT', '', { eventsEnabled: true, adminEventsEnabled: true, enabledEventTypes });
      expect(await replayed(new Date(Date.now() + 60_000))).toEqual([]);
    });

    test('are refused where our client may not see them, with the role that it lacks', async () => {
      const poor = await openRealm(keycloak, 'blind', ['manage-users']);
      const at = openWith(poor);
      await expect(replayed(new Date(), at)).rejects.toMatchObject({
        code: 'target_refused',
        detail: expect.stringContaining('view-events'),
      });
      await at.close();
    });
  });

  describe('a password', () => {
    const check = (id: string, password: string, at = connection) =>
      at.checkPassword!(id, new Secret(password));
    const untold = { code: 'target_refused', detail: expect.stringContaining('tells of no password') };

    test('is right or wrong, by a client with a secret and by a public one, and leaves no session', async () => {
      const id = await made('dora', { password: pbkdf2('päss + % & "wörd"') });
      const other = openWith(realm, { passwordCheck: { clientId: PUBLIC } });
      for (const at of [connection, other.connection(TARGET.name)!]) {
        expect(await check(id, 'päss + % & "wörd"', at)).toBe(true);
        for (const wrong of ['', 'Päss + % & "wörd"', 'x'.repeat(10_000), 'nul\0'])
          expect(await check(id, wrong, at)).toBe(false);
      }
      await other.close();
      expect(await connection.sessionsOf!(id)).toEqual([]);
    });

    test('of somebody who has none is wrong, and of somebody who is gone is refused', async () => {
      const { password: _none, ...bare } = someone('erik');
      const [outcome] = await connection.importUsers([bare]);
      const { targetUserId: id } = outcome as { targetUserId: string };
      expect(await check(id, 'anything')).toBe(false);
      await connection.remove(id);
      for (const nobody of [id, '', '..'])
        await expect(check(nobody, 'anything')).rejects.toMatchObject({ code: 'target_refused' });
    });

    test('is told neither right nor wrong of somebody who is deactivated, or has to do something first', async () => {
      const id = await made('fred');
      const fred = passwordOf('fred');
      await connection.deactivate(id);
      for (const password of [fred, 'wrong']) await expect(check(id, password)).rejects.toMatchObject(untold);
      await connection.reactivate(id);
      await realm.admin('PUT', `/users/${id}/reset-password`, {
        type: 'password',
        value: 'given by the desk',
        temporary: true,
      });
      for (const password of ['given by the desk', 'wrong'])
        await expect(check(id, password)).rejects.toMatchObject(untold);
      await realm.admin('PUT', `/users/${id}`, { requiredActions: [] });
      expect(await check(id, 'given by the desk')).toBe(true);
    });

    test('of somebody with one-time codes is told by a client whose flow does not ask for them, and by no other', async () => {
      const id = await made('gina', { totpSecret: SEED });
      const gina = passwordOf('gina');
      for (const password of [gina, 'wrong']) await expect(check(id, password)).rejects.toMatchObject(untold);
      await realm.admin('POST', '/authentication/flows/direct%20grant/copy', { newName: 'password only' });
      const steps = await realm.admin<{ id: string; displayName: string }[]>(
        'GET',
        '/authentication/flows/password%20only/executions',
      );
      const otp = steps.find(({ displayName }) => /OTP/.test(displayName))!;
      await realm.admin('PUT', '/authentication/flows/password%20only/executions', {
        ...otp,
        requirement: 'DISABLED',
      });
      const flows = await realm.admin<{ id: string; alias: string }[]>('GET', '/authentication/flows');
      const flow = flows.find(({ alias }) => alias === 'password only')!;
      const [client] = await realm.admin<{ id: string }[]>('GET', `/clients?clientId=${PUBLIC}`);
      await realm.admin('PUT', `/clients/${client!.id}`, {
        ...client,
        authenticationFlowBindingOverrides: { direct_grant: flow.id },
      });
      const other = openWith(realm, { passwordCheck: { clientId: PUBLIC, asksForCode: false } });
      const at = other.connection(TARGET.name)!;
      expect([await check(id, gina, at), await check(id, 'wrong', at)]).toEqual([true, false]);
      await other.close();
    });

    test('is told neither right nor wrong while somebody is locked for too many tries', async () => {
      const id = await made('hans');
      await realm.admin('PUT', '', { bruteForceProtected: true, failureFactor: 2 });
      expect(await check(id, 'wrong')).toBe(false);
      await check(id, 'wrong').catch(() => undefined);
      const failures = `/attack-detection/brute-force/users/${id}`;
      await vi.waitFor(async () =>
        expect(await realm.admin('GET', failures)).toMatchObject({ disabled: true }),
      );
      for (const password of [passwordOf('hans'), 'wrong'])
        await expect(check(id, password)).rejects.toMatchObject(untold);
      await realm.admin('DELETE', failures);
      expect(await check(id, passwordOf('hans'))).toBe(true);
      await realm.admin('PUT', '', { bruteForceProtected: false });
    });

    test('is refused, and never wrong, where the client is not let in', async () => {
      const id = await made('ines');
      for (const client of [
        { ...CHECK, clientSecret: 'another' },
        { clientId: APP.clientId },
        { clientId: 'nobody' },
      ]) {
        const other = openWith(realm, { passwordCheck: client });
        const asked = check(id, passwordOf('ines'), other.connection(TARGET.name)!);
        await expect(asked).rejects.toMatchObject({
          code: 'target_refused',
          detail: expect.stringContaining('keycloak.passwordCheck'),
        });
        await other.close();
      }
    });

    test('that is replaced by a hash opens the account, the old one does not, and sessions stay', async () => {
      const id = await made('jana');
      const { browser } = await logInAt(realm, 'jana', passwordOf('jana'));
      const since = new Date();
      await connection.setPassword(id, pbkdf2('changed in the old store'));
      const isIn = async (password: string) =>
        (await logInAt(realm, 'jana', password)).answer.location?.startsWith(APP.callback) === true;
      expect([await isIn('changed in the old store'), await isIn(passwordOf('jana'))]).toEqual([true, false]);
      expect(await check(id, 'changed in the old store')).toBe(true);
      const silent = await browser.follow(realm.authorizationUrl(), APP.callback);
      expect(silent.location).toMatch(APP.callback);
      expect((await connection.sessionsOf!(id)).length).toBeGreaterThan(0);
      // Our own doing is told of as a change by us, and not as another password.
      expect(await about(id, since)).toEqual([['admin.USER-UPDATE', 'changed']]);
      await connection.endSessionsOf!(id);
      expect((await browser.follow(realm.authorizationUrl(), APP.callback)).body).toContain('kc-form-login');
    });
  });

  describe('roles', () => {
    const projects = () => [{ project: realm.name }, { project: app }];
    const rolesOf = async (id: string) =>
      Object.fromEntries(
        ((await connection.userById(id))?.grants ?? []).map(({ project, roles }) => [
          project === app ? 'app' : project,
          [...roles].sort(),
        ]),
      );

    test('are made those that are wanted, in the realm and in a client; what the settings do not name stays', async () => {
      const id = await made('kurt');
      for (const at of ['', `clients/${app}/`] as const) {
        const role = await realm.admin('GET', `/${at}roles/of-their-own`);
        await realm.admin('POST', `/users/${id}/role-mappings/${at === '' ? 'realm' : `clients/${app}`}`, [
          role,
        ]);
      }
      const wanted = [
        { project: realm.name, roles: ['staff'] },
        { project: app, roles: ['buyer', 'reader'] },
      ];
      for (let twice = 0; twice < 2; twice += 1) await connection.setGrants!(id, wanted, projects());
      expect(await rolesOf(id)).toEqual({
        sync: ['of-their-own', 'staff'],
        app: ['buyer', 'of-their-own', 'reader'],
      });
      await connection.setGrants!(id, [{ project: app, roles: ['reader'] }], [{ project: app }]);
      expect(await rolesOf(id)).toEqual({ sync: ['of-their-own', 'staff'], app: ['of-their-own', 'reader'] });
      await connection.setGrants!(id, [], projects());
      expect(await rolesOf(id)).toEqual({ sync: ['of-their-own'], app: ['of-their-own'] });
      const { realmMappings } = await realm.admin<{ realmMappings: { name: string }[] }>(
        'GET',
        `/users/${id}/role-mappings`,
      );
      expect(realmMappings.map(({ name }) => name)).toContain('default-roles-sync');
      const { users } = await connection.users!({ limit: 100 });
      expect(users.find(({ targetUserId }) => targetUserId === id)?.grants).toHaveLength(2);
    });

    test('that there are not, or are not ours to give, are refused, and then nothing of theirs has changed', async () => {
      const id = await made('lena');
      await connection.setGrants!(id, [{ project: app, roles: ['buyer'] }], projects());
      const [management] = await realm.admin<{ id: string }[]>('GET', '/clients?clientId=realm-management');
      for (const [project, roles] of [
        [app, ['reader', 'nobody-knows']],
        [management!.id, ['realm-admin']],
        ['no-such-client', ['x']],
      ] as const) {
        const asked = connection.setGrants!(id, [{ project, roles }], [{ project }]);
        await expect(asked).rejects.toMatchObject({ code: 'target_refused' });
      }
      expect(await rolesOf(id)).toEqual({ app: ['buyer'] });
      for (const nobody of ['nobody', '', '..'])
        await expect(connection.setGrants!(nobody, [], projects())).rejects.toMatchObject({
          code: 'target_refused',
        });
    });
  });

  test('roles of a client that our client may not see are not told at all, and those of the realm are set', async () => {
    const narrow = await openRealm(keycloak, 'narrow', ['manage-users']);
    await narrow.trust(`${keycloak.url}/realms/master`, { clientId: 'x', secret: 'y' });
    await narrow.keepAttributes();
    await narrow.admin('POST', '/roles', { name: 'staff' });
    const [client] = await narrow.admin<{ id: string }[]>('GET', `/clients?clientId=${APP.clientId}`);
    const project = client!.id;
    await narrow.admin('POST', `/clients/${project}/roles`, { name: 'buyer' });
    const at = (grants: readonly object[]) =>
      openTargets(
        targetSettings.parse([{ ...TARGET, loginUrl: narrow.url, api: narrow.api, users: { grants } }]),
        { issuer: 'https://login.example' },
      );
    const ofRealm = { role: 'worker', project: narrow.name, roles: ['staff'] };
    const [both, one] = [at([ofRealm, { role: 'buyer', project, roles: ['buyer'] }]), at([ofRealm])];
    const [outcome] = await both.connection(TARGET.name)!.importUsers([
      someone('nico', {
        grants: [
          { project: narrow.name, roles: ['staff'] },
          { project, roles: ['buyer'] },
        ],
      }),
    ]);
    expect(outcome).toMatchObject({ kind: 'created', missing: [] });
    const { targetUserId: id } = outcome as { targetUserId: string };
    expect(await both.connection(TARGET.name)!.userById(id)).not.toHaveProperty('grants');
    expect((await one.connection(TARGET.name)!.userById(id))?.grants).toEqual([
      { project: narrow.name, roles: ['staff'] },
    ]);
    await one.connection(TARGET.name)!.setGrants!(id, [], [{ project: narrow.name }]);
    expect((await one.connection(TARGET.name)!.userById(id))?.grants).toEqual([]);
    await expect(both.connection(TARGET.name)!.setGrants!(id, [], [{ project }])).rejects.toMatchObject({
      code: 'target_refused',
      detail: expect.stringContaining('view-clients'),
    });
    await both.close();
    await one.close();
  });

  test('an outage is unavailable: for events, passwords and roles', async () => {
    const id = await made('mona');
    const { url: _url, ...api } = realm.api;
    const away = openWith({ ...realm, api: { ...api, url: 'http://127.0.0.1:9', timeoutMs: 2_000 } });
    const at = away.connection(TARGET.name)!;
    const gone = { code: 'target_unavailable' };
    await expect(replayed(new Date(), away)).rejects.toMatchObject(gone);
    await expect(at.checkPassword!(id, new Secret('x'))).rejects.toMatchObject(gone);
    await expect(at.setGrants!(id, [], [{ project: realm.name }])).rejects.toMatchObject(gone);
    await expect(at.ownUserId!()).rejects.toMatchObject(gone);
    await away.close();
  });
});
