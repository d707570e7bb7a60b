import { describe, expect, test } from 'vitest';
import { cidaasSettings } from '../../../src/targets/cidaas/cidaas-settings.ts';
import { EVENT_NAMES, eventOf } from '../../../src/targets/cidaas/events.ts';

const SUB = '753487e7-10bc-4e69-b3b2-4da33721ea3e';
const OTHER = '00000000-10bc-4e69-b3b2-4da33721ea3e';
const NOW = Date.parse('2026-11-20T10:00:00Z');
const AT = '2026-11-20T09:59:58.123Z';
const read = (body: unknown, { events = {}, nowMs = NOW }: { events?: object; nowMs?: number } = {}) =>
  eventOf(Buffer.from(JSON.stringify(body)), cidaasSettings.parse({ events }).events, nowMs);
const event = (more: object = {}) => ({ event_type: 'ACCOUNT_MODIFIED', sub: SUB, event_time: AT, ...more });
const changed = { kind: 'user', targetUserId: SUB, change: 'changed' };
const badRequest = expect.objectContaining({ code: 'bad_request' });

describe('an event', () => {
  test('says whom to read', () => {
    expect(read(event())).toMatchObject({ name: 'ACCOUNT_MODIFIED', about: changed, at: new Date(AT) });
  });

  test.each([
    ['in other letters', { eventType: 'account-modified', userId: SUB }],
    ['within `data`', { event_type: 'ACCOUNT_MODIFIED', data: { sub: SUB } }],
    ['within `payload`', { payload: { event_type: 'ACCOUNT_MODIFIED', sub: SUB } }],
    ['within `event`', { event: { type: 'ACCOUNT_MODIFIED', sub: SUB } }],
    ['in a list of one', [{ event_type: 'ACCOUNT_MODIFIED', sub: SUB }]],
    ['with an id of another kind before', { event_type: 'ACCOUNT_MODIFIED', sub: 'client-7', objectId: SUB }],
    ['beside itself', { event_type: 'ACCOUNT_MODIFIED', sub: SUB, data: { sub: OTHER } }],
  ])('is read %s', (_what, body) => {
    expect(read(body)).toMatchObject({ name: 'ACCOUNT_MODIFIED', about: changed });
  });

  test('is read by the names that the settings give', () => {
    const events = { name: ['what'], user: ['whom.id'], id: ['nr'], actor: ['by'] };
    expect(read({ what: 'ACCOUNT_DELETED', whom: { id: SUB }, nr: 17, by: 'me' }, { events })).toMatchObject({
      id: '17',
      name: 'ACCOUNT_DELETED',
      about: { kind: 'user', targetUserId: SUB, change: 'removed', editor: 'me' },
    });
  });

  test.each([
    ['PASSWORD_CHANGED', 'password'],
    ['PASSWORD_RESET', 'password'],
    ['ACCOUNT_DELETED', 'removed'],
    ['ACCOUNT_DELETION_SCHEDULED', 'changed'],
    ['EMAIL_CHANGED', 'changed'],
    ['GROUP_USER_ROLE_REMOVED', 'changed'],
    ['ACCOUNT_OF_A_LATER_RELEASE', 'changed'],
  ])('%s is %s', (event_type, change) => {
    expect(read(event({ event_type })).about).toEqual({ ...changed, change });
  });

  test('that has no name may be anything', () => {
    expect(read({ sub: SUB })).toMatchObject({ name: 'UNNAMED', about: changed });
  });

  test.each(['LOGIN_WITH_CIDAAS', 'LOGIN_FAILURE', 'LOGOUT', 'PASSWORD_RESET_INITIATE', 'TOKEN_ISSUED'])(
    '%s is nothing of ours',
    (event_type) => {
      expect(read(event({ event_type })).about).toEqual({ kind: 'nothing-of-ours' });
      expect(read({ event_type }).about).toEqual({ kind: 'nothing-of-ours' });
    },
  );

  test('of each name to be told of is one about a user', () => {
    const kinds = EVENT_NAMES.map((event_type) => read(event({ event_type })).about.kind);
    expect(new Set(kinds)).toEqual(new Set(['user']));
  });

  test.each([
    ['no JSON', Buffer.from('{')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.from('"ACCOUNT_MODIFIED"')],
    ['an empty list', Buffer.from('[]')],
    ['more than one', Buffer.from(JSON.stringify([event(), event()]))],
    ['about nobody', Buffer.from(JSON.stringify({ event_type: 'ACCOUNT_MODIFIED' }))],
    ['about a path', Buffer.from(JSON.stringify(event({ sub: '../users' })))],
    ['about a number', Buffer.from(JSON.stringify(event({ sub: 17 })))],
    ['about what an object inherits', Buffer.from('{"event_type":"ACCOUNT_MODIFIED","__proto__":{"sub":1}}')],
    ['without anything', Buffer.from('{}')],
  ])('is refused that is %s', (_what, body) => {
    expect(() => eventOf(body, cidaasSettings.parse({}).events, NOW)).toThrow(badRequest);
  });

  test('does not repeat in an error what came', () => {
    const secret = 'anna@example.com';
    expect(() => read({ event_type: 'ACCOUNT_MODIFIED', sub: secret })).toThrow(
      expect.not.objectContaining({ detail: expect.stringContaining(secret) }),
    );
  });
});

describe('when it was', () => {
  test.each([
    ['an ISO time', AT, Date.parse(AT)],
    ['milliseconds', Date.parse(AT), Date.parse(AT)],
    ['seconds', 1_763_632_798, 1_763_632_798_000],
    ['seconds as text', '1763632798', 1_763_632_798_000],
    ['milliseconds as text', '1763632798123', 1_763_632_798_123],
  ])('is told as %s', (_what, event_time, ms) => {
    expect(read(event({ event_time })).at.getTime()).toBe(ms);
  });

  test.each([undefined, 'soon', -1, 0, 7, 1e300, '2999-01-01T00:00:00Z', '1763632798123456789', null, {}])(
    'is not known of %s',
    (event_time) => {
      expect(read(event({ event_time })).at.getTime()).toBeNaN();
    },
  );
});

describe('its id', () => {
  test('is cidaas’ own where it tells one', () => {
    expect(read(event({ event_id: 'e-1' })).id).toBe('e-1');
    expect(read(event({ event_id: 'e-1', attempt: 2 })).id).toBe('e-1');
  });

  test('is made of the body, and the same when that comes again', () => {
    const again = read(event(), { nowMs: NOW + 960_000 });
    expect(again.id).toBe(read(event()).id);
    expect(read(event({ sub: OTHER })).id).not.toBe(again.id);
    expect(again.id).toMatch(/^[\w-]{43}$/);
  });

  test.each([
    ['that says nothing of the time', undefined],
    ['that says it to the second', '2026-11-20T09:59:58Z'],
  ])('is another one for the same body %s: a second change is not the first', (_what, event_time) => {
    const [first, second] = [NOW, NOW + 1].map((nowMs) => read(event({ event_time }), { nowMs }).id);
    expect(second).not.toBe(first);
  });

  test.each(['', ' ', 'a\u0000b', 'x'.repeat(201), '\ud800', {}, null, 1.5])(
    'is none that is %j',
    (event_id) => {
      expect(read(event({ event_id })).id).toMatch(/^[\w-]{43}$/);
    },
  );
});
