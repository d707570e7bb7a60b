/** The lines of a plan: each checked again, done once, written down, and never more than it says. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { find } from '../../../src/migration/ledger.ts';
import type { ReconcileDeps } from '../../../src/migration/reconcile/deps.ts';
import { comparingWith } from '../../../src/migration/reconcile/deps.ts';
import { differencesOfPerson } from '../../../src/migration/reconcile/differences.ts';
import type { PlanLine } from '../../../src/migration/reconcile/plan.ts';
import { parseLine, planOf } from '../../../src/migration/reconcile/plan.ts';
import { reconcile } from '../../../src/migration/reconcile/reconcile.ts';
import { doneRun } from '../../../src/migration/reconcile/reconciliations.ts';
import { repairLine } from '../../../src/migration/reconcile/repair.ts';
import type { LegacyPerson, World } from './world.ts';
import { HASHES, openWorld, ownIdOf, personOf, SEED, subOf, userOf } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => world.forget());

/** Who was shut out at the target. */
let shutOut: string[] = [];
beforeEach(() => {
  shutOut = [];
});

async function planned(options: { readonly showValues?: boolean; readonly batch?: string } = {}) {
  const { batch, showValues = false } = options;
  const { id } = await reconcile(world.deps, { actor: 'operator:test', batch });
  const comparing = await comparingWith(world.deps, { leads: undefined, batch });
  const lines: PlanLine[] = [];
  for await (const line of planOf(comparing, id, { showValues }))
    lines.push(parseLine(JSON.stringify(line))!);
  return lines;
}

async function repair(
  line: PlanLine,
  { execute = true, deps = world.deps as ReconcileDeps, mover = world.mover } = {},
) {
  const run = await doneRun(world.db, line.reconciliation);
  const comparing = await comparingWith(deps, { leads: undefined, batch: run.report.batch ?? undefined });
  const { passwords, audit } = world;
  const onShutOut = async (sub: string) => void shutOut.push(sub);
  const repairing = { comparing, mover, passwords, pseudonym: audit.pseudonym, onShutOut };
  const outcome = await repairLine({ ...repairing, actor: 'operator:test' }, run, { line, execute });
  return { result: outcome.result, reason: outcome.reason };
}

/** Everybody has arrived, and was compared; then this happens to the legacy store. */
async function changedLeft(before: LegacyPerson, after: LegacyPerson): Promise<PlanLine[]> {
  world.writeLegacy([before]);
  world.writeTarget([userOf(before)]);
  await world.writeLedger([{ id: before.id, state: 'migrated' }]);
  await planned();
  world.writeLegacy([after]);
  return planned();
}
const there = (id: number) => world.memory.users.get(ownIdOf(id))!;
const REPAIRED = { result: 'repaired', reason: undefined };

describe('a line', () => {
  const fresh = () => changedLeft(personOf(1), personOf(1, { email: 'new@example.com', given: 'Berta' }));

  test('mends what it says, once; said again it finds nothing to mend', async () => {
    const [line] = await fresh();
    expect(line).toMatchObject({ kind: 'changed-left', fields: ['givenName', 'email'] });
    expect(await repair(line!)).toEqual(REPAIRED);
    expect(there(1)).toMatchObject({ givenName: 'Berta', email: { address: 'new@example.com' } });
    const { writes } = world.memory.calls;
    expect(await repair(line!)).toEqual({ result: 'skipped', reason: 'already_equal' });
    expect(world.memory.calls.writes).toBe(writes);
    expect(await planned()).toEqual([]);
  });

  test('without --execute asks nobody at either side', async () => {
    const [line] = await fresh();
    const before = { ...world.memory.calls };
    expect(await repair(line!, { execute: false })).toEqual({ result: 'planned', reason: undefined });
    expect(world.memory.calls).toEqual(before);
    expect(there(1).givenName).toBe('Anna');
  });

  test('of which fields were taken mends the others only', async () => {
    const [line] = await fresh();
    expect(await repair({ ...line!, fields: ['email'] })).toEqual(REPAIRED);
    expect(there(1)).toMatchObject({ givenName: 'Anna', email: { address: 'new@example.com' } });
    expect(await planned()).toMatchObject([{ kind: 'changed-left', fields: ['givenName'] }]);
  });

  test('is skipped where either side has changed since', async () => {
    const [line] = await fresh();
    there(1).email = { address: 'theirs@example.com', isVerified: true };
    const { writes } = world.memory.calls;
    expect(await repair(line!)).toEqual({ result: 'skipped', reason: 'changed_meanwhile' });
    world.writeLegacy([personOf(1, { email: 'newest@example.com', given: 'Berta' })]);
    expect(await repair({ ...line!, fields: ['email'] })).toMatchObject({ reason: 'changed_meanwhile' });
    expect(world.memory.calls.writes).toBe(writes);
    expect(await repair({ ...line!, fields: ['givenName'] })).toEqual(REPAIRED);
  });

  test('about an address that is the name as well renames, too', async () => {
    const named = (address: string) => personOf(1, { login: address, email: address });
    const [line] = await changedLeft(named('old@example.com'), named('new@example.com'));
    expect(line).toMatchObject({ fields: ['email'] });
    expect(await repair(line!)).toEqual(REPAIRED);
    expect(there(1)).toMatchObject({ username: 'new@example.com', email: { address: 'new@example.com' } });
    expect(await planned()).toEqual([]);
  });

  test('that nobody found, or that asks for what mends nothing, is refused', async () => {
    const [line] = await fresh();
    const refused = async (more: Partial<PlanLine>) => (await repair({ ...line!, ...more })).reason;
    expect(await refused({ sub: 'shop:2' })).toBe('unknown_difference');
    expect(await refused({ fields: ['phone'] })).toBe('unknown_difference');
    expect(await refused({ kind: 'extra', fields: [] })).toBe('unknown_difference');
    expect(await refused({ repair: 'remove-target' })).toBe('not_allowed');
    expect(await refused({ repair: 'set-password' })).toBe('not_allowed');
    expect(await refused({ repair: 'none' })).toBe('nothing_to_do');
    await expect(repair({ ...line!, reconciliation: 'another' })).rejects.toMatchObject({
      code: 'batch_state',
    });
    expect(there(1)).toMatchObject({ givenName: 'Anna', state: 'active' });
  });

  test('that a person decided overrules the target', async () => {
    await fresh();
    there(1).givenName = 'Clara';
    const [conflict] = (await planned()).filter(({ kind }) => kind === 'conflict');
    expect(conflict).toMatchObject({ fields: ['givenName'], repair: 'none' });
    expect(await repair({ ...conflict!, repair: 'update-target' })).toEqual(REPAIRED);
    expect(there(1).givenName).toBe('Berta');
  });

  test('leaves an audit record and its outcome, whatever came of it', async () => {
    const [line] = await fresh();
    await repair(line!);
    const { audit, db } = world;
    const [record] = await audit.records({
      action: 'reconciliation.repair',
      newestFirst: true,
      sub: 'shop:1',
    });
    expect(record).toMatchObject({
      actor: 'operator:test',
      detail: { target: 'main', kind: 'changed-left', repair: 'update-target', result: 'repaired' },
    });
    const refusing = {
      ...world.deps,
      connection: {
        ...world.memory.connection,
        update: () => Promise.reject(new FootbridgeError('target_refused', { detail: 'locked' })),
      },
    };
    world.writeLegacy([personOf(1, { given: 'Dora' })]);
    const [again] = (await planned()).filter(({ fields }) => fields.includes('givenName'));
    expect(await repair(again!, { deps: refusing })).toEqual({ result: 'failed', reason: 'target_refused' });
    const [kept] = await differencesOfPerson(db, again!.reconciliation, again!);
    expect(kept).toMatchObject({ repairedAt: null, problem: { code: 'target_refused' } });
    expect(await repair(again!)).toEqual(REPAIRED);
    const [mended] = await differencesOfPerson(db, again!.reconciliation, again!);
    expect(mended).toMatchObject({ repairedAt: expect.any(Date), problem: null });
  });

  test('of a store or a database that does not answer is nobody’s outcome', async () => {
    const [line] = await fresh();
    const down = {
      ...world.deps,
      directory: {
        ...world.directory,
        findBySub: () => Promise.reject(new FootbridgeError('legacy_unavailable')),
      },
    };
    await expect(repair(line!, { deps: down })).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });
});

describe('the values of a plan', () => {
  test('are marks that open nothing, unless they are asked for', async () => {
    const after = personOf(1, { email: 'new@example.com', hash: HASHES[1] });
    const lines = await changedLeft(personOf(1), after);
    expect(lines).toHaveLength(2);
    expect(JSON.stringify(lines)).not.toMatch(/example\.com|\$2b/);
    expect(lines[0]!.left.email).toMatch(/^#[0-9a-f]{8}$/);
    expect(lines[0]!.left.email).not.toBe(lines[0]!.right.email);
    const [email, password] = await planned({ showValues: true });
    expect(email).toMatchObject({
      left: { email: 'new@example.com verified' },
      right: { email: 'user-1@example.com verified' },
    });
    expect(password!.left.password).toMatch(/^#/);
  });
});

describe('a password', () => {
  test('is replaced, and its release is recorded before', async () => {
    const [line] = await changedLeft(personOf(1), personOf(1, { hash: HASHES[1] }));
    expect(line).toMatchObject({ repair: 'set-password', fields: ['password'] });
    expect(await repair(line!)).toEqual(REPAIRED);
    expect(there(1).password).toBe(HASHES[1]);
    const [record] = await world.audit.records({
      sub: subOf(1),
      action: 'secrets.released',
      newestFirst: true,
    });
    expect(record).toMatchObject({ actor: 'operator:test', detail: { road: 'operator' } });
    expect(await planned()).toEqual([]);
  });

  test('that the target did not take is still another one the next time', async () => {
    const [line] = await changedLeft(personOf(1), personOf(1, { hash: HASHES[1] }));
    const setPassword = () => Promise.reject(new FootbridgeError('target_unavailable'));
    const down = { ...world.deps, connection: { ...world.memory.connection, setPassword } };
    expect(await repair(line!, { deps: down })).toEqual({ result: 'failed', reason: 'target_unavailable' });
    const [again] = await planned();
    expect(again).toMatchObject({ kind: 'changed-left', fields: ['password'] });
    expect(await repair(again!)).toEqual(REPAIRED);
    expect(await planned()).toEqual([]);
  });

  test('waits for the second factor, without which it would open the door alone', async () => {
    const after = personOf(1, { hash: HASHES[1], totp: SEED });
    const lines = await changedLeft(personOf(1), after);
    const [factor, password] = lines;
    expect(lines.map((line) => line.repair)).toEqual(['import', 'set-password']);
    expect(await repair(password!)).toEqual({ result: 'failed', reason: 'second_factor_missing' });
    expect(there(1).password).toBe(HASHES[0]);
    expect(await repair(factor!)).toEqual(REPAIRED);
    expect(await repair(password!)).toEqual(REPAIRED);
    expect(there(1)).toMatchObject({ totp: SEED, password: HASHES[1] });
    expect(await planned()).toEqual([]);
  });

  test('that cannot be written for the target fails, and stays a difference', async () => {
    const [line] = await changedLeft(personOf(1), personOf(1, { hash: '$no$such$hash' }));
    expect(line).toMatchObject({ repair: 'set-password' });
    expect(await repair(line!)).toEqual({ result: 'failed', reason: 'password_not_portable' });
    expect(there(1).password).toBe(HASHES[0]);
    expect(await planned()).toMatchObject([{ fields: ['password'] }]);
  });
});

describe('somebody', () => {
  test('who is missing is made anew under another id, and the ledger says so', async () => {
    world.writeLegacy([personOf(1)]);
    world.writeTarget([]);
    await world.writeLedger([{ id: 1, state: 'migrated' }]);
    const [line] = await planned();
    expect(await repair(line!)).toEqual(REPAIRED);
    expect([...world.memory.users.keys()]).toEqual([ownIdOf(1, 1)]);
    expect(await find(world.db, 'main', subOf(1))).toMatchObject({
      state: 'migrated',
      removals: 1,
      targetUserId: ownIdOf(1, 1),
    });
    expect(await planned()).toEqual([]);
    expect(await repair(line!)).toEqual({ result: 'skipped', reason: 'already_equal' });
  });

  test('who is missing is not lost by whatever dies in between: the move is asked for with the way back', async () => {
    world.writeLegacy([personOf(1)]);
    world.writeTarget([]);
    await world.writeLedger([{ id: 1, state: 'migrated' }]);
    const [line] = await planned();
    const dying = { ...world.mover, move: () => Promise.reject(new FootbridgeError('storage_unavailable')) };
    await expect(repair(line!, { mover: dying })).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(world.memory.users.size).toBe(0);
    expect(await world.mover.resume()).toBe(1);
    expect([...world.memory.users.keys()]).toEqual([ownIdOf(1, 1)]);
    expect(await planned()).toEqual([]);
  });

  test('who is missing of a batch, and was never moved, is moved', async () => {
    world.writeLegacy([personOf(1)]);
    world.writeTarget([]);
    world.batches.b1 = [subOf(1)];
    const [line] = await planned({ batch: 'b1' });
    expect(await repair(line!)).toEqual(REPAIRED);
    expect(await planned({ batch: 'b1' })).toEqual([]);
    expect(await find(world.db, 'main', subOf(1))).toMatchObject({ state: 'migrated' });
  });

  test('who is missing and whose name is taken there stays missing, with the reason', async () => {
    world.writeLegacy([personOf(1)]);
    world.writeTarget([userOf(personOf(1), { id: 'a stranger', links: [], metadata: {} })]);
    await world.writeLedger([{ id: 1, state: 'migrated' }]);
    const [line] = await planned();
    expect(await repair(line!)).toEqual({ result: 'failed', reason: 'target_conflict' });
    expect([...world.memory.users.keys()]).toEqual(['a stranger']);
    const [again] = await planned();
    expect(again).toMatchObject({ kind: 'missing', sub: subOf(1) });
    world.writeTarget([]);
    expect(await repair(again!)).toEqual(REPAIRED);
    expect(await planned()).toEqual([]);
  });

  test('who is there unrecorded is learnt of, and nobody is made a second time', async () => {
    world.writeLegacy([personOf(1)]);
    world.writeTarget([userOf(personOf(1), { id: 'made by the target' })]);
    const [line] = await planned();
    expect(line).toMatchObject({ kind: 'unrecorded', repair: 'record' });
    expect(await repair(line!)).toEqual(REPAIRED);
    expect([...world.memory.users.keys()]).toEqual(['made by the target']);
    expect(await find(world.db, 'main', subOf(1))).toMatchObject({
      state: 'migrated',
      targetUserId: 'made by the target',
    });
  });

  test('who is extra is shut out, and removed only where the line says so', async () => {
    world.writeLegacy([]);
    world.writeTarget([userOf(personOf(1)), userOf(personOf(2), { id: 'named', links: [] })]);
    await world.writeLedger([{ id: 1, state: 'migrated' }]);
    const [named, known] = await planned();
    expect([named!.sub, known!.sub]).toEqual(['named', 'shop:1']);
    expect(await repair(named!)).toEqual(REPAIRED);
    expect(world.memory.users.get('named')?.state).toBe('inactive');
    expect(await repair({ ...known!, repair: 'remove-target' })).toEqual(REPAIRED);
    expect(world.memory.users.has(ownIdOf(1))).toBe(false);
    expect(await find(world.db, 'main', subOf(1))).toMatchObject({ state: 'deleted' });
    expect(shutOut).toEqual(['named', 'shop:1']);
    expect(await planned()).toEqual([]);
  });

  test('whom the target had before us is unlinked, and never removed', async () => {
    world.writeLegacy([]);
    world.writeTarget([userOf(personOf(1), { id: 'before us' })]);
    await world.writeLedger([{ id: 1, state: 'migrated', targetUserId: 'before us', made: false }]);
    const [line] = await planned();
    expect(await repair({ ...line!, repair: 'remove-target' })).toEqual(REPAIRED);
    expect(world.memory.users.get('before us')).toMatchObject({ links: [], state: 'active' });
    expect(await planned()).toEqual([]);
  });

  test('who was removed and is there again is removed again', async () => {
    world.writeLegacy([]);
    world.writeTarget([userOf(personOf(1))]);
    await world.writeLedger([{ id: 1, state: 'deleted' }]);
    const [line] = await planned();
    expect(line).toMatchObject({ kind: 'resurrected', repair: 'remove-target' });
    expect(await repair(line!)).toEqual(REPAIRED);
    expect(world.memory.users.size).toBe(0);
  });

  test('whose link or metadata is lost gets both again, and nothing else', async () => {
    world.writeLegacy([personOf(1), personOf(2)]);
    world.writeTarget([userOf(personOf(1)), userOf(personOf(2))]);
    await world.writeLedger([1, 2].map((id) => ({ id, state: 'migrated' })));
    expect(await planned()).toEqual([]);
    Object.assign(there(1), { links: [], metadata: {} });
    const [line] = await planned();
    expect(line).toMatchObject({ repair: 'relink', fields: ['link', 'legacyId'] });
    expect(await repair(line!)).toEqual(REPAIRED);
    expect(world.memory.linkedTo(subOf(1))).toHaveLength(1);
    expect(there(1).metadata).toEqual({ legacy_id: '1' });
  });
});

describe('text that is no line of a plan', () => {
  test.each([
    ['no JSON', '{'],
    ['a word nobody knows', '{"sub":"x","drop":"table"}'],
    [
      'another repair',
      '{"reconciliation":"r","sub":"s","kind":"extra","fields":[],"left":{},"right":{},"repair":"burn"}',
    ],
    ['too long', JSON.stringify({ reconciliation: 'x'.repeat(70_000) })],
  ])('is refused: %s', (_, text) => {
    expect(parseLine(text)).toBeUndefined();
  });
});
