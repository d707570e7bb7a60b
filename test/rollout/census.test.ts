/** Censuses, days and kept forecasts in a real database of ours, over a town that lives on. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { daysRound, forecastFor, forecastRound } from '../../src/admin/forecast/foreseeing.ts';
import { move } from '../../src/migration/ledger.ts';
import type { Event } from '../../src/migration/states.ts';
import { STATES } from '../../src/migration/states.ts';
import { assignPart } from '../../src/rollout/assignments.ts';
import { censusUnderWay, lastCensus, SWEEP_CENSUSES, wholeCensus } from '../../src/rollout/census.ts';
import type { CensusDeps, CensusPeople } from '../../src/rollout/census-reading.ts';
import { censusRound, readCensus } from '../../src/rollout/census-reading.ts';
import { ARRIVED, CAME, dayOf, LEFT_OUT, riverOf, SWEEP_DAYS } from '../../src/rollout/days.ts';
import { forecastAgainst, keepForecast, keptForecasts } from '../../src/rollout/forecast-kept.ts';
import { keepPlan, turnPhase } from '../../src/rollout/phases.ts';
import { planShape } from '../../src/rollout/plan.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb, statement } from '../../src/store/db.ts';
import { testDatabase } from '../support/postgres.ts';
import { openPopulation } from './population.ts';

const DAY_MS = 86_400_000;
const START = Date.parse('2026-03-02T06:00:00Z');
const PEOPLE = 2_500;
const asked = { actor: 'operator:anna' };

let db: Db;
let drop: () => Promise<void>;
beforeAll(async () => {
  const database = await testDatabase();
  drop = database.drop;
  db = openDb({ url: database.url, poolSize: 4 });
});
afterAll(async () => {
  await db.close();
  await drop();
});
/** A target of each test's own. */
let target = '';
let tests = 0;
beforeEach(() => {
  tests += 1;
  target = `target-${tests}`;
});

const run = (text: string, values: unknown[] = []) => db.run(statement(text), values);
const town = () => openPopulation({ people: PEOPLE, startMs: START });

/** Staff by role, then everybody; two apps. */
async function plan(more: object = {}): Promise<number> {
  const shape = {
    ...{ name: 'move', target, apps: { shop: { clients: ['shop'] }, wiki: { clients: ['wiki'] } } },
    segments: { staff: { roles: ['staff'] }, partners: { organizationKinds: ['partner'] } },
    phases: [{ name: 'first', segments: ['staff', 'partners'] }, { name: 'rest' }],
    ...more,
  };
  return keepPlan(db, { plan: planShape.parse(shape), source: 'plan', actor: 'operator:anna' });
}

const depsFor = (people: CensusPeople, nowMs = START): CensusDeps => ({ db, people, nowMs: () => nowMs });

describe('a census', () => {
  test('counts everybody once, by phase, segment and app', async () => {
    await plan();
    const { residents, asStore } = town();
    const progress: number[] = [];
    const onProgress = ({ users }: { users: number }) => void progress.push(users);
    const { census, people } = await readCensus(depsFor(asStore()), target, { ...asked, onProgress });
    const staff = residents.filter(({ person }) => person.roles.includes('staff'));
    const partners = residents.filter(({ person }) =>
      person.organizations?.some(({ kinds }) => kinds.includes('partner')),
    );
    const either = new Set([...staff, ...partners]);
    expect(people).toBe(PEOPLE);
    expect(census).toMatchObject({ people: PEOPLE, version: 1, unmappable: 0 });
    expect(census!.segments.staff!.people).toBe(staff.length);
    expect(census!.phases.first!.people).toBe(either.size);
    expect(census!.phases.rest!.people).toBe(PEOPLE - either.size);
    expect(census!.phaseSegments['first/staff']!.people).toBe(staff.length);
    expect(census!.phaseSegments['first/partners']!.people).toBe(either.size - staff.length);
    expect(census!.apps.shop!.people).toBe(PEOPLE);
    const recent = residents.filter(
      ({ person }) => Math.floor((START / 1_000 - (person.lastLoginAt ?? -1e12)) / 86_400) <= 90,
    );
    expect(census!.active).toBe(recent.length);
    expect(progress).toEqual([1_000, 2_000, 2_500]);
    expect((await lastCensus(db, target))!.at).toEqual(new Date(START));
  });

  test('that was cut off goes on where it was, and counts nobody twice', async () => {
    await plan();
    const store = town().asStore();
    const abort = new AbortController();
    const stopAt = ({ users }: { users: number }) => users >= 1_000 && abort.abort();
    const first = await readCensus(depsFor(store), target, {
      ...asked,
      signal: abort.signal,
      onProgress: stopAt,
    });
    expect(first.census).toBeUndefined();
    expect(first.people).toBe(1_001);
    expect(await censusUnderWay(db, target)).toMatchObject({ version: 1, people: 1_001 });
    const second = await readCensus(depsFor(store), target, asked);
    expect(second).toMatchObject({ continuedFrom: 1_001, people: PEOPLE });
    expect(second.census!.people).toBe(PEOPLE);
    const fresh = await readCensus(depsFor(store), target, asked);
    expect(fresh.continuedFrom).toBe(0);
    const { tally: _, ...whole } = (await wholeCensus(db, target))!;
    expect(whole.phases).toEqual(second.census!.phases);
  });

  test('whose store goes away says so, and goes on later', async () => {
    await plan();
    const store = town().asStore();
    const broken: CensusPeople = {
      ...store,
      async *entries(after) {
        let read = 0;
        for await (const entry of store.entries!(after)) {
          if (read === 1_500) throw new Error('the store is away');
          read += 1;
          yield entry;
        }
      },
    };
    await expect(readCensus(depsFor(broken), target, asked)).rejects.toThrow('the store is away');
    const { continuedFrom, census } = await readCensus(depsFor(store), target, asked);
    expect(continuedFrom).toBe(1_000);
    expect(census!.people).toBe(PEOPLE);
  });

  test('gives way to an operator, and never to another round', async () => {
    await plan();
    const store = town().asStore();
    const deps = depsFor(store);
    const slow = { ...store, entries: undefined as unknown as NonNullable<CensusPeople['entries']> };
    let other: Promise<unknown> | undefined;
    slow.entries = async function* (after) {
      let read = 0;
      for await (const entry of store.entries!(after)) {
        read += 1;
        if (read === 1_200) {
          await expect(readCensus(deps, target, asked)).rejects.toMatchObject({ code: 'survey_running' });
          other = readCensus(deps, target, { ...asked, take: true });
          await other;
        }
        yield entry;
      }
    };
    await expect(readCensus(depsFor(slow), target, asked)).rejects.toMatchObject({ code: 'survey_running' });
    await expect(other).resolves.toMatchObject({ continuedFrom: 1_000, people: PEOPLE });
  });

  test('of another version of the plan begins afresh', async () => {
    await plan();
    const store = town().asStore();
    await readCensus(depsFor(store), target, { ...asked, limit: 1_000 });
    await plan({ phases: [{ name: 'rest' }] });
    const { continuedFrom, census } = await readCensus(depsFor(store), target, asked);
    expect(continuedFrom).toBe(0);
    expect(census).toMatchObject({ version: 2, phases: { rest: { people: PEOPLE } } });
  });

  test('counts whoever cannot be mapped or may not log in, and expects nobody of them', async () => {
    await plan();
    const { residents, asStore } = town();
    for (const resident of residents.slice(0, 300))
      resident.person = { ...resident.person, state: 'disabled' };
    const store = asStore();
    const broken: CensusPeople = {
      ...store,
      async *entries(after) {
        for await (const entry of store.entries!(after))
          yield entry.sub.endsWith('9') ? { sub: entry.sub, error: new Error('no id') } : entry;
      },
    };
    const { census } = await readCensus(depsFor(broken), target, asked);
    expect(census).toMatchObject({ people: PEOPLE, unmappable: 250 });
    const forecast = await forecastFor({ db, nowMs: () => START }, target);
    expect(forecast.tail).toMatchObject({ barred: 250 + 270, inNoPhase: 250 });
    expect(forecast.all.points.at(-1)!.high).toBeLessThan(0.8);
  });

  test('is refused without a plan, and where the store cannot be read from end to end', async () => {
    const store = town().asStore();
    await expect(readCensus(depsFor(store), target, asked)).rejects.toMatchObject({ code: 'plan_not_found' });
    await plan();
    const { entries: _, ...closed } = store;
    await expect(readCensus(depsFor(closed), target, asked)).rejects.toMatchObject({
      code: 'config_invalid',
    });
    expect(await censusRound(depsFor(closed))).toBe(false);
    await expect(forecastFor({ db }, target)).rejects.toMatchObject({ code: 'forecast_needs_census' });
    await expect(forecastFor({ db }, 'nowhere')).rejects.toMatchObject({ code: 'plan_not_found' });
  });

  test('is made a little at a time by rounds, once a day, and again for a new plan', async () => {
    await run('delete from rollouts');
    await plan();
    const store = town().asStore();
    const rounds = async (nowMs: number) => {
      let n = 1;
      while (await censusRound(depsFor(store, nowMs))) n += 1;
      return n;
    };
    expect(await rounds(START)).toBe(3);
    const first = await lastCensus(db, target);
    await rounds(START + DAY_MS - 1);
    expect((await lastCensus(db, target))!.id).toBe(first!.id);
    await rounds(START + DAY_MS);
    expect((await lastCensus(db, target))!.id).not.toBe(first!.id);
    await plan({ phases: [{ name: 'rest' }] });
    const { restsOn } = await forecastFor({ db, nowMs: () => START + DAY_MS }, target);
    expect(restsOn.join(' ')).toContain(
      'The store was read for version 1 of the plan, and version 2 is in force',
    );
    await rounds(START + DAY_MS + 1);
    expect(await lastCensus(db, target)).toMatchObject({ version: 2, people: PEOPLE });
  });

  test('of long ago is kept once a month', async () => {
    await plan();
    const store = town().asStore();
    const ago = (days: number) => Date.parse('2020-05-20T00:00:00Z') + days * DAY_MS;
    const recent = Date.now() - DAY_MS;
    for (const nowMs of [ago(0), ago(1), ago(40), recent, recent + 1])
      await readCensus(depsFor(store, nowMs), target, asked);
    // The oldest is beyond five years: only what is younger is thinned out.
    await run(
      `update rollout_censuses set finished_at = finished_at + interval '5 years' where target = $1
      and finished_at < '2021-01-01'`,
      [target],
    );
    await db.run(SWEEP_CENSUSES, [1_000]);
    const left = await run('select id from rollout_censuses where target = $1', [target]);
    expect(left).toHaveLength(4);
  });
});

/** People by index, with the subjects of the town. */
const subOf = (index: number) => `shop:${String(index + 1).padStart(7, '0')}`;

async function take(indexes: readonly number[], events: readonly Event[], phase = 'rest', segment?: string) {
  const people = indexes.map((index) => ({
    ...{ sub: subOf(index), phase, attempt: 1, segment: segment ?? null, bucket: 0 },
  }));
  await db.runParts(assignPart({ target, version: 1, way: 'decision' }, people), 'select 1');
  for (const index of indexes)
    for (const event of events)
      await move(db, {
        ...{ target, sub: subOf(index), event, actor: 'user', subject: Buffer.alloc(32, index % 256) },
        ...{ legacyId: String(index), amr: ['pwd'], targetUserId: `${target}-${index}` },
      });
}
const MIGRATES = ['prove', 'release', 'create', 'confirm'] as const;
const upTo = (n: number, from = 0) => Array.from({ length: n }, (_, index) => from + index);

describe('the days', () => {
  test('speak of states that there are', () => {
    for (const state of [...ARRIVED, ...CAME, ...LEFT_OUT]) expect(STATES).toContain(state);
  });

  test('say where everybody stood, and whoever has no row is in the legacy store', async () => {
    await plan();
    await readCensus(depsFor(town().asStore()), target, asked);
    await turnPhase(db, {
      target,
      phase: 'first',
      to: 'running',
      cause: 'operator',
      actor: 'a',
      nowMs: START,
    });
    await take(upTo(5), MIGRATES, 'first', 'staff');
    await take(upTo(3, 5), ['prove', 'fail'], 'rest');
    const day = dayOf(START);
    await daysRound({ db, nowMs: () => START });
    const one = { from: day, to: day };
    const all = await riverOf(db, target, one);
    expect(all).toEqual([
      { day, state: 'legacy', people: PEOPLE - 8 },
      { day, state: 'failed', people: 3 },
      { day, state: 'migrated', people: 5 },
    ]);
    const staff = (await lastCensus(db, target))!.phaseSegments['first/staff']!.people;
    const wanted = [
      { day, state: 'legacy', people: staff - 5 },
      { day, state: 'migrated', people: 5 },
    ];
    expect(await riverOf(db, target, { ...one, phase: 'first', segment: 'staff' })).toEqual(wanted);
    expect(await riverOf(db, target, { ...one, segment: 'staff' })).toEqual(wanted);
    const [{ people: legacy } = { people: 0 }] = await riverOf(db, target, { ...one, phase: 'first' });
    expect(legacy).toBe((await lastCensus(db, target))!.phases.first!.people - 5);
    expect(await riverOf(db, target, { from: dayOf(START + DAY_MS), to: dayOf(START + DAY_MS) })).toEqual([]);
  });

  test('are written once an hour, and the last of a day counts', async () => {
    await plan();
    const day = dayOf(START);
    const river = () => riverOf(db, target, { from: day, to: day });
    await take([0], MIGRATES);
    await daysRound({ db, nowMs: () => START });
    await take([1, 2], MIGRATES);
    await daysRound({ db, nowMs: () => START + 3_599_000 });
    // Without a census nobody knows of those who have no row.
    expect(await river()).toEqual([{ day, state: 'migrated', people: 1 }]);
    await daysRound({ db, nowMs: () => START + 3_600_000 });
    expect(await river()).toEqual([{ day, state: 'migrated', people: 3 }]);
  });

  test('before the first census are told with what it found', async () => {
    await plan();
    await take([0], MIGRATES);
    await daysRound({ db, nowMs: () => START });
    await readCensus(depsFor(town().asStore()), target, asked);
    await daysRound({ db, nowMs: () => START + DAY_MS });
    const river = await riverOf(db, target, { from: dayOf(START), to: dayOf(START + DAY_MS) });
    expect(river.map(({ state, people }) => [state, people])).toEqual([
      ['legacy', PEOPLE - 1],
      ['migrated', 1],
      ['legacy', PEOPLE - 1],
      ['migrated', 1],
    ]);
  });

  test('leave out those who were taken back with their phase', async () => {
    await plan();
    await take([0, 1], MIGRATES);
    await run(`update rollout_assignments set back = 'returned' where target = $1 and sub = $2`, [
      target,
      subOf(0),
    ]);
    await daysRound({ db, nowMs: () => START });
    const day = dayOf(START);
    expect(await riverOf(db, target, { from: day, to: day, phase: 'rest' })).toEqual([
      { day, state: 'migrated', people: 1 },
    ]);
  });

  test('are swept after five years', async () => {
    await plan();
    await take([0], MIGRATES);
    await daysRound({ db, nowMs: () => Date.parse('2019-01-01') });
    await daysRound({ db, nowMs: () => Date.now() });
    await db.run(SWEEP_DAYS, [1_000]);
    const left = await run('select distinct day::text from rollout_days where target = $1', [target]);
    expect(left).toEqual([{ day: dayOf(Date.now()) }]);
  });
});

describe('forecasts that were kept', () => {
  test('are held against what came', async () => {
    await plan({ phases: [{ name: 'rest' }] });
    const { asStore, loginsOn } = town();
    await readCensus(depsFor(asStore()), target, asked);
    await turnPhase(db, {
      target,
      phase: 'rest',
      to: 'running',
      cause: 'operator',
      actor: 'a',
      nowMs: START,
    });
    const made = await forecastFor({ db, nowMs: () => START }, target);
    const id = await keepForecast(db, made, 'operator:anna');
    const came = new Set<number>();
    // What a login does is tested elsewhere: here whoever logs in is in the ledger at once.
    for (let day = 0; day < 14; day += 1) {
      for (const { index } of loginsOn(day)) came.add(index);
      if (day % 7 !== 6) continue;
      await run(
        `with people as (select unnest($2::text[]) as sub),
          placed as (insert into rollout_assignments (target, sub, phase, attempt, bucket, version, way)
            select $1, sub, 'rest', 1, 0, 1, 'decision' from people on conflict do nothing)
        insert into ledger (target, sub, state, from_state) select $1, sub, 'migrated', 'legacy' from people
          on conflict do nothing`,
        [target, [...came].map(subOf)],
      );
      await daysRound({ db, nowMs: () => START + (day + 0.7) * DAY_MS });
    }
    const nowMs = START + 13.7 * DAY_MS;
    const against = await forecastAgainst(db, target, { nowMs });
    expect(against.foreseen.map((one) => one.id)).toEqual([id]);
    const [{ off, expected }] = against.foreseen as [(typeof against.foreseen)[0]];
    expect(off.days).toBe(2);
    expect(off.worst).toBeLessThan(0.05);
    const at = against.days.indexOf(dayOf(nowMs));
    expect(against.happened[at]).toBeCloseTo(came.size / PEOPLE, 3);
    expect(expected[at]).toBeGreaterThan(0.4);
    const ofPhase = await forecastAgainst(db, target, { phase: 'rest', nowMs });
    expect(ofPhase.happened[at]).toBeCloseTo(came.size / PEOPLE, 3);
    // Two weeks have taught it something.
    const again = await forecastFor({ db, nowMs: () => nowMs }, target);
    expect(again.speed.trials).toBe(2);
    expect(again.all.points[0]!.expected).toBeCloseTo(came.size / PEOPLE, 3);
  });

  test('are none where none was made', async () => {
    await plan();
    const against = await forecastAgainst(db, target, { nowMs: START });
    expect(against).toEqual({ days: [], happened: [], foreseen: [] });
    expect(await keptForecasts(db, target)).toEqual([]);
  });

  test('are kept once a week by themselves, once there was a census', async () => {
    await run('delete from rollouts');
    await plan();
    const kept = async (nowMs: number) => {
      await forecastRound({ db, nowMs: () => nowMs, onError: (error) => expect(error).toBeUndefined() });
      return (await keptForecasts(db, target)).length;
    };
    expect(await kept(START)).toBe(0);
    await readCensus(depsFor(town().asStore()), target, asked);
    expect(await kept(START)).toBe(1);
    expect(await kept(START + 6 * DAY_MS)).toBe(1);
    expect(await kept(START + 7 * DAY_MS)).toBe(2);
    expect((await keptForecasts(db, target))[0]).toMatchObject({ actor: 'footbridge' });
  });
});
