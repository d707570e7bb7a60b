/** The way back of a phase, cut off after any call: whoever goes on finds everybody, each once; and they come again as one account. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { openKept, placeOfPhase } from '../../../src/migration/batch/undo-kept.ts';
import type { ReturningDeps } from '../../../src/migration/phases/returning.ts';
import type { Db } from '../../../src/store/db.ts';
import type { TargetConnection } from '../../../src/targets/connection.ts';
import type { PhaseStage } from './phase-stage.ts';
import { openPhaseStage } from './phase-stage.ts';

let stage: PhaseStage;
beforeAll(async () => {
  stage = await openPhaseStage(2);
  stage.target.endSessionsOf = async () => undefined;
  await stage.plan({ phases: [{ name: 'all' }] });
});
afterAll(() => stage?.close());

/** A process that dies after so many calls of anything outside: none that comes later has an effect. */
function mortal(deps: ReturningDeps, calls: number) {
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
  const { db, directory, connection } = deps;
  const at = connection as TargetConnection;
  const mine: TargetConnection = {
    ...at,
    ...{ userById: guarded(at.userById), remove: guarded(at.remove), unlink: guarded(at.unlink) },
    endSessionsOf: guarded(at.endSessionsOf!),
  };
  return {
    deps: {
      ...deps,
      db: {
        ...db,
        ...{ run: guarded(db.run), runParts: guarded(db.runParts), transaction: guarded(db.transaction) },
      } as Db,
      directory: {
        ...directory,
        ...{
          findBySubs: guarded(directory.findBySubs),
          apply: guarded(directory.apply),
          flag: guarded(directory.flag!),
        },
      },
      connection: mine,
      targets: { ...deps.targets, connection: () => mine },
    } satisfies ReturningDeps,
    signal: death.signal,
    hasDied: () => left < 0,
  };
}

/** One of whom everything is kept or comes back, and one who was there before. False: it was not cut off. */
async function cutOffAfter(calls: number): Promise<boolean> {
  await stage.turn('all', 'running');
  const there = `before-${calls}`;
  stage.target.put({
    ...{ sub: 'shop:2', targetUserId: there, username: there, legacyId: '2', givenName: 'Was' },
    ...{ familyName: 'There', identityProviderLinks: [], metadata: {}, grants: [] },
  });
  for (const sub of ['shop:1', 'shop:2']) await stage.movedAtLogin(sub);
  expect(await stage.counted('select state as name, count(*) as n from ledger group by 1')).toEqual({
    migrated: 2,
  });
  // One account each, however often they went back and came again.
  expect([stage.found('shop:1').length, stage.linked('shop:2')]).toEqual([1, [there]]);
  const given = `Name${calls}`;
  stage.change('shop:1', { givenName: given, metadata: { round: String(calls) } });
  await stage.turn('all', 'rolled-back');
  const { deps, signal, hasDied } = mortal(stage.returning, calls);
  await stage.back('all', { given: deps, signal }).catch(() => undefined);
  // Nobody renews the leases of the dead.
  await stage.sql('update rollout_assignments set back_due_at = now() where back_due_at is not null');
  expect({ calls, ...(await stage.back('all')) }).toEqual({
    ...{ calls, returned: 2, kept: 0, refused: 0, failed: 0, open: 0, withKept: 1, withBrought: 1 },
  });
  expect(await stage.counted('select state as name, count(*) as n from ledger group by 1')).toEqual({
    legacy: 2,
  });
  expect(stage.found('shop:1')).toEqual([]);
  expect(stage.target.people.get(there)?.found.links).toEqual([]);
  expect(await stage.person(1)).toMatchObject({ given, moved: 0 });
  const { kept } = (await stage.row('shop:1'))!.detail as { kept: string };
  expect(
    openKept(stage.returning.keyring, { batch: placeOfPhase('main', 'all'), sub: 'shop:1', kept }),
  ).toEqual({
    metadata: { old: expect.anything(), new: { round: String(calls) } },
  });
  return hasDied();
}

describe('killed after any call', () => {
  test('it goes on: both are back once, with what was changed brought back or kept; and the next attempt brings them again', async () => {
    let deaths = 0;
    for (let calls = 0; await cutOffAfter(calls); calls += 1) deaths += 1;
    // Fewer would mean that it was not cut off inside the people's steps.
    expect(deaths).toBeGreaterThan(20);
    expect(await stage.counted('select sub as name, removals as n from ledger')).toEqual({
      'shop:1': deaths + 1,
      'shop:2': 0,
    });
    expect(stage.errors).toEqual([]);
  }, 120_000);
});

test('two at once take everybody back once between them', async () => {
  await stage.turn('all', 'running');
  for (const sub of ['shop:1', 'shop:2']) await stage.movedAtLogin(sub);
  await stage.turn('all', 'rolled-back');
  const removed: string[] = [];
  const { remove } = stage.target;
  stage.target.remove = async (id) => {
    removed.push(id);
    await remove(id);
  };
  await Promise.all([stage.back('all'), stage.back('all')]);
  stage.target.remove = remove;
  expect(await stage.back('all')).toMatchObject({ returned: 2, failed: 0, open: 0 });
  expect(removed).toHaveLength(new Set(removed).size);
});
