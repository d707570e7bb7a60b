/** What an operator asks of batches, and does to them: on real rows, whose outcomes are arranged as the engine leaves them. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COLUMNS } from '../../../src/admin/batch/error-lines.ts';
import type { Desk, Operation, Progress } from '../../../src/admin/operation.ts';
import { batchDrop } from '../../../src/admin/operations/batch-drop.ts';
import { batchExportErrors } from '../../../src/admin/operations/batch-export-errors.ts';
import { batchList } from '../../../src/admin/operations/batch-list.ts';
import { batchPause } from '../../../src/admin/operations/batch-pause.ts';
import { batchReplay } from '../../../src/admin/operations/batch-replay.ts';
import { batchResume } from '../../../src/admin/operations/batch-resume.ts';
import { batchStatus } from '../../../src/admin/operations/batch-status.ts';
import { batchTune } from '../../../src/admin/operations/batch-tune.ts';
import { batchUsers } from '../../../src/admin/operations/batch-users.ts';
import type { Outcome, UserProblem } from '../../../src/migration/batch/batch.ts';
import type { PlanStage } from './plan-stage.ts';
import { openPlanStage, run } from './plan-stage.ts';

let stage: PlanStage;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-batches-'));
  stage = await openPlanStage();
});
afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

let serial = 0;

/** A batch of `shop:1` and so on, planned. */
async function planned(people: number): Promise<string> {
  serial += 1;
  const id = `batch-${serial}`;
  const { batches, actor } = stage.desk;
  await batches.begin({
    id,
    target: 'main',
    plan: { states: ['active'] },
    actor,
    size: 50,
    perSecond: 20,
    workers: 2,
  });
  const members = Array.from({ length: people }, (_, i) => ({
    sub: `shop:${i + 1}`,
    legacyId: String(i + 1),
    rank: i,
  }));
  for (let at = 0; at < people; at += 1_000)
    await batches.add(id, members.slice(at, at + 1_000), members.at(-1)!.sub);
  await batches.planned(id, { selected: people });
  return id;
}

async function running(people: number): Promise<string> {
  const id = await planned(people);
  await stage.desk.batches.start(id);
  return id;
}

/** As the engine leaves them: the first so many of those who wait. */
async function come(id: string, outcome: Outcome, users: number, problem?: UserProblem): Promise<void> {
  await stage.sql(
    `update batch_users set outcome = $2, problem = $3, attempts = 3, finished_at = now(), target_user_id = 'there-' || sub
     where (batch, sub) in (select batch, sub from batch_users where batch = $1 and outcome is null order by rank limit $4)`,
    [id, outcome, problem ? JSON.stringify(problem) : null, users],
  );
  await stage.sql(
    `insert into batch_counts (batch, worker, outcome, users) values ($1, 'w', $2, $3)
     on conflict (batch, worker, outcome) do update set users = batch_counts.users + excluded.users`,
    [id, outcome, users],
  );
}

const MISSING_EMAIL = { code: 'email_missing', sentence: 'The person has no address.' };
const INVALID = {
  code: 'target:COMMAND-x',
  sentence: 'Errors.Invalid',
  detail: '=HYPERLINK("http://x.example")',
};
const LACKS = {
  code: 'password_missing',
  sentence: 'Something could not be carried over.',
  missing: [{ what: 'password', code: 'untranslatable_algorithm' } as const],
};

/** Ten people: five moved, one without a password, three dead letters, one to go. */
async function mixed(): Promise<string> {
  const id = await running(10);
  await come(id, 'migrated', 5);
  await come(id, 'created', 1, LACKS);
  await come(id, 'failed', 2, MISSING_EMAIL);
  await come(id, 'failed', 1, INVALID);
  return id;
}

const ask = (operation: Operation, given: object, options = {}, desk: Desk = stage.desk) =>
  run(desk, operation, given, options);
const doIt = { execute: true };

describe('batch list', () => {
  test('shows each batch with how far it has come', async () => {
    const id = await mixed();
    const { text, output } = await ask(batchList, {});
    expect(text).toMatch(new RegExp(`${id} +main +running +90\\.0 % +█+░* +10 +3 `));
    expect(JSON.stringify(output)).not.toContain('selected');
    expect((await ask(batchList, { target: 'other' })).text).toContain('There are no batches');
  });
});

describe('batch status', () => {
  test('says how many are where, why, and what to do', async () => {
    const id = await mixed();
    const { output, text, wrong } = await ask(batchStatus, { batch: id, look: '0' });
    expect(output).toMatchObject({
      state: 'running',
      done: 9,
      perSecond: 20,
      usersPerSecond: null,
      counts: { users: 10, migrated: 5, created: 1, failed: 3, waiting: 1 },
    });
    expect(text).toContain('90.0 %  9 of 10');
    expect(text).toMatch(/2 +failed +email_missing +.*placeholders\.email.*replay once it is mended/);
    expect(text).toMatch(/1 +created +password_missing/);
    expect(text).toMatch(/1 +failed +target:COMMAND-x/);
    expect(text).toContain(`footbridge batch replay ${id} --execute`);
    expect(text).toContain('50 people per call, 2 calls at once on each server, at most 20 per second');
    expect(wrong).toBe(true);
  });

  test('looks twice at a running one, and tells how fast it is', async () => {
    const id = await running(100);
    const { batches } = stage.desk;
    let looks = 0;
    const status: typeof batches.status = async (name) => {
      looks += 1;
      if (looks === 2) await come(id, 'migrated', 40);
      return batches.status(name);
    };
    const desk = { ...stage.desk, batches: { ...batches, status } };
    const { output, text } = await ask(batchStatus, { batch: id, look: '0.05' }, {}, desk);
    expect(looks).toBe(2);
    expect(output.usersPerSecond).toBeGreaterThan(0);
    expect(output.secondsLeft).toBeGreaterThan(0);
    expect(text).toMatch(/40\.0 % {2}40 of 100, [\d,.]+ per second, (about|less than a) .* left/);
  });

  test('gives the reason when it stands still, and what to do about it', async () => {
    const id = await running(2);
    await stage.desk.batches.pause(id, {
      code: 'too_many_failures',
      sentence: 'More than a fifth have failed.',
    });
    const { text, wrong } = await ask(batchStatus, { batch: id });
    expect(text).toContain('too_many_failures: More than a fifth have failed.');
    expect(text).toContain(`What to do: See the codes (footbridge batch status ${id})`);
    expect(wrong).toBe(true);
  });

  test.each([
    ['planned', 'footbridge batch run'],
    ['planning', 'footbridge batch drop'],
    ['done', 'footbridge batch verify'],
    ['undone', 'undone'],
  ])('of one that is %s says what comes next', async (state, next) => {
    const id = await planned(1);
    await stage.sql('update batches set state = $2 where id = $1', [id, state]);
    const { text, wrong } = await ask(batchStatus, { batch: id });
    expect(text).toContain(next);
    expect(wrong).toBe(false);
  });

  test('finds no batch that is not there', async () => {
    await expect(ask(batchStatus, { batch: 'nothing' })).rejects.toMatchObject({ code: 'batch_not_found' });
  });
});

describe('batch pause and batch resume', () => {
  test('stop a batch and let it go on, with an audit record each', async () => {
    const id = await running(3);
    expect((await ask(batchPause, { batch: id })).text).toContain('Nothing was changed');
    expect(await stage.desk.batches.status(id)).toMatchObject({ state: 'running' });
    expect((await ask(batchPause, { batch: id }, doIt)).text).toContain(
      `footbridge batch resume ${id} --execute`,
    );
    expect(await stage.desk.batches.status(id)).toMatchObject({
      state: 'paused',
      note: { code: 'paused_by_operator' },
    });
    expect((await ask(batchResume, { batch: id })).text).toContain(
      'It was paused: An operator has paused it.',
    );
    expect(await stage.desk.batches.status(id)).toMatchObject({ state: 'paused' });
    await ask(batchResume, { batch: id }, doIt);
    expect(await stage.desk.batches.status(id)).toMatchObject({ state: 'running', note: null });
    for (const action of ['batch.paused', 'batch.resumed'])
      expect(await stage.audits(action)).toContainEqual({ actor: 'operator:test', detail: { batch: id } });
  });

  test('refuse a batch in another state, dry or not', async () => {
    const id = await planned(1);
    for (const options of [{}, doIt]) {
      await expect(ask(batchPause, { batch: id }, options)).rejects.toMatchObject({ code: 'batch_state' });
      await expect(ask(batchResume, { batch: id }, options)).rejects.toMatchObject({
        code: 'batch_state',
        detail: expect.stringContaining('batch run'),
      });
    }
  });
});

describe('batch tune', () => {
  test('changes only what is given, also while it runs', async () => {
    const id = await running(1);
    const dry = await ask(batchTune, { batch: id, size: '80' });
    expect(dry.text).toContain('Then:   80 people per call');
    expect(await stage.desk.batches.status(id)).toMatchObject({ size: 50 });
    await ask(batchTune, { batch: id, size: '80' }, doIt);
    expect(await stage.desk.batches.status(id)).toMatchObject({ size: 80, perSecond: 20, workers: 2 });
    const { text } = await ask(batchTune, { batch: id, perSecond: '0', workers: '4' }, doIt);
    expect(text).toContain('as fast as the target takes them');
    expect(await stage.desk.batches.status(id)).toMatchObject({ size: 80, perSecond: null, workers: 4 });
    expect(await stage.audits('batch.tuned')).toContainEqual({
      actor: 'operator:test',
      detail: { batch: id, size: 80, perSecond: null, workers: 4 },
    });
  });

  test('refuses nothing at all, more than the target takes, and what is over', async () => {
    const id = await running(1);
    await expect(ask(batchTune, { batch: id }, doIt)).rejects.toMatchObject({ code: 'bad_request' });
    await expect(ask(batchTune, { batch: id, size: '101' })).rejects.toMatchObject({
      detail: expect.stringContaining('at most 100'),
    });
    await stage.sql(`update batches set state = 'done' where id = $1`, [id]);
    await expect(ask(batchTune, { batch: id, workers: '1' }, doIt)).rejects.toMatchObject({
      code: 'batch_state',
    });
  });
});

describe('batch replay', () => {
  test('sends all dead letters again, and says of each code whether it helps', async () => {
    const id = await mixed();
    const dry = await ask(batchReplay, { batch: id });
    expect(dry.text).toContain('Would send again in');
    expect(dry.text).toMatch(/2 {2}email_missing: replay once it is mended\./);
    expect(dry.output).toMatchObject({ users: 3, executed: false });
    expect((await ask(batchReplay, { batch: id }, doIt)).output).toMatchObject({ users: 3, executed: true });
    expect((await stage.desk.batches.status(id)).counts).toMatchObject({ failed: 0, waiting: 4, created: 1 });
  });

  test('sends those with one code, or one person', async () => {
    const id = await mixed();
    await stage.sql(`update batches set state = 'done' where id = $1`, [id]);
    expect((await ask(batchReplay, { batch: id, code: 'email_missing' }, doIt)).output).toMatchObject({
      users: 2,
    });
    expect(await stage.desk.batches.status(id)).toMatchObject({ state: 'running' });
    const { output } = await ask(batchReplay, { batch: id, user: 'shop:9' }, doIt);
    expect(output).toMatchObject({ users: 1 });
    expect((await ask(batchReplay, { batch: id, user: 'shop:1' }, doIt)).text).toContain(
      'no such dead letter',
    );
    const [record] = await stage.desk.audit.records({ sub: 'shop:9', action: 'batch.replayed' });
    expect(record).toMatchObject({ detail: { batch: id, users: 1 } });
    expect(JSON.stringify(record)).not.toContain('shop:9');
  });

  test('refuses a batch of which nobody was sent', async () => {
    const id = await planned(1);
    await expect(ask(batchReplay, { batch: id })).rejects.toMatchObject({ code: 'batch_state' });
  });
});

describe('batch drop', () => {
  test('forgets a plan, with its people', async () => {
    const id = await planned(3);
    expect((await ask(batchDrop, { batch: id })).text).toContain('Would forget');
    expect(await stage.desk.batches.status(id)).toMatchObject({ counts: { users: 3 } });
    await ask(batchDrop, { batch: id }, doIt);
    await expect(stage.desk.batches.status(id)).rejects.toMatchObject({ code: 'batch_not_found' });
    expect(await stage.sql('select 1 from batch_users where batch = $1', [id])).toEqual([]);
    expect(await stage.audits('batch.dropped')).toContainEqual({
      actor: 'operator:test',
      detail: { batch: id, target: 'main', users: 3 },
    });
  });

  test('forgets nothing that was begun', async () => {
    const id = await running(1);
    for (const options of [{}, doIt])
      await expect(ask(batchDrop, { batch: id }, options)).rejects.toMatchObject({ code: 'batch_state' });
  });
});

describe('batch users', () => {
  test('lists page by page, each person once, in the batch’s order', async () => {
    const id = await planned(25);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const { output } = await ask(batchUsers, { batch: id, limit: '10', ...(after ? { after } : {}) });
      const { users, next } = output as { users: { sub: string }[]; next?: string };
      seen.push(...users.map(({ sub }) => sub));
      after = next;
    } while (after);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `shop:${i + 1}`));
  });

  test('are found by outcome and code', async () => {
    const id = await mixed();
    const listed = async (given: object) => (await ask(batchUsers, { batch: id, ...given })).text;
    expect((await listed({ outcome: 'waiting' })).split('\n')).toHaveLength(2);
    expect(await listed({ code: 'email_missing' })).toContain('email_missing: The person has no address.');
    expect(await listed({ outcome: 'created' })).toContain('Missing: password: untranslatable_algorithm.');
    expect(await listed({ outcome: 'there' })).toBe('Nobody.');
  });

  test.each(['1', ':shop:1', '1:', 'a:shop:1', '1:with blank'])(
    'go on after no place like “%s”',
    async (after) => {
      await expect(ask(batchUsers, { batch: 'x', after })).rejects.toThrow('as `next`');
    },
  );
});

describe('batch export-errors', () => {
  const rows = (text: string) => parse(text, { columns: true }) as Record<string, string>[];

  test('writes CSV that other programs read, and no spreadsheet computes', async () => {
    const id = await mixed();
    const { text } = await ask(batchExportErrors, { batch: id });
    expect(text.split('\n')[0]).toBe(`${COLUMNS.join(',')}\r`);
    const read = rows(`${text}\n`);
    expect(read.map(({ sub, outcome, code }) => [sub, outcome, code])).toEqual([
      ['shop:7', 'failed', 'email_missing'],
      ['shop:8', 'failed', 'email_missing'],
      ['shop:9', 'failed', 'target:COMMAND-x'],
      ['shop:6', 'created', 'password_missing'],
    ]);
    expect(read[0]).toMatchObject({ legacy_id: '7', replay: 'mended', failed_tries: '3' });
    expect(read[0]?.what_to_do).toContain('placeholders.email');
    expect(read[2]?.detail).toBe(`'=HYPERLINK("http://x.example")`);
    expect(read[3]?.missing).toBe('password: untranslatable_algorithm');
  });

  test('writes JSON lines', async () => {
    const id = await mixed();
    const { text } = await ask(batchExportErrors, { batch: id, format: 'jsonl', outcome: 'failed' });
    const lines = text.split('\n').map((line) => JSON.parse(line) as Record<string, string>);
    expect(lines).toHaveLength(3);
    expect(Object.keys(lines[0] ?? {})).toEqual([...COLUMNS]);
    expect(lines[2]?.detail).toBe('=HYPERLINK("http://x.example")');
  });

  test('goes on after what an answer had room for, and says so beside it', async () => {
    const id = await mixed();
    const seen: string[] = [];
    const progress: Progress[] = [];
    let after: string | undefined;
    do {
      const given = { batch: id, format: 'jsonl', limit: '1', ...(after ? { after } : {}) };
      const { output } = await ask(batchExportErrors, given, { progress });
      const { lines, next } = output as { lines: string[]; next?: string };
      seen.push(...lines.map((line) => (JSON.parse(line) as { sub: string }).sub));
      after = next;
    } while (after);
    expect(seen).toEqual(['shop:7', 'shop:8', 'shop:9', 'shop:6']);
    expect(progress.at(0)?.note).toMatchObject({
      code: 'more',
      sentence: expect.stringContaining('failed/'),
    });
    const bad = { batch: id, after: 'failed/nowhere' };
    await expect(ask(batchExportErrors, bad)).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('writes a file of any length for its owner only, and over none', async () => {
    const id = await running(2_300);
    await come(id, 'failed', 2_300, MISSING_EMAIL);
    const file = join(folder, 'errors.csv');
    const { text } = await ask(batchExportErrors, { batch: id, output: file });
    expect(text).toBe(`${file} is written: 2,300 people.`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(new Set(rows(readFileSync(file, 'utf8')).map(({ sub }) => sub)).size).toBe(2_300);
    await expect(ask(batchExportErrors, { batch: id, output: file })).rejects.toMatchObject({
      detail: expect.stringContaining('EEXIST'),
    });
    const { setup: _, ...api } = stage.desk;
    const other = { batch: id, output: join(folder, 'other.csv') };
    await expect(ask(batchExportErrors, other, {}, api as Desk)).rejects.toMatchObject({
      code: 'bad_request',
    });
  });

  test('of nobody is a head and nothing else', async () => {
    const id = await planned(1);
    expect((await ask(batchExportErrors, { batch: id })).text).toBe(`${COLUMNS.join(',')}\r`);
    expect((await ask(batchExportErrors, { batch: id, format: 'jsonl' })).text).toBe('');
  });
});
