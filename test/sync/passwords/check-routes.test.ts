/** Legacy apps that ask whether a password is somebody's, over HTTP, with real limits and real hashes. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { SIGNATURE_HEADER, signBody } from '../../../src/migration/signature.ts';
import { passwordProof } from '../../../src/provider/password-proof.ts';
import { providerSettings } from '../../../src/provider/provider-settings.ts';
import { Throttle } from '../../../src/provider/throttle.ts';
import { Secret } from '../../../src/settings.ts';
import { passwordCheckOperations, passwordCheckRoutes } from '../../../src/sync/passwords/check-routes.ts';
import type { World } from './world.ts';
import { openWorld, php, subOf, zitadel } from './world.ts';

const KEY = new Secret('the-shop-and-we-know-this-key-here');
const now = () => Math.floor(Date.now() / 1_000);

let world: World;
let server: Server;
let url: string;
const errors: unknown[] = [];
beforeAll(async () => {
  world = await openWorld();
  const { login } = providerSettings.parse({ issuer: 'http://127.0.0.1:9', login: { accountFailures: 3 } });
  const { db, keyring, directory, passwords, sync } = world;
  const throttle = new Throttle(db, keyring, login);
  const router = passwordCheckRoutes({
    db,
    hmacKeys: [{ id: 'shop', key: KEY }],
    provePassword: passwordProof({
      ...{ db, directory, passwords, throttle, failureFloorMs: 0, throughTarget: sync.throughTarget },
    }),
    resolveToken: async (token) =>
      ['good', 'reader'].includes(token)
        ? { clientId: 'shop', scopes: [token === 'good' ? 'sync:write' : 'migration:read'] }
        : undefined,
    subjectOf: (user) => (user.startsWith('shop:') ? user : `shop:${user}`),
    onError: (error) => errors.push(error),
  });
  const app = new Koa();
  app.use(router.routes());
  server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${passwordCheckOperations[0]!.path}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await world.close();
});
afterEach(async () => {
  world.fails.target = undefined;
  errors.length = 0;
  await world.sql('truncate login_attempts');
});

async function post(
  body: object | string,
  headers: Record<string, string> = { authorization: 'Bearer good' },
) {
  const answer = await fetch(url, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const json = await answer.json();
  return { status: answer.status, json, headers: answer.headers };
}
const signed = (body: string, key = KEY) => ({ [SIGNATURE_HEADER]: signBody(key, Buffer.from(body), now()) });

describe('a password', () => {
  test('is told to be right by login, by id and by subject', async () => {
    const id = await world.arrive({ legacy: php('pässwort') });
    const right = { status: 200, json: { ok: true, user: { sub: subOf(id), legacyId: String(id) } } };
    for (const who of [{ login: `user-${id}` }, { user: String(id) }, { user: subOf(id) }])
      expect(await post({ ...who, password: 'pässwort' })).toMatchObject(right);
  });

  test('is told to be wrong, of somebody and of nobody alike', async () => {
    const id = await world.arrive({ legacy: php('right') });
    const answers = [];
    for (const who of [{ login: `user-${id}` }, { login: 'nobody' }, { user: '4711' }, { user: 'other:1' }])
      answers.push(await post({ ...who, password: 'wrong' }));
    for (const { status, json, headers } of answers) {
      expect({ status, json }).toEqual({ status: 401, json: answers[0]!.json });
      expect(json).toMatchObject({ code: 'wrong_password' });
      expect(headers.get('www-authenticate')).toBe('FormBased');
    }
  });

  test('that is newer at the target is right, and the legacy app’s own hash opens with it afterwards', async () => {
    const id = await world.arrive({ legacy: php('old') });
    await world.turn(id);
    world.atTarget.set(id, zitadel('new there'));
    await world.turn(id, { passwordAt: new Date().toISOString() });
    expect((await post({ user: String(id), password: 'old' })).status).toBe(401);
    world.fails.target = new FootbridgeError('target_unavailable');
    expect(await post({ user: String(id), password: 'new there' })).toMatchObject({
      status: 503,
      json: { code: 'target_unavailable' },
    });
    world.fails.target = undefined;
    expect((await post({ user: String(id), password: 'new there' })).status).toBe(200);
    expect(await world.inLegacy.opens(id, 'new there')).toBe(true);
  });

  test('that is guessed has to wait, whatever address the caller tells', async () => {
    const id = await world.arrive({ legacy: php('right') });
    for (let at = 0; at < 3; at += 1)
      expect((await post({ login: `user-${id}`, password: 'wrong', address: `192.0.2.${at}` })).status).toBe(
        401,
      );
    const answer = await post({ login: `user-${id}`, password: 'right', address: '192.0.2.9' });
    expect(answer).toMatchObject({ status: 429, json: { code: 'throttled' } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('a caller', () => {
  test('signs what it asks, once', async () => {
    const id = await world.arrive({ legacy: php('right') });
    const body = JSON.stringify({ user: String(id), password: 'right' });
    const headers = signed(body);
    expect((await post(body, headers)).status).toBe(200);
    expect(await post(body, headers)).toMatchObject({ status: 409, json: { code: 'replayed' } });
  });

  test.each([
    ['nobody', {}, 401, 'unauthorized'],
    [
      'another key',
      signed('{"user":"1","password":"x"}', new Secret('another key of somebody else')),
      401,
      'bad_signature',
    ],
    ['another body', signed('{"user":"2","password":"x"}'), 401, 'bad_signature'],
    ['no token of ours', { authorization: 'Bearer bad' }, 401, 'unauthorized'],
    ['a token for something else', { authorization: 'Bearer reader' }, 403, 'insufficient_scope'],
  ])('that is %s hears nothing of anybody', async (_who, headers, status, code) => {
    const answer = await post('{"user":"1","password":"x"}', headers as Record<string, string>);
    expect(answer).toMatchObject({ status, json: { code } });
    expect(await world.sql('select 1 from login_attempts')).toEqual([]);
  });

  test.each([
    ['', 400],
    ['[]', 400],
    ['{"password":"x"}', 400],
    ['{"user":"1"}', 400],
    ['{"user":"1","login":"a","password":"x"}', 400],
    ['{"user":"a\\u0000b","password":"x"}', 400],
    ['{"user":"\\ud800","password":"x"}', 400],
    ['{"user":"1","password":"x","else":1}', 400],
    [JSON.stringify({ user: '1', password: 'x'.repeat(70_000) }), 413],
  ])('that asks %# is told that it is no question', async (body, status) => {
    expect((await post(body)).status).toBe(status);
  });

  test('that sends an odd password hears that it is wrong', async () => {
    const id = await world.arrive({ legacy: php('right') });
    for (const password of ['', 'x'.repeat(2_000), 'a\0b'])
      expect((await post({ user: String(id), password })).status).toBe(401);
  });
});
