/** What targets read of organizations, on a real port. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { organizationsRoutes } from '../../../src/sync/organizations/organizations-routes.ts';
import type { Target } from '../../../src/targets/target.ts';
import type { Place } from './place.ts';
import { openPlace, TARGET } from './place.ts';

let place: Place;
let server: Server;
beforeAll(async () => {
  place = await openPlace();
  const named = (name: string) => ({ name, hmacKeys: [] }) as unknown as Target;
  const router = organizationsRoutes({
    db: place.db,
    targets: {
      all: [],
      byClient: (id: string) => ({ app: named(TARGET), stranger: named('other') })[id],
    } as never,
    resolveToken: async (token) => {
      const [clientId = '', ...scopes] = token.split('.');
      return clientId ? { clientId, scopes: scopes.map((scope) => scope.replace('-', ':')) } : undefined;
    },
    nowSeconds: () => 1_800_000_000,
    onError: (error) => place.errors.push(error),
  });
  server = await new Promise((resolve) => {
    const app = new Koa().use(router.routes());
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await place.close();
});
beforeEach(async () => {
  await place.clear();
  place.hub.truth.set(
    'acme',
    new Map([
      ['ann', ['admin']],
      ['bob', ['printer']],
      ['cid', []],
    ]),
  );
  await place.person('shop:1', 'ann');
  await place.link('shop:7', 'acme');
  await place.node().round();
});

const get = async (path: string, token: string | null = 'app.migration-read') => {
  const { port } = server.address() as AddressInfo;
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(`http://127.0.0.1:${port}/migration${path}`, { headers });
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any answer
  return { status: answer.status, body: (await answer.json()) as any };
};

describe('the members of an organization', () => {
  test('are shown as the target last said', async () => {
    const { status, body } = await get('/organizations/shop:7/members');
    expect(status).toBe(200);
    expect(body).toMatchObject({ organization: 'shop:7', targetOrganizationId: 'acme' });
    expect(body.members).toMatchObject([
      {
        targetUserId: 'ann',
        sub: 'shop:1',
        membershipId: 'm-ann',
        roles: ['admin'],
        legacyRoles: ['manager'],
      },
      { targetUserId: 'bob', roles: ['printer'], legacyRoles: ['printer'] },
      { targetUserId: 'cid', roles: [], legacyRoles: [] },
    ]);
    expect(body.members[1]).not.toHaveProperty('sub');
    expect(body).not.toHaveProperty('next');
  });

  test('come a page at a time', async () => {
    const first = await get('/organizations/shop:7/members?limit=2');
    expect(first.body.members).toHaveLength(2);
    expect(first.body.next).toBe('bob');
    const second = await get(`/organizations/shop:7/members?limit=2&after=${first.body.next}`);
    expect(second.body.members).toMatchObject([{ targetUserId: 'cid' }]);
    expect(second.body).not.toHaveProperty('next');
  });

  test('do not have those who have left', async () => {
    place.hub.truth.set('acme', new Map([['ann', []]]));
    await place.timePasses();
    await place.node().round();
    expect((await get('/organizations/shop:7/members')).body.members).toHaveLength(1);
  });

  test('come with a code where they could not be read, and without what is private', async () => {
    place.hub.isDown = true;
    await place.timePasses();
    await place.node().round();
    const { body } = await get('/organizations/shop:7/members');
    expect(body.problem).toBe('target_unavailable');
    expect(body.members).toHaveLength(3);
  });

  test.each(['limit=0', 'limit=1001', 'limit=x', `after=${'x'.repeat(256)}`, 'after=%00'])(
    'are refused with %s',
    async (query) => {
      expect(await get(`/organizations/shop:7/members?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'bad_request' },
      });
    },
  );

  test.each([
    ['an organization that is not linked', '/organizations/shop:8/members', 'app.migration-read'],
    ['another target’s client', '/organizations/shop:7/members', 'stranger.migration-read'],
  ])('are not there for %s', async (_, path, token) => {
    expect(await get(path, token)).toMatchObject({ status: 404, body: { code: 'organization_not_found' } });
  });
});

describe('the organizations of a person', () => {
  test('are those that the target names', async () => {
    expect(await get('/users/shop:1/organizations')).toMatchObject({
      status: 200,
      body: {
        sub: 'shop:1',
        organizations: [{ organization: 'shop:7', targetOrganizationId: 'acme', legacyRoles: ['manager'] }],
      },
    });
  });

  test.each([
    ['whoever is not linked', '/users/shop:2/organizations', 'app.migration-read'],
    ['another target’s client', '/users/shop:1/organizations', 'stranger.migration-read'],
  ])('are none for %s', async (_, path, token) => {
    expect((await get(path, token)).body.organizations).toEqual([]);
  });
});

describe.each(['/organizations/shop:7/members', '/users/shop:1/organizations'])('%s', (path) => {
  test.each([
    ['nobody', null, 401, 'unauthorized'],
    ['a client without the scope', 'app.migration-write', 403, 'insufficient_scope'],
    ['a client of no target', 'nobody.migration-read', 403, 'insufficient_scope'],
  ])('is closed to %s', async (_, token, status, code) => {
    expect(await get(path, token)).toMatchObject({ status, body: { code } });
  });
});
