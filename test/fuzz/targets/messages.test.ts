import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { foreignJson } from '../../../src/body.ts';
import { isFootbridgeError } from '../../../src/errors.ts';
import { readRetryAfter } from '../../../src/sessions/ending/delivery.ts';
import { Secret } from '../../../src/settings.ts';
import { openCidaasWebhook } from '../../../src/targets/cidaas/webhook.ts';
import { retryAfterSecondsOf } from '../../../src/targets/exchange.ts';
import { hubEvent, targetEvent } from '../../../src/targets/hub/events.ts';
import { openKeycloakWebhook } from '../../../src/targets/keycloak/webhook.ts';
import { openKratosWebhook } from '../../../src/targets/kratos/webhook.ts';
import { oneTargetSettings } from '../../../src/targets/target-settings.ts';
import type { TargetEvent, TargetWebhook } from '../../../src/targets/webhook.ts';
import { zitadelHooks } from '../../../src/targets/zitadel/hooks.ts';
import { zitadelPayloads } from '../../../src/targets/zitadel/payload.ts';
import { anyBytes, anyJson, anyText, damaged, damagedBytes, fuzz } from '../hostile.ts';

const NOW = Date.UTC(2026, 10, 22);
const KEY = 'a key of sixteen letters or more';
const settingsOf = (kind: string) =>
  oneTargetSettings.parse({
    name: 'new',
    kind,
    displayName: 'New',
    loginUrl: 'https://id.example/',
    webhook: { apiKey: { name: 'x-key', value: KEY } },
  });
const USER = 'b60f0743-e947-49f8-873b-b99a9a5799ef';

/** Webhooks, and what each is told by its target. */
const WEBHOOKS: readonly (readonly [TargetWebhook, string])[] = [
  [
    openKratosWebhook(settingsOf('kratos'))!,
    JSON.stringify({
      event: 'settings',
      flow: USER,
      identity_id: USER,
      updated_at: '2026-11-22T04:48:07.133171Z',
    }),
  ],
  [
    openCidaasWebhook(settingsOf('cidaas'), { nowMs: () => NOW })!,
    JSON.stringify({ event_type: 'ACCOUNT_MODIFIED', sub: USER, event_time: NOW }),
  ],
  [
    openKeycloakWebhook(settingsOf('keycloak'))!,
    JSON.stringify({ id: 'x', type: 'access.UPDATE_PROFILE', time: NOW, authDetails: { userId: USER } }),
  ],
];
const members = [
  'event',
  'identity_id',
  'updated_at',
  'flow',
  'event_type',
  'sub',
  'event_time',
  'data',
  'id',
  'uid',
  'type',
  'time',
  'userId',
  'resourcePath',
  'resourceType',
  'operationType',
  'authDetails',
  'details',
  'realmName',
];
const message = fc.dictionary(
  fc.constantFrom(...members),
  fc.oneof(
    anyJson,
    fc.constantFrom(
      'access.UPDATE_PASSWORD',
      'admin.USER-UPDATE',
      'USER',
      'DELETE',
      `users/${USER}`,
      USER,
      NOW,
      1e300,
      '2026-11-22T04:48:07Z',
    ),
  ),
  { maxKeys: 7 },
);

/** As it comes over the wire; `undefined` where it is refused before anybody looks at it. */
function received(message: unknown): unknown {
  try {
    return foreignJson(JSON.stringify(message) ?? '');
  } catch {
    return undefined;
  }
}

/** The event, or nothing where it is refused as what it is; any other error is thrown. */
async function eventOf(
  webhook: TargetWebhook,
  headers: Record<string, string>,
  body: Buffer,
): Promise<TargetEvent | undefined> {
  try {
    return await webhook.read(headers, body, new URL('http://footbridge.example/webhooks/new'));
  } catch (error) {
    if (isFootbridgeError(error) && error.status < 500) return undefined;
    throw error;
  }
}

describe('whatever comes to a webhook', () => {
  fuzz(
    'with its key is an event that says whom to read again, or is refused',
    1_000,
    fc.asyncProperty(
      fc.constantFrom(...WEBHOOKS).chain(([webhook, good]) =>
        fc.tuple(
          fc.constant(webhook),
          fc.oneof(
            damagedBytes(Buffer.from(good)),
            anyBytes(),
            message.map((one) => Buffer.from(JSON.stringify(one))),
          ),
        ),
      ),
      async ([webhook, body]) => {
        const event = await eventOf(webhook, { 'x-key': KEY }, body);
        if (!event) return;
        expect(event.id.length).toBeLessThanOrEqual(300);
        expect(event.at).toBeInstanceOf(Date);
        if (event.about.kind === 'user') expect(event.about.targetUserId).not.toBe('');
      },
    ),
  );

  fuzz(
    'without it is nobody’s',
    400,
    fc.asyncProperty(
      fc.constantFrom(...WEBHOOKS),
      fc.oneof(damaged(KEY), anyText()),
      async ([webhook, good], key) => {
        // Node gives the bytes of a header as Latin-1.
        const given = Buffer.from(key).toString('latin1');
        expect(await eventOf(webhook, { 'x-key': given }, Buffer.from(good))).toBeUndefined();
      },
    ),
  );

  fuzz(
    'of the hub is an event with a time, or none',
    500,
    fc.property(
      fc.record({
        id: fc.oneof(anyText(), anyJson),
        name: fc.oneof(anyText(), fc.constant('zaikio.member_joined')),
        subject: fc.oneof(anyText(), fc.constant(`Org/${USER}`)),
        timestamp: fc.oneof(
          anyText(),
          damaged('2026-03-01T12:00:00.000Z'),
          fc.constant('2026-03-01T12:00:00.000Z'),
        ),
      }),
      (one) => {
        const { success, data } = hubEvent.safeParse(received(one));
        if (success) expect(Number.isNaN(targetEvent(data).at.getTime())).toBe(false);
      },
    ),
  );
});

describe('whatever a hook of ZITADEL is called with', () => {
  const method = fc
    .constantFrom(
      'zitadel.user.v2.UserService/SetPassword',
      'zitadel.session.v2.SessionService/CreateSession',
      'zitadel.user.v2.UserService/ListUsers',
      'zitadel.user.v2.UserService/RetrieveIdentityProviderIntent',
      'x',
    )
    .map((name) => `/${name}`);
  const types = fc.constantFrom(
    'user.human.password.changed',
    'session.password.checked',
    'user.removed',
    'user.grant.added',
    'user.human.externalidp.added',
    '__proto__',
    'constructor',
  );
  const call = fc.oneof(
    fc.record(
      { fullMethod: method, request: anyJson, response: anyJson, userID: anyText({ longest: 300 }) },
      { requiredKeys: ['fullMethod'] },
    ),
    fc.record({
      fullMethod: method,
      request: fc.record({
        checks: fc.record({ user: anyJson, password: fc.record({ password: anyText() }) }),
        userId: anyText(),
        newPassword: fc.record({ password: anyText() }),
        queries: fc.array(anyJson),
      }),
    }),
    fc.record({
      aggregateID: anyText({ longest: 300 }),
      aggregateType: fc.constantFrom('user', 'session', 'usergrant', '__proto__'),
      event_type: types,
      sequence: anyJson,
      created_at: anyText({ longest: 80 }),
      event_payload: fc.oneof(anyJson, anyText()),
    }),
    fc.record({ sub: anyText(), userId: anyText() }),
    anyJson,
  );

  fuzz(
    'is a call of its kind that nothing is lost of, or is refused',
    1_500,
    fc.asyncProperty(fc.constantFrom(...zitadelHooks), call, async (hook, payload) => {
      try {
        const { kind } = hook.read(payload);
        expect(kind).not.toBe('');
        const event = await hook.event?.(payload, undefined);
        if (event) expect(Number.isNaN(event.at.getTime())).toBe(false);
        expect(JSON.stringify(hook.answer(payload, { kind: 'go-on' }).body)).toBeTypeOf('string');
        if (hook.isUnsigned) expect(['announced', 'hinted', 'ignored']).toContain(kind);
      } catch (error) {
        if (!isFootbridgeError(error, 'bad_request')) throw error;
      }
    }),
  );

  fuzz(
    'in a body that is none is refused, whatever it looks like',
    500,
    fc.asyncProperty(
      fc.oneof(
        anyBytes(),
        anyText().map((text) => Buffer.from(text)),
        fc
          .tuple(anyJson, anyJson, fc.constantFrom('', '.x', '.x.y.z'))
          .map(([head, body, rest]) =>
            Buffer.from(
              [head, body]
                .map((part) => Buffer.from(JSON.stringify(part) ?? '').toString('base64url'))
                .join('.') + rest,
            ),
          ),
      ),
      async (body) => {
        const open = zitadelPayloads(
          {},
          {
            decryptionKeys: async () => [new Secret('{"kty":"oct","k":"AAAA"}')],
            nowSeconds: () => NOW / 1_000,
          },
        );
        try {
          const payload = await open('events', body);
          expect(typeof payload === 'object' && payload !== null).toBe(true);
        } catch (error) {
          if (!isFootbridgeError(error, 'bad_request') && !isFootbridgeError(error, 'bad_signature'))
            throw error;
        }
      },
    ),
  );
});

describe('whatever stands in a Retry-After header', () => {
  const header = fc.oneof(
    damaged(
      '120',
      'Sun, 22 Nov 2026 00:10:00 GMT',
      'Sunday, 22-Nov-26 00:10:00 GMT',
      'Sun Nov 22 00:10:00 2026',
    ),
    anyText(),
    fc.double().map(String),
  );

  fuzz(
    'is a wait that somebody would wait for, or none',
    2_000,
    fc.property(header, (text) => {
      for (const [seconds, most] of [
        [retryAfterSecondsOf(text, NOW), 3_600],
        [readRetryAfter(text, NOW), 86_400],
      ] as const) {
        if (seconds === undefined) continue;
        expect(Number.isInteger(seconds) && seconds >= 0 && seconds <= most).toBe(true);
      }
    }),
  );
});
