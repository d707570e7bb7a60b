import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MockInstance } from 'vitest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { apiSettings } from '../../../src/targets/move-settings.ts';
import type { ZitadelApi, ZitadelError } from '../../../src/targets/zitadel/api.ts';
import { openZitadelApi } from '../../../src/targets/zitadel/api.ts';
import { searchAll } from '../../../src/targets/zitadel/pages.ts';
import { freePort } from '../../support/ports.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';

const TOKEN = 'pat-very-secret';
const SECRET = '$2b$10$averysecrethashaverysecrethashaverysecrethash';
const open: ZitadelApi[] = [];
const fails = (work: Promise<unknown>): Promise<ZitadelError> =>
  work.then(
    () => Promise.reject(new Error('it succeeded')),
    (error) => error,
  );

function apiAt(url: string, more: object = {}, deps: Parameters<typeof openZitadelApi>[1] = {}) {
  const api = openZitadelApi(apiSettings.parse({ url, token: TOKEN, ...more }), deps);
  open.push(api);
  return api;
}
afterEach(async () => {
  for (const api of open.splice(0)) await api.close();
});

/** Answers as it is told; the last answer stays. */
describe('a server', () => {
  type Answer = (req: IncomingMessage, res: ServerResponse) => void;
  let server: Server;
  let url: string;
  let answers: Answer[];
  let seen: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[];

  beforeAll(async () => {
    server = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => {
        seen.push({ method: req.method!, path: req.url!, headers: req.headers, body });
        (answers.length > 1 ? answers.shift() : answers[0])!(req, res);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  beforeEach(() => {
    seen = [];
    answers = [json(200, {})];
  });

  const json =
    (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
    (_req, res) => {
      res.writeHead(status, { 'content-type': 'application/json', ...headers });
      res.end(JSON.stringify(body));
    };
  const reset: Answer = (req) => req.socket.destroy();

  test('is told who asks, what, and for which organization', async () => {
    answers = [json(200, { userId: '1' })];
    const api = apiAt(url);
    expect(await api.call('POST', '/v2/users/human', { body: { a: 1 }, organization: '9' })).toEqual({
      userId: '1',
    });
    await api.call('GET', '/v2/users/1');
    expect(seen).toMatchObject([
      {
        method: 'POST',
        path: '/v2/users/human',
        body: '{"a":1}',
        headers: {
          authorization: `Bearer ${TOKEN}`,
          'content-type': 'application/json',
          'x-zitadel-orgid': '9',
        },
      },
      { method: 'GET', path: '/v2/users/1', body: '' },
    ]);
    expect(seen[1]!.headers).not.toHaveProperty('x-zitadel-orgid');
  });

  test('that refuses is understood: status, code, id', async () => {
    const detail = { '@type': 'type.googleapis.com/zitadel.v1.ErrorDetail', id: 'V3-DKcYh', message: 'x' };
    answers = [json(409, { code: 6, message: 'User already exists (V3-DKcYh)', details: [detail] })];
    expect(await fails(apiAt(url).call('POST', '/v2/users/human'))).toMatchObject({
      name: 'ZitadelError',
      status: 409,
      code: 6,
      id: 'V3-DKcYh',
      isTemporary: false,
      message: 'POST /v2/users/human answers 409: User already exists (V3-DKcYh)',
    });
    expect(seen).toHaveLength(1);
  });

  test('that refuses without details is understood by the end of its message', async () => {
    answers = [json(404, { code: 5, message: 'User could not be found (QUERY-Dfbg2)' })];
    expect(await fails(apiAt(url).call('GET', '/v2/users/1'))).toMatchObject({ id: 'QUERY-Dfbg2', code: 5 });
  });

  test('that quotes a secret is not quoted', async () => {
    const quoting = `invalid value for string field hash: ${SECRET} and "${SECRET}" by ${TOKEN}`;
    answers = [json(400, { code: 3, message: quoting, details: [] })];
    const body = { hashedPassword: { hash: SECRET } };
    const error = await fails(apiAt(url).call('PUT', '/v2/users/human/1?x=secret-in-query', { body }));
    expect(`${error.stack}${JSON.stringify(error)}`).not.toMatch(/verysecret|very-secret|secret-in-query/);
    expect(error.message).toContain('invalid value for string field hash');
  });

  test('that gives our token back as a code of its own is not repeated', async () => {
    const details = [{ '@type': 'type.googleapis.com/zitadel.v1.ErrorDetail', id: TOKEN, message: 'no' }];
    answers = [json(400, { code: 3, message: 'no', details })];
    const error = await fails(apiAt(url).call('GET', '/v2/users/1'));
    expect(error.id).toBeUndefined();
    expect(JSON.stringify([error.message, error.reason])).not.toContain(TOKEN);
  });

  test('that redirects is not followed', async () => {
    answers = [json(302, {}, { location: '/elsewhere' })];
    expect(await fails(apiAt(url).call('GET', '/v2/users/1'))).toMatchObject({
      status: 302,
      isTemporary: false,
    });
    expect(seen).toHaveLength(1);
  });

  test('that answers with a web page is no ZITADEL', async () => {
    answers = [(_req, res) => res.end('<html>')];
    expect(await fails(apiAt(url).call('GET', '/x'))).toMatchObject({ status: 200, isTemporary: false });
  });

  test('that answers without an end is cut off', async () => {
    answers = [
      (_req, res) => {
        const chunk = Buffer.alloc(1024 * 1024, 'x');
        const more = () => void (res.destroyed || res.write(chunk, more));
        res.on('error', () => undefined);
        more();
      },
    ];
    const error = await fails(apiAt(url).call('POST', '/x'));
    expect(error.message).toContain('ANSWER_TOO_LARGE');
  });

  test('that does not answer is given up in time', async () => {
    answers = [() => undefined];
    expect(await fails(apiAt(url, { timeoutMs: 100 }).call('GET', '/v2/users/1'))).toMatchObject({
      status: 0,
      isTemporary: true,
      message: 'GET /v2/users/1 is not answered in time',
    });
  });

  test('is asked no longer once the caller has given up', async () => {
    answers = [() => undefined];
    const controller = new AbortController();
    const work = fails(apiAt(url).call('POST', '/x', { signal: controller.signal }));
    controller.abort();
    expect(await work).toMatchObject({ status: 0, message: 'POST /x was given up' });
  });

  test.each(['GET', 'SEARCH'])('that breaks a reading call is asked once more: %s', async (kind) => {
    answers = [reset, json(200, { result: [] })];
    const api = apiAt(url);
    await (kind === 'GET'
      ? api.call('GET', '/v2/users/1')
      : api.call('POST', '/v2/users/1/links/_search', { body: {} }));
    expect(seen).toHaveLength(2);
  });

  test('that breaks a reading call twice is not asked a third time', async () => {
    answers = [reset];
    expect(await fails(apiAt(url).call('GET', '/v2/users/1'))).toMatchObject({
      status: 0,
      isTemporary: true,
    });
    expect(seen).toHaveLength(2);
  });

  test('that breaks a writing call is not asked again: nobody knows what it did', async () => {
    answers = [reset];
    expect(await fails(apiAt(url).call('POST', '/v2/users/human', { body: {} }))).toMatchObject({
      status: 0,
      isTemporary: true,
    });
    expect(seen).toHaveLength(1);
  });

  test.each([500, 502, 503, 504])(
    'that answers a writing call with %i is not asked again',
    async (status) => {
      answers = [json(status, {})];
      expect(await fails(apiAt(url).call('POST', '/v2/users/human'))).toMatchObject({
        status,
        isTemporary: true,
      });
      expect(seen).toHaveLength(1);
    },
  );

  test('that wants a pause gets it, and is then asked once more', async () => {
    answers = [json(429, { code: 8, message: '' }, { 'retry-after': '1' }), json(200, {})];
    const startedMs = performance.now();
    await apiAt(url).call('POST', '/v2/users/human');
    expect(performance.now() - startedMs).toBeGreaterThan(900);
    expect(seen).toHaveLength(2);
  });

  test('that wants a longer pause than there is time is left alone, by every caller', async () => {
    answers = [json(429, { code: 8, message: '' }, { 'retry-after': '60' }), json(200, {})];
    const api = apiAt(url, { timeoutMs: 5_000 });
    expect(await fails(api.call('POST', '/a'))).toMatchObject({ status: 429, retryAfterSeconds: 60 });
    // Nobody asked, and nobody is down: it is the same pause.
    expect(await fails(api.call('GET', '/b'))).toMatchObject({ status: 429, isTemporary: true });
    expect(seen).toHaveLength(1);
  });

  test('is called evenly', async () => {
    const api = apiAt(url, { perSecond: 20 });
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: 15 }, () => api.call('GET', '/x')));
    // 15 calls at 50 ms, less the burst of 250 ms.
    expect(performance.now() - startedMs).toBeGreaterThan(400);
  });

  test('is read page by page', async () => {
    const all = Array.from({ length: 130 }, (_none, id) => ({ id }));
    answers = [json(200, { result: all.slice(0, 100) }), json(200, { result: all.slice(100) })];
    expect(await searchAll(apiAt(url), '/v2/users', { body: { queries: [] } })).toEqual(all);
    expect(seen.map(({ body }) => JSON.parse(body))).toEqual([
      { queries: [], query: { offset: '0', limit: 100, asc: true } },
      { queries: [], query: { offset: '100', limit: 100, asc: true } },
    ]);
  });
});

test('a server that is not there was asked for nothing: also a writing call may be made again', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  expect(await fails(apiAt(url).call('POST', '/v2/users/human'))).toMatchObject({
    status: 0,
    isTemporary: true,
    message: 'POST /v2/users/human is not answered: ECONNREFUSED',
  });
});

describe('a service user', () => {
  let zitadel: Zitadel;
  let seconds: number;
  let tokens: MockInstance<Zitadel['oauth']['token']>;
  beforeEach(async () => {
    seconds = 1_700_000_000;
    zitadel = await openZitadel({ now: () => seconds * 1_000 });
    tokens = vi.spyOn(zitadel.oauth, 'token');
  });
  afterEach(() => zitadel.close());
  const asUser = (change: object = {}) => {
    const { userId, keyId, key } = zitadel.serviceUser;
    const more = { token: undefined, serviceUser: { userId, keyId, key, ...change } };
    return apiAt(zitadel.url, more, { nowSeconds: () => seconds });
  };

  test('signs for a token with a key as ZITADEL hands it out, PKCS #1', async () => {
    expect(zitadel.serviceUser.key).toContain('BEGIN RSA PRIVATE KEY');
    const answer = await asUser().call('POST', '/v2/users', { body: {} });
    expect(answer).toHaveProperty('details');
    expect(zitadel.requests.at(-1)).toMatchObject({ userId: zitadel.serviceUser.userId, status: 200 });
  });

  test('fetches one token for many calls, and the next before it ends', async () => {
    const api = asUser();
    await Promise.all(Array.from({ length: 5 }, () => api.call('POST', '/v2/users', { body: {} })));
    expect(tokens).toHaveBeenCalledTimes(1);
    seconds += 86_400;
    await api.call('POST', '/v2/users', { body: {} });
    expect(tokens).toHaveBeenCalledTimes(2);
  });

  test('fetches another token where one is not taken any more', async () => {
    const api = asUser();
    await api.call('POST', '/v2/users', { body: {} });
    zitadel.oauth.expireTokens();
    await api.call('POST', '/v2/users', { body: {} });
    expect(tokens).toHaveBeenCalledTimes(2);
  });

  test('whose key is unknown is told so, and nothing of the key', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const error = await fails(asUser({ key }).call('POST', '/v2/users', { body: {} }));
    expect(error).toMatchObject({ status: 400, id: 'invalid_request', isTemporary: false });
    expect(error.message).not.toContain(key.slice(40, 60));
  });

  test('whose key is none is told so at once', () => {
    expect(() => asUser({ key: 'no PEM at all' })).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    );
  });

  test('with a wrong personal access token is refused, once', async () => {
    const error = await fails(apiAt(zitadel.url).call('POST', '/v2/users', { body: {} }));
    expect(error).toMatchObject({ status: 401, code: 16, isTemporary: false });
    expect(zitadel.requests).toHaveLength(1);
  });
});
