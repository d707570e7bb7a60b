/** Both sides of a reconciliation, over a real legacy store and a real database: every difference, and no other. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../../src/migration/captured-passwords.ts';
import type { KeptDifference } from '../../../src/migration/reconcile/differences.ts';
import { differencesOf } from '../../../src/migration/reconcile/differences.ts';
import type { ReconcileOptions } from '../../../src/migration/reconcile/reconcile.ts';
import { reconcile } from '../../../src/migration/reconcile/reconcile.ts';
import type { World } from './world.ts';
import { HASHES, openWorld, ownIdOf, personOf, SEED, subOf, userOf } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => world.forget());

const verify = (more: Partial<ReconcileOptions> = {}, deps = world.deps) =>
  reconcile(deps, { actor: 'operator:test', ...more });

async function found(id: string): Promise<KeptDifference[]> {
  const all: KeptDifference[] = [];
  for await (const difference of differencesOf(world.db, id)) all.push(difference);
  return all;
}

async function differences(more: Partial<ReconcileOptions> = {}, deps = world.deps) {
  const report = await verify(more, deps);
  const all = await found(report.id);
  expect(all).toHaveLength(report.differences.total);
  return all.map(({ sub, kind, fields, repair }) => [sub, kind, fields.join(' '), repair]);
}

const PEOPLE = [1, 2, 3].map((id) => personOf(id));

/** Everybody has arrived, and was compared. */
async function equalSides() {
  world.writeLegacy(PEOPLE);
  world.writeTarget(PEOPLE.map((person) => userOf(person)));
  await world.writeLedger(PEOPLE.map(({ id }) => ({ id, state: 'migrated' })));
  expect((await verify()).differences.total).toBe(0);
}
const edit = (id: number) => world.memory.users.get(ownIdOf(id))!;

describe('two sides that are the same', () => {
  test('have no difference, a checksum that says so twice, and fields that were compared', async () => {
    world.writeLegacy(PEOPLE);
    world.writeTarget(PEOPLE.map((person) => userOf(person)));
    await world.writeLedger(PEOPLE.map(({ id }) => ({ id, state: 'migrated' })));
    const first = await verify();
    const second = await verify();
    expect(first.people).toMatchObject({ people: 3, equal: 3, differing: 0, targetUsers: 3, foreign: 0 });
    expect(first.differences.total).toBe(0);
    expect(first.checksum).not.toMatch(/^0+$/);
    expect(second.checksum).toBe(first.checksum);
    expect(first.fields.compared).toEqual([
      ...['username', 'givenName', 'familyName', 'nickname', 'email', 'state', 'password', 'totp'],
      ...['link', 'legacyId'],
    ]);
    // Nobody there has any: whether the target tells of them is not known, and is said.
    expect(first.fields.notCompared).toEqual(['displayName', 'locale', 'phone']);
  });

  test('are the same however they are cased, composed and padded', async () => {
    await equalSides();
    world.writeLegacy([
      personOf(1, { login: 'USER-1', email: 'User-1@EXAMPLE.com', given: ' Anna ' }),
      ...PEOPLE.slice(1),
    ]);
    expect(await differences()).toEqual([]);
  });

  test('have people who belong only to the one, and strangers of the other', async () => {
    world.writeLegacy([personOf(1), personOf(2, { disabled: 1 })]);
    const stranger = userOf(personOf(9), { id: 'stranger', links: [], metadata: {} });
    world.writeTarget([stranger]);
    const report = await verify();
    expect(report.differences.total).toBe(0);
    expect(report.people).toMatchObject({ people: 2, notMoved: 1, settled: 1, foreign: 1 });
  });

  test('may know no other name of somebody than their address', async () => {
    await equalSides();
    edit(1).username = edit(1).email!.address;
    expect(await differences()).toEqual([]);
    edit(1).username = 'somebody else';
    expect(await differences()).toEqual([['shop:1', 'changed-right', 'username', 'none']]);
  });

  test('of which one user is equal after a change of both is compared from there on', async () => {
    await equalSides();
    world.writeLegacy([personOf(1, { given: 'Berta' }), ...PEOPLE.slice(1)]);
    edit(1).givenName = 'Berta';
    expect(await differences()).toEqual([]);
    edit(1).givenName = 'Anna';
    expect(await differences()).toEqual([['shop:1', 'changed-right', 'givenName', 'none']]);
  });
});

describe('a field that differs', () => {
  beforeEach(equalSides);

  test('was changed in the legacy store, and is to be written over at the target', async () => {
    world.writeLegacy([personOf(1, { email: 'new@example.com', nick: null }), ...PEOPLE.slice(1)]);
    expect(await differences()).toEqual([['shop:1', 'changed-left', 'nickname email', 'update-target']]);
  });

  test('was changed at the target: a person decides', async () => {
    edit(2).email = { address: 'theirs@example.com', isVerified: true };
    edit(3).email = { ...edit(3).email!, isVerified: false };
    expect(await differences()).toEqual([
      ['shop:2', 'changed-right', 'email', 'none'],
      ['shop:3', 'changed-right', 'email', 'none'],
    ]);
  });

  test('was changed on both sides, or nobody knows by whom', async () => {
    world.writeLegacy([personOf(1, { given: 'Berta' }), ...PEOPLE.slice(1)]);
    edit(1).givenName = 'Clara';
    await world.sql(`delete from compared_users where sub = 'shop:2'`);
    edit(2).familyName = 'Other';
    expect(await differences()).toEqual([
      ['shop:1', 'conflict', 'givenName', 'none'],
      ['shop:2', 'conflict', 'familyName', 'none'],
    ]);
  });

  test('is left alone where the target leads, for all or for who was cut over', async () => {
    world.writeLegacy([personOf(1, { given: 'Berta' }), ...PEOPLE.slice(1)]);
    expect(await differences({ leads: 'target' })).toEqual([['shop:1', 'changed-left', 'givenName', 'none']]);
    await world.sql(`update ledger set state = 'cut-over' where sub = 'shop:1'`);
    expect(await differences()).toEqual([['shop:1', 'changed-left', 'givenName', 'none']]);
    expect(await differences({ leads: 'legacy' })).toEqual([
      ['shop:1', 'changed-left', 'givenName', 'update-target'],
    ]);
  });

  test('is no field that the target may make up: a language that nobody gave it', async () => {
    for (const id of [1, 2, 3]) edit(id).locale = 'en';
    expect(await differences()).toEqual([]);
  });

  test('is the state: disabled on one side, and on the other not', async () => {
    world.writeLegacy([personOf(1, { disabled: 1 }), ...PEOPLE.slice(1)]);
    edit(2).state = 'inactive';
    expect(await differences()).toEqual([
      ['shop:1', 'changed-left', 'state', 'deactivate-target'],
      ['shop:2', 'changed-right', 'state', 'none'],
    ]);
  });

  test('is the password: another one since, or none at the target', async () => {
    world.writeLegacy([personOf(1, { hash: HASHES[1] }), ...PEOPLE.slice(1)]);
    delete edit(2).password;
    expect(await differences()).toEqual([
      ['shop:1', 'changed-left', 'password', 'set-password'],
      ['shop:2', 'changed-left', 'password', 'set-password'],
    ]);
  });

  test('is the second factor: lacking there, or taken away since', async () => {
    world.writeLegacy([personOf(1, { totp: SEED }), personOf(2, { totp: SEED }), personOf(3)]);
    edit(2).totp = SEED;
    expect(await differences()).toEqual([['shop:1', 'changed-left', 'totp', 'import']]);
    delete edit(2).totp;
    edit(3).totp = SEED;
    const [, second, third] = await differences();
    expect(second).toEqual(['shop:2', 'changed-right', 'totp', 'none']);
    expect(third).toEqual(['shop:3', 'changed-right', 'totp', 'none']);
  });

  test('is our link, or our metadata: ours whoever leads', async () => {
    edit(1).links = [];
    edit(2).metadata = {};
    edit(3).metadata = { legacy_id: '17' };
    expect(await differences({ leads: 'target' })).toEqual([
      ['shop:1', 'changed-right', 'link', 'relink'],
      ['shop:2', 'changed-right', 'legacyId', 'relink'],
      ['shop:3', 'changed-right', 'legacyId', 'none'],
    ]);
  });
});

describe('the password that was pushed', () => {
  test('tells of a change before anybody was ever compared', async () => {
    const [first, second] = [personOf(1), personOf(2)];
    world.writeLegacy([first, second]);
    world.writeTarget([userOf(first), userOf(second)]);
    const stored = [{ format: 'auto', columns: { hash: HASHES[0] } }];
    const releasedOf = (id: number) =>
      fingerprintOf(world.keyring, { target: 'main', sub: subOf(id) }, stored);
    await world.writeLedger([
      { id: 1, state: 'migrated', releasedOf: releasedOf(1) },
      { id: 2, state: 'migrated', releasedOf: 'ab'.repeat(32) },
    ]);
    expect(await differences()).toEqual([['shop:2', 'changed-left', 'password', 'set-password']]);
  });

  test('is theirs, where the target had the user before us', async () => {
    world.writeLegacy([personOf(1)]);
    world.writeTarget([userOf(personOf(1), { password: 'their own' })]);
    await world.writeLedger([{ id: 1, state: 'migrated', made: false, releasedOf: 'ab'.repeat(32) }]);
    expect(await differences()).toEqual([]);
  });
});

describe('somebody who is there or not', () => {
  test('is missing where the ledger, or the batch, says that they are there', async () => {
    const [disabled, ...rest] = [personOf(3, { disabled: 1 }), ...[1, 2, 4, 5, 6].map((id) => personOf(id))];
    world.writeLegacy([disabled, ...rest]);
    world.writeTarget([]);
    await world.writeLedger([
      { id: 1, state: 'migrated' },
      { id: 3, state: 'migrated' },
      { id: 4, state: 'excluded' },
      { id: 5, state: 'failed' },
      { id: 6, state: 'queued' },
    ]);
    expect(await differences()).toEqual([
      ['shop:1', 'missing', '', 'import'],
      ['shop:5', 'missing', '', 'import'],
    ]);
    world.batches.b1 = [2, 3, 4].map(subOf);
    expect(await differences({ batch: 'b1' })).toEqual([['shop:2', 'missing', '', 'import']]);
  });

  test('is extra where the legacy store has nobody, whether the ledger knows them or not', async () => {
    world.writeLegacy([]);
    world.writeTarget([
      userOf(personOf(1)),
      userOf(personOf(2), { id: 'linked' }),
      userOf(personOf(3), { id: 'named', links: [] }),
      userOf(personOf(4), { state: 'inactive' }),
      userOf(personOf(5)),
    ]);
    await world.writeLedger([
      { id: 1, state: 'migrated' },
      { id: 4, state: 'migrated' },
      { id: 5, state: 'retired' },
    ]);
    expect(await differences()).toEqual([
      ['named', 'extra', '', 'deactivate-target'],
      ['shop:1', 'extra', '', 'deactivate-target'],
      ['shop:2', 'extra', '', 'deactivate-target'],
    ]);
  });

  test('is resurrected where they were removed, by the ledger’s word', async () => {
    world.writeLegacy([personOf(2)]);
    world.writeTarget([
      userOf(personOf(1)),
      userOf(personOf(2)),
      userOf(personOf(3)),
      userOf(personOf(4), { id: 'before us', links: [], metadata: {} }),
    ]);
    await world.writeLedger([
      { id: 1, state: 'deleted' },
      { id: 2, state: 'deleted' },
      { id: 3, state: 'legacy', removals: 1 },
      { id: 4, state: 'deleted', made: false, targetUserId: 'before us' },
    ]);
    expect(await differences()).toEqual([
      ['shop:1', 'resurrected', '', 'remove-target'],
      ['shop:2', 'resurrected', '', 'remove-target'],
      ['shop:3', 'resurrected', '', 'remove-target'],
    ]);
  });

  test('is unrecorded where the ledger says otherwise', async () => {
    world.writeLegacy([1, 2, 3, 4, 5, 6].map((id) => personOf(id, id === 3 ? { disabled: 1 } : {})));
    world.writeTarget([
      userOf(personOf(1)),
      userOf(personOf(2), { id: 'another' }),
      userOf(personOf(3)),
      userOf(personOf(4)),
      userOf(personOf(5), { id: 'theirs', links: [] }),
      userOf(personOf(6), { links: [], metadata: {} }),
    ]);
    await world.writeLedger([
      { id: 1, state: 'authenticated' },
      { id: 2, state: 'migrated' },
      { id: 4, state: 'excluded' },
    ]);
    expect(await differences()).toEqual([
      ['shop:1', 'unrecorded', '', 'record'],
      ['shop:2', 'unrecorded', '', 'none'],
      ['shop:3', 'unrecorded', '', 'deactivate-target'],
      ['shop:4', 'unrecorded', '', 'none'],
      ['shop:5', 'unrecorded', '', 'none'],
      ['shop:6', 'unrecorded', '', 'record'],
    ]);
  });

  test('is doubled where two users have one link, or ours is beside the recorded one', async () => {
    world.writeLegacy([personOf(1), personOf(2)]);
    world.writeTarget([
      userOf(personOf(1)),
      userOf(personOf(1), { id: 'second', username: 'second' }),
      userOf(personOf(2), { id: 'recorded' }),
      userOf(personOf(2), { links: [], username: 'left behind' }),
    ]);
    await world.writeLedger([
      { id: 1, state: 'migrated' },
      { id: 2, state: 'migrated', targetUserId: 'recorded' },
    ]);
    expect(await differences()).toEqual([
      ['shop:1', 'doubled', '', 'none'],
      ['shop:2', 'doubled', '', 'none'],
    ]);
  });

  test('is unreadable where the legacy record cannot be mapped, and then neither missing nor extra', async () => {
    world.writeLegacy([personOf(1, { disabled: 'perhaps' as never })]);
    world.writeTarget([userOf(personOf(1))]);
    await world.writeLedger([{ id: 1, state: 'migrated' }]);
    const report = await verify();
    expect(report.people).toMatchObject({ people: 1, unreadable: 1 });
    expect(report.examples.unreadable).toEqual(['shop:1']);
    expect(report.differences.total).toBe(0);
  });
});

describe('a target that does not list its users', () => {
  const unlisted = () => {
    const { users: _, ...connection } = world.memory.connection;
    return { ...world.deps, connection };
  };

  test('is asked for whom the ledger knows, and says so', async () => {
    const people = [personOf(1), personOf(2), personOf(3)];
    world.writeLegacy(people);
    world.writeTarget([userOf(people[0]!, { givenName: 'Other' }), userOf(people[2]!)]);
    await world.writeLedger([
      { id: 1, state: 'migrated' },
      { id: 2, state: 'migrated' },
    ]);
    const report = await verify({}, unlisted());
    expect(report.coverage).toBe('ledger');
    expect(await differences({}, unlisted())).toEqual([
      ['shop:1', 'conflict', 'givenName', 'none'],
      ['shop:2', 'missing', '', 'import'],
    ]);
  });

  test('of a batch is asked for each of its people', async () => {
    const people = [personOf(1), personOf(2)];
    world.writeLegacy([people[0]!]);
    world.writeTarget([userOf(people[0]!), userOf(people[1]!)]);
    await world.writeLedger([{ id: 1, state: 'migrated' }]);
    world.batches.small = [subOf(1), subOf(2)];
    const report = await verify({ batch: 'small' }, unlisted());
    expect(report).toMatchObject({ coverage: 'members', people: { people: 2, equal: 1 } });
    expect(await differences({ batch: 'small' })).toEqual([['shop:2', 'extra', '', 'deactivate-target']]);
  });
});

describe('whoever moves while it runs', () => {
  test('is looked up once more, and is no difference', async () => {
    world.writeLegacy([personOf(1), personOf(2)]);
    world.writeTarget([]);
    const arriving = {
      ...world.deps,
      directory: {
        ...world.directory,
        async *entries(after?: string) {
          // After the target was read, and before the legacy store is.
          world.writeTarget([userOf(personOf(1))]);
          await world.writeLedger([
            { id: 1, state: 'migrated' },
            { id: 2, state: 'migrated' },
          ]);
          await world.sql('update ledger set state_changed_at = clock_timestamp()');
          yield* world.directory.entries!(after);
        },
      },
    };
    expect(await differences({}, arriving)).toEqual([['shop:2', 'missing', '', 'import']]);
  });
});

describe('what is kept', () => {
  test('has nobody’s name, address or hash, in any of its rows', async () => {
    await equalSides();
    world.writeLegacy([personOf(1, { given: 'Berta', hash: HASHES[1] }), ...PEOPLE.slice(1)]);
    edit(2).email = { address: 'theirs@example.com', isVerified: true };
    const stopped = { ...world.deps, auditHead: () => Promise.reject(new Error('stopped before the end')) };
    await expect(verify({}, stopped)).rejects.toThrow('stopped before the end');
    const [rows] = await world.sql(`select (select count(*) from reconciled_users)::int as there,
      (select json_agg(c) from compared_users c)::text || (select json_agg(r) from reconciled_users r)::text ||
      (select json_agg(d) from differences d)::text || (select json_agg(r) from reconciliations r)::text as all`);
    expect(rows!.there).toBe(4);
    for (const secret of ['Anna', 'Berta', 'example.com', 'user-1', 'nick-1', '$2b$'])
      expect(rows!.all).not.toContain(secret);
    expect((await verify()).differences.total).toBe(3);
    expect(await world.sql('select from reconciled_users')).toEqual([]);
  });

  test('is at most the ten last of a target', async () => {
    world.writeLegacy([]);
    world.writeTarget([]);
    for (let run = 0; run < 12; run += 1) await verify({ restart: true });
    expect(await world.sql('select from reconciliations')).toHaveLength(10);
  });
});
