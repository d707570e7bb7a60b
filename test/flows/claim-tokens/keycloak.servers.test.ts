/** People who link their own accounts at a real Keycloak, where Footbridge is a client and an identity provider. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { goBack, wayBack } from '../../../src/migration/moving/back.ts';
import type { Keycloak } from '../../servers/keycloak.ts';
import { requiresKeycloak, startKeycloak } from '../../servers/keycloak.ts';
import type { Realm } from '../../servers/keycloak-realm.ts';
import { connectionTo, formOf, openRealm } from '../../servers/keycloak-realm.ts';
import type { Town } from './town.ts';
import { Browser, openTown, press, pressTo, TARGET } from './town.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();
const CLIENT = { clientId: 'footbridge', secret: 'secret-of-footbridge-0123456789' };
const AT_KEYCLOAK = 'a-password-of-the-realm';
const text = ({ body }: { readonly body: string }) => body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

describe.skipIf(needed.skip)(needed.name, () => {
  let keycloak: Keycloak;
  let realm: Realm;
  let town: Town;
  const ids = new Map<string, string>();

  beforeAll(async () => {
    keycloak = await startKeycloak();
    realm = await openRealm(keycloak, 'shop');
    town = await openTown({
      change: (settings) => {
        settings.targets = [
          {
            name: TARGET,
            kind: 'keycloak',
            displayName: 'The new login',
            loginUrl: `${realm.url}/account/`,
            api: realm.api,
            signIn: { issuer: realm.url, clientId: CLIENT.clientId, clientSecret: CLIENT.secret },
          },
        ];
        delete settings.claimTokens[0].organizations;
      },
    });
    await realm.admin('POST', '/clients', {
      clientId: CLIENT.clientId,
      secret: CLIENT.secret,
      redirectUris: [`${town.issuer}/claim/callback/${TARGET}`],
      attributes: { 'pkce.code.challenge.method': 'S256' },
    });
    await realm.trust(town.issuer, { clientId: 'unused', secret: 'unused-secret-0123456789' });
    for (const username of ['e.private', 'second']) {
      await realm.admin('POST', '/users', {
        username,
        email: `${username}@home.example`,
        emailVerified: true,
        firstName: 'Erika',
        lastName: 'Privat',
        enabled: true,
        credentials: [{ type: 'password', value: AT_KEYCLOAK }],
      });
      const [user] = await realm.admin<{ id: string }[]>('GET', `/users?exact=true&username=${username}`);
      ids.set(username, user!.id);
    }
  });
  afterAll(async () => {
    await town?.close();
    await keycloak?.stop();
  });

  async function come(browser: Browser, link: string, username: string) {
    const first = await browser.follow(link, 'http://never');
    if (first.status !== 200) return first;
    const out = await pressTo(town, browser, first, { fields: { choice: 'continue' }, stopAt: keycloak.url });
    const page = await browser.follow(out.location!, `${town.issuer}/claim`);
    const back = page.location
      ? page
      : await browser.follow(formOf(page), `${town.issuer}/claim`, {
          form: { username, password: AT_KEYCLOAK },
        });
    return browser.follow(back.location!, 'http://never');
  }

  test('an account with another address is linked there and here, and its password stays', async () => {
    const browser = new Browser();
    const confirm = await come(browser, await town.issue('shop:1'), 'e.private');
    expect(confirm.status, text(confirm)).toBe(200);
    expect(text(confirm)).toContain('e.private@home.example');
    const done = await press(town, browser, confirm, { choice: 'link' });
    expect(done.status, text(done)).toBe(200);
    expect(await town.ledger('shop:1')).toEqual({ state: 'migrated', there: ids.get('e.private') });
    const connection = connectionTo(realm);
    const found = await connection.userBySubject('shop:1');
    expect(found?.targetUserId).toBe(ids.get('e.private'));
    await connection.close();
    await come(new Browser(), await town.issue('shop:2'), 'e.private').then((conflict) =>
      expect(conflict.status, text(conflict)).toBe(409),
    );
  });

  test('whoever is unlinked is unlinked there too, and can link another account', async () => {
    const { db, directory, targets, audit } = town.desk;
    const deps = { db, directory, targets, pseudonym: audit.pseudonym };
    const way = await wayBack(deps, { target: TARGET, sub: 'shop:1' });
    expect(way.does).toBe('unlink');
    await goBack(deps, way, { event: 'revert', actor: 'operator:test' });
    const browser = new Browser();
    const confirm = await come(browser, await town.issue('shop:1'), 'second');
    await press(town, browser, confirm, { choice: 'link' });
    expect(await town.ledger('shop:1')).toEqual({ state: 'migrated', there: ids.get('second') });
  });
});
