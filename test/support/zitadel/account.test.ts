/** People at their own account, and what becomes of the events of it: late, twice, in another order, or never. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Zitadel } from './index.ts';
import { openZitadel } from './index.ts';
import type { StoredEvent } from './instance.ts';

let zitadel: Zitadel;
let id: string;
beforeEach(async () => {
  zitadel = await openZitadel();
  id = await zitadel.register({
    username: 'anna',
    givenName: 'Anna',
    familyName: 'Able',
    email: 'anna@example.com',
    password: 'Correct-horse-1',
  });
  return () => zitadel.close();
});
const types = (from = 0) => zitadel.instance.events.slice(from).map(({ type }) => type);

describe('somebody', () => {
  test('makes an account by themselves', async () => {
    expect(zitadel.instance.users.get(id)).toMatchObject({ username: 'anna', email: { isVerified: false } });
    const { type, editor, payload } = zitadel.instance.events.find(({ aggregate }) => aggregate.id === id)!;
    expect([type, editor]).toEqual(['user.human.selfregistered', id]);
    expect(payload).toHaveProperty('encodedHash');
    expect(await zitadel.opens(id, 'Correct-horse-1')).toBe(true);
  });

  test('changes what is theirs, each with its event, and named as who did it', async () => {
    const before = zitadel.instance.events.length;
    const account = zitadel.account(id);
    await account.changeProfile({ givenName: 'Beth', familyName: 'Baker' });
    await account.changeUsername('beth');
    await account.changeEmail('beth@example.com');
    expect(zitadel.instance.users.get(id)?.email).toEqual({ address: 'beth@example.com', isVerified: false });
    account.verifyEmail();
    await account.changePhone('+41446681800');
    account.verifyPhone();
    account.removePhone();
    await account.changePassword('Correct-horse-2');
    account.remove();
    expect(types(before)).toEqual([
      'user.human.profile.changed',
      'user.username.changed',
      'user.human.email.changed',
      'user.human.email.code.added',
      'user.human.email.verified',
      'user.human.phone.changed',
      'user.human.phone.code.added',
      'user.human.phone.verified',
      'user.human.phone.removed',
      'user.human.password.changed',
      'user.removed',
    ]);
    expect(new Set(zitadel.instance.events.slice(before).map(({ editor }) => editor))).toEqual(new Set([id]));
  });

  test('gets nowhere with what ZITADEL would not take', async () => {
    const account = zitadel.account(id);
    await expect(account.changeEmail('nonsense')).rejects.toMatchObject({ id: 'EMAIL-599BI' });
    await expect(account.changePassword('short')).rejects.toThrow();
    await expect(zitadel.account('nobody').changeUsername('x')).rejects.toMatchObject({ id: 'QUERY-Dfbg2' });
  });
});

test('events are counted for each user apart', () => {
  const of = (aggregate: string) =>
    zitadel.instance.events
      .filter((event) => event.aggregate.id === aggregate)
      .map(({ sequence }) => sequence);
  expect(of(id)).toEqual(of(id).map((_one, at) => at + 1));
  expect(of(zitadel.organization)[0]).toBe(1);
});

describe('events that are held', () => {
  const deliveredNames = () =>
    zitadel.deliveries.map(({ payload }) => (payload.event_payload as { firstName?: string }).firstName);
  const nameOf = ({ payload }: StoredEvent) => payload.firstName as string;
  beforeEach(async () => {
    const send = async (verb: string, path: string, body: object) => {
      const headers = { authorization: `Bearer ${zitadel.token}` };
      const answer = await fetch(zitadel.url + path, { method: verb, headers, body: JSON.stringify(body) });
      return (await answer.json()) as { id: string };
    };
    const target = await send('POST', '/v2/actions/targets', {
      name: 'nobody',
      endpoint: 'http://127.0.0.1:9/',
      timeout: '1s',
      restWebhook: { interruptOnError: true },
    });
    const condition = { event: { event: 'user.human.profile.changed' } };
    await send('PUT', '/v2/actions/executions', { condition, targets: [target.id] });
    zitadel.events.mode = 'held';
    for (const givenName of ['A', 'B', 'C', 'D'])
      await zitadel.account(id).changeProfile({ givenName, familyName: 'X' });
  });

  test('go once or twice, later or not at all, and in another order', async () => {
    const fates = { A: 'twice', B: 'later', C: 'once', D: 'lost' } as const;
    await zitadel.events.settle(
      (event) => fates[nameOf(event) as keyof typeof fates],
      (events) => events.toReversed(),
    );
    expect(deliveredNames()).toEqual(['C', 'A', 'A']);
    expect(zitadel.events.held.map(nameOf)).toEqual(['B']);
    await zitadel.events.deliver();
    expect(deliveredNames()).toEqual(['C', 'A', 'A', 'B']);
    expect(zitadel.events.held).toEqual([]);
  });

  test('that nobody took are delivered again, until somebody does', async () => {
    await zitadel.events.deliver();
    expect(zitadel.events.refused.map(nameOf)).toEqual(['A', 'B', 'C', 'D']);
    await zitadel.events.redeliver();
    expect(zitadel.events.refused).toHaveLength(4);
    expect(zitadel.deliveries).toHaveLength(8);
  });
});

test('hashes of passwords are told in events, unless it is switched off', async () => {
  await zitadel.account(id).changePassword('Correct-horse-2');
  const list = async () => {
    const headers = { authorization: `Bearer ${zitadel.token}` };
    const body = JSON.stringify({ aggregateTypes: ['user'], aggregateId: id, asc: true });
    const answer = await fetch(`${zitadel.url}/admin/v1/events/_search`, { method: 'POST', headers, body });
    return JSON.stringify(await answer.json());
  };
  expect(await list()).toContain('encodedHash');
  zitadel.instance.tellsHashes = false;
  expect(await list()).not.toContain('encodedHash');
  expect(zitadel.instance.events.at(-1)?.payload).toHaveProperty('encodedHash');
});
