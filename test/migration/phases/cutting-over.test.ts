/** The end of the old login for people of a phase: only whoever has everything at the target, for so long. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cutOver } from '../../../src/migration/phases/cutting-over.ts';
import { scopeOf } from '../../../src/migration/phases/return-asked.ts';
import type { PhaseStage } from './phase-stage.ts';
import { ACTOR, openPhaseStage } from './phase-stage.ts';

let stage: PhaseStage;
beforeAll(async () => {
  stage = await openPhaseStage(6);
  await stage.plan({
    apps: { shop: {}, wiki: {} },
    phases: [{ name: 'all' }, { name: 'wiki', apps: ['wiki'] }],
  });
  await stage.turn('all', 'running');
  for (const id of [1, 2, 3, 4, 5]) await stage.movedAtLogin(`shop:${id}`);
});
afterAll(() => stage?.close());

const cut = (execute: boolean, lacking: readonly string[] = []) =>
  cutOver(
    {
      ...{ db: stage.db, pseudonym: stage.returning.pseudonym, nowMs: Date.now },
      lacksPassword: async (sub) => lacking.includes(sub),
    },
    { target: 'main', phase: 'all', migratedDays: 30, actor: ACTOR },
    { execute },
  );

test('a dry run counts, and changes nothing', async () => {
  await stage.sql(`update ledger set migrated_at = now() - interval '31 days' where sub <> 'shop:2'`);
  await stage.sql(`update ledger set state = 'created' where sub = 'shop:3'`);
  await stage.sql(`update rollout_assignments set back = 'returned' where sub = 'shop:5'`);
  expect(await cut(false, ['shop:4'])).toEqual({
    ...{ people: 4, cut: 1, already: 0, tooNew: 1, passwordWaits: 1, notThere: 1 },
    ...{ examples: ['shop:1'], isInterrupted: false },
  });
  expect(await stage.state('shop:1')).toBe('migrated');
});

test('whoever is ripe is cut over, with a record each; said again, nobody is twice', async () => {
  expect(await cut(true, ['shop:4'])).toMatchObject({ cut: 1, passwordWaits: 1 });
  expect(await stage.counted('select state as name, count(*) as n from ledger group by 1')).toEqual({
    ...{ 'cut-over': 1, migrated: 3, created: 1 },
  });
  expect(await cut(true)).toMatchObject({ cut: 1, already: 1 });
  expect(
    await stage.sql(
      `select actor, detail, count(*)::int as n from audit_log where action = 'ledger.cut-over' group by 1, 2`,
    ),
  ).toEqual([{ actor: ACTOR, detail: { target: 'main', phase: 'all', migratedDays: 30 }, n: 2 }]);
});

test('whoever was cut over goes back with their phase all the same', async () => {
  await stage.turn('all', 'rolled-back');
  expect(await stage.back('all')).toMatchObject({ returned: 5, refused: 0, failed: 0 });
  expect(await stage.state('shop:1')).toBe('legacy');
});

test('an app names its phases only where they are for it alone', async () => {
  const snapshot = (await stage.rollout.snapshot('main'))!;
  const scope = (asked: object) => scopeOf(stage.db, snapshot, { target: 'main', ...asked });
  await expect(scope({ app: 'wiki' })).rejects.toMatchObject({ code: 'bad_request', detail: /all/ });
  await expect(scope({ app: 'none' })).rejects.toMatchObject({ code: 'bad_request' });
  await expect(scope({})).rejects.toMatchObject({ code: 'bad_request' });
  await expect(scope({ phase: 'all', segment: 'x' })).rejects.toMatchObject({ code: 'bad_request' });
  await expect(scope({ phase: 'none' })).rejects.toMatchObject({ code: 'phase_not_found' });
  expect(await scope({ segment: 'x', user: 'shop:1' })).toEqual({
    ...{ target: 'main', phases: ['all', 'wiki'], segment: 'x', user: 'shop:1' },
  });
});
