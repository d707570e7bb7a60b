/** Getting in: by an invitation, and with an account elsewhere. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { roleOf } from '../../../src/admin/console/sign-in.ts';
import { Browser } from '../../support/browser.ts';
import type { Issuer } from '../../targets/oidc-sign-in-issuer.ts';
import { CLIENT, openIssuer } from '../../targets/oidc-sign-in-issuer.ts';
import type { Stand } from './stand.ts';
import { openStand } from './stand.ts';

const ROLES = { viewer: ['staff', 'support'], operator: ['ops'], admin: ['boss'] };

let issuer: Issuer;
let stand: Stand;
beforeAll(async () => {
  issuer = await openIssuer();
  stand = await openStand({
    console: {
      signIn: {
        issuer: issuer.url,
        clientId: CLIENT.clientId,
        secret: CLIENT.clientSecret,
        roleClaim: 'roles',
        roles: ROLES,
      },
    },
  });
});
beforeEach(() => {
  issuer.claims = { roles: ['ops'], auth_time: Math.floor(Date.now() / 1_000) };
  issuer.signs = 'RS256';
  issuer.instead.clear();
});
afterAll(async () => {
  await stand?.close();
  await issuer?.close();
});

describe('an invitation', () => {
  test('signs one in of twenty who come with it at once', async () => {
    const { token } = await stand.invited('operator', 'race');
    const answers = await Promise.all(Array.from({ length: 20 }, () => stand.redeem(token)));
    expect(answers.filter(({ status }) => status === 303).length).toBe(1);
    const rows = await stand.sql(`select name, role, via from operator_sessions where name = 'race'`);
    expect(rows).toEqual([{ name: 'race', role: 'operator', via: 'invitation' }]);
    // So many failures from one address have to wait; right ones do, too.
    stand.clock.ms += 61_000;
  });

  test('is worth nothing after ten minutes', async () => {
    const [late, other] = [await stand.invited('operator'), await stand.invited('operator')];
    stand.clock.ms += 599_000;
    expect((await stand.redeem(other.token)).status).toBe(303);
    stand.clock.ms += 2_000;
    const answer = await stand.redeem(late.token);
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('This invitation does not work.');
  });

  test('that was never made signs nobody in', async () => {
    for (const token of ['x'.repeat(43), '', '#'])
      expect((await stand.redeem(token)).status, token).toBe(403);
  });

  test('may be typed in as the whole link', async () => {
    const { token } = await stand.invited('operator');
    expect((await stand.redeem(` ${stand.origin}/admin/sign-in/invitation#${token}`)).status).toBe(303);
  });

  test('is not taken from another site’s form', async () => {
    const { token } = await stand.invited('operator');
    const foreign = await stand.redeem(token, new Browser(), { origin: 'http://evil.example' });
    expect(foreign.status).toBe(403);
    expect(foreign.headers['set-cookie']).toBeUndefined();
    expect((await stand.redeem(token)).status).toBe(303);
  });

  test('is made by the command line alone', async () => {
    const admin = await stand.signIn('admin');
    const dry = await admin.submit('/admin/do/console/invite', { name: 'second-me', role: 'admin' });
    expect(dry.body).toContain('Only the command line makes invitations.');
  });

  test('cannot be guessed for long', async () => {
    const { token } = await stand.invited('operator');
    for (let tries = 0; tries < 10; tries += 1) await stand.redeem(`guess-${tries}`);
    const stopped = await stand.redeem(token);
    expect([stopped.status, Number(stopped.headers['retry-after'])]).toEqual([429, expect.any(Number)]);
    stand.clock.ms += 61_000;
    expect((await stand.redeem(token)).status).toBe(303);
  });
});

/** Until the issuer has been asked; what its answer would be, and the browser it belongs to. */
async function begun(query = '', browser = new Browser()) {
  const answer = await browser.visit(`${stand.origin}/admin/sign-in/begin${query}`);
  return { browser, url: new URL(answer.location!), cookies: answer.headers['set-cookie'] ?? [] };
}

async function signedIn(query = '', browser = new Browser()) {
  const { url } = await begun(query, browser);
  return comeBack(browser, issuer.answer(url.href));
}

const comeBack = async (browser: Browser, query: URLSearchParams) => ({
  browser,
  page: await browser.visit(`${stand.origin}/admin/sign-in/callback?${query}`),
});

const whoIs = async (browser: Browser) =>
  /<strong>([^<]+)<\/strong> <span class="badge"[^>]*>(\w+)</
    .exec((await browser.visit(`${stand.origin}/admin/operations`)).body)
    ?.slice(1);

describe('an account elsewhere', () => {
  test('is asked for with PKCE, state, nonce and a bound on how long ago; what is checked later is sealed', async () => {
    const { url, cookies } = await begun();
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: CLIENT.clientId,
      response_type: 'code',
      redirect_uri: `${stand.origin}/admin/sign-in/callback`,
      scope: 'openid profile email',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      max_age: '28800',
    });
    expect(cookies[0]).toMatch(/^fb_console_sign_in=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/);
    expect(cookies[0]).not.toContain(url.searchParams.get('state'));
  });

  test('signs in with the role that its claims are worth, and leads on to where somebody wanted to go', async () => {
    const { browser, page } = await signedIn('?to=%2Fadmin%2Fruns');
    expect(page.status).toBe(200);
    expect(page.body).toContain('<meta http-equiv="refresh" content="0; url=/admin/runs">');
    expect(page.headers['set-cookie']!.join()).toMatch(
      /fb_console=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict/,
    );
    expect(page.headers['set-cookie']!.join()).toMatch(/fb_console_sign_in=; Path=\/; Max-Age=0/);
    expect(await whoIs(browser)).toEqual(['anna', 'operator']);
  });

  test('leads on only into the console', async () => {
    const { page } = await signedIn('?to=https%3A%2F%2Fevil.example');
    expect(page.body).toContain('content="0; url=/admin">');
  });

  test('is asked again after somebody has signed out', async () => {
    const out = await new Browser().visit(`${stand.origin}/admin/sign-in?out`);
    expect(out.body).toContain('/admin/sign-in/begin?again=');
    expect((await begun('?again=')).url.searchParams.get('prompt')).toBe('login');
  });

  test('without a role here opens nothing, and the record says who it was', async () => {
    issuer.claims = { ...issuer.claims, roles: ['guest'], sub: 'user-9', preferred_username: 'gustav' };
    const { browser, page } = await signedIn();
    expect(page.status).toBe(403);
    expect(page.body).toContain('You have no role here.');
    expect(await whoIs(browser)).toBeUndefined();
    const rows = await stand.sql(`select detail from audit_log where action = 'console.refused'`);
    expect(rows).toEqual([{ detail: { name: 'gustav', via: issuer.url } }]);
  });

  test('has its role taken afresh each time', async () => {
    issuer.claims = { ...issuer.claims, roles: ['boss'] };
    expect(await whoIs((await signedIn()).browser)).toEqual(['anna', 'admin']);
    issuer.claims = { ...issuer.claims, roles: ['support'] };
    expect(await whoIs((await signedIn()).browser)).toEqual(['anna', 'viewer']);
  });

  test('is asked for its roles at userinfo, where the ID token says nothing of them', async () => {
    issuer.claims = { ...issuer.claims, roles: undefined };
    issuer.userinfo = { ...issuer.userinfo, roles: ['boss'] };
    expect(await whoIs((await signedIn()).browser)).toEqual(['anna', 'admin']);
    issuer.userinfo = { ...issuer.userinfo, sub: 'somebody-else' };
    expect((await signedIn()).page.status).toBe(403);
    const { roles: _, ...userinfo } = issuer.userinfo;
    issuer.userinfo = { ...userinfo, sub: 'user-1' };
  });

  test('keeps the name it first came with: nobody becomes their own second pair of eyes by another one', async () => {
    issuer.claims = { ...issuer.claims, preferred_username: 'someone-else' };
    expect(await whoIs((await signedIn()).browser)).toEqual(['anna', 'operator']);
  });

  test('is told apart from another one of the same name', async () => {
    issuer.claims = { ...issuer.claims, sub: 'user-2', preferred_username: 'Anna' };
    const who = await whoIs((await signedIn()).browser);
    expect(who![0]).toMatch(/^Anna-[0-9a-f]{8}$/);
    issuer.claims = { ...issuer.claims, sub: 'user-3', preferred_username: '<b>Änne Öz</b>' };
    expect(await whoIs((await signedIn()).browser)).toEqual(['b-Änne-Öz-b', 'operator']);
  });

  test('that comes back twice, elsewhere, with another state or too late signs nobody in', async () => {
    const first = await begun();
    const answer = issuer.answer(first.url.href);
    const elsewhere = await comeBack(new Browser(), answer);
    expect(elsewhere.page.body).toContain('was begun in another browser');
    const other = new URLSearchParams(answer);
    other.set('state', 'x'.repeat(43));
    expect((await comeBack(first.browser, other)).page.status).toBe(403);
    const { ms } = stand.clock;
    stand.clock.ms = ms + 601_000;
    expect((await comeBack(first.browser.copy(), answer)).page.body).toContain('That took too long');
    stand.clock.ms = ms;
    const twin = first.browser.copy();
    expect((await comeBack(first.browser, answer)).page.status).toBe(200);
    expect((await comeBack(twin, answer)).page.status).toBe(403);
    expect(await whoIs(twin)).toBeUndefined();
  });

  test.each([
    ['another nonce', { nonce: 'x' }],
    ['another audience', { aud: 'somebody-else' }],
    ['another issuer', { iss: 'https://evil.example' }],
    ['an ID token that has expired', { exp: 1_000 }],
    ['a sign-in there that is too long ago', { auth_time: 1_000 }],
    ['no word of when it was', { auth_time: undefined }],
    ['no subject', { sub: '' }],
  ])('with %s signs nobody in', async (_what, claims) => {
    issuer.claims = { ...issuer.claims, ...claims };
    const { browser, page } = await signedIn();
    expect(page.status).toBe(403);
    expect(page.body).toContain('You could not be signed in.');
    expect(await whoIs(browser)).toBeUndefined();
  });

  test.each(['none', 'forged', 'unknown-key', 'HS256'] as const)(
    'signed %s signs nobody in',
    async (signs) => {
      issuer.signs = signs;
      const { browser, page } = await signedIn();
      expect(page.status).toBe(403);
      expect(await whoIs(browser)).toBeUndefined();
    },
  );

  test('that is refused there is a cancelled sign-in, not a fault', async () => {
    const { browser, url } = await begun();
    const state = url.searchParams.get('state')!;
    const { page } = await comeBack(
      browser,
      new URLSearchParams({ error: 'access_denied', state, iss: issuer.url }),
    );
    expect([page.status, page.body]).toEqual([403, expect.stringContaining('You did not sign in.')]);
  });

  test('is no account while its issuer is away, and that is what is said', async () => {
    const { browser, url } = await begun();
    const answer = issuer.answer(url.href);
    issuer.instead.set('/token', (_req, res) => void res.writeHead(503).end());
    const { page } = await comeBack(browser, answer);
    expect(page.status).toBe(503);
    expect(page.body).toContain('cannot be signed in at the moment');
    expect(await whoIs(browser)).toBeUndefined();
  });
});

describe('roles in a claim', () => {
  const of = (claims: object, roleClaim = 'roles') =>
    roleOf(claims as Record<string, unknown>, { roleClaim, roles: ROLES });
  const ZITADEL = 'urn:zitadel:iam:org:project:roles';

  test.each([
    ['a list', { roles: ['guest', 'ops'] }, 'operator'],
    ['a text', { roles: 'support' }, 'viewer'],
    ['an object with a role per key', { roles: { boss: { '1234': 'example.com' } } }, 'admin'],
    ['several, of which the highest counts', { roles: ['staff', 'boss', 'ops'] }, 'admin'],
    ['none that is known', { roles: ['guest'] }, undefined],
    ['an empty list', { roles: [] }, undefined],
    ['what is no text', { roles: [1, null, { ops: true }] }, undefined],
    ['true', { roles: true }, undefined],
    ['nothing', {}, undefined],
    ['a text that only contains one', { roles: 'ops boss' }, undefined],
  ])('%s', (_shape, claims, role) => {
    expect(of(claims)).toBe(role);
  });

  test('are found under ZITADEL’s name, and below a path as Keycloak writes them', () => {
    expect(of({ [ZITADEL]: { ops: {} } }, ZITADEL)).toBe('operator');
    expect(of({ realm_access: { roles: ['boss'] } }, 'realm_access.roles')).toBe('admin');
    expect(of({ 'a.b': ['ops'], a: { b: ['boss'] } }, 'a.b')).toBe('operator');
    expect(of({}, '__proto__.constructor')).toBeUndefined();
    expect(of({ roles: JSON.parse('{"__proto__": {"boss": 1}}') })).toBeUndefined();
  });
});
