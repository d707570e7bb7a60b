/** What ZITADEL's events say of users, for sync: the same from the hook and from the list of events. */
import { describe, expect, test } from 'vitest';
import type { TargetEvent } from '../../../src/targets/webhook.ts';
import { zitadelHooks } from '../../../src/targets/zitadel/hooks.ts';
import { EVENT_TYPES, SYNC_EVENTS } from '../../../src/targets/zitadel/hooks-events.ts';
import { USER_EVENTS } from '../../../src/targets/zitadel/user-events.ts';
import { EVENT_TYPES as KNOWN } from '../../support/zitadel/event-types.ts';
import { HASH } from './people.ts';

type Payload = Readonly<Record<string, unknown>>;
const nobody = { userIdByGrant: async () => undefined };
const hear = (
  name: string,
  payload: unknown,
  connection?: Parameters<NonNullable<(typeof zitadelHooks)[0]['event']>>[1],
) => zitadelHooks.find((one) => one.name === name)!.event!(payload, connection ?? nobody);
const message = (type: string, more: Payload = {}): Payload => ({
  aggregateID: 'u1',
  aggregateType: type.startsWith('user.grant.') ? 'usergrant' : 'user',
  resourceOwner: 'org',
  instanceID: 'i',
  version: 'v1',
  sequence: 7,
  event_type: type,
  created_at: '2026-01-02T03:04:05.123456789Z',
  userID: 'editor',
  event_payload: {},
  ...more,
});
const event = (type: string, more?: Payload, connection?: Parameters<typeof hear>[2]) =>
  hear('events', message(type, more), connection);
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const changeOf = (one: TargetEvent | undefined) =>
  one?.about.kind === 'user' ? one.about.change : undefined;
const hashOf = (one: TargetEvent | undefined) =>
  one?.about.kind === 'user' ? one.about.hash?.reveal() : undefined;

describe('an event of a user', () => {
  test('names it, whose it is, who did it, and when', async () => {
    expect(await event('user.human.profile.changed', { event_payload: { firstName: 'Anna' } })).toEqual({
      id: 'u1:7',
      name: 'user.human.profile.changed',
      about: { kind: 'user', targetUserId: 'u1', change: 'changed', editor: 'editor' },
      at: new Date('2026-01-02T03:04:05.123Z'),
    });
  });

  test.each([
    ['user.human.added', 'changed'],
    ['user.human.selfregistered', 'changed'],
    ['user.human.email.changed', 'changed'],
    ['user.human.email.verified', 'changed'],
    ['user.human.phone.changed', 'changed'],
    ['user.human.phone.verified', 'changed'],
    ['user.human.phone.removed', 'changed'],
    ['user.username.changed', 'changed'],
    ['user.human.password.changed', 'password'],
    ['user.locked', 'changed'],
    ['user.unlocked', 'changed'],
    ['user.deactivated', 'changed'],
    ['user.reactivated', 'changed'],
    ['user.removed', 'removed'],
    ['user.human.externalidp.added', 'changed'],
  ])('%s is one of what was %s', async (type, change) => {
    expect(changeOf(await event(type))).toBe(change);
  });

  test.each([
    'user.human.password.check.succeeded',
    'user.human.password.hash.updated',
    'user.human.signed.out',
    'user.metadata.set',
    '__proto__',
    'toString',
  ])('%s is nothing to sync', async (type) => {
    expect(await event(type)).toBeUndefined();
  });

  test('of another aggregate is nothing to sync, whatever its name', async () => {
    for (const aggregateType of ['org', 'session', 'usergrant', '__proto__'])
      expect(await event('user.removed', { aggregateType })).toBeUndefined();
  });

  test('that is no event, or whose payload is none, is refused', async () => {
    await expect(hear('events', { fullMethod: 'x' })).rejects.toMatchObject({ code: 'bad_request' });
    await expect(event('user.removed', { event_payload: 'eA==' })).rejects.toMatchObject({
      code: 'bad_request',
    });
  });

  test.each([
    ['a number', 12, 'u1:12'],
    ['text', '12', 'u1:12'],
    ['an uint64', '18446744073709551615', 'u1:18446744073709551615'],
    ['nothing', undefined, 'u1:user.removed:2026-01-02T03:04:05.123456789Z'],
    ['none', { $gt: 1 }, 'u1:user.removed:2026-01-02T03:04:05.123456789Z'],
  ])('whose number is %s has an id that is always the same', async (_what, sequence, id) => {
    for (let i = 0; i < 2; i += 1) expect((await event('user.removed', { sequence }))?.id).toBe(id);
  });

  test('that does not say when is one of now', async () => {
    for (const created_at of [undefined, 'yesterday']) {
      const before = Date.now();
      const { at } = (await event('user.removed', { created_at }))!;
      expect(at.getTime()).toBeGreaterThanOrEqual(before);
      expect(at.getTime()).toBeLessThanOrEqual(Date.now());
    }
  });
});

describe('a new password', () => {
  test.each([
    ['as an object', { encodedHash: HASH, changeRequired: false }],
    ['as base64', encoded({ encodedHash: HASH })],
  ])('comes with its hash, %s', async (_how, event_payload) => {
    expect(hashOf(await event('user.human.password.changed', { event_payload }))).toBe(HASH);
  });

  test('prints nothing of it', async () => {
    const one = await event('user.human.password.changed', { event_payload: { encodedHash: HASH } });
    expect(JSON.stringify(one)).not.toContain(HASH);
    expect(String(one && 'hash' in one.about && one.about.hash)).not.toContain(HASH);
  });

  test.each([
    ['nothing', {}],
    ['what older releases have encrypted', { secret: { crypted: 'AAAA' } }],
    ['what is no hash', { encodedHash: 'with spaces\nand lines' }],
    ['a NUL', { encodedHash: `${HASH}\u0000` }],
    ['too much', { encodedHash: 'x'.repeat(1_001) }],
    ['an object', { encodedHash: { $ne: '' } }],
  ])('is told of without a hash where there is %s', async (_what, event_payload) => {
    const one = await event('user.human.password.changed', { event_payload });
    expect([changeOf(one), hashOf(one)]).toEqual(['password', undefined]);
  });

  test('is not what somebody was made with: that may have come from us', async () => {
    const event_payload = { userName: 'anna', encodedHash: HASH };
    for (const type of ['user.human.added', 'user.human.selfregistered'])
      expect(hashOf(await event(type, { event_payload }))).toBeUndefined();
  });
});

describe('an event of a grant', () => {
  const lookup = (answers: Record<string, string>) => {
    const asked: string[] = [];
    const userIdByGrant = async (id: string) => {
      asked.push(id);
      return answers[id];
    };
    return { asked, connection: { userIdByGrant } };
  };

  test('that says whose it is, is of that user, and nobody is asked', async () => {
    const { asked, connection } = lookup({});
    const event_payload = { userId: 'u9', projectId: 'p1', roleKeys: ['editor'] };
    const one = await event('user.grant.added', { aggregateID: 'g1', event_payload }, connection);
    expect(one).toMatchObject({ id: 'g1:7', about: { targetUserId: 'u9', change: 'changed' } });
    expect(asked).toEqual([]);
  });

  test.each([
    ['user.grant.changed', { roleKeys: ['editor'] }],
    ['user.grant.removed', null],
    ['user.grant.removed', ''],
    ['user.grant.cascade.removed', encoded(null)],
    ['user.grant.deactivated', undefined],
  ])('%s, which does not say so, is of whom ZITADEL says that it was', async (type, event_payload) => {
    const { asked, connection } = lookup({ g1: 'u9' });
    const one = await event(type, { aggregateID: 'g1', event_payload }, connection);
    expect(one?.about).toMatchObject({ kind: 'user', targetUserId: 'u9', change: 'changed' });
    expect(asked).toEqual(['g1']);
  });

  test('of nobody whom anybody knows is nothing, and an outage is no such thing', async () => {
    expect(await event('user.grant.removed', { aggregateID: 'g1' })).toBeUndefined();
    expect(await hear('events', message('user.grant.removed'), {})).toBeUndefined();
    const down = async () => {
      throw new Error('down');
    };
    await expect(event('user.grant.removed', {}, { userIdByGrant: down })).rejects.toThrow('down');
  });
});

describe('a password that is set through the API', () => {
  const call = (request: Payload, response: Payload = {}) => ({
    fullMethod: '/zitadel.user.v2.UserService/SetPassword',
    userID: 'login-client',
    request,
    response,
  });
  const details = { sequence: '12', changeDate: '2026-01-02T03:04:05.123456Z' };

  test('is heard itself, apart from the event that tells its hash', async () => {
    const payload = call({ userId: 'u1', newPassword: { password: 'Tr0ub4dor&3' } }, { details });
    const one = (await hear('password', payload))!;
    expect(one).toMatchObject({
      id: 'u1:UserService/SetPassword:12',
      name: 'UserService/SetPassword',
      about: { kind: 'user', targetUserId: 'u1', change: 'password', editor: 'login-client' },
      at: new Date('2026-01-02T03:04:05.123Z'),
    });
    expect(one.about.kind === 'user' && one.about.password?.reveal()).toBe('Tr0ub4dor&3');
    expect(JSON.stringify(one)).not.toContain('Tr0ub4dor');
  });

  test.each([
    ['no user', { newPassword: { password: 'x' } }],
    ['no password', { userId: 'u1' }],
    ['an empty one', { userId: 'u1', newPassword: { password: '' } }],
    ['one that is none', { userId: 'u1', newPassword: { password: 7 } }],
  ])('is none where there is %s', async (_what, request) => {
    expect(await hear('password', call(request))).toBeUndefined();
  });

  test('in two answers without a number is two', async () => {
    const payload = call({ userId: 'u1', newPassword: { password: 'x' } });
    expect((await hear('password', payload))?.id).not.toBe((await hear('password', payload))?.id);
  });
});

test('the list of events takes all names at once, and a release of today knows them', () => {
  expect(USER_EVENTS.length).toBeLessThanOrEqual(30);
  expect(new Set(USER_EVENTS).size).toBe(USER_EVENTS.length);
  expect(USER_EVENTS.filter((name) => !KNOWN.includes(name))).toEqual([
    'user.idp.link.added',
    'user.idp.link.removed',
  ]);
});

test('what only sync is told of is not told to others', () => {
  expect(SYNC_EVENTS.filter((name) => EVENT_TYPES.includes(name))).toEqual([]);
  expect(SYNC_EVENTS).toContain('user.human.added');
});
