/**
 * One operator, one plan, the real command line, and a colleague over HTTP: from “nothing is planned” to taking people back. What
 * is printed has to answer the question that whoever reads it has: and what do I do now?
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { phaseStandings } from '../../../src/migration/phase-standings.ts';
import { openLog } from '../../../src/observability/log.ts';
import { lastCensus } from '../../../src/rollout/census.ts';
import { openFigures } from '../../../src/rollout/figures.ts';
import { openRollout } from '../../../src/rollout/rollout.ts';
import { rolloutRound } from '../../../src/rollout/round.ts';
import { Browser } from '../../support/browser.ts';
import { freePort } from '../../support/ports.ts';
import { subOf } from '../batch/town.ts';
import { until } from '../server.ts';
import type { RolloutTown } from './rollout-town.ts';
import { openRolloutTown } from './rollout-town.ts';

vi.setConfig({ testTimeout: 60_000 });

const EXAMPLE = resolve(import.meta.dirname, '../../../example/rollout/app-by-app.yaml');
/** The example, in a town with two apps and a handful of people, where operators say when. */
const PLAN = readFileSync(EXAMPLE, 'utf8')
  .replace('target: zitadel', 'target: kratos')
  .replace('[crm]', '[wiki-web]')
  .replace('[shop-web, shop-ios]', '[shop-web]')
  .replaceAll(/^ +(starts|legacySessions): .*\n/gm, '')
  .replace('supportPerThousand: 40 }', 'supportPerThousand: 40, minAttempts: 2 }')
  .replace('needs: [wiki]', 'needs: []');
const GRACE = 'token-of-grace-0123456789-abcdef';

let town: RolloutTown;
let [anna, bert, cleo]: Person[] = [];
let inside: string;
beforeAll(async () => {
  const port = await freePort();
  inside = `http://127.0.0.1:${port}/admin/api`;
  town = await openRolloutTown({
    change: (settings) => {
      settings.listen.private.port = port;
      settings.admin.fourEyes = true;
      settings.admin.tokens = [{ name: 'grace', role: 'admin', token: GRACE }];
    },
  });
  [anna, bert, cleo] = await town.settle([{}, {}, {}]);
});
afterAll(() => town?.close());

/** What is written, for people. */
async function says(...args: string[]): Promise<string> {
  const { code, out, err } = await town.cli(...args);
  return `${stripVTControlCharacters(out)}${err}(${code})`;
}

/** What the colleague does, and the answer's status with its text. */
async function grace(operation: string, body: object): Promise<string> {
  const { status, body: text } = await new Browser().visit(`${inside}/${operation}`, {
    headers: { authorization: `Bearer ${GRACE}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return `${status} ${text}`;
}

let looks = 0;
/** What a server does within minutes: each later than the last, which else would be too fresh. */
const look = () =>
  rolloutRound({
    db: town.db,
    rollout: openRollout({ db: town.db, targets: ['kratos'] }),
    figuresOf: openFigures({ db: town.db, standingsOf: phaseStandings, censusOf: lastCensus }),
    log: openLog({ level: 'silent' }),
    nowMs: () => Date.now() + ++looks * 600_000,
  });

test('a plan is set, and says at each step what comes next', async () => {
  expect(await says('rollout', 'show')).toMatch(
    /Nothing is planned[\s\S]*footbridge rollout set FILE says what a plan would do[\s\S]*\(1\)/,
  );
  expect(await says('rollout', 'start', 'desk', '--execute')).toMatch(/no rollout plan[\s\S]*\(2\)/);
  const file = join(town.data, 'plan.yaml');
  writeFileSync(file, PLAN);
  const dry = await says('rollout', 'set', file);
  expect(dry).toMatch(/added +phase desk[\s\S]*nobody is moved before a phase has begun/);
  expect(dry).toContain('Version 1 would be in force from the next decision on. Nothing was changed: add');
  expect(await says('rollout', 'set', file, '--execute')).toContain(
    'What comes next: footbridge rollout show --target kratos',
  );
  expect(await says('rollout', 'show')).toContain(
    'desk has not begun. An operator starts it. footbridge rollout start desk --target kratos',
  );
  // That there is a plan at all is seen within seconds, and every change from then on at once.
  await until(async () => (await town.route('wiki', { sub: subOf(anna!) })).reason !== 'no_plan');
  expect(await town.logInAt('wiki', anna!)).toBe('old');
});

test('a phase is started, moves whoever logs in, and explains one person', async () => {
  expect(await says('rollout', 'show', '--user', anna!.login, '--app', 'desk')).toContain(
    'stays at the old login',
  );
  expect(await says('rollout', 'start', 'desk')).toMatch(
    /would be running[\s\S]*is moved to kratos at that login[\s\S]*Nothing was changed/,
  );
  await says('rollout', 'start', 'desk', '--execute');
  expect([await town.logInAt('wiki', anna!), await town.logInAt('wiki', bert!)]).toEqual(['new', 'new']);
  expect(await town.logInAt('shop', cleo!)).toBe('old');
  expect(await says('rollout', 'show', '--user', anna!.login)).toMatch(
    /is led to the target[\s\S]*Assigned[\s\S]*desk/,
  );
  expect(await says('rollout', 'show', '--user', cleo!.login)).toContain(
    'is moved at the next login that leads to kratos',
  );
  const { people } = await town.told<{ people: { decision: string; reason: string }[] }>(
    ...['rollout', 'show', '--user', anna!.login],
  );
  expect(people).toMatchObject([{ decision: 'redirect', reason: 'there' }]);
});

test('a forecast waits for a census, and says so', async () => {
  expect(await says('rollout', 'forecast')).toMatch(/`rollout census`[\s\S]*\(2\)/);
  expect(await says('rollout', 'census')).toMatch(/3 people were read/);
  expect(await says('rollout', 'forecast')).toMatch(
    /66\.7 % of 3 people are at the target[\s\S]*A batch moves whoever is left/,
  );
  const { plans } = await town.told<{ plans: { phases: { phase: string; there: number }[] }[] }>(
    ...['rollout', 'show'],
  );
  expect(plans[0]?.phases.find(({ phase }) => phase === 'desk')).toMatchObject({ there: 2 });
});

test('calls to the support pause a phase, and the text says how it goes on', async () => {
  expect(await says('rollout', 'support', '--requests', '12', '--phase', 'desk')).toContain(
    'Nothing was changed',
  );
  await look();
  expect(await says('rollout', 'show')).toContain('desk is finished by itself when its gate is reached');
  expect(await says('rollout', 'support', '--requests', '12', '--phase', 'desk', '--execute')).toContain(
    'Gates look at it within five minutes',
  );
  await look();
  expect(await says('rollout', 'show')).toMatch(
    /desk is paused: 12 requests[\s\S]*It goes on with footbridge rollout resume desk --target kratos/,
  );
  expect([await town.logInAt('wiki', cleo!), await town.logInAt('wiki', anna!)]).toEqual(['old', 'new']);
  expect(await says('rollout', 'show', '--user', cleo!.login)).toContain('paused, and assigns nobody new');
});

test('the fast way back says before what it means, and the deep one takes two people', async () => {
  const back = ['rollout', 'rollback', '--phase', 'desk', '--reason', 'they call'];
  expect(await says(...back)).toMatch(
    /2 people are assigned[\s\S]*2 people are at the target by now[\s\S]*Nothing was changed/,
  );
  const deep = ['rollout', 'return', '--phase', 'desk'];
  expect(await says(...back, '--execute')).toContain('rollout return takes the people themselves back');
  expect(await town.logInAt('wiki', anna!)).toBe('old');
  expect(await says(...deep)).toMatch(/Would take back 2 people[\s\S]*Nothing was changed/);

  const refused = await says(...deep, '--execute');
  expect(refused).toMatch(
    /somebody else has to approve it first[\s\S]*footbridge approval grant 1 --execute/,
  );
  expect(await says('approval', 'list')).toMatch(/1 +asked +rollout return phase=desk/);
  expect(await says('approval', 'grant', '1', '--execute')).toMatch(
    /Nobody approves what they have asked for/,
  );
  expect(town.accounts(anna!)).toBe(1);

  expect(await grace('approval/show', { id: '1' })).toContain('Would take back 2 people');
  expect(await grace('approval/grant', { id: '1', note: 'ticket 8841', execute: true })).toMatch(/^200 /);
  expect(await says(...deep, '--execute')).toMatch(/\(0\)$/);
  expect([town.accounts(anna!), town.accounts(bert!)]).toEqual([0, 0]);
  expect(await says('approval', 'list', '--all')).toMatch(/1 +used/);
  // Once is once.
  expect(await says(...deep, '--execute')).toContain('approval grant 2');
});

test('all of it is in the history, the newest first, for people and for programs', async () => {
  const { steps } = await town.told<{ steps: { action: string; actor: string }[] }>('rollout', 'history');
  const actions = steps.map(({ action }) => action.replace('rollout.', ''));
  expect(actions.filter((action) => action !== 'returned')).toEqual([
    ...['rolled-back', 'paused', 'support', 'started', 'set'],
  ]);
  expect(steps.find(({ action }) => action === 'rollout.paused')?.actor).toBe('rollout');
  expect(await says('rollout', 'history')).toMatch(/rolled-back +desk +operator:\S+ +they call/);
});
