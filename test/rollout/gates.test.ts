import { describe, expect, test } from 'vitest';
import type { PhaseFigures, Tries } from '../../src/rollout/figures.ts';
import { coverageOf, verdicts } from '../../src/rollout/gates.ts';
import type { Phase } from '../../src/rollout/plan.ts';
import { planShape } from '../../src/rollout/plan.ts';

const NOW = Date.parse('2026-12-15T12:00:00Z');
const DAY = 86_400_000;

const phaseWith = (gates: object): Phase =>
  planShape.parse({ name: 'p', target: 't', phases: [{ name: 'x', ...gates }] }).phases[0]!;
const tries = (more: Partial<Tries> = {}): Tries => ({
  ...{ tries: 0, wentWrong: 0, moves: 0, movesFailed: 0, wrongPasswords: 0 },
  ...more,
});
const figures = (more: Partial<PhaseFigures> = {}): PhaseFigures => ({
  standings: { assigned: 500, there: 450, failed: 5 },
  census: { people: 1_000, active: 500 },
  window: tries(),
  day: tries(),
  supportRequests: 0,
  startedAt: new Date(NOW - 14 * DAY),
  ...more,
});
const finish = (gate: object, more?: Partial<PhaseFigures>) =>
  verdicts(phaseWith({ finish: gate }), figures(more), NOW).finish!;
const pause = (gate: object, more?: Partial<PhaseFigures>) =>
  verdicts(phaseWith({ pause: gate }), figures(more), NOW).pause!;

describe('a phase without gates', () => {
  test('is finished and paused by operators alone', () => {
    expect(verdicts(phaseWith({}), figures(), NOW)).toEqual({});
  });
});

describe('a finish gate', () => {
  test.each([
    [{ coverage: 0.9 }, true],
    [{ coverage: 0.91 }, false],
    [{ coverage: 0.45, of: 'everybody' }, true],
    [{ coverage: 0.46, of: 'everybody' }, false],
    [{ coverage: 0.9, days: 14 }, true],
    [{ coverage: 0.9, days: 15 }, false],
    [{ days: 14 }, true],
  ])('%j is reached: %s', (gate, holds) => {
    expect(finish(gate).holds).toBe(holds);
  });

  test('says how far it is', () => {
    expect(finish({ coverage: 0.95, days: 20 }).checks.map(({ sentence }) => sentence)).toEqual([
      '450 of 500 who logged in within 90 days have arrived: 90 % of at least 95 %.',
      'It has been running for 14 of at least 20 days.',
    ]);
  });

  test('never holds before it is known how many people there are: the first who moves would be everybody', () => {
    const first = { census: undefined, standings: { assigned: 1, there: 1, failed: 0 } };
    expect(finish({ coverage: 0.5 }, first)).toMatchObject({
      holds: false,
      checks: [{ sentence: expect.stringMatching(/^1 of 1 who were assigned have arrived \(100 %\)/) }],
    });
    expect(finish({ coverage: 0.5 }, { standings: undefined }).holds).toBe(false);
    expect(finish({ coverage: 0.5 }, { census: { people: 0, active: 0 } }).holds).toBe(false);
  });

  test('that says neither how far nor how long never holds by itself', () => {
    expect(finish({ errorRate: 0.5 }).holds).toBe(false);
    expect(finish({}).holds).toBe(false);
  });

  test('looks at the moves of the last day, or at all of them where a batch has made them', () => {
    const gate = { days: 1, errorRate: 0.01 };
    expect(finish(gate, { day: tries({ moves: 100, movesFailed: 1 }) }).holds).toBe(true);
    expect(finish(gate, { day: tries({ moves: 100, movesFailed: 2 }) }).holds).toBe(false);
    expect(finish(gate, { standings: { assigned: 500, there: 495, failed: 5 } }).holds).toBe(true);
    expect(finish(gate, { standings: { assigned: 500, there: 400, failed: 5 } })).toMatchObject({
      holds: false,
      checks: [{}, { sentence: '5 of 405 moves in all went wrong: 1.3 % of at most 1 %.' }],
    });
  });

  test('holds while the support has little to do', () => {
    const gate = { days: 1, supportPerThousand: 10 };
    expect(finish(gate, { supportRequests: 5 }).holds).toBe(true);
    expect(finish(gate, { supportRequests: 6 }).holds).toBe(false);
  });

  test('counts no more people than there are', () => {
    const moved = { census: { people: 100, active: 50 }, standings: { assigned: 90, there: 90, failed: 0 } };
    expect(coverageOf(moved, 'active')).toMatchObject({ share: 1, there: 90, people: 50 });
    expect(coverageOf(moved, 'everybody')).toMatchObject({ share: 0.9 });
  });
});

describe('a pause gate', () => {
  test.each([
    [tries({ tries: 100, wentWrong: 5 }), true],
    [tries({ tries: 100, wentWrong: 6 }), false],
    [tries({ tries: 19, wentWrong: 19 }), true],
    [tries({ tries: 20, wentWrong: 2 }), false],
    [tries(), true],
  ])('of 5 %% with %j holds: %s', (window, holds) => {
    expect(pause({ errorRate: 0.05 }, { window }).holds).toBe(holds);
  });

  test('says what broke it', () => {
    const window = tries({ tries: 40, wentWrong: 3 });
    expect(pause({ errorRate: 0.05, windowMinutes: 30 }, { window }).checks).toEqual([
      {
        ...{ what: 'error-rate', holds: false },
        sentence: '3 of 40 logins and moves within 30 minutes went wrong: 7.5 % of at most 5 %.',
      },
    ]);
  });

  test('concludes nothing from the requests of a handful of people', () => {
    const gate = { supportPerThousand: 10, minAttempts: 20 };
    const people = (assigned: number) => ({ assigned, there: 0, failed: 0 });
    expect(pause(gate, { standings: undefined, supportRequests: undefined }).holds).toBe(true);
    expect(pause(gate, { standings: people(19), supportRequests: 5 }).holds).toBe(true);
    expect(pause(gate, { standings: people(20), supportRequests: 5 }).holds).toBe(false);
    expect(pause(gate, { standings: people(0), supportRequests: 0 }).holds).toBe(true);
  });
});
