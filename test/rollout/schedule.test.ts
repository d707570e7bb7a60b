import { describe, expect, test } from 'vitest';
import type { PhaseState } from '../../src/rollout/deciding.ts';
import { planShape } from '../../src/rollout/plan.ts';
import { startOf } from '../../src/rollout/schedule.ts';

const NOW = Date.parse('2026-12-15T12:00:00Z');
const PLAN = {
  name: 'p',
  target: 't',
  phases: [
    { name: 'pilot', starts: '2026-12-15T12:00:00Z' },
    { name: 'rest', starts: '2026-12-01', needs: ['pilot'] },
    { name: 'by-hand' },
  ],
};

function start(
  name: string,
  states: Record<string, PhaseState>,
  more: { plan?: object; switches?: string[] } = {},
) {
  const plan = planShape.parse({ ...PLAN, ...more.plan });
  const phases = new Map(Object.entries(states).map(([phase, state]) => [phase, { state, attempt: 1 }]));
  const phase = plan.phases.find((one) => one.name === name)!;
  return startOf({ plan, phases, switches: new Set(more.switches) }, phase, NOW);
}

describe('a phase', () => {
  test('starts when its time has come, and not a second before', () => {
    expect(start('pilot', {})).toMatchObject({ isDue: true, waitsFor: [] });
    const later = { phases: [{ name: 'pilot', starts: '2026-12-15T12:00:01Z' }] };
    expect(start('pilot', {}, { plan: later })).toMatchObject({
      ...{ isDue: false, waitsFor: ['It starts on 2026-12-15 12:00 UTC.'] },
    });
  });

  test('waits for those that it needs to be finished', () => {
    for (const state of ['planned', 'running', 'paused', 'rolled-back'] as const)
      expect(start('rest', { pilot: state })).toMatchObject({
        ...{ isDue: false, waitsFor: ['pilot has to be finished before.'] },
      });
    expect(start('rest', { pilot: 'finished' })?.isDue).toBe(true);
  });

  test('without a date is an operator’s to start', () => {
    expect(start('by-hand', {})).toMatchObject({ isDue: false, at: undefined });
  });

  test.each(['running', 'paused', 'finished', 'rolled-back'] as const)(
    'that is %s never starts by itself',
    (state) => expect(start('pilot', { pilot: state })).toBeUndefined(),
  );

  test('does not start while the plan is frozen, and does when that is over', () => {
    const frozen = (until: string) => ({ freezes: [{ from: '2026-12-10', until, reason: 'sale' }] });
    expect(start('pilot', {}, { plan: frozen('2026-12-24') })).toMatchObject({
      ...{ isDue: false, waitsFor: ['The plan is frozen until 2026-12-24 00:00 UTC: sale.'] },
    });
    expect(start('pilot', {}, { plan: frozen('2026-12-15T12:00:00Z') })?.isDue).toBe(true);
  });

  test.each(['everything:', 'phase:pilot'])('does not start while the kill switch %s is on', (key) => {
    expect(start('pilot', {}, { switches: [key] })?.isDue).toBe(false);
    expect(start('pilot', {}, { switches: ['phase:rest', 'app:shop'] })?.isDue).toBe(true);
  });
});
