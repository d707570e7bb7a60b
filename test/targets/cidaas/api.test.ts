/** What cidaas' API does that a whole stand-in is not made to do: to be slow, down, crowded and strange. */
import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { Listener } from '../../../src/listener.ts';
import { listen } from '../../../src/listener.ts';
import type { CidaasApi } from '../../../src/targets/cidaas/api.ts';
import { openCidaasApi } from '../../../src/targets/cidaas/api.ts';
import { cidaasApiSettings } from '../../../src/targets/cidaas/app-token.ts';
import { asFootbridgeError } from '../../../src/targets/cidaas/cidaas-error.ts';
import { cidaasSettings } from '../../../src/targets/cidaas/cidaas-settings.ts';
import { usersOf } from '../../../src/targets/cidaas/users.ts';
import { apiSettings } from '../../../src/targets/move-settings.ts';

const SECRET = 'a+secret/with:odd %letters';
const TOKEN_PATH = '/token-srv/token';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly type: string;
  readonly body: string;
}

let server: Listener | undefined;
let api: CidaasApi | undefined;
let calls: Call[] = [];
afterEach(async () => {
  await api?.close();
  await server?.close(0);
});

interface Options {
  readonly tokenStatus?: number;
  readonly nowSeconds?: () => number;
  readonly cidaas?: object;
  readonly timeoutMs?: number;
}

/** Gives out tokens that count up, and answers everything else as told; status 0: not at all, -1: cut off. */
async function openAt(
  answer: (call: Call, number: number) => readonly [status: number, body: string, headers?: object],
  { tokenStatus = 200, nowSeconds = () => 1_000, cidaas = {}, ...settings }: Options = {},
): Promise<CidaasApi> {
  calls = [];
  let [tokens, others] = [0, 0];
  const handler: RequestListener = async (req, res) => {
    const { method = '', url: path = '', headers } = req;
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { authorization = '', 'content-type': type = '' } = headers;
    const call = { method, path, authorization, type, body };
    calls.push(call);
    const token = () => JSON.stringify({ access_token: `token-${++tokens}`, expires_in: 60 });
    const [status, text, more = {}] =
      path === TOKEN_PATH
        ? ([tokenStatus, tokenStatus === 200 ? token() : '{"error":"invalid_client"}'] as const)
        : answer(call, ++others);
    if (status > 0) res.writeHead(status, { 'content-type': 'application/json', ...more }).end(text);
    else if (status < 0) req.socket.destroy();
  };
  server = await listen(handler, { host: '127.0.0.1', port: 0 });
  const parsed = apiSettings.parse({
    url: `http://127.0.0.1:${server.port}`,
    clientCredentials: { clientId: 'the app', secret: SECRET },
    perSecond: 1_000,
    ...settings,
  });
  api = openCidaasApi(cidaasApiSettings(parsed), { cidaas: cidaasSettings.parse(cidaas), nowSeconds });
  return api;
}
const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error) => error,
  );
const asked = () => calls.filter(({ path }) => path !== TOKEN_PATH);
const tokenCalls = () => calls.filter(({ path }) => path === TOKEN_PATH);

describe('a token', () => {
  const wanted = { grant_type: 'client_credentials', client_id: 'the app', client_secret: SECRET };

  test('is asked for once, by an app that names itself', async () => {
    const open = await openAt(() => [200, '{"a":1}']);
    const answers = await Promise.all([1, 2, 3].map(() => open.call('GET', '/x')));
    expect(answers.map(({ document }) => document)).toEqual([{ a: 1 }, { a: 1 }, { a: 1 }]);
    expect(tokenCalls()).toHaveLength(1);
    expect(JSON.parse(tokenCalls()[0]!.body)).toEqual(wanted);
    expect(asked()[0]).toMatchObject({ method: 'GET', path: '/x', authorization: 'Bearer token-1' });
  });

  test('is asked for with a form and a scope where the settings say so', async () => {
    const open = await openAt(() => [204, ''], {
      cidaas: { tokenBody: 'form', scope: 'cidaas:bulk_user_create cidaas:users_read' },
    });
    await open.call('GET', '/x');
    const [{ type, body }] = tokenCalls() as [Call];
    expect(type).toBe('application/x-www-form-urlencoded');
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      ...wanted,
      scope: 'cidaas:bulk_user_create cidaas:users_read',
    });
  });

  test('is replaced before it ends, and when it is not taken any more', async () => {
    let now = 1_000;
    const open = await openAt((_call, number) => (number === 3 ? [401, '{}'] : [204, '']), {
      nowSeconds: () => now,
    });
    for (now of [1_000, 1_031, 1_032]) await open.call('PUT', '/x');
    expect(asked().map(({ authorization }) => authorization.at(-1))).toEqual(['1', '2', '2', '3']);
  });

  test('that is not given is nobody’s fault, and says nothing of the secret', async () => {
    const open = await openAt(() => [204, ''], { tokenStatus: 401 });
    const error = await problemOf(open.call('GET', '/x'));
    expect(error).toMatchObject({ reason: 'invalid_client', isNobodysFault: true });
    expect(JSON.stringify(asFootbridgeError(error))).not.toContain('secret/');
  });
});

describe('a call', () => {
  test('that reads is made again after a failure, and one that writes is not', async () => {
    const open = await openAt(() => [503, 'down']);
    await problemOf(open.call('GET', '/x'));
    expect(asked()).toHaveLength(2);
    await problemOf(open.call('POST', '/x', { body: {}, isReading: true }));
    expect(asked()).toHaveLength(4);
    const written = await problemOf(open.call('POST', '/x', { body: {} }));
    expect([written.reason, asked().length]).toEqual(['http-503', 5]);
  });

  test('that is one too many is not made again, and the next one waits', async () => {
    const open = await openAt((_call, number) =>
      number === 1 ? [429, '', { 'retry-after': '1' }] : [204, ''],
    );
    const error = await problemOf(open.call('POST', '/x', { body: {} }));
    expect(error).toMatchObject({ status: 429, retryAfterSeconds: 1, isTemporary: true });
    const before = performance.now();
    await open.call('POST', '/x', { body: {} });
    expect(performance.now() - before).toBeGreaterThan(900);
    expect(asked()).toHaveLength(2);
  });

  test.each([
    ['cut off', [-1, ''], 'no-answer'],
    ['not answered', [0, ''], 'no-answer'],
    ['answered by a page', [200, '<html>'], 'http-200'],
    ['redirected', [302, '', { location: 'http://127.0.0.1:9/' }], 'http-302'],
    [
      'refused with words',
      [417, '{"success":false,"error":{"code":4711,"error":"Field not enabled"}}'],
      'field-not-enabled',
    ],
    ['refused with a number', [417, '{"error":{"code":4711}}'], '4711'],
    ['refused without a word', [400, ''], 'http-400'],
    ['about nobody', [417, '{"error":{"code":10301,"error":"user not found"}}'], 'user-not-found'],
  ] as const)('that is %s fails', async (_how, answer, reason) => {
    const open = await openAt(() => answer, { timeoutMs: 300 });
    expect(await problemOf(open.call('POST', '/x', { body: {} }))).toMatchObject({ reason });
  });

  test('about nobody is a 404, whatever its status is', async () => {
    const open = await openAt(() => [417, '{"error":{"code":10301}}']);
    expect((await problemOf(open.call('GET', '/x'))).status).toBe(404);
  });

  test('that is given up ends at once', async () => {
    const open = await openAt(() => [0, '']);
    const { signal, abort } = ((given) => ({ signal: given.signal, abort: () => given.abort() }))(
      new AbortController(),
    );
    const work = problemOf(open.call('GET', '/x', { signal }));
    abort();
    expect((await work).message).toContain('was given up');
  });

  test('says nothing of what was sent', async () => {
    const open = await openAt(() => [417, '{"error":{"error":"anna@example.com exists"}}']);
    const error = await problemOf(
      open.call('POST', '/find?email=anna', { body: { email: 'anna@example.com' } }),
    );
    expect(error.message).toBe('POST /find answers 417: exists');
  });
});

describe('a user who is not found', () => {
  const SUB = '6f0e9a2c-1d2b-4c3d-8e4f-5a6b7c8d9e0f';
  const byId = async (status: number, body: string) =>
    usersOf(await openAt(() => [status, body]), cidaasSettings.parse({})).byId(SUB);

  test.each([
    [404, '{"success":false,"status":404,"error":{"code":404,"error":"user not found"}}'],
    [204, ''],
  ])('is gone where cidaas says so itself: %i', async (status, body) => {
    expect(await byId(status, body)).toBeUndefined();
  });

  test.each([
    [404, '<html>nginx</html>'],
    [404, ''],
    [404, '{"message":"no Route matched"}'],
    [200, '{}'],
  ])('is not gone where a proxy answers: %i %s', async (status, body) => {
    const error = await byId(status, body).catch(asFootbridgeError);
    expect(error).toMatchObject({ code: 'target_unavailable' });
  });
});
