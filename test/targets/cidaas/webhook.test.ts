/** Calls of cidaas' webhook, from the stand-in and from others who would like to be it. */
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';
import { openCidaasWebhook } from '../../../src/targets/cidaas/webhook.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { CidaasStandIn } from '../../support/cidaas/index.ts';
import { openCidaas } from '../../support/cidaas/index.ts';
import { codeOf } from '../../support/cidaas/webhooks.ts';
import { openReceiver, subscribe } from './receiver.ts';

const KEY = 'the key that both of us know';
const TOTP = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const CLIENT = 'webhooks-of-cidaas';
const KEYS = '/.well-known/jwks.json';

let standIn: CidaasStandIn;
afterEach(() => standIn?.close());

const apiKey = (place: string, apikey = KEY) => ({
  auth_type: 'APIKEY',
  apikeyDetails: { apikey_placeholder: 'x-key', apikey_placement: place, apikey },
});
const totp = (place: string, totpkey = TOTP) => ({
  auth_type: 'TOTP',
  totpDetails: { totp_placeholder: 'x-code', totp_placement: place, totpkey },
});
const oauth = (client_id = CLIENT) => ({ auth_type: 'CIDAAS_OAUTH2', cidaasAuthDetails: { client_id } });

/** Somebody at a stand-in that calls Footbridge, and what Footbridge has to say to it. */
async function called(webhook: object, setup: object, options: Parameters<typeof openReceiver>[2] = {}) {
  standIn = await openCidaas();
  const receiver = await openReceiver(standIn, webhook, options);
  expect(await subscribe(standIn, { ...setup, url: receiver.url })).toBe(201);
  const sub = await standIn.changes.register({ email: 'anna@example.com', given_name: 'Anna' }, 'old');
  const change = async () => {
    standIn.changes.profile(sub, { given_name: 'Anne' });
    await standIn.webhooks.settled();
  };
  return { ...receiver, sub, change };
}

describe.each([
  ['an API key in a header', { apiKey: { name: 'X-Key', value: KEY } }, apiKey('header')],
  ['an API key in the query', { apiKey: { name: 'x-key', in: 'query', value: KEY } }, apiKey('query')],
  ['a code in a header', { totp: { name: 'X-Code', key: TOTP } }, totp('header')],
  ['a code in the query', { totp: { name: 'x-code', in: 'query', key: TOTP } }, totp('query')],
  ['a token', { oauth: { clientId: CLIENT } }, oauth()],
])('with %s', (_what, webhook, setup) => {
  test('a call is read', async () => {
    const { sub, change, events } = await called(webhook, setup);
    await change();
    await standIn.changes.password(sub, 'new');
    standIn.changes.remove(sub);
    await standIn.webhooks.settled();
    const about = { kind: 'user', targetUserId: sub };
    expect(events.map((event) => event.about)).toEqual(
      expect.arrayContaining([
        { ...about, change: 'changed', editor: sub },
        { ...about, change: 'password', editor: sub },
        expect.objectContaining({ ...about, change: 'removed' }),
      ]),
    );
  });

  test('a call of somebody else is refused, whatever it says', async () => {
    const { url, events, answers } = await called(webhook, setup);
    for (const body of ['', '{', JSON.stringify({ event_type: 'ACCOUNT_DELETED' })])
      expect((await fetch(url, { method: 'POST', body })).status).toBe(401);
    expect(events).toEqual([]);
    expect(answers).toEqual(['unauthorized', 'unauthorized', 'unauthorized']);
  });
});

test.each([
  ['an API key', { apiKey: { name: 'x-key', value: KEY } }, apiKey('header', 'another key than that')],
  ['a code', { totp: { name: 'x-code', key: TOTP } }, totp('header', 'A'.repeat(32))],
  ['a token', { oauth: { clientId: CLIENT } }, oauth('another-client')],
])('with the wrong %s a call is refused', async (_what, webhook, setup) => {
  const { change, events, answers } = await called(webhook, setup);
  await change();
  expect([events, answers]).toEqual([[], ['unauthorized']]);
});

test('a code of a while ago is refused', async () => {
  const rules = { totp: { name: 'x-code', key: TOTP } };
  const { change, answers } = await called(rules, totp('header'), { nowMs: () => Date.now() + 120_000 });
  await change();
  expect(answers).toEqual(['unauthorized']);
});

test('a code may come twice', async () => {
  const { url, sub, answers } = await called({ totp: { name: 'x-code', key: TOTP } }, totp('header'));
  const body = JSON.stringify({ event_type: 'ACCOUNT_MODIFIED', sub });
  const headers = { 'x-code': codeOf(TOTP, Date.now()) };
  for (const _twice of [1, 2]) await fetch(url, { method: 'POST', headers, body });
  expect(answers).toEqual([200, 200]);
});

describe('a token', () => {
  const open = () => called({ oauth: { clientId: CLIENT } }, oauth());
  const body = JSON.stringify({ event_type: 'LOGOUT' });
  const statusWith = async (url: string, token: string) =>
    (await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body })).status;
  const now = () => Math.floor(Date.now() / 1_000);

  test.each([
    ['names the client as `azp`', { azp: CLIENT, clientid: undefined, aud: 'somebody' }],
    ['names it as `client_id`', { client_id: CLIENT, clientid: undefined, aud: ['a', 'b'] }],
    ['is the client’s by its subject', { sub: CLIENT, clientid: undefined, aud: undefined }],
    ['has been over for some seconds', { exp: now() - 5 }],
  ])('is taken that %s', async (_what, claims) => {
    const { url } = await open();
    expect(await statusWith(url, await standIn.signing.token(CLIENT, claims))).toBe(200);
  });

  test.each([
    ['is over', { exp: now() - 60 }],
    ['has no end', { exp: undefined }],
    ['is of another issuer', { iss: 'https://elsewhere.example' }],
    ['is of another client', { azp: 'another', clientid: CLIENT }],
    ['names no client', { clientid: undefined, aud: undefined }],
    ['is a person’s for this client', { sub: '753487e7-10bc-4e69-b3b2-4da33721ea3e' }],
    ['is not good yet', { nbf: now() + 600 }],
  ])('is refused that %s', async (_what, claims) => {
    const { url } = await open();
    expect(await statusWith(url, await standIn.signing.token(CLIENT, claims))).toBe(401);
  });

  test('of a stranger’s key is refused, and nobody is asked for keys for one that could not be good', async () => {
    const { url } = await open();
    const { privateKey } = await generateKeyPair('RS256');
    const own = { iss: standIn.url, aud: CLIENT, clientid: CLIENT, exp: now() + 60 };
    const strange = new SignJWT(own).setProtectedHeader({ alg: 'RS256', kid: 'mine' }).sign(privateKey);
    const shared = new SignJWT(own).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(KEY));
    const others = [await shared, new UnsecuredJWT(own).encode(), 'a.b.c', 'x', 'x'.repeat(13_000)];
    for (const token of others) expect(await statusWith(url, token)).toBe(401);
    expect(standIn.calls).not.toContain(`GET ${KEYS}`);
    for (const _again of [1, 2, 3]) expect(await statusWith(url, await strange)).toBe(401);
    expect(standIn.calls.filter((call) => call === `GET ${KEYS}`)).toHaveLength(1);
  });

  test('whose audience is asked for has it', async () => {
    const rules = { oauth: { clientId: CLIENT, audience: 'footbridge' } };
    const { url } = await called(rules, oauth());
    expect(await statusWith(url, await standIn.signing.token(CLIENT))).toBe(401);
    expect(await statusWith(url, await standIn.signing.token(CLIENT, { aud: ['footbridge'] }))).toBe(200);
  });

  test('of a new key is taken once the keys that are known are half a minute old', async () => {
    let nowMs = Date.now();
    const { url } = await called({ oauth: { clientId: CLIENT } }, oauth(), { nowMs: () => nowMs });
    const old = await standIn.signing.token(CLIENT);
    expect(await statusWith(url, old)).toBe(200);
    await standIn.signing.rotate();
    const fresh = await standIn.signing.token(CLIENT);
    expect(await statusWith(url, fresh)).toBe(401);
    nowMs += 31_000;
    expect(await statusWith(url, fresh)).toBe(200);
    expect(await statusWith(url, old)).toBe(401);
  });

  test.each([
    ['do not come', 503],
    ['are not there', 404],
  ])('whose keys %s is not refused: it is to come again, and then is taken', async (_what, status) => {
    let nowMs = Date.now();
    const { change, events, answers } = await called({ oauth: { clientId: CLIENT } }, oauth(), {
      nowMs: () => nowMs,
    });
    standIn.fail(status, 1, KEYS);
    await change();
    expect(answers).toEqual(['target_unavailable']);
    standIn.fail(0, 0);
    nowMs += 60_000;
    await standIn.webhooks.tick();
    expect(answers).toEqual(['target_unavailable', 200]);
    expect(events).toHaveLength(1);
  });

  test('does not make us ask a tenant that is down at each call', async () => {
    const { url } = await open();
    standIn.fail(503, 1, KEYS);
    for (const _again of [1, 2, 3]) {
      expect(await statusWith(url, await standIn.signing.token(CLIENT))).toBe(503);
    }
    expect(standIn.calls.filter((call) => call === `GET ${KEYS}`)).toHaveLength(1);
  });
});

describe('a webhook', () => {
  const api = { url: 'http://127.0.0.1:9', clientCredentials: { clientId: 'an-app', secret: 'a-secret' } };
  const targetWith = (more: object) =>
    targetSettings.parse([
      { name: 'new', kind: 'cidaas', displayName: 'New', loginUrl: 'https://new.example/', ...more },
    ]);

  test('is open where the settings say how it proves itself', async () => {
    const webhook = { apiKey: { name: 'k', value: KEY } };
    const targets = openTargets(targetWith({ api, webhook }), { issuer: 'https://login.example' });
    expect(targets.webhook('new')).toBeDefined();
    expect(targets.webhook('new')).not.toHaveProperty('replay');
    await targets.close();
  });

  test('is none without it, and no key is known without an issuer', () => {
    expect(openTargets(targetWith({ api })).webhook('new')).toBeUndefined();
    const [bare] = targetWith({ webhook: { oauth: { clientId: CLIENT } } });
    expect(() => openCidaasWebhook(bare!)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});
