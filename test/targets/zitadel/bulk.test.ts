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

  test('is one call for fifty, whatever organizations they belong to', async () => {
    const organization = zitadel.addOrganization('Acme', 'acme.example');
    const here = people(1 + 60);
    const there = here.map((user) => named(`${user.username}-acme`, { organization, password }));
    const outcomes = await connection.importUsers([...here, ...there], { bulk: true });
    expect(new Set(kinds(outcomes))).toEqual(new Set(['created']));
    // One of them all showed that ZITADEL takes bcrypt.
    expect(calls('ImportData')).toHaveLength(Math.ceil((60 + 61) / 50));
    expect(zitadel.instance.users.get('fb-user7-acme')?.organization).toBe(organization);
    expect(zitadel.instance.users.get('fb-user7')?.organization).toBe(zitadel.organization);
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

  test('takes nothing but one call for a chunk, once ZITADEL is known', async () => {
    await connection.importUsers(people(2), { bulk: true });
    const before = zitadel.requests.length;
    const more = Array.from({ length: 50 }, (_none, n) => named(`more${n}`, { password }));
    expect(kinds(await connection.importUsers(more, { bulk: true }))).toEqual(Array(50).fill('created'));
    expect(zitadel.requests.slice(before).map(({ rpc }) => rpc)).toEqual(['AdminService/ImportData']);
  });

  test('sends those of an organization that is not there alone, and the others together', async () => {
    const users = people(6);
    users[3] = named('lost', { password, organization: 'nowhere' });
    const outcomes = await connection.importUsers(users, { bulk: true });
    expect(kinds(outcomes)).toEqual(['created', 'created', 'created', 'refused', 'created', 'created']);
    expect(calls('ImportData')).toHaveLength(1);
  });

  test('says of whoever comes twice that they are there', async () => {
    const users = people(5);
    const outcomes = await connection.importUsers([...users, users[3]!, users[0]!], { bulk: true });
    expect(kinds(outcomes).sort()).toEqual([...Array(5).fill('created'), ...Array(2).fill('exists')]);
    expect(zitadel.instance.users.size).toBe(5);
  });

  test('that ZITADEL refuses as a whole, for one in it, is sent in halves', async () => {
    await connection.importUsers(people(2), { bulk: true });
    // Not even read, as with a field that breaks a rule of the messages.
    zitadel.failNext('AdminService/ImportData', 400, 2);
    const users = Array.from({ length: 40 }, (_none, n) => named(`half${n}`, { password }));
    expect(kinds(await connection.importUsers(users, { bulk: true }))).toEqual(Array(40).fill('created'));
    expect(calls('ImportData').map(({ status }) => status)).toEqual([200, 400, 400, 200, 200, 200]);
    expect(calls('AddHumanUser')).toHaveLength(1);
  });

  test('that is too much for ZITADEL at the moment says so, and asks no more', async () => {
    await connection.importUsers(people(2), { bulk: true });
    zitadel.limit = { left: 0, retryAfterSeconds: 120 };
    const before = zitadel.requests.length;
    const outcomes = await connection.importUsers(people(30), { bulk: true });
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome)))).toEqual(
      new Set([
        JSON.stringify({
          kind: 'unavailable',
          code: 'QUOTA-vjAy8',
          retryAfterSeconds: 120,
          isThrottled: true,
        }),
      ]),
    );
    expect(zitadel.requests.length - before).toBe(1);
    const later = await connection.importUsers([named('later')]);
    expect(later).toMatchObject([{ kind: 'unavailable', isThrottled: true }]);
  });

  test('that is down is no throttling', async () => {
    zitadel.failNext('UserService/AddHumanUser', 503);
    const outcomes = await connection.importUsers(people(20), { bulk: true });
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ kind: 'unavailable', code: 'HTTP-503' });
      expect(outcome).not.toHaveProperty('isThrottled');
    }
    // Nobody is sent after the one who was to show that ZITADEL takes the hash.
    expect(calls('AddHumanUser')).toHaveLength(1);
    expect(calls('ImportData')).toEqual([]);
  });
});

describe('a preview', () => {
  test('shows what is sent then, and sends nothing', async () => {
    const grants = [{ project: 'p1', roles: ['reader'] }];
    const users = [...people(20, { metadata: { legacy_id: '7' } }), named('odd', { givenName: '' })];
    users[5] = { ...users[5]!, grants };
    expect(await connection.preview!(users)).toMatchObject([
      { path: '/v2/users/human' },
      { path: '/admin/v1/import' },
    ]);
    expect(zitadel.requests).toEqual([]);
    // Now the organization of the token is known, and that bcrypt is taken.
    await connection.importUsers([named('first', { password })], { bulk: true });
    const shown = await connection.preview!(users);
    const before = zitadel.requests.length;
    await connection.importUsers(users, { bulk: true });
    const sent = zitadel.requests.slice(before).map(({ verb, path, body }) => ({ method: verb, path, body }));
    expect(shown).toEqual(sent);
  });

  test('shows those who are sent alone, with their roles', async () => {
    const shown = await connection.preview!([everything]);
    expect(shown.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /v2/users/human',
      'POST /management/v1/users/fb-all/grants',
    ]);
  });
});
