import { describe, expect, test } from 'vitest';
import type { Authority, Deciding } from '../../../src/sync/people/deciding.ts';
import { decide, newer } from '../../../src/sync/people/deciding.ts';
import type { SyncField, Values } from '../../../src/sync/people/fields.ts';
import { comparable } from '../../../src/sync/people/fields.ts';

const mark = (field: SyncField, value: string) => comparable(field, value);

interface Case {
  readonly base?: Values;
  readonly legacy: Values;
  readonly target?: Values | undefined;
  readonly rules?: Authority | Partial<Record<SyncField, Authority>>;
}
const deciding = (
  { base = {}, legacy, target, rules = 'last-writer' }: Case,
  more: Partial<Deciding> = {},
): Deciding => ({
  base: Object.fromEntries(
    Object.entries(base).map(([field, value]) => [field, mark(field as SyncField, value)]),
  ),
  mark,
  legacy,
  target,
  authority: (field) => (typeof rules === 'string' ? rules : (rules[field] ?? 'never')),
  canWrite: () => true,
  legacyAt: undefined,
  targetAt: undefined,
  clock: { toleranceMs: 5_000, tie: 'legacy' },
  asked: new Map(),
  ...more,
});
const written = (input: Deciding) => {
  const { toTarget, toLegacy, conflicts, unwritable } = decide(input);
  return { toTarget, toLegacy, conflicts: conflicts.map(({ kind, winner }) => [kind, winner]), unwritable };
};
const nothing = { toTarget: [], toLegacy: [], conflicts: [], unwritable: [] };

describe('a field that one side has changed', () => {
  const both = { base: { givenName: 'Ann' } };
  test('goes from the legacy store to the target', () => {
    expect(
      written(deciding({ ...both, legacy: { givenName: 'Anna' }, target: { givenName: 'Ann' } })),
    ).toEqual({
      ...nothing,
      toTarget: ['givenName'],
    });
  });
  test('goes from the target to the legacy store', () => {
    expect(
      written(deciding({ ...both, legacy: { givenName: 'Ann' }, target: { givenName: 'Anna' } })),
    ).toEqual({
      ...nothing,
      toLegacy: ['givenName'],
    });
  });
  test('is taken away where it was taken away', () => {
    const { toTarget } = decide(
      deciding({ base: { nickname: 'N' }, legacy: { nickname: '' }, target: { nickname: 'N' } }),
    );
    expect(toTarget).toEqual(['nickname']);
  });
  test('comes to nothing where both have it by now, however it is written', () => {
    const same = { legacy: { email: 'Ann@Example.com' }, target: { email: 'ann@example.com' } };
    expect(written(deciding({ base: { email: 'old@example.com' }, ...same }))).toEqual(nothing);
  });
  test('is left alone where the rule says never', () => {
    const differing = { legacy: { givenName: 'Anna' }, target: { givenName: 'Ann' } };
    expect(written(deciding({ ...both, ...differing, rules: 'never' }))).toEqual(nothing);
  });
  test('is no business of a side that does not tell of it', () => {
    expect(written(deciding({ ...both, legacy: { givenName: 'Anna' }, target: {} }))).toEqual(nothing);
    expect(written(deciding({ ...both, legacy: {}, target: { givenName: 'Anna' } }))).toEqual(nothing);
  });
  test('is named where the other side cannot be written to', () => {
    const input = deciding(
      { ...both, legacy: { givenName: 'Ann' }, target: { givenName: 'Anna' } },
      { canWrite: () => false },
    );
    expect(written(input)).toEqual({ ...nothing, unwritable: ['givenName'] });
    expect(decide(input).base).toEqual({ givenName: 'Ann' });
  });
});

describe('a side that leads', () => {
  const base = { givenName: 'Ann' };
  test('is followed, and what it overrules is on record', () => {
    const input = deciding({
      base,
      legacy: { givenName: 'Ann' },
      target: { givenName: 'Zoe' },
      rules: 'legacy',
    });
    expect(written(input)).toEqual({
      ...nothing,
      toTarget: ['givenName'],
      conflicts: [['overruled', 'legacy']],
    });
  });
  test('is followed without a record where the other had changed nothing', () => {
    const input = deciding({
      base,
      legacy: { givenName: 'Anna' },
      target: { givenName: 'Ann' },
      rules: 'legacy',
    });
    expect(written(input)).toEqual({ ...nothing, toTarget: ['givenName'] });
  });
  test('takes nothing away that was never compared', () => {
    const target = deciding({ legacy: { phone: '+49301' }, target: { phone: '' }, rules: 'target' });
    expect(written(target)).toEqual({ ...nothing, toTarget: ['phone'] });
    const legacy = deciding({ legacy: { phone: '' }, target: { phone: '+49301' }, rules: 'legacy' });
    expect(written(legacy)).toEqual({ ...nothing, toLegacy: ['phone'] });
  });
  test('takes roles away even then: they are rights', () => {
    const input = deciding({ legacy: { roles: '[]' }, target: { roles: '["admin"]' }, rules: 'legacy' });
    expect(written(input)).toEqual({ ...nothing, toTarget: ['roles'] });
  });
  test('and has nothing to say leaves alone what the target makes up', () => {
    const input = deciding({
      legacy: { displayName: '' },
      target: { displayName: 'Ann Lee' },
      rules: 'legacy',
    });
    expect(written(input)).toEqual(nothing);
  });
});

describe('a field that both have changed', () => {
  const case_ = { base: { givenName: 'A' }, legacy: { givenName: 'L' }, target: { givenName: 'T' } };
  test('is the later one’s', () => {
    expect(written(deciding(case_, { legacyAt: 1_000, targetAt: 60_000 }))).toEqual({
      ...nothing,
      toLegacy: ['givenName'],
      conflicts: [['both-changed', 'target']],
    });
  });
  test('is whose the settings say where the clocks are too close, or one is silent', () => {
    expect(newer({ legacyAt: 1_000, targetAt: 6_000, clock: { toleranceMs: 5_000, tie: 'legacy' } })).toBe(
      'legacy',
    );
    expect(newer({ legacyAt: 1_000, targetAt: 6_001, clock: { toleranceMs: 5_000, tie: 'legacy' } })).toBe(
      'target',
    );
    expect(newer({ legacyAt: undefined, targetAt: 6_001, clock: { toleranceMs: 0, tie: 'target' } })).toBe(
      'target',
    );
    expect(newer({ legacyAt: 1, targetAt: 1, clock: { toleranceMs: 0, tie: 'ask' } })).toBeUndefined();
  });
  test('waits for a person where the rule is to ask, and nothing is written till then', () => {
    expect(written(deciding({ ...case_, rules: 'ask' }))).toEqual({
      ...nothing,
      conflicts: [['both-changed', undefined]],
    });
    expect(decide(deciding({ ...case_, rules: 'ask' })).base).toEqual({ givenName: 'A' });
    const decided = deciding({ ...case_, rules: 'ask' }, { asked: new Map([['givenName', 'target']]) });
    expect(written(decided)).toEqual({ ...nothing, toLegacy: ['givenName'] });
  });
  test('that only one has changed needs nobody’s word, also where the rule is to ask', () => {
    expect(written(deciding({ ...case_, legacy: { givenName: 'A' }, rules: 'ask' }))).toEqual({
      ...nothing,
      toLegacy: ['givenName'],
    });
  });
});

describe('an address and its proof', () => {
  const base = { email: 'a@example.com', emailVerified: 'true' };
  const there = { email: 'b@example.com', emailVerified: 'true' };
  test('comes to the legacy store unproved, where the target is not believed', () => {
    const input = deciding({
      base,
      legacy: base,
      target: there,
      rules: { email: 'target', emailVerified: 'never' },
    });
    expect(written(input)).toEqual({ ...nothing, toLegacy: ['email', 'emailVerified'] });
  });
  test.each([
    ['proved', 'true', 'last-writer', 'true'],
    ['not proved', 'false', 'last-writer', 'false'],
    ['not proved, and the target is not believed', 'false', 'never', 'false'],
    ['proved, and the target is not believed', 'true', 'never', undefined],
  ] as const)('are both equal afterwards (%s)', (_what, emailVerified, rule, known) => {
    const input = deciding({
      base,
      legacy: base,
      target: { email: 'b@example.com', emailVerified },
      rules: { email: 'last-writer', emailVerified: rule },
    });
    const { base: after } = decide(input);
    expect(after).toEqual({
      email: input.mark('email', 'b@example.com'),
      ...(known ? { emailVerified: input.mark('emailVerified', known) } : {}),
    });
  });
  test('does not come at all where an old proof would stand for the new address', () => {
    const input = deciding(
      { base, legacy: base, target: there, rules: { email: 'target', emailVerified: 'never' } },
      { canWrite: (side, field) => side === 'target' || field !== 'emailVerified' },
    );
    expect(written(input)).toEqual({ ...nothing, unwritable: ['email'] });
  });
  test('says nothing of another address', () => {
    const input = deciding({
      base,
      legacy: { email: 'a@example.com', emailVerified: 'false' },
      target: there,
      rules: { email: 'never', emailVerified: 'legacy' },
    });
    expect(written(input)).toEqual(nothing);
  });
});

describe('a target that was not looked at', () => {
  test('gets what the leading legacy store has changed', () => {
    const input = deciding({
      base: { email: 'a@example.com' },
      legacy: { email: 'b@example.com' },
      rules: 'legacy',
    });
    expect(written(input)).toEqual({ ...nothing, toTarget: ['email'] });
  });
  test('gets nothing where anybody else has a say', () => {
    for (const rules of ['target', 'last-writer', 'ask', 'never'] as const)
      expect(written(deciding({ base: {}, legacy: { email: 'b@example.com' }, rules }))).toEqual(nothing);
  });
});
