/** The stand-in refuses what cidaas' documentation says that the real one refuses. */
import { afterEach, describe, expect, test } from 'vitest';
import type { CidaasStandIn } from './index.ts';
import { APP, openCidaas } from './index.ts';
import type { TenantOptions } from './tenant.ts';

let standIn: CidaasStandIn | undefined;
afterEach(() => standIn?.close());

async function openAs(options: TenantOptions = {}, app: object = {}) {
  standIn = await openCidaas(options);
  const { url } = standIn;
  const post = async (path: string, body: unknown, token = '') => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, document: text === '' ? undefined : JSON.parse(text) };
  };
  const credentials = {
    grant_type: 'client_credentials',
    client_id: APP.clientId,
    client_secret: APP.secret,
  };
  const answer = await post('/token-srv/token', { ...credentials, ...app });
  const token = answer.document?.access_token;
  const bulk = (body: unknown) => post('/users-srv/user/bulk', body, token);
  const rowOf = async (entity: object) => (await bulk([entity])).document.process_states[0];
  return { post, bulk, rowOf, tokenStatus: answer.status };
}
const entity = (more: object = {}, own: object = {}) => ({
  identities: [{ provider: 'self', email: 'anna@example.com', ...own }],
  ...more,
});
const password = { algorithmTypeId: 'SHA1', passwordHash: 'a'.repeat(40) };

test.each([{ client_secret: 'wrong' }, { client_id: 'wrong' }, { grant_type: 'password' }])(
  'no token is given for %j',
  async (app) => {
    expect((await openAs({}, app)).tokenStatus).toBeGreaterThanOrEqual(400);
  },
);

test.each([
  ['without a token', [entity()], {}, {}, 401],
  ['without the scope', [entity()], { scopes: ['cidaas:users_read'] }, undefined, 403],
  ['of nobody', [], {}, undefined, 400],
  ['that is no array', { users: [] }, {}, undefined, 400],
  ['of more than a thousand', Array(1_001).fill(entity()), {}, undefined, 413],
] as const)('an import %s is refused', async (_what, body, options, own, status) => {
  const { bulk, post } = await openAs(options as TenantOptions);
  const answer = own ? await post('/users-srv/user/bulk', body) : await bulk(body);
  expect(answer.status).toBe(status);
});

describe('a row', () => {
  test('adds, and the second time updates', async () => {
    const { rowOf } = await openAs();
    const first = await rowOf(entity());
    expect(first).toMatchObject({ state: 'CREATED', identifier: { email: 'anna@example.com' } });
    expect(await rowOf(entity({}, { given_name: 'Anne' }))).toEqual({ ...first, state: 'UPDATED' });
  });

  test.each([
    ['has an unknown field', entity({ shoe: 1 })],
    ['has an unknown field in an identity', entity({}, { shoe: 1 })],
    ['has a custom field that is off', entity({ customFields: { shoe: '44' } })],
    [
      'has an unknown provider',
      { ...entity(), identities: [{ provider: 'elsewhere', providerUserId: '1' }] },
    ],
    ['has no address', { identities: [{ provider: 'self' }] }],
    ['has an unknown algorithm', entity({}, { password_hash_info: { ...password, algorithmTypeId: 'MD5' } })],
    [
      'has an algorithm of nobody',
      entity({}, { password_hash_info: { ...password, algorithmTypeId: 'CUSTOM_X' } }),
    ],
    [
      'has a cost that there is not',
      entity({}, { password_hash_info: { ...password, algorithmTypeId: 'BCRYPT_21' } }),
    ],
    ['has a hash that is cut', entity({}, { password_hash_info: { ...password, passwordHash: 'a' } })],
  ])('that %s fails, and makes nobody', async (_what, given) => {
    const { rowOf } = await openAs();
    expect(await rowOf(given)).toMatchObject({ state: 'FAILED', sub: 'ANONYMOUS' });
    expect(standIn?.tenant.all()).toEqual([]);
  });

  test.each(['anna', 'anna@disposable.example', 'anna@no-mx.example'])(
    'with %s is answered 507',
    async (email) => {
      const { rowOf } = await openAs();
      expect(await rowOf(entity({}, { email }))).toMatchObject({
        state: 'FAILED',
        code: 507,
        message: 'invalid email passed',
      });
    },
  );

  test('replaces a password in migrationMode only', async () => {
    for (const migrationMode of [false, true]) {
      const { rowOf } = await openAs({ migrationMode });
      const given = entity({}, { password_hash_info: password });
      expect((await rowOf(given)).state).toBe('CREATED');
      expect((await rowOf(given)).state).toBe(migrationMode ? 'UPDATED' : 'FAILED');
      await standIn?.close();
    }
  });
});

test('a share of the calls fails, evenly', async () => {
  const { bulk } = await openAs();
  standIn?.fail(500, 0.5);
  const statuses = [];
  for (const _call of [1, 2, 3, 4]) statuses.push((await bulk([entity()])).status);
  expect(statuses).toEqual([200, 500, 200, 500]);
});
