/** A password is right or wrong only where Keycloak has said so: an outage, and whatever else it answers, is neither. */
import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { Listener } from '../../../src/listener.ts';
import { listen } from '../../../src/listener.ts';
import { Secret } from '../../../src/settings.ts';
import { openTargets } from '../../../src/targets/index.ts';
import type { Targets } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';

const ID = '21af73df-24ff-4d56-8f27-ed0010fe72dc';
const CANARY = 'CANARY-password';
const jwt = (claims: object) =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmF0dXJl`;
const token = (sub: unknown) => ({ id_token: jwt({ sub }), session_state: 'session-1' });
const error = (description: string, code = 'invalid_grant') => ({
  error: code,
  error_description: description,
});
const WRONG = [400, error('Invalid user credentials')] as const;

type Reply = readonly [status: number, document?: unknown];
let server: Listener | undefined;
let targets: Targets | undefined;
let calls: string[] = [];
afterEach(async () => {
  await targets?.close();
  await server?.close(0);
});

/** `answers` by method and path below the realm; 0 cuts the connection, -1 never answers. */
async function check(answers: Readonly<Record<string, Reply>>, settings: object = {}): Promise<boolean> {
  calls = [];
  const all: Readonly<Record<string, Reply>> = {
    [`GET /users/${ID}`]: [200, { id: ID, username: 'ada', enabled: true }],
    [`GET /users/${ID}/credentials`]: [200, [{ type: 'password' }]],
    [`GET /attack-detection/brute-force/users/${ID}`]: [200, { disabled: false }],
    'DELETE /sessions/session-1': [204],
    grant: [200, token(ID)],
    ...answers,
  };
  const handler: RequestListener = (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      const isToken = req.url === '/realms/shop/protocol/openid-connect/token';
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const isOurs = isToken && form.get('grant_type') === 'client_credentials';
      const what = isToken ? 'grant' : `${req.method} ${req.url?.replace('/admin/realms/shop', '')}`;
      if (!isOurs) calls.push(what);
      const [status, document] = isOurs ? [200, { access_token: 't', expires_in: 60 }] : (all[what] ?? [404]);
      if (status < 0) return;
      if (status === 0) req.socket.destroy();
      else
        res
          .writeHead(status, { 'content-type': 'application/json' })
          .end(document === undefined ? undefined : JSON.stringify(document));
    });
  };
  server = await listen(handler, { host: '127.0.0.1', port: 0 });
  const api = {
    url: `http://127.0.0.1:${server.port}`,
    realm: 'shop',
    clientCredentials: { clientId: 'footbridge-api', secret: 'x' },
    timeoutMs: 1_000,
    perSecond: 1_000,
  };
  targets = openTargets(
    targetSettings.parse([
      {
        ...{ name: 'kc', kind: 'keycloak', displayName: 'New', loginUrl: 'https://new.example/', api },
        keycloak: { passwordCheck: { clientId: 'check', clientSecret: 'y', ...settings } },
      },
    ]),
    { issuer: 'https://login.example' },
  );
  return targets.connection('kc')!.checkPassword!(ID, new Secret(CANARY));
}
const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (problem) => problem,
  );

describe('a password', () => {
  test('is right where a token of this very user comes, and the session of it is ended', async () => {
    expect(await check({})).toBe(true);
    expect(calls).toContain('DELETE /sessions/session-1');
  });

  test('is right though the session cannot be ended', async () => {
    expect(await check({ 'DELETE /sessions/session-1': [500] })).toBe(true);
  });

  test('is wrong where Keycloak says so of somebody who is not locked', async () => {
    expect(await check({ grant: WRONG })).toBe(false);
    expect(calls.at(-1)).toContain('brute-force');
  });

  test('is wrong where there is none, and Keycloak is not asked; where a directory has it, it is', async () => {
    expect(await check({ [`GET /users/${ID}/credentials`]: [200, []] })).toBe(false);
    expect(calls).not.toContain('grant');
    await targets?.close();
    await server?.close(0);
    const federated = { id: ID, username: 'ada', enabled: true, federationLink: 'ldap' };
    const told = {
      [`GET /users/${ID}`]: [200, federated],
      [`GET /users/${ID}/credentials`]: [200, []],
    } as const;
    expect(await check(told)).toBe(true);
  });

  test.each<[string, Record<string, Reply>]>([
    ['another user’s token', { grant: [200, token('somebody-else')] }],
    ['a token of nobody', { grant: [200, { ...token(ID), id_token: jwt({}) }] }],
    ['a token that is none', { grant: [200, { ...token(ID), id_token: 'x' }] }],
    ['no token', { grant: [200, {}] }],
    ['nothing', { grant: [204] }],
    ['that the account is disabled', { grant: [400, error('Account disabled')] }],
    ['that it is not set up', { grant: [400, error('Account is not fully set up')] }],
    ['a sentence that we do not know', { grant: [400, error('Ungültige Anmeldedaten')] }],
    ['that our client is unknown', { grant: [401, error('Invalid client', 'unauthorized_client')] }],
    ['that the client may not', { grant: [400, error('Client not allowed', 'unauthorized_client')] }],
    ['another page', { grant: [404] }],
    ['a redirect', { grant: [302] }],
    [
      'that it is wrong, of somebody who is locked',
      {
        grant: WRONG,
        [`GET /attack-detection/brute-force/users/${ID}`]: [200, { disabled: true }],
      },
    ],
  ])('is refused, and neither right nor wrong, where the answer is %s', async (_what, answers) => {
    const problem = await problemOf(check(answers));
    expect(problem).toMatchObject({ code: 'target_refused' });
    expect(JSON.stringify(problem) + problem.detail + problem.stack).not.toContain(CANARY);
  });

  test.each<[string, Reply]>([
    ['is cut off', [0]],
    ['does not come', [-1]],
    ['is 500', [500, {}]],
    ['is 503', [503, error('Invalid user credentials')]],
    ['is 429', [429, error('Invalid user credentials')]],
  ])('is unavailable where the answer %s, at each step of the way', async (_what, reply) => {
    for (const step of [
      { grant: reply },
      { [`GET /users/${ID}`]: reply },
      { grant: WRONG, [`GET /attack-detection/brute-force/users/${ID}`]: reply },
    ]) {
      expect(await problemOf(check(step))).toMatchObject({ code: 'target_unavailable' });
      await targets?.close();
      await server?.close(0);
    }
  });

  test('is sent once only, also where nobody knows whether it arrived', async () => {
    await problemOf(check({ grant: [0] }));
    expect(calls.filter((call) => call === 'grant')).toHaveLength(1);
  });

  test.each([
    ['deactivated', { enabled: false }],
    ['expected to do something first', { requiredActions: ['UPDATE_PASSWORD'] }],
    ['asked for a code', { totp: true }],
  ])('of somebody who is %s is not sent at all', async (_what, more) => {
    const user = { id: ID, username: 'ada', enabled: true, ...more };
    expect(await problemOf(check({ [`GET /users/${ID}`]: [200, user] }))).toMatchObject({
      code: 'target_refused',
    });
    expect(calls).not.toContain('grant');
  });
});
