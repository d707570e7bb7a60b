/** The stand-in's webhooks: as late, as often and as silent as cidaas' documentation says that they are. */
import { afterEach, describe, expect, test } from 'vitest';
import { openReceiver, subscribe } from '../../targets/cidaas/receiver.ts';
import type { CidaasStandIn } from './index.ts';
import { openCidaas } from './index.ts';

const KEY = 'the key that both of us know';
const SETUP = {
  auth_type: 'APIKEY',
  apikeyDetails: { apikey_placeholder: 'x-key', apikey_placement: 'header', apikey: KEY },
};

let standIn: CidaasStandIn | undefined;
afterEach(() => standIn?.close());

async function withAnna() {
  const cidaas = await openCidaas();
  standIn = cidaas;
  const receiver = await openReceiver(cidaas, { apiKey: { name: 'x-key', value: KEY } });
  await subscribe(cidaas, { ...SETUP, url: receiver.url });
  const sub = await cidaas.changes.register({ email: 'anna@example.com', given_name: 'Anna' });
  const rename = (given_name: string) => cidaas.changes.profile(sub, { given_name });
  const told = () => receiver.events.map(({ name }) => name);
  return { cidaas, sub, rename, told, receiver };
}

describe('an event', () => {
  test('is told some time later, to those who asked for it, and says nothing personal', async () => {
    const { cidaas, sub, rename, told, receiver } = await withAnna();
    const bodies: string[] = [];
    cidaas.webhooks.sayAs((one) => {
      const body = { event_type: one.event, sub: one.sub };
      bodies.push(JSON.stringify(body));
      return body;
    });
    rename('Anne');
    cidaas.changes.loggedIn(sub);
    expect(receiver.answers).toEqual([]);
    await cidaas.webhooks.settled();
    expect(told()).toEqual(['ACCOUNT_MODIFIED']);
    expect(bodies.join()).not.toMatch(/ann/i);
  });

  test('comes again after 1, 5 and 10 minutes, and then no more', async () => {
    const { cidaas, rename, receiver } = await withAnna();
    receiver.answerWith(503);
    rename('Anne');
    await cidaas.webhooks.settled();
    const tries = [cidaas.webhooks.answers.length];
    for (const minutes of [1, 4, 1, 9, 1, 600]) {
      await cidaas.webhooks.tick(minutes);
      tries.push(cidaas.webhooks.answers.length);
    }
    expect(tries).toEqual([1, 2, 2, 3, 3, 4, 4]);
    expect(cidaas.webhooks.givenUp).toHaveLength(1);
  });

  test('comes no more once it is answered with 200, and with nothing else', async () => {
    const { cidaas, rename, told, receiver } = await withAnna();
    receiver.answerWith(204);
    rename('Anne');
    await cidaas.webhooks.settled();
    expect(cidaas.webhooks.waiting()).toBe(1);
    receiver.answerWith(undefined);
    await cidaas.webhooks.tick();
    expect(cidaas.webhooks.waiting()).toBe(0);
    expect(told()).toEqual(['ACCOUNT_MODIFIED']);
  });

  test('is lost, told twice, and told in another order, as a test wants it', async () => {
    const { cidaas, sub, rename, told } = await withAnna();
    cidaas.webhooks.lose();
    rename('One');
    cidaas.webhooks.double();
    rename('Two');
    await cidaas.webhooks.settled();
    expect(told()).toEqual(['ACCOUNT_MODIFIED', 'ACCOUNT_MODIFIED']);
    cidaas.webhooks.hold();
    rename('Three');
    cidaas.changes.remove(sub);
    await cidaas.webhooks.tick(20);
    expect(told()).toHaveLength(2);
    cidaas.webhooks.release((all) => all.toReversed());
    await cidaas.webhooks.settled();
    expect(told()).toHaveLength(4);
    expect(told().slice(2).toSorted()).toEqual(['ACCOUNT_DELETED', 'ACCOUNT_MODIFIED']);
    expect(cidaas.webhooks.happened).toHaveLength(5);
  });

  test('is told to nobody where nobody listens, and is kept for later', async () => {
    const { cidaas, sub } = await withAnna();
    cidaas.webhooks.setups.clear();
    await subscribe(cidaas, { ...SETUP, url: 'http://127.0.0.1:9/nobody' });
    await cidaas.changes.password(sub, 'new');
    await cidaas.webhooks.settled();
    expect([cidaas.webhooks.answers, cidaas.webhooks.waiting()]).toEqual([[0], 1]);
  });
});

describe('a set-up', () => {
  test.each([
    ['without a way to prove itself', { auth_type: 'NONE' }],
    ['without a key', { apikeyDetails: undefined }],
    [
      'with a key that stands nowhere',
      { apikeyDetails: { ...SETUP.apikeyDetails, apikey_placement: 'body' } },
    ],
    ['of codes without their key', { auth_type: 'TOTP' }],
    ['of tokens without a client', { auth_type: 'CIDAAS_OAUTH2' }],
    ['without events', { events: [] }],
    ['to nowhere', { url: '/webhooks' }],
    ['with an unknown field', { secret: 'x' }],
  ])('%s is refused', async (_what, more) => {
    standIn = await openCidaas();
    expect(await subscribe(standIn, { ...SETUP, url: 'http://127.0.0.1:9/', ...more })).toBe(400);
  });

  test('is one of twenty at most, and no event goes twice to one address', async () => {
    const cidaas = await openCidaas();
    standIn = cidaas;
    const at = (path: number) => subscribe(cidaas, { ...SETUP, url: `http://127.0.0.1:9/${path}` });
    expect([await at(1), await at(1)]).toEqual([201, 400]);
    for (let path = 2; path <= 20; path += 1) expect(await at(path)).toBe(201);
    expect(await at(21)).toBe(400);
  });

  test('needs the scope', async () => {
    standIn = await openCidaas({ scopes: ['cidaas:users_read'] });
    expect(await subscribe(standIn, { ...SETUP, url: 'http://127.0.0.1:9/' })).toBe(403);
  });
});

test('what the app does is told as the app’s', async () => {
  const { cidaas, sub } = await withAnna();
  cidaas.tenant.tellOurs('ACCOUNT_MODIFIED', sub);
  cidaas.changes.profile(sub, { given_name: 'Anne' });
  expect(cidaas.webhooks.happened.slice(-2).map(({ actor }) => actor)).toEqual(['user-migration', sub]);
});
