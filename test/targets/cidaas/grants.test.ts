/** Groups that are given and taken away, so that they are as they should be. */
import { describe, expect, test } from 'vitest';
import type { TargetGrant } from '../../../src/targets/connection.ts';
import type { StageOptions } from './stage.ts';
import { person, stage } from './stage.ts';

const GROUPS = { shop: ['CUSTOMER', 'SELLER'], news: ['READER'], theirs: ['BOSS'] };

async function withAnna(tenant: StageOptions['tenant'] = {}) {
  const { standIn, connection } = await stage({ tenant: { groups: GROUPS, ...tenant } });
  await connection.importUsers([person('anna')]);
  const { sub } = standIn.tenant.all()[0]!;
  standIn.changes.groups(sub, { shop: ['CUSTOMER'], theirs: ['BOSS'] });
  standIn.calls.splice(0);
  const set = (...grants: TargetGrant[]) =>
    connection.setGrants!(sub, grants, [{ project: 'shop' }, { project: 'news' }]);
  const groups = () =>
    Object.fromEntries(standIn.tenant.all()[0]!.groups.map(({ groupId, roles }) => [groupId, roles]));
  const writes = () => standIn.calls.filter((call) => !call.startsWith('GET') && !call.includes('token-srv'));
  return { standIn, connection, sub, set, groups, writes };
}
const shop = (...roles: string[]) => ({ project: 'shop', roles });
const news = { project: 'news', roles: ['READER'] };

describe.each([
  ['cidaas tells in which groups somebody is', false],
  ['cidaas does not tell in which groups somebody is', true],
])('where %s', (_what, hidesGroups) => {
  test('roles are given, and others taken away, but for groups that are not ours', async () => {
    const { set, groups } = await withAnna({ hidesGroups });
    await set(shop('SELLER'), news);
    expect(groups()).toEqual({ shop: ['SELLER'], news: ['READER'], theirs: ['BOSS'] });
    await set();
    expect(groups()).toEqual({ theirs: ['BOSS'] });
    await set();
  });
});

test('nothing is sent where nothing differs, in whatever order', async () => {
  const { standIn, sub, set, writes } = await withAnna();
  standIn.changes.groups(sub, { shop: ['SELLER', 'CUSTOMER'] });
  await set(shop('CUSTOMER', 'SELLER'));
  expect(writes()).toEqual([]);
});

test('grants of the same group in two parts are one', async () => {
  const { set, groups, writes } = await withAnna();
  await set(shop('CUSTOMER'), shop('SELLER'));
  expect(groups().shop).toEqual(['CUSTOMER', 'SELLER']);
  expect(writes()).toHaveLength(1);
});

test('a role that is not allowed is refused, and an outage is an outage', async () => {
  const { standIn, set, groups } = await withAnna();
  await expect(set(shop('BOSS'))).rejects.toMatchObject({ code: 'target_refused' });
  standIn.fail(503, 1, '/groups-srv/');
  await expect(set()).rejects.toMatchObject({ code: 'target_unavailable' });
  expect(groups().shop).toEqual(['CUSTOMER']);
});

test('a group that somebody left meanwhile is left, and a person who is gone is told of', async () => {
  const { standIn, connection, sub, set, groups } = await withAnna();
  standIn.meanwhile('/groups-srv/', () => standIn.changes.groups(sub, {}));
  await set();
  expect(groups()).toEqual({});
  await connection.remove(sub);
  await expect(set(news)).rejects.toMatchObject({ code: 'target_refused' });
});
