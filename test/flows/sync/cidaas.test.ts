/**
 * A shop and a cidaas that live side by side for weeks: everybody is at both, logs in at both, and changes things at both. The
 * custom wrapper that cidaas leaves to its customer.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { CidaasStandIn } from '../../support/cidaas/index.ts';
import { APP, openCidaas, PASSWORD_APP } from '../../support/cidaas/index.ts';
import { subscribe } from '../../targets/cidaas/receiver.ts';
import type { Town } from '../batch/town.ts';
import { openTown } from '../batch/town.ts';
import { until } from '../server.ts';
import { applyToShop, atShop, isQuiet, statusOf } from './shop.ts';
import { INTAKE_KEY, twoSides } from './two-sides.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const PEOPLE = 120;
const KEY = 'key-of-the-webhook-0123456789';

let cidaas: CidaasStandIn;
let town: Town;
let people: Person[];

beforeAll(async () => {
  cidaas = await openCidaas({ migrationMode: true });
  town = await openTown({
    target: {
      kind: 'cidaas',
      api: { url: cidaas.url, clientCredentials: APP, identityProvider: 'footbridge', perSecond: 1_000 },
      cidaas: {
        migrationMode: true,
        passwordCheck: { clientId: PASSWORD_APP.clientId, clientSecret: PASSWORD_APP.secret },
      },
      webhook: { apiKey: { name: 'x-api-key', in: 'header', value: KEY } },
    },
    change: (settings) => {
      Object.assign(settings.legacy.sql, applyToShop());
      settings.sync = {
        pairs: [
          {
            target: 'cidaas',
            fields: {
              givenName: 'last-writer',
              familyName: 'last-writer',
              email: 'last-writer',
              state: 'last-writer',
            },
            gone: { graceSeconds: 0 },
            sweepMinutes: 0,
          },
        ],
        intake: { hmacKeys: [{ id: 'shop', key: INTAKE_KEY }] },
      };
    },
  });
  const status = await subscribe(cidaas, {
    auth_type: 'APIKEY',
    events: [
      'ACCOUNT_MODIFIED',
      'ACCOUNT_ACTIVATED',
      'ACCOUNT_DEACTIVATED',
      'PASSWORD_CHANGED',
      'ACCOUNT_DELETED',
    ],
    url: `${town.issuer}/webhooks/cidaas`,
    apikeyDetails: { apikey_placeholder: 'x-api-key', apikey_placement: 'header', apikey: KEY },
  });
  expect(status).toBe(201);
  people = await town.settle(Array.from({ length: PEOPLE }, () => ({})));
  await town.told('batch', 'plan', '--target', 'cidaas', '--name', 'move', '--execute');
  await town.told('batch', 'run', 'move', '--execute');
  await town.cli('sync', 'install', '--execute');
});
afterAll(async () => {
  await town?.close();
  await cidaas?.close();
});

const accountOf = ({ email = '' }: Pick<Person, 'email'>) => cidaas.tenant.byIdentifier(email)!;
const fieldOf = (person: Pick<Person, 'email'>, field: string) =>
  accountOf(person).identities.find(({ provider }) => provider === 'self')?.[field];
const quiet = () => until(() => isQuiet(town), 60_000);
const calls = (wanted: RegExp) => cidaas.calls.filter((call) => wanted.test(call)).length;
const WRITES = /^(POST \/users-srv\/user\/bulk|PUT \/user-srv\/users|PATCH|DELETE)/;

describe('the beginning', () => {
  test('compares everybody, and writes nothing where both sides are equal', async () => {
    const before = calls(WRITES);
    const { code, err } = await town.cli('sync', 'start', '--target', 'cidaas', '--execute');
    expect({ code, err }).toMatchObject({ code: 0 });
    await until(async () => (await statusOf(town)).state === 'running', 60_000);
    await quiet();
    expect((await statusOf(town)).people).toEqual({ atTarget: PEOPLE, compared: PEOPLE, equal: PEOPLE });
    expect(calls(WRITES)).toBe(before);
  });
  test('is not begun twice', async () => {
    expect((await town.cli('sync', 'start', '--target', 'cidaas', '--execute')).code).not.toBe(0);
  });
});

describe('changes in the shop', () => {
  test('of 120 people at once arrive in calls of at most 50', async () => {
    cidaas.batches.length = 0;
    await town.shop.sql(`update customers set first_name = 'Nova', changed_at = now()`);
    await until(async () => people.every((person) => fieldOf(person, 'given_name') === 'Nova'), 60_000);
    await quiet();
    expect(Math.max(...cidaas.batches)).toBeLessThanOrEqual(50);
    expect(cidaas.batches.reduce((sum, size) => sum + size, 0)).toBe(PEOPLE);
  });
  test('are not told back to the shop as changes of cidaas', async () => {
    const [row] = await town.shop.sql('select max(changed_at) as at from customers');
    await quiet();
    expect((await town.shop.sql('select max(changed_at) as at from customers'))[0]?.at).toEqual(row?.at);
  });
});

describe('changes at cidaas', () => {
  test('come with a webhook that names nobody but by sub, and are read back', async () => {
    const [person] = people as [Person];
    const { sub } = accountOf(person);
    const reads = calls(new RegExp(`^GET /user-srv/users/${sub}$`));
    await cidaas.changes.profile(sub, { family_name: 'Winterfeld' });
    await cidaas.webhooks.settled();
    await until(async () => (await atShop(town, person.id, 'last_name')) === 'Winterfeld', 30_000);
    expect(calls(new RegExp(`^GET /user-srv/users/${sub}$`))).toBeGreaterThan(reads);
    await quiet();
  });
  test('that nobody who knows the key tells of change nothing', async () => {
    const [, person] = people as [Person, Person];
    const body = JSON.stringify({ event_type: 'ACCOUNT_MODIFIED', sub: accountOf(person).sub });
    const heard = () => town.sql('select count(*)::int as events from target_events');
    const before = await heard();
    const answer = await fetch(`${town.issuer}/webhooks/cidaas`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'another' },
      body,
    });
    expect(answer.status).toBe(401);
    expect(await heard()).toEqual(before);
  });
  test('of whether somebody may log in are the shop’s as well', async () => {
    const [, , person] = people as [Person, Person, Person];
    await cidaas.changes.deactivate(accountOf(person).sub);
    await until(async () => (await atShop(town, person.id, 'active')) === 'N', 30_000);
    await cidaas.changes.activate(accountOf(person).sub);
    await until(async () => (await atShop(town, person.id, 'active')) === 'Y', 30_000);
    await quiet();
  });
});

describe('a password', () => {
  const CHOSEN = 'a new one for both of them';
  test('that was changed in the shop opens cidaas, and the old one does not any more', async () => {
    const two = twoSides(town, 'cidaas');
    const person = people[10]!;
    const { email = '', password } = person;
    expect(await cidaas.login(email, password)).toBe(true);
    await two.chooseAtShop(person, CHOSEN);
    await until(() => cidaas.login(email, CHOSEN), 30_000);
    expect(await cidaas.login(email, password)).toBe(false);
    await quiet();
  });
  test('that was changed at cidaas, which tells nobody which it is, opens the shop once it was typed', async () => {
    const two = twoSides(town, 'cidaas');
    const person = people[11]!;
    await cidaas.changes.password(accountOf(person).sub, CHOSEN);
    await until(async () => (await two.password(person))?.state === 'at-target', 30_000);
    expect(await two.opensAtShop(person, CHOSEN)).toBe(false);
    expect(await two.check({ user: String(person.id) }, person.password)).toMatchObject({ status: 401 });
    expect(await two.check({ user: String(person.id) }, CHOSEN)).toMatchObject({ status: 200 });
    await until(() => two.opensAtShop(person, CHOSEN), 30_000);
    await quiet();
    expect(await cidaas.login(person.email ?? '', CHOSEN)).toBe(true);
  });
});

describe('a queue that is down', () => {
  test('loses nobody: the shop and cidaas keep what they have to tell, and tell it again', async () => {
    const [, , , one, other] = people as Person[];
    const lock = await town.lock(['sync_turns', 'sync_changes', 'target_events']);
    const { sub } = accountOf(other!);
    await town.shop.sql(`update customers set first_name = 'Stella', changed_at = now() where id = $1`, [
      one!.id,
    ]);
    await cidaas.changes.profile(sub, { family_name: 'Herbst' });
    // Whoever calls is told that it did not work, and comes again.
    await until(async () => cidaas.webhooks.answers.includes(503), 30_000);
    expect([fieldOf(one!, 'given_name'), await atShop(town, other!.id, 'last_name')]).toEqual([
      'Nova',
      'Sommerfeld',
    ]);
    await lock.release();
    await cidaas.webhooks.tick(16);
    await until(async () => fieldOf(one!, 'given_name') === 'Stella', 60_000);
    await until(async () => (await atShop(town, other!.id, 'last_name')) === 'Herbst', 60_000);
    await quiet();
  });
});

describe('the end', () => {
  test('is refused while something is undecided or different', async () => {
    expect((await town.cli('sync', 'stop', '--target', 'cidaas', '--execute')).code).not.toBe(0);
  });
  test('comes after the last app has switched, with a signed report that both sides are equal', async () => {
    await town.cli('sync', 'drain', '--target', 'cidaas', '--execute');
    await quiet();
    const file = `${town.data}/equal.jws`;
    const { code, out, err } = await town.cli(
      'sync',
      'stop',
      '--target',
      'cidaas',
      '--execute',
      '--out',
      file,
    );
    expect({ code, said: `${out}${err}` }).toEqual({ code: 0, said: expect.stringContaining('is stopped') });
    expect((await statusOf(town)).state).toBe('stopped');
    expect((await town.cli('sync', 'verify', file)).code).toBe(0);
  });
  test('is one: what happens then is nobody’s to carry', async () => {
    const [person] = people as [Person];
    const before = calls(WRITES);
    await town.shop.sql(`update customers set first_name = 'Luna' where id = $1`, [person.id]);
    await until(async () => (await statusOf(town)).state === 'stopped', 10_000);
    expect([fieldOf(person, 'given_name'), calls(WRITES)]).toEqual(['Nova', before]);
  });
});
