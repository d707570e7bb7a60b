/**
 * An old shop moves to a real Keycloak while some of its people log in: everybody once, the passwords good there. Then
 * Keycloak is stopped in the middle of a batch, and started again with what it had stored.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import type { Keycloak } from '../../servers/keycloak.ts';
import { requiresKeycloak, startKeycloak } from '../../servers/keycloak.ts';
import type { Realm } from '../../servers/keycloak-realm.ts';
import { ALIAS, APP, brokerEndpoint, formOf, logInAt, openRealm } from '../../servers/keycloak-realm.ts';
import { until } from '../server.ts';
import type { Some, Town } from './town.ts';
import { openTown, SEED, subOf } from './town.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();
const NAME = 'shop';
const CLIENT = { clientId: 'keycloak', secret: 'secret-of-the-broker-0123456789' };
const FIRST = 200;
const LOGINS = 10;
const SECOND = 100;

/** One address for a Keycloak that comes back at another one. */
async function openDoor() {
  let port = 0;
  const open = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    for (const socket of [from, to]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        from.destroy();
        to.destroy();
      });
    }
    from.pipe(to).pipe(from);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo({ url }: Pick<Keycloak, 'url'>): void {
      port = Number(new URL(url).port);
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.skipIf(needed.skip)(needed.name, () => {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-keycloak-'));
  let door: Awaited<ReturnType<typeof openDoor>>;
  let keycloak: Keycloak;
  let realm: Realm;
  let town: Town;
  let first: Person[];
  let taken: Person;

  beforeAll(async () => {
    // What it has stored survives it.
    vi.stubEnv('KC_DB_URL', `jdbc:h2:file:${folder}/keycloak;NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=FALSE`);
    [door, keycloak] = await Promise.all([openDoor(), startKeycloak()]);
    door.leadTo(keycloak);
    const opened = await openRealm(keycloak, NAME, ['manage-users', 'manage-realm']);
    await opened.keepAttributes();
    await opened.admin('PUT', '', { internationalizationEnabled: true, supportedLocales: ['en', 'de'] });
    // Logins and the API go through the door.
    const { url: behind } = keycloak;
    const authorizationUrl: Realm['authorizationUrl'] = (params) =>
      opened.authorizationUrl(params).replace(behind, door.url);
    realm = { ...opened, url: `${door.url}/realms/${NAME}`, authorizationUrl };
    town = await openTown({
      target: {
        kind: 'keycloak',
        api: { ...opened.api, url: door.url, timeoutMs: 10_000 },
        clientIds: [CLIENT.clientId],
        move: { push: 'at-login' },
      },
      change: ({ provider }) => {
        provider.acceptedOrigins = [door.url];
        provider.clients[0] = {
          ...CLIENT,
          name: 'The new one',
          redirectUris: [brokerEndpoint(door.url, NAME)],
          claimsInIdToken: true,
        };
      },
    });
    await realm.trust(town.issuer, CLIENT);
    first = await town.settle(crowd(FIRST));
    taken = first[FIRST / 2]!;
    // Somebody else has had the address there before; nobody has verified that it is the same person.
    await realm.admin('POST', '/users', { username: 'somebody', email: taken.email, enabled: true });
  });
  afterAll(async () => {
    await town?.close();
    await keycloak?.stop();
    await door?.close();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Argon2id and PBKDF2 by turns, every tenth with an authenticator app. */
  const crowd = (count: number): Some[] =>
    Array.from({ length: count }, (_, at) => ({
      kind: at % 2 ? 'django' : 'argon2',
      ...(at % 10 === 9 && { otpSeed: SEED }),
    }));

  /** Where Keycloak's own login leads: back to the app, or to a page of its own. */
  async function logsIn({ login, password, otpSeed }: Person, typed = password): Promise<boolean> {
    const { browser, answer } = await logInAt(realm, login, typed);
    if (!otpSeed || !answer.body.includes('kc-otp-login-form')) return answer.location !== undefined;
    const otp = codeOfStep(otpSeed, stepAt(Date.now() / 1_000));
    return (await browser.follow(formOf(answer), APP.callback, { form: { otp } })).location !== undefined;
  }

  interface Listed {
    readonly id: string;
    readonly username: string;
    readonly email: string;
  }
  const listed = () => realm.admin<Listed[]>('GET', '/users?max=1000&briefRepresentation=true');
  const batch = (...args: string[]) => town.told('batch', ...args);

  test(`${FIRST} people arrive once each while ${LOGINS} of them log in, but for one whose address is taken`, async () => {
    await batch(
      'plan',
      '--target',
      'keycloak',
      '--name',
      'first',
      '--size',
      '20',
      '--sample',
      '0',
      '--execute',
    );
    const running = batch('run', 'first', '--execute');
    // The last ones in the batch's order, without a second factor.
    const logins = first.filter(({ otpSeed }) => !otpSeed).slice(-LOGINS);
    const ends = await Promise.all(logins.map((person) => town.logIn(person)));
    expect(ends.filter((end) => !/^https?:/.test(end))).toEqual([]);
    const { state, counts } = await running;
    expect({ state, failed: counts.failed, waiting: counts.waiting, created: counts.created }).toEqual({
      state: 'done',
      failed: 1,
      waiting: 0,
      created: 0,
    });
    expect(counts.migrated! + counts.there!).toBe(FIRST - 1);
    await until(async () => (await town.openWork()).every(({ sub }) => sub === subOf(taken)));
    expect(await town.states()).toEqual({ migrated: FIRST - 1, failed: 1 });
    const names = (await listed()).map(({ username }) => username).filter((name) => name !== 'somebody');
    expect(names.sort()).toEqual(
      first
        .filter((one) => one !== taken)
        .map(({ login }) => login)
        .sort(),
    );
  });

  test('each of them is linked to us once', async () => {
    const users = (await listed()).filter(({ username }) => username !== 'somebody');
    const links: string[] = [];
    for (const { id } of users) {
      const path = `/users/${id}/federated-identity`;
      const found = await realm.admin<{ identityProvider: string; userId: string }[]>('GET', path);
      links.push(...found.map(({ identityProvider, userId }) => `${identityProvider} ${userId}`));
    }
    const expected = first.filter((one) => one !== taken).map((one) => `${ALIAS} ${subOf(one)}`);
    expect(links.sort()).toEqual(expected.sort());
  });

  test('the one is a dead letter, and arrives once the address is another', async () => {
    const { users } = await town.told<{ users: object[] }>('batch', 'users', 'first', '--outcome', 'failed');
    expect(users).toMatchObject([{ sub: subOf(taken), problem: { code: 'target_conflict' } }]);
    await town.shop.sql('update customers set email = $2 where id = $1', [taken.id, 'other@example.com']);
    await batch('replay', 'first', '--code', 'target_conflict', '--execute');
    expect((await town.done('first')).counts).toMatchObject({ failed: 0, waiting: 0 });
    expect(await logsIn(taken)).toBe(true);
  });

  test('the old passwords and authenticator apps are good at Keycloak, and others are not', async () => {
    const some = [
      ...first.slice(0, 4),
      ...first.filter(({ otpSeed }) => otpSeed).slice(0, 3),
      ...first.slice(-2),
    ];
    for (const person of some) {
      expect([person.login, await logsIn(person, `${person.password}!`)]).toEqual([person.login, false]);
      expect([person.login, await logsIn(person)]).toEqual([person.login, true]);
    }
  });

  test('a Keycloak that stops in the middle and comes back loses and doubles nobody', async () => {
    const second = await town.settle(crowd(SECOND));
    await batch('plan', '--target', 'keycloak', '--name', 'second', '--sample', '0', '--execute', ...SLOWLY);
    const running = batch('run', 'second', '--execute');
    const status = () => batch('status', 'second', '--look', '0');
    await until(async () => (await status()).counts.migrated! > 0);
    await keycloak.stop();
    await until(async () => (await status()).note?.code === 'target_down', 60_000);
    const { counts } = await status();
    expect(counts.migrated).toBeLessThan(SECOND);
    expect(counts).toMatchObject({ failed: 0 });
    await batch('tune', 'second', '--per-second', '0', '--execute');
    keycloak = await startKeycloak();
    door.leadTo(keycloak);
    expect(await running).toMatchObject({
      state: 'done',
      counts: { migrated: SECOND, failed: 0, waiting: 0, created: 0 },
    });
    const { token, list } = api();
    const all = await list(await token());
    expect(all.map(({ username }) => username).sort()).toEqual(
      [...first, ...second, { login: 'somebody' }].map(({ login }) => login).sort(),
    );
    for (const person of [second[0]!, second[1]!, second[9]!, second.at(-2)!])
      expect([await logsIn(person, 'another'), await logsIn(person)]).toEqual([false, true]);
  });

  const SLOWLY = ['--size', '4', '--workers', '1', '--per-second', '8'];

  /** As our own service account: the administrator of the second start is nobody to the realm's database. */
  function api() {
    const { clientId, secret } = realm.api.clientCredentials as { clientId: string; secret: string };
    return {
      async token(): Promise<string> {
        const answer = await fetch(`${realm.url}/protocol/openid-connect/token`, {
          method: 'POST',
          body: new URLSearchParams({
            grant_type: 'client_credentials',
            client_id: clientId,
            client_secret: secret,
          }),
        });
        return ((await answer.json()) as { access_token: string }).access_token;
      },
      async list(token: string): Promise<Listed[]> {
        const answer = await fetch(`${door.url}/admin/realms/${NAME}/users?max=1000`, {
          headers: { authorization: `Bearer ${token}` },
        });
        return (await answer.json()) as Listed[];
      },
    };
  }
});
