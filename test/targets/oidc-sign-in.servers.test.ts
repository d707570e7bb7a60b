/** Signing in at a real Keycloak, with us as a client of its realm as docs/targets/sign-in.md says. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SignInRequest, TargetSignIn } from '../../src/targets/sign-in.ts';
import type { Keycloak } from '../servers/keycloak.ts';
import { requiresKeycloak, startKeycloak } from '../servers/keycloak.ts';
import type { Realm } from '../servers/keycloak-realm.ts';
import { connectionTo, formOf, openRealm } from '../servers/keycloak-realm.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';
import { CALLBACK, CLIENT, failureOf, request, signInAt } from './oidc-sign-in-issuer.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();
const PASSWORD = 'a-password-of-the-realm';
const RSA = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const EDWARDS = generateKeyPairSync('ed25519');
const pemOf = ({ privateKey }: { privateKey: typeof RSA.privateKey }) =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

describe.skipIf(needed.skip)(needed.name, () => {
  let keycloak: Keycloak;
  let realm: Realm;
  const ids = new Map<string, string>();
  const opened: TargetSignIn[] = [];

  beforeAll(async () => {
    keycloak = await startKeycloak();
    realm = await openRealm(keycloak, 'shop');
    const client = (clientId: string, more: object) =>
      realm.admin('POST', '/clients', {
        clientId,
        redirectUris: [CALLBACK],
        standardFlowEnabled: true,
        directAccessGrantsEnabled: false,
        ...more,
        attributes: { 'pkce.code.challenge.method': 'S256', ...(more as { attributes?: object }).attributes },
      });
    const signed = (pair: { publicKey: typeof RSA.publicKey }, kid: string, alg: string) => ({
      clientAuthenticatorType: 'client-jwt',
      attributes: {
        'token.endpoint.auth.signing.alg': alg,
        'use.jwks.string': 'true',
        'jwks.string': JSON.stringify({
          keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }],
        }),
      },
    });
    await client('footbridge', { secret: CLIENT.clientSecret });
    await client('asked', { secret: CLIENT.clientSecret, consentRequired: true });
    await client('public', { publicClient: true });
    await client('signed', signed(RSA, 'one', 'PS256'));
    await client('edwards', signed(EDWARDS, 'two', 'EdDSA'));
    for (const username of ['anna', 'bert']) {
      await realm.admin('POST', '/users', {
        username,
        email: `${username}@example.test`,
        emailVerified: username === 'anna',
        firstName: username,
        lastName: 'Berg',
        enabled: true,
        credentials: [{ type: 'password', value: PASSWORD }],
      });
      const [user] = await realm.admin<{ id: string }[]>('GET', `/users?exact=true&username=${username}`);
      ids.set(username, user!.id);
    }
  });
  afterAll(() => keycloak?.stop());
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });

  function client(more: object = {}): TargetSignIn {
    const one = signInAt({ issuer: realm.url, timeoutMs: 60_000, ...more }, 'keycloak');
    opened.push(one);
    return one;
  }

  const logIn = (browser: Browser, page: Answer, username: string) =>
    browser.follow(formOf(page), CALLBACK, { form: { username, password: PASSWORD } });

  interface Coming extends Partial<SignInRequest> {
    readonly browser?: Browser;
    readonly username?: string;
  }

  async function come(
    signIn: TargetSignIn,
    { browser = new Browser(), username = 'anna', ...more }: Coming = {},
  ) {
    const { url, checks } = await signIn.begin(request(more));
    const page = await browser.follow(url, CALLBACK);
    const end = page.location ? page : await logIn(browser, page, username);
    return { query: new URL(end.location!).searchParams, checks };
  }

  test.each<[string, object]>([
    ['our secret', {}],
    ['our secret in the form', { authentication: 'post' }],
    ['PKCE alone', { clientId: 'public', clientSecret: undefined }],
    [
      'an RSA key',
      {
        clientId: 'signed',
        clientSecret: undefined,
        privateKey: pemOf(RSA),
        keyId: 'one',
        algorithm: 'PS256',
      },
    ],
    [
      'an Edwards key',
      {
        clientId: 'edwards',
        clientSecret: undefined,
        privateKey: pemOf(EDWARDS),
        keyId: 'two',
        algorithm: 'EdDSA',
      },
    ],
  ])('a person signs in with %s, and is whom the connection knows by that id', async (_title, more) => {
    const signIn = client(more);
    const { query, checks } = await come(signIn);
    expect(query.get('iss')).toBe(realm.url);
    const person = await signIn.finish(query, checks);
    expect(person).toMatchObject({
      targetUserId: ids.get('anna'),
      name: 'anna Berg',
      givenName: 'anna',
      familyName: 'Berg',
      username: 'anna',
      email: 'anna@example.test',
      emailVerified: true,
      authTime: expect.any(Number),
    });
    const connection = connectionTo(realm);
    expect(await connection.userById(person.targetUserId)).toMatchObject({ targetUserId: ids.get('anna') });
    await connection.close();
  });

  test.each<[string, object, string]>([
    ['a wrong secret', { clientSecret: 'another' }, 'unauthorized_client'],
    [
      'a key that is not ours',
      {
        clientId: 'signed',
        clientSecret: undefined,
        privateKey: pemOf(generateKeyPairSync('rsa', { modulusLength: 2_048 })),
        keyId: 'one',
        algorithm: 'PS256',
      },
      'invalid_client',
    ],
  ])('with %s everybody is refused', async (_title, more, code) => {
    const signIn = client(more);
    const { query, checks } = await come(signIn);
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject({ kind: 'refused', code });
  });

  test('the login page knows the address, and speaks the language of the realm', async () => {
    await realm.admin('PUT', '', {
      internationalizationEnabled: true,
      supportedLocales: ['en', 'de'],
      defaultLocale: 'en',
    });
    const { url } = await client().begin(request({ hints: { email: 'bert@example.test' }, locale: 'de' }));
    const page = await new Browser().follow(url, CALLBACK);
    expect(field(page.body, 'username')).toBe('bert@example.test');
    expect(page.body).toMatch(/<html[^>]* lang="de"/);
  });

  test('a code is good once, and for the browser that began', async () => {
    const signIn = client();
    const [mine, theirs] = [await come(signIn), await come(signIn, { username: 'bert' })];
    const stolen = new URLSearchParams(theirs.query);
    stolen.set('state', mine.checks.state);
    expect(await failureOf(signIn.finish(stolen, mine.checks))).toMatchObject({ code: 'invalid_grant' });
    await signIn.finish(mine.query, mine.checks);
    expect(await failureOf(signIn.finish(mine.query, mine.checks))).toMatchObject({ code: 'invalid_grant' });
  });

  test('who says no is back with a cancellation', async () => {
    const signIn = client({ clientId: 'asked' });
    const { url, checks } = await signIn.begin(request());
    const browser = new Browser();
    const question = await logIn(browser, await browser.follow(url, CALLBACK), 'anna');
    const form = { code: field(question.body, 'code') ?? '', cancel: 'No' };
    const end = await browser.follow(formOf(question), CALLBACK, { form });
    const query = new URL(end.location!).searchParams;
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject({
      kind: 'cancelled',
      code: 'access_denied',
    });
  });

  test('who is signed in there is not asked again, unless it was the wrong account', async () => {
    const signIn = client();
    const browser = new Browser();
    await come(signIn, { browser });
    const again = await come(signIn, { browser, username: 'bert' });
    expect(await signIn.finish(again.query, again.checks)).toMatchObject({ targetUserId: ids.get('anna') });
    const { url, checks } = await signIn.begin(
      request({ isOtherAccount: true, hints: { email: 'bert@example.test' } }),
    );
    const page = await browser.follow(url, CALLBACK);
    // Keycloak asks for the password of whom it knows; its button “Restart login” lets anybody in.
    expect(field(page.body, 'username')).toBeUndefined();
    const restart = /location\.href='([^']*skip_logout=false)'/.exec(page.body)![1]!.replaceAll('&amp;', '&');
    const fresh = await browser.follow(new URL(restart, page.url).href, CALLBACK);
    const end = await logIn(browser, fresh, 'bert');
    const other = await signIn.finish(new URL(end.location!).searchParams, checks);
    expect(other).toMatchObject({ targetUserId: ids.get('bert'), emailVerified: false });
  });
});
