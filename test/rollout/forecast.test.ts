/** Forecasts over towns whose truth is known: how far off they are, and what they say where nothing can be known. */
import { describe, expect, test } from 'vitest';
import type { Trial } from '../../src/rollout/calibration.ts';
import { BLANK, speedFrom } from '../../src/rollout/calibration.ts';
import { NEVER } from '../../src/rollout/census-tally.ts';
import type { DayCount } from '../../src/rollout/days.ts';
import { dayOf } from '../../src/rollout/days.ts';
import type { PhaseState } from '../../src/rollout/deciding.ts';
import type { Forecast, Line } from '../../src/rollout/forecast.ts';
import { foresee } from '../../src/rollout/forecast.ts';
import { curveOf } from '../../src/rollout/forecast-curve.ts';
import type { Basis, PhaseNow } from '../../src/rollout/forecast-streams.ts';
import { frozenMs } from '../../src/rollout/forecast-streams.ts';
import { bucketOf, isInSegment } from '../../src/rollout/membership.ts';
import type { Plan } from '../../src/rollout/plan.ts';
import { planShape } from '../../src/rollout/plan.ts';
import type { Population, PopulationAsked } from './population.ts';
import { censusOf, openPopulation as openTown, randomFrom } from './population.ts';

const DAY_MS = 86_400_000;
const START = Date.parse('2026-03-02T00:00:00Z');
const SALT = Buffer.from('a salt of a test');
const CAMPAIGN = { costPerMail: 0.01, supportShare: 0.05, costPerRequest: 10, answerShare: 0.3, days: 30 };
const asked = { goal: 0.9, horizonDays: 540, campaign: CAMPAIGN };
/** Only first logins count here. */
const openPopulation = (given: PopulationAsked) => openTown({ ...given, followMoved: false });
const at = (day: number) => START + day * DAY_MS;

const planOf = (more: object): Plan =>
  planShape.parse({ name: 'move', target: 'main', phases: [{ name: 'everybody' }], ...more });

interface Shown {
  readonly plan?: Plan;
  readonly nowMs?: number;
  readonly states?: Readonly<Record<string, PhaseState>>;
  readonly startedMs?: number;
  readonly days?: readonly DayCount[];
  readonly late?: boolean;
}

/** A basis over a town; phases are running since `startedMs` unless it says otherwise. */
function basisOf(town: Pick<Population, 'residents'>, shown: Shown = {}, census?: Basis['census']): Basis {
  const { plan = planOf({}), nowMs = START, states = {}, startedMs = START, days = [], late = false } = shown;
  const snapshot = { plan, salt: SALT, version: 1, switches: new Set<string>() };
  const found = census ?? censusOf(town, snapshot, nowMs);
  const phases = plan.phases.map(({ name }): PhaseNow => {
    const state = states[name] ?? 'running';
    return { phase: name, state, startedAt: state === 'planned' ? null : new Date(startedMs) };
  });
  const begun = phases.flatMap(({ phase, startedAt }) =>
    startedAt && !late ? [[phase, found] as const] : [],
  );
  return { nowMs, snapshot, phases, census: found, baselines: new Map(begun), days };
}

const shareOn = ({ points }: Line, day: string, which: 'expected' | 'low' | 'high' = 'expected') =>
  points.find((point) => point.day === day)![which];
const phaseNamed = ({ phases }: Forecast, name: string) => phases.find((one) => one.name === name)!;

/** Everybody who logs in while the plan is open to them moves; the share of people by day. */
function livedThrough(
  town: Population,
  days: number,
  isOpen: (day: number, sub: string) => boolean = () => true,
) {
  const shares: number[] = [0];
  let moved = 0;
  for (let day = 0; day < days; day += 1) {
    for (const resident of town.loginsOn(day)) {
      if (resident.isMoved || !isOpen(day, resident.person.sub)) continue;
      resident.isMoved = true;
      moved += 1;
    }
    shares.push(moved / town.residents.length);
  }
  return shares;
}

const noted = (day: number, came: number, more: Partial<DayCount> = {}): DayCount => ({
  ...{ phase: 'everybody', segment: '', day: dayOf(at(day)), came, arrived: came, failed: 0, leftOut: 0 },
  ...{ phaseState: 'running', ...more },
});

/** The same as the phase of everybody and as all people. */
const notes = (shares: readonly number[], people: number, until: number): DayCount[] =>
  shares.slice(1, until + 1).flatMap((share, day) => {
    const came = Math.round(share * people);
    return [noted(day, came), noted(day, came, { phase: '', phaseState: null })];
  });

describe('a forecast before anything has happened', () => {
  test.each([1, 2])(
    'is within 1.5 points of what comes, week by week for a year and a half (town %i)',
    (seed) => {
      const town = openPopulation({ people: 12_000, seed, startMs: START });
      const { all } = foresee('main', basisOf(town), asked);
      const truth = livedThrough(town, 540);
      for (const { day, expected, low, high } of all.points) {
        const share = truth[Math.round((Date.parse(day) - START) / DAY_MS)]!;
        expect(Math.abs(expected - share), day).toBeLessThan(0.015);
        expect(low, day).toBeLessThanOrEqual(share + 0.005);
        expect(high, day).toBeGreaterThanOrEqual(share - 0.005);
      }
    },
  );

  test('names the days of its milestones, the earliest first', () => {
    const town = openPopulation({ people: 5_000, startMs: START });
    const { all } = foresee('main', basisOf(town), asked);
    const [half, most] = all.milestones;
    const truth = livedThrough(town, 540);
    const day = (share: number) => truth.findIndex((value) => value >= share);
    expect(Math.abs(Date.parse(half!.day!) - at(day(0.5)))).toBeLessThanOrEqual(2 * DAY_MS);
    // From here on few come, and a point more or less is a month.
    expect(most!.earliest! <= dayOf(at(day(0.8))) && dayOf(at(day(0.8))) <= most!.latest!).toBe(true);
    for (const { earliest, day: expected, latest } of [half!, most!]) {
      expect(earliest! <= expected!).toBe(true);
      expect(expected! <= latest!).toBe(true);
    }
    expect(all.milestones.at(-1)).toEqual({ share: 0.99, day: null, earliest: null, latest: null });
  });

  test('of people who never logged in foresees nobody, and no end', () => {
    const never = [{ name: 'never', share: 1, perDay: 0 }];
    const town = openPopulation({ people: 200, startMs: START, habits: never });
    const forecast = foresee('main', basisOf(town), asked);
    expect(forecast.all.points.every(({ expected, high }) => expected === 0 && high === 0)).toBe(true);
    expect(forecast.tail).toMatchObject({ people: 200, neverLoggedIn: 200 });
    expect(forecast.end).toBeNull();
    expect(forecast.restsOn.join(' ')).toContain('the mapping needs `lastLogin`');
  });

  test('of an empty phase, or an empty store, says nothing of it and nothing wrong', () => {
    const plan = planOf({
      segments: { staff: { roles: ['nobody has this'] } },
      phases: [
        { name: 'first', segments: ['staff'] },
        { name: 'everybody', needs: ['first'] },
      ],
    });
    const town = openPopulation({ people: 300, startMs: START });
    const states = { everybody: 'planned' } as const;
    const forecast = foresee('main', basisOf(town, { plan, states }), asked);
    expect(phaseNamed(forecast, 'first')).toMatchObject({ people: 0, points: [], milestones: [] });
    // Nobody has to be waited for.
    expect(phaseNamed(forecast, 'everybody').begins).toBe(dayOf(START));
    const none = foresee('main', basisOf({ residents: [] }), asked);
    expect(none.all).toMatchObject({ people: 0, points: [] });
    expect(JSON.stringify(none)).not.toMatch(/NaN|Infinity/);
  });
});

describe('a forecast beside what has happened', () => {
  const days = 70;
  /** From the first day on people come so much more slowly than they did. */
  const slow = (factor: number, seed = 5) => {
    const busyOn = () => factor;
    return openPopulation({ people: 12_000, seed, startMs: START, busyOn });
  };

  test.each([0.5, 0.75, 1.4])('learns that people come %d times as fast, and is right again', (factor) => {
    const town = slow(factor);
    const census = basisOf(town).census;
    const truth = livedThrough(town, 540);
    const shown = { nowMs: at(days), days: notes(truth, 12_000, days) };
    const forecast = foresee('main', basisOf(town, shown, census), asked);
    const blank = foresee('main', basisOf(town, {}, census), asked);
    expect(forecast.speed.factor).toBeGreaterThan(factor * 0.9);
    expect(forecast.speed.factor).toBeLessThan(factor * 1.1);
    expect(forecast.speed.trials).toBe(10);
    // A quarter later. Without what has happened it is further off.
    const [later, day] = [truth[days + 91]!, dayOf(at(days + 91))];
    const off = Math.abs(shareOn(forecast.all, day) - later);
    expect(off).toBeLessThan(0.015);
    const weeks = blank.all.points.find((point) => point.day >= day)!;
    expect(off).toBeLessThan(Math.abs(weeks.expected - later));
    expect(shareOn(forecast.all, dayOf(at(days)))).toBeCloseTo(truth[days]!, 3);
  });

  test('is surer than one before, and never quite sure', () => {
    const town = slow(1);
    const census = basisOf(town).census;
    const truth = livedThrough(town, days);
    const after = foresee(
      'main',
      basisOf(town, { nowMs: at(days), days: notes(truth, 12_000, days) }, census),
      asked,
    );
    const before = foresee('main', basisOf(town, {}, census), asked);
    const width = ({ speed }: Forecast) => speed.high / speed.low - 1;
    expect(width(after)).toBeLessThan(width(before) / 2);
    expect(width(after)).toBeGreaterThan(0.1);
    expect(width(before)).toBeGreaterThan(0.5);
  });

  test('leaves out the days of freezes and pauses', () => {
    const town = openPopulation({ people: 8_000, startMs: START, busyOn: () => 1 });
    const plan = planOf({ freezes: [{ from: dayOf(at(14)), until: dayOf(at(35)), reason: 'sale' }] });
    const census = basisOf(town, { plan }).census;
    const isShut = (day: number) => (day >= 14 && day < 35) || (day >= 49 && day < 56);
    const truth = livedThrough(town, 80, (day) => !isShut(day));
    const isPaused = (day: number) => day >= 49 && day < 56;
    const told = notes(truth, 8_000, days).map((one) =>
      one.phase !== '' && isPaused((Date.parse(one.day) - START) / DAY_MS)
        ? { ...one, phaseState: 'paused' }
        : one,
    );
    const speed = (of: Plan, all: readonly DayCount[]) =>
      foresee('main', basisOf(town, { plan: of, nowMs: at(days), days: all }, census), asked).speed.factor;
    const known = speed(plan, told);
    expect(known).toBeCloseTo(1, 1);
    // The twin: whoever does not know of them takes people for slower, though odd weeks count less.
    expect(speed(planOf({}), notes(truth, 8_000, days))).toBeLessThan(known - 0.03);
  });

  test('counts those who failed, and whom nobody waits for', () => {
    const town = openPopulation({ people: 4_000, startMs: START });
    const census = basisOf(town).census;
    const told = [noted(6, 1_000, { arrived: 500, failed: 500, leftOut: 400 })];
    const { success, all } = foresee('main', basisOf(town, { nowMs: at(7), days: told }, census), asked);
    expect(success).toBeCloseTo(0.52, 2);
    expect(all.points.at(-1)!.high).toBeLessThan(0.9 * 0.53);
  });

  test('counts whoever is there without a phase, once', () => {
    const town = openPopulation({ people: 1_000, startMs: START });
    const told = [noted(0, 600, { phase: '', phaseState: null })];
    const { all } = foresee('main', basisOf(town, { days: told, states: { everybody: 'planned' } }), asked);
    expect(all.points[0]).toMatchObject({ expected: 0.6 });
    expect(all.points.at(-1)!.expected).toBeLessThanOrEqual(1);
    expect(all.points.at(-1)!.expected).toBeGreaterThan(0.9);
  });

  test('with a census that came too late takes from what has happened where people stand, but not how fast', () => {
    const town = openPopulation({ people: 8_000, startMs: START, busyOn: () => 1 });
    const truth = livedThrough(town, 200);
    const again = openPopulation({ people: 8_000, startMs: START, busyOn: () => 1 });
    livedThrough(again, 60);
    const shown = { nowMs: at(60), days: notes(truth, 8_000, 60), late: true };
    const forecast = foresee('main', basisOf(again, shown), asked);
    expect(forecast.speed.trials).toBe(0);
    expect(Math.abs(shareOn(forecast.all, dayOf(at(60 + 91))) - truth[151]!)).toBeLessThan(0.02);
    expect(forecast.restsOn.join(' ')).toContain('after these phases had begun');
  });
});

describe('a plan lived through', () => {
  const town = openPopulation({ people: 10_000, seed: 9, startMs: START });
  const staged = planOf({
    segments: { some: { percentage: 10 }, more: { percentage: 50 } },
    phases: [
      { name: 'first', segments: ['some'], finish: { coverage: 0.9, days: 10 } },
      {
        name: 'second',
        segments: ['more'],
        needs: ['first'],
        starts: dayOf(at(30)),
        finish: { coverage: 0.9 },
      },
      { name: 'third', needs: ['second'] },
    ],
  });
  const states = { second: 'planned', third: 'planned' } as const;

  test('begins phases when it is time and what they need is finished, and its people come then', () => {
    const lived = openPopulation({ people: 10_000, seed: 9, startMs: START });
    const forecast = foresee('main', basisOf(town, { plan: staged, states }), asked);
    const [first, second, third] = ['first', 'second', 'third'].map((name) => phaseNamed(forecast, name));
    expect(first!.people + second!.people + third!.people).toBe(10_000);
    expect(Math.abs(first!.people - 1_000)).toBeLessThan(120);
    expect(first!.begins).toBe(dayOf(START));
    expect(first!.finishes! < second!.begins! || first!.finishes === second!.begins).toBe(true);
    expect(second!.begins! >= dayOf(at(30))).toBe(true);
    expect(third!.begins).toBe(second!.finishes);
    const begins = [first, second, third].map((one) => (Date.parse(one!.begins!) - START) / DAY_MS);
    const homes = new Map(
      lived.residents.map(({ person }) => {
        const standing = { person, nowSeconds: 0, bucket: bucketOf(SALT, person.sub) };
        const isIn = (name: string) => isInSegment(staged, name, standing);
        return [person.sub, isIn('some') ? 0 : isIn('more') ? 1 : 2];
      }),
    );
    const truth = livedThrough(lived, 540, (day, sub) => day >= begins[homes.get(sub)!]!);
    // A phase that begins at a weekend begins slowly: days of the week are beneath what is foreseen.
    for (const { day, expected } of forecast.all.points)
      expect(Math.abs(expected - truth[(Date.parse(day) - START) / DAY_MS]!), day).toBeLessThan(0.03);
  });

  test('with a slower world in it begins its phases later', () => {
    const { all } = foresee('main', basisOf(town, { plan: staged, states }), asked);
    const spread = (line: Line, day: string) => shareOn(line, day, 'high') - shareOn(line, day, 'low');
    const flat = foresee('main', basisOf(town), asked).all;
    const day = all.points[12]!.day;
    expect(spread(all, day)).toBeGreaterThan(2 * spread(flat, day));
  });

  test('moves a bulk phase when it begins, and all of it', () => {
    const plan = planOf({
      phases: [{ name: 'everybody', identities: 'bulk', starts: dayOf(at(20)) }],
    });
    const forecast = foresee('main', basisOf(town, { plan, states: { everybody: 'planned' } }), asked);
    expect(shareOn(forecast.all, dayOf(at(14)))).toBe(0);
    expect(shareOn(forecast.all, dayOf(at(21)))).toBeCloseTo(0.99, 2);
    expect(forecast.restsOn.join(' ')).toContain('batches');
  });

  test('with a gate that nobody reaches never begins what waits for it, and has no end', () => {
    const plan = planOf({
      phases: [
        { name: 'first', apps: 'all', finish: { coverage: 1, of: 'everybody' } },
        { name: 'second', needs: ['first'] },
      ],
    });
    const forecast = foresee('main', basisOf(town, { plan, states: { second: 'planned' } }), asked);
    expect(phaseNamed(forecast, 'second').begins).toBeNull();
    expect(forecast.end).toBeNull();
    expect(forecast.restsOn.join(' ')).toContain('do not begin in the time that was looked at: second.');
  });

  test('leaves those of a phase that was rolled back where they are, unless another takes them', () => {
    const only = planOf({
      segments: { half: { percentage: 50 } },
      phases: [{ name: 'first', segments: ['half'] }],
    });
    const alone = foresee('main', basisOf(town, { plan: only, states: { first: 'rolled-back' } }), asked);
    expect(alone.all.points.at(-1)!.expected).toBe(0);
    const rolledBack = { first: 'rolled-back', second: 'planned', third: 'running' } as const;
    const other = foresee('main', basisOf(town, { plan: staged, states: rolledBack }), asked);
    expect(other.all.points.at(-1)!.expected).toBeGreaterThan(0.8);
    expect(phaseNamed(other, 'first')).toMatchObject({ begins: null, people: 0 });
  });

  test('of apps one after the other counts everybody once', () => {
    const plan = planOf({
      apps: { shop: { clients: ['shop'] }, wiki: { clients: ['wiki'] } },
      phases: [
        { name: 'shop', apps: ['shop'] },
        { name: 'wiki', apps: ['wiki'], starts: dayOf(at(40)) },
      ],
    });
    const forecast = foresee('main', basisOf(town, { plan, states: { wiki: 'planned' } }), asked);
    expect(forecast.apps.map(({ name, people }) => [name, people])).toEqual([
      ['shop', 10_000],
      ['wiki', 10_000],
    ]);
    expect(forecast.all.points.at(-1)!.expected).toBeLessThan(0.95);
    expect(forecast.restsOn.join(' ')).toContain('who uses which app');
  });
});

describe('the end', () => {
  test('is the first day on which goal and campaign come together, and costs what it costs', () => {
    const town = openPopulation({ people: 10_000, startMs: START });
    const campaign = { ...CAMPAIGN, answerShare: 0.5 };
    const { end, all } = foresee('main', basisOf(town), { ...asked, goal: 0.9, campaign });
    expect(end!.coverage).toBeGreaterThanOrEqual(0.9);
    const { mails, requests, answers, cost, begins } = end!.campaign;
    expect(Date.parse(end!.day) - Date.parse(begins)).toBe(30 * DAY_MS);
    expect(cost).toBeCloseTo(mails * 0.01 + mails * 0.05 * 10, 6);
    expect(requests).toBeCloseTo(mails * 0.05, 6);
    expect(answers + end!.left).toBeLessThanOrEqual(mails);
    expect(end!.earliest! <= end!.day && end!.day <= end!.latest!).toBe(true);
    // Sooner than without letters.
    const alone = all.milestones.find(({ share }) => share === 0.95)!;
    expect(alone.day === null || end!.day < alone.day).toBe(true);
  });

  test('is not foreseen where even everybody who answers is too few', () => {
    const town = openPopulation({ people: 2_000, startMs: START });
    expect(foresee('main', basisOf(town), { ...asked, goal: 0.999 }).end).toBeNull();
  });
});

describe('the curve', () => {
  test('of active people is that of those who were there lately, whatever their rates', () => {
    const town = openPopulation({ people: 30_000, seed: 4, startMs: START, busyOn: () => 1 });
    const { census } = basisOf(town);
    const curve = curveOf(census.tally.all.ages);
    const active = town.residents.filter(
      ({ person }) => (person.lastLoginAt ?? 0) >= START / 1_000 - 91 * 86_400,
    );
    livedThrough(town, 30);
    const came = active.filter(({ isMoved }) => isMoved).length / active.length;
    expect(Math.abs(curve.activeWithin(30) - came)).toBeLessThan(0.01);
    expect(curve.activeWithin(30)).toBeGreaterThan(curve.within(30));
  });

  test('of nobody, and of those who were never there, is flat', () => {
    expect(curveOf([]).within(100)).toBe(0);
    const never = curveOf(Object.assign(Array<number>(NEVER + 1).fill(0), { [NEVER]: 5 }));
    expect([never.within(9_999), never.activeWithin(50), never.between(3, 900)]).toEqual([0, 0, 0]);
  });
});

describe('the speed', () => {
  const ages = Array.from({ length: 300 }, (_, day) => Math.round(1_000 * Math.exp(-day / 40)));
  const curve = curveOf(ages);
  const trial = (week: number, speed: number, people = 5_000): Trial => {
    const [from, to] = [week * 7, week * 7 + 7];
    const before = Math.round(people * (1 - curve.within(from * speed)));
    return { curve, from, to, before, came: Math.round(before * curve.between(from * speed, to * speed)) };
  };

  test('without trials is that of history, within wide bounds', () => {
    const speed = speedFrom([], BLANK);
    expect(speed.factor).toBeCloseTo(1, 6);
    expect(speed).toMatchObject({ trials: 0 });
    expect(speed.low).toBeCloseTo(0.68, 1);
    expect(speed.high).toBeCloseTo(1.47, 1);
  });

  test('of one small week is moved a little, of many is what they say', () => {
    const few = speedFrom([trial(0, 2, 30)]);
    const many = speedFrom(Array.from({ length: 12 }, (_, week) => trial(week, 2)));
    expect(few.factor).toBeGreaterThan(1);
    expect(few.factor).toBeLessThan(1.6);
    expect(many.factor).toBeCloseTo(2, 1);
  });

  test('is not carried away by one campaign', () => {
    const usual = Array.from({ length: 10 }, (_, week) => trial(week, 1));
    const odd = usual.map((one, week) =>
      week === 4 ? { ...one, came: Math.min(one.before, one.came * 6) } : one,
    );
    expect(Math.abs(speedFrom(odd).factor - speedFrom(usual).factor)).toBeLessThan(0.15);
  });

  test('stays within bounds, whatever is written down', () => {
    const random = randomFrom(7);
    const wild = Array.from({ length: 40 }, (_, week) => ({
      ...trial(week, 1),
      came: Math.round((random() - 0.3) * 20_000),
    }));
    const speed = speedFrom(wild);
    for (const value of [speed.factor, speed.low, speed.high]) {
      expect(value).toBeGreaterThanOrEqual(0.25);
      expect(value).toBeLessThanOrEqual(4);
    }
  });
});

test('what is frozen twice is frozen once', () => {
  const plan = planOf({
    freezes: [
      { from: dayOf(at(1)), until: dayOf(at(4)), reason: 'a' },
      { from: dayOf(at(3)), until: dayOf(at(6)), reason: 'b' },
      { from: dayOf(at(90)), until: dayOf(at(91)), reason: 'c' },
    ],
  });
  expect(frozenMs(plan, at(0), at(10)) / DAY_MS).toBe(5);
  expect(frozenMs(plan, at(2), at(3)) / DAY_MS).toBe(1);
});
