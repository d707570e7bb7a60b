/** Rules that an operator stops and lets go on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as rules from '../../../src/migration/claim-tokens/rules.ts';
import type { Claimants } from './claimants.ts';
import { openClaimants } from './claimants.ts';

let stage: Claimants;
beforeAll(async () => {
  stage = await openClaimants();
});
afterAll(() => stage.close());

const change = (rule: string, reason = 'Too many calls') => ({
  target: 'main',
  rule,
  reason,
  actor: 'operator:test',
});
const isPaused = (rule: string, target = 'main') => rules.isPaused(stage.db, target, rule);

describe('a rule', () => {
  test('is stopped and goes on; another one, or one of its name at another target, is not touched', async () => {
    expect(await isPaused('buyers')).toBe(false);
    expect(await rules.pauseRule(stage.db, change('buyers'))).toBe(true);
    expect([await isPaused('buyers'), await isPaused('sellers'), await isPaused('buyers', 'other')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(await rules.resumeRule(stage.db, change('buyers', 'It is mended'))).toBe(true);
    expect(await isPaused('buyers')).toBe(false);
    expect(await rules.pauseRule(stage.db, change('buyers', 'Again'))).toBe(true);
    expect(await isPaused('buyers')).toBe(true);
  });

  test('that is stopped keeps the reason that it was stopped for', async () => {
    await rules.pauseRule(stage.db, change('kept', 'first'));
    expect(await rules.pauseRule(stage.db, change('kept', 'second'))).toBe(false);
    const words = await rules.listRuleWords(stage.db, 'main');
    expect(words.find(({ rule }) => rule === 'kept')).toEqual({
      ...change('kept', 'first'),
      paused: true,
      at: expect.any(Date),
    });
  });

  test('that never was stopped cannot go on', async () => {
    expect(await rules.resumeRule(stage.db, change('untouched'))).toBe(false);
    expect((await rules.listRuleWords(stage.db)).map(({ rule }) => rule)).not.toContain('untouched');
  });

  test('has each change in the audit log, and no other', async () => {
    const target = 'audited';
    await rules.pauseRule(stage.db, { ...change('buyers', 'one'), target });
    await rules.pauseRule(stage.db, { ...change('buyers', 'two'), target });
    await rules.resumeRule(stage.db, { ...change('buyers', 'three'), target });
    await rules.resumeRule(stage.db, { ...change('buyers', 'four'), target });
    const records = (await stage.audit.records({ limit: 1_000 })).filter(
      ({ detail }) => detail.target === target,
    );
    expect(records.map(({ action, detail }) => [action, detail.rule, detail.reason])).toEqual([
      ['claim-rule.paused', 'buyers', 'one'],
      ['claim-rule.resumed', 'buyers', 'three'],
    ]);
  });
});

test('words of operators are listed for all targets, or for one', async () => {
  await rules.pauseRule(stage.db, { ...change('z'), target: 'list-b' });
  await rules.pauseRule(stage.db, { ...change('y'), target: 'list-a' });
  const names = (words: readonly rules.RuleWord[]) => words.map(({ target, rule }) => `${target}/${rule}`);
  expect(names(await rules.listRuleWords(stage.db, 'list-b'))).toEqual(['list-b/z']);
  const all = names(await rules.listRuleWords(stage.db));
  expect(all.filter((name) => name.startsWith('list-'))).toEqual(['list-a/y', 'list-b/z']);
});
