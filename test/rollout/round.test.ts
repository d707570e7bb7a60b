/** What a plan does by itself, on several nodes, and what it never does. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { phaseStandings } from '../../src/migration/phase-standings.ts';
import type { CountOutcome } from '../../src/rollout/counts.ts';
import { openCounts } from '../../src/rollout/counts.ts';
import type { FiguresOf, PhaseCensus } from '../../src/rollout/figures.ts';
import { openFigures } from '../../src/rollout/figures.ts';
import { leaseRound } from '../../src/rollout/phases.ts';
import { rolloutRound } from '../../src/rollout/round.ts';
import { stepsOf } from '../../src/rollout/steps.ts';
import { noteSupport } from '../../src/rollout/support.ts';
import type { RolloutStage } from './rollout-stage.ts';
import { openRolloutStage, person, TARGET } from './rollout-stage.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

let stage: RolloutStage;
const census: Record<string, PhaseCensus> = {};
const warned: unknown[] = [];
const log = { info: () => undefined, warn: (of: unknown) => void warned.push(of) } as never;

beforeAll(async () => {
  stage = await openRolloutStage();
});
afterAll(() => stage?.close());
beforeEach(async () => {
  const tables = [
    'rollouts',
    'rollout_plans',
    'rollout_assignments',
    'rollout_counts',
    'rollout_support',
    'rollout_steps',
    'ledger',
  ];
  await stage.sql(tables.map((table) => `delete from ${table}`).join(';'));
  for (const name of Object.keys(census)) delete census[name];
  warned.length = 0;
  stage.clock.ms = Date.parse('2026-12-15T12:00:00Z');
});

const figures = (): FiguresOf =>
  openFigures({ db: stage.db, standingsOf: phaseStandings, censusOf: async () => ({ phases: census }) });
const round = (figuresOf: FiguresOf = figures()) =>
  rolloutRound({ db: stage.db, rollout: stage.node(), figuresOf, nowMs: stage.nowMs, log });
/** Long enough for the next look at everybody. */
const later = (ms = 6 * MINUTE) => {
  stage.clock.ms += ms;
};

async function logins(phase: string, outcomes: Partial<Record<CountOutcome, number>>): Promise<void> {
  const counts = openCounts({ db: stage.db, nowMs: stage.nowMs });
  for (const [outcome, times] of Object.entries(outcomes))
    for (let i = 0; i < times; i++)
      counts.count({ target: TARGET, phase, path: 'facade', outcome: outcome as CountOutcome });
  await counts.flush();
}
/** So many are assigned, and those of them are at the target. */
async function people(assigned: number, there: number): Promise<void> {
  const node = stage.node();
  for (let i = 0; i < assigned; i++)
    await node.decide(TARGET, { person: person(`shop:${i}`), isThere: false });
  await stage.sql(
    `insert into ledger (target, sub, state, from_state, created_at)
      select $1, 'shop:' || i, 'migrated', 'created', now() from generate_series(0, $2::int - 1) i`,
    [TARGET, there],
  );
}

describe('a schedule', () => {
  const PLAN = {
    phases: [
      { name: 'pilot', starts: '2026-12-15T13:00:00Z', finish: { coverage: 0.8 } },
      { name: 'rest', starts: '2026-12-15', needs: ['pilot'] },
      { name: 'by-hand' },
    ],
  };

  test('starts a phase when its time has come, and tells who did it and why', async () => {
    await stage.plan(PLAN);
    await round();
    expect(await stage.states()).toEqual({ pilot: 'planned', rest: 'planned', 'by-hand': 'planned' });
    stage.clock.ms = Date.parse('2026-12-15T13:00:00Z');
    await round();
    expect(await stage.states()).toEqual({ pilot: 'running', rest: 'planned', 'by-hand': 'planned' });
    expect(await stage.row('pilot')).toMatchObject({
      ...{ cause: 'schedule', actor: 'rollout', startedAt: new Date(stage.clock.ms) },
    });
    expect(await stepsOf(stage.db, TARGET, 1)).toMatchObject([
      {
        action: 'rollout.started',
        actor: 'rollout',
        detail: { phase: 'pilot', attempt: 1, cause: 'schedule' },
      },
    ]);
    const told = await stage.sql(`select actor, detail from audit_log where action = 'rollout.started'`);
    expect(told).toMatchObject([{ actor: 'rollout', detail: { target: TARGET, phase: 'pilot' } }]);
  });

  test('goes on to the next phase in the round in which the one before is finished', async () => {
    await stage.plan(PLAN);
    await stage.turn('pilot', 'running');
    census.pilot = { people: 20, active: 10 };
    await people(8, 7);
    await round();
    expect(await stage.states()).toMatchObject({ pilot: 'running', rest: 'planned' });
    await stage.sql(
      `insert into ledger (target, sub, state, from_state) values ($1, 'shop:7', 'created', 'releasing')`,
      [TARGET],
    );
    later();
    await round();
    expect(await stage.states()).toEqual({ pilot: 'finished', rest: 'running', 'by-hand': 'planned' });
    expect(await stage.row('pilot')).toMatchObject({
      ...{
        cause: 'gate',
        reason: '8 of 10 who logged in within 90 days have arrived: 80 % of at least 80 %.',
      },
    });
  });

  test('starts nothing a second time: what was rolled back or paused waits for an operator', async () => {
    await stage.plan(PLAN);
    await stage.turn('pilot', 'running');
    await stage.turn('pilot', 'rolled-back');
    stage.clock.ms += 2 * DAY;
    await round();
    expect(await stage.states()).toMatchObject({ pilot: 'rolled-back', rest: 'planned' });
  });
});

describe('a pause gate', () => {
  const PLAN = {
    phases: [{ name: 'pilot', pause: { errorRate: 0.1, minAttempts: 20, supportPerThousand: 100 } }],
  };

  beforeEach(async () => {
    await stage.plan(PLAN);
    await stage.turn('pilot', 'running');
  });

  test('that breaks pauses its phase, and one that holds does not', async () => {
    await logins('pilot', { moved: 18, outage: 2, wrong: 50 });
    await round();
    expect(await stage.states()).toEqual({ pilot: 'running' });
    await logins('pilot', { 'move-failed': 1 });
    await round();
    expect(await stage.row('pilot')).toMatchObject({
      ...{ state: 'paused', cause: 'gate', actor: 'rollout' },
      reason: '3 of 21 logins and moves within 60 minutes went wrong: 14.3 % of at most 10 %.',
    });
  });

  test('concludes nothing from few tries, nor from what is long ago or of another phase', async () => {
    await logins('pilot', { outage: 19 });
    await logins('other', { outage: 100 });
    await round();
    stage.clock.ms += 2 * 60 * MINUTE;
    await logins('pilot', { ok: 20 });
    await round();
    expect(await stage.states()).toEqual({ pilot: 'running' });
  });

  test('counts anew when an operator lets the phase go on, and never lets it go on by itself', async () => {
    await logins('pilot', { outage: 30 });
    await round();
    later(181 * MINUTE);
    await round();
    expect(await stage.states()).toEqual({ pilot: 'paused' });
    await logins('pilot', { outage: 30 });
    await stage.turn('pilot', 'running');
    later();
    await round();
    expect(await stage.states()).toEqual({ pilot: 'running' });
    await logins('pilot', { outage: 30 });
    await round();
    expect(await stage.states()).toEqual({ pilot: 'paused' });
  });

  test('breaks where the support has too much to do', async () => {
    await people(25, 0);
    const note = (requests: number) =>
      noteSupport(stage.db, {
        target: TARGET,
        phase: undefined,
        requests,
        actor: 'x',
        at: new Date(stage.clock.ms),
      });
    await note(2);
    await round();
    expect(await stage.states()).toEqual({ pilot: 'running' });
    await note(1);
    later();
    await round();
    expect(await stage.row('pilot')).toMatchObject({
      ...{ state: 'paused' },
      reason: '3 requests to the support within seven days by 25 people: 120 per thousand of at most 100.',
    });
  });
});

describe('rounds', () => {
  const PLAN = { phases: [{ name: 'pilot', starts: '2026-12-15' }] };

  test('of several nodes turn a phase once', async () => {
    await stage.plan(PLAN);
    await Promise.all([round(), round(), round()]);
    expect(await stage.states()).toEqual({ pilot: 'running' });
    expect(await stepsOf(stage.db, TARGET, 10)).toHaveLength(1);
  });

  test('wait for a node that is at it, and not for one that died', async () => {
    await stage.plan(PLAN);
    await leaseRound(stage.db, TARGET, { lease: 'another', nowMs: stage.nowMs() });
    await round();
    expect(await stage.states()).toEqual({ pilot: 'planned' });
    later(3 * MINUTE);
    await round();
    expect(await stage.states()).toEqual({ pilot: 'running' });
  });

  test('look at everybody only every five minutes, and not where no gate asks for it', async () => {
    await stage.plan({
      phases: [
        { name: 'pilot', finish: { coverage: 0.5 } },
        { name: 'rest', pause: {} },
      ],
    });
    await stage.turn('rest', 'running');
    const looks: boolean[] = [];
    const watched: FiguresOf = (asked) => {
      looks.push(asked.everybody);
      return figures()(asked);
    };
    await round(watched);
    await stage.turn('pilot', 'running');
    for (const minutes of [1, 1, 4]) {
      await round(watched);
      later(minutes * MINUTE);
    }
    await round(watched);
    expect(looks).toEqual([false, true, false, false, true]);
  });

  test('that fail at one plan look at the others', async () => {
    await stage.plan({ phases: [{ name: 'one', pause: {} }] }, 'aaa');
    await stage.sql(`update rollout_phases set state = 'running' where target = 'aaa'`);
    await stage.plan(PLAN);
    const broken: FiguresOf = () => Promise.reject(new Error('broken'));
    await round(broken);
    expect(await stage.states()).toEqual({ pilot: 'running' });
    expect(warned).toMatchObject([{ target: 'aaa' }]);
    const [lease] = await stage.sql(`select lease from rollouts where target = 'aaa'`);
    expect(lease).toEqual({ lease: null });
  });
});

describe('where the people of phases stand', () => {
  test('is counted by phase, in the present attempt, without whoever was taken back', async () => {
    await stage.plan({ phases: [{ name: 'pilot' }, { name: 'rest' }] });
    await stage.turn('pilot', 'running');
    await people(10, 4);
    await stage.sql(`update ledger set state = 'failed' where sub = 'shop:3'`);
    await stage.sql(`update rollout_assignments set back = 'returned' where sub = 'shop:0'`);
    await stage.sql(`update rollout_assignments set attempt = 0 where sub = 'shop:1'`);
    const phases = [
      { phase: 'pilot', attempt: 1 },
      { phase: 'rest', attempt: 1 },
    ];
    expect(Object.fromEntries(await phaseStandings(stage.db, { target: TARGET, phases }))).toEqual({
      pilot: { assigned: 8, there: 1, failed: 1 },
      rest: { assigned: 0, there: 0, failed: 0 },
    });
  });
});
