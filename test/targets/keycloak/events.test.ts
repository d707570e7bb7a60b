/** What events of Keycloak's are about; the documents are as a 26.7.3 and the extension write them. */
import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, test } from 'vitest';
import { fromAdminEvent, fromUserEvent, USER_EVENTS } from '../../../src/targets/keycloak/events.ts';
import { openKeycloakWebhook } from '../../../src/targets/keycloak/webhook.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';

const ADA = '21af73df-24ff-4d56-8f27-ed0010fe72dc';
const DESK = 'a85106c3-ad16-4dcf-aac8-04d6008122f1';
const TIME = 1_795_321_695_051;

const userEvent = (type: string, more: object = {}) => ({
  id: 'a32f31d2-fa84-4ac1-876e-e9e65052e417',
  time: TIME,
  type,
  realmId: '338f09fc-83d5-497b-afdc-7fc6700be934',
  clientId: 'account-console',
  userId: ADA,
  sessionId: 'v2AHk3TKE0kdCfh5Zp-li31l',
  ipAddress: '127.0.0.1',
  details: { username: 'ada' },
  ...more,
});
const adminEvent = (operationType: string, resourcePath: string, more: object = {}) => ({
  id: '2c929c83-b5dd-4428-9703-ab4e1a3477ab',
  time: TIME,
  realmId: '338f09fc-83d5-497b-afdc-7fc6700be934',
  authDetails: { realmId: 'master', clientId: 'x', userId: DESK, ipAddress: '127.0.0.1' },
  operationType,
  resourceType: 'USER',
  resourcePath,
  ...more,
});

describe('an event of a person’s own doing', () => {
  test('says who, what and when', () => {
    expect(fromUserEvent(userEvent('UPDATE_PROFILE'))).toEqual({
      id: 'a32f31d2-fa84-4ac1-876e-e9e65052e417',
      name: 'access.UPDATE_PROFILE',
      about: { kind: 'user', targetUserId: ADA, change: 'changed', editor: ADA },
      at: new Date(TIME),
    });
  });

  test.each([
    ['UPDATE_PASSWORD', {}, 'password'],
    ['RESET_PASSWORD', {}, 'password'],
    ['UPDATE_CREDENTIAL', { details: { credential_type: 'password' } }, 'password'],
    ['REMOVE_CREDENTIAL', { details: { credential_type: 'password' } }, 'changed'],
    ['VERIFY_EMAIL', {}, 'changed'],
    ['USER_DISABLED_BY_PERMANENT_LOCKOUT', {}, 'changed'],
    ['DELETE_ACCOUNT', {}, 'removed'],
  ])('%s %o is %s', (type, more, change) => {
    expect(fromUserEvent(userEvent(type, more))?.about).toMatchObject({ kind: 'user', change });
  });

  test.each([
    ['LOGIN', {}],
    ['UPDATE_PASSWORD_ERROR', {}],
    ['UPDATE_CREDENTIAL', { details: { credential_type: 'otp' } }],
    ['UPDATE_CREDENTIAL', { details: null }],
    ['UPDATE_PROFILE', { userId: null }],
    ['UPDATE_PROFILE', { userId: { toString: ADA } }],
    ['constructor', {}],
    ['__proto__', {}],
  ])('%s %o is nothing of ours', (type, more) => {
    expect(fromUserEvent(userEvent(type, more))?.about).toEqual({ kind: 'nothing-of-ours' });
  });

  test('without an id gets one that is the same each time, and another for another event', () => {
    const [one, again, other] = [TIME, TIME, TIME + 1].map((time) =>
      fromUserEvent(userEvent('UPDATE_PROFILE', { id: undefined, time })),
    );
    expect(one!.id).toMatch(/^[\w-]{43}$/);
    expect(again!.id).toBe(one!.id);
    expect(other!.id).not.toBe(one!.id);
  });

  test.each([undefined, null, [], 'x', {}, userEvent('X', { time: 'now' }), userEvent('X', { time: 1e300 })])(
    '%o is none',
    (document) => {
      expect(fromUserEvent(document)).toBeUndefined();
      expect(fromAdminEvent(document)).toBeUndefined();
    },
  );
});

describe('an event of an administrator’s doing', () => {
  test.each([
    ['CREATE', `users/${ADA}`, {}, 'changed'],
    ['UPDATE', `users/${ADA}`, { representation: '{"enabled":false}' }, 'changed'],
    ['DELETE', `users/${ADA}`, {}, 'removed'],
    ['ACTION', `users/${ADA}/reset-password`, {}, 'password'],
    ['ACTION', `users/${ADA}/credentials/f`, { details: { credential_type: 'password' } }, 'changed'],
    ['DELETE', `users/${ADA}/federated-identity/footbridge`, {}, 'changed'],
    ['CREATE', `users/${ADA}/role-mappings/realm`, { resourceType: 'REALM_ROLE_MAPPING' }, 'changed'],
    ['DELETE', `users/${ADA}/role-mappings/clients/c`, { resourceType: 'CLIENT_ROLE_MAPPING' }, 'changed'],
  ])('%s %s %o is %s, and says who did it', (operation, path, more, change) => {
    const about = { kind: 'user', targetUserId: ADA, change, editor: DESK };
    expect(fromAdminEvent(adminEvent(operation, path, more))?.about).toEqual(about);
  });

  test.each([
    ['ACTION', `users/${ADA}/logout`, {}],
    ['ACTION', `users/${ADA}/execute-actions-email`, {}],
    ['ACTION', `users/${ADA}/impersonation`, {}],
    ['CREATE', 'groups/g/role-mappings/realm', { resourceType: 'REALM_ROLE_MAPPING' }],
    ['UPDATE', `users/${ADA}`, { resourceType: 'CLIENT' }],
    ['UPDATE', `users-management-permissions`, {}],
    ['UPDATE', '', {}],
    ['UPDATE', `/users/${ADA}`, {}],
  ])('%s %s %o is nothing of ours', (operation, path, more) => {
    const event = fromAdminEvent(adminEvent(operation, path, more));
    expect(event?.about).toEqual({ kind: 'nothing-of-ours' });
  });

  test('need not say who did it', () => {
    const event = fromAdminEvent(adminEvent('DELETE', `users/${ADA}`, { authDetails: null }));
    expect(event?.about).toEqual({ kind: 'user', targetUserId: ADA, change: 'removed' });
  });
});

describe('a webhook', () => {
  const KEY = 'a key of sixteen letters or more';
  const open = (webhook: object | undefined, keycloak: object | undefined = undefined) =>
    openKeycloakWebhook(
      targetSettings.parse([
        {
          name: 'kc',
          kind: 'keycloak',
          displayName: 'New',
          loginUrl: 'https://new.example/',
          api: {
            url: 'http://127.0.0.1:9',
            realm: 'shop',
            clientCredentials: { clientId: 'a', secret: 'b' },
          },
          ...(webhook && { webhook }),
          ...(keycloak && { keycloak }),
        },
      ])[0]!,
    );
  /** `ExtendedAdminEvent` of the extension. */
  const sent = (more: object = {}) =>
    JSON.stringify({
      ...userEvent('UPDATE_PROFILE'),
      userId: undefined,
      type: 'access.UPDATE_PROFILE',
      uid: 'c1c3b7a4-0d3c-4b51-8a73-000000000001',
      realmName: 'shop',
      authDetails: { realmId: 'shop', clientId: 'account-console', userId: ADA, username: 'ada' },
      ...more,
    });
  const signed = (body: string, key = KEY): IncomingHttpHeaders => ({
    'x-keycloak-signature': createHmac('sha256', key).update(body).digest('hex'),
  });
  const read = (body: string, headers = signed(body), webhook: object = { hmacKey: KEY }) =>
    open(webhook)!.read(headers, Buffer.from(body));

  test('says the same of an event as the realm’s own list, with the same id', () => {
    expect(read(sent())).toEqual(fromUserEvent(userEvent('UPDATE_PROFILE')));
    const path = `users/${ADA}/reset-password`;
    const admin = adminEvent('ACTION', path);
    const event = read(sent({ ...admin, type: 'admin.USER-ACTION', details: { userId: ADA } }));
    expect(event).toEqual(fromAdminEvent(admin));
  });

  test.each([
    [{ type: 'access.LOGIN' }],
    [{ type: 'system.UPDATE_PROFILE' }],
    [{ type: 'admin.USER-UPDATE' }],
    [{ realmName: 'another' }],
    [{ authDetails: null }],
  ])('of %o is nothing of ours', (more) => {
    expect(read(sent(more))).toMatchObject({ about: { kind: 'nothing-of-ours' } });
  });

  test('is signed over the bytes that came', () => {
    const body = sent({ details: { name: 'Zoë 🌉' } });
    expect(read(body)).toMatchObject({ name: 'access.UPDATE_PROFILE' });
    for (const other of [`${body} `, body.replace('ada', 'bob'), ''])
      expect(() => read(other, signed(body))).toThrow(expect.objectContaining({ code: 'bad_signature' }));
  });

  test.each([
    ['missing', {}],
    ['of another key', signed(sent(), 'another key, as long as that')],
    ['a SHA-1', { 'x-keycloak-signature': createHmac('sha1', KEY).update(sent()).digest('hex') }],
    ['no hexadecimal number', { 'x-keycloak-signature': 'x'.repeat(64) }],
    ['an API key', { 'x-api-key': KEY }],
  ])('is refused whose signature is %s', (_what, headers) => {
    expect(() => read(sent(), headers)).toThrow(expect.objectContaining({ code: 'bad_signature' }));
  });

  test.each(['', 'x', '[]', '{}', sent({ time: 'now' }), sent({ type: '' })])(
    'that is signed and no event is refused: %s',
    (body) => {
      expect(() => read(body)).toThrow(expect.objectContaining({ code: 'bad_request' }));
    },
  );

  test('with an API key is taken with that key only', () => {
    const webhook = { apiKey: { name: 'key', in: 'query', value: KEY } };
    const at = (key: string) =>
      open(webhook)!.read({}, Buffer.from(sent()), new URL(`https://a.example/webhooks/kc?key=${key}`));
    expect(at(encodeURIComponent(KEY))).toMatchObject({ name: 'access.UPDATE_PROFILE' });
    expect(() => at('another')).toThrow(expect.objectContaining({ code: 'unauthorized' }));
  });

  test('is there where the settings name it, and reads stored events where they say so', async () => {
    expect(open(undefined)).toBeUndefined();
    expect(open({ hmacKey: KEY })).not.toHaveProperty('replay');
    const both = open({ hmacKey: KEY }, { events: true })!;
    expect(both.replay).toBeTypeOf('function');
    const stored = open(undefined, { events: true })!;
    expect(() => stored.read({}, Buffer.from(sent()))).toThrow(
      expect.objectContaining({ code: 'not_found' }),
    );
    await both.close();
    await stored.close();
  });

  test('is not for another kind’s settings', () => {
    const other = { name: 'x', displayName: 'X', loginUrl: 'https://x.example/' };
    const api = { url: 'https://x.example', token: 't' };
    const wrong = [
      { ...other, kind: 'zitadel', api, keycloak: { events: true } },
      { ...other, kind: 'keycloak', keycloak: { events: true } },
    ];
    for (const target of wrong) expect(targetSettings.safeParse([target]).success).toBe(false);
    expect(Object.keys(USER_EVENTS)).toContain('UPDATE_PROFILE');
  });
});
