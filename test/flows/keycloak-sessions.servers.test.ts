/** Sessions at a real Keycloak that Footbridge brokers: they end when ours do, whoever ends them, and whenever it hears. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../example/demo/people.ts';
import type { Keycloak } from '../servers/keycloak.ts';
import { requiresKeycloak, startKeycloak } from '../servers/keycloak.ts';
import type { Realm } from '../servers/keycloak-realm.ts';
import { ALIAS, APP, brokerEndpoint, openRealm } from '../servers/keycloak-realm.ts';
import { Browser } from '../support/browser.ts';
import { typing } from '../support/zitadel/at-provider.ts';
import { until } from './server.ts';
import type { Balancer } from './sessions/balancer.ts';
import { openBalancer } from './sessions/balancer.ts';
import type { NodesStage } from './sessions/nodes-stage.ts';
import { openNodes } from './sessions/nodes-stage.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();
const REALM = 'shop';
const US = { clientId: 'keycloak', secret: 'secret-of-the-keycloak-0123456789' };
const WITHIN_MS = 60_000;

describe.skipIf(needed.skip)(needed.name, () => {
  let keycloak: Keycloak;
  let realm: Realm;
  let stage: NodesStage;
  /** The way on which Keycloak is told: a test may cut it. */
  let way: Balancer;
  const ways = () => [Number(new URL(keycloak.url).port)];
  beforeAll(async () => {
    [keycloak, way] = await Promise.all([startKeycloak(), openBalancer()]);
    way.nodes = ways();
    realm = await openRealm(keycloak, REALM);
    const endpoint = brokerEndpoint(keycloak.url, REALM);
    stage = await openNodes({
      clients: [],
      people: 12,
      nodes: 1,
      change: ({ provider }) => {
        provider.acceptedOrigins = [keycloak.url, way.origin];
        provider.clients = [
          {
            ...US,
            redirectUris: [endpoint],
            backchannelLogoutUri: `${way.origin}/realms/${REALM}/protocol/openid-connect/logout/backchannel-logout`,
            claimsInIdToken: true,
          },
        ];
      },
    });
    await realm.trust(stage.issuer, US);
  });
  afterAll(async () => {
    await stage?.close();
    await way?.close();
    await keycloak?.stop();
  });

  /** A busy Keycloak may miss the 2.5 seconds that it has to answer: nobody waits here until it is told again. */
  const eventually = (condition: () => Promise<boolean>) =>
    until(async () => {
      await stage.sql(
        `update logout_deliveries set due_at = now() where done_at is null and due_at > now() and due_at < 'infinity'`,
      );
      return condition();
    }, WITHIN_MS);

  /** Opens the app at Keycloak, which sends the person on to us. */
  async function enter({ login: username, password }: Person): Promise<Browser> {
    const browser = new Browser();
    const url = realm.authorizationUrl({ kc_idp_hint: ALIAS });
    const end = await typing({ username, password })({ browser, url, redirectUri: APP.callback });
    expect(end.location).toContain('code=');
    return browser;
  }
  async function sessionsOf({ login }: Person): Promise<number> {
    const [user] = await realm.admin<readonly { id: string }[]>('GET', `/users?exact=true&username=${login}`);
    return (await realm.admin<readonly object[]>('GET', `/users/${user!.id}/sessions`)).length;
  }
  /**
   * Whether Keycloak knows the person of this browser without asking anybody. Only asked of those whose session lives: a busy
   * Keycloak 26.7 was seen to take the cookie of one that its own list did not have any more.
   */
  async function isThere(browser: Browser): Promise<boolean> {
    const answer = await browser.copy().follow(realm.authorizationUrl({ prompt: 'none' }), APP.callback);
    return new URL(answer.location ?? 'x:').searchParams.has('code');
  }

  test('a logout here ends the session of that browser at Keycloak, and no other', async () => {
    const person = stage.somebody();
    const [here, there] = [await enter(person), await enter(person)];
    expect([await isThere(here), await isThere(there), await sessionsOf(person)]).toEqual([true, true, 2]);
    await stage.logOut(here);
    await eventually(async () => (await sessionsOf(person)) === 1);
    expect(await isThere(there)).toBe(true);
  });

  test('an operator ends all that a person has at Keycloak, and nothing of anybody else', async () => {
    const [person, stranger] = [stage.somebody(), stage.somebody()];
    await enter(person);
    await enter(person);
    const other = await enter(stranger);
    await stage.cli('session', 'end', '--user', person.login);
    expect(await sessionsOf(person)).toBe(2);
    await stage.cli('session', 'end', '--user', person.login, '--execute');
    await eventually(async () => (await sessionsOf(person)) === 0);
    expect([await isThere(other), await sessionsOf(stranger)]).toEqual([true, 1]);
  });

  test('a Keycloak that cannot be reached hears of it later', async () => {
    const person = stage.somebody();
    const browser = await enter(person);
    way.nodes = [];
    way.cut();
    await stage.logOut(browser);
    await until(async () => Number((await stage.deliveries(person))[0]?.attempts) > 0, WITHIN_MS);
    expect(await stage.deliveries(person)).toMatchObject([{ done_at: null, is_dead: false }]);
    expect([await isThere(browser), await sessionsOf(person)]).toEqual([true, 1]);
    way.nodes = ways();
    await eventually(async () => (await sessionsOf(person)) === 0);
    await eventually(async () => (await stage.deliveries(person))[0]?.done_at !== null);
  });

  test('a session that has ended at Keycloak already is none to be told of again and again', async () => {
    const person = stage.somebody();
    const browser = await enter(person);
    const [user] = await realm.admin<readonly { id: string }[]>(
      'GET',
      `/users?exact=true&username=${person.login}`,
    );
    await realm.admin('POST', `/users/${user!.id}/logout`);
    expect(await sessionsOf(person)).toBe(0);
    await stage.logOut(browser);
    await eventually(async () => (await stage.deliveries(person))[0]?.done_at !== null);
    expect(await stage.deliveries(person)).toMatchObject([{ is_dead: false }]);
  });
});
