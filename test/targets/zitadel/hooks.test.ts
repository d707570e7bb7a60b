/** What ZITADEL's calls mean to us, and that it can read our answers, which it parses strictly. */
import { fromJson } from '@bufbuild/protobuf';
import {
  CreateSessionRequestSchema,
  SetSessionRequestSchema,
} from '@zitadel/proto/zitadel/session/v2/session_service_pb.js';
import {
  AddHumanUserRequestSchema,
  RetrieveIdentityProviderIntentResponseSchema,
} from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import { describe, expect, test } from 'vitest';
import type { HookResult } from '../../../src/targets/hook.ts';
import { HOOK_CONDITIONS, zitadelHooks } from '../../../src/targets/zitadel/hooks.ts';
import { EVENT_TYPES } from '../../../src/targets/zitadel/hooks-events.ts';
import { everything, HASH, named } from './people.ts';

const hook = (name: string) => zitadelHooks.find((one) => one.name === name)!;
const read = (name: string, payload: unknown) => hook(name).read(payload);
const answer = (name: string, payload: unknown, result: HookResult) => hook(name).answer(payload, result);
const GO_ON: HookResult = { kind: 'go-on' };

/** As a release of 2025 sends it; the ticket is a claim of ours. */
const information = {
  oauth: { accessToken: 'at', idToken: 'it' },
  idpId: 'idp-1',
  userId: 'shop:1',
  userName: 'anna@shop.example',
  rawInformation: { sub: 'shop:1', 'urn:footbridge:ticket': 'fbt1.a.b', updated_at: 1_700_000_000 },
};
const details = { sequence: '18446744073709551615', changeDate: '2026-01-02T03:04:05.123456Z' };
const theirs = {
  username: 'anna@shop.example',
  organization: { orgId: 'org-default' },
  profile: { givenName: 'A', familyName: 'B', gender: 'GENDER_FEMALE' },
  email: { email: 'old@example.com', sendCode: {} },
  metadata: [{ key: 'theirs', value: 'eA==' }],
  idpLinks: [{ idpId: 'idp-1', userId: 'shop:1', userName: 'anna@shop.example' }],
};
const intentOf = (response: object) => ({
  fullMethod: '/zitadel.user.v2.UserService/RetrieveIdentityProviderIntent',
  instanceID: 'i',
  userID: 'login-client',
  request: { idpIntentId: '1', idpIntentToken: 't' },
  response,
});
const INTENT = intentOf({ details, idpInformation: information, addHumanUser: theirs });
const onlySub = { ...named('new'), sub: 'shop:1' };

describe('somebody who comes back from us', () => {
  test('is read with subject, provider and ticket', () => {
    const call = { kind: 'returned', sub: 'shop:1', identityProvider: 'idp-1', ticket: 'fbt1.a.b' };
    expect(read('intent', INTENT)).toEqual(call);
    const known = intentOf({ idpInformation: { ...information, rawInformation: {} }, userId: 'u1' });
    expect(read('intent', known)).toEqual({
      kind: 'returned',
      sub: 'shop:1',
      identityProvider: 'idp-1',
      targetUserId: 'u1',
    });
  });

  test('without a subject is nothing to us', () => {
    expect(read('intent', intentOf({ idpInformation: { idpId: 'idp-1' } }))).toEqual({ kind: 'ignored' });
    expect(read('intent', intentOf({}))).toEqual({ kind: 'ignored' });
  });

  test('goes on with the bare message, nothing of it changed', () => {
    expect(answer('intent', INTENT, GO_ON)).toEqual({ status: 200, body: INTENT.response });
  });

  test('is filled in with all that we know, as AddHumanUser takes it', () => {
    const { status, body } = answer('intent', INTENT, {
      kind: 'go-on-with',
      user: { ...everything, sub: 'shop:1' },
    });
    expect(status).toBe(200);
    const { addHumanUser, ...rest } = body as Record<string, object>;
    expect(rest).toEqual({ details, idpInformation: information });
    expect(addHumanUser).toMatchObject({
      userId: everything.targetUserId,
      username: 'all',
      organization: { orgId: 'org-default' },
      profile: { givenName: 'Anna', nickName: 'Al', preferredLanguage: 'de-CH' },
      email: { email: 'all@example.com', isVerified: true },
      hashedPassword: { hash: HASH, changeRequired: false },
      totpSecret: everything.totpSecret,
      idpLinks: [
        { idpId: 'idp-1', userId: 'shop:1' },
        { idpId: 'idp-2', userId: 'google-1', userName: 'all@gmail.example' },
      ],
    });
    // Strict: an unknown field or two of a oneof throw.
    const message = fromJson(RetrieveIdentityProviderIntentResponseSchema, body as never);
    expect(message.details?.sequence).toBe(18_446_744_073_709_551_615n);
    expect(message.addHumanUser?.email?.verification).toEqual({ case: 'isVerified', value: true });
    expect(message.addHumanUser?.passwordType.case).toBe('hashedPassword');
  });

  test('with an address that nobody has verified gets no mail from ZITADEL', () => {
    const user = { ...onlySub, email: { address: 'x@example.com', isVerified: false } };
    const { body } = answer('intent', INTENT, { kind: 'go-on-with', user });
    const { addHumanUser } = fromJson(RetrieveIdentityProviderIntentResponseSchema, body as never);
    expect(addHumanUser?.email?.verification.case).toBe('returnCode');
    expect(addHumanUser?.passwordType.case).toBeUndefined();
  });

  test('is filled in for newer logins too, which take createUser as it is', () => {
    const createUser = {
      organizationId: 'org-default',
      username: 'anna@shop.example',
      human: {
        profile: theirs.profile,
        email: theirs.email,
        idpLinks: theirs.idpLinks,
        password: { password: 'x' },
      },
      metadata: [{ key: 'k', value: 'eA==' }],
    };
    const payload = intentOf({ idpInformation: information, addHumanUser: theirs, createUser });
    const user = { ...everything, sub: 'shop:1', organization: 'org-2' };
    const { body } = answer('intent', payload, { kind: 'go-on-with', user });
    const made = (body as { createUser: Record<string, object> }).createUser;
    const { human, ...request } = made;
    expect(request).toEqual({
      organizationId: 'org-2',
      userId: everything.targetUserId,
      username: 'all',
      metadata: createUser.metadata,
    });
    expect(human).toMatchObject({ hashedPassword: { hash: HASH }, totpSecret: everything.totpSecret });
    expect(human).not.toHaveProperty('password');
    // The human part has the members of the older message, and no others.
    expect(() => fromJson(AddHumanUserRequestSchema, human as never)).not.toThrow();
  });

  test('of whom ZITADEL is to make nobody is not filled in', () => {
    const payload = intentOf({ idpInformation: information });
    const result = { kind: 'go-on-with', user: onlySub } as const;
    expect(answer('intent', payload, result).body).toEqual(payload.response);
  });

  test('whom ZITADEL would never take is left as the claims say', () => {
    const { email: _, ...user } = onlySub;
    expect(answer('intent', INTENT, { kind: 'go-on-with', user }).body).toEqual(INTENT.response);
  });
});

const session = (method: string, request: object) => ({
  fullMethod: `/zitadel.session.v2.SessionService/${method}`,
  request,
});
const password = { password: 'Tr0ub4dor&3' };

describe('a password typed at ZITADEL', () => {
  test('is read with whom it names', () => {
    const byId = session('CreateSession', { checks: { user: { userId: 'u1' }, password } });
    expect(read('session', byId)).toEqual({ kind: 'typed', ...password, targetUserId: 'u1' });
    const userAgent = { ip: '192.0.2.7' };
    const byName = session('CreateSession', { checks: { user: { loginName: 'anna' }, password }, userAgent });
    expect(read('session', byName)).toEqual({
      kind: 'typed',
      ...password,
      login: 'anna',
      network: '192.0.2.7',
    });
    const inSession = session('SetSession', { sessionId: 's1', sessionToken: 't', checks: { password } });
    expect(read('session', inSession)).toEqual({ kind: 'typed', ...password, targetSessionId: 's1' });
  });

  test('from an address that is none is from nowhere', () => {
    const payload = session('CreateSession', { checks: { password }, userAgent: { ip: 'x' } });
    expect(read('session', payload)).not.toHaveProperty('network');
  });

  test.each([
    ['another check', { checks: { totp: { code: '123456' } } }],
    ['no check', {}],
    ['an empty password', { checks: { password: { password: '' } } }],
    ['a password that is none', { checks: { password: { password: 7 } } }],
    ['checks that are none', { checks: 'x' }],
  ])('is not there where there is %s', (_what, request) => {
    expect(read('session', session('SetSession', request))).toEqual({ kind: 'ignored' });
  });

  test('goes back as the very request', () => {
    const request = {
      sessionId: 's1',
      checks: { user: { userId: 'u1' }, password },
      metadata: { k: 'eA==' },
      lifetime: '86400.000000001s',
    };
    const { body } = answer('session', session('SetSession', request), GO_ON);
    expect(body).toEqual(request);
    expect(() => fromJson(SetSessionRequestSchema, body as never)).not.toThrow();
    const created = answer('session', session('CreateSession', { checks: { password } }), GO_ON).body;
    expect(() => fromJson(CreateSessionRequestSchema, created as never)).not.toThrow();
  });

  test('that is refused is refused in ways that can be told apart, without the password', () => {
    const payload = session('SetSession', { checks: { password } });
    const told = (['wrong-password', 'disabled', 'throttled', 'legacy-down'] as const).map((reason) => {
      const { status, body } = answer('session', payload, { kind: 'refused', reason, retryAfterSeconds: 7 });
      expect(status).toBe(200);
      expect(JSON.stringify(body)).not.toContain(password.password);
      return (body as { forwardedStatusCode: number }).forwardedStatusCode;
    });
    // InvalidArgument, PermissionDenied, ResourceExhausted, and FailedPrecondition for what is not from 400 to 499.
    expect(told).toEqual([400, 403, 429, 503]);
    const { body } = answer('session', payload, {
      kind: 'refused',
      reason: 'throttled',
      retryAfterSeconds: 7,
    });
    expect(body).toMatchObject({ forwardedErrorMessage: 'Too many attempts. Try again in 7 seconds.' });
  });

  test('can be refused before the message could be opened', () => {
    const refused = { kind: 'refused', reason: 'legacy-down' } as const;
    expect(answer('session', undefined, refused).status).toBe(200);
    expect(answer('intent', undefined, refused).status).toBe(200);
    expect(answer('password', undefined, refused).status).toBe(503);
    expect(answer('lookup', undefined, refused).status).toBe(503);
    expect(answer('events', undefined, refused).status).toBe(503);
  });
});

test('a new password is its user’s', () => {
  const payload = {
    fullMethod: '/zitadel.user.v2.UserService/SetPassword',
    request: { userId: 'u1', newPassword: password },
    response: { details: {} },
  };
  expect(read('password', payload)).toEqual({ kind: 'password-set', targetUserId: 'u1' });
  expect(answer('password', payload, GO_ON)).toEqual({ status: 200, body: { details: {} } });
  const refused = { kind: 'refused', reason: 'legacy-down' } as const;
  expect(answer('password', payload, refused)).toEqual({ status: 200, body: { details: {} } });
});

describe('a lookup', () => {
  const lookup = (queries: unknown, result: unknown[] = []) => ({
    fullMethod: '/zitadel.user.v2.UserService/ListUsers',
    request: { queries },
    response: { details: { totalResult: String(result.length) }, result },
  });
  test.each([
    [[{ loginNameQuery: { loginName: 'anna', method: 'TEXT_QUERY_METHOD_EQUALS' } }]],
    [[{ typeQuery: {} }, { emailQuery: { emailAddress: 'anna' } }]],
    [[{ orQuery: { queries: [{ andQuery: { queries: [{ userNameQuery: { userName: 'anna' } }] } }] } }]],
  ])('is read, and goes back unchanged', (queries) => {
    const payload = lookup(queries, [{ userId: 'u1' }]);
    expect(read('lookup', payload)).toEqual({ kind: 'lookup', login: 'anna', found: true });
    expect(read('lookup', lookup(queries))).toEqual({ kind: 'lookup', login: 'anna', found: false });
    expect(answer('lookup', payload, GO_ON).body).toEqual(payload.response);
  });

  test('of nobody in particular, or nested without end, is nothing to us', () => {
    let deep: unknown = [{ loginNameQuery: { loginName: 'anna' } }];
    for (let depth = 0; depth < 1_000; depth += 1) deep = [{ orQuery: { queries: deep } }];
    for (const queries of [undefined, [], [{ typeQuery: {} }], deep])
      expect(read('lookup', lookup(queries))).toEqual({ kind: 'ignored' });
  });
});

describe('an event', () => {
  const event = (type: string, event_payload?: unknown, more: object = {}) => ({
    aggregateID: 'u1',
    aggregateType: 'user',
    resourceOwner: 'org',
    instanceID: 'i',
    version: 'v2',
    sequence: 7,
    event_type: type,
    created_at: '2026-01-02T03:04:05.123456789Z',
    userID: 'editor',
    event_payload,
    ...more,
  });
  const link = { idpConfigId: 'idp-1', userId: 'shop:1', displayName: 'anna' };
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

  test.each([
    ['as an object', link],
    ['as base64', encoded(link)],
  ])('of a link is about the subject, with its payload %s', (_how, payload) => {
    const linked = { targetUserId: 'u1', sub: 'shop:1', identityProvider: 'idp-1' };
    for (const type of ['user.human.externalidp.added', 'user.idp.link.added'])
      expect(read('events', event(type, payload))).toEqual({ kind: 'linked', ...linked });
    for (const type of ['user.human.externalidp.removed', 'user.human.externalidp.cascade.removed'])
      expect(read('events', event(type, payload))).toEqual({ kind: 'unlinked', ...linked });
  });

  test.each([
    ['user.human.added', { kind: 'linked', targetUserId: 'u1' }],
    ['user.human.password.changed', { kind: 'password-set', targetUserId: 'u1', editor: 'editor' }],
    ['user.human.signed.out', { kind: 'session-ended', targetUserId: 'u1', editor: 'editor' }],
    ['user.human.password.check.succeeded', { kind: 'logged-in', targetUserId: 'u1' }],
    ['user.deactivated', { kind: 'deactivated', targetUserId: 'u1', editor: 'editor' }],
    ['user.reactivated', { kind: 'reactivated', targetUserId: 'u1', editor: 'editor' }],
    ['user.removed', { kind: 'removed', targetUserId: 'u1', editor: 'editor' }],
    ['user.human.email.changed', { kind: 'changed' }],
    ['user.human.password.hash.updated', { kind: 'ignored' }],
    ['user.grant.added', { kind: 'ignored' }],
    ['__proto__', { kind: 'ignored' }],
    ['toString', { kind: 'ignored' }],
  ])('%s is read', (type, call) => {
    expect(read('events', event(type, { encodedHash: HASH }))).toEqual(call);
    expect(read('events', event(type))).toEqual(call);
  });

  describe('of a session', () => {
    const of = (type: string, payload?: unknown, more = {}) =>
      read('events', event(type, payload, { aggregateID: 's1', aggregateType: 'session', ...more }));
    const provedAt = Date.parse('2026-01-02T03:04:05Z') / 1_000;

    test('says whose it is to be, and that nothing is proved yet', () => {
      const named = {
        ...{ kind: 'session-started', targetSessionId: 's1', targetUserId: 'u1' },
        editor: 'editor',
      };
      expect(of('session.user.checked', { userID: 'u1', checkedAt: '2026-01-02T03:04:05Z' })).toEqual(named);
      expect(of('session.user.checked', encoded({ userID: 'u1' }))).toEqual(named);
      for (const payload of [{}, { userID: 7 }, { userID: '' }, { userID: 'a\0b' }])
        expect(of('session.user.checked', payload)).toEqual({ kind: 'ignored' });
    });

    test.each(['session.password.checked', 'session.intent.checked', 'session.webAuthN.checked'])(
      '%s says that it is proved, and when',
      (type) => {
        const proved = { kind: 'session-started', targetSessionId: 's1', provedAt, editor: 'editor' };
        expect(of(type, { checkedAt: '2026-01-02T03:04:05.9Z' })).toEqual(proved);
        expect(of(type)).toEqual(proved);
        expect(of(type, { checkedAt: 'no time' })).toEqual(proved);
      },
    );

    test('is never proved in the time to come', () => {
      const before = Math.floor(Date.now() / 1_000);
      for (const [payload, more] of [
        [{ checkedAt: '2999-01-01T00:00:00Z' }, {}],
        [{}, { created_at: undefined }],
      ] as const) {
        const call = of('session.password.checked', payload, more);
        expect(call.kind === 'session-started' && call.provedAt).toBeGreaterThanOrEqual(before);
        expect(call.kind === 'session-started' && call.provedAt).toBeLessThanOrEqual(Date.now() / 1_000);
      }
    });

    test('that has ended names it and who did it', () => {
      expect(of('session.terminated')).toEqual({
        kind: 'session-ended',
        targetSessionId: 's1',
        editor: 'editor',
      });
      expect(of('session.terminated', undefined, { userID: undefined })).toEqual({
        kind: 'session-ended',
        targetSessionId: 's1',
      });
    });

    test('at Login V1 is named where the release names it', () => {
      expect(read('events', event('user.human.signed.out', { userAgentID: 'a', sessionID: 'V1_7' }))).toEqual(
        {
          kind: 'session-ended',
          targetUserId: 'u1',
          targetSessionId: 'V1_7',
          editor: 'editor',
        },
      );
    });

    test('is nothing to us where it is no such thing', () => {
      for (const type of ['session.added', 'session.token.set', 'user.removed', 'toString'])
        expect(of(type)).toEqual({ kind: 'ignored' });
      expect(read('events', event('session.terminated'))).toEqual({ kind: 'ignored' });
    });
  });

  test('of a password keeps the hash in it to itself', () => {
    const call = read('events', event('user.human.password.changed', { encodedHash: HASH }));
    expect(JSON.stringify(call)).not.toContain(HASH);
  });

  test('of another aggregate is nothing to us', () => {
    expect(read('events', event('user.removed', {}, { aggregateType: 'org' }))).toEqual({ kind: 'ignored' });
  });

  test.each([
    ['no object', 'x'],
    ['without an aggregate', event('user.removed', {}, { aggregateID: undefined })],
    ['with a payload that is not JSON', event('user.idp.link.added', 'eA==')],
  ])('that is %s is refused', (_what, payload) => {
    expect(() => read('events', payload)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });

  test('is answered with an outage where there is one: no refusal would help anybody', () => {
    expect(answer('events', {}, GO_ON)).toEqual({ status: 200, body: {} });
    expect(answer('events', {}, { kind: 'refused', reason: 'legacy-down' }).status).toBe(503);
  });
});

test('a call of another hook’s method is refused: a signature does not say which hook it is for', () => {
  const payloads = {
    intent: INTENT,
    session: session('SetSession', { checks: { password } }),
    password: { fullMethod: '/zitadel.user.v2.UserService/SetPassword', request: { userId: 'u1' } },
    lookup: { fullMethod: '/zitadel.user.v2.UserService/ListUsers', request: {} },
    events: { aggregateID: 'u1', aggregateType: 'user', event_type: 'user.removed' },
    v1: { ticket: 'x' },
  };
  for (const { name } of zitadelHooks)
    for (const [other, payload] of Object.entries(payloads))
      if (other === name) expect(() => read(name, payload)).not.toThrow();
      else expect(() => read(name, payload), `${other} at ${name}`).toThrow();
  for (const junk of [undefined, null, 7, 'x', [], {}, { fullMethod: 7 }, { fullMethod: 'SetPassword' }])
    for (const { name } of zitadelHooks) expect(() => read(name, junk)).toThrow();
});

test('a script says a ticket, or whom it has seen made, and nothing else', () => {
  expect(read('v1', { ticket: 'fbt1.a.b' })).toEqual({ kind: 'announced', ticket: 'fbt1.a.b' });
  expect(read('v1', { sub: 's', userId: 'u' })).toEqual({ kind: 'hinted', sub: 's', targetUserId: 'u' });
  for (const other of [
    { sub: 's' },
    { ticket: '' },
    { ticket: 'x'.repeat(2_049) },
    { ticket: 'x', sub: 's' },
  ])
    expect(() => read('v1', other)).toThrow(expect.objectContaining({ code: 'bad_request' }));
});

test('a script is told what to call somebody, and no secret', () => {
  const { body } = answer('v1', {}, { kind: 'go-on-with', user: everything });
  expect(body).toEqual({
    setPreferredUsername: 'all',
    setFirstName: 'Anna',
    setLastName: 'Able',
    setNickName: 'Al',
    setDisplayName: 'Anna “All” Able',
    setPreferredLanguage: 'de-CH',
    setEmail: 'all@example.com',
    setEmailVerified: true,
    setPhone: '+41 44 668 18 00',
    setPhoneVerified: true,
  });
});

test('every hook that ZITADEL calls by itself has its conditions, and the events a name each', () => {
  const signed = zitadelHooks.filter(({ isUnsigned }) => !isUnsigned).map(({ name }) => name);
  expect(Object.keys(HOOK_CONDITIONS).sort()).toEqual(signed.sort());
  expect(EVENT_TYPES).not.toContain('user.human.added');
  expect(new Set(EVENT_TYPES).size).toBe(EVENT_TYPES.length);
});
