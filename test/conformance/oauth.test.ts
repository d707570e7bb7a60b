/** OAuth 2.0 and its pushed authorization requests: what no other test already holds, by section. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Stage } from '../provider/harness.ts';
import {
  ANNA,
  basic,
  CALLBACK,
  client,
  codeOf,
  logIn,
  openStage,
  push,
  redeem,
  submitLogin,
} from '../provider/harness.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({
    clients: [client(), client({ clientId: 'web', grantTypes: ['authorization_code'] })],
  });
});
afterAll(() => stage?.close());

const at = (path: string, visit: Parameters<Browser['visit']>[1] = {}) =>
  new Browser().visit(`${stage.issuer}${path}`, visit);
const machine = { grant_type: 'client_credentials', scope: 'migration:read' };

describe('the token endpoint', () => {
  test('OAuth 2.0 5.1: no answer with a token is kept by anybody', async () => {
    const end = await logIn(stage, new Browser());
    for (const answer of [
      await redeem(stage, codeOf(end.location)),
      await at('/token', { form: machine, headers: basic() }),
    ]) {
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    }
  });

  test('OAuth 2.0 5.2: a grant that this client may not use is unauthorized_client', async () => {
    const answer = await at('/token', { form: machine, headers: basic('web') });
    expect(answer.status).toBe(400);
    expect(answer.json().error).toBe('unauthorized_client');
  });

  test.each(['/token', '/request', '/token/introspection', '/token/revocation'])(
    'OAuth 2.0 5.2: what the front door refuses at %s is an error of the protocol, too',
    async (path) => {
      const answer = await at(path, { form: { code: 'x'.repeat(5_000) }, headers: basic() });
      expect(answer.status).toBe(400);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.json()).toMatchObject({ error: 'invalid_request', code: 'bad_request' });
    },
  );
});

describe('other methods', () => {
  test.each(['/token', '/request', '/token/introspection', '/token/revocation'])(
    'RFC 9126 2.3, RFC 9110 15.5.6: at %s only POST is allowed',
    async (path) => {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await at(path, { method });
        expect(answer.status).toBe(405);
        expect(answer.headers.allow).toBe('POST');
      }
    },
  );

  test('RFC 9110 15.5.6: userinfo, keys and metadata say by what they are read', async () => {
    for (const path of ['/me', '/jwks', '/.well-known/openid-configuration']) {
      const answer = await at(path, { method: 'PUT' });
      expect([path, answer.status]).toEqual([path, 405]);
      expect(answer.headers.allow).toContain('GET, HEAD');
    }
    expect((await at('/no-such-place', { method: 'PUT' })).status).toBe(404);
  });
});

test('RFC 8414 3: the metadata is the same wherever it is asked for', async () => {
  const read = async (path: string) => (await at(path)).json<Record<string, unknown>>();
  const metadata = await read('/.well-known/openid-configuration');
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration/'])
    expect(await read(path)).toEqual(metadata);
});

describe('a pushed request', () => {
  const open = async (start: string) => {
    const browser = new Browser();
    const headers = { accept: 'text/html' };
    const page = await browser.follow(start, CALLBACK, { headers });
    return { page, end: () => submitLogin(browser, page, ANNA) };
  };
  const aMinutePasses = () =>
    execute(
      stage.databaseUrl,
      `update oidc_records set expires_at = expires_at - interval '61 seconds' where kind = 'PushedAuthorizationRequest'`,
    );

  test('RFC 9126 7.3: begins two logins within its minute, and gives one code, also when they end later', async () => {
    const { start } = await push(stage);
    const [first, second, third] = [await open(start), await open(start), await open(start)];
    expect(codeOf((await first.end()).location)).not.toBe('');
    expect(codeOf((await second.end()).location)).toBe('');
    await aMinutePasses();
    expect(codeOf((await third.end()).location)).toBe('');
  });

  test('RFC 9126 2.2: whoever takes longer than its minute to log in gets their code', async () => {
    const slow = await open((await push(stage)).start);
    await aMinutePasses();
    expect(codeOf((await slow.end()).location)).not.toBe('');
  });

  test('RFC 9126 2.2: nobody begins with it once its minute is over', async () => {
    const { start } = await push(stage);
    await aMinutePasses();
    const { page } = await open(start);
    expect(page.status).toBe(400);
    expect(page.body).not.toContain('form_token');
  });
});
