/** Who may call our hooks, with which key, how often, and what they are answered when something is not well. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CompactSign, exportJWK, generateKeyPair } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/errors.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import { hooksOperations, hooksRoutes } from '../../../src/migration/hooks/hooks-routes.ts';
import { signBody } from '../../../src/migration/signature.ts';
import { BODY_BYTES, Secret } from '../../../src/settings.ts';
import { statement } from '../../../src/store/db.ts';
import type { HookCall, HookResult } from '../../../src/targets/hook.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { beginKeyRotation, recordResource } from '../../../src/targets/resources.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { execute } from '../../support/database.ts';
import type { Answer, Stage } from '../stage.ts';
import { openStage } from '../stage.ts';

const KEYS = {
  session: 'session-key-of-the-first-instance',
  intent: 'intent-key-of-the-first-instance!',
  events: 'events-key-of-the-first-instance!',
  api: 'key-for-the-migration-api-alone!!',
  other: 'session-key-of-another-instance!!',
  stored: 'key-that-target-setup-has-stored!',
};
const PASSWORD = 'Tr0ub4dor&3';
const CHECKS = { checks: { user: { userId: 'u1' }, password: { password: PASSWORD } } };
const TYPED = { fullMethod: '/zitadel.session.v2.SessionService/CreateSession', request: CHECKS };
const EVENT = { aggregateID: 'u1', aggregateType: 'user', event_type: 'user.deactivated' };

let stage: Stage;
/** What the calls were taken for, and what becomes of the next ones. */
const calls: { target: string; call: HookCall }[] = [];
const outcomes: object[] = [];
let result: HookResult | Error;
/** Moves forward by itself: the keys are then read again. */
let elapsedMs = 0;
let jwks: ReturnType<typeof createServer>;
let instance: Awaited<ReturnType<typeof generateKeyPair>>;
let jwksStatus = 200;

beforeAll(async () => {
  instance = await generateKeyPair('RS256');
  const keys = [{ ...(await exportJWK(instance.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }];
  jwks = createServer((_, res) => res.writeHead(jwksStatus).end(JSON.stringify({ keys })));
  await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
  const api = {
    url: `http://127.0.0.1:${(jwks.address() as AddressInfo).port}`,
    token: 'a-token-for-its-api',
  };
  const target = { kind: 'zitadel', displayName: 'New', loginUrl: 'https://new.example/' };
  const key = (id: string, value: string) => ({ id, key: value });
  const targets = openTargets(
    targetSettings.parse([
      {
        ...target,
        name: 'main',
        api,
        hmacKeys: [
          key('session', KEYS.session),
          key('intent.2026', KEYS.intent),
          key('events', KEYS.events),
          key('2026', KEYS.api),
        ],
      },
      { ...target, name: 'second', hmacKeys: [key('session', KEYS.other)] },
      { ...target, name: 'third', api, hmacKeys: [key('session', KEYS.session)] },
      { ...target, name: 'plain', kind: 'generic' },
    ]),
  );
  stage = await openStage({
    routes: ({ db, keyring, nowSeconds, onError }) =>
      hooksRoutes({
        db,
        keyring,
        targets,
        nowSeconds: nowSeconds!,
        onError,
        elapsed: () => elapsedMs,
        atLogin: async ({ name }, call) => {
          calls.push({ target: name, call });
          if (result instanceof Error) throw result;
          return result;
        },
        onCall: (outcome) => outcomes.push(outcome),
      }),
  });
});
afterAll(async () => {
  jwks.close();
  await stage.close();
});
beforeEach(() => {
  calls.length = 0;
  outcomes.length = 0;
  stage.errors.length = 0;
  result = { kind: 'go-on' };
  jwksStatus = 200;
  stage.nowSeconds += 1;
});

interface Sent {
  readonly to?: string;
  readonly key?: string;
  readonly header?: string;
  readonly at?: number;
}
function send(body: unknown, { to = 'zitadel/main/session', ...how }: Sent = {}): Promise<Answer> {
  const { key = KEYS.session, header = 'ZITADEL-Signature', at = stage.nowSeconds } = how;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const signature = signBody(new Secret(key), Buffer.from(text), at);
  return stage.call('POST', `/hooks/${to}`, { body: text, headers: { [header]: signature } });
}
const codeOf = ({ status, json }: Answer) => [status, json?.code];

describe('a call with the key of its hook', () => {
  test.each(['ZITADEL-Signature', 'X-ZITADEL-Signature'])('in %s is taken', async (header) => {
    const answer = await send(TYPED, { header });
    expect([answer.status, answer.json]).toEqual([200, CHECKS]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(calls).toEqual([
      { target: 'main', call: { kind: 'typed', password: PASSWORD, targetUserId: 'u1' } },
    ]);
    expect(outcomes).toEqual([{ target: 'main', hook: 'session', call: 'typed', result: 'go-on' }]);
  });

  test('that is one of several is taken', async () => {
    const returned = {
      fullMethod: '/zitadel.user.v2.UserService/RetrieveIdentityProviderIntent',
      response: {},
    };
    expect((await send(returned, { to: 'zitadel/main/intent', key: KEYS.intent })).status).toBe(200);
  });

  test('as long as ZITADEL itself would take it is taken', async () => {
    expect((await send(TYPED, { at: stage.nowSeconds - 300 })).status).toBe(200);
    expect((await send(TYPED, { at: stage.nowSeconds + 300 })).status).toBe(200);
  });
});

describe('a call is refused and read no further', () => {
  test('without a signature', async () => {
    const answer = await stage.call('POST', '/hooks/zitadel/main/session', { body: TYPED });
    expect(codeOf(answer)).toEqual([401, 'bad_signature']);
  });

  test.each([
    ['made up', { key: 'a-key-that-nobody-has-ever-made!' }],
    ['of another hook', { key: KEYS.intent }],
    ['of another target', { key: KEYS.other }],
    ['of the migration API', { key: KEYS.api }],
  ])('with a key that is %s', async (_whose, how) => {
    expect(codeOf(await send(TYPED, how))).toEqual([401, 'bad_signature']);
  });

  test.each([-301, 301])('signed %i seconds from now', async (away) => {
    expect(codeOf(await send(TYPED, { at: stage.nowSeconds + away }))).toEqual([401, 'bad_signature']);
  });

  test('with a body that was changed', async () => {
    const headers = {
      'ZITADEL-Signature': signBody(new Secret(KEYS.session), Buffer.from('{}'), stage.nowSeconds),
    };
    const answer = await stage.call('POST', '/hooks/zitadel/main/session', { body: TYPED, headers });
    expect(codeOf(answer)).toEqual([401, 'bad_signature']);
  });

  test('the second time, on whichever hook and target', async () => {
    const at = stage.nowSeconds;
    expect((await send(TYPED)).status).toBe(200);
    calls.length = 0;
    expect(codeOf(await send(TYPED, { at }))).toEqual([409, 'replayed']);
    expect(codeOf(await send(TYPED, { at, to: 'zitadel/main/intent' }))).toEqual([401, 'bad_signature']);
    expect(codeOf(await send(TYPED, { at, to: 'zitadel/second/session' }))).toEqual([401, 'bad_signature']);
  });

  test('the second time, unless nothing comes of it: two may look for the same in one second', async () => {
    const nothing = { ...TYPED, request: { checks: { user: { userId: 'u1' } } } };
    const answers = await Promise.all([1, 2, 3].map(() => send(nothing)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(calls.map(({ call }) => call.kind)).toEqual(['ignored', 'ignored', 'ignored']);
    calls.length = 0;
  });

  test('all but one, when twenty come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(TYPED)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(409)]);
    expect(calls).toHaveLength(1);
    calls.length = 0;
  });

  test('where it is larger than anything we take', async () => {
    const answer = await send('x'.repeat(BODY_BYTES + 1));
    expect(codeOf(answer)).toEqual([413, 'body_too_large']);
  });

  test.each([
    'zitadel/main/nothing',
    'zitadel/main/toString',
    'zitadel/nobody/session',
    'generic/main/session',
    'generic/plain/session',
  ])('at %s, where there is nothing', async (to) => {
    expect(codeOf(await send(TYPED, { to }))).toEqual([404, 'not_found']);
  });

  test.each([
    ['is no JSON', '{'],
    ['is no message', '[]'],
    ['belongs to another hook', EVENT],
    ['is of another method', { fullMethod: '/zitadel.user.v2.UserService/ListUsers', request: {} }],
  ])('whose message %s', async (_what, body) => {
    expect(codeOf(await send(body))).toEqual([400, 'bad_request']);
    expect(stage.errors).toEqual([]);
  });

  test.each(['none', 'RS256'])(
    'whose JWT (%s) is not the instance’s, though the HMAC is right',
    async (alg) => {
      const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const signature = alg === 'none' ? '' : Buffer.alloc(256, 1).toString('base64url');
      const jwt = `${encoded({ alg, kid: 'k1' })}.${encoded(TYPED)}.${signature}`;
      expect(codeOf(await send(jwt))).toEqual([401, 'bad_signature']);
    },
  );

  afterEach(() => expect(calls).toEqual([]));
});

describe('a body that the instance has signed', () => {
  const jwt = () =>
    new CompactSign(Buffer.from(JSON.stringify(TYPED)))
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .sign(instance.privateKey);

  test('is taken with the HMAC of the hook, and not without', async () => {
    expect((await send(await jwt())).status).toBe(200);
    const unsigned = await stage.call('POST', '/hooks/zitadel/main/session', { body: await jwt() });
    expect(codeOf(unsigned)).toEqual([401, 'bad_signature']);
    expect(codeOf(await send(await jwt(), { key: KEYS.intent }))).toEqual([401, 'bad_signature']);
  });

  test('is told as an outage that passes while its keys cannot be had', async () => {
    jwksStatus = 503;
    const third = { to: 'zitadel/third/session', key: KEYS.session };
    const answer = await send(await jwt(), third);
    expect([answer.status, answer.json.forwardedStatusCode]).toEqual([200, 503]);
    expect(outcomes).toEqual([{ target: 'third', hook: 'session', call: 'unread', result: 'legacy-down' }]);
    jwksStatus = 200;
    stage.nowSeconds += 1;
    expect((await send(await jwt(), third)).json).toEqual(CHECKS);
  });
});

describe('keys that target setup has stored', () => {
  const resource = { target: 'main', kind: 'action-target', name: 'session', remoteId: 'remote-1' } as const;
  const record = (key: string) =>
    recordResource(stage.db, stage.keyring, { ...resource, key: new Secret(key) });

  test('are good at once, and each for its own hook', async () => {
    expect((await send(TYPED, { key: KEYS.stored })).status).toBe(401);
    await record(KEYS.stored);
    elapsedMs += 1_000;
    expect((await send(TYPED, { key: KEYS.stored })).status).toBe(200);
    expect((await send(EVENT, { key: KEYS.stored, to: 'zitadel/main/events' })).status).toBe(401);
    expect((await send(TYPED, { key: KEYS.stored, to: 'zitadel/second/session' })).status).toBe(401);
  });

  test('are replaced without a restart, and the one before is good for a while', async () => {
    const next = 'key-after-the-rotation-of-the-old';
    await beginKeyRotation(stage.db, resource, 60);
    await record(next);
    elapsedMs += 1_000;
    expect((await send(TYPED, { key: next })).status).toBe(200);
    expect((await send(TYPED, { key: KEYS.stored })).status).toBe(200);
    await execute(stage.databaseUrl, `update target_resources set previous_until = now()`);
    elapsedMs += 5_000;
    stage.nowSeconds += 1;
    expect((await send(TYPED, { key: KEYS.stored })).status).toBe(401);
    expect((await send(TYPED, { key: next })).status).toBe(200);
  });

  test('are not read for every forged call', async () => {
    const forged = { key: 'a-key-that-nobody-has-ever-made!' };
    await send(TYPED, forged);
    await execute(stage.databaseUrl, `alter table target_resources rename to away`);
    try {
      for (let i = 0; i < 10; i += 1) expect((await send(TYPED, forged)).status).toBe(401);
    } finally {
      await execute(stage.databaseUrl, `alter table away rename to target_resources`);
    }
  });
});

describe('an outage', () => {
  test.each<ErrorCode>([
    'legacy_unavailable',
    'storage_unavailable',
    'hashing_overloaded',
    'target_unavailable',
  ])('of ours (%s) is told to the person in ZITADEL’s words, with when to come back', async (code) => {
    result = new FootbridgeError(code, { retryAfterSeconds: 7 });
    const answer = await send(TYPED);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      forwardedStatusCode: 503,
      forwardedErrorMessage: 'The password cannot be checked at the moment. Try again in 7 seconds.',
    });
    expect(stage.errors).toEqual([]);
    expect(outcomes).toEqual([{ target: 'main', hook: 'session', call: 'typed', result: 'legacy-down' }]);
  });

  test('that nobody has thought of is told so too, and to the operator without the password', async () => {
    result = new TypeError(`cannot read ${PASSWORD}`);
    const answer = await send(TYPED);
    expect([answer.status, answer.json.forwardedStatusCode]).toEqual([200, 503]);
    expect(answer.text).not.toContain(PASSWORD);
    expect(stage.errors).toEqual([result]);
  });

  test('at an event is one: there is nobody to tell', async () => {
    result = new FootbridgeError('legacy_unavailable');
    const answer = await send(EVENT, { to: 'zitadel/main/events', key: KEYS.events });
    expect(answer.status).toBe(503);
  });
});

test.each([
  ['wrong-password', 400],
  ['disabled', 403],
  ['throttled', 429],
  ['legacy-down', 503],
] as const)('a refusal (%s) is told with %i', async (reason, status) => {
  result = { kind: 'refused', reason };
  const answer = await send(TYPED);
  expect([answer.status, answer.json.forwardedStatusCode]).toEqual([200, status]);
  expect(outcomes).toEqual([{ target: 'main', hook: 'session', call: 'typed', result: reason }]);
});

describe('a script’s call', () => {
  const v1 = (body: unknown, target = 'main') =>
    stage.call('POST', `/hooks/zitadel/${target}/v1`, { body: body as object });

  test('needs no signature, and may say little', async () => {
    expect((await v1({ ticket: 'fbt1.x.y' })).status).toBe(200);
    expect((await v1({ sub: 'shop:1', userId: 'u1' })).status).toBe(200);
    expect(calls.map(({ call }) => call.kind)).toEqual(['announced', 'hinted']);
    for (const other of [TYPED, EVENT, {}, 'x', { sub: 'shop:1' }])
      expect((await v1(other)).status).toBe(400);
    expect(calls).toHaveLength(2);
  });

  test('comes so often and no more, per target', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => v1({ ticket: 'fbt1.x.y' })));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect((await v1({ ticket: 'fbt1.x.y' }, 'second')).status).toBe(200);
  });
});

test('nothing of a call is kept but that it was taken', async () => {
  await send(TYPED);
  const kept = await stage.db.run(statement('select s::text as row from seen_signatures s'));
  expect(kept.length).toBeGreaterThan(0);
  expect(JSON.stringify(kept)).not.toContain(PASSWORD);
  expect(hooksOperations[0]?.path).toBe('/hooks/:kind/:target/:hook');
});
