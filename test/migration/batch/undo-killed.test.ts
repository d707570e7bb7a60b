/** Undoing cut off anywhere, and by two at once: whoever goes on finds everybody, each once, and says what was done. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import type { Directory } from '../../../src/legacy/directory.ts';
import { openKept } from '../../../src/migration/batch/undo-kept.ts';
import { NO_PLACE } from '../../../src/migration/batch/undo-rows.ts';
import { keptPage } from '../../../src/migration/batch/undo-tally.ts';
import type { UndoingDeps } from '../../../src/migration/batch/undoing.ts';
import type { Db } from '../../../src/store/db.ts';
import type { TargetConnection } from '../../../src/targets/connection.ts';
import type { UndoStage } from './undo-stage.ts';
import { openUndoStage } from './undo-stage.ts';

let stage: UndoStage;
afterEach(() => stage.close());

/** A process that dies after so many calls of anything outside: none that comes later has an effect. */
function mortal(deps: UndoingDeps, calls: number) {
  const death = new AbortController();
  let left = calls;
  const guarded =
    <A extends unknown[], R>(act: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      left -= 1;
      if (left < 0) death.abort();
      if (death.signal.aborted) throw new FootbridgeError('storage_unavailable', { detail: 'dead' });
      return act(...given);
    };
  const { run, runParts, transaction } = deps.db;
  const { directory, targets } = deps;
  const mine: UndoingDeps = {
    ...deps,
    db: {
      ...deps.db,
      ...{ run: guarded(run), runParts: guarded(runParts), transaction: guarded(transaction) },
    } as Db,
    directory: {
      ...directory,
      findBySubs: guarded(directory.findBySubs),
      flag: guarded(directory.flag!),
    } satisfies Directory,
    targets: {
      ...targets,
      connection: (name) => {
        const real = targets.connection(name);
        if (!real) return undefined;
        const { userById, remove, unlink } = real;
        return {
          ...real,
          ...{ userById: guarded(userById), remove: guarded(remove), unlink: guarded(unlink) },
        } satisfies TargetConnection;
      },
    },
  };
  return { deps: mine, signal: death.signal, hasDied: () => left < 0 };
}

/** Nobody renews the leases of the dead. */
const expire = () => stage.sql(`update batch_users set due_at = now() where lease is not null`);

describe('killed after any step', () => {
  beforeEach(async () => {
    stage = await openUndoStage(3);
  });

  /** One who was made, one who was there, one who has changed something; cut off after so many calls. False: it was not. */
  async function cutOffAfter(calls: number): Promise<boolean> {
    const id = `killed-${calls}`;
    const there = stage.putThere('shop:2', `before-${calls}`);
    expect(await stage.brought(id, { workers: 1 })).toMatchObject({ state: 'done', counts: { migrated: 3 } });
    const changed = [...stage.target.people.values()].find(({ user }) => user.sub === 'shop:3')!;
    const made = [...stage.target.people.values()].flatMap(({ user, found }) =>
      found.targetUserId.startsWith('before-') ? [] : user.targetUserId,
    );
    changed.found = { ...changed.found, metadata: { theme: 'dark' } };
    const { deps, signal, hasDied } = mortal(stage.undoDeps, calls);
    await stage.undo(id, {}, deps, signal).catch(() => undefined);
    await expire();
    const end = await stage.undo(id);
    expect({ calls, ...end }).toMatchObject({
      calls,
      state: 'undone',
      tally: { removed: 2, unlinked: 1, nothing: 0, failed: 0, open: 0, kept: 1 },
    });
    expect(made.filter((one) => stage.target.people.has(one))).toEqual([]);
    expect(stage.target.people.get(there)?.found.links).toEqual([]);
    expect(await stage.ledger()).toEqual({ legacy: 3 });
    expect(await stage.flagged()).toBe(0);
    const [row] = await keptPage(stage.db, id, { after: NO_PLACE, limit: 9 });
    expect(openKept(stage.deps.keyring, { batch: id, sub: 'shop:3', kept: row!.kept })).toMatchObject({
      metadata: { new: { theme: 'dark' } },
    });
    return hasDied();
  }

  test.each([0, 1, 2, 3])(
    'it goes on: everybody is back once, with what was kept (%s of four)',
    async (part) => {
      let deaths = 0;
      for (let calls = part; await cutOffAfter(calls); calls += 4) deaths += 1;
      // Fewer would mean that it was not cut off inside the people's steps.
      expect(deaths).toBeGreaterThan(5);
      expect(stage.errors).toEqual([]);
    },
    120_000,
  );
});

describe('two at once', () => {
  const USERS = 40;
  beforeEach(async () => {
    stage = await openUndoStage(USERS);
  });

  test('take everybody back once, between them', async () => {
    await stage.brought('b');
    const { remove } = stage.target;
    const removed: string[] = [];
    let [under, most] = [0, 0];
    stage.target.remove = async (id) => {
      removed.push(id);
      under += 1;
      most = Math.max(most, under);
      await remove(id).finally(() => {
        under -= 1;
      });
    };
    const ends = await Promise.all([stage.undo('b'), stage.undo('b')]);
    // Whoever comes first may find the other one still at work.
    expect(ends.map(({ state }) => state)).toContain('undone');
    expect(new Set(removed).size).toBe(USERS);
    expect(removed.length).toBe(USERS);
    // Two workers of four people each.
    expect(most).toBeLessThanOrEqual(2 * 2 * 4);
    expect(stage.target.people.size).toBe(0);
    expect(await stage.ledger()).toEqual({ legacy: USERS });
    expect(await stage.undone('b')).toEqual({ removed: USERS });
    expect(await stage.sql(`select count(*)::int from audit_log where action = 'ledger.revert'`)).toEqual([
      { count: USERS },
    ]);
  });

  test('where one dies, the other takes over when its lease has run out', async () => {
    await stage.brought('b');
    const { deps, signal, hasDied } = mortal(stage.undoDeps, 60);
    const dying = stage.undo('b', {}, deps, signal).catch(() => undefined);
    const [end] = await Promise.all([stage.undo('b'), dying]);
    expect(hasDied()).toBe(true);
    expect(end).toMatchObject({ state: 'undone', tally: { removed: USERS, nothing: 0, failed: 0 } });
    expect(await stage.ledger()).toEqual({ legacy: USERS });
    expect(await stage.flagged()).toBe(0);
  });
});
