/** `rollout census` and `rollout forecast` as an operator meets them, over a real database of ours. */
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CensusOutput } from '../../../src/admin/forecast/census-text.ts';
import type { ForecastOutput } from '../../../src/admin/forecast/forecast-text.ts';
import { forecastPage, forecastSections } from '../../../src/admin/forecast/forecast-text.ts';
import type { Desk } from '../../../src/admin/operation.ts';
import { operations } from '../../../src/admin/operations/index.ts';
import { rolloutCensus } from '../../../src/admin/operations/rollout-census.ts';
import { rolloutForecast } from '../../../src/admin/operations/rollout-forecast.ts';
import { roleFor } from '../../../src/admin/perform.ts';
import { keptForecasts } from '../../../src/rollout/forecast-kept.ts';
import { keepPlan } from '../../../src/rollout/phases.ts';
import { planShape } from '../../../src/rollout/plan.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import { openPopulation } from '../../rollout/population.ts';
import { testDatabase } from '../../support/postgres.ts';

const PEOPLE = 1_200;
let db: Db;
let desk: Desk;
let drop: () => Promise<void>;
beforeAll(async () => {
  const database = await testDatabase();
  drop = database.drop;
  db = openDb({ url: database.url, poolSize: 2 });
  const directory = openPopulation({ people: PEOPLE, startMs: Date.now() }).asStore();
  desk = { db, directory, actor: 'operator:anna' } as unknown as Desk;
  const plan = planShape.parse({
    ...{ name: 'move', target: 'main', segments: { gold: { metadata: { tier: 'gold' } } } },
    phases: [
      { name: 'first', segments: ['gold'] },
      { name: 'rest', needs: ['first'] },
    ],
  });
  await keepPlan(db, { plan, source: '', actor: 'operator:anna' });
});
afterAll(async () => {
  await db.close();
  await drop();
});

const census = async (options: { signal?: AbortSignal } = {}) =>
  (await rolloutCensus.run(desk, rolloutCensus.input.parse({}), {
    execute: false,
    ...options,
  })) as CensusOutput;
const forecast = async (given: object = {}) =>
  (await rolloutForecast.run(desk, rolloutForecast.input.parse(given), { execute: false })) as ForecastOutput;
const text = (printed: string) => stripVTControlCharacters(printed);

test('without a census nothing is foreseen, and nothing is kept', async () => {
  await expect(forecast({ keep: true })).rejects.toMatchObject({ code: 'forecast_needs_census' });
  expect(await keptForecasts(db, 'main')).toEqual([]);
});

test('a census that is stopped says how to go on, and the next one does', async () => {
  const stopped = await census({ signal: AbortSignal.abort() });
  expect(stopped).toMatchObject({ census: null, people: 1 });
  expect(rolloutCensus.foundWrong?.(stopped)).toBe(true);
  expect(text(rolloutCensus.print(stopped))).toContain('The same command goes on from there.');
  const whole = await census();
  expect(whole).toMatchObject({ target: 'main', people: PEOPLE, continuedFrom: 1 });
  expect(rolloutCensus.foundWrong?.(whole)).toBe(false);
  expect(text(rolloutCensus.print(whole))).toMatch(/By phase[\s\S]*first[\s\S]*rest/);
});

test('a forecast says dates, the tail, the end and what it rests on, as text and as one file', async () => {
  const output = await forecast({ goal: '0.8', horizonDays: '400', costPerMail: '0.5' });
  expect(output.forecast.asked).toMatchObject({
    goal: 0.8,
    horizonDays: 400,
    campaign: { costPerMail: 0.5 },
  });
  const printed = text(rolloutForecast.print(output));
  for (const said of [
    'The legacy store can go on',
    'When so many are there',
    'By phase',
    'By segment',
    'never logged in',
    'Rests on 1,200 people',
    'These have no date, and are taken to begin today: first.',
    'These are taken to begin as soon as what they need is finished: rest.',
  ])
    expect(printed).toContain(said);
  expect(printed).not.toMatch(/NaN|undefined|Infinity/);
  const page = rolloutForecast.page!(output);
  expect(page).toContain('<svg class="forecast"');
  expect(page).not.toMatch(/NaN|undefined|<script|https?:\/\//);
  expect(output).not.toHaveProperty('kept');
});

test('a forecast is kept when that is asked for, with a record of who did', async () => {
  const { kept } = await forecast({ keep: true });
  const [found] = await keptForecasts(db, 'main');
  expect(found).toMatchObject({ id: kept, actor: 'operator:anna' });
  const [record] = await db.run(
    statement(`select actor, action from audit_log where action = 'rollout.forecast-kept'`),
  );
  expect(record).toMatchObject({ actor: 'operator:anna' });
});

test('a name cannot put anything into the page', async () => {
  const output = await forecast();
  const evil = { ...output.forecast, target: '<b>$& main', restsOn: ['<script>'] };
  const page = forecastPage({ ...output, forecast: evil });
  expect(page).not.toContain('<script>');
  expect(page).toContain('&lt;b&gt;$&amp; main');
});

test('an empty store is told as such, and draws nothing', async () => {
  const output = await forecast();
  const empty = {
    ...output.forecast,
    all: { name: 'all', people: 0, points: [], milestones: [] },
    end: null,
  };
  const [head] = forecastSections({ forecast: empty, happened: [] });
  expect(head!.text![0]).toBe('There is nobody in the legacy store.');
  expect(forecastPage({ forecast: empty, happened: [] })).not.toContain('<svg');
});

test.each([
  { goal: 0 },
  { goal: 1.1 },
  { horizonDays: 5 },
  { horizonDays: 4_000 },
  { answerShare: -1 },
  { other: 1 },
])('asks for nothing that makes no sense: %o', (given) => {
  expect(rolloutForecast.input.safeParse(given).success).toBe(false);
});

test('both are operators’ to run, and are on the shelf', () => {
  expect([roleFor(rolloutCensus), roleFor(rolloutForecast)]).toEqual(['operator', 'operator']);
  const names = operations.map(({ name }) => name);
  expect(names).toContain('rollout census');
  expect(names).toContain('rollout forecast');
});
