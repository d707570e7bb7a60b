/** One cut-over or several phases: what is advised over many stores and answers, and the plans that come with it. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { figuresOf } from '../../src/admin/advice/figures.ts';
import { advisePhasing } from '../../src/admin/advice/phasing.ts';
import type { PhasingAnswers } from '../../src/admin/advice/phasing-questions.ts';
import { PHASING_QUESTIONS } from '../../src/admin/advice/phasing-questions.ts';
import { IDENTITY_WORDS, STRATEGY_WORDS } from '../../src/admin/advice/phasing-rules.ts';
import { phasingText } from '../../src/admin/advice/phasing-text.ts';
import { QUESTIONS } from '../../src/admin/advice/questions.ts';
import { advise } from '../../src/admin/operations/advise.ts';
import type { Report } from '../../src/admin/survey/report.ts';
import { reportOf } from '../../src/admin/survey/report.ts';
import { emptyTally } from '../../src/admin/survey/tally.ts';
import { planShape } from '../../src/rollout/plan.ts';

function reportFor(users: number, carried = 1): Report {
  const tally = emptyTally(['zitadel']);
  tally.users = users;
  tally.lastLogins['30 days'] = users * 0.5;
  tally.lastLogins['90 days'] = users * 0.2;
  tally.lastLogins['not known'] = users * 0.3;
  Object.assign(tally.targets.zitadel!, {
    carried: { users: users * carried, recent: 0 },
    captured: { users: users * (1 - carried), recent: 0 },
  });
  return reportOf(tally, [], { targets: ['zitadel'], startedAt: new Date(), finishedAt: new Date() });
}

interface Told {
  readonly given?: PhasingAnswers;
  readonly report?: Report;
  readonly clients?: readonly string[];
}
const told = ({ given = {}, report, clients = [] }: Told) =>
  advisePhasing({
    ...{ given, report, clients, target: 'zitadel' },
    figures: report && figuresOf(report, 'zitadel'),
  });
const verdict = (of: Told) => {
  const { recommended } = told(of);
  return recommended && [recommended.strategy, recommended.identities];
};

describe('one cut-over', () => {
  test('is advised for a small store, one app, and a weekend without logins', () => {
    const given = { downtime: 'weekend', freeze: 'yes', team: 'small' };
    const clients = ['shop'];
    expect(verdict({ given, report: reportFor(1_200), clients })).toEqual(['single-phase', 'bulk']);
    const { recommended, answers } = told({ given, report: reportFor(1_200), clients });
    expect(answers).toContainEqual(
      expect.objectContaining({ question: 'apps', answer: 'one', source: 'configuration' }),
    );
    expect(recommended!.reasons.join(' ')).toContain('1,200 people are few enough');
    expect(parse(recommended!.plan).phases).toHaveLength(1);
  });

  test('is graceful where too many hashes cannot be read', () => {
    const given = { downtime: 'weekend', freeze: 'yes' };
    expect(verdict({ given, report: reportFor(1_200, 0.6) })).toEqual(['single-phase', 'graceful']);
  });

  test.each([{ stuckApps: 'yes' }, { appsAtOnce: 'no' }])(
    'cannot be had with %o, whatever else is so',
    (one) => {
      const given = { downtime: 'weekend', freeze: 'yes', team: 'small', ...one };
      expect(verdict({ given, report: reportFor(100), clients: ['shop'] })![0]).toBe('multi-phase');
    },
  );
});

describe('several phases', () => {
  test('are advised for many people, with shares that grow', () => {
    const { recommended } = told({
      given: { downtime: 'none', rollback: 'yes' },
      report: reportFor(400_000, 0.4),
    });
    expect(recommended).toMatchObject({ strategy: 'multi-phase', identities: 'graceful' });
    const plan = planShape.parse(parse(recommended!.plan));
    expect(plan.phases.map(({ name }) => name)).toEqual(['trial', 'tenth', 'half', 'everybody']);
    expect(plan.phases.at(-1)!.needs).toEqual(['half']);
    expect(recommended!.reasons.join(' ')).toContain('400,000 people are too many');
    expect(recommended!.reasons.join(' ')).toContain('Only 40.0 % of the passwords');
    expect(recommended!.mind.join(' ')).toContain(
      'expect 50.0 % of a phase within 30 days of its start and 70.0 %',
    );
  });

  test('go app by app where the apps cannot switch together, whatever their clients are called', () => {
    const clients = ['Shop App', 'shop-app', '***', 'wiki'];
    const { recommended } = told({ given: { appsAtOnce: 'no', friends: 'yes' }, clients });
    const plan = planShape.parse(parse(recommended!.plan));
    expect(Object.values(plan.apps).map((app) => app.clients)).toEqual(clients.map((client) => [client]));
    expect(plan.phases.map(({ apps }) => apps)).toContainEqual(['wiki']);
    expect(plan.segments.friends).toBeDefined();
    expect(recommended!.plan).toContain('# your own');
  });

  test('are what a draw comes to', () => {
    expect(verdict({ given: { team: 'small', friends: 'yes' } })![0]).toBe('multi-phase');
  });
});

test('where nothing is known nothing is advised, and every answer says what it would change', () => {
  const advice = told({});
  expect(advice.recommended).toBeUndefined();
  expect(advice.open.map(({ question }) => question)).toEqual(Object.keys(PHASING_QUESTIONS));
  const stuck = advice.open.find(({ question }) => question === 'stuckApps')!;
  expect(stuck.answers.map(({ change }) => change)).toEqual(['multi-phase, graceful', 'open, graceful']);
  const text = stripVTControlCharacters(phasingText(advice));
  expect(text).toContain('Nothing is known yet');
  expect(text).toContain('--stuck-apps yes');
});

test('every set of answers has a plan that is accepted, and no blank in a sentence', () => {
  const asked = Object.entries({ ...PHASING_QUESTIONS, appsAtOnce: QUESTIONS.appsAtOnce });
  const sets = asked.reduce<PhasingAnswers[]>(
    (all, [name, { answers }]) =>
      all.flatMap((set) => Object.keys(answers).map((answer) => ({ ...set, [name]: answer }))),
    [{}],
  );
  expect(sets).toHaveLength(3 * 3 * 2 ** 5);
  const plans = new Set<string>();
  for (const report of [undefined, reportFor(900), reportFor(90_000, 0.5)])
    for (const given of sets) {
      const { recommended } = told({ given, ...(report && { report }), clients: ['shop', 'wiki'] });
      plans.add(recommended!.plan);
      expect([...recommended!.reasons, ...recommended!.mind].join(' ')).not.toMatch(/\{\w+\}|undefined|NaN/);
    }
  expect(plans.size).toBeGreaterThan(8);
  for (const plan of plans) expect(() => planShape.parse(parse(plan)), plan).not.toThrow();
}, 30_000);

test('both ways are told with what speaks for and against them', () => {
  const text = stripVTControlCharacters(phasingText(told({ given: { friends: 'yes' } })));
  for (const { title, pros, cons } of [...Object.values(STRATEGY_WORDS), ...Object.values(IDENTITY_WORDS)]) {
    expect(text).toContain(title);
    expect(Math.min(pros.length, cons.length)).toBeGreaterThan(1);
    for (const line of [...pros, ...cons]) expect(text).toContain(line);
  }
});

test('an answer that there is not is refused, and the questions of the patterns are still asked', () => {
  expect(advise.input.safeParse({ downtime: 'an hour' }).success).toBe(false);
  expect(advise.input.safeParse({ downtime: 'hours', zeroDowntime: 'no' }).success).toBe(true);
});
