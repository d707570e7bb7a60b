/** Plans over a real store: who is in, who is left out and why, what would be sent, and what is written down. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlanOutput } from '../../../src/admin/batch/plan-sections.ts';
import type { Desk, Progress } from '../../../src/admin/operation.ts';
import { batchPlan } from '../../../src/admin/operations/batch-plan.ts';
import { capturePart, fingerprintOf } from '../../../src/migration/captured-passwords.ts';
import type { PlanStage, Row } from './plan-stage.ts';
import { BCRYPT, day, openPlanStage, run, SEED, SHA1 } from './plan-stage.ts';

const PEOPLE: readonly Row[] = [
  { login: 'anna', seen: day(1), role: 'buyer' }, // 1
  { login: 'bob', seen: day(40), hash: SHA1 },
  { login: 'carl', seen: day(200), seed: SEED }, // 3
  { login: 'dora', seen: day(2_000), hash: 'rubbish' },
  { login: 'emil', email: null }, // 5
  { login: 'fay', seen: day(2), blocked: '1' },
  { login: 'gil', seen: day(3), hash: SHA1, role: 'seller' }, // 7
  { login: 'hal', blocked: 'perhaps' },
  { login: 'ida', hash: null, seen: day(20) }, // 9
  { login: 'jon' },
  { login: 'kim' }, // 11
  { login: 'leo' },
];

let stage: PlanStage;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-plan-'));
  stage = await openPlanStage({ people: PEOPLE });
  await stage.happens('shop:10', 'exclude');
  await stage.happens('shop:11', 'enqueue');
  await stage.happens('shop:11', 'create', 'there-11');
  await stage.happens('shop:12', 'enqueue');
  await stage.happens('shop:12', 'create', 'there-12');
  await stage.happens('shop:12', 'confirm');
});
afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

const plan = (given: object, options = {}, desk: Desk = stage.desk) =>
  run<PlanOutput>(desk, batchPlan, { target: 'main', ...given }, options);
const reasons = ({ report }: PlanOutput) =>
  Object.fromEntries(report.leftOut.map(({ code, users, examples }) => [code, [users, ...examples]]));
const members = async (id: string) =>
  (await stage.sql('select sub from batch_users where batch = $1 order by rank, sub', [id])).map(
    ({ sub }) => sub,
  );

describe('a dry run', () => {
  test('counts everybody once: in, or left out for a reason', async () => {
    const { output, text, wrong } = await plan({});
    const { report } = output;
    expect(report).toMatchObject({ read: 12, selected: 7 });
    expect(reasons(output)).toEqual({
      disabled: [1, 'shop:6'],
      cannot_be_mapped: [1, 'shop:8'],
      excluded: [1, 'shop:10'],
      incomplete: [1, 'shop:11'],
      there: [1, 'shop:12'],
    });
    expect(report.leftOut.reduce((sum, { users }) => sum + users, report.selected)).toBe(report.read);
    expect(report.unmappable).toMatchObject([{ sentence: 'blocked says neither yes nor no', users: 1 }]);
    expect(report.refused).toMatchObject([{ code: 'email_missing', users: 1, examples: ['shop:5'] }]);
    expect(wrong).toBe(true);
    expect(text).toContain('7 of 12 people, to main');
    expect(text).toContain('placeholders.email');
  });

  test('says what becomes of each format, and of a password whose second factor goes along', async () => {
    const { output, text } = await plan({});
    const { passwords, formats, belongings, withheld } = output.report;
    expect(passwords).toEqual({ carried: 3, conditional: 0, rehashed: 0, captured: 2, reset: 1, none: 1 });
    expect(Object.fromEntries(formats.map(({ format, users, fates }) => [format, [users, fates]]))).toEqual({
      bcrypt: [3, { carried: 3 }],
      'generic-hex_sha1': [2, { 'captured: untranslatable_algorithm': 2 }],
      auto: [1, { 'reset: unrecognised': 1 }],
    });
    expect(withheld).toBe(0);
    expect(belongings.totp).toEqual({ people: 1, go: 1 });
    expect(text).toMatch(/generic-hex_sha1 +2 +captured: untranslatable_algorithm +2 +shop:2/);
  });

  test('keeps the password of whose second factor the target does not compute', async () => {
    const other = await openPlanStage({
      people: [{ login: 'anna', seed: SEED }],
      mapping: { totp: { secret: 'seed', digits: { value: 8 } } },
    });
    const { output, text } = await plan({}, {}, other.desk);
    await other.close();
    expect(output.report).toMatchObject({ withheld: 1, passwords: { carried: 1 }, reset: { users: 1 } });
    expect(output.report.missing.map(({ code }) => code).sort()).toEqual([
      'password: second_factor_missing',
      'totp: totp_not_supported',
    ]);
    expect(output.sample.notes.join(' ')).toContain('shop:1 goes without password (second_factor_missing)');
    expect(text).toContain('stay here: the person’s second factor cannot go');
  });

  test('counts what was caught at a login already among what goes along', async () => {
    const other = await openPlanStage({ people: [{ login: 'bob', hash: SHA1, seen: day(1) }] });
    const owner = { target: 'main', sub: 'shop:1' };
    const { keyring, db, directory } = other.desk;
    const entry = await directory.findBySub('shop:1');
    const madeOf = fingerprintOf(keyring, owner, entry!.credentials.passwords);
    expect((await plan({}, {}, other.desk)).output.report).toMatchObject({
      caught: 0,
      atLogin: { users: 1 },
    });
    const hash = { encoded: BCRYPT, format: 'bcrypt' };
    await db.runParts([capturePart(keyring, owner, { hash, madeOf, reason: 'no_hash' })], 'select 1');
    const { output } = await plan({}, {}, other.desk);
    await other.close();
    expect(output.report).toMatchObject({ caught: 1, atLogin: { users: 0 } });
    expect(JSON.stringify(output.sample.requests)).toContain('[secret, 60 characters]');
  });

  test('trusts no way of rewriting that has failed its proof', async () => {
    const other = await openPlanStage({ people: [{ login: 'anna' }] });
    await other.sql(
      `insert into blocked_rewrites (target, format, write) values ('main', 'bcrypt', 'bcrypt')`,
    );
    const { output } = await plan({}, {}, other.desk);
    await other.close();
    expect(output.report.passwords).toMatchObject({ carried: 0, captured: 1 });
    expect(output.report.formats[0]?.fates).toEqual({ 'captured: rewrite_blocked': 1 });
  });

  test('foresees how long it takes, and who comes by when', async () => {
    const { output, text } = await plan({ size: '2', perSecond: '1' });
    expect(output.pace).toEqual({ size: 2, perSecond: 1, workers: 2 });
    expect(output.report.sending).toMatchObject({ calls: 4, seconds: 7, limit: 'operator' });
    expect(output.report.atLogin).toEqual({
      users: 2,
      within30Days: 1,
      within90Days: 2,
      within365Days: 2,
      rest: 0,
    });
    expect(output.report.reset).toMatchObject({ users: 1, rest: 1 });
    expect(text).toContain('about 7 seconds');
    expect(text).toContain('1 person will have to choose a new password');
  });

  test('shows the payload of the first of the order, and none of their secrets', async () => {
    stage.previewed.length = 0;
    const { output, text } = await plan({ sample: '4', limit: '6' });
    expect(output.sample.subs).toEqual(['shop:1', 'shop:7', 'shop:9', 'shop:2']);
    expect(stage.previewed).toEqual([output.sample.subs]);
    const forms = [JSON.stringify(output), text, batchPlan.page?.(output) ?? ''];
    for (const form of forms)
      for (const secret of [BCRYPT, BCRYPT.slice(-31), SHA1, SEED]) expect(form).not.toContain(secret);
    expect(text).toContain('POST /import');
    expect(text).toContain('"username": "anna"');
    expect(text).toContain('"value": "[secret, 60 characters]"');
    expect((await plan({ sample: '0' })).output.sample).toMatchObject({ subs: [], requests: [] });
  });

  test('writes nothing down', async () => {
    const { output, text } = await plan({});
    expect(output).toMatchObject({ executed: false, members: 0 });
    expect(text).toContain('add --execute');
    expect(await stage.desk.batches.list()).toEqual([]);
  });

  test('is one page that loads nothing', async () => {
    const { output } = await plan({});
    const page = batchPlan.page?.(output) ?? '';
    expect(page).not.toMatch(/<script|src=|url\(|@import|href=/);
    expect(page).toContain("default-src 'none'");
  });

  test('tells how far it has come', async () => {
    const progress: Progress[] = [];
    await plan({}, { progress });
    expect(progress.at(-1)).toMatchObject({ users: 12, total: 12 });
  });
});

describe('who is asked for', () => {
  test('is narrowed down by filters, and the others are counted', async () => {
    const { output } = await plan({ roles: 'buyer,seller', lastLoginAfter: '30d' });
    expect(output.report).toMatchObject({ selected: 2, read: 12 });
    expect(reasons(output).not_asked?.[0]).toBeGreaterThan(0);
    expect(output.who).toContain('with the role buyer or seller');
  });

  test('is the first so many of the order', async () => {
    const { output } = await plan({ limit: '2', name: 'limited' }, { execute: true });
    expect(await members('limited')).toEqual(['shop:1', 'shop:7']);
    expect(reasons(output).beyond_limit?.[0]).toBe(5);
    await plan({ limit: '2', order: 'id', name: 'limited-id' }, { execute: true });
    expect(await members('limited-id')).toEqual(['shop:1', 'shop:2']);
    await plan({ limit: '1000', name: 'limited-all' }, { execute: true });
    expect(await members('limited-all')).toHaveLength(7);
  });

  test('is a list of subjects and ids, and nobody else is read', async () => {
    const file = join(folder, 'people.txt');
    writeFileSync(file, '\uFEFFshop:1\r\n7\n\n 404 \n1\n');
    const { output } = await plan({ list: file, name: 'listed' }, { execute: true });
    expect(output.report).toMatchObject({ read: 2, selected: 2 });
    expect(reasons(output)).toEqual({ not_in_store: [1, 'shop:404'] });
    expect(await members('listed')).toEqual(['shop:1', 'shop:7']);
    expect(output.who).toContain('of a list of 3');
    expect((await plan({ subs: '7,shop:1' })).output.report.selected).toBe(2);
  });

  test('is refused with the numbers of the lines that are nobody’s', async () => {
    const file = join(folder, 'bad.txt');
    writeFileSync(file, `shop:1\nwith blank\n7\n${'x'.repeat(300)}\n`);
    await expect(plan({ list: file })).rejects.toMatchObject({
      code: 'bad_request',
      detail: 'Neither a subject nor an id of the legacy store: line 2, line 4.',
    });
    await expect(plan({ subs: 'a b' })).rejects.toMatchObject({
      detail: expect.stringContaining('store: a b.'),
    });
    writeFileSync(file, '\n');
    await expect(plan({ list: file })).rejects.toMatchObject({ detail: 'The list is empty.' });
    await expect(plan({ list: join(folder, 'none') })).rejects.toMatchObject({
      detail: expect.stringContaining('ENOENT'),
    });
    await expect(plan({ list: file, subs: 'shop:1' })).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('is read from no file over HTTP', async () => {
    const { setup: _, ...api } = stage.desk;
    await expect(plan({ list: '/etc/hostname' }, {}, api as Desk)).rejects.toMatchObject({
      code: 'bad_request',
      detail: expect.stringContaining('Only the command line'),
    });
  });

  test('says so where the store has nobody', async () => {
    const empty = await openPlanStage();
    const { output, text } = await plan({}, { execute: true }, empty.desk);
    expect(output).toMatchObject({ executed: false, report: { read: 0, selected: 0 } });
    expect(text).toContain('Nobody fits');
    expect(await empty.desk.batches.list()).toEqual([]);
    await empty.close();
  });
});

describe('the target', () => {
  test.each(['fetching', 'unreached', 'nowhere'])('%s cannot be planned for', async (target) => {
    await expect(plan({ target })).rejects.toMatchObject({ code: 'target_without_api' });
  });

  test('takes no more people per call than it says', async () => {
    expect((await plan({})).output.pace.size).toBe(50);
    expect((await plan({ size: '100' })).output.pace.size).toBe(100);
    await expect(plan({ size: '101' })).rejects.toMatchObject({
      code: 'bad_request',
      detail: 'main takes at most 100 users per call; asked for 101 (--size).',
    });
  });
});

describe('with --execute', () => {
  test('everybody is written down with what was foreseen, and the next command is said', async () => {
    const { output, text } = await plan({ perSecond: '5' }, { execute: true });
    expect(output).toMatchObject({ executed: true, members: 7 });
    expect(output.id).toMatch(/^main-\d{8}-1$/);
    expect(text).toContain(`footbridge batch run ${output.id} --execute`);
    expect(await members(output.id)).toEqual([
      'shop:1',
      'shop:7',
      'shop:9',
      'shop:2',
      'shop:3',
      'shop:4',
      'shop:5',
    ]);
    const status = await stage.desk.batches.status(output.id);
    expect(status).toMatchObject({ state: 'planned', perSecond: 5, counts: { users: 7, waiting: 7 } });
    expect(status.report).toMatchObject({ selected: 7 });
    expect(JSON.stringify([status.plan, status.report])).not.toMatch(/anna|example\.com|secret/);
    expect(await stage.audits('batch.planned')).toContainEqual({
      actor: 'operator:test',
      detail: { batch: output.id, target: 'main', users: 7 },
    });
    expect((await plan({}, { execute: true })).output.id).toMatch(/^main-\d{8}-2$/);
  });

  test('a name that is taken by another plan is refused', async () => {
    await plan({ name: 'taken' }, { execute: true });
    await expect(plan({ name: 'taken' }, { execute: true })).rejects.toMatchObject({ code: 'batch_exists' });
  });

  test('a plan that was cut off goes on under its name, and nobody is in it twice', async () => {
    const people = Array.from({ length: 2_500 }, (_, i) => ({ login: `p${i}`, seen: day(i % 400) }));
    const large = await openPlanStage({ people });
    const { batches } = large.desk;
    let pages = 0;
    const failing = {
      ...large.desk,
      batches: {
        ...batches,
        add: async (...given: Parameters<typeof batches.add>) => {
          pages += 1;
          if (pages > 2) throw new Error('the power is gone');
          return batches.add(...given);
        },
      },
    };
    await expect(plan({}, { execute: true }, failing)).rejects.toThrow('the power is gone');
    const [cutOff] = await batches.list();
    expect(cutOff).toMatchObject({ state: 'planning', counts: { users: 2_000 } });

    const { output, text } = await plan({}, { execute: true }, large.desk);
    expect(output).toMatchObject({ id: cutOff?.id, members: 2_500, continuedFrom: 2_000 });
    expect(output.report).toMatchObject({ read: 2_500, selected: 2_500 });
    expect(text).toContain('which had written down 2,000 people');
    const [{ people: all, everybody } = {}] = await large.sql(
      'select count(*)::int as people, count(distinct sub)::int as everybody from batch_users',
    );
    expect([all, everybody]).toEqual([2_500, 2_500]);
    await large.close();
  });
});
