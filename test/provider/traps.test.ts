/** One test per trap of oidc-provider that `docs/provider.md` lists as settled. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import { createProvider } from '../../src/provider/provider.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import {
  ANNA,
  authorizationUrl,
  basic,
  CALLBACK,
  codeOf,
  legacyDown,
  logIn,
  openStage,
  redeem,
  submitLogin,
  userinfo,
} from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const get = (path: string, headers: Record<string, string> = {}) =>
  new Browser().visit(`${stage.issuer}${path}`, { headers });

describe('what is not there', () => {
  test('development interactions do not exist', async () => {
    expect((await get('/interaction/abc')).status).toBe(404);
  });

  test.each(['/reg', '/device', '/device/auth', '/backchannel', '/nothing'])(
    '%s does not exist',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  test('a provider without signing or cookie keys, or with two equal kids, is not made', () => {
    const make = (keys: object) => () =>
      createProvider({ keys, settings: { issuer: 'http://127.0.0.1', clients: [] } } as never);
    expect(make({ signing: [], cookie: ['k'] })).toThrow(/signing key/);
    expect(make({ signing: [{ kid: 'a' }], cookie: [] })).toThrow(/cookie key/);
    expect(make({ signing: [{ kid: 'a' }, { kid: 'a' }], cookie: ['k'] })).toThrow(/one kid/);
  });

  test('discovery lists no implicit flow, no plain PKCE and no public client', async () => {
    const metadata = (await get('/.well-known/openid-configuration')).json();
    expect(metadata).toMatchObject({
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      dpop_signing_alg_values_supported: expect.arrayContaining(['ES256']),
    });
    expect(metadata.grant_types_supported).not.toContain('implicit');
  });
});

describe('the front door', () => {
  const raw = (path: string, ...headers: string[]) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const { hostname, port } = new URL(stage.issuer);
      const socket = connect(Number(port), hostname, () =>
        socket.end([`GET ${path} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n')),
      );
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('error', reject);
      socket.on('close', () =>
        resolve({ status: Number(answer.split(' ')[1]), body: answer.slice(answer.indexOf('\r\n\r\n') + 4) }),
      );
    });
  const own = () => new URL(stage.issuer).host;
  const discovery = '/.well-known/openid-configuration';

  test('serves only the issuer’s host', async () => {
    expect((await raw(discovery, 'Host: evil.example')).status).toBe(421);
    expect((await raw(discovery, `Host: ${own()}<script>`)).status).toBe(421);
    expect((await raw(discovery, `Host: ${own()}`)).status).toBe(200);
  });

  test('does not serve two hosts, or none', async () => {
    expect((await raw(discovery, `Host: ${own()}`, 'Host: evil.example')).status).toBeGreaterThanOrEqual(400);
    expect((await raw(discovery)).status).toBeGreaterThanOrEqual(400);
  });

  test('refuses an absolute request target', async () => {
    expect((await raw('http://evil.example/.well-known/openid-configuration', `Host: ${own()}`)).status).toBe(
      400,
    );
  });

  test('believes no forwarded header', async () => {
    const answer = await raw(
      discovery,
      `Host: ${own()}`,
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'Forwarded: host=evil.example',
    );
    expect(answer.body).toContain(`"token_endpoint":"${stage.issuer}/token"`);
    expect(answer.body).not.toContain('evil');
  });

  test.each(['state', 'nonce', 'login_hint', 'client_id', 'scope'])(
    'refuses a NUL in %s with 400',
    async (name) => {
      const url = `${authorizationUrl(stage, { [name]: undefined })}&${name}=a%00b`;
      expect((await new Browser().visit(url)).status).toBe(400);
    },
  );

  test.each(['x?%00', 'x?%ff', `x?${'y'.repeat(5000)}`])(
    'looks behind a second question mark: nonce=%.10s',
    async (value) => {
      expect((await new Browser().visit(`${authorizationUrl(stage)}&nonce=${value}`)).status).toBe(400);
    },
  );

  test('refuses a NUL in a form with 400', async () => {
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      body: 'grant_type=refresh_token&refresh_token=%00',
      headers: { ...basic(), 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(answer.status).toBe(400);
  });

  test.each(['%', '%zz', '%ff', '%ed%a0%80'])('refuses the malformed value %s with 400', async (value) => {
    expect((await get(`/auth?client_id=app&state=${value}`)).status).toBe(400);
  });

  test('refuses a long state, many parameters and a big body', async () => {
    expect((await new Browser().visit(authorizationUrl(stage, { state: 'x'.repeat(3000) }))).status).toBe(
      400,
    );
    expect((await get(`/auth?${'a=1&'.repeat(200)}`)).status).toBe(400);
    const big = await new Browser().visit(`${stage.issuer}/token`, {
      form: { a: 'x'.repeat(70_000) },
      headers: basic(),
    });
    expect(big.status).toBe(413);
  });

  test('puts security headers on every page and problem', async () => {
    for (const path of ['/auth', '/login/x', '/nothing', '/session/end', discovery]) {
      const { headers } = await get(path, { accept: 'text/html' });
      expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'same-origin',
        'x-frame-options': 'DENY',
      });
    }
  });

  test('lets keys and discovery be cached for the configured time', async () => {
    for (const path of ['/jwks', discovery])
      expect((await get(path)).headers['cache-control']).toBe('public, max-age=300');
  });
});

describe('cookies', () => {
  test('are HttpOnly, SameSite=Lax and signed, and carry prefixes and Secure on an https issuer', async () => {
    const answer = await new Browser().visit(authorizationUrl(stage));
    const lines = answer.headers['set-cookie'] ?? [];
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(/httponly/i);
    for (const line of lines) expect(line).toMatch(/samesite=lax/i);
    expect(lines.filter((line) => /^fb_(login|resume)\.sig=[\w-]{43};/.test(line))).toHaveLength(2);
    const { cookieSettings } = await import('../../src/provider/cookies.ts');
    expect(cookieSettings('https://id.example', ['k'])).toMatchObject({
      names: { session: '__Host-fb_session', interaction: '__Secure-fb_login', resume: '__Secure-fb_resume' },
      long: { secure: true, httpOnly: true, sameSite: 'lax', signed: true },
    });
  });

  test('of a login page do not open when changed, and are no help on another page', async () => {
    const browser = new Browser();
    const page = await browser.follow(authorizationUrl(stage), CALLBACK);
    const other = await browser.copy().follow(authorizationUrl(stage), CALLBACK);
    const damaged = browser.copy();
    damaged.cookies = damaged.cookies.map((c) =>
      c.name === 'fb_interaction' ? { ...c, value: `${c.value.slice(0, -2)}AA` } : c,
    );
    expect((await damaged.visit(page.url)).status).toBe(400);
    const moved = browser.copy();
    moved.cookies = moved.cookies.map((c) => ({ ...c, path: new URL(other.url).pathname }));
    expect((await moved.visit(other.url)).status).toBe(400);
  });
});

describe('at rest', () => {
  test('no session id, code or token can be found in the database', async () => {
    const browser = new Browser();
    const end = await logIn(stage, browser);
    const code = codeOf(end.location);
    const { access_token } = (await redeem(stage, code)).json<Record<string, string>>();
    const rows = JSON.stringify(await execute(stage.databaseUrl, 'select * from oidc_records'));
    const session = browser.cookies.find((c) => c.name === 'fb_session')!.value;
    for (const secret of [code, access_token!, session]) {
      expect(secret.length).toBeGreaterThan(20);
      expect(rows).not.toContain(secret);
    }
  });

  test('an anonymous visitor leaves no row and costs no statement', async () => {
    const count = async () =>
      (await execute(stage.databaseUrl, 'select count(*) from oidc_records'))[0]!.count;
    const before = await count();
    stage.statements.length = 0;
    for (let i = 0; i < 20; i++) await new Browser().follow(authorizationUrl(stage), CALLBACK);
    expect(stage.statements).toEqual([]);
    expect(await count()).toBe(before);
  });

  test('a cookie whose session has ended makes no new row', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    await execute(stage.databaseUrl, `delete from oidc_records where kind = 'Session'`);
    expect((await browser.follow(authorizationUrl(stage), CALLBACK)).body).toContain('name="password"');
    expect(await execute(stage.databaseUrl, `select 1 from oidc_records where kind = 'Session'`)).toEqual([]);
  });

  test('a logout of nobody leaves no row', async () => {
    const count = async () =>
      (await execute(stage.databaseUrl, 'select count(*) from oidc_records'))[0]!.count;
    const before = await count();
    for (let i = 0; i < 5; i++) expect((await get('/session/end', { accept: 'text/html' })).status).toBe(200);
    expect(await count()).toBe(before);
  });

  test('a request too large for a cookie is kept in a row and works all the same', async () => {
    const noise = () => randomBytes(1400).toString('base64url');
    const params = { state: noise(), nonce: noise(), login_hint: noise() };
    const browser = new Browser();
    const page = await browser.follow(authorizationUrl(stage, params), CALLBACK);
    expect(browser.cookies.find((c) => c.name === 'fb_interaction')?.value).toBe('row');
    const end = await submitLogin(browser, page, ANNA);
    expect(new URL(end.location!).searchParams.get('state')).toBe(params.state);
    expect((await redeem(stage, codeOf(end.location))).status).toBe(200);
  });
});

describe('a person who is gone', () => {
  test.each(['removed', 'disabled'])(
    'and was %s in the legacy store is asked to log in, and prompt=none is refused',
    async (how) => {
      const person = { login: `gone-${how}`, password: 'pw' };
      stage.people.push(person);
      const browser = new Browser();
      const end = await logIn(stage, browser, { person });
      const { access_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
      stage.people.splice(
        stage.people.indexOf(person),
        1,
        ...(how === 'disabled' ? [{ ...person, state: 'disabled' as const }] : []),
      );
      const page = await browser.follow(authorizationUrl(stage), CALLBACK);
      expect(page.body).toContain('name="password"');
      const silent = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
      expect(new URL(silent.location!).searchParams.get('error')).toBe('login_required');
      expect((await userinfo(stage, access_token!)).status).toBe(401);
    },
  );
});

describe('an outage', () => {
  test('of the legacy store is told as one, counts nobody as wrong, and ends with it', async () => {
    const browser = new Browser();
    const page = await browser.follow(authorizationUrl(stage), CALLBACK);
    stage.outage = legacyDown();
    for (let i = 0; i < 10; i++) {
      const answer = await submitLogin(browser, page, ANNA);
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBeDefined();
      expect(answer.body).toContain('name="password"');
    }
    stage.outage = undefined;
    expect(codeOf((await submitLogin(browser, page, ANNA)).location)).not.toBe('');
  });

  test('of our own database leaves discovery and keys, and makes everything else 503 with Retry-After', async () => {
    stage.storageUp = false;
    try {
      expect((await get('/.well-known/openid-configuration')).status).toBe(200);
      expect((await get('/jwks')).status).toBe(200);
      for (const path of ['/me', '/session/end', '/login/x']) {
        const answer = await get(path);
        expect(answer.status).toBe(503);
        expect(answer.headers['retry-after']).toBe('2');
      }
      expect(
        (await new Browser().visit(authorizationUrl(stage), { headers: { accept: 'text/html' } })).status,
      ).toBe(503);
    } finally {
      stage.storageUp = true;
    }
  });

  test('that begins in mid-login takes back every promise of that answer', async () => {
    const browser = new Browser();
    const page = await browser.follow(authorizationUrl(stage), CALLBACK);
    const form = {
      username: ANNA.login,
      password: ANNA.password,
      form_token: field(page.body, 'form_token')!,
    };
    const back = (await browser.visit(page.url, { form })).location!;
    const { runParts } = stage.db;
    Object.assign(stage.db, {
      runParts: async () => {
        throw new FootbridgeError('storage_unavailable', { retryAfterSeconds: 2 });
      },
    });
    try {
      const answer = await browser.copy().visit(back, { headers: { accept: 'text/html' } });
      expect(answer.status).toBe(503);
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.location).toBeUndefined();
    } finally {
      Object.assign(stage.db, { runParts });
    }
    expect(codeOf((await browser.visit(back)).location)).not.toBe('');
  });
});

describe('a session', () => {
  test('ends at its absolute age, however busy it was', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    const again = () => browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect(codeOf((await again()).location)).not.toBe('');
    await execute(
      stage.databaseUrl,
      `update oidc_records set payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::int - 86500)) where kind = 'Session' and payload ? 'loginTs'`,
    );
    expect(new URL((await again()).location!).searchParams.get('error')).toBe('login_required');
  });
});

describe('a script of another site', () => {
  test('reads neither tokens nor userinfo: no such answer carries Access-Control-Allow-Origin', async () => {
    const origin = 'https://evil.example';
    const end = await logIn(stage, new Browser());
    const { access_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
    const me = await get('/me', { authorization: `Bearer ${access_token}`, origin });
    expect(me.status).toBeGreaterThanOrEqual(400);
    expect(me.headers['access-control-allow-origin']).not.toBe(origin);
    const token = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'client_credentials' },
      headers: { ...basic(), origin },
    });
    expect(token.status).toBeGreaterThanOrEqual(400);
  });
});

describe('a form from elsewhere', () => {
  test('is refused: wrong token, foreign Origin, cross-site', async () => {
    const browser = new Browser();
    const page = await browser.follow(authorizationUrl(stage), CALLBACK);
    const form = {
      username: ANNA.login,
      password: ANNA.password,
      form_token: field(page.body, 'form_token')!,
    };
    expect((await browser.visit(page.url, { form: { ...form, form_token: 'x' } })).status).toBe(403);
    expect(
      (await browser.visit(page.url, { form, headers: { origin: 'https://evil.example' } })).status,
    ).toBe(403);
    expect(
      (await browser.visit(page.url, { form, headers: { 'sec-fetch-site': 'cross-site' } })).status,
    ).toBe(403);
    expect((await browser.visit(page.url, { form, headers: { origin: stage.issuer } })).status).toBe(303);
  });
});
