/** The shop and a real Keycloak, kept equal, and people who are at both. Keycloak tells by the events that its realm stores. */
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { expect } from 'vitest';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import type { Person } from '../../../example/demo/people.ts';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import { startKeycloak } from '../../servers/keycloak.ts';
import type { Realm } from '../../servers/keycloak-realm.ts';
import { APP, brokerEndpoint, formOf, logInAt, openRealm } from '../../servers/keycloak-realm.ts';
import { openTown } from '../batch/town.ts';
import { until } from '../server.ts';
import { keepEqual, twoSides } from './two-sides.ts';

const TARGET = 'keycloak';
const CLIENT = { clientId: 'keycloak', secret: 'secret-of-the-broker-0123456789' };
const CHECK = { clientId: 'footbridge-check', clientSecret: 'secret-of-the-check-0123456789' };
const LAST_WRITER = ['email', 'emailVerified', 'givenName', 'state'];
/** As many as most tests want one of. */
const CROWD = 16;
/** Events are asked for every few seconds. */
const SOON_MS = 60_000;

/** A way to Keycloak that can be closed: nobody answers then. */
async function openDoor(to: number) {
  const open = new Set<Socket>();
  let isOpen = true;
  const server = createServer((from) => {
    if (!isOpen) return void from.destroy();
    const on = connect(to, '127.0.0.1');
    for (const socket of [from, on]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        from.destroy();
        on.destroy();
      });
    }
    from.pipe(on).pipe(from);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hangUp = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async whileClosed(work: () => Promise<void>): Promise<void> {
      isOpen = false;
      hangUp();
      try {
        await work();
      } finally {
        isOpen = true;
      }
    },
    close: async () => {
      hangUp();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As docs/targets/keycloak.md says for people with one-time codes: the id of a direct grant flow that asks for none. */
async function passwordOnly(realm: Realm): Promise<string> {
  const flows = '/authentication/flows';
  await realm.admin('POST', `${flows}/direct%20grant/copy`, { newName: 'password only' });
  const steps = await realm.admin<{ id: string; displayName: string }[]>(
    'GET',
    `${flows}/password%20only/executions`,
  );
  const otp = steps.find(({ displayName }) => /OTP/.test(displayName));
  await realm.admin('PUT', `${flows}/password%20only/executions`, { ...otp, requirement: 'DISABLED' });
  const all = await realm.admin<{ id: string; alias: string }[]>('GET', flows);
  return all.find(({ alias }) => alias === 'password only')!.id;
}

export type Mover = Person & { readonly there: string };
interface User {
  readonly enabled: boolean;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly email?: string;
  readonly emailVerified: boolean;
}

export type KeycloakSides = Awaited<ReturnType<typeof openKeycloakSides>>;

export async function openKeycloakSides() {
  const keycloak = await startKeycloak();
  const door = await openDoor(Number(new URL(keycloak.url).port));
  const realm = await openRealm(keycloak, 'shop', ['manage-users', 'manage-realm', 'view-events']);
  await realm.keepAttributes();
  await realm.admin('PUT', '', {
    ...{ eventsEnabled: true, adminEventsEnabled: true },
    ...{ internationalizationEnabled: true, supportedLocales: ['en', 'de'] },
  });
  await realm.admin('POST', '/clients', {
    ...{ clientId: CHECK.clientId, secret: CHECK.clientSecret },
    ...{ standardFlowEnabled: false, directAccessGrantsEnabled: true },
    authenticationFlowBindingOverrides: { direct_grant: await passwordOnly(realm) },
  });
  const town = await openTown({
    target: {
      kind: 'keycloak',
      api: { ...realm.api, url: door.url, timeoutMs: 20_000 },
      keycloak: { events: true, passwordCheck: { ...CHECK, asksForCode: false } },
      clientIds: [CLIENT.clientId],
    },
    change: (settings) => {
      settings.provider.acceptedOrigins = [keycloak.url];
      settings.provider.clients[0] = { ...CLIENT, redirectUris: [brokerEndpoint(keycloak.url, 'shop')] };
      keepEqual(settings, TARGET, {
        fields: Object.fromEntries(LAST_WRITER.map((field) => [field, 'last-writer'])),
        gone: { graceSeconds: 0, fromLegacy: 'remove' },
      });
    },
  });
  await realm.trust(town.issuer, CLIENT);
  const two = twoSides(town, TARGET);
  await two.begin();
  let batches = 0;
  const soon = (condition: () => Promise<boolean>) => until(condition, SOON_MS);
  /** People of the shop, in a batch of everybody who is not at Keycloak yet. */
  async function moved(some: Parameters<typeof town.settle>[0]): Promise<Mover[]> {
    const added = await town.settle(some);
    await two.move(`batch-${++batches}`);
    await two.quiet();
    const arrived = added.map(async (person) => {
      const { targetUserId } = (await two.row(person)) ?? {};
      if (!targetUserId) throw new Error(`${person.login} has not arrived`);
      return { ...person, there: targetUserId };
    });
    return Promise.all(arrived);
  }
  // A batch for each of them would take seconds.
  const crowd = await moved(Array.from({ length: CROWD }, () => ({ kind: 'django' as const })));
  /** Somebody of the shop who is at Keycloak, both sides equal. */
  async function someone(kind: HashKindName = 'django', more: Partial<Person> = {}): Promise<Mover> {
    const isAnybody = kind === 'django' && Object.keys(more).length === 0;
    return (isAnybody ? crowd.shift() : undefined) ?? newcomer(kind, more);
  }
  async function newcomer(kind: HashKindName = 'django', more: Partial<Person> = {}): Promise<Mover> {
    const [one] = await moved([{ kind, ...more }]);
    return one!;
  }
  const user = ({ there }: Mover) => realm.admin<User>('GET', `/users/${there}`);
  const change = ({ there }: Mover, what: object) => realm.admin('PUT', `/users/${there}`, what);
  const found = ({ login }: Person) => realm.admin<object[]>('GET', `/users?exact=true&username=${login}`);
  /** Where Keycloak's own login leads: back to the app, or to a page of its own. */
  async function logsIn({ login, otpSeed }: Person, password: string): Promise<boolean> {
    const { browser, answer } = await logInAt(realm, login, password);
    if (!otpSeed || !answer.body.includes('kc-otp-login-form')) return answer.location !== undefined;
    const otp = codeOfStep(otpSeed, stepAt(Date.now() / 1_000));
    return (await browser.follow(formOf(answer), APP.callback, { form: { otp } })).location !== undefined;
  }
  /** The person themselves, at Keycloak's pages. */
  async function choosesThere({ login, password: old }: Person, password: string): Promise<void> {
    const { browser } = await logInAt(realm, login, old);
    const page = await browser.follow(realm.authorizationUrl({ kc_action: 'UPDATE_PASSWORD' }), APP.callback);
    const form = { 'password-new': password, 'password-confirm': password };
    const answer = await browser.follow(formOf(page), APP.callback, { form });
    expect(answer.location).toMatch(APP.callback);
  }
  const givesThere = ({ there }: Mover, value: string) =>
    realm.admin('PUT', `/users/${there}/reset-password`, { type: 'password', value, temporary: false });
  const isAtTarget = (person: Person) =>
    until(async () => (await two.password(person))?.state === 'at-target', SOON_MS);
  return {
    ...{
      keycloak,
      door,
      realm,
      town,
      two,
      someone,
      newcomer,
      user,
      change,
      found,
      logsIn,
      choosesThere,
      givesThere,
      isAtTarget,
      soon,
    },
    async close(): Promise<void> {
      await town.close();
      await door.close();
      await keycloak.stop();
    },
  };
}
