/** Roles in projects at ZITADEL: read with a person, made what they are to be, and of whom an event of theirs is. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TargetConnection, TargetGrant } from '../../../src/targets/connection.ts';
import type { Targets } from '../../../src/targets/target.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { targetsTo } from './connected.ts';
import { anna, named } from './people.ts';

const USERS = { grants: [{ role: 'editor', project: 'p1', roles: ['editor'] }] };
const OURS = [{ project: 'p1' }, { project: 'p2', projectGrant: 'pg2' }];
let zitadel: Zitadel;
let targets: Targets;
let connection: TargetConnection;

beforeEach(async () => {
  zitadel = await openZitadel();
  targets = targetsTo(zitadel, { isSynced: true, users: USERS });
  connection = targets.connection('new')!;
  await connection.importUsers([anna]);
});
afterEach(async () => {
  expect([zitadel.violations, zitadel.faults]).toEqual([[], []]);
  await targets.close();
  await zitadel.close();
});

const operator = async (verb: string, path: string, body?: object) => {
  const answer = await fetch(zitadel.url + path, {
    method: verb,
    headers: { authorization: `Bearer ${zitadel.token}` },
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as { userGrantId: string };
};
const give = async (projectId: string, roleKeys: string[], projectGrantId?: string) =>
  (
    await operator('POST', '/management/v1/users/fb-anna/grants', {
      projectId,
      roleKeys,
      ...(projectGrantId && { projectGrantId }),
    })
  ).userGrantId;
const set = (grants: readonly TargetGrant[], projects = OURS) =>
  connection.setGrants!('fb-anna', grants, projects);
/** As they are, whatever searches see. */
const there = () =>
  Object.fromEntries(
    [...zitadel.instance.grants.values()].map(({ projectId, projectGrantId, roleKeys, isActive }) => [
      [projectId, ...(projectGrantId ? [projectGrantId] : []), ...(isActive ? [] : ['off'])].join('/'),
      [...roleKeys].sort(),
    ]),
  );
const writes = () =>
  zitadel.requests.filter(({ rpc }) => /(Add|Update|Remove|Reactivate)UserGrant$/.test(rpc ?? ''));
const p1 = (...roles: string[]) => ({ project: 'p1', roles });

describe('the roles of a person', () => {
  test('are told with the person, each project once', async () => {
    await give('p1', ['editor']);
    await give('p2', ['reader'], 'pg2');
    const found = await connection.userById('fb-anna');
    expect(found?.grants).toEqual([p1('editor'), { project: 'p2', projectGrant: 'pg2', roles: ['reader'] }]);
    const { users } = await connection.users!({ limit: 10 });
    expect(users[0]?.grants).toEqual(found?.grants);
  });

  test('are told as none where there are none, and where what there is does not hold', async () => {
    expect((await connection.userById('fb-anna'))?.grants).toEqual([]);
    const id = await give('p1', ['editor']);
    await operator('POST', `/management/v1/users/fb-anna/grants/${id}/_deactivate`, {});
    expect((await connection.userById('fb-anna'))?.grants).toEqual([]);
  });

  test('are told as they are though searches are behind', async () => {
    zitadel.instance.isLagging = true;
    await give('p1', ['editor']);
    expect((await connection.userById('fb-anna'))?.grants).toEqual([p1('editor')]);
  });

  test('are not told, rather than told as none, where our token may not look', async () => {
    await give('p1', ['editor']);
    const { token } = zitadel.oauth.addServiceUser({ roles: ['IAM_USER_MANAGER'] });
    zitadel.failNext('ManagementService/ListUserGrants', 403);
    const other = targetsTo(zitadel, { isSynced: true, users: USERS, api: { token } });
    const found = await other.connection('new')!.userById('fb-anna');
    expect(found).toMatchObject({ targetUserId: 'fb-anna' });
    expect(found).not.toHaveProperty('grants');
    await other.close();
  });

  test('that cannot be read for an outage are one', async () => {
    zitadel.failNext('ManagementService/ListUserGrants', 503, 2);
    await expect(connection.userById('fb-anna')).rejects.toMatchObject({ code: 'target_unavailable' });
  });

  test.each([
    ['nothing is kept equal', { isSynced: false, users: USERS }],
    ['no role is translated', { isSynced: true }],
  ])('are not asked for where %s', async (_why, settings) => {
    const other = targetsTo(zitadel, settings);
    expect(await other.connection('new')!.userById('fb-anna')).not.toHaveProperty('grants');
    expect(zitadel.requests.some(({ rpc }) => rpc?.endsWith('ListUserGrants'))).toBe(false);
    await other.close();
  });
});

describe('setting roles', () => {
  test('gives, changes and takes in the projects that are named, and leaves others alone', async () => {
    await give('p1', ['reader', 'admin']);
    await give('p2', ['reader'], 'pg2');
    await give('p2', ['reader']);
    await give('p3', ['reader']);
    await set([p1('editor', 'reader'), { project: 'p9', roles: ['admin'] }]);
    expect(there()).toEqual({ p1: ['editor', 'reader'], p2: ['reader'], p3: ['reader'] });
    await set([{ project: 'p2', projectGrant: 'pg2', roles: ['writer'] }]);
    expect(there()).toEqual({ p2: ['reader'], 'p2/pg2': ['writer'], p3: ['reader'] });
  });

  test('to what is so already writes nothing, in whatever order the roles stand', async () => {
    await set([p1('a', 'b')]);
    const before = writes().length;
    await set([p1('b'), p1('a', 'b')]);
    await set([p1('b', 'a')]);
    expect(writes()).toHaveLength(before);
  });

  test('to nothing, and to a grant without roles, takes what there is', async () => {
    await give('p1', ['editor']);
    await set([p1()]);
    expect(there()).toEqual({});
    await give('p1', ['editor']);
    await set([]);
    expect(there()).toEqual({});
  });

  test('makes one hold again that an operator has switched off, and never with more than is wanted', async () => {
    const id = await give('p1', ['admin', 'editor']);
    await operator('POST', `/management/v1/users/fb-anna/grants/${id}/_deactivate`, {});
    await set([p1('editor')]);
    expect(there()).toEqual({ p1: ['editor'] });
    expect(writes().map(({ rpc }) => rpc?.split('/')[1])).toEqual([
      'AddUserGrant',
      'UpdateUserGrant',
      'ReactivateUserGrant',
    ]);
  });

  test('sees its own writes though searches are behind', async () => {
    zitadel.instance.isLagging = true;
    await set([p1('editor')]);
    await set([p1('reader')]);
    await set([]);
    expect(there()).toEqual({});
  });

  test('ends as wanted though somebody else gives or takes one at the same time', async () => {
    const [rival, quick] = [p1('rival'), p1('ours')];
    await Promise.all([set([quick]), connection.setGrants!('fb-anna', [rival], OURS)]);
    expect(Object.keys(there())).toEqual(['p1']);
    await set([quick]);
    expect(there()).toEqual({ p1: ['ours'] });
  });

  test('whose answer is lost is done in full by the next try', async () => {
    await give('p2', ['old'], 'pg2');
    zitadel.failNext('ManagementService/AddUserGrant', 'drop-after');
    await expect(set([p1('editor')])).rejects.toMatchObject({ code: 'target_unavailable' });
    await set([p1('editor')]);
    expect(there()).toEqual({ p1: ['editor'] });
  });

  test('of somebody in another organization works there', async () => {
    const organization = zitadel.addOrganization('Other');
    await connection.importUsers([named('far', { organization })]);
    await connection.setGrants!('fb-far', [p1('editor')], OURS);
    expect([...zitadel.instance.grants.values()]).toMatchObject([{ organization, userId: 'fb-far' }]);
    expect((await connection.userById('fb-far'))?.grants).toEqual([p1('editor')]);
  });

  test('of nobody is refused, and so are roles that the project does not have', async () => {
    await expect(connection.setGrants!('nobody', [], OURS)).rejects.toMatchObject({ code: 'target_refused' });
    zitadel.instance.checksProjects = true;
    await expect(set([p1('editor')])).rejects.toMatchObject({ code: 'target_refused' });
  });

  test('while ZITADEL is down is an outage, and changes nothing', async () => {
    await give('p1', ['editor']);
    zitadel.failNext('ManagementService/ListUserGrants', 503, 9);
    await expect(set([])).rejects.toMatchObject({ code: 'target_unavailable' });
    expect(there()).toEqual({ p1: ['editor'] });
  });
});

describe('whose a grant is', () => {
  test('is told by how it began, also when it is gone', async () => {
    const id = await give('p1', ['editor']);
    expect(await connection.userIdByGrant!(id)).toBe('fb-anna');
    await set([]);
    expect(await connection.userIdByGrant!(id)).toBe('fb-anna');
  });

  test('is not told of one that never was, and to whom may not read events', async () => {
    expect(await connection.userIdByGrant!('nothing')).toBeUndefined();
    const id = await give('p1', ['editor']);
    const { token } = zitadel.oauth.addServiceUser({ roles: ['IAM_USER_MANAGER'] });
    const other = targetsTo(zitadel, { api: { token } });
    expect(await other.connection('new')!.userIdByGrant!(id)).toBeUndefined();
    await other.close();
  });

  test('is not taken for nobody’s while ZITADEL is down', async () => {
    zitadel.failNext('AdminService/ListEvents', 503, 9);
    await expect(connection.userIdByGrant!('1')).rejects.toMatchObject({ code: 'target_unavailable' });
  });
});
