/** Each criterion by itself: it blocks what it is there for, and nothing else. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkSections } from '../../../src/admin/retire/check-text.ts';
import { CRITERIA, checkAll, missing } from '../../../src/admin/retire/criteria.ts';
import type { Facts, Terms } from '../../../src/admin/retire/facts.ts';
import type { ReconciliationReport } from '../../../src/migration/reconcile/report.ts';

const NOW = Date.parse('2027-06-15T12:00:00Z');
const TERMS: Terms = { quietDays: 30, reportDays: 7 };

const report = (more: object = {}): ReconciliationReport =>
  ({
    finishedAt: '2027-06-14T12:00:00Z',
    differences: { total: 0 },
    people: { unreadable: 0 },
    examples: {},
    checksum: 'c',
    ...more,
  }) as unknown as ReconciliationReport;

const WELL: Facts = {
  target: 'new-one',
  nowMs: NOW,
  logins: { proved: 0, lastAt: null, counted: [] },
  people: { states: { migrated: 10 }, left: [] },
  letters: { sync: 0, deliveries: 0, work: { waiting: 0, givenUp: 0 }, events: 0, legacyWrites: 0 },
  running: { batches: [], campaigns: [], phases: [] },
  report: report(),
  sync: { state: 'stopped', undone: [] },
  approvals: [],
  audit: { ok: true, problem: null },
  hooks: 0,
};
const left = (people: number) => [{ class: 'never' as const, people, examples: ['shop:7'] }];
const codes = (facts: Partial<Facts>, terms: Terms = TERMS) =>
  missing(checkAll({ ...WELL, ...facts }, terms)).map(({ code }) => code);

/** What makes each of them block; those that only people can know are in none. */
const WRONG: readonly (readonly [code: string, what: string, facts: Partial<Facts>])[] = [
  ['nobody_brokers', 'a proof', { logins: { ...WELL.logins, proved: 1, lastAt: new Date(NOW) } }],
  [
    'nobody_brokers',
    'a counted login',
    { logins: { ...WELL.logins, counted: [{ app: 'shop', logins: 2 }] } },
  ],
  ['everybody_there', 'somebody who never came', { people: { ...WELL.people, left: left(1) } }],
  ['everybody_there', 'a store that cannot be read', { people: { ...WELL.people, left: null } }],
  ['no_dead_letters', 'a dead change', { letters: { ...WELL.letters, sync: 1 } }],
  ['no_dead_letters', 'a queue that is away', { letters: { ...WELL.letters, sync: null } }],
  ['no_dead_letters', 'a logout that nobody heard', { letters: { ...WELL.letters, deliveries: 1 } }],
  ['no_dead_letters', 'a move given up', { letters: { ...WELL.letters, work: { waiting: 0, givenUp: 1 } } }],
  [
    'no_dead_letters',
    'a move that waits',
    { letters: { ...WELL.letters, work: { waiting: 1, givenUp: 0 } } },
  ],
  ['no_dead_letters', 'an event unlooked at', { letters: { ...WELL.letters, events: 1 } }],
  ['no_dead_letters', 'a write that waits', { letters: { ...WELL.letters, legacyWrites: 1 } }],
  ['nothing_runs', 'a batch', { running: { ...WELL.running, batches: [{ id: 'b', state: 'paused' }] } }],
  ['nothing_runs', 'letters', { running: { ...WELL.running, campaigns: [{ campaign: 'c', letters: 3 }] } }],
  ['nothing_runs', 'a phase', { running: { ...WELL.running, phases: [{ phase: 'p', state: 'running' }] } }],
  ['both_sides_equal', 'no comparison', { report: null }],
  ['both_sides_equal', 'an old one', { report: report({ finishedAt: '2027-06-01T00:00:00Z' }) }],
  ['both_sides_equal', 'a difference', { report: report({ differences: { total: 1 } }) }],
  ['both_sides_equal', 'an unreadable record', { report: report({ people: { unreadable: 1 } }) }],
  ['sync_ended', 'something undone', { sync: { state: 'running', undone: ['One conflict.'] } }],
  ['nothing_to_approve', 'a request', { approvals: [{ id: '7', operation: 'batch drop' }] }],
  ['audit_whole', 'a changed record', { audit: { ok: false, problem: 'record 3 was changed' } }],
];

describe('what holds up the end', () => {
  test('is nothing where all is well', () => {
    expect(codes({})).toEqual([]);
  });

  test.each(WRONG)('%s is not met by %s, and by that alone', (code, _what, facts) => {
    expect(codes(facts)).toEqual([code]);
  });

  test('is tried for every criterion but those that only people can know', () => {
    const tried = new Set(WRONG.map(([code]) => code));
    const untried = CRITERIA.filter(({ code }) => !tried.has(code));
    expect(untried.map(({ look }) => look({ ...WELL, hooks: 1 }, TERMS).isMet)).toEqual([null, null]);
  });

  test('says what was found, what to do, and examples', () => {
    const wrong = { ...WELL, people: { ...WELL.people, left: left(3) } };
    const [, told] = checkAll(wrong, TERMS);
    expect(told).toMatchObject({
      found: '3 people left: 3 people never came (shop:7).',
      remedy: expect.stringContaining('--accept-left'),
    });
    const text = JSON.stringify(checkSections({ target: 'new-one', criteria: checkAll(wrong, TERMS) }));
    expect(text).toContain('everybody_there: Move them');
  });
});

describe('a tail', () => {
  const people = { ...WELL.people, left: left(3) };
  const accept = (most: number): Terms => ({
    ...TERMS,
    acceptLeft: { people: most, reason: 'they asked to be deleted' },
  });

  test('that is accepted holds nothing up, and its reason is kept', () => {
    expect(codes({ people }, accept(3))).toEqual([]);
    expect(checkAll({ ...WELL, people }, accept(3))[1]?.found).toContain('they asked to be deleted');
  });

  test('that is longer than what was accepted holds it up', () => {
    expect(codes({ people }, accept(2))).toEqual(['everybody_there']);
  });
});

test('sync that was never configured, or has nothing left to do, holds nothing up', () => {
  expect(codes({ sync: { state: null, undone: [] } })).toEqual([]);
  expect(codes({ sync: { state: 'running', undone: [] } })).toEqual([]);
});

test('the docs have every criterion, in the same words', () => {
  const docs = readFileSync(resolve(import.meta.dirname, '../../../docs/retire.md'), 'utf8');
  for (const { code, sentence } of CRITERIA) expect(docs).toContain(`| \`${code}\` | ${sentence} |`);
});
