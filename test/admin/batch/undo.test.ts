/** What an operator reads before taking a batch back, and after; and what was kept, written out. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Desk, Progress } from '../../../src/admin/operation.ts';
import { batchExportKept } from '../../../src/admin/operations/batch-export-kept.ts';
import { batchUndo } from '../../../src/admin/operations/batch-undo.ts';
import { move } from '../../../src/migration/ledger.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import type { UndoStage } from '../../migration/batch/undo-stage.ts';
import { openUndoStage } from '../../migration/batch/undo-stage.ts';
import { run } from './plan-stage.ts';

let stage: UndoStage;
let desk: Desk;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-undo-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => stage.close());

async function open(users: number): Promise<void> {
  stage = await openUndoStage(users);
  const { keyring, directory, targets } = stage.deps;
  desk = {
    ...{ db: stage.db, keyring, directory, targets, batches: stage.batches },
    audit: openAuditLog({ db: stage.db, keyring }),
    actor: 'operator:test',
    setup: { issuer: 'https://id.example.com', clients: [], configFile: 'footbridge.yaml' },
  } as object as Desk;
}

interface Told {
  readonly state: string;
  readonly who: string;
  readonly foresight?: Record<
    string,
    Record<string, { people: number; about: number; examples: string[] }>
  > & {
    people: number;
    looked: number;
    isSample: boolean;
  };
  readonly done?: { readonly tally: Record<string, number> };
  readonly isInterrupted: boolean;
}
const undo = (given: object, options = {}) => run<Told>(desk, batchUndo, { batch: 'b', ...given }, options);
const doIt = { execute: true };
const people = () => stage.target.people.size;

describe('batch undo, dry', () => {
  test('says who would be removed, unlinked and refused, what would be lost, and changes nothing', async () => {
    await open(12);
    stage.putThere('shop:1');
    await stage.legacySql(`update people set password = 'no hash at all' where id = 2`);
    await stage.brought('b');
    stage.target.sessionsOf = async (id) =>
      id === stage.idOf('shop:3') ? [{ id: 's', targetUserId: id, startedAt: Date.now() / 1_000 + 1 }] : [];
    stage.change('shop:2', { hasPassword: true });
    stage.change('shop:4', { email: { address: 'new@example.net', isVerified: true }, hasTotp: true });
    stage.change('shop:5', { metadata: { theme: 'dark' }, state: 'inactive' });
    await stage.target.remove(stage.idOf('shop:6'));
    const common = { target: 'main', actor: 'operator:x', subject: stage.deps.pseudonym('shop:7') };
    await move(stage.db, { ...common, sub: 'shop:7', event: 'cut-over' });
    await stage.legacySql('update people set active = false where id = 8');
    const before = await stage.sql('select row_to_json(b)::text as b from batch_users b order by sub');
    const { output, text, wrong } = await undo({});
    expect(output.foresight).toMatchObject({
      ...{ people: 12, looked: 12, isSample: false, tellsSessions: true },
      will: {
        remove: { people: 9 },
        unlink: { people: 1, examples: ['shop:1'] },
        nothing: { people: 1, examples: ['shop:6'] },
        refused: { people: 1 },
      },
      refusals: { cut_over: { people: 1, examples: ['shop:7'] } },
      lost: {
        loggedIn: { examples: ['shop:3'] },
        password: { examples: ['shop:2'] },
        secondFactor: { examples: ['shop:4'] },
        inactive: { examples: ['shop:5'] },
        roles: { people: 0 },
      },
      fields: { email: { examples: ['shop:4'] }, metadata: { people: 1 }, state: { people: 1 } },
      disabled: { examples: ['shop:8'] },
    });
    expect(text).toContain('Would take back 12 people of b from main');
    expect(text).toMatch(/1 +only unlinked: .* +shop:1/);
    expect(text).toMatch(/1 +were cut over/);
    expect(text).toMatch(/1 +have logged in at the target since/);
    expect(text).toContain('Whether somebody has replaced a password that we brought, no target tells');
    expect(text).toContain('Nothing was changed: add --execute.');
    expect(text).not.toContain('new@example.net');
    expect(wrong).toBe(true);
    expect(await stage.sql('select row_to_json(b)::text as b from batch_users b order by sub')).toEqual(
      before,
    );
    expect(await stage.batches.status('b')).toMatchObject({ state: 'done' });
    expect(people()).toBe(11);
  });

  test('says so where the target does not tell who has logged in, and nobody has changed anything', async () => {
    await open(2);
    await stage.brought('b');
    const { text, wrong } = await undo({});
    expect(text).toContain('Who has logged in there, this target does not tell.');
    expect(text).toContain('Nobody is known to have changed anything at the target.');
    expect(wrong).toBe(false);
  });

  test('names those whom it leaves alone', async () => {
    await open(4);
    stage.target.refuses = ({ legacyId }) =>
      legacyId === '1' ? { kind: 'refused', code: 'BAD', sentence: 'No.' } : undefined;
    await stage.legacySql('update people set active = false where id = 2');
    await stage.brought('b');
    const { output, text } = await undo({});
    expect(output).toMatchObject({
      leftAlone: { there: 0, skipped: 1, failed: 1, waiting: 0 },
      foresight: { people: 2 },
    });
    expect(text).toContain('1 are dead letters');
  });

  test('of more than a thousand looks at a thousand, as chance has it, and says that it estimates', async () => {
    await open(1_200);
    await stage.brought('b', { size: 200 });
    const { output, text } = await undo({});
    expect(output.foresight).toMatchObject({ people: 1_200, looked: 1_000, isSample: true });
    expect(output.foresight?.will?.remove).toMatchObject({ people: 1_000, about: 1_200 });
    expect(text).toContain('1,000 of them were looked at, as chance has it');
    const part = { emailDomains: 'example.com', lastLoginBefore: '2099-01-01' };
    expect((await undo(part)).output.foresight).toMatchObject({ looked: 1_000, isSample: true });
    const { output: one } = await undo({ user: 'shop:1100' });
    expect(one.foresight).toMatchObject({ people: 1, looked: 1, isSample: false });
  });

  test('throws where the target does not answer', async () => {
    await open(2);
    await stage.brought('b');
    stage.target.userById = () => Promise.reject(new Error('away'));
    await expect(undo({})).rejects.toThrow('away');
  });
});

describe('batch undo, executed', () => {
  test('says what was done, and where what was kept is', async () => {
    await open(5);
    await stage.brought('b');
    stage.change('shop:4', { metadata: { theme: 'dark' } });
    const progress: Progress[] = [];
    const { output, text, wrong } = await undo({}, { ...doIt, progress });
    expect(output).toMatchObject({ state: 'undone', done: { tally: { removed: 5, kept: 1 } } });
    expect(text).toContain('Batch b to main: undone');
    expect(text).toContain('footbridge batch export-kept b --output FILE');
    expect(progress.at(-1)).toMatchObject({ users: 5, total: 5, failed: 0 });
    expect({ wrong, people: people() }).toEqual({ wrong: false, people: 0 });
  });

  test('names who could not be taken back, and why', async () => {
    await open(3);
    await stage.brought('b');
    await stage.legacySql('delete from people where id = 2');
    const { text, wrong } = await undo({}, doIt);
    expect(text).toMatch(/shop:2 +legacy_user_gone +The legacy store has nobody of this id any more/);
    expect(wrong).toBe(true);
    expect(people()).toBe(1);
    expect((await undo({})).text).toContain('It is being undone already');
    const dry = await undo({ stop: true });
    expect(dry.text).toContain('Would end it');
    expect(await stage.batches.status('b')).toMatchObject({ state: 'undoing' });
    expect((await undo({ stop: true }, doIt)).output.state).toBe('done');
  });

  test('takes a part, by filters as a plan has them', async () => {
    await open(4);
    await stage.legacySql(`update people set email = 'x' || id || '@other.example' where id <= 2`);
    await stage.brought('b');
    const part = { emailDomains: 'other.example,third.example' };
    expect((await undo(part)).output).toMatchObject({
      who: 'people, with a verified address at other.example or third.example',
      foresight: { people: 2 },
    });
    expect((await undo(part, doIt)).output).toMatchObject({ state: 'done', done: { tally: { removed: 2 } } });
    const both = { neverLoggedIn: true, lastLoginAfter: '90d' };
    for (const given of [both, { stop: true, user: 'shop:1' }])
      await expect(undo(given)).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('refuses a batch that runs, dry or not', async () => {
    await open(2);
    await stage.planned('b');
    await stage.batches.start('b');
    for (const options of [{}, doIt])
      await expect(undo({}, options)).rejects.toMatchObject({
        code: 'batch_state',
        detail: expect.stringContaining('footbridge batch pause b'),
      });
  });

  test('over the API is cut off after a while, and goes on when it is said again', async () => {
    await open(6);
    await stage.brought('b');
    const { remove } = stage.target;
    let calls = 0;
    const abort = new AbortController();
    stage.target.remove = async (id) => {
      calls += 1;
      if (calls === 2) abort.abort();
      return remove(id);
    };
    const input = batchUndo.input.parse({ batch: 'b' });
    const cut = (await batchUndo.run(desk, input, { execute: true, signal: abort.signal })) as Told;
    expect(cut).toMatchObject({ state: 'undoing', isInterrupted: true });
    expect(batchUndo.print(cut)).toContain('say it again, and it goes on where it was');
    const end = (await batchUndo.run(desk, input, { execute: true })) as Told;
    expect(end).toMatchObject({ state: 'undone', isInterrupted: false });
    expect(people()).toBe(0);
  });
});

describe('batch export-kept', () => {
  interface Kept {
    readonly users: number;
    readonly unreadable: number;
    readonly lines: readonly string[];
    readonly next?: string;
  }
  const kept = (given: object = {}, options = {}, at = desk) =>
    run<Kept>(at, batchExportKept, { batch: 'b', ...given }, options);

  async function undone(users: number): Promise<void> {
    await open(users + 1);
    await stage.brought('b');
    for (let n = 1; n <= users; n += 1) stage.change(`shop:${n}`, { metadata: { n: String(n) } });
    await undo({}, doIt);
  }

  test('writes a line per person, each field with the old value and the new one', async () => {
    await undone(3);
    const { output, text } = await kept();
    expect(output.users).toBe(3);
    const [first, ...others] = text.split('\n').map((line) => JSON.parse(line));
    expect(others.map(({ sub }) => sub)).toEqual(['shop:2', 'shop:3']);
    expect(first).toEqual({
      sub: 'shop:1',
      legacy_id: '1',
      target_user_id: stage.idOf('shop:1'),
      undone: 'removed',
      fields: { metadata: { old: { n: null }, new: { n: '1' } } },
    });
    expect(await desk.audit.records({ action: 'batch.kept-exported' })).toMatchObject([
      { actor: 'operator:test', detail: { batch: 'b', target: 'main', file: false } },
    ]);
  });

  test('goes on after what an answer had room for, and writes files for their owner only', async () => {
    await undone(5);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const { output } = await kept({ limit: '2', ...(after ? { after } : {}) });
      seen.push(...output.lines.map((line) => JSON.parse(line).sub));
      after = output.next;
    } while (after);
    expect(seen).toEqual(['shop:1', 'shop:2', 'shop:3', 'shop:4', 'shop:5']);
    const file = join(folder, 'kept.jsonl');
    expect((await kept({ output: file })).text).toBe(`${file} is written: 5 people.`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').trimEnd().split('\n').length).toBe(5);
    await expect(kept({ output: file })).rejects.toMatchObject({ detail: expect.stringContaining('EEXIST') });
    const { setup: _, ...api } = desk;
    await expect(kept({ output: join(folder, 'x') }, {}, api as Desk)).rejects.toMatchObject({
      code: 'bad_request',
    });
  });

  test('says of whom nothing can be opened any more', async () => {
    await undone(1);
    const { keyring } = desk;
    const other = { ...desk, keyring: { ...keyring, open: () => undefined } } as Desk;
    const { output, wrong } = await kept({}, {}, other);
    expect(output).toMatchObject({ users: 1, unreadable: 1 });
    expect(JSON.parse(output.lines[0]!)).toMatchObject({ sub: 'shop:1', fields: null });
    expect(wrong).toBe(true);
  });

  test('of nobody is nothing, and of no batch an error', async () => {
    await open(1);
    await stage.brought('b');
    await undo({}, doIt);
    expect((await kept()).text).toBe('');
    await expect(kept({ batch: 'nothing' })).rejects.toMatchObject({ code: 'batch_not_found' });
  });
});
