import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Connector } from '../../src/legacy/connector.ts';
import { openConnector } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { freePort } from '../support/ports.ts';
import { certificateFor, requiresOpenssl } from './certificates.ts';
import { connectorContract } from './connector-contract.ts';
import type { Handler, Reply, TestApi } from './http-api.ts';
import { PASSWORD, serve, shopApi, shopHttp } from './http-api.ts';

connectorContract(
  'http',
  async () => {
    const api = await serve(shopApi());
    return {
      settings: { http: shopHttp(api.url) },
      absent: { http: shopHttp(`http://127.0.0.1:${await freePort()}`) },
      password: PASSWORD,
      drop: api.close,
    };
  },
  { lacks: ['findByIds', 'statements', 'columns'], writes: true },
);

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

type Part = Record<string, unknown>;
const parse = (http: Part, rest: Part = {}) => legacySettings.parse({ store: 'shop', http, ...rest });

async function connected(handle: Handler, part: Part = {}, rest: Part = {}) {
  const api = await serve(handle);
  return { api, connector: opened(api, part, rest) };
}

function opened(api: TestApi, part: Part = {}, rest: Part = {}): Connector {
  const connector = openConnector(parse({ ...shopHttp(api.url), ...part }, rest));
  open.push(() => connector.close(), api.close);
  return connector;
}

const outage = (detail: string) => ({ code: 'legacy_unavailable', detail: expect.stringContaining(detail) });
const inPath = { byLogin: { path: 'users/by-login/{login}' } };
const ANNA = { id: '1', login: 'anna', email: 'anna@example.com' };
const raw = (status: number, headers: Record<string, string>, body: string | Buffer = ''): Reply => ({
  raw: (res) => res.writeHead(status, headers).end(body),
});

describe('a login in a path', () => {
  test.each([
    ['a/b', '/api/v1/users/by-login/a%2Fb'],
    ['a?x=1&y', '/api/v1/users/by-login/a%3Fx%3D1%26y'],
    ['a#b', '/api/v1/users/by-login/a%23b'],
    ['a%2fb', '/api/v1/users/by-login/a%252fb'],
    ['a;b=c', '/api/v1/users/by-login/a%3Bb%3Dc'],
    ["o'hara(1)*!", '/api/v1/users/by-login/o%27hara%281%29%2a%21'],
    ['mü ller@example.com', '/api/v1/users/by-login/m%C3%BC%20ller%40example.com'],
    ['//evil.example', '/api/v1/users/by-login/%2F%2Fevil.example'],
    ['http://evil.example/', '/api/v1/users/by-login/http%3A%2F%2Fevil.example%2F'],
    ['a{id}{login}', '/api/v1/users/by-login/a%7Bid%7D%7Blogin%7D'],
    ['...', '/api/v1/users/by-login/...'],
  ])('%j stays one segment', async (login, target) => {
    const { api, connector } = await connected(() => ({ status: 404 }), inPath);
    expect(await connector.findByLogin(login)).toEqual([]);
    expect(api.seen.map((one) => one.target)).toEqual([target]);
  });

  test.each([
    '.',
    '..',
    '../admin',
    'a/../../admin',
    '..\\admin',
    '%2e%2e',
    '%2e%2e%2fadmin',
    'a%2F..%5cb',
    'anna\r\nX-Admin: 1',
    'anna\0',
    'anna\u007f',
    '\ud800',
  ])('%j is nobody, and nothing is asked', async (login) => {
    const { api, connector } = await connected(() => ({ json: ANNA }), inPath);
    expect(await connector.findByLogin(login)).toEqual([]);
    expect(api.seen).toEqual([]);
  });
});

describe('a value in a query or a body', () => {
  test('stays one value', async () => {
    const { api, connector } = await connected(() => ({ json: {} }));
    await connector.findByLogin('anna&admin=1#x\r\n+%00');
    const url = new URL(api.seen[0]!.target, 'http://api');
    expect([...url.searchParams]).toEqual([['login', 'anna&admin=1#x\r\n+%00']]);
  });

  test('stays one text of JSON, or one field of a form', async () => {
    const login = '","admin":true,"x":"&a=b';
    const { api, connector } = await connected(() => ({ json: {} }), {
      byLogin: [
        { method: 'POST', path: 'find', body: { where: [{ login: '{login}' }], fixed: '{other} {}' } },
        { method: 'POST', path: 'find', form: { login: '{login}', fixed: 'x' } },
      ],
    });
    await connector.findByLogin(login);
    const bodies = api.seen.map((one) => one.body);
    const form = bodies.find((body) => body.startsWith('login='))!;
    expect(JSON.parse(bodies.find((body) => body !== form)!)).toEqual({
      where: [{ login }],
      fixed: '{other} {}',
    });
    expect([...new URLSearchParams(form)]).toEqual([
      ['login', login],
      ['fixed', 'x'],
    ]);
  });

  test('is quoted as JSON inside a filter', async () => {
    const byLogin = { path: 'Users', query: { filter: 'userName eq {login:json}' }, at: 'Resources' };
    const { api, connector } = await connected(() => ({ json: {} }), { byLogin });
    await connector.findByLogin('x" or userName pr or "\\');
    expect(new URL(api.seen[0]!.target, 'http://api').searchParams.get('filter')).toBe(
      'userName eq "x\\" or userName pr or \\"\\\\"',
    );
  });
});

describe('settings', () => {
  test.each([
    [{ url: 'http://api.example.com' }, 'expected https'],
    [{ byId: { path: 'users/../{id}' } }, 'must not go up'],
    [{ byId: { path: 'users?id={id}' } }, 'no query'],
    [{ byId: { path: 'users/{login}' } }, 'no {login} here'],
    [{ byId: { path: 'users', query: { filter: 'id eq "{id}"' } } }, '{id} has to stand alone'],
    [{ byId: { path: 'users', method: 'POST', body: { q: 'user(id: "{id}")' } } }, 'has to stand alone'],
    [{ byId: { path: 'users', body: { id: '{id}' } } }, 'GET has no body'],
    [{ verify: { path: 'check/{password}' } }, 'no {password} here'],
    [{ verify: { path: 'check/{id}', query: { p: '{password}' } } }, 'no {password} here'],
    [{ page: { path: 'users' } }, 'expected {after}'],
    [{ nobody: [404, 401] }, '401 and 403'],
    [{ authorization: {} }, 'expected one of'],
    [{ headers: { 'X-Key': 'a\r\nb' } }, 'visible ASCII'],
    [{ tls: { cert: 'x' } }, 'both `cert` and `key`'],
  ])('%j is refused', (part, message) => {
    const result = legacySettings.safeParse({
      store: 'shop',
      http: { ...shopHttp('https://a.example'), ...part },
    });
    expect(result.error?.message).toContain(message);
  });

  test('without `verify`, the store cannot be asked about passwords', () => {
    const { verify: _, ...http } = shopHttp('https://a.example');
    expect(() => parse(http, { verify: 'store' })).toThrow('cannot verify passwords');
  });
});

describe('an answer that is no answer', () => {
  const page = '<html>Please log in</html>';
  const cases: [string, Reply, string][] = [
    ['a server error', { status: 500, json: ANNA }, 'answers 500'],
    ['our credentials refused', { status: 401 }, 'answers 401: it refuses our credentials'],
    ['our rights refused', { status: 403 }, 'answers 403: it refuses our credentials'],
    ['a redirect', raw(302, { location: 'https://evil.example/' }), 'redirects are not followed'],
    ['HTML', raw(200, { 'content-type': 'text/html' }, page), 'something other than JSON'],
    ['HTML that says it is JSON', raw(200, { 'content-type': 'application/json' }, page), 'cannot be read'],
    ['half of JSON', raw(200, { 'content-type': 'application/json' }, '{"id":"1",'), 'cannot be read'],
    [
      'other bytes than UTF-8',
      raw(200, { 'content-type': 'application/json' }, Buffer.from([0x22, 0xff, 0x22])),
      'not UTF-8',
    ],
    [
      'no record but depth',
      raw(
        200,
        { 'content-type': 'application/json' },
        `${'['.repeat(20_000)}12345678901234567${']'.repeat(20_000)}`,
      ),
      'answers with',
    ],
    ['no record', { json: 'anna' }, 'something other than records'],
    ['too much', { json: { id: '1', filler: 'x'.repeat(70_000) } }, 'more than 65536 bytes'],
    ['a connection cut', { raw: (res) => res.destroy() }, 'UND_ERR_SOCKET'],
    [
      'a body that ends early',
      { raw: (res) => res.writeHead(200, { 'content-length': '99' }).write('{', () => res.destroy()) },
      'http 127.0.0.1',
    ],
  ];
  test.each(cases)('%s is an outage at a lookup, and no wrong password', async (title, reply, detail) => {
    const { connector } = await connected(() => reply, { ...inPath, maxBytes: 65_536 });
    await expect(connector.findByLogin('a-secret-login')).rejects.toMatchObject(outage(detail));
    await expect(connector.findById('1')).rejects.toMatchObject(outage(detail));
    const error = await connector.findByLogin('a-secret-login').catch((thrown) => thrown);
    expect(JSON.stringify([error.message, error.detail, error.stack])).not.toContain('a-secret-login');
    expect(error.cause).toBeUndefined();
    if (/refused|no record/.test(title)) return;
    const check = connector.verifyPassword!({ id: '1', columns: {} }, 'a-secret-password');
    await expect(check).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });

  test('one that never comes, or never ends, is an outage', async () => {
    const dribble: Reply = {
      raw: (res) => res.writeHead(200, { 'content-type': 'application/json' }).write('['),
    };
    for (const reply of [{ raw: () => undefined }, dribble]) {
      const { connector } = await connected(() => reply, inPath, { timeoutMs: 400 });
      await expect(connector.findByLogin('anna')).rejects.toMatchObject(outage('does not answer in time'));
    }
  });

  test('one that asks to wait says for how long', async () => {
    const { connector } = await connected(() => raw(429, { 'retry-after': '7' }));
    await expect(connector.findById('1')).rejects.toMatchObject({
      ...outage('answers 429'),
      retryAfterSeconds: 7,
    });
  });

  test('nobody is what the settings call so', async () => {
    const { connector } = await connected(() => ({ status: 410 }), { nobody: [404, 410] });
    expect(await connector.findById('1')).toEqual([]);
    for (const json of [undefined, null, [], {}, { data: null }, { data: { users: [] } }]) {
      const { connector: other } = await connected(() => ({ json }));
      expect(await other.findByLogin('anna'), JSON.stringify(json)).toEqual([]);
    }
  });
});

describe('an answer about somebody else', () => {
  test('finds nobody by login', async () => {
    const { connector } = await connected(
      () => ({ json: { ...ANNA, email: 'annabel@example.com' } }),
      inPath,
    );
    expect(await connector.findByLogin('ANNA')).toHaveLength(1);
    for (const login of ['ann', 'anna@example.com', 'bob', 'anna\u0301'])
      expect(await connector.findByLogin(login), login).toEqual([]);
  });

  test('finds nobody by id', async () => {
    const { connector } = await connected(() => ({ json: { ...ANNA, id: '01' } }));
    expect(await connector.findById('1')).toEqual([]);
    expect(await connector.findById('01')).toHaveLength(1);
  });

  test('is believed only where the settings say so', async () => {
    const { connector } = await connected(() => ({ json: ANNA }), { ...inPath, echo: 'off' });
    expect(await connector.findByLogin('4711')).toMatchObject([{ id: '1' }]);
  });

  test('does not open an account', async () => {
    const verify = { method: 'POST', path: 'login', body: { p: '{password}' }, echo: 'user.id' };
    const { connector } = await connected(() => ({ json: { user: { id: 2 } } }), { verify });
    expect(await connector.verifyPassword!({ id: '1', columns: {} }, 'x')).toBe(false);
    expect(await connector.verifyPassword!({ id: '2', columns: {} }, 'x')).toBe(true);
  });
});

describe('a check of a password', () => {
  const anna = { id: '1', columns: { 'profile.name': 'an/na' } };

  test.each([
    [401, false],
    [403, false],
    [404, false],
    [422, false],
    [200, true],
    [204, true],
  ])('answered with %i says %s', async (status, verdict) => {
    const { connector } = await connected(() => raw(status, {}));
    expect(await connector.verifyPassword!(anna, 'x')).toBe(verdict);
  });

  test.each([400, 409, 429, 500, 503, 302])('answered with %i is an outage', async (status) => {
    const { connector } = await connected(() => raw(status, {}));
    await expect(connector.verifyPassword!(anna, 'x')).rejects.toMatchObject(outage(`answers ${status}`));
  });

  test('is an outage where the API says that it is our token', async () => {
    const challenge = { 'www-authenticate': 'Bearer realm="x", error="invalid_token"' };
    const { connector } = await connected(() => raw(401, challenge), { authorization: { bearer: 't' } });
    await expect(connector.verifyPassword!(anna, 'x')).rejects.toMatchObject(outage('our credentials'));
  });

  test('may be answered in words', async () => {
    const verify = {
      method: 'POST',
      path: 'check/{user.profile.name}',
      body: { p: '{password}' },
      verdict: 'data.verified',
    };
    for (const [verified, verdict] of [
      [true, true],
      [false, false],
      ['true', false],
      [1, false],
      [undefined, false],
    ]) {
      const { api, connector } = await connected(() => ({ json: { data: { verified } } }), { verify });
      expect(await connector.verifyPassword!(anna, 'x')).toBe(verdict);
      expect(api.seen[0]!.target).toBe('/api/v1/check/an%2Fna');
    }
  });

  test('needs what its path names', async () => {
    const verify = { method: 'POST', path: 'check/{user.name}', body: { p: '{password}' } };
    const { connector } = await connected(() => ({}), { verify });
    await expect(connector.verifyPassword!(anna, 'x')).rejects.toMatchObject({ code: 'mapping_failed' });
  });
});

describe('who we are', () => {
  test('is said by HTTP Basic, a token, or a header', async () => {
    const { api, connector } = await connected(() => ({ json: ANNA }), {
      authorization: { basic: { user: 'reader', password: 'pä:ss' } },
    });
    await connector.findById('1');
    expect(api.seen[0]!.authorization).toBe(`Basic ${Buffer.from('reader:pä:ss').toString('base64')}`);
  });

  function guarded(lifetime?: number) {
    let issued = 0;
    const valid = { token: '' };
    const handle: Handler = ({ target, authorization }) => {
      if (target === '/token') {
        valid.token = `token-${++issued}`;
        return { json: { access_token: valid.token, token_type: 'Bearer', expires_in: lifetime } };
      }
      return authorization === `Bearer ${valid.token}` ? { json: ANNA } : { status: 401 };
    };
    return { handle, valid };
  }
  const credentials = (url: string, part: Part = {}) => ({
    authorization: {
      clientCredentials: { tokenUrl: `${url}/token`, clientId: 'a b', clientSecret: 'c:d', ...part },
    },
  });
  const tokensAsked = (api: TestApi) => api.seen.filter((one) => one.target === '/token');

  test('is a token that is fetched once for all', async () => {
    const api = await serve(guarded(3600).handle);
    const connector = opened(
      api,
      credentials(api.url, { scope: 'users:read', parameters: { audience: 'x' } }),
    );
    await Promise.all([1, 2, 3].map(() => connector.findById('1')));
    expect(await connector.findById('1')).toHaveLength(1);
    const [asked, ...more] = tokensAsked(api);
    expect(more).toEqual([]);
    expect(asked!.authorization).toBe(`Basic ${Buffer.from('a+b:c%3Ad').toString('base64')}`);
    expect(Object.fromEntries(new URLSearchParams(asked!.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'users:read',
      audience: 'x',
    });
  });

  test('is a new token where the old one is refused, once', async () => {
    const { handle, valid } = guarded(3600);
    const api = await serve(handle);
    const connector = opened(api, credentials(api.url, { method: 'post' }));
    await connector.findById('1');
    valid.token = 'revoked';
    expect(await connector.findById('1')).toHaveLength(1);
    expect(tokensAsked(api)).toHaveLength(2);
    expect(new URLSearchParams(tokensAsked(api)[0]!.body).get('client_secret')).toBe('c:d');
  });

  test('is a new token where the old one has ended', async () => {
    const api = await serve(guarded(5).handle);
    const connector = opened(api, credentials(api.url));
    await connector.findById('1');
    await connector.findById('1');
    expect(tokensAsked(api)).toHaveLength(2);
  });

  test('a token that is refused over and over is an outage, after two requests', async () => {
    const api = await serve(({ target }) =>
      target === '/token' ? { json: { access_token: 't', expires_in: 60 } } : { status: 401 },
    );
    const connector = opened(api, credentials(api.url));
    await expect(connector.findById('1')).rejects.toMatchObject(outage('our credentials'));
    expect(api.seen.filter((one) => one.target !== '/token')).toHaveLength(2);
  });

  test('a wrong password is sent once, whatever token we have', async () => {
    const api = await serve(({ target }) =>
      target === '/token' ? { json: { access_token: 't', expires_in: 60 } } : { status: 401 },
    );
    const connector = opened(api, credentials(api.url));
    expect(await connector.verifyPassword!({ id: '1', columns: {} }, 'x')).toBe(false);
    expect(api.seen.filter((one) => one.target !== '/token')).toHaveLength(1);
  });

  test.each([
    [{ status: 500 }, 'token endpoint answers 500'],
    [{ status: 400, json: { error: 'invalid_client' } }, 'token endpoint answers 400'],
    [{ json: { access_token: 'a\r\nb' } }, 'without a token'],
    [raw(302, { location: '/elsewhere' }), 'token endpoint answers 302'],
  ])('without a token, everything is an outage: %#', async (reply: Reply, detail) => {
    const api = await serve(({ target }) => (target === '/token' ? reply : { json: ANNA }));
    const connector = opened(api, credentials(api.url));
    await expect(connector.findById('1')).rejects.toMatchObject(outage(detail));
    const check = connector.verifyPassword!({ id: '1', columns: {} }, 'x');
    await expect(check).rejects.toMatchObject(outage(detail));
    expect(api.seen.every((one) => one.target === '/token')).toBe(true);
  });

  test('may be somebody else for the mark', async () => {
    const { flag } = shopHttp('');
    const { api, connector } = await connected(() => ({ json: ANNA }), {
      authorization: { bearer: 'reads' },
      flag: { ...flag, authorization: { bearer: 'writes' } },
    });
    await connector.findById('1');
    await connector.flag!('1', true);
    expect(api.seen.map((one) => one.authorization)).toEqual(['Bearer reads', 'Bearer writes']);
  });
});

const openssl = requiresOpenssl();
describe.skipIf(openssl.skip)(`TLS, with ${openssl.name}`, () => {
  test('is refused where the certificate is not trusted, or not for this name', async () => {
    const certificate = certificateFor('DNS:localhost');
    const tls = { key: readFileSync(certificate.key, 'utf8'), cert: readFileSync(certificate.cert, 'utf8') };
    const api = await serve(() => ({ json: ANNA }), tls);
    const at = (url: string, part: Part) => opened({ ...api, url }, part);
    const trusting = { tls: { ca: certificate.caPem } };
    expect(await at(api.url, trusting).findById('1')).toHaveLength(1);
    await expect(at(api.url, {}).findById('1')).rejects.toMatchObject(outage('UNABLE_TO_VERIFY'));
    const otherName = api.url.replace('localhost', '127.0.0.1');
    await expect(at(otherName, trusting).findById('1')).rejects.toMatchObject(outage('ALTNAME'));
    certificate.drop();
  });

  test('shows our own certificate where there is one', async () => {
    const { key, cert, ca, caPem, drop } = certificateFor('DNS:localhost');
    const ours = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    const asking = { requestCert: true, rejectUnauthorized: true, ca: readFileSync(ca, 'utf8') };
    const api = await serve(() => ({ json: ANNA }), { ...ours, ...asking });
    expect(await opened(api, { tls: { ca: caPem, ...ours } }).findById('1')).toHaveLength(1);
    const nameless = opened(api, { tls: { ca: caPem } }).findById('1');
    await expect(nameless).rejects.toMatchObject({ code: 'legacy_unavailable' });
    drop();
  });
});

describe('pages', () => {
  const users = Array.from({ length: 7 }, (_, index) => ({ id: `u${7 - index}` }));
  const readAll = async (connector: Connector, limit: number) => {
    const ids: string[] = [];
    for (let after = ''; ; ) {
      const page = await connector.page!(after, limit);
      ids.push(...page.map((row) => row.id));
      if (page.length < limit) return ids;
      after = page.at(-1)!.id;
    }
  };
  const all = users.map((user) => user.id);
  const slice = (from: number, limit = 3) => users.slice(from, from + limit);
  const parameter = (target: string, name: string) => new URL(target, 'http://api').searchParams.get(name);

  const styles: [string, Part, Handler][] = [
    [
      'a cursor',
      { path: 'users', query: { cursor: '{after}' }, at: 'items', next: 'meta.next' },
      ({ target }) => {
        const from = Number(parameter(target, 'cursor') ?? 0);
        return { json: { items: slice(from), meta: { next: from + 3 < 7 ? String(from + 3) : null } } };
      },
    ],
    [
      'an offset',
      { path: 'users', query: { first: '{offset}', max: '{limit}' }, size: 3 },
      ({ target }) => ({ json: slice(Number(parameter(target, 'first')), Number(parameter(target, 'max'))) }),
    ],
    [
      'a page number',
      { path: 'users/{page}', size: 3 },
      ({ target }) => ({ json: slice((Number(target.split('/').at(-1)) - 1) * 3) }),
    ],
    [
      'the last id, and pages shorter than asked for',
      { path: 'users', query: { after: '{after}', limit: '{limit}' }, size: 100 },
      ({ target }) => ({ json: slice(all.indexOf(parameter(target, 'after') ?? '') + 1, 2) }),
    ],
  ];
  test.each(styles)('that go on at %s give everybody once', async (_title, page, handle) => {
    const { api, connector } = await connected(handle, { page });
    for (const limit of [1, 2, 3, 5, 7, 500])
      expect(await readAll(connector, limit), `${limit}`).toEqual(all);
    const again = opened(api, { page });
    expect((await again.page!('u4', 2)).map((row) => row.id)).toEqual(['u3', 'u2']);
  });

  test('that do not go on are a failure, not an endless loop', async () => {
    const [, cursor] = styles[0]!;
    const { connector } = await connected(() => ({ json: { items: [{ id: '1' }], meta: { next: 'x' } } }), {
      page: cursor,
    });
    await expect(connector.page!('', 5)).rejects.toMatchObject({ code: 'mapping_failed' });
    const { connector: other } = await connected(() => ({ json: [{ id: '1' }] }), { page: styles[3]![1] });
    await expect(other.page!('', 5)).rejects.toMatchObject({ code: 'mapping_failed' });
  });

  test('go on after nobody who has gone', async () => {
    const { connector } = await connected(styles[0]![2], { page: styles[0]![1] });
    await expect(connector.page!('gone', 2)).rejects.toMatchObject({ code: 'user_not_found' });
  });
});

describe('a record', () => {
  test('has its inner values as columns, its lists as rows, and numbers as they were written', async () => {
    const json =
      '{"id":12345678901234567890,"login":"anna","profile":{"name":{"first":"Anna"}},"roles":["a","b"]}';
    const { api, connector } = await connected(
      () => raw(200, { 'content-type': 'application/hal+json' }, json),
      inPath,
    );
    const [row] = await connector.findByLogin('anna');
    expect(row!.id).toBe('12345678901234567890');
    expect(row!.columns).toMatchObject({ 'profile.name.first': 'Anna', roles: ['a', 'b'] });
    expect((await connector.related!(row!.id)).roles).toMatchObject([{ value: 'a' }, { value: 'b' }]);
    expect(api.seen).toHaveLength(1);
    await connector.related!(row!.id);
    expect(api.seen).toHaveLength(2);
  });

  test('cannot bring a prototype', async () => {
    const json = '{"id":"1","__proto__":{"admin":true},"a":{"__proto__":{"admin":true}}}';
    const { connector } = await connected(() => raw(200, { 'content-type': 'application/json' }, json));
    const [row] = await connector.findById('1');
    expect([({} as Record<string, unknown>).admin, row!.columns.admin]).toEqual([undefined, undefined]);
  });

  test('that two requests find is one', async () => {
    const byLogin = [{ path: 'by-name/{login}' }, { path: 'by-mail/{login}' }];
    const { connector } = await connected(() => ({ json: ANNA }), { byLogin });
    expect(await connector.findByLogin('anna')).toHaveLength(1);
  });
});
