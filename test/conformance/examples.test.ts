/** The configurations for the certification suite: each is whole and valid, and does what its test plan needs. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { importJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Made } from '../../example/conformance/make-suite.ts';
import { makeSuite } from '../../example/conformance/make-suite.ts';
import { loadConfig, parseConfig } from '../../src/config.ts';
import type { Server } from '../flows/server.ts';
import { startServer } from '../flows/server.ts';
import { basic, VERIFIER } from '../provider/harness.ts';
import { Browser, field } from '../support/browser.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';
import type { Pair } from './fapi-client.ts';
import { assertion, logInPushed, newPair, post, proof, redemption } from './fapi-client.ts';

const FOLDER = resolve(import.meta.dirname, '../../example/conformance');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
const ISSUER = 'https://op.example.com';
const CALLBACK = 'https://localhost.emobix.co.uk:8443/test/a/footbridge/callback';

const data = mkdtempSync(join(tmpdir(), 'footbridge-conformance-'));
const suite = join(data, 'suite');
let made: Made;
let database: TestDatabase;
beforeAll(async () => {
  made = await makeSuite(suite, ISSUER);
  database = await testDatabase();
});
afterAll(async () => {
  await database?.drop();
  rmSync(data, { recursive: true, force: true });
});

const env = () => ({ ...made.env, FOOTBRIDGE_DATABASE_URL: database.url });
const settingsOf = (file: string) => loadConfig(join(FOLDER, file), env()).provider;
/** As the file says it, with what the environment says in its place. */
const written = (file: string) =>
  readFileSync(join(FOLDER, file), 'utf8').replace(
    /\$\{(\w+)(?::-([^}]*))?\}/g,
    (_all, name: string, fallback?: string) =>
      (env() as Record<string, string | undefined>)[name] ?? fallback ?? '',
  );

/** A node of its own on one of the files; whoever cannot reach it within a hook's time has no tests. */
function running(file: string): { server: Server } {
  const node = {} as { server: Server };
  beforeAll(async () => {
    const configFile = join(data, file);
    writeFileSync(configFile, written(file));
    node.server = await startServer({ configFile, data });
  });
  afterAll(async () => {
    node.server?.process.kill('SIGTERM');
    await node.server?.exited;
  });
  return node;
}

describe('the configurations for the certification suite', () => {
  test('are one for each profile, and all of them load', () => {
    expect(FILES.sort()).toEqual([
      'backchannel-logout.yaml',
      'basic.yaml',
      'config.yaml',
      'fapi-2.0.yaml',
      'form-post.yaml',
      'rp-initiated-logout.yaml',
    ]);
    for (const file of FILES) expect(settingsOf(file).issuer).toBe(ISSUER);
  });

  test('do not load without what make-suite writes', () => {
    const text = readFileSync(join(FOLDER, 'basic.yaml'), 'utf8');
    expect(() => parseConfig(text, { file: 'basic.yaml', env: {} })).toThrow(
      /CONFORMANCE_SECRET_1 is not set/,
    );
  });

  test('differ in the provider’s part only', () => {
    const rest = FILES.map((file) => {
      const { provider: _own, ...others } = parse(written(file));
      return others;
    });
    for (const other of rest) expect(other).toEqual(rest[0]);
  });

  test('have the clients of their plans, at the suite’s addresses', () => {
    const methods = settingsOf('basic.yaml').clients.map(({ authMethod }) => authMethod);
    expect(methods).toEqual(['client_secret_basic', 'client_secret_basic', 'client_secret_post']);
    expect(settingsOf('form-post.yaml').clients.map(({ clientId }) => clientId)).toHaveLength(3);
    expect(settingsOf('rp-initiated-logout.yaml').clients[0]!.postLogoutRedirectUris).toEqual([
      CALLBACK.replace('callback', 'post_logout_redirect'),
    ]);
    const { clients, acceptedOrigins } = settingsOf('backchannel-logout.yaml');
    expect(clients[0]).toMatchObject({
      backchannelLogoutUri: CALLBACK.replace('callback', 'backchannel_logout'),
      toldOfOwnLogout: true,
    });
    expect(acceptedOrigins).toEqual([new URL(CALLBACK).origin]);
    const fapi = settingsOf('fapi-2.0.yaml');
    expect(fapi.profile).toBe('fapi-2.0');
    for (const { redirectUris } of fapi.clients)
      expect(redirectUris).toEqual([CALLBACK, `${CALLBACK}?dummy1=lorem&dummy2=ipsum`]);
  });

  test('and the suite’s own speak of the same clients; nobody else may read them, and none is written over', async () => {
    const read = (name: string) => JSON.parse(readFileSync(join(suite, name), 'utf8'));
    const secretOf = (id: string) =>
      settingsOf('basic.yaml')
        .clients.find(({ clientId }) => clientId === id)
        ?.secret?.reveal();
    const { client, client2, client_secret_post: byPost } = read('suite-openid.json');
    for (const { client_id, client_secret } of [client, client2, byPost])
      expect(secretOf(client_id)).toBe(client_secret);
    for (const name of ['suite.env', 'suite-openid.json', 'suite-fapi.json'])
      expect(statSync(join(suite, name)).mode & 0o077).toBe(0);
    await expect(makeSuite(suite, ISSUER)).rejects.toThrow(/stays as it is/);
  });
});

describe('basic.yaml', () => {
  const node = running('basic.yaml');
  test('starts, and the suite’s person logs in with all claims that a scope has', async () => {
    const { issuer } = node.server;
    const browser = new Browser();
    const query = { response_type: 'code', scope: 'openid profile email phone', redirect_uri: CALLBACK };
    const start = `${issuer}/auth?${new URLSearchParams({ ...query, client_id: 'suite-1' })}`;
    const page = await browser.follow(start, CALLBACK);
    const form_token = field(page.body, 'form_token') ?? '';
    const form = { username: made.username, password: made.password, form_token };
    const { location } = await browser.follow(page.url, CALLBACK, { form });
    const code = new URL(location!).searchParams.get('code')!;
    const tokens = await new Browser().visit(`${issuer}/token`, {
      form: { grant_type: 'authorization_code', code, redirect_uri: CALLBACK },
      headers: basic('suite-1', made.env.CONFORMANCE_SECRET_1),
    });
    const { access_token } = tokens.json<{ access_token: string }>();
    const me = await new Browser().visit(`${issuer}/me`, {
      headers: { authorization: `Bearer ${access_token}` },
    });
    const wanted = [
      ...['sub', 'name', 'given_name', 'family_name', 'nickname', 'preferred_username', 'picture'],
      ...['zoneinfo', 'locale', 'updated_at'],
      ...['email', 'email_verified', 'phone_number', 'phone_number_verified'],
    ];
    expect(Object.keys(me.json()).sort()).toEqual(wanted.sort());
  });
});

describe('fapi-2.0.yaml', () => {
  const node = running('fapi-2.0.yaml');
  test('starts, and takes the suite’s keys and no others', async () => {
    const { client } = JSON.parse(readFileSync(join(suite, 'suite-fapi.json'), 'utf8'));
    const [jwk] = client.jwks.keys;
    const pair = { alg: 'ES256', privateKey: await importJWK(jwk, 'ES256'), jwk } as Pair;
    const { server } = node;
    const other = { client_assertion: await assertion(server, client.client_id, await newPair()) };
    expect((await post(server, '/request', { client_id: client.client_id }, other)).status).toBe(401);
    const person = { login: made.username, password: made.password };
    const { back } = await logInPushed(server, {
      ...{ id: client.client_id, pair, person },
      callback: CALLBACK,
    });
    const answer = await post(
      server,
      '/token',
      redemption(back, { redirect_uri: CALLBACK, code_verifier: VERIFIER }),
      {
        client_assertion: await assertion(server, client.client_id, pair),
        dpop: await proof(server, await newPair(), { path: '/token' }),
      },
    );
    expect(answer.json()).toMatchObject({ token_type: 'DPoP', id_token: expect.any(String) });
  });
});
