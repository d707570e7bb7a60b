/** Many users in one call: `POST /admin/v1/import`. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TargetConnection } from '../../../src/targets/connection.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { addIdp, connectionTo } from './connected.ts';
import { everything, HASH, named } from './people.ts';

const password = { encoded: HASH, format: 'bcrypt' };
let zitadel: Zitadel;
let connection: TargetConnection;
let ourIdp: string;

beforeEach(async () => {
  zitadel = await openZitadel();
  ourIdp = addIdp(zitadel, 'footbridge');
  addIdp(zitadel, '2');
  connection = connectionTo(zitadel, async () => ourIdp);
});
afterEach(async () => {
  expect(zitadel.violations).toEqual([]);
  await connection.close();
  await zitadel.close();
});

const people = (count: number, more: Parameters<typeof named>[1] = {}) =>
  Array.from({ length: count }, (_none, n) => named(`user${n}`, { password, ...more }));
const calls = (rpc: string) => zitadel.requests.filter((seen) => seen.rpc?.endsWith(`/${rpc}`));
const kinds = (outcomes: readonly { readonly kind: string }[]) => outcomes.map(({ kind }) => kind);

describe('the import of many', () => {
  test('takes one call for many users, links, metadata and grants included', async () => {
    const metadata = { legacy_id: '7' };
    const grants = [{ project: 'p1', roles: ['reader'] }];
    const outcomes = await connection.importUsers(people(30, { metadata, grants }), { bulk: true });
    expect(outcomes).toHaveLength(30);
    for (const [n, outcome] of outcomes.entries()) {
      expect(outcome).toEqual({
        kind: 'created',
        targetUserId: `fb-user${n}`,
        stored: ['profile', 'password', 'links', 'metadata', 'grants'],
        missing: [],
      });
    }
    // The first one showed that ZITADEL takes bcrypt.
    expect(calls('AddHumanUser')).toHaveLength(1);
    expect(calls('ImportData')).toHaveLength(1);
    expect(await zitadel.opens('fb-user29', 'correct horse')).toBe(true);
    expect(await connection.userById('fb-user29')).toMatchObject({
      state: 'active',
      links: [{ idpId: ourIdp, userId: 'sub-user29' }],
      metadata,
    });
    expect(zitadel.instance.grants.size).toBe(30);
  });

  test('goes organization by organization, fifty at a time', async () => {
    const organization = zitadel.addOrganization('Acme', 'acme.example');
    const here = people(1 + 60);
    const there = here.map((user) => named(`${user.username}-acme`, { organization, password }));
    const outcomes = await connection.importUsers([...here, ...there], { bulk: true });
    expect(new Set(kinds(outcomes))).toEqual(new Set(['created']));
    // 60 here and 61 there.
    expect(calls('ImportData')).toHaveLength(4);
    expect(zitadel.instance.users.get('fb-user7-acme')?.organization).toBe(organization);
  });

  test('says of each who was not taken why: there already, in somebody’s way, refused', async () => {
    await connection.importUsers([named('user3', { password })]);
    await connection.importUsers([named('user4', { targetUserId: 'theirs', sub: 'theirs' })]);
    const users = people(7);
    const outcomes = await connection.importUsers([...users, named('x', { password, givenName: '' })], {
      bulk: true,
    });
    expect(kinds(outcomes)).toEqual([
      'created',
      'created',
      'created',
      'exists',
      'conflict',
      'created',
      'created',
      'refused',
    ]);
    expect(outcomes[4]).toMatchObject({ found: { targetUserId: 'theirs' } });
  });

  test('is not for those whom it would treat worse: a mail, a message, a second factor later', async () => {
    const unverified = { email: { address: 'u@example.com', isVerified: false } };
    const alone = [
      named('unverified', { password, ...unverified }),
      named('texted', { password, phone: { number: '+41446681800', isVerified: false } }),
      { ...everything, password },
    ];
    expect(kinds(await connection.importUsers([...people(3), ...alone], { bulk: true }))).toEqual(
      Array(6).fill('created'),
    );
    const [imported] = calls('ImportData');
    expect(JSON.stringify(imported?.body)).not.toMatch(/unverified|texted|fb-all/);
    expect(zitadel.instance.users.get('fb-unverified')?.state).toBe('USER_STATE_ACTIVE');
  });

  test('gets no hash of a kind that ZITADEL refuses when it looks', async () => {
    const strange = { encoded: '$strange$1$2', format: 'strange' };
    const users = [
      ...people(3),
      ...Array.from({ length: 3 }, (_none, n) => named(`odd${n}`, { password: strange })),
    ];
    expect(kinds(await connection.importUsers(users, { bulk: true }))).toEqual([
      ...Array(3).fill('created'),
      ...Array(3).fill('refused'),
    ]);
    expect(JSON.stringify(calls('ImportData').map(({ body }) => body))).not.toContain('strange');
  });

  test('that breaks leaves nobody made twice', async () => {
    zitadel.failNext('AdminService/ImportData', 'drop-after');
    const first = await connection.importUsers(people(5), { bulk: true });
    expect(kinds(first)).toEqual(['created', ...Array(4).fill('unavailable')]);
    const again = await connection.importUsers(people(5), { bulk: true });
    expect(kinds(again)).toEqual(Array(5).fill('exists'));
    expect(zitadel.instance.users.size).toBe(5);
  });

  test('that we may not use is done one by one', async () => {
    await connection.close();
    const { token } = zitadel.oauth.addServiceUser({ roles: ['ORG_OWNER'] });
    connection = connectionTo(zitadel, async () => ourIdp, { token });
    expect(kinds(await connection.importUsers(people(4), { bulk: true }))).toEqual(Array(4).fill('created'));
    expect(calls('ImportData')).toMatchObject([{ status: 403 }]);
  });
});
