/** What Keycloak's API does that the real one is not made to do in a test: to be slow, down, crowded and strange. */
import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { Listener } from '../../../src/listener.ts';
import { listen } from '../../../src/listener.ts';
import type { KeycloakApi } from '../../../src/targets/keycloak/api.ts';
import { openKeycloakApi } from '../../../src/targets/keycloak/api.ts';
import { asFootbridgeError } from '../../../src/targets/keycloak/keycloak-error.ts';
import { keycloakSettings } from '../../../src/targets/keycloak/service-account.ts';
import { usersOf } from '../../../src/targets/keycloak/users.ts';
import { apiSettings } from '../../../src/targets/move-settings.ts';

const SECRET = 'a+secret/with:odd %letters';
const REALM = 'the shop';
const TOKEN_PATH = '/realms/the%20shop/protocol/openid-connect/token';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
}

let server: Listener | undefined;
let api: KeycloakApi | undefined;
let calls: Call[] = [];
afterEach(async () => {
  await api?.close();
  await server?.close(0);
});

/** Gives out tokens that count up, and answers everything else as told. */
async function openAt(
  answer: (call: Call, number: number) => readonly [status: number, body: string, headers?: object],
  { tokenStatus = 200, nowSeconds = () => 1_000, ...settings }: Record<string, unknown> = {},
): Promise<KeycloakApi> {
  calls = [];
  let [tokens, others] = [0, 0];
  const handler: RequestListener = (req, res) => {
    const { method = '', url: path = '', headers } = req;
    const call = { method, path, authorization: headers.authorization ?? '' };
    calls.push(call);
    const isToken = path === TOKEN_PATH;
    const token = () => JSON.stringify({ access_token: `token-${++tokens}`, expires_in: 60 });
    const [status, body, more = {}] = isToken
      ? ([tokenStatus as number, tokenStatus === 200 ? token() : '{"error":"invalid_client"}'] as const)
      : answer(call, ++others);
    if (status > 0) res.writeHead(status, { 'content-type': 'application/json', ...more }).end(body);
    else if (status < 0) req.socket.destroy();
  };
  server = await listen(handler, { host: '127.0.0.1', port: 0 });
  const parsed = apiSettings.parse({
    url: `http://127.0.0.1:${server.port}`,
    realm: REALM,
    clientCredentials: { clientId: 'the client', secret: SECRET },
    perSecond: 1_000,
    ...settings,
  });
  api = openKeycloakApi(keycloakSettings(parsed), { nowSeconds: nowSeconds as () => number });
  return api;
}
const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error) => error,
  );
const asked = () => calls.filter(({ path }) => path !== TOKEN_PATH);

describe('a call', () => {
  test('goes to the realm with a token that was fetched once, by a client who is named as RFC 6749 wants it', async () => {
    const open = await openAt(() => [200, '{"a":1}']);
    const answers = await Promise.all([1, 2, 3].map(() => open.call('GET', '/users?max=1')));
    expect(answers.map(({ document }) => document)).toEqual([{ a: 1 }, { a: 1 }, { a: 1 }]);
    expect(calls.filter(({ path }) => path === TOKEN_PATH)).toHaveLength(1);
    expect(asked()[0]).toEqual({
      method: 'GET',
      path: '/admin/realms/the%20shop/users?max=1',
      authorization: 'Bearer token-1',
    });
    const basic = Buffer.from(calls[0]!.authorization.replace('Basic ', ''), 'base64').toString();
    expect(basic).toBe('the+client:a%2Bsecret%2Fwith%3Aodd+%25letters');
  });

  test('takes another token before the first one ends', async () => {
    let now = 1_000;
    const open = await openAt(() => [204, ''], { nowSeconds: () => now });
    for (now of [1_000, 1_029, 1_031]) await open.call('PUT', '/users/1');
    expect(asked().map(({ authorization }) => authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-1',
      'Bearer token-2',
    ]);
  });

  test('is made again with another token where the first is not taken any more', async () => {
    const open = await openAt((_call, number) => (number === 1 ? [401, '{}'] : [204, '']));
    await open.call('DELETE', '/users/1');
    expect(asked().map(({ authorization }) => authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('waits as long as a crowded Keycloak says', async () => {
    const open = await openAt((_call, number) =>
      number === 1 ? [429, '', { 'retry-after': '1' }] : [204, ''],
    );
    const before = performance.now();
    await open.call('POST', '/users');
    expect(performance.now() - before).toBeGreaterThan(900);
  });

  test('that would have to wait longer than there is time is not made, and says why', async () => {
    const open = await openAt(() => [429, '', { 'retry-after': '60' }], { timeoutMs: 2_000 });
    const first = await problemOf(open.call('POST', '/users'));
    const second = await problemOf(open.call('GET', '/users'));
    for (const problem of [first, second]) {
      expect(problem).toMatchObject({ status: 429, reason: 'http-429' });
      expect(problem.retryAfterSeconds).toBeGreaterThan(50);
    }
    expect(asked()).toHaveLength(1);
  });

  test('that reads is made again after a failure, and one that writes is not', async () => {
    const open = await openAt(() => [503, 'down']);
    const read = await problemOf(open.call('GET', '/users'));
    expect([read.isTemporary, asked().length]).toEqual([true, 2]);
    const written = await problemOf(open.call('POST', '/users'));
    expect([written.reason, asked().length]).toEqual(['http-503', 3]);
  });

  test.each([
    ['cut off', [-1, ''], 'no-answer'],
    ['not answered', [0, ''], 'no-answer'],
    ['answered by a page', [200, '<html>'], 'http-200'],
    ['redirected', [302, '', { location: 'http://127.0.0.1:9/' }], 'http-302'],
  ] as const)('that is %s fails', async (_how, answer, reason) => {
    const open = await openAt(() => answer, { timeoutMs: 500 });
    expect(await problemOf(open.call('POST', '/users'))).toMatchObject({ reason });
    expect(asked()).toHaveLength(1);
  });

  test('ends with its caller', async () => {
    const open = await openAt(() => [0, '']);
    const gone = new AbortController();
    const problem = problemOf(open.call('GET', '/users', { signal: gone.signal }));
    await expect.poll(() => asked().length).toBe(1);
    gone.abort();
    expect(await problem).toMatchObject({ status: 0, message: expect.stringContaining('was given up') });
  });

  test('of a client that is not known says so', async () => {
    const open = await openAt(() => [204, ''], { tokenStatus: 401 });
    const problem = await problemOf(open.call('GET', '/users'));
    expect(problem).toMatchObject({ status: 401, reason: 'invalid_client', isNobodysFault: true });
    expect(asked()).toEqual([]);
  });
});

test('an error keeps the words of a mail server to itself', async () => {
  const errorMessage = 'Failed to send execute actions email: 550 no mailbox CANARY@example here';
  const open = await openAt(() => [500, JSON.stringify({ errorMessage })]);
  const problem = await problemOf(open.call('PUT', '/users/1/execute-actions-email', { body: [] }));
  expect(problem.reason).toBe('failed-to-send-execute-actions-email');
  expect(JSON.stringify(problem) + problem.message).not.toContain('CANARY');
});

test('no error tells what was sent', async () => {
  const said = { errorMessage: 'error-invalid-email', field: 'email', params: ['email', 'CANARY@example'] };
  const open = await openAt(() => [400, JSON.stringify({ ...said, error_description: 'CANARY' })]);
  const body = { email: 'CANARY@example', secretData: 'CANARY' };
  const problem = await problemOf(open.call('POST', '/users?email=CANARY', { body }));
  expect(problem.message).toBe(
    'POST /admin/realms/the%20shop/users answers 400: error-invalid-email (email)',
  );
  expect(JSON.stringify(problem) + problem.stack).not.toMatch(/CANARY|token-1|odd/);
});

describe('a user who is not found', () => {
  const USER = '6f0e9a2c-1d2b-4c3d-8e4f-5a6b7c8d9e0f';
  const byId = async (body: string) => usersOf(await openAt(() => [404, body])).byId(USER);

  test('is gone where Keycloak says so itself', async () => {
    expect(await byId('{"error":"User not found"}')).toBeUndefined();
  });

  test.each(['<html>nginx</html>', '', '{"message":"no Route matched"}', '{"error":"Not Found","path":"/"}'])(
    'is not gone where a proxy answers: %s',
    async (body) => {
      const error = asFootbridgeError(await problemOf(byId(body)));
      expect(error).toMatchObject({ code: 'target_unavailable' });
    },
  );
});
