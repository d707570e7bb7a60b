/** Many people at cidaas who are changed at once, and nobody else. */
import { describe, expect, test } from 'vitest';
import type { ProfileField, TargetUser, UpdateOutcome } from '../../../src/targets/connection.ts';
import type { Stage, StageOptions } from './stage.ts';
import { BCRYPT, PASSWORD, people, person, stage } from './stage.ts';

interface Crowd extends Stage {
  readonly crowd: readonly TargetUser[];
  readonly subOf: (user: TargetUser) => string;
  /** Gives each of these people what `more` says, in one call of ours. */
  readonly change: (
    some: readonly TargetUser[],
    more: Partial<TargetUser>,
    fields?: readonly ProfileField[],
  ) => Promise<readonly UpdateOutcome[]>;
}

async function withCrowd(count: number, options: StageOptions = {}): Promise<Crowd> {
  const { standIn, connection } = await stage(options);
  const crowd = people(count, { password: BCRYPT });
  await connection.importUsers(crowd, { bulk: true });
  const subs = new Map(
    standIn.tenant.all().map(({ sub, customFields }) => [customFields.footbridge_id, sub]),
  );
  const subOf = ({ targetUserId }: TargetUser) => subs.get(targetUserId)!;
  standIn.batches.splice(0);
  standIn.calls.splice(0);
  const change: Crowd['change'] = (some, more, fields = ['givenName']) =>
    connection.updateMany!(
      some.map((user) => ({ targetUserId: subOf(user), user: { ...user, ...more }, fields })),
    );
  return { standIn, connection, crowd, subOf, change };
}

const kinds = (outcomes: readonly UpdateOutcome[]) => outcomes.map(({ kind }) => kind);
const puts = ({ standIn }: Pick<Stage, 'standIn'>) =>
  standIn.calls.filter((call) => call.startsWith('PUT ')).length;
const all = (count: number, kind: UpdateOutcome['kind']) => Array(count).fill(kind);
const names = ({ standIn }: Pick<Stage, 'standIn'>) =>
  standIn.tenant.all().map(({ identities }) => identities.find((one) => one.provider === 'self')?.given_name);
const ANNE = { givenName: 'Anne' };

describe.each(['whole', 'changed'] as const)('with %s entities', (bulkUpdates) => {
  test('120 people go in calls of at most 50', async () => {
    const it = await withCrowd(120, { cidaas: { bulkUpdates } });
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(120, 'updated'));
    expect(it.standIn.batches).toEqual([50, 50, 20]);
    expect(puts(it)).toBe(0);
    expect(names(it)).toEqual(Array(120).fill('Anne'));
  });

  test('link, metadata, groups, number and password stay as they are', async () => {
    const phone = { number: '+41446681800', isVerified: true };
    const grants = [{ project: 'shop', roles: ['SELLER'] }];
    const it = await withCrowd(6, { cidaas: { bulkUpdates } });
    const [first] = it.crowd;
    const before = await it.connection.userById(it.subOf(first!));
    await it.connection.complete(before!, { ...first!, phone, grants });
    const then = await it.connection.userById(it.subOf(first!));
    await it.change(it.crowd, ANNE);
    expect(await it.connection.userById(it.subOf(first!))).toEqual({ ...then, givenName: 'Anne' });
    expect(await it.standIn.login('p0@example.com', PASSWORD)).toBe(true);
  });
});

test('whole entities lose nothing where an update empties what is not sent', async () => {
  const it = await withCrowd(6, { tenant: { isEmptying: true } });
  const [first] = it.crowd;
  const before = await it.connection.userById(it.subOf(first!));
  await it.change(it.crowd, ANNE);
  expect(await it.connection.userById(it.subOf(first!))).toEqual({ ...before, givenName: 'Anne' });
});

test('where many at once are off there is no such call', async () => {
  const { connection } = await stage({ cidaas: { bulkUpdates: 'off' } });
  expect(connection.updateMany).toBeUndefined();
});

describe('nothing is sent', () => {
  test('of whoever has it already', async () => {
    const it = await withCrowd(6);
    for (const _twice of [1, 2]) await it.change(it.crowd, ANNE);
    expect(it.standIn.batches).toEqual([6]);
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(6, 'updated'));
    expect(puts(it)).toBe(0);
  });

  test('of an address that is none, or of a name without end', async () => {
    const it = await withCrowd(6);
    const [first, second] = it.crowd as [TargetUser, TargetUser];
    const wrong = { email: { address: 'anna', isVerified: true } };
    expect(await it.change([first], wrong, ['email'])).toMatchObject([
      { kind: 'refused', code: 'invalid-email' },
    ]);
    expect(await it.change([second], { givenName: 'x'.repeat(201) })).toMatchObject([
      { kind: 'refused', code: 'name-too-long' },
    ]);
    expect([puts(it), it.standIn.batches]).toEqual([0, []]);
  });

  test('of nobody', async () => {
    const { connection, standIn } = await stage();
    expect(await connection.updateMany!([])).toEqual([]);
    expect(standIn.calls).toEqual([]);
  });
});

describe('one by one go', () => {
  test.each([
    ['a few', 4, ANNE, ['givenName']],
    ['addresses', 6, { email: { address: 'x@example.com', isVerified: true } }, ['email']],
    ['fields that are emptied', 6, { nickname: undefined }, ['nickname']],
  ] as const)('%s', async (_what, count, more, fields) => {
    const it = await withCrowd(count, { cidaas: { fields: ['given_name', 'nickname'] } });
    for (const { identities } of it.standIn.tenant.all()) identities[0]!.nickname = 'Annie';
    const outcomes = await Promise.all(
      it.crowd.map(async (user, at) => {
        const own = 'email' in more ? { email: { ...more.email, address: `x${at}@example.com` } } : more;
        return { targetUserId: it.subOf(user), user: { ...user, ...own } as TargetUser, fields };
      }),
    );
    expect(kinds(await it.connection.updateMany!(outcomes))).toEqual(all(count, 'updated'));
    expect([puts(it), it.standIn.batches]).toEqual([count, []]);
  });

  test('who is not of our making, or may not log in', async () => {
    const it = await withCrowd(6);
    const sub = await it.standIn.changes.register({ email: 'eve@example.com', given_name: 'Eve' });
    it.standIn.changes.deactivate(it.subOf(it.crowd[0]!));
    const eve = { targetUserId: sub, user: person('eve', ANNE), fields: ['givenName'] as const };
    const updates = it.crowd.map((user) => ({
      targetUserId: it.subOf(user),
      user: { ...user, ...ANNE },
      fields: ['givenName'] as const,
    }));
    expect(kinds(await it.connection.updateMany!([eve, ...updates]))).toEqual(all(7, 'updated'));
    expect([puts(it), it.standIn.batches]).toEqual([2, [5]]);
    expect(it.standIn.tenant.bySub(it.subOf(it.crowd[0]!))?.userStatus).toBe('DECLINED');
  });
});

describe('one who', () => {
  test('is gone is gone, and nobody is made in their place', async () => {
    const it = await withCrowd(8);
    it.standIn.changes.remove(it.subOf(it.crowd[3]!));
    const expected = all(8, 'updated').with(3, 'gone');
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(expected);
    expect(it.standIn.tenant.all()).toHaveLength(7);
  });

  test('is removed while we write is not made again', async () => {
    const it = await withCrowd(8);
    const sub = it.subOf(it.crowd[3]!);
    it.standIn.meanwhile('/users-srv/user/bulk', () => it.standIn.changes.remove(sub));
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(8, 'updated').with(3, 'gone'));
    expect(it.standIn.tenant.all()).toHaveLength(7);
    expect(it.standIn.tenant.byIdentifier('p3@example.com')).toBeUndefined();
  });

  test('is removed and registers again while we write is an alarm, and keeps their password', async () => {
    const it = await withCrowd(8);
    let fresh = '';
    it.standIn.meanwhile('/users-srv/user/bulk', async () => {
      it.standIn.changes.remove(it.subOf(it.crowd[3]!));
      fresh = await it.standIn.changes.register({ email: 'p3@example.com', given_name: 'Eve' }, 'theirs');
    });
    const outcomes = await it.change(it.crowd, ANNE);
    expect(outcomes[3]).toMatchObject({ kind: 'refused', code: 'another-user-updated' });
    expect(it.standIn.tenant.bySub(fresh)).toBeDefined();
    expect(await it.standIn.login('p3@example.com', 'theirs')).toBe(true);
  });

  test('cidaas does not take stops nobody else', async () => {
    const it = await withCrowd(50);
    it.standIn.poison.add('p17@example.com');
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(50, 'updated'));
    expect(it.standIn.batches[0]).toBe(50);
    // Each half of a half; the last few one by one.
    expect(it.standIn.batches.length).toBeLessThan(12);
    expect(names(it)).toEqual(Array(50).fill('Anne'));
  });

  test('has an address that cidaas has come to refuse is changed even so', async () => {
    const it = await withCrowd(6);
    const account = it.standIn.tenant.bySub(it.subOf(it.crowd[2]!))!;
    account.identities[0]!.email = 'p2@no-mx.example';
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(6, 'updated'));
    expect(puts(it)).toBe(1);
  });

  test('is to have somebody else’s address is refused, and the others are not', async () => {
    const it = await withCrowd(3);
    const [a, b, c] = it.crowd.map((user) => ({
      targetUserId: it.subOf(user),
      user,
      fields: ['email'] as const,
    }));
    const taken = { ...a!, user: { ...a!.user, email: { address: 'p2@example.com', isVerified: true } } };
    const free = { ...b!, user: { ...b!.user, email: { address: 'new@example.com', isVerified: true } } };
    expect(kinds(await it.connection.updateMany!([taken, free, c!]))).toEqual([
      'refused',
      'updated',
      'updated',
    ]);
    expect(it.standIn.tenant.byIdentifier('p2@example.com')?.sub).toBe(it.subOf(it.crowd[2]!));
  });

  test('is named twice is changed twice, in order', async () => {
    const it = await withCrowd(6);
    const [first] = it.crowd as [TargetUser];
    const update = (givenName: string) => ({
      targetUserId: it.subOf(first),
      user: { ...first, givenName },
      fields: ['givenName'] as const,
    });
    expect(kinds(await it.connection.updateMany!([update('One'), update('Two')]))).toEqual(all(2, 'updated'));
    expect(names(it)[0]).toBe('Two');
  });
});

describe('an outage', () => {
  test.each([
    ['of the import', '/users-srv/user/bulk', 503],
    ['of reading', '/user-srv/users/', 502],
    ['of the import’s scope', '/users-srv/user/bulk', 403],
    ['of the import’s path', '/users-srv/user/bulk', 404],
  ])('%s is an outage for all, and nobody is gone', async (_what, path, status) => {
    const it = await withCrowd(6);
    it.standIn.fail(status, 1, path);
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(6, 'unavailable'));
    it.standIn.fail(0, 0);
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(6, 'updated'));
  });

  test('after the import has begun is none the second time: what was done is seen', async () => {
    const it = await withCrowd(6);
    it.standIn.dropAfter();
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(6, 'unavailable'));
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(6, 'updated'));
    expect(it.standIn.batches).toEqual([6]);
  });

  test('of one who is read alone is theirs', async () => {
    const it = await withCrowd(8);
    it.standIn.fail(503, 1, `/user-srv/users/${it.subOf(it.crowd[5]!)}`);
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(8, 'updated').with(5, 'unavailable'));
  });

  test('that asks for a pause is told with its length', async () => {
    const it = await withCrowd(6);
    it.standIn.throttle(7, 1, '/users-srv/user/bulk');
    const [outcome] = await it.change(it.crowd, ANNE);
    expect(outcome).toEqual({
      kind: 'unavailable',
      code: 'http-429',
      retryAfterSeconds: 7,
      isThrottled: true,
    });
  });
});

describe('507 as a status', () => {
  test('is a refusal of what is in the call', async () => {
    const it = await withCrowd(6);
    it.standIn.fail(507, 1, '/users-srv/user/bulk');
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(all(6, 'updated'));
    expect(puts(it)).toBe(6);
  });

  test('is one for good where it is said of one', async () => {
    const it = await withCrowd(1);
    it.standIn.fail(507, 1, '/user-srv/users/');
    expect(kinds(await it.change(it.crowd, ANNE))).toEqual(['refused']);
  });
});
