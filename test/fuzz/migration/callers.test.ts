import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIGNATURE_HEADER, signBody } from '../../../src/migration/signature.ts';
import { Secret } from '../../../src/settings.ts';
import type { Door, Sent } from '../door.ts';
import {
  APP_KEY,
  basic,
  body,
  CLIENT,
  DROP_IN_KEY,
  expectGoodAnswer,
  FORM,
  JSON_TYPE,
  openDoor,
  pairs,
  segment,
  WEBHOOK_KEY,
  words,
} from '../door.ts';
import { anyJson, anyText, fuzz } from '../hostile.ts';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door?.close());

const send = async (sent: Sent) => expectGoodAnswer(await door.publicDoor.send(sent), ['target_unavailable']);
const post = (path: string, text: string, headers: Readonly<Record<string, string>> = {}): Sent => ({
  method: 'POST',
  path,
  headers: { ...JSON_TYPE, ...headers },
  body: text,
});
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const signed = (text: string) => ({
  [SIGNATURE_HEADER]: signBody(new Secret(APP_KEY), Buffer.from(text), Math.floor(Date.now() / 1_000)),
});

test('who has a key is let in with it', async () => {
  const asClient = { ...FORM, authorization: basic(CLIENT.id, CLIENT.secret) };
  const session = '{"session":"x"}';
  const asked: readonly (readonly [Sent, number])[] = [
    [{ path: '/migration/users?login=nobody', headers: bearer(door.token) }, 404],
    [post('/token', 'grant_type=client_credentials', asClient), 200],
    [post('/legacy/sessions/ended', session, signed(session)), 200],
    [post('/webhooks/key', '{"type":"access.LOGIN","time":1}', { 'x-key': WEBHOOK_KEY }), 200],
    [post('/hooks/zitadel/zit/v1', '{"sub":"shop:1","userId":"x"}'), 200],
    [post('/hooks/ory/password/ory', '{"identifier":"nobody","password":"x"}', bearer(DROP_IN_KEY)), 403],
  ];
  for (const [sent, status] of asked)
    expect((await door.publicDoor.send(sent)).status, sent.path).toBe(status);
});

describe('whatever a target sends to the migration API', () => {
  const members = words(
    'sub username login user password ticket proof target targetUserId users state event purpose app organization secondFactors trustedProof token',
  );
  const deep = fc
    .integer({ min: 10, max: 30_000 })
    .map((depth) => `{"username":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  const PATHS = [
    ...words('/migration/users/:/secrets /migration/users/:/state /migration/users/: /migration/users'),
    ...words('/migration/users/ensure /migration/users/:/organizations /migration/organizations/:/members'),
    ...words('/migration/claim-tokens /migration/claim-tokens/enforcement /migration/route'),
  ];
  fuzz(
    'is answered',
    250,
    fc.asyncProperty(
      fc.tuple(fc.constantFrom(...PATHS), segment).map(([template, part]) => template.replace(':', part)),
      fc.constantFrom('GET', 'POST', 'PUT'),
      fc.oneof({ weight: 4, arbitrary: body(members) }, anyText({ longest: 70_000 }), deep),
      pairs(words('login cursor limit state sub after')),
      (path, method, text, query) =>
        send({
          ...post(`${path}?${query}`, method === 'GET' ? '' : text, bearer(door.token)),
          method,
        }),
    ),
  );
});

describe('whatever a caller with its key sends', () => {
  const APP = [
    ...words('/legacy/sessions/redeem /legacy/sessions/offer /legacy/sessions/ended /legacy/sessions/used'),
    ...words('/legacy/changes /legacy/passwords/check'),
  ];
  const told = words(
    'session token legacyId username sub authTime amr expiresAt id state returnTo changes user kind password at lane store person',
  );
  fuzz(
    'as a legacy app is answered',
    250,
    fc.asyncProperty(fc.constantFrom(...APP), body(told), (path, text) =>
      send(post(path, text, signed(text))),
    ),
  );

  const members = words(
    'event identity_id flow updated_at id type resourcePath operationType realmId userId time details event_type sub iss name subject timestamp representation',
  );
  const VALUES = [
    ...words(
      'ACCOUNT_MODIFIED access.LOGIN settings b60f0743-e947-49f8-873b-b99a9a5799ef 2026-11-22T04:48:07Z',
    ),
    ...['0000-01-01T00:00:00Z', 1e15],
  ];
  fuzz(
    'as a target’s webhook is answered',
    200,
    fc.asyncProperty(
      fc.constantFrom(...words('ory cid key hub new-one')),
      body(members, VALUES),
      (target, text) => send(post(`/webhooks/${target}`, text, { 'x-key': WEBHOOK_KEY })),
    ),
  );

  const DROP_INS = [
    ...words('/hooks/ory/password/ory /hooks/cidaas/password/cidaas /drop-ins/okta/okta/password'),
    ...words(
      '/drop-ins/fusionauth/fusionauth/login /drop-ins/cognito/cognito/password /drop-ins/auth0/auth0/login',
    ),
    ...words('/drop-ins/auth0/auth0/: /drop-ins/keycloak/keycloak/: /drop-ins/keycloak/keycloak/users/:'),
  ];
  const asked = words(
    'identity identifier password loginId username email credential data context eventId user hash salt applicationId',
  );
  fuzz(
    'as a drop-in is answered',
    200,
    fc.asyncProperty(
      fc.tuple(fc.constantFrom(...DROP_INS), segment).map(([template, part]) => template.replace(':', part)),
      fc.constantFrom('GET', 'POST'),
      body(asked),
      (path, method, text) =>
        send({ ...post(path, method === 'GET' ? '' : text, bearer(DROP_IN_KEY)), method }),
    ),
  );

  const anyName = fc.oneof(
    anyText({ maxLength: 12, longest: 260 }),
    fc.constantFrom('a\0b', '\ud800', '__proto__'),
  );
  const said = fc.record({ sub: anyName, userId: anyName });
  fuzz(
    'or a script without one is answered',
    50,
    fc.asyncProperty(fc.oneof(said, anyJson), (one) =>
      send(post('/hooks/zitadel/zit/v1', JSON.stringify(one) ?? '')),
    ),
  );
});
