import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIGNATURE_HEADER } from '../../../src/migration/signature.ts';
import type { Door, Sent } from '../door.ts';
import {
  AUTHORIZATION,
  anyValue,
  basic,
  CLIENT,
  expectGoodAnswer,
  FORM,
  headerLine,
  openDoor,
  pairs,
  segment,
  words,
} from '../door.ts';
import { anyBytes, anyJson, anyText, damaged, fuzz } from '../hostile.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door?.close());

const send = async (sent: Sent) => expectGoodAnswer(await door.publicDoor.send(sent));

const PROTOCOL = [
  ...words(
    'client_id redirect_uri response_type scope state nonce code_challenge code_challenge_method prompt',
  ),
  ...words('max_age login_hint id_token_hint claims ui_locales acr_values request request_uri response_mode'),
  ...words('display resource dpop_jkt'),
];
const TOKEN = [
  ...words('grant_type code redirect_uri code_verifier refresh_token scope client_id client_secret'),
  ...words('client_assertion client_assertion_type assertion token token_type_hint resource'),
];
const GRANTS = words(
  'authorization_code refresh_token client_credentials implicit urn:ietf:params:oauth:grant-type:jwt-bearer',
);
const PATHS = [
  ...words('/ /: /auth /auth/x /token /me /jwks /request /session/end /session/end/confirm /jwt /jwt/jwks'),
  ...words(
    '/.well-known/openid-configuration /login/: /login/:/cancel /login/:/with/: /claim /claim/: /claim/:/:',
  ),
  ...words(
    '/assets/: /hooks/:/:/: /webhooks/: /drop-ins/:/:/: /legacy/sessions/return /legacy/sessions/enter',
  ),
  ...words('/legacy/: /migration/users/: /migration/users/:/secrets /migration/:'),
];
const HEADERS = [
  ...words(
    'accept accept-language authorization content-type cookie dpop forwarded origin referer range expect',
  ),
  ...words(
    'sec-fetch-site user-agent x-forwarded-for x-forwarded-host x-requested-with if-none-match hx-request',
  ),
  SIGNATURE_HEADER,
];
const VALUES = ['text/html', 'application/json', 'null', 'Basic Og==', 'Bearer ', '*/*;q=2', 'de;q=1.5, *'];

const path = fc
  .tuple(fc.constantFrom(...PATHS), fc.array(segment, { minLength: 3, maxLength: 3 }))
  .map(([template, segments]) => {
    let at = 0;
    return template.replace(/:/g, () => segments[at++] ?? 'x');
  });
const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('GET', 'POST') },
  { weight: 1, arbitrary: fc.constantFrom(...words('HEAD PUT DELETE OPTIONS PATCH TRACE PROPFIND')) },
);
const headers = fc.dictionary(
  fc.constantFrom(...HEADERS),
  fc.oneof(headerLine, fc.constantFrom(...VALUES, FORM['content-type'], 'bytes=0-', '100-continue')),
  { maxKeys: 4 },
);

describe('whatever a stranger sends to the front door', () => {
  const request = fc.record({
    method,
    path: fc
      .tuple(path, fc.option(pairs(PROTOCOL)))
      .map(([at, query]) => (query === null ? at : `${at}?${query}`)),
    headers,
    body: fc.oneof(anyBytes(), pairs([...PROTOCOL, ...TOKEN]), fc.json()),
  });
  fuzz('is answered, and never with an error of ours', 350, fc.asyncProperty(request, send));

  fuzz(
    'as an authorization request is answered',
    200,
    fc.asyncProperty(pairs(PROTOCOL, AUTHORIZATION), fc.boolean(), (query, isPosted) =>
      send(
        isPosted
          ? { method: 'POST', path: '/auth', headers: FORM, body: query }
          : { path: `/auth?${query}`, headers: { accept: 'text/html' } },
      ),
    ),
  );

  const logout = words('id_token_hint client_id post_logout_redirect_uri state ui_locales logout_hint');
  fuzz(
    'as a logout is answered',
    80,
    fc.asyncProperty(pairs(logout), (query) => send({ path: `/session/end?${query}` })),
  );

  const names = words(
    'fb_session fb_session.sig fb_login fb_login.sig fb_resume fb_interaction fb_claim fb_out legacy __Host-fb_session __proto__',
  );
  fuzz(
    'as cookies of ours is nobody',
    150,
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...names), headerLine), { maxLength: 6 }),
      fc.constantFrom(...words('/auth /session/end /login/x /claim /me /legacy/sessions/return')),
      pairs(PROTOCOL, AUTHORIZATION),
      (all, at, query) =>
        send({
          path: `${at}?${query}`,
          headers: { accept: 'text/html', cookie: all.map(([name, value]) => `${name}=${value}`).join('; ') },
        }),
    ),
  );
});

describe('whatever somebody types at the login page', () => {
  const fields = words(
    'username password code step remember recovery passkey credential form_token with organization',
  );

  test('the page is there, for the browser that it was made for', async () => {
    const { path: at, cookies } = door.page;
    const asked = { path: at, headers: { accept: 'text/html', cookie: cookies.join('; ') } };
    expect((await door.publicDoor.send(asked)).status).toBe(200);
  });

  fuzz(
    'is refused or asked for again',
    120,
    fc.asyncProperty(
      pairs(fields),
      fc.constantFrom('', '/with/hub', '/with/__proto__', '/cancel'),
      (form, below) =>
        send({
          method: 'POST',
          path: door.page.path + below,
          headers: {
            ...FORM,
            cookie: door.page.cookies.join('; '),
            origin: door.issuer,
            accept: 'text/html',
          },
          body: `form_token=${encodeURIComponent(door.page.formToken)}&${form}`,
        }),
    ),
  );

  fuzz(
    'in a browser whose cookies were changed is refused',
    80,
    fc.asyncProperty(fc.nat(10), anyText({ longest: 300 }), (which, text) => {
      const { path: at, cookies } = door.page;
      const changed = cookies.map((cookie, index) =>
        index === which % cookies.length ? cookie.slice(0, 20) + text.replace(/[^\x21-\x7e]|;/g, '') : cookie,
      );
      return send({ path: at, headers: { accept: 'text/html', cookie: changed.join('; ') } });
    }),
  );
});

describe('whatever a client sends', () => {
  const right = basic(CLIENT.id, CLIENT.secret);
  const auth = fc.oneof(
    fc.constant(right),
    fc.tuple(anyValue, anyValue).map(([id, secret]) => basic(id, secret)),
    damaged(right).map((text) => text.replace(/[^\x20-\x7e]/g, '')),
  );
  fuzz(
    'to the token endpoint is a token, or an error of the protocol',
    250,
    fc.asyncProperty(
      auth,
      fc.constantFrom(...GRANTS),
      pairs(TOKEN),
      fc.oneof(fc.constant(undefined), headerLine),
      (authorization, grant, form, dpop?: string) =>
        send({
          method: 'POST',
          path: '/token',
          headers: { ...FORM, authorization, ...(dpop === undefined ? {} : { dpop }) },
          body: `grant_type=${encodeURIComponent(grant)}&${form}`,
        }),
    ),
  );

  const part = (value: unknown) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const assertion = fc
    .tuple(anyJson, anyJson, anyText({ maxLength: 40, longest: 200 }))
    .map((parts) => parts.map(part).join('.'));
  const posted = (at: string, form: string): Sent => ({
    method: 'POST',
    path: at,
    headers: FORM,
    body: form,
  });
  const ASSERTED = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  });
  const WAYS: readonly ((jwt: string) => Sent)[] = [
    (jwt) => posted('/token', `${ASSERTED}&client_assertion=${jwt}`),
    (jwt) => posted('/legacy/sessions/backchannel', `logout_token=${jwt}`),
    (jwt) => ({ path: `/auth?${new URLSearchParams(AUTHORIZATION)}&prompt=none&id_token_hint=${jwt}` }),
    (jwt) => ({ path: `/session/end?id_token_hint=${jwt}` }),
    (jwt) => ({
      path: '/me',
      headers: { authorization: `DPoP ${jwt.slice(0, 2_000)}`, dpop: jwt.slice(0, 2_000) },
    }),
  ];
  fuzz(
    'as an assertion, a hint or a logout token is refused',
    150,
    fc.asyncProperty(fc.oneof(assertion, anyValue), fc.constantFrom(...WAYS), (jwt, as) =>
      send(as(encodeURIComponent(jwt.toWellFormed()))),
    ),
  );
});
