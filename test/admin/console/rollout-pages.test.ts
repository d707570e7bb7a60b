import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { TARGET, tellRollout, tellSurvey } from './rollout-story.ts';
import type { ConsoleWorld, Operator } from './world.ts';
import { openConsoleWorld } from './world.ts';

let world: ConsoleWorld;
let admin: Operator;
let viewer: Operator;
beforeAll(async () => {
  world = await openConsoleWorld({
    change: (settings) => {
      const [first] = settings.targets;
      settings.targets.push({ ...first, name: 'other-one', displayName: 'The other', clientIds: [] });
    },
  });
  admin = await world.signIn('admin');
  viewer = await world.signIn('viewer');
});
afterAll(() => world?.close());

/** As it is read: without tags, with single spaces. */
const words = (html: string) =>
  html
    .replace(/<script.*?<\/script>/gs, '')
    .replace(/<[^>]+>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
const main = (html: string) => words(html.slice(html.indexOf('<main')));
async function read(path: string, operator = admin): Promise<string> {
  const { status, body } = await operator.get(`/admin${path}`);
  expect(status, path).toBe(200);
  return main(body);
}
const hrefs = (html: string) =>
  [...html.matchAll(/href="(\/admin\/do\/[^"]+)"/g)].map((match) => match[1]!.replaceAll('&amp;', '&'));

describe('before anything has happened', () => {
  test.each([
    ['', 'There is no plan for new-one yet'],
    ['/rollout', 'There is no plan yet'],
    [`/rollout/${TARGET}`, 'footbridge rollout set plan.yaml --execute'],
    [`/rollout/${TARGET}/plan`, 'There is no plan for new-one yet'],
    ['/logins', 'is here some seconds later'],
    ['/hashes', 'footbridge legacy survey'],
    ['/forecast', 'there is no plan for new-one yet'],
  ])('the page %s says what comes next', async (path, says) => {
    expect(await read(path)).toContain(says);
    expect(await read(path, viewer)).toContain(says);
  });

  test('what is not there is not found', async () => {
    for (const path of [
      '/rollout/nowhere',
      `/rollout/${TARGET}/phases/pilot`,
      `/rollout/${TARGET}/plan?version=1`,
    ])
      expect((await admin.get(`/admin${path}`)).status, path).toBe(404);
  });

  test('a first plan is written down in the page, and the dry run says what it means', async () => {
    const { body } = await admin.get(`/admin/rollout/${TARGET}/plan`);
    const plan = /<textarea[^>]*>\n?([^<]*)</.exec(body)![1]!;
    expect(plan).toContain(`target: ${TARGET}`);
    const ran = await admin.submit('/admin/do/rollout/set', { plan, note: 'a try' });
    expect(main(ran.body)).toContain('nobody is moved before a phase has begun');
    expect(await read('/rollout')).toContain('There is no plan yet');
  });

  test('a plan that is wrong is told with its place', async () => {
    const ran = await admin.submit('/admin/do/rollout/set', {
      plan: 'name: x\ntarget: new-one\nphases: nothing\n',
    });
    expect(main(ran.body)).toContain('plan:3:9 phases');
  });

  test('a viewer is offered neither a form nor an operation that changes something', async () => {
    const { body } = await viewer.get(`/admin/rollout/${TARGET}/plan`);
    expect(body).not.toContain('<textarea');
  });
});

describe('a rollout that runs', () => {
  const now = new Date();
  beforeAll(async () => {
    await tellRollout(world.db, { now, parse });
    await tellSurvey(world.db, now);
  });

  test('is on the first page: what needs somebody, where everybody stands, and today', async () => {
    const page = await read('');
    expect(page).toContain('letters is paused by its gate');
    expect(page).toContain('31 of 240 logins and moves within 60 minutes went wrong');
    expect(page).toContain('The kill switch of the app letters is on');
    expect(page).toMatch(/At new-one [\d,]+ [\d.]+ % of everybody/);
    expect(page).toContain('The river');
    expect(page).toContain('Logins by path');
    expect(page).toMatch(
      /Our own staff finished The pilot running Newsletter readers paused Everybody else planned/,
    );
  });

  test('is drawn from figures that add up to everybody, every day', async () => {
    const { body } = await admin.get('/admin');
    const figures = /class="chart chart-river"[^>]*data-figures="([^"]*)"/.exec(body)![1]!;
    const { x, series } = JSON.parse(figures.replaceAll('&quot;', '"')) as {
      x: number[];
      series: { name: string; values: number[] }[];
    };
    expect(x.length).toBe(61);
    const sums = x.map((_, at) => series.reduce((all, { values }) => all + values[at]!, 0));
    expect(new Set(sums)).toEqual(new Set([4_000]));
  });

  test('names an open move that was given up, and an approval that is asked for', async () => {
    await world.sql(
      `insert into target_work (target, sub, road, actor, due_at, attempts) values ($1, 'shop:1', 'login', 'test', 'infinity', 20)`,
      [TARGET],
    );
    const cutOver = { phase: 'staff', target: TARGET, execute: true };
    await expect(world.api('rollout cut-over', cutOver)).rejects.toThrow('approval_needed');
    const page = await read('');
    expect(page).toContain('Given up: 1 move to new-one');
    expect(page).toContain('api asks for a second pair of eyes: rollout cut-over');
  });

  test('of several targets is one of a list, and the page of the one that was chosen', async () => {
    expect(await read('/rollout')).toMatch(/new-one .* staff: finished .* other-one .* There is no plan yet/);
    expect(await read(`/rollout?target=${TARGET}`)).toContain('The plan autumn , version 2');
    expect(await read('/rollout?target=')).toContain('other-one');
  });

  test('tells of each phase how far it is, what its gates say, and what comes next', async () => {
    const page = await read(`/rollout/${TARGET}`);
    expect(page).toContain('Kill switch: the app letters stays at the old login');
    expect(page).toMatch(/The pilot running [\d.]+ % [\d,]+ of [\d,]+ people/);
    expect(page).toMatch(/The pilot [\d,]+ of [\d,]+ people have arrived: [\d.]+ % of at least 99 %/);
    expect(page).toContain('It stands still until an operator resumes it.');
    expect(page).toMatch(/Everybody else It starts on [-\d]+ [:\d]+ UTC\. pilot has to be finished before\./);
    expect(page).toMatch(/The newsletter off staff, pilot, letters, everybody/);
  });

  test('tells of one phase whom it is for, segment by segment', async () => {
    const page = await read(`/rollout/${TARGET}/phases/pilot`);
    expect(page).toContain('The river of pilot');
    expect(page).toMatch(/friends roles friend [\d,]+ [\d,]+ [\d.]+ %/);
    expect(page).toMatch(/half 55 % of them [\d,]+ [\d,]+ [\d.]+ %/);
    expect(page).toContain('staff to be finished');
  });

  test('leads only to operations that are there, and that are theirs to do', async () => {
    const pages = [
      '',
      `/rollout/${TARGET}`,
      ...['staff', 'pilot', 'letters', 'everybody'].map((one) => `/rollout/${TARGET}/phases/${one}`),
      '/forecast',
      '/hashes',
    ];
    for (const operator of [admin, viewer]) {
      const all = new Set<string>();
      for (const path of pages)
        for (const href of hrefs((await operator.get(`/admin${path}`)).body)) all.add(href);
      if (operator === admin) expect(all.size).toBeGreaterThan(12);
      for (const href of all)
        expect((await operator.get(href)).status, `${operator.name}: ${href}`).toBe(200);
    }
  });

  test('with very many people is told as it was an hour ago', async () => {
    const set = (people: number) =>
      world.sql(
        `update rollout_censuses set tally = jsonb_set(tally, '{summary,people}', to_jsonb($1::int))`,
        [people],
      );
    await set(1_000_000);
    const page = await read(`/rollout/${TARGET}`);
    expect(page).toContain('who is at the target is counted once an hour');
    expect(page).toMatch(/The pilot running [\d.]+ %/);
    await set(4_000);
  });

  test('has versions, with what each changed in words and line by line', async () => {
    const page = await read(`/rollout/${TARGET}/plan`);
    expect(page).toContain('Version 2 in force');
    expect(page).toMatch(/added segment half percentage: 55/);
    expect(page).toContain('by the operator grace: A pilot in between');
    expect(page).toMatch(/\+ half: \{ percentage: 55 \}/);
    expect(await read(`/rollout/${TARGET}/plan?version=1`)).not.toContain('What it changed');
    expect((await admin.get(`/admin/rollout/${TARGET}/plan?version=x`)).status).toBe(404);
  });

  test('whose plan is too long for a form is kept from a file', async () => {
    await world.sql(
      `update rollout_plans set source = source || repeat('# long' || chr(10), 20000) where version = 2`,
    );
    const { body } = await admin.get(`/admin/rollout/${TARGET}/plan`);
    expect(body).not.toContain('<textarea');
    expect(main(body)).toContain('too long for a form');
    expect(body.length).toBeLessThan(300_000);
  });
});

describe('logins', () => {
  test('are told by path, outcome and app, for the time that is asked for', async () => {
    const [today, week] = [await read('/logins'), await read('/logins?range=week')];
    const tries = (page: string) => Number(/Tries ([\d,]+)/.exec(page)![1]!.replaceAll(',', ''));
    expect(tries(week)).toBeGreaterThan(tries(today));
    expect(week).toMatch(/at our login page facade [\d,]+/);
    expect(week).toMatch(/shop [\d,]+ [\d,]+/);
    expect(await read('/logins?range=forever')).toContain(`Tries ${tries(today)}`);
  });

  test('of one app are fewer, and of an app that nobody knows none', async () => {
    expect(await read('/logins?range=week&app=letters')).toMatch(/Tries [\d,]+/);
    expect(await read('/logins?app=<script>')).toContain('Tries 0');
  });

  test('of another target are none', async () => {
    expect(await read('/logins?target=other-one')).toContain('Nobody has come in during this time');
    await read('/logins?target=');
  });
});

test('hash coverage tells formats by what becomes of them', async () => {
  const page = await read('/hashes');
  expect(page).toContain('76.6 % go along without their doing anything');
  expect(page).toMatch(/phpass 830 498 phpass rounds=13 830 caught at login 830 algorithm not supported/);
  expect(page).toContain('What it would be at other targets');
});

describe('the forecast', () => {
  test('is held against what happened, at the time of one’s choice', async () => {
    const page = await read(`/forecast?target=${TARGET}`);
    expect(page).toContain('Foreseen and happened');
    expect(page).toContain('What it rests on');
    const { body } = await admin.get('/admin/forecast');
    const kept = [...body.matchAll(/<option value="(\d+)"/g)].map((match) => match[1]!);
    expect(kept).toHaveLength(2);
    const earlier = await read(`/forecast?snapshot=${kept[1]}`);
    expect(earlier).toMatch(/Over the 3\d days since, it was off by [\d.]+ %/);
    expect(earlier).toContain('a new one knows more');
  });

  test('of one phase is that phase’s, and of one that is not there everybody’s', async () => {
    expect(await read('/forecast?phase=pilot')).toContain('The share of everybody of pilot who');
    expect(await read('/forecast?phase=nothing')).toContain('The share of everybody who');
    await read('/forecast?target=');
  });
});

test('with the old store away every page still tells what is known', async () => {
  await world.shop.switchTo(false);
  try {
    const page = await read('');
    expect(page).toContain('The old store cannot be asked');
    expect(page).toMatch(/At new-one [\d,]+/);
    for (const path of ['/rollout', `/rollout/${TARGET}/phases/pilot`, '/logins', '/hashes', '/forecast'])
      await read(path);
  } finally {
    await world.shop.switchTo(true);
  }
});
