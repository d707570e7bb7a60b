/** Advice about the way to move: over every set of answers, and over a real survey in a real database of ours. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Advice } from '../../src/admin/advice/advice.ts';
import { advise as adviceFrom } from '../../src/admin/advice/advice.ts';
import { adviceText } from '../../src/admin/advice/advice-text.ts';
import { FLOWCHART, PATTERN_NAMES } from '../../src/admin/advice/flowchart.ts';
import { PATTERNS } from '../../src/admin/advice/patterns.ts';
import type { Answers, QuestionName } from '../../src/admin/advice/questions.ts';
import { QUESTIONS } from '../../src/admin/advice/questions.ts';
import type { Desk } from '../../src/admin/operation.ts';
import { advise } from '../../src/admin/operations/advise.ts';
import { legacySurvey } from '../../src/admin/operations/legacy-survey.ts';
import type { Report } from '../../src/admin/survey/report.ts';
import { reportOf } from '../../src/admin/survey/report.ts';
import { addCase, emptyTally } from '../../src/admin/survey/tally.ts';
import type { Settings } from '../../src/config.ts';
import { parseConfig } from '../../src/config.ts';
import { openDesk } from '../../src/desk.ts';
import type { Store } from '../legacy/stores.ts';
import { sqliteStore } from '../legacy/stores.ts';
import { testDatabase } from '../support/postgres.ts';

const env = {
  MASTER_KEY: randomBytes(32).toString('base64'),
  ZITADEL_CLIENT_SECRET: 'a secret of some length',
  ZITADEL_TOKEN: 'a token',
  LEGACY_LOGIN_SECRET: 'another secret of some length',
};

/** What every configuration has besides what the advice writes. */
const besides = (file: string, database = 'postgres://footbridge@localhost/footbridge') => `
database: { url: "${database}" }
masterKey: \${MASTER_KEY}
legacy:
  store: shop
  sql: { engine: sqlite, file: ${file}, table: people, login: [login] }
  mapping:
    username: login
    email: email
    givenName: { value: Test }
    familyName: { value: Person }
    lastLogin: seen
    totp: { secret: seed }
    password:
      - { format: auto, columns: { hash: hash }, when: { column: hash, startsWith: $ } }
      - { format: generic-hex_sha1, columns: { hash: hash }, when: { column: hash, matches: "^[0-9a-f]{40}$" } }
`;
const parsed = (text: string): Settings => parseConfig(text, { file: 'footbridge.yaml', env });

/** Every way to answer every question. */
function everyAnswers(): Answers[] {
  const all = Object.entries(QUESTIONS) as [QuestionName, { answers: object }][];
  return all.reduce<Answers[]>(
    (sets, [name, { answers }]) =>
      sets.flatMap((set) => Object.keys(answers).map((answer) => ({ ...set, [name]: answer }))),
    [{}],
  );
}

/** A store in which everything is that can speak for or against something. */
function fullReport(): Report {
  const tally = emptyTally(['zitadel']);
  tally.users = 200_000;
  for (const what of ['totp', 'passkeys', 'identityProviderLinks', 'roles'] as const)
    tally.coverage[what] = 1_500;
  tally.lastLogins['30 days'] = 120_000;
  tally.lastLogins['longer ago'] = 80_000;
  Object.assign(tally.targets.zitadel!, {
    carried: { users: 150_000, recent: 0 },
    captured: { users: 49_000, recent: 0 },
    reset: { users: 1_000, recent: 0 },
  });
  for (const code of ['email_missing', 'totp_not_supported@zitadel', 'login_differs_by_case'])
    addCase(tally.findings, code, 'shop:1');
  addCase(tally.unmappable, 'id: empty', 'shop:2');
  return reportOf(tally, [], { targets: ['zitadel'], startedAt: new Date(), finishedAt: new Date() });
}

const text = (advice: Advice) => stripVTControlCharacters(adviceText(advice));
const without = (given: Answers) => adviceFrom({ given, target: undefined, report: undefined });

describe('the flowchart', () => {
  test('has a branch for every answer, only ever leads on, and comes to every pattern', () => {
    for (const [i, { question, leads }] of FLOWCHART.entries()) {
      expect(Object.keys(leads).sort()).toEqual(Object.keys(QUESTIONS[question].answers).sort());
      for (const lead of Object.values(leads))
        if (typeof lead === 'number') expect(lead).toBeGreaterThan(i + 1);
    }
    const ends = FLOWCHART.flatMap(({ leads }) =>
      Object.values(leads).filter((lead) => typeof lead !== 'number'),
    );
    expect([...new Set(ends)].sort()).toEqual([...PATTERN_NAMES].sort());
  });

  test.each([
    {
      way: 'downtime is allowed and the passwords go along',
      pattern: 'batch',
      given: { zeroDowntime: 'no', passwordsCarried: 'yes' },
    },
    {
      way: 'all apps switch on the first day and people type at ZITADEL',
      pattern: 'zitadel-leads',
      given: { zeroDowntime: 'yes', appsAtOnce: 'yes', loginPage: 'zitadel' },
    },
    {
      way: 'downtime is allowed and the passwords do not go along',
      pattern: 'zitadel-leads',
      given: { zeroDowntime: 'no', passwordsCarried: 'no', appsAtOnce: 'yes', loginPage: 'own' },
    },
    {
      way: 'apps switch one by one behind the legacy login page',
      pattern: 'legacy-leads',
      given: { zeroDowntime: 'yes', appsAtOnce: 'no', sessions: 'no', loginPage: 'legacy' },
    },
    {
      way: 'one login has to open old and new apps',
      pattern: 'brokering',
      given: { zeroDowntime: 'yes', appsAtOnce: 'no', sessions: 'yes', loginPage: 'footbridge' },
    },
    {
      way: 'one login has to open old and new apps and stays at the legacy page',
      pattern: 'jwt-idp',
      given: { zeroDowntime: 'yes', appsAtOnce: 'no', sessions: 'yes', loginPage: 'legacy' },
    },
    { way: 'a token is all there is', pattern: 'jwt-idp', given: { onlyToken: 'yes' } },
  ] as const)('leads to $pattern where $way', ({ pattern, given }) => {
    expect(without(given).recommended?.pattern).toBe(pattern);
  });

  test('is drawn with the way marked, and nothing else', () => {
    const drawn = text(without({ zeroDowntime: 'yes', appsAtOnce: 'yes', loginPage: 'own' }));
    expect(drawn.split('\n').filter((line) => line.startsWith('▶'))).toEqual([
      '▶   └─ no → 2',
      '▶   └─ yes → 4',
      '▶   ├─ yes → 5',
      '▶   ├─ zitadel, own → Just in time, ZITADEL leads',
    ]);
    expect(drawn).toContain('no password to check? (configuration)');
  });
});

describe('every set of answers', () => {
  const sets = everyAnswers();
  const surveys = { 'without a survey': undefined, 'with a survey': fullReport() };

  test.each(Object.entries(surveys))(
    'has one pattern with reasons, and a reason against each other, %s',
    (_, report) => {
      expect(sets.length).toBe(2 ** 7 * 4);
      for (const given of sets) {
        const { recommended, others, possible, open } = adviceFrom({ given, target: undefined, report });
        const told = JSON.stringify(given);
        expect(possible, told).toEqual([recommended?.pattern]);
        expect(recommended?.reasons.length, told).toBeGreaterThan(0);
        expect(others.map(({ pattern }) => pattern).sort(), told).toEqual(
          PATTERN_NAMES.filter((name) => name !== recommended?.pattern).sort(),
        );
        for (const { pattern, against } of others)
          expect(against.length, `${pattern} ${told}`).toBeGreaterThan(0);
        expect(open, told).toEqual([]);
      }
    },
  );

  test('has settings that the configuration takes', () => {
    const settings = sets.flatMap((given) =>
      Object.values(surveys).map(
        (report) => adviceFrom({ given, target: undefined, report }).recommended!.settings,
      ),
    );
    const different = new Set(settings);
    expect(different.size).toBeGreaterThan(10);
    for (const yaml of different)
      expect(() => parsed(`${besides('shop.sqlite')}\n${yaml}`), yaml).not.toThrow();
  });

  test('leaves no blank in a sentence', () => {
    for (const given of sets) {
      const { recommended, others } = adviceFrom({
        given,
        target: undefined,
        report: surveys['with a survey'],
      });
      const sentences = [
        ...recommended!.reasons,
        ...recommended!.mind,
        ...others.flatMap(({ against }) => against),
      ];
      expect(sentences.filter((sentence) => /\{\w+\}|undefined|NaN/.test(sentence))).toEqual([]);
    }
  });

  test('names a page that is there, for every pattern', () => {
    for (const { page } of Object.values(PATTERNS))
      expect(existsSync(resolve(import.meta.dirname, '../..', page)), page).toBe(true);
  });
});

describe('answers that are missing', () => {
  test('are listed with what each of them would change', () => {
    const advice = without({ zeroDowntime: 'yes', appsAtOnce: 'yes' });
    expect(advice.recommended).toBeUndefined();
    expect(advice.possible).toEqual(['zitadel-leads', 'legacy-leads', 'brokering']);
    expect(advice.open.map(({ question }) => question)).toEqual(['loginPage', 'rollback', 'lastDay']);
    expect(advice.open[0]?.answers.map(({ answer, change }) => [answer, change])).toEqual([
      ['footbridge', 'brokering'],
      ['zitadel', 'zitadel-leads'],
      ['own', 'zitadel-leads'],
      ['legacy', 'legacy-leads'],
    ]);
    expect(advise.foundWrong?.(advice)).toBe(true);
    expect(text(advice)).toContain('--login-page own (a login UI of yours');
  });

  test('do not matter where the way does not pass them', () => {
    const advice = without({ onlyToken: 'yes', rollback: 'no', lastDay: 'no' });
    expect(advice.open).toEqual([]);
    expect(advise.foundWrong?.(advice)).toBe(false);
  });

  test('are refused when they are none of the question’s', () => {
    expect(advise.input.safeParse({ zeroDowntime: 'maybe' }).success).toBe(false);
    expect(advise.input.safeParse({ zeroDownTime: 'yes' }).success).toBe(false);
  });
});

describe('where ZITADEL leads', () => {
  const given = { zeroDowntime: 'yes', appsAtOnce: 'yes' } as const;

  test('a login UI of one’s own has typed passwords checked here', () => {
    expect(without({ ...given, loginPage: 'own' }).recommended?.settings).toContain('typedPasswords: true');
  });

  test('its own login does not: it asks nobody for a password whom it has none of', () => {
    const { recommended } = without({ ...given, loginPage: 'zitadel' });
    expect(recommended?.settings).not.toContain('typedPasswords');
    expect(recommended?.settings).toContain('push: at-login');
    expect(recommended?.mind.join()).toContain('only to people who have a password there');
  });
});

describe('a last day', () => {
  const given = { zeroDowntime: 'yes', appsAtOnce: 'no', sessions: 'yes', loginPage: 'footbridge' } as const;

  test('adds a batch for those who have not come by, and says how many these may be', () => {
    const { recommended } = adviceFrom({
      given: { ...given, lastDay: 'yes' },
      target: undefined,
      report: fullReport(),
    });
    expect(recommended).toMatchObject({ pattern: 'brokering', tail: 'batch' });
    expect(recommended?.mind.join()).toContain(
      '80,000 of 200,000 people (40.0 %) have not logged in for 90 days',
    );
  });

  test('that is none adds nothing', () => {
    expect(without({ ...given, lastDay: 'no' }).recommended).not.toHaveProperty('tail');
  });
});

const BCRYPT = `$2b$10$${'a'.repeat(21)}u${'b'.repeat(31)}`;
const SHA1 = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3';
const people = (rows: string) =>
  `create table people (id integer primary key, login text, email text, hash text, seed text, seen text);
   insert into people values ${rows};`;
const TARGET = `
provider:
  clients:
    - { clientId: idp, secret: "\${ZITADEL_CLIENT_SECRET}", redirectUris: ["https://zitadel.example/idps/callback"] }
targets:
  - name: new
    kind: zitadel
    displayName: New Login
    loginUrl: https://new.example/
    clientIds: [idp]
    api: { url: "https://zitadel.example", token: "\${ZITADEL_TOKEN}", perSecond: 5 }
`;

describe('footbridge advise', () => {
  const stores: Store[] = [];
  const closes: (() => Promise<void>)[] = [];
  let url: string;
  beforeAll(async () => {
    const database = await testDatabase();
    url = database.url;
    closes.push(database.drop);
  });
  afterAll(async () => {
    for (const close of closes.reverse()) await close();
    for (const store of stores) store.drop();
  });
  const deskOver = async (rows: string, target = ''): Promise<Desk> => {
    const store = sqliteStore(people(rows));
    stores.push(store);
    const { desk, close } = await openDesk(parsed(`${besides(store.file, url)}${target}`), {
      actor: 'tester',
    });
    closes.push(close);
    return desk;
  };
  const ask = (desk: Desk, given: object) =>
    advise.run(desk, advise.input.parse(given), { execute: false }) as Promise<Advice>;
  const survey = (desk: Desk) => legacySurvey.run(desk, { restart: true }, { execute: false });

  test('without a survey says what nobody knows, and how to find it out', async () => {
    const desk = await deskOver(`(1, 'anna', 'anna@example.com', '${BCRYPT}', null, null)`);
    const advice = await ask(desk, { zeroDowntime: 'no' });
    expect(advice).toMatchObject({ possible: [...PATTERN_NAMES] });
    expect(advice.survey).toBeUndefined();
    expect(advice.unknown.length).toBeGreaterThan(0);
    expect(text(advice)).toContain('Run `footbridge legacy survey`');
  });

  test('takes from the survey whether passwords go along, and says of how many people it speaks', async () => {
    const desk = await deskOver(`(1, 'anna', 'anna@example.com', '${BCRYPT}', 'JBSWY3DPEHPK3PXP', null),
      (2, 'bob', 'bob@example.com', '${BCRYPT}', null, null)`);
    await survey(desk);
    const advice = await ask(desk, { zeroDowntime: 'no', appsAtOnce: 'yes' });
    expect(advice.recommended?.pattern).toBe('batch');
    expect(advice.survey).toMatchObject({
      carriedShare: 1,
      figures: { users: 2, carried: 2, totp: 1 },
      formats: [{ format: 'bcrypt', users: 2, outcomes: { carried: 2 } }],
    });
    expect(advice.answers).toContainEqual({
      question: 'passwordsCarried',
      ask: QUESTIONS.passwordsCarried.ask,
      answer: 'yes',
      source: 'survey',
    });
    expect(text(advice)).toContain('2 of 2 people (100.0 %) have a password that goes along');
    expect(text(advice)).toContain('1 of 2 people (50.0 %) have one-time codes');
  });

  test('advises against a batch where the survey says that passwords do not go along, unless told otherwise', async () => {
    const desk = await deskOver(`(1, 'anna', null, '${BCRYPT}', null, '2020-01-01'),
      (2, 'bob', 'bob@example.com', '${SHA1}', null, null)`);
    await survey(desk);
    const answers = { zeroDowntime: 'no', appsAtOnce: 'yes', loginPage: 'footbridge' };
    const advice = await ask(desk, answers);
    expect(advice.recommended?.pattern).toBe('brokering');
    expect(advice.recommended?.settings).toContain('{id}@users.invalid');
    const [batch] = advice.others;
    expect(batch?.against.join()).toContain('1 of 2 people (50.0 %) have a hash that ZITADEL cannot read');
    expect((await ask(desk, { ...answers, passwordsCarried: 'yes' })).recommended?.pattern).toBe('batch');
  });

  test('speaks of the ZITADEL that is configured, and makes users with one-time codes itself', async () => {
    const desk = await deskOver(
      `(1, 'anna', 'anna@example.com', '${BCRYPT}', 'JBSWY3DPEHPK3PXP', null)`,
      TARGET,
    );
    await survey(desk);
    const answers = { zeroDowntime: 'yes', appsAtOnce: 'no', sessions: 'yes', loginPage: 'footbridge' };
    const { recommended } = await ask(desk, { ...answers, target: 'new' });
    for (const known of ['name: new', 'clientId: idp', 'url: https://zitadel.example', 'push: at-login'])
      expect(recommended?.settings).toContain(known);
    expect(recommended?.settings).not.toContain(env.ZITADEL_TOKEN);
  });

  test('knows only a ZITADEL that is in the settings', async () => {
    const desk = await deskOver(`(1, 'anna', null, null, null, null)`, TARGET);
    await expect(ask(desk, { target: 'old' })).rejects.toMatchObject({ code: 'bad_request' });
  });
});
