import { createHmac, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import type { JWTPayload } from 'jose';
import { exportJWK, SignJWT } from 'jose';
import { describe, expect } from 'vitest';
import { jwtCookie } from '../../../src/sessions/apps/jwt-cookie.ts';
import type { FoundSession, LegacyAppDeps } from '../../../src/sessions/legacy-app.ts';
import { openLogoutTokens } from '../../../src/sessions/logout-token.ts';
import { Secret } from '../../../src/settings.ts';
import { anyJson, anyText, damaged, fuzz, NAMES } from '../hostile.ts';

const SHARED = 'a shared key of thirty-two bytes and more';
const ISSUER = 'https://legacy.example.com';
const NOW = 1_800_000_000;
const nowSeconds = () => NOW;
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256' };

const app = (more: object) =>
  jwtCookie.open(
    jwtCookie.settings.parse({
      kind: 'jwt-cookie',
      name: 'portal',
      cookie: 'legacy',
      domain: 'example.com',
      issuer: ISSUER,
      audience: 'portal',
      iatIsAuthTime: true,
      ...more,
    }),
    { nowSeconds } as LegacyAppDeps,
  );
const APPS = { shared: app({ key: SHARED }), published: app({ jwks: { keys: [jwk] } }) };
const recognised = (which: keyof typeof APPS, token: string) =>
  APPS[which].recognise!({ cookie: () => token, header: () => undefined });

const claims = {
  iss: ISSUER,
  aud: 'portal',
  sub: '1',
  iat: NOW - 60,
  exp: NOW + 600,
  auth_time: NOW - 120,
  amr: ['pwd'],
  jti: 'one',
};
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const shared = (header: object, payload: unknown) => {
  const input = `${part({ alg: 'HS256', ...header })}.${part(payload)}`;
  return `${input}.${createHmac('sha256', SHARED).update(input).digest('base64url')}`;
};
const TOKENS = {
  shared: shared({}, claims),
  published: await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(privateKey),
};

/** Without the key: another header or payload under a signature that was made for something else, or for nothing. */
const header = fc.oneof(
  fc.record({
    alg: fc.constantFrom('none', 'None', 'HS256', 'HS512', 'RS256', 'PS256', 'ES256', 'dir', '', null, [
      'RS256',
    ]),
  }),
  fc.record(
    {
      alg: fc.constantFrom('HS256', 'RS256'),
      crit: anyJson,
      b64: fc.boolean(),
      zip: fc.constant('DEF'),
      kid: anyJson,
      jwk: fc.constant(jwk),
      jku: fc.webUrl(),
    },
    { requiredKeys: ['alg'] },
  ),
  anyJson,
);
const payload = fc.oneof(
  fc
    .record({ sub: fc.constantFrom('1', '2'), exp: fc.constant(NOW + 9_999) })
    .map((more) => ({ ...claims, ...more })),
  anyJson,
);
const forged = fc.constantFrom<keyof typeof TOKENS>('shared', 'published').chain((which) =>
  fc
    .oneof(
      damaged(TOKENS[which]),
      anyText(),
      fc
        .tuple(header, payload, fc.constantFrom(...Object.values(TOKENS)), fc.boolean())
        .map(([head, body, from, isSigned]) => {
          const input = `${part(head)}.${part(body)}`;
          // The public half is no shared key.
          const confused = createHmac('sha256', JSON.stringify(jwk)).update(input).digest('base64url');
          return `${input}.${isSigned ? confused : from.split('.')[2]}`;
        }),
      fc
        .constantFrom('shared', 'published')
        .map((other) => (other === which ? `${TOKENS[which]}.` : TOKENS[other as keyof typeof TOKENS])),
    )
    .map((token) => ({ which, token })),
);

describe('whatever a browser brings as the token of a legacy app', () => {
  fuzz(
    'is nobody, or the very session that the app has signed',
    600,
    fc.asyncProperty(forged, async ({ which, token }) => {
      const found = await recognised(which, token);
      if (found) expect(found).toEqual(await recognised(which, TOKENS[which]));
    }),
  );

  const claim = fc.oneof(
    anyJson,
    fc.constantFrom(
      NOW + 600,
      NOW - 60,
      1e300,
      -1,
      0.5,
      Number.MAX_SAFE_INTEGER,
      '1',
      ISSUER,
      'portal',
      ['portal'],
      ...NAMES,
    ),
  );
  const hostile = fc.dictionary(
    fc.constantFrom('iss', 'aud', 'sub', 'iat', 'exp', 'nbf', 'auth_time', 'amr', 'jti', 'sid', ...NAMES),
    claim,
    { maxKeys: 3 },
  );
  fuzz(
    'and the app itself has signed with claims that are none is nobody, or a session with times and names',
    500,
    fc.asyncProperty(hostile, async (more) => {
      const found = await recognised('shared', shared({}, { ...claims, ...more }));
      if (found) expectSession(found);
    }),
  );
});

function expectSession({ handle, person, authTime, amr, expiresAt }: FoundSession): void {
  expect(handle).toMatch(/^[\x21-\x7e]{1,512}$/);
  expect(person.value.length).toBeLessThanOrEqual(320);
  expect(Number.isSafeInteger(expiresAt)).toBe(true);
  if (authTime !== undefined)
    expect(Number.isSafeInteger(authTime) && authTime >= 0 && authTime <= NOW).toBe(true);
  for (const one of amr) expect(one).toMatch(/^[\x21-\x7e]{1,64}$/);
}

describe('whatever comes as a logout token', () => {
  const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
  const read = openLogoutTokens({
    apps: [{ name: 'portal', keys: [{ id: 'k', key: new Secret(SHARED) }] }],
    clients: [{ clientId: 'app', jwks: { keys: [jwk] } }],
    audience: ISSUER,
    nowSeconds,
  });
  const good: JWTPayload = {
    iss: 'portal',
    aud: ISSUER,
    iat: NOW - 5,
    jti: 'x',
    sub: '1',
    sid: 's',
    events: { [EVENT]: {} },
  };
  const GOOD = shared({ typ: 'logout+jwt' }, good);

  fuzz(
    'without the key ends nothing',
    500,
    fc.asyncProperty(
      fc.oneof(
        damaged(GOOD),
        anyText(),
        fc.tuple(header, anyJson).map(([head, body]) => `${part(head)}.${part(body)}.${GOOD.split('.')[2]}`),
        fc
          .tuple(header, fc.constantFrom('portal', 'app'))
          .map(([head, iss]) => `${part(head)}.${part({ ...good, iss })}.${GOOD.split('.')[2]}`),
      ),
      async (token) => {
        const found = await read(token);
        if (found) expect(found).toEqual(await read(GOOD));
      },
    ),
  );

  const more = fc.dictionary(
    fc.constantFrom('aud', 'iat', 'exp', 'jti', 'sub', 'sid', 'events', 'nonce', ...NAMES),
    fc.oneof(anyJson, fc.constant({ [EVENT]: {} }), anyText({ longest: 600 })),
    { maxKeys: 3 },
  );
  fuzz(
    'with the key names one sender’s session by texts that can be stored, or nothing',
    500,
    fc.asyncProperty(more, async (changed) => {
      const found = await read(shared({}, { ...good, ...changed }));
      if (!found) return;
      expect(found.sender).toEqual({ kind: 'legacy', name: 'portal' });
      expect(Number.isSafeInteger(found.expiresAt)).toBe(true);
      for (const text of [found.sub, found.sid].filter((one) => one !== undefined))
        expect(text).toMatch(/^[^\p{Cc}]{1,512}$/u);
      expect('nonce' in changed && changed.nonce !== undefined).toBe(false);
    }),
  );
});
