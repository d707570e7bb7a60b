/** That the stand-in is as hard to please as ZITADEL, where a test could otherwise pass for the wrong reason. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { compactDecrypt, createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Reply, TestApi } from '../../legacy/http-api.ts';
import { serve } from '../../legacy/http-api.ts';
import { signatureHeader } from './delivery.ts';
import { DEFAULT_DENYLIST } from './denylist.ts';
import type { Zitadel } from './index.ts';
import { openZitadel } from './index.ts';
import { problemsOf } from './protobuf.ts';

let zitadel: Zitadel;
beforeEach(async () => {
  zitadel = await openZitadel();
  return () => zitadel.close();
});

async function call(method: string, path: string, body?: object, token = zitadel.token) {
  const answer = await fetch(zitadel.url + path, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: looked into as it comes
  const json = (await answer.json()) as any;
  return { status: answer.status, body: json, headers: answer.headers };
}

const anna = (more: object = {}) => ({
  username: 'anna',
  profile: { givenName: 'Anna', familyName: 'Able' },
  email: { email: 'anna@example.com', isVerified: true },
  ...more,
});
const create = (more: object = {}) => call('POST', '/v2/users/human', anna(more));
const hashed = (hash: string) => ({ hashedPassword: { hash } });

describe('messages', () => {
  test.each([
    ['a misspelt field', { hashedPasword: {} }, 'unknown-field'],
    ['both of two', { password: { password: 'x' }, hashedPassword: { hash: 'x' } }, 'malformed'],
    ['too long a hash', hashed('x'.repeat(201)), 'rule'],
    ['no profile', { profile: undefined }, 'rule'],
    ['no address', { email: { email: 'nobody' } }, 'rule'],
  ])('with %s are none', (_what, more, kind) => {
    const body = JSON.parse(JSON.stringify(anna(more)));
    expect(problemsOf('POST', '/v2/users/human', body).map((one) => one.kind)).toEqual([kind]);
  });

  test('newer than the package are known', () => {
    const target = {
      name: 'a',
      restCall: {},
      timeout: '10s',
      endpoint: 'http://a',
      payloadType: 'PAYLOAD_TYPE_JWE',
    };
    expect(problemsOf('POST', '/v2/actions/targets', target)).toEqual([]);
    expect(problemsOf('POST', '/v2beta/actions/targets', target)).toMatchObject([{ kind: 'unknown-field' }]);
    expect(problemsOf('POST', '/v2/users/new', { organizationId: '1', human: anna() })).toMatchObject([
      { kind: 'unknown-field' },
    ]);
  });

  test('with a misspelt field are refused and remembered, or dropped as ZITADEL does', async () => {
    expect((await create({ hashedPasword: {} })).status).toBe(400);
    zitadel.unknownFields = 'drop';
    expect((await create({ hashedPasword: {} })).status).toBe(200);
    expect(zitadel.violations).toHaveLength(2);
  });
});

describe('users', () => {
  test('with a taken id are a 400, with a taken name a 409', async () => {
    expect((await create({ userId: '1' })).body.userId).toBe('1');
    expect(await create({ userId: '1' })).toMatchObject({
      status: 400,
      body: { code: 9, details: [{ id: 'COMMAND-7yiox1isql' }] },
    });
    expect(await create({ userId: '2' })).toMatchObject({ status: 409, body: { code: 6 } });
  });

  test('are not deactivated twice', async () => {
    await create({ userId: '1' });
    expect((await call('POST', '/v2/users/1/deactivate', {})).status).toBe(200);
    expect(await call('POST', '/v2/users/1/deactivate', {})).toMatchObject({
      status: 400,
      body: { details: [{ id: 'COMMAND-5gunjw0cd7' }] },
    });
  });

  test('are not found while searches lag behind', async () => {
    zitadel.instance.isLagging = true;
    await create({ userId: '1' });
    const search = async () => (await call('POST', '/v2/users', {})).body.details.totalResult ?? '0';
    expect(await search()).toBe('0');
    expect((await call('GET', '/v2/users/1')).status).toBe(200);
    zitadel.instance.catchUp();
    expect(await search()).toBe('1');
  });

  test('are hidden from whoever may not read them, and refused to whoever may not write', async () => {
    await create();
    const { token } = zitadel.oauth.addServiceUser({ roles: [] });
    expect((await call('POST', '/v2/users', {}, token)).body.result).toBeUndefined();
    expect((await call('POST', '/v2/users/human', anna(), token)).status).toBe(403);
    expect(zitadel.requests.at(-1)?.missingPermission).toBe('user.write');
  });
});

describe('hashes', () => {
  const MD5 = '5f4dcc3b5aa765d61d8327deb882cf99';
  test.each([
    ['bcrypt', '$2b$04$kYWyY2LU/AWI3HAIcelCzeiRfwwLt8FUm8nPRxS2T/X4EfJFuaCPm', 'old password', true],
    ['MD5 in hex', MD5, 'password', true],
    ['SHA-1 in hex, taken for MD5', '5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8', 'password', false],
    ['salted MD5 in hex', `$md5salted-suffix$salt$${MD5}`, 'password', false],
  ])('%s: import succeeds, a login does if it can', async (_what, hash, password, works) => {
    expect((await create({ userId: '1', ...hashed(hash) })).status).toBe(200);
    expect(await zitadel.opens('1', password)).toBe(works);
    expect((await zitadel.ownLogin('anna', password)).kind).toBe(works ? 'logged-in' : 'error');
  });

  test.each([
    ['unknown', '{SSHA}abc', 'CRYPT-2xK7d'],
    [
      'out of bounds',
      '$pbkdf2-sha256$500$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ',
      'CRYPT-5uV9n',
    ],
  ])('%s: are refused', async (_what, hash, id) => {
    expect(await create(hashed(hash))).toMatchObject({ status: 400, body: { details: [{ id }] } });
  });

  test('of others become its own at the first login, where that is on', async () => {
    await create({ userId: '1', ...hashed(MD5) });
    zitadel.instance.rehashes = true;
    await zitadel.ownLogin('anna', 'password');
    expect(zitadel.instance.users.get('1')?.password?.hash).toMatch(/^\$scrypt\$/);
    expect((await zitadel.ownLogin('anna', 'password')).kind).toBe('logged-in');
  });

  test('a plain password has to be as the policy wants it, and too many wrong ones lock', async () => {
    expect((await create({ password: { password: 'simple' } })).status).toBe(400);
    await create({ userId: '1', password: { password: 'Simple-Enough-1' } });
    zitadel.instance.policies.lockout.maxPasswordAttempts = 2;
    for (let tries = 0; tries < 2; tries++) await zitadel.ownLogin('anna', 'wrong');
    expect(await zitadel.ownLogin('anna', 'Simple-Enough-1')).toMatchObject({ kind: 'error' });
    expect(zitadel.instance.users.get('1')?.state).toBe('USER_STATE_LOCKED');
  });
});

describe('what goes wrong on purpose', () => {
  test('a connection breaks before or after the work', async () => {
    zitadel.failNext('AddHumanUser', 'drop-before');
    await expect(create({ userId: '1' })).rejects.toThrow();
    expect(zitadel.instance.users.size).toBe(0);
    zitadel.failNext(/POST .*human/, 'drop-after');
    await expect(create({ userId: '1' })).rejects.toThrow();
    expect(zitadel.instance.users.size).toBe(1);
  });

  test('a rate limit says when to come again', async () => {
    zitadel.limit = { left: 1, retryAfterSeconds: 7 };
    await create();
    const { status, headers } = await create();
    expect([status, headers.get('retry-after')]).toEqual([429, '7']);
  });

  test('a target on a denied address is refused', async () => {
    zitadel.instance.denylist = DEFAULT_DENYLIST;
    const target = { name: 'a', restCall: {}, timeout: '10s', endpoint: 'http://127.0.0.1:1/' };
    expect(await call('POST', '/v2/actions/targets', target)).toMatchObject({
      status: 400,
      body: { details: [{ id: 'COMMAND-NcJUKo' }] },
    });
  });
});

describe('Actions', () => {
  let seen: string[];
  let reply: (body: string) => Reply;
  let target: TestApi;
  beforeAll(async () => {
    target = await serve(({ body }) => {
      seen.push(body);
      return reply(body);
    });
  });
  afterAll(() => target?.close());
  beforeEach(() => {
    seen = [];
    reply = (body) => ({ json: JSON.parse(body).request });
  });

  const METHOD = '/zitadel.user.v2.UserService/AddHumanUser';
  async function execute(condition: object, given: object = {}) {
    const made = await call('POST', '/v2/actions/targets', {
      name: 'ours',
      restCall: { interruptOnError: true },
      timeout: '10s',
      endpoint: target.url,
      ...given,
    });
    expect((await call('PUT', '/v2/actions/executions', { condition, targets: [made.body.id] })).status).toBe(
      200,
    );
    return made.body as { id: string; signingKey: string };
  }

  test('are signed over time and raw body', async () => {
    expect(signatureHeader('{"a":1}', ['key'], 1_700_000_000)).toBe(
      `t=1700000000,v1=${createHmac('sha256', 'key').update('1700000000.{"a":1}').digest('hex')}`,
    );
    const { signingKey } = await execute({ request: { method: METHOD } });
    await create();
    const header = zitadel.deliveries[0]!.headers['ZITADEL-Signature']!;
    const time = Number(/t=(\d+)/.exec(header)?.[1]);
    expect(header).toBe(signatureHeader(seen[0]!, [signingKey], time));
    expect(JSON.parse(seen[0]!)).toMatchObject({ fullMethod: METHOD, request: { username: 'anna' } });
  });

  test('answer in the message’s place, to the letter', async () => {
    await execute({ request: { method: METHOD } });
    reply = () => ({ json: anna({ username: 'other' }) });
    await create({ userId: '1' });
    expect([...zitadel.instance.users.values()].map(({ username }) => username)).toEqual(['other']);
    for (const [answer, status] of [
      [{ request: anna() }, 500],
      [undefined, 500],
      [{ forwardedStatusCode: 403, forwardedErrorMessage: 'no' }, 403],
      [{ forwardedStatusCode: 503 }, 400],
    ] as const) {
      reply = () => ({ ...(answer && { json: answer }) });
      expect((await create()).status).toBe(status);
    }
  });

  test('do not stop what they may not interrupt', async () => {
    await execute({ request: { method: METHOD } }, { restCall: {} });
    reply = () => ({ status: 500 });
    expect((await create()).status).toBe(200);
  });

  test('match the nearest condition only', async () => {
    await execute({ request: { all: true } });
    await execute({ request: { service: 'zitadel.user.v2.UserService' } });
    seen = [];
    await create();
    expect(seen).toHaveLength(1);
  });

  test('hear of events, once or more often, in either encoding', async () => {
    await execute({ event: { group: 'user.human' } });
    zitadel.events.mode = 'held';
    await create({ userId: '1' });
    zitadel.deliveryOptions.eventPayload = 'base64';
    await zitadel.events.deliver((held) => [...held, ...held].reverse());
    const events = seen.map((body) => JSON.parse(body));
    expect(events.filter(({ event_type }) => event_type === 'user.human.added')).toHaveLength(2);
    expect(JSON.parse(Buffer.from(events.at(-1).event_payload, 'base64').toString())).toMatchObject({
      userName: 'anna',
    });
  });

  test.each(['PAYLOAD_TYPE_JWT', 'PAYLOAD_TYPE_JWE'])('come as %s', async (payloadType) => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const { id } = await execute({ request: { method: METHOD } }, { payloadType });
    const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })).toString('base64');
    const { keyId } = (await call('POST', `/v2/actions/targets/${id}/publickeys`, { publicKey: pem })).body;
    await call('POST', `/v2/actions/targets/${id}/publickeys/${keyId}/activate`, {});
    reply = () => ({ json: anna() });
    expect((await create()).status).toBe(200);
    const body = seen[0]!;
    const jwt =
      payloadType === 'PAYLOAD_TYPE_JWT'
        ? body
        : Buffer.from((await compactDecrypt(body, privateKey)).plaintext).toString();
    const keys = createRemoteJWKSet(new URL('/oauth/v2/keys', zitadel.url));
    expect((await jwtVerify(jwt, keys)).payload).toMatchObject({ fullMethod: METHOD });
  });
});
