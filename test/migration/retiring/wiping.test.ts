/** Wiping: once per person whatever is killed, and a target that is away loses nobody. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { move } from '../../../src/migration/ledger.ts';
import { WIPE_STEPS, wipeAll } from '../../../src/migration/retiring/wiping.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Place } from './retiring-stage.ts';
import { newKey, openStage, peopleAt, subOf, TARGET } from './retiring-stage.ts';

const PEOPLE = 24;
/** Every fourth has no password there. */
const KEPT = PEOPLE / 4;

let database: TestDatabase;
let place: Place;
let stage: ReturnType<typeof openStage>;
beforeAll(async () => {
  database = await testDatabase();
  place = { url: database.url, masterKey: newKey() };
  await peopleAt(database.url, PEOPLE);
  stage = openStage(place);
});
afterAll(async () => {
  await stage?.close();
  await database?.drop();
});

const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
const wipes = async () => (await sql('select sub from wipes')).length;

async function killed(dieAfter: string): Promise<void> {
  const file = resolve(import.meta.dirname, 'wiping-process.ts');
  const child = spawn(process.execPath, [file, JSON.stringify({ place, dieAfter, times: 6 })]);
  const [, signal] = await once(child, 'exit');
  expect(signal).toBe('SIGKILL');
}

describe('a target that is away', () => {
  test('stops the wipe, and nobody is written down as done', async () => {
    stage.state.isAway = true;
    const run = await wipeAll(stage.deps);
    expect(run).toMatchObject({
      stoppedBy: 'outage',
      isThrough: false,
      links: { local: 0, kept: 0, none: 0 },
    });
    expect(run.problems[0]).toMatchObject({ code: 'target_unavailable' });
    expect([await wipes(), await sql(`select 1 from ledger where state <> 'migrated'`)]).toEqual([0, []]);
    stage.state.isAway = false;
  });

  test('as one whom somebody has ended does nothing more', async () => {
    expect(await wipeAll(stage.deps, { signal: AbortSignal.abort() })).toMatchObject({
      stoppedBy: 'signal',
      people: 0,
    });
  });
});

describe('a wipe that is killed after', () => {
  test.each(WIPE_STEPS)(
    '“%s” is gone on with',
    async (step) => {
      const before = await wipes();
      await killed(step);
      expect(await wipes()).toBeGreaterThanOrEqual(before);
      // Whoever is written down is wholly done, and nobody else is.
      expect(
        await sql(
          `select 1 from wipes join ledger using (target, sub) where state <> 'retired' or released_of is not null`,
        ),
      ).toEqual([]);
      expect(
        await sql(`select 1 from ledger where state = 'retired' and sub not in (select sub from wipes)`),
      ).toEqual([]);
    },
    30_000,
  );

  test('any of them ends with everybody once', async () => {
    expect(await wipeAll(stage.deps)).toMatchObject({ isThrough: true, stoppedBy: null, failed: 0 });
    expect(await sql('select link, count(*)::int as people from wipes group by 1 order by 1')).toEqual([
      { link: 'kept', people: KEPT },
      { link: 'local', people: PEOPLE - KEPT },
    ]);
    expect(await sql('select max(unlinked) as most, sum(unlinked)::int as unlinked from there')).toEqual([
      { most: 1, unlinked: PEOPLE - KEPT },
    ]);
    for (const action of ['ledger.cut-over', 'ledger.retire', 'retirement.wiped'])
      expect(
        await sql(
          'select count(*)::int as records, count(distinct subject)::int as people from audit_log where action = $1',
          [action],
        ),
      ).toEqual([{ records: PEOPLE, people: PEOPLE }]);
  });
});

describe('a wipe said again', () => {
  test('looks only at those whose link was kept', async () => {
    expect(await wipeAll(stage.deps)).toMatchObject({ people: KEPT, before: PEOPLE - KEPT, retired: 0 });
  });

  test('takes what has come back only where it looks at everybody', async () => {
    const [sub] = [subOf(1)];
    await sql(
      `insert into captured_passwords (target, sub, sealed, made_of, reason) values ($1, $2, 'x', 'x', 'x')`,
      [TARGET, sub],
    );
    await wipeAll(stage.deps);
    expect(await sql('select sub from captured_passwords')).toEqual([{ sub }]);
    expect(await wipeAll(stage.deps, { again: true })).toMatchObject({ wiped: { captured_passwords: 1 } });
    expect(await sql('select sub from captured_passwords')).toEqual([]);
    expect(await sql('select wiped from wipes where sub = $1', [sub])).toEqual([
      { wiped: { captured_passwords: 1, ledger: 1 } },
    ]);
  });
});

describe('secrets that cannot be wiped', () => {
  test('leave the person as they were, and are told as our failure', async () => {
    const sub = 'shop:900';
    await sql(
      `insert into ledger (target, sub, state, from_state, target_user_id) values ($1, $2, 'migrated', 'created', $3)`,
      [TARGET, sub, `user-${sub}`],
    );
    const left = async () => [{ place: 'captured_passwords', rows: 1 }];
    const run = await wipeAll({ ...stage.deps, secrets: { ...stage.deps.secrets, left } });
    expect(run).toMatchObject({ failed: 1, problems: [{ sub, code: 'internal' }] });
    expect(await sql('select state from ledger where sub = $1', [sub])).toEqual([{ state: 'migrated' }]);
    expect(await sql('select 1 from wipes where sub = $1', [sub])).toEqual([]);
  });

  test('of somebody who is deleted are wiped, and the tombstone stays', async () => {
    const sub = 'shop:900';
    const { deps } = stage;
    const common = { target: TARGET, sub, actor: 'operator:erika', subject: deps.pseudonym(sub) };
    await move(deps.db, { ...common, event: 'delete' });
    expect(await wipeAll(deps)).toMatchObject({ links: { none: 1 }, retired: 0 });
    expect(await sql('select state from ledger where sub = $1', [sub])).toEqual([{ state: 'deleted' }]);
  });
});

test('two wipes at once do nobody twice, and neither takes the other for a failure', async () => {
  await sql(
    `insert into ledger (target, sub, state, from_state, target_user_id)
      select $1, 'late:' || i, 'migrated', 'created', 'late-' || i from generate_series(1, 12) i`,
    [TARGET],
  );
  const runs = await Promise.all([wipeAll(stage.deps), wipeAll(stage.deps)]);
  expect(runs.map(({ failed, isThrough }) => [failed, isThrough])).toEqual([
    [0, true],
    [0, true],
  ]);
  const late = `subject in (select subject from audit_log group by subject having count(*) filter (where action = 'ledger.retire') > 1)`;
  expect(await sql(`select 1 from audit_log where ${late}`)).toEqual([]);
  expect(await sql(`select count(*)::int as people from wipes where sub like 'late:%'`)).toEqual([
    { people: 12 },
  ]);
});
