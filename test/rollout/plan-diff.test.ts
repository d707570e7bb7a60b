import { describe, expect, test } from 'vitest';
import type { Plan } from '../../src/rollout/plan.ts';
import { planShape } from '../../src/rollout/plan.ts';
import { planChanges, reachOf } from '../../src/rollout/plan-diff.ts';

const plan = (more: object = {}): Plan =>
  planShape.parse({
    ...{ name: 'move', target: 'new', apps: { shop: { clients: ['shop-web'] } } },
    segments: { staff: { emailDomains: ['a.example'] }, some: { percentage: 30 } },
    phases: [
      { name: 'staff', segments: ['staff'] },
      { name: 'some', segments: ['some'], finish: { coverage: 0.8 } },
    ],
    ...more,
  });
const segments = (more: object) => plan({ segments: { ...plan().segments, ...more } });

describe('the changes of a plan', () => {
  test('are none where it says the same', () => {
    expect(planChanges(plan(), plan())).toEqual([]);
  });

  test('are all of it where there was none', () => {
    expect(planChanges(undefined, plan()).map(({ about, name, kind }) => `${about} ${name} ${kind}`)).toEqual(
      [
        'app shop added',
        'segment staff added',
        'segment some added',
        'phase staff added',
        'phase some added',
      ],
    );
  });

  test('name each field with what it was and what it is', () => {
    const after = plan({
      apps: { wiki: { legacySessions: ['old-wiki'] } },
      segments: { staff: { emailDomains: ['b.example', 'a.example'] }, some: { percentage: 10 } },
      phases: [
        { name: 'some', segments: ['some'], finish: { coverage: 0.9, days: 7 }, identities: 'bulk' },
        { name: 'rest' },
      ],
      freezes: [{ from: '2026-12-01', until: '2026-12-24', reason: 'sale' }],
    });
    expect(planChanges(plan(), after)).toEqual([
      { about: 'app', name: 'wiki', kind: 'added', details: ['legacySessions: old-wiki'] },
      { about: 'app', name: 'shop', kind: 'removed', details: [] },
      { about: 'segment', name: 'staff', kind: 'changed', details: ['emailDomains: with b.example'] },
      { about: 'segment', name: 'some', kind: 'changed', details: ['percentage: 30 → 10'] },
      {
        ...{ about: 'phase', name: 'some', kind: 'changed' },
        details: ['identities: graceful → bulk', 'finish.coverage: 0.8 → 0.9', 'finish.days: 0 → 7'],
      },
      { about: 'phase', name: 'rest', kind: 'added', details: ['apps: all', 'identities: graceful'] },
      { about: 'phase', name: 'staff', kind: 'removed', details: [] },
      {
        ...{ about: 'freeze', kind: 'added', details: ['reason: sale'] },
        name: '2026-12-01T00:00:00.000Z to 2026-12-24T00:00:00.000Z',
      },
    ]);
  });

  test('say that the order is another one: the first phase that fits counts', () => {
    const { phases } = plan();
    expect(planChanges(plan(), { ...plan(), phases: [...phases].reverse() })).toEqual([
      {
        about: 'plan',
        name: '',
        kind: 'changed',
        details: ['phases are asked in another order: some, staff'],
      },
    ]);
  });

  test('name no more than a few of a long list', () => {
    const subs = Array.from({ length: 1_200 }, (_, at) => `shop:${at}`);
    expect(planChanges(plan(), segments({ listed: { subs } }))).toMatchObject([
      { details: ['subs: 1,200 of them'] },
    ]);
  });
});

describe('whom a phase is for', () => {
  test.each([
    ['the same', {}, { kind: 'same' }],
    ['a smaller share', { some: { percentage: 10 } }, { kind: 'shrinks', percentages: [30, 10] }],
    ['a larger share', { some: { percentage: 50 } }, { kind: 'grows', percentages: [30, 50] }],
    ['other people', { some: { percentage: 30, roles: ['admin'] } }, { kind: 'other' }],
    ['fewer, by an exception', { some: { percentage: 30, except: ['staff'] } }, { kind: 'other' }],
  ])('is seen to be %s', (_, changed, reach) => {
    expect(reachOf(plan(), segments(changed), 'some')).toEqual(reach);
  });

  test('is the same in whichever order the database has kept it', () => {
    const [a, b] = [
      { tier: 'gold', country: 'de' },
      { country: 'de', tier: 'gold' },
    ];
    const [before, after] = [a, b].map((metadata) => segments({ some: { metadata } }));
    expect(reachOf(before!, after!, 'some')).toEqual({ kind: 'same' });
    expect(planChanges(before, after!)).toEqual([]);
  });

  test('is another matter where who is excepted changes: a larger exception is a smaller phase', () => {
    const before = segments({ most: { except: ['some'], roles: ['user'] } });
    const withPhase = (one: Plan) => ({ ...one, phases: [{ ...one.phases[1]!, segments: ['most'] }] });
    const after = segments({ ...before.segments, some: { percentage: 50 } });
    expect(reachOf(withPhase(before), withPhase(after), 'some').kind).toBe('other');
  });
});
