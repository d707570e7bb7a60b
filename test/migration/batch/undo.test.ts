/** A batch taken back: whom it has made is gone at the target, whom it found there stays, and everybody is where they were. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { openKept } from '../../../src/migration/batch/undo-kept.ts';
import { NO_PLACE } from '../../../src/migration/batch/undo-rows.ts';
import { keptPage } from '../../../src/migration/batch/undo-tally.ts';
import { stopUndo } from '../../../src/migration/batch/undoing.ts';
import { move, proveParts } from '../../../src/migration/ledger.ts';
import { ensured } from './batch-checks.ts';
import type { UndoStage } from './undo-stage.ts';
import { openUndoStage } from './undo-stage.ts';

const USERS = 40;
let stage: UndoStage;
beforeEach(async () => {
  stage = await openUndoStage(USERS);
});
afterEach(async () => {
  expect(stage.errors).toEqual([]);
  await stage.close();
});

/** Nobody is left at the target whom we have made, and nothing says that anybody has moved. */
async function isBack(removed: number): Promise<void> {
  expect(await stage.ledger()).toEqual({ legacy: USERS });
  expect(await stage.flagged()).toBe(0);
  expect(await stage.sql('select count(*)::int from target_work')).toEqual([{ count: 0 }]);
  expect(await stage.sql('select count(*)::int from ledger where removals = 1')).toEqual([
    { count: removed },
  ]);
  expect(await stage.sql('select count(*)::int from batch_users where lease is not null')).toEqual([
    { count: 0 },
  ]);
}

const people = () => stage.target.people.size;
const audits = (action: string) =>
  stage.sql('select actor, detail, subject is not null as subject from audit_log where action = $1', [
    action,
  ]);

describe('a whole batch', () => {
  test('is taken back: the target is empty, the ledger and the legacy store are as before', async () => {
    expect(await stage.brought('b')).toMatchObject({ state: 'done', counts: { migrated: USERS } });
    expect(await stage.flagged()).toBe(USERS);
    const end = await stage.undo('b');
    expect(end).toEqual({
      state: 'undone',
      failures: [],
      tally: { removed: USERS, unlinked: 0, nothing: 0, failed: 0, open: 0, kept: 0 },
    });
    expect(people()).toBe(0);
    await isBack(USERS);
  });

  test('is recorded: who has taken back how many, and each of them', async () => {
    await stage.brought('b');
    await stage.undo('b');
    expect(await audits('batch.undone')).toEqual([
      { actor: 'operator:undoing', detail: { batch: 'b', target: 'main', users: USERS }, subject: false },
    ]);
    const each = await audits('ledger.revert');
    expect(each.length).toBe(USERS);
    expect(each[0]).toMatchObject({ actor: 'operator:undoing', detail: { does: 'remove' }, subject: true });
  });

  test('said again changes nothing', async () => {
    await stage.brought('b');
    const first = await stage.undo('b');
    expect(await stage.undo('b')).toEqual(first);
    expect((await audits('batch.undone')).length).toBe(1);
    expect((await audits('ledger.revert')).length).toBe(USERS);
  });

  test('leaves whom the target had before us, without our link', async () => {
    const id = stage.putThere('shop:3');
    await stage.brought('b');
    expect(people()).toBe(USERS);
    const { tally } = await stage.undo('b');
    expect(tally).toMatchObject({ removed: USERS - 1, unlinked: 1, kept: 0 });
    expect([...stage.target.people.keys()]).toEqual([id]);
    expect(stage.target.people.get(id)?.found.links).toEqual([]);
    await isBack(USERS - 1);
  });

  test('leaves alone whoever came by another road, before it or since', async () => {
    await stage.planned('early');
    await stage.sql(`delete from batch_users where batch = 'early' and sub <> 'shop:1'`);
    await stage.goOn('early');
    await stage.brought('b');
    // Rolled back by hand, and there once more through another batch.
    await stage.undo('b', { user: 'shop:2' });
    await stage.brought('later');
    const end = await stage.undo('b');
    expect(end).toMatchObject({ state: 'undone', tally: { removed: USERS - 1, failed: 0 } });
    expect([...stage.target.people.keys()].sort()).toEqual(
      [stage.idOf('shop:1'), stage.idOf('shop:2', 1)].sort(),
    );
    expect(await stage.ledger()).toEqual({ legacy: USERS - 2, migrated: 2 });
  });

  test('leaves alone whoever was rolled back by hand and is there again since', async () => {
    await stage.brought('b');
    // As `user rollback` leaves them, unknown to the batch.
    await stage.target.remove(stage.idOf('shop:2'));
    const common = {
      target: 'main',
      sub: 'shop:2',
      actor: 'operator:x',
      subject: stage.deps.pseudonym('shop:2'),
    };
    await move(stage.db, { ...common, event: 'revert', removed: true });
    await stage.brought('later');
    const { tally } = await stage.undo('b');
    expect(tally).toMatchObject({ removed: USERS - 1, nothing: 1 });
    expect([...stage.target.people.keys()]).toEqual([stage.idOf('shop:2', 1)]);
  });

  test('takes along people whom a dead worker had begun with, and leaves those who wait', async () => {
    let dies = true;
    stage.target.instead = async (outcomes) => {
      if (!dies) return outcomes;
      dies = false;
      await stage.batches.pause('b', { code: 'paused_by_operator', sentence: 'Stop.' });
      throw new Error('the process dies here');
    };
    await stage.planned('b', { size: 10, workers: 1 });
    const paused = await stage.goOn('b');
    expect(paused).toMatchObject({ state: 'paused', counts: { waiting: USERS } });
    stage.errors.splice(0);
    expect(people()).toBe(10);
    const { state, tally } = await stage.undo('b');
    expect({ state, tally }).toMatchObject({ state: 'undone', tally: { removed: 10, open: 0 } });
    expect(people()).toBe(0);
    expect(await stage.ledger()).toEqual({ legacy: 10 });
    expect(await stage.undone('b')).toEqual({ '-': USERS - 10, removed: 10 });
  });

  test('can be planned again: everybody arrives once more, as a new user of the target', async () => {
    await stage.brought('b');
    await stage.undo('b');
    expect(await stage.brought('again')).toMatchObject({
      state: 'done',
      counts: { migrated: USERS, there: 0, failed: 0 },
    });
    expect([...stage.target.people.keys()].sort()).toEqual(
      Array.from({ length: USERS }, (_, n) => stage.idOf(`shop:${n + 1}`, 1)).sort(),
    );
    expect(await stage.flagged()).toBe(USERS);
    await ensured(stage, { moved: USERS });
    // And that one, too, goes back.
    expect(await stage.undo('again')).toMatchObject({ state: 'undone', tally: { removed: USERS } });
    expect(await stage.undone('b')).toEqual({ removed: USERS });
  });
});

describe('a part of a batch', () => {
  test('is one person', async () => {
    await stage.brought('b');
    expect(await stage.undo('b', { user: 'shop:7' })).toMatchObject({
      state: 'done',
      tally: { removed: 1, open: 0 },
    });
    expect(await stage.ledger()).toEqual({ legacy: 1, migrated: USERS - 1 });
    expect(stage.target.people.has(stage.idOf('shop:7'))).toBe(false);
    expect(people()).toBe(USERS - 1);
    expect(await audits('batch.undone')).toEqual([
      { actor: 'operator:undoing', detail: { batch: 'b', target: 'main', users: 1 }, subject: true },
    ]);
    expect(JSON.stringify(await audits('batch.undone'))).not.toContain('shop:7');
  });

  test('is nobody where nobody fits, and the batch stays what it was', async () => {
    await stage.brought('b');
    for (const asked of [{ user: 'shop:999' }, { code: 'nothing' }, { outcome: 'created' }] as const)
      expect(await stage.undo('b', asked)).toMatchObject({ state: 'done', tally: { removed: 0 } });
    expect(await stage.undo('b', { segment: { roles: ['nobody'] } })).toMatchObject({ state: 'done' });
    expect(people()).toBe(USERS);
  });

  test('is those with an outcome or a code', async () => {
    await stage.legacySql(`update people set password = 'no hash at all' where id in (4, 5)`);
    await stage.brought('b');
    expect(await stage.undone('b')).toEqual({ '-': USERS });
    const { tally } = await stage.undo('b', { outcome: 'created', code: 'password_missing' });
    expect(tally).toMatchObject({ removed: 2 });
    expect(await stage.sql(`select sub from batch_users where undone = 'removed' order by 1`)).toEqual([
      { sub: 'shop:4' },
      { sub: 'shop:5' },
    ]);
  });

  test('is a segment, by what the legacy store says of people now', async () => {
    await stage.legacySql(`update people set email = 'x' || id || '@other.example' where id <= 3`);
    await stage.brought('b');
    await stage.legacySql(`update people set email = 'x' || id || '@other.example' where id = 4`);
    await stage.legacySql('update people set active = false where id = 1');
    const segment = { emailDomains: ['other.example'] };
    expect((await stage.undo('b', { segment })).tally).toMatchObject({ removed: 4 });
    expect(await stage.ledger()).toEqual({ legacy: 4, migrated: USERS - 4 });
    const active = { emailDomains: ['example.com'], states: ['disabled'] };
    expect((await stage.undo('b', { segment: active })).tally).toMatchObject({ removed: 4 });
  });

  test('leaves the batch paused where people wait, and it goes on without those who were taken back', async () => {
    stage.target.before = async () => {
      if (stage.target.calls.length === 2)
        await stage.batches.pause('b', { code: 'paused_by_operator', sentence: 'Stop.' });
      return undefined;
    };
    await stage.brought('b', { size: 10, workers: 1 });
    stage.target.before = undefined;
    expect(await stage.undo('b', { user: 'shop:1' })).toMatchObject({ state: 'paused' });
    expect(await stage.goOn('b')).toMatchObject({ state: 'done', counts: { migrated: USERS } });
    expect(await stage.ledger()).toEqual({ legacy: 1, migrated: USERS - 1 });
    expect(await stage.undo('b')).toMatchObject({ state: 'undone', tally: { removed: USERS } });
    expect(people()).toBe(0);
  });
});

describe('what was changed at the target', () => {
  const SECRET = 'Changed-there';
  const page = () => keptPage(stage.db, 'b', { after: NO_PLACE, limit: 100 });

  test('is kept, sealed for this person and batch', async () => {
    await stage.brought('b');
    stage.change('shop:5', {
      username: `${SECRET}-name`,
      email: { address: `${SECRET}@example.net`, isVerified: true },
      metadata: { theme: SECRET, legacyId: '5' },
      links: [{ idpId: 'google', userId: `${SECRET}-google`, userName: 'x' }],
      state: 'inactive',
    });
    expect((await stage.undo('b')).tally).toMatchObject({ removed: USERS, kept: 1 });
    const [row, ...others] = await page();
    expect(others).toEqual([]);
    expect(row).toMatchObject({ sub: 'shop:5', targetUserId: stage.idOf('shop:5'), undone: 'removed' });
    const fields = openKept(stage.deps.keyring, { batch: 'b', sub: 'shop:5', kept: row!.kept });
    expect(fields).toMatchObject({
      username: { old: 'user5', new: `${SECRET}-name` },
      email: {
        old: { address: 'user5@example.com', isVerified: true },
        new: { address: `${SECRET}@example.net`, isVerified: true },
      },
      metadata: { new: { theme: SECRET } },
      links: { old: [], new: [{ idpId: 'google', userId: `${SECRET}-google`, userName: 'x' }] },
      state: { old: 'active', new: 'inactive' },
    });
    for (const other of [
      { batch: 'b', sub: 'shop:6' },
      { batch: 'c', sub: 'shop:5' },
    ])
      expect(openKept(stage.deps.keyring, { ...other, kept: row!.kept })).toBeUndefined();
  });

  test('stands nowhere in clear: not in our database, and not in the audit log', async () => {
    await stage.brought('b');
    stage.change('shop:5', { username: SECRET, metadata: { theme: SECRET } });
    await stage.undo('b');
    for (const table of ['batch_users', 'batches', 'ledger', 'ledger_outbox', 'audit_log', 'target_work'])
      expect(
        JSON.stringify(await stage.sql(`select row_to_json(t)::text as t from ${table} t`)),
      ).not.toContain(SECRET);
    expect((await page()).length).toBe(1);
  });

  test('is not kept of people who only are unlinked, and of nobody who changed nothing', async () => {
    stage.putThere('shop:3');
    await stage.brought('b');
    stage.change('shop:3', { username: SECRET });
    stage.change('shop:4', { username: 'USER4' });
    expect((await stage.undo('b')).tally).toMatchObject({ kept: 0, unlinked: 1 });
    expect(await stage.sql('select count(*)::int from batch_users where kept is not null')).toEqual([
      { count: 0 },
    ]);
  });

  test('that is too much to be kept is not taken away', async () => {
    await stage.brought('b');
    stage.change('shop:5', { metadata: { long: 'x'.repeat(300_000) } });
    const { state, tally, failures } = await stage.undo('b');
    expect({ state, tally }).toMatchObject({ state: 'undoing', tally: { removed: USERS - 1, failed: 1 } });
    expect(failures).toMatchObject([{ sub: 'shop:5', problem: { code: 'kept_too_large' } }]);
    expect(people()).toBe(1);
  });
});

describe('people who are not to be taken back', () => {
  const common = (sub: string) => ({
    ...{ target: 'main', sub, actor: 'operator:x', subject: stage.deps.pseudonym(sub) },
  });

  test('stay, are named, and keep the batch from being undone until that is settled', async () => {
    await stage.brought('b');
    for (const sub of ['shop:1', 'shop:2']) await move(stage.db, { ...common(sub), event: 'cut-over' });
    await move(stage.db, { ...common('shop:2'), event: 'retire' });
    await stage.legacySql('delete from people where id = 3');
    const { state, tally, failures } = await stage.undo('b');
    expect({ state, tally }).toMatchObject({ state: 'undoing', tally: { removed: USERS - 3, failed: 3 } });
    expect(failures.map(({ sub, problem }) => [sub, problem.code])).toEqual([
      ['shop:1', 'cut_over'],
      ['shop:2', 'retired'],
      ['shop:3', 'legacy_user_gone'],
    ]);
    expect(await stage.ledger()).toEqual({ legacy: USERS - 3, 'cut-over': 1, retired: 1, migrated: 1 });
    const { note } = await stage.batches.status('b');
    expect(note).toMatchObject({ code: 'undo_left', sentence: expect.stringContaining('3 of its people') });
    // What was in the way is mended, and it is said again.
    await move(stage.db, { ...common('shop:1'), event: 'revert' });
    await stage.legacySql(
      `insert into people (id, login, email, password) values (3, 'user3', 'user3@example.com', 'x')`,
    );
    const again = await stage.undo('b');
    expect(again.failures.map(({ sub }) => sub)).toEqual(['shop:2']);
  });

  test('are let go of when somebody says so, and the rest of the batch is what it was', async () => {
    await stage.brought('b');
    await move(stage.db, { ...common('shop:1'), event: 'cut-over' });
    await stage.undo('b', { outcome: 'migrated' });
    const signal = AbortSignal.timeout(15_000);
    const end = await stopUndo(stage.undoDeps, { id: 'b', actor: 'operator:undoing' }, { signal });
    expect(end).toMatchObject({ state: 'done', tally: { removed: USERS - 1, failed: 0, open: 0 } });
    await expect(stopUndo(stage.undoDeps, { id: 'b', actor: 'x' }, { signal })).rejects.toMatchObject({
      code: 'batch_state',
    });
  });
});

describe('an undo that is ended before its end', () => {
  const signal = () => AbortSignal.timeout(15_000);

  /** Aborted while the first few are under way. */
  async function cutOff(): Promise<number> {
    const { remove } = stage.target;
    const abort = new AbortController();
    stage.target.remove = async (id) => {
      abort.abort();
      return remove(id);
    };
    const { tally } = await stage.undo('b', {}, stage.undoDeps, abort.signal);
    stage.target.remove = remove;
    expect(tally.open).toBeGreaterThan(0);
    return tally.removed;
  }

  test('leaves whoever was not begun with, and can be begun anew', async () => {
    await stage.brought('b');
    const removed = await cutOff();
    const end = await stopUndo(stage.undoDeps, { id: 'b', actor: 'operator:x' }, { signal: signal() });
    expect(end).toMatchObject({ state: 'done', tally: { removed, open: 0 } });
    expect(people()).toBe(USERS - removed);
    expect(await stage.ledger()).toEqual({ legacy: removed, migrated: USERS - removed });
    expect((await audits('batch.undo-stopped')).length).toBe(1);
    expect(await stage.undo('b')).toMatchObject({ state: 'undone', tally: { removed: USERS } });
    await isBack(USERS);
  });

  test('lets a paused batch go on, also with those who were begun with when its worker died', async () => {
    let dies = true;
    stage.target.instead = async (outcomes) => {
      if (!dies) return outcomes;
      dies = false;
      await stage.batches.pause('b', { code: 'paused_by_operator', sentence: 'Stop.' });
      throw new Error('the process dies here');
    };
    await stage.brought('b', { size: 20, workers: 1 });
    stage.errors.splice(0);
    const removed = await cutOff();
    const end = await stopUndo(stage.undoDeps, { id: 'b', actor: 'operator:x' }, { signal: signal() });
    expect(end.state).toBe('paused');
    expect(people()).toBe(20 - removed);
    expect(await stage.goOn('b')).toMatchObject({ state: 'done', counts: { migrated: USERS } });
    await ensured(stage, { moved: USERS });
    expect(await stage.undo('b')).toMatchObject({ state: 'undone', tally: { removed: USERS } });
    expect(people()).toBe(0);
  });
});

describe('a batch', () => {
  test('with a limit of its own is taken back no faster', async () => {
    await stage.brought('b');
    await stage.sql('update batches set per_second = 30, tokens = 0, refilled_at = now()');
    const startMs = performance.now();
    expect(await stage.undo('b')).toMatchObject({ state: 'undone', tally: { removed: USERS } });
    expect((performance.now() - startMs) / 1_000).toBeGreaterThanOrEqual(USERS / 30 - 0.2);
  });

  test('that runs, or of which nobody was sent, is not undone', async () => {
    await stage.planned('b');
    await expect(stage.undo('b')).rejects.toMatchObject({
      code: 'batch_state',
      detail: expect.stringContaining('nobody was sent'),
    });
    await stage.batches.start('b');
    await expect(stage.undo('b')).rejects.toMatchObject({
      code: 'batch_state',
      detail: expect.stringContaining('footbridge batch pause b --execute'),
    });
    await expect(stage.undo('nothing')).rejects.toMatchObject({ code: 'batch_not_found' });
    await stage.goOn('b');
  });

  test('of which a part is being taken back does not lose the rest to a shorter command', async () => {
    await stage.brought('b');
    const { remove } = stage.target;
    const abort = new AbortController();
    stage.target.remove = async (id) => {
      abort.abort();
      return remove(id);
    };
    const segment = { emailDomains: ['example.com'], states: ['active'] };
    const cut = await stage.undo('b', { segment }, stage.undoDeps, abort.signal);
    expect(cut.state).toBe('undoing');
    expect(cut.tally.open).toBeGreaterThan(0);
    await expect(stage.undo('b')).rejects.toMatchObject({
      code: 'batch_state',
      detail: expect.stringContaining('with a verified address at example.com'),
    });
    expect((await stage.undo('b', { segment })).tally).toMatchObject({ removed: USERS, open: 0 });
    expect(await audits('batch.undone')).toMatchObject([
      { detail: { users: USERS, asked: { segment } } },
      { detail: { users: cut.tally.open } },
    ]);
  });
});

describe('a target that fails', () => {
  test('altogether is waited for, and nobody fails for it', async () => {
    await stage.brought('b');
    const { remove, userById } = stage.target;
    let [isDown, calls] = [true, 0];
    const down =
      <A extends unknown[], R>(act: (...given: A) => Promise<R>) =>
      (...given: A) => {
        calls += 1;
        return isDown ? Promise.reject(new FootbridgeError('target_unavailable')) : act(...given);
      };
    stage.target.remove = down(remove);
    stage.target.userById = down(userById);
    const undoing = stage.undo('b');
    await stage.until(async () => (await stage.batches.status('b')).note?.code === 'target_down');
    const before = calls;
    await stage.until(async () => calls >= before + 2);
    expect(people()).toBe(USERS);
    isDown = false;
    expect(await undoing).toMatchObject({ state: 'undone', tally: { removed: USERS, failed: 0 } });
    await isBack(USERS);
  });

  test('in between, after it has done what it was told, loses nobody and says what was done', async () => {
    await stage.brought('b');
    const { remove } = stage.target;
    let removals = 0;
    stage.target.remove = async (id) => {
      await remove(id);
      removals += 1;
      if (removals % 3 === 1) throw new FootbridgeError('target_unavailable', { detail: 'ECONNRESET' });
    };
    expect((await stage.undo('b')).tally).toMatchObject({ removed: USERS, nothing: 0, failed: 0 });
    await isBack(USERS);
  });

  test('by refusing one person names them, and the others go', async () => {
    await stage.brought('b');
    const { remove } = stage.target;
    stage.target.remove = (id) =>
      id === stage.idOf('shop:9')
        ? Promise.reject(new FootbridgeError('target_refused', { detail: 'locked by policy' }))
        : remove(id);
    const { tally, failures } = await stage.undo('b');
    expect(tally).toMatchObject({ removed: USERS - 1, failed: 1 });
    expect(failures).toMatchObject([
      { sub: 'shop:9', problem: { code: 'target_refused', detail: 'locked by policy', attempts: 1 } },
    ]);
    expect(await stage.sql(`select state from ledger where sub = 'shop:9'`)).toEqual([{ state: 'migrated' }]);
    stage.target.remove = remove;
    expect(await stage.undo('b')).toMatchObject({ state: 'undone', tally: { removed: USERS, failed: 0 } });
    expect(await stage.sql('select count(*)::int from batch_users where problem is not null')).toEqual([
      { count: 0 },
    ]);
  });
});

describe('the legacy store', () => {
  test('that does not answer is waited for: nobody is removed whose record cannot be read', async () => {
    await stage.brought('b');
    await stage.legacySql('alter table people rename to elsewhere');
    const undoing = stage.undo('b');
    await stage.until(async () => (await stage.batches.status('b')).note?.code === 'legacy_down');
    expect(people()).toBe(USERS);
    await stage.legacySql('alter table elsewhere rename to people');
    expect(await undoing).toMatchObject({ state: 'undone', tally: { removed: USERS } });
    await isBack(USERS);
  });

  test('that does not let go of its mark is asked again', async () => {
    await stage.brought('b');
    await stage.legacySql(
      `create function no() returns trigger language plpgsql as $$ begin raise 'no'; end $$`,
    );
    await stage.legacySql(
      'create trigger no before update on people for each row when (new.id = 6) execute function no()',
    );
    const undoing = stage.undo('b');
    await stage.until(async () => (await stage.undone('b')).removed === USERS - 1);
    expect(await stage.flagged()).toBe(1);
    await stage.legacySql('drop trigger no on people');
    expect(await undoing).toMatchObject({ state: 'undone', tally: { removed: USERS, nothing: 0 } });
    await isBack(USERS);
  });
});

describe('a login in the middle', () => {
  const proof = (sub: string) => ({
    ...{ target: 'main', sub, legacyId: sub.slice(5), amr: ['pwd'], subject: stage.deps.pseudonym(sub) },
  });

  test('between the target and the ledger finds the person whole on one side, and again at the next login', async () => {
    await stage.brought('b');
    const { remove } = stage.target;
    const seen: unknown[] = [];
    stage.target.remove = async (id) => {
      await remove(id);
      if (id !== stage.idOf('shop:7')) return;
      const request = { target: 'main', sub: 'shop:7', road: 'login', actor: 'user' } as const;
      await stage.db.runParts(
        [...proveParts(proof('shop:7')), ...stage.mover.requestParts(request)],
        'select 1',
      );
      seen.push(await stage.mover.move(request));
    };
    await stage.undo('b');
    expect(seen).toMatchObject([{ kind: 'refused', code: 'target_user_gone' }]);
    await isBack(USERS);
    const request = { target: 'main', sub: 'shop:7', road: 'login', actor: 'user' } as const;
    await stage.db.runParts(
      [...proveParts(proof('shop:7')), ...stage.mover.requestParts(request)],
      'select 1',
    );
    expect(await stage.mover.move(request)).toMatchObject({
      kind: 'moved',
      state: 'migrated',
      targetUserId: stage.idOf('shop:7', 1),
    });
    expect([...stage.target.people.keys()]).toEqual([stage.idOf('shop:7', 1)]);
  });

  test('that is moving somebody is waited for', async () => {
    await stage.brought('b');
    const leased = `insert into target_work (target, sub, road, actor, lease, leased_until)
      values ('main', 'shop:8', 'login', 'user', 'somebody', now() + interval '1 minute')`;
    await stage.sql(leased);
    const undoing = stage.undo('b');
    await stage.until(async () => (await stage.undone('b')).removed === USERS - 1);
    expect(stage.target.people.has(stage.idOf('shop:8'))).toBe(true);
    await stage.sql('delete from target_work');
    expect(await undoing).toMatchObject({ state: 'undone', tally: { removed: USERS, failed: 0 } });
    await isBack(USERS);
  });
});
