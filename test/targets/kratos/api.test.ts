/** What Kratos' API does that is awkward: to be slow, down, crowded and strange. */
import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { Listener } from '../../../src/listener.ts';
import { listen } from '../../../src/listener.ts';
import type { KratosApi } from '../../../src/targets/kratos/api.ts';
import { openKratosApi } from '../../../src/targets/kratos/api.ts';
import { apiSettings } from '../../../src/targets/move-settings.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
}

let server: Listener | undefined;
let api: KratosApi | undefined;
let calls: Call[] = [];
afterEach(async () => {
  await api?.close();
  await server?.close(0);
});

async function openAt(
  answer: (number: number) => readonly [status: number, body: string, headers?: object],
  settings: Record<string, unknown> = {},
): Promise<KratosApi> {
  calls = [];
  const handler: RequestListener = (req, res) => {
    const { method = '', url: path = '', headers } = req;
    calls.push({ method, path, authorization: headers.authorization });
    const [status, body, more = {}] = answer(calls.length);
    if (status > 0) res.writeHead(status, { 'content-type': 'application/json', ...more }).end(body);
    else if (status < 0) req.socket.destroy();
  };
  server = await listen(handler, { host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${server.port}`;
  api = openKratosApi(apiSettings.parse({ url, token: 'ory_pat_CANARY', perSecond: 1_000, ...settings }));
  return api;
}
const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error) => error,
  );
const errorBody = (error: object) => JSON.stringify({ error });

describe('a call', () => {
  test('goes to the admin API with the token, or with none', async () => {
    const open = await openAt(() => [200, '{"a":1}']);
    expect(await open.call('GET', '/identities?page_size=1')).toEqual({ a: 1 });
    expect(calls).toEqual([
      { method: 'GET', path: '/admin/identities?page_size=1', authorization: 'Bearer ory_pat_CANARY' },
    ]);
    await open.close();
    await server?.close(0);
    const bare = await openAt(() => [204, ''], { token: undefined, open: true });
    expect(await bare.call('DELETE', '/identities/1')).toBeUndefined();
    expect(calls[0]?.authorization).toBeUndefined();
  });

  test('waits as long as a crowded Kratos says', async () => {
    const open = await openAt((number) => (number === 1 ? [429, '', { 'retry-after': '1' }] : [200, '{}']));
    const before = performance.now();
    await open.call('PATCH', '/identities');
    expect(performance.now() - before).toBeGreaterThan(900);
  });

  test('does not wait longer than it may, and says that it was throttled', async () => {
    const open = await openAt(() => [429, '', { 'retry-after': '30' }], { timeoutMs: 500 });
    expect(await problemOf(open.call('POST', '/identities'))).toMatchObject({
      status: 429,
      retryAfterSeconds: 30,
    });
    expect(await problemOf(open.call('GET', '/identities'))).toMatchObject({ status: 429 });
    expect(calls).toHaveLength(1);
  });

  test('that reads is made again after a failure, and one that writes is not', async () => {
    const open = await openAt(() => [503, 'down']);
    expect(await problemOf(open.call('GET', '/identities'))).toMatchObject({ isTemporary: true });
    expect(calls).toHaveLength(2);
    expect(await problemOf(open.call('PATCH', '/identities'))).toMatchObject({ reason: 'http-503' });
    expect(calls).toHaveLength(3);
  });

  test.each([
    ['cut off', [-1, ''], 'no-answer'],
    ['not answered', [0, ''], 'no-answer'],
    ['answered by a page', [200, '<html>'], 'http-200'],
    ['sent to the admin API by the public one', [307, '', { location: 'http://127.0.0.1:9/' }], 'http-307'],
    ['of no Kratos', [404, '404 page not found'], 'http-404'],
    ['of a proxy that takes no more', [413, '<html>'], 'http-413'],
    ['of a plan that is used up', [402, errorBody({ code: 402 })], 'http-402'],
  ] as const)('that is %s is nobody’s fault', async (_how, answer, reason) => {
    const open = await openAt(() => answer, { timeoutMs: 500 });
    expect(await problemOf(open.call('POST', '/identities'))).toMatchObject({
      reason,
      isNobodysFault: true,
      isGone: false,
    });
  });

  test.each([
    [404, { message: 'Unable to locate the resource' }, { isGone: true, isNobodysFault: false }],
    [
      404,
      { reason: 'This endpoint was disabled by system administrator.' },
      { isGone: false, reason: 'endpoint-disabled', isNobodysFault: false },
    ],
    [
      400,
      { code: 500, message: 'json: unknown field "totp"' },
      { unknownField: 'totp', reason: 'unknown-field' },
    ],
    [409, { message: 'exists already' }, { reason: 'conflict' }],
    [
      500,
      { message: 'ERROR: value too long (SQLSTATE 22001)' },
      { isTemporary: false, reason: 'value-too-long' },
    ],
    [
      500,
      { message: 'ERROR: deadlock detected (SQLSTATE 40P01)' },
      { isTemporary: true, reason: 'http-500' },
    ],
  ])('that answers %i %j is understood', async (status, error, understood) => {
    const open = await openAt(() => [status, errorBody(error)]);
    expect(await problemOf(open.call('POST', '/identities'))).toMatchObject(understood);
  });

  test('ends with its caller', async () => {
    const open = await openAt(() => [0, '']);
    const gone = new AbortController();
    const problem = problemOf(open.call('GET', '/identities', { signal: gone.signal }));
    await expect.poll(() => calls.length).toBe(1);
    gone.abort();
    expect(await problem).toMatchObject({ status: 0, message: expect.stringContaining('was given up') });
  });
});

test('no error tells what was sent', async () => {
  const reason = [
    'I[#/traits/email] S[#/properties/traits/properties/email] validation failed',
    '  I[#/traits/email] S[#/properties/traits/properties/email/format] "CANARY" is not valid "email"',
  ].join('\n');
  const open = await openAt(() => [
    400,
    errorBody({ code: 400, reason, message: 'CANARY', debug: 'CANARY' }),
  ]);
  const problem = await problemOf(
    open.call('POST', '/identities?credentials_identifier=CANARY', { body: { a: 'CANARY' } }),
  );
  expect(problem).toMatchObject({
    message: 'POST /admin/identities answers 400: traits-format (/traits/email)',
    pointer: '/traits/email',
  });
  expect(JSON.stringify(problem) + problem.stack).not.toMatch(/CANARY/);
});
