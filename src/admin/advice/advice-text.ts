/** Advice for a terminal: the flowchart with the way marked, then what follows from it. */
import { styleText } from 'node:util';
import { count, percent } from '../survey/report-text.ts';
import type { Advice, OpenQuestion, Recommendation, Surveyed } from './advice.ts';
import type { Step } from './flowchart.ts';
import { FLOWCHART } from './flowchart.ts';
import { PATTERNS } from './patterns.ts';
import { QUESTIONS } from './questions.ts';

const title = (text: string) => ['', styleText('bold', text)];
const list = (lines: readonly string[]) => lines.map((line) => `  · ${line}`);

export function adviceText(advice: Advice): string {
  const { recommended, others, unknown, survey } = advice;
  return [
    ...flowchart(advice),
    ...(recommended ? recommendation(recommended) : undecided(advice)),
    ...open(advice.open),
    ...title(`What speaks against ${recommended ? 'the others' : 'each, so far'}`),
    ...others
      .filter(({ against }) => against.length > 0)
      .flatMap(({ pattern, against }) => [
        `  ${PATTERNS[pattern].title}`,
        ...against.map((line) => `    − ${line}`),
      ]),
    ...(survey ? surveyed(survey) : []),
    ...(unknown.length ? notSurveyed(unknown) : []),
  ].join('\n');
}

function flowchart({ way, answers }: Advice): string[] {
  const taken = new Map(way.map((step) => [step.step, step]));
  const sources = new Map(answers.map(({ question, source }) => [question, source]));
  return FLOWCHART.flatMap((step, i) => {
    const answer = taken.get(i + 1)?.answer;
    const source = answer === undefined ? undefined : sources.get(step.question);
    const asked = `${i + 1} ${QUESTIONS[step.question].ask}${source && source !== 'you' ? ` (${source})` : ''}`;
    const isReached = taken.has(i + 1);
    return [
      isReached ? styleText('bold', `  ${asked}`) : styleText('dim', `  ${asked}`),
      ...branches(step, answer),
    ];
  });
}

/** One line for each place that answers lead to. */
function branches({ leads }: Step, taken: string | undefined): string[] {
  const places = [...new Set(Object.values(leads))];
  return places.map((lead, i) => {
    const answers = Object.keys(leads).filter((answer) => leads[answer] === lead);
    const isTaken = taken !== undefined && answers.includes(taken);
    const where = typeof lead === 'number' ? lead : PATTERNS[lead].title;
    const line = `${isTaken ? '▶' : ' '}   ${i === places.length - 1 ? '└' : '├'}─ ${answers.join(', ')} → ${where}`;
    return styleText(isTaken ? 'bold' : 'dim', line);
  });
}

function recommendation({
  title: name,
  sentence,
  tail,
  reasons,
  mind,
  settings,
  page,
  back,
  lost,
}: Recommendation) {
  return [
    ...title(`Recommended: ${name}${tail ? ', then a batch for the rest' : ''}`),
    `  ${sentence}`,
    ...title('Why'),
    ...list(reasons),
    ...(mind.length ? [...title('What to mind'), ...list(mind)] : []),
    ...title('Settings'),
    ...settings
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
    ...title('Back'),
    `  ${back}`,
    `  Lost then: ${lost}`,
    '',
    `Read ${page}${tail ? ` and ${PATTERNS[tail].page}` : ''}.`,
  ];
}

const undecided = ({ possible }: Advice) => [
  ...title('Not decided yet'),
  `  Still possible: ${possible.map((pattern) => PATTERNS[pattern].title).join(' · ')}`,
];

function open(questions: readonly OpenQuestion[]): string[] {
  if (questions.length === 0) return [];
  return [
    ...title('Open questions, and what each answer would change'),
    ...questions.flatMap(({ question, ask, answers }) => [
      `  ${ask}`,
      ...answers.map(
        ({ answer, means, change }) =>
          `    --${kebab(question)} ${answer}${means ? ` (${means})` : ''}: ${change}`,
      ),
    ]),
  ];
}

function surveyed({ finishedAt, figures, carriedShare, formats }: Surveyed): string[] {
  const { users, captured, reset, noPassword } = figures;
  return [
    ...title(`From the survey of ${finishedAt.slice(0, 10)}`),
    `  ${count(users)} people. Passwords: ${percent(carriedShare)} go along, ${count(captured)} are caught at a login, ${count(reset)} are set anew, ${count(noPassword)} people have none.`,
    `  ${count(figures.totp)} with one-time codes, ${count(figures.passkeys)} with passkeys, ${count(figures.linked)} linked to other identity providers, ${count(figures.noEmail)} without an email address.`,
    ...formats.map(
      ({ format, users: n, outcomes }) =>
        `  ${format} (${count(n)}): ${Object.entries(outcomes)
          .map(([outcome, of]) => `${outcome} ${count(of)}`)
          .join(', ')}`,
    ),
  ];
}

const notSurveyed = (unknown: readonly string[]) => [
  ...title('Not known, because no survey was finished'),
  ...list(unknown),
  '  Run `footbridge legacy survey`: it only reads.',
];

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
