/** The JWT hand-over, against a ZITADEL that checks tokens as measured: what it does not check is ours to keep right. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, decodeProtectedHeader, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { find, move, proveParts } from '../../src/migration/ledger.ts';
import { targetOfClients } from '../../src/provider/clients.ts';
import type { FrontOptions } from '../../src/provider/front.ts';
import { jwtIdpClaims } from '../../src/provider/jwt-idp-token.ts';
import { ensureKeys, listKeys, loadKeys, rotateKeys } from '../../src/provider/keys.ts';
import { JWT_IDP_CLIENT } from '../../src/provider/own-clients.ts';
import { providerSettings, wrongTargets } from '../../src/provider/provider-settings.ts';
import { openTargets } from '../../src/targets/index.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage, StageParts } from './harness.ts';
import { ANNA, authorizationUrl, BOB, CALLBACK, client, logIn, openStage } from './harness.ts';
import type { LegacyWorld } from './legacy-world.ts';
import { APP_COOKIE, legacyWorld } from './legacy-world.ts';

const AUTH_REQUEST = 'V2_298572';
const USER_AGENT = 'AES-encrypted_bytes-in_base64url';
const HEADER = 'x-footbridge-jwt';

interface Asked {
  readonly url: URL;
  readonly token: string | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** What ZITADEL's JWT endpoint does, as far as it was measured: who the token is, or why it is refused. */
async function validate(token: string, issuer: string, jwks: { keys: { kid?: string }[] }) {
  const { kid, alg } = decodeProtectedHeader(token);
  const { iss, exp, iat, sub } = decodeJwt(token);
  if (iss !== issuer) throw new Error('invalid issuer');
  if (!['RS256', 'ES256', 'PS256'].includes(alg ?? '')) throw new Error('signature algorithm not supported');
  const fitting = jwks.keys.filter((key) => kid === undefined || key.kid === kid);
  if (fitting.length !== 1) throw new Error('no key, or several');
  const key = await importJWK(fitting[0]!, alg);
  const now = Date.now() / 1_000;
  // Neither aud nor jti is looked at, and what is not there is not checked.
  await jwtVerify(token, key, { currentDate: new Date(0), clockTolerance: Number.MAX_SAFE_INTEGER });
  if (exp !== undefined && exp <= now + 3) throw new Error('expired');
  if (iat !== undefined && (iat > now + 3 || iat < now - 3_600)) throw new Error('issued at a wrong time');
  return sub;
}

class Zitadel {
  readonly asked: Asked[] = [];
  /** Where it sends the browser; a number: it answers with this status instead. */
  answer: string | number = '/ui/login/login/jwt/callback?authRequestID=a&userAgentID=b';
  readonly #server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', this.origin);
    const token = request.headers[HEADER];
    this.asked.push({ url, token: token as string | undefined, headers: request.headers });
    response.setHeader('set-cookie', 'zitadel.useragent=stranger; Path=/');
    if (typeof this.answer === 'number') return response.writeHead(this.answer).end('<html>a page</html>');
    return response.writeHead(302, { location: this.answer }).end();
  });

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  get last(): Asked {
    return this.asked.at(-1)!;
  }
  open = () => new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve()));
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const zitadel = new Zitadel();
const CARLA: Person = { login: 'carla', password: 'pw of carla', email: 'carla@example.com' };
let stage: Stage;
beforeAll(async () => {
  await zitadel.open();
  stage = await openJwtStage({});
});
afterAll(async () => {
  await stage.close();
  await zitadel.close();
});
afterEach(() => {
  zitadel.answer = '/ui/login/login/jwt/callback?authRequestID=a&userAgentID=b';
  zitadel.asked.length = 0;
  stage.outage = undefined;
});

const targetOf = (origin: string) =>
  openTargets(
    targetSettings.parse([
      {
        name: 'main',
        kind: 'zitadel',
        displayName: 'The new one',
        loginUrl: 'https://new.example/',
        api: { url: origin, token: 'a-token-of-the-target', timeoutMs: 2_000 },
      },
    ]),
  ).byName('main')!;

async function openJwtStage(
  jwtIdp: object,
  more: (parts: StageParts) => Partial<FrontOptions> = () => ({}),
): Promise<Stage> {
  const opened = await openStage({
    people: [ANNA, BOB, CARLA],
    settings: { login: { failureFloorMs: 0 }, jwtIdp: { target: 'main', ...jwtIdp } },
    overrides: (parts) => ({
      jwtIdpTarget: targetOf(zitadel.origin),
      // As public.ts does for clients that belong to a target.
      loginParts: async ({ user: sub, clientId, amr }) => {
        if (clientId !== JWT_IDP_CLIENT) return [];
        const subject = parts.keyring.mac('audit-subject', sub);
        return proveParts({ target: 'main', sub, legacyId: sub, amr, subject });
      },
      ...more(parts),
    }),
  });
  const { db, keyring } = opened.parts;
  await ensureKeys(db, keyring, { jwtIdp: true });
  opened.front.reload(await loadKeys(db, keyring));
  return opened;
}

const jwtUrl = (at: Stage, more: Record<string, string> = {}) =>
  `${at.issuer}/jwt?${new URLSearchParams({ authRequestID: AUTH_REQUEST, userAgentID: USER_AGENT, ...more })}`;

/** Presses a button of the page that asks who is here. */
const press = (browser: Browser, page: { body: string }, at = stage, choice = 'continue') => {
  const action = /<form[^>]*action="([^"]*)"/.exec(page.body)?.[1]?.replaceAll('&amp;', '&') ?? '';
  const form = { choice, form_token: field(page.body, 'form_token') ?? '' };
  return browser.visit(new URL(action, at.issuer).href, { form });
};

/** A browser whose person is logged in to us. */
async function loggedIn(person = ANNA, at = stage): Promise<Browser> {
  const browser = new Browser();
  await logIn(at, browser, { person });
  return browser;
}

async function tokenFor(person: Person, at = stage): Promise<string> {
  const browser = await loggedIn(person, at);
  await press(browser, await browser.visit(jwtUrl(at)), at);
  return zitadel.last.token ?? '';
}

const jwksOf = async (at: Stage) =>
  (await new Browser().visit(`${at.issuer}/jwt/jwks`)).json<{ keys: { kid: string }[] }>();

describe('somebody who is logged in here', () => {
  test('is asked, and then handed over with what ZITADEL sent along', async () => {
    const browser = await loggedIn();
    const page = await browser.visit(jwtUrl(stage));
    expect(page.status).toBe(200);
    expect(page.body).toContain('anna Example');
    expect(page.body).toContain('The new one');
    expect(zitadel.asked).toEqual([]);
    const end = await press(browser, page);
    expect([end.status, end.location]).toEqual([303, `${zitadel.origin}${zitadel.answer}`]);
    const { url, token } = zitadel.last;
    expect(url.pathname).toBe('/ui/login/login/jwt/authorize');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      authRequestID: AUTH_REQUEST,
      userAgentID: USER_AGENT,
    });
    expect(await validate(token!, `${stage.issuer}/jwt`, await jwksOf(stage))).toBe('shop:anna');
  });

  test('is in the ledger before ZITADEL hears of them', async () => {
    const { db } = stage.parts;
    const browser = await loggedIn(BOB);
    const page = await browser.visit(jwtUrl(stage));
    expect(await find(db, 'main', 'shop:bob')).toBeUndefined();
    zitadel.answer = 500;
    await press(browser, page);
    expect(await find(db, 'main', 'shop:bob')).toMatchObject({ state: 'authenticated', amr: [] });
  });

  test('is not handed over where the ledger keeps them away from it', async () => {
    const { db, keyring } = stage.parts;
    const browser = await loggedIn(CARLA);
    const page = await browser.visit(jwtUrl(stage));
    const subject = keyring.mac('audit-subject', 'shop:carla');
    const excluded = { target: 'main', sub: 'shop:carla', actor: 'operator:test', subject };
    await move(db, { ...excluded, event: 'exclude' });
    expect((await press(browser, page)).status).toBe(409);
    expect(zitadel.asked).toEqual([]);
    await move(db, { ...excluded, event: 'revert' });
  });

  test('gets none of ZITADEL’s cookies from us, and sees no token', async () => {
    const browser = await loggedIn();
    const end = await press(browser, await browser.visit(jwtUrl(stage)));
    expect(browser.cookies.map(({ name }) => name)).not.toContain('zitadel.useragent');
    expect(JSON.stringify(end)).not.toContain(zitadel.last.token);
  });

  test('may be somebody else: then they log in', async () => {
    const browser = await loggedIn();
    const elsewhere = await press(browser, await browser.visit(jwtUrl(stage)), stage, 'other');
    const page = await browser.follow(elsewhere.location!, zitadel.origin);
    expect(page.body).toContain('name="password"');
    const form = { username: BOB.login, password: BOB.password };
    const end = await browser.follow(page.url, zitadel.origin, {
      form: { ...form, form_token: field(page.body, 'form_token') ?? '' },
    });
    expect(end.location).toMatch(new RegExp(`^${zitadel.origin}`));
    expect(decodeJwt(zitadel.last.token!).sub).toBe('shop:bob');
  });

  test('is not handed over by following a link, nor by a form of another site, of another person or hand-over', async () => {
    const [anna, bob] = [await loggedIn(ANNA), await loggedIn(BOB)];
    const page = await anna.visit(jwtUrl(stage));
    const form = { choice: 'continue', form_token: field(page.body, 'form_token') ?? '' };
    const foreign = { origin: 'https://evil.example' };
    const answers = [
      await anna.visit(jwtUrl(stage), { form: { choice: 'continue', form_token: 'forged' } }),
      await anna.visit(jwtUrl(stage), { form, headers: foreign }),
      await bob.visit(jwtUrl(stage), { form }),
      await anna.visit(jwtUrl(stage, { userAgentID: 'another' }), { form }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect(zitadel.asked).toEqual([]);
  });
});

describe('somebody who is not', () => {
  const begin = async (browser = new Browser()) => ({
    browser,
    page: await browser.follow(jwtUrl(stage), zitadel.origin),
  });
  const form = ({ body }: { body: string }, person = ANNA) => ({
    username: person.login,
    password: person.password,
    form_token: field(body, 'form_token') ?? '',
  });

  test('logs in first, and is handed over without another question', async () => {
    const { browser, page } = await begin();
    expect(page.body).toContain('The new one');
    const end = await browser.follow(page.url, zitadel.origin, { form: form(page) });
    expect(end.location).toBe(`${zitadel.origin}${zitadel.answer}`);
    expect(zitadel.last.url.searchParams.get('userAgentID')).toBe(USER_AGENT);
    expect(decodeJwt(zitadel.last.token!).sub).toBe('shop:anna');
  });

  test('and gives a wrong password is nobody', async () => {
    const { browser, page } = await begin();
    const end = await browser.follow(page.url, zitadel.origin, {
      form: { ...form(page), password: 'wrong' },
    });
    expect(end.status).toBe(401);
    expect(zitadel.asked).toEqual([]);
  });

  test('and gives up goes back to where they came from', async () => {
    const { browser, page } = await begin();
    const end = await browser.follow(`${page.url}/cancel`, zitadel.origin);
    expect(end.status).toBe(400);
    expect(end.body).toContain('This sign-in has expired');
  });

  test('is asked when it was another browser that began, or an earlier login that is shown', async () => {
    const state = new URL((await new Browser().visit(jwtUrl(stage))).location!).searchParams.get('state')!;
    const victim = await loggedIn();
    const back = `${stage.issuer}/jwt/return?${new URLSearchParams({ code: 'x', state })}`;
    const answer = await victim.visit(back);
    expect([answer.status, answer.location]).toEqual([200, undefined]);
    expect(answer.body).toContain('Who is signing in?');
    expect((await victim.visit(back.replace(/state=.*/, 'state=forged'))).status).toBe(400);
    expect(zitadel.asked).toEqual([]);
  });

  test('leaves a code that nobody can redeem', async () => {
    const { browser, page } = await begin();
    const answer = await browser.visit(page.url, { form: form(page) });
    const back = await browser.visit(answer.location!);
    const { searchParams } = new URL(back.location!);
    const redeemed = await new Browser().visit(`${stage.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code: searchParams.get('code')!,
        client_id: 'footbridge-jwt-idp',
        redirect_uri: `${stage.issuer}/jwt/return`,
      },
    });
    expect(redeemed.status).toBe(401);
  });
});

describe('a token', () => {
  test('lives for less than a minute, and says what ZITADEL needs, in its types', async () => {
    const token = await tokenFor(CARLA);
    const { exp = 0, iat = 0, jti, ...claims } = decodeJwt(token);
    const now = Date.now() / 1_000;
    expect(exp - now).toBeLessThanOrEqual(60);
    expect(exp - iat).toBeLessThanOrEqual(65);
    expect(iat).toBeLessThan(now);
    expect(jti).toMatch(/^[\w-]{20,}$/);
    expect(claims).toEqual({
      iss: `${stage.issuer}/jwt`,
      sub: 'shop:carla',
      aud: zitadel.origin,
      preferred_username: 'carla',
      given_name: 'carla',
      family_name: 'Example',
      email: 'carla@example.com',
      email_verified: true,
    });
  });

  test('names even those of whom the legacy store knows no name, and claims no address that is not there', () => {
    const user = {
      sub: 'shop:1',
      legacyId: '1',
      emailVerified: false,
      phoneNumberVerified: false,
      state: 'active' as const,
      roles: [],
      attributes: {},
    };
    const names = { preferred_username: 'shop:1', given_name: '-', family_name: '-' };
    expect(jwtIdpClaims(user, targetOf('https://new.example'))).toEqual({ sub: 'shop:1', ...names });
  });

  test('is another one each time', async () => {
    const [a, b] = [await tokenFor(ANNA), await tokenFor(ANNA)];
    expect(decodeJwt(a).jti).not.toBe(decodeJwt(b).jti);
  });

  test('is signed with a key that serves nothing else, whose private half is nowhere to be seen', async () => {
    const { kid } = decodeProtectedHeader(await tokenFor(ANNA));
    const ours = await jwksOf(stage);
    const others = (await new Browser().visit(`${stage.issuer}/jwks`)).json<{ keys: { kid: string }[] }>();
    expect(ours.keys.map((key) => key.kid)).toContain(kid);
    expect(others.keys.map((key) => key.kid)).not.toContain(kid);
    for (const key of ours.keys)
      expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
  });

  test('is refused when it was made by anybody else', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const { kid } = decodeProtectedHeader(await tokenFor(ANNA));
    const forged = await new SignJWT({})
      .setProtectedHeader({ alg: 'RS256', kid: kid! })
      .setIssuer(`${stage.issuer}/jwt`)
      .sign(privateKey);
    await expect(validate(forged, `${stage.issuer}/jwt`, await jwksOf(stage))).rejects.toThrow();
    const idToken = await tokenFor(ANNA);
    await expect(validate(idToken, stage.issuer, await jwksOf(stage))).rejects.toThrow('invalid issuer');
  });

  test('of after a rotation verifies with the keys published before it', async () => {
    const { db, keyring } = stage.parts;
    const before = await jwksOf(stage);
    await rotateKeys(db, keyring, { publishedForSeconds: 0, keepPreviousSeconds: 3_600, force: true });
    stage.front.reload(await loadKeys(db, keyring));
    expect(await validate(await tokenFor(ANNA), `${stage.issuer}/jwt`, before)).toBe('shop:anna');
    const ours = (await listKeys(db)).filter(({ purpose }) => purpose === 'jwt-idp');
    expect(ours.map(({ state }) => state).sort()).toEqual(['current', 'next', 'previous']);
  });
});

describe('ZITADEL', () => {
  test.each([
    ['sends the browser to another site', 'https://evil.example/'],
    ['sends the browser to another site without a scheme', '//evil.example/'],
    ['answers with a page', 200],
    ['refuses', 400],
  ])('that %s is not followed', async (_how, answer) => {
    zitadel.answer = answer;
    const browser = await loggedIn();
    const end = await press(browser, await browser.visit(jwtUrl(stage)));
    expect([end.status, end.location]).toEqual([502, undefined]);
    expect(end.body).not.toContain('evil');
  });

  test('that is down is told as that', async () => {
    zitadel.answer = 503;
    const browser = await loggedIn();
    const end = await press(browser, await browser.visit(jwtUrl(stage)));
    expect(end.status).toBe(503);
    expect(end.body).toContain('We are not available right now');
  });

  test('learns which browser it was', async () => {
    const browser = await loggedIn();
    const page = await browser.visit(jwtUrl(stage));
    const action = /<form[^>]*action="([^"]*)"/.exec(page.body)?.[1]?.replaceAll('&amp;', '&') ?? '';
    await browser.visit(new URL(action, stage.issuer).href, {
      form: { choice: 'continue', form_token: field(page.body, 'form_token') ?? '' },
      headers: {
        'user-agent': 'a browser',
        cookie: browser.cookies.map((c) => `${c.name}=${c.value}`).join('; '),
      },
    });
    expect(zitadel.last.headers).toMatchObject({ 'user-agent': 'a browser', 'x-forwarded-for': '127.0.0.1' });
    expect(zitadel.last.headers.cookie).toBeUndefined();
  });

  test.each([
    ['nothing', ''],
    ['one parameter only', 'authRequestID=1'],
    ['a parameter twice', `authRequestID=1&authRequestID=2&userAgentID=${USER_AGENT}`],
    ['what no id is', `authRequestID=%3Cscript%3E&userAgentID=${USER_AGENT}`],
    ['what is too long', `authRequestID=1&userAgentID=${'x'.repeat(600)}`],
  ])('that sends %s along gets no login', async (_what, query) => {
    expect((await (await loggedIn()).visit(`${stage.issuer}/jwt?${query}`)).status).toBe(400);
  });

  test('with its second login version gets the token at another address, and may send people to that login', async () => {
    const other = 'https://login.example';
    const second = await openJwtStage({ login: 'v2', headerName: HEADER, redirectOrigins: [other] });
    try {
      zitadel.answer = `${other}/ui/v2/login/idp/jwt/success?id=1`;
      const browser = await loggedIn(ANNA, second);
      const end = await press(browser, await browser.visit(jwtUrl(second)), second);
      expect(end.location).toBe(zitadel.answer);
      expect(zitadel.last.url.pathname).toBe('/idps/jwt');
    } finally {
      await second.close();
    }
  });
});

describe('somebody who is signed in at a legacy app', () => {
  let legacy: Stage;
  let world: LegacyWorld;
  beforeAll(async () => {
    legacy = await openJwtStage({}, ({ keyring, directory }) => {
      world = legacyWorld(
        {},
        { keyring, userByLogin: async (login) => (await directory.findByLogin(login))?.user },
      );
      return { legacySessions: world };
    });
  });
  afterAll(() => legacy.close());

  const known = (login: string) => {
    const browser = new Browser();
    browser.cookies = [{ name: APP_COOKIE, value: login, path: '/', host: '127.0.0.1' }];
    return browser;
  };

  test('has nothing to type, and is asked all the same', async () => {
    const browser = known('carla');
    const page = await browser.visit(jwtUrl(legacy));
    expect(page.body).toContain('carla Example');
    expect(zitadel.asked).toEqual([]);
    await press(browser, page, legacy);
    expect(decodeJwt(zitadel.last.token!).sub).toBe('shop:carla');
  });

  test('has a session of ours from then on, to which the legacy session belongs', async () => {
    const browser = known('carla');
    await browser.visit(jwtUrl(legacy));
    browser.cookies = browser.cookies.filter(({ name }) => name !== APP_COOKIE);
    expect((await browser.visit(jwtUrl(legacy))).body).toContain('carla Example');
    const rows = await execute(legacy.databaseUrl, 'select sub, origin from legacy_sessions');
    expect(rows).toEqual([{ sub: 'shop:carla', origin: 'recognised' }]);
    expect(world.visits.at(-1)).toMatchObject({ clientId: 'footbridge-jwt-idp' });
  });

  test.each([
    ['nobody we know', 'nobody'],
    ['nobody at all', undefined],
  ])('as %s logs in first', async (_whom, login) => {
    const browser = login === undefined ? new Browser() : known(login);
    expect((await browser.visit(jwtUrl(legacy))).location).toContain('/auth?');
  });

  test('logs in first where the app does not answer', async () => {
    world.isDown = true;
    const answer = await known('carla').visit(jwtUrl(legacy));
    world.isDown = false;
    expect(answer.location).toContain('/auth?');
  });

  test('and logs out there is not handed over any more', async () => {
    const browser = known('anna');
    await browser.visit(jwtUrl(legacy));
    world.ended.add('shop:anna');
    const answer = await browser.visit(jwtUrl(legacy));
    world.ended.clear();
    expect(answer.location).toContain('/auth?');
  });
});

describe('without the setting', () => {
  test('there is no hand-over, no key and no client for it', async () => {
    const plain = await openStage({});
    try {
      expect((await new Browser().visit(jwtUrl(plain))).status).toBe(404);
      const rows = await execute(plain.databaseUrl, `select 1 from provider_keys where purpose = 'jwt-idp'`);
      expect(rows).toEqual([]);
      const url = authorizationUrl(plain, { client_id: 'footbridge-jwt-idp' });
      expect((await new Browser().follow(url, CALLBACK)).status).toBe(400);
    } finally {
      await plain.close();
    }
  });
});

describe('settings', () => {
  test('of a target that is unknown are refused, and our own client is taken', () => {
    const parse = (more: object) => providerSettings.safeParse({ clients: [client()], ...more });
    const settings = parse({ jwtIdp: { target: 'mian' } });
    expect(wrongTargets(settings.data!, targetSettings.parse([]))).toEqual([
      { path: ['jwtIdp', 'target'], message: 'no target is called mian' },
    ]);
    expect(parse({ clients: [client({ clientId: 'footbridge-jwt-idp' })] }).success).toBe(false);
  });

  test('make a login for the hand-over one for its target', () => {
    const targets = {
      byClient: () => undefined,
      byName: (name: string) => (name === 'main' ? target : undefined),
    };
    const target = targetOf('https://new.example');
    const targetBy = targetOfClients(stage.parts.settings, targets);
    expect(targetBy('footbridge-jwt-idp')).toBe(target);
    expect(targetBy('app')).toBeUndefined();
  });
});
