/** The way from the answers to a pattern, as data: the code, the drawing and the open questions come from this table. */
import type { Answers, QuestionName } from './questions.ts';

export const PATTERN_NAMES = ['batch', 'zitadel-leads', 'legacy-leads', 'brokering', 'jwt-idp'] as const;
export type PatternName = (typeof PATTERN_NAMES)[number];

export interface Step {
  readonly question: QuestionName;
  /** Every answer to the number of the next step, counted from 1, or to a pattern. */
  readonly leads: Readonly<Record<string, number | PatternName>>;
}

export const FLOWCHART: readonly Step[] = [
  { question: 'onlyToken', leads: { yes: 'jwt-idp', no: 2 } },
  { question: 'zeroDowntime', leads: { no: 3, yes: 4 } },
  { question: 'passwordsCarried', leads: { yes: 'batch', no: 4 } },
  { question: 'appsAtOnce', leads: { yes: 5, no: 6 } },
  {
    question: 'loginPage',
    leads: {
      zitadel: 'zitadel-leads',
      own: 'zitadel-leads',
      footbridge: 'brokering',
      legacy: 'legacy-leads',
    },
  },
  { question: 'sessions', leads: { yes: 7, no: 8 } },
  // Whoever types elsewhere than at our page or the legacy one gets no legacy session: the page has to move.
  {
    question: 'loginPage',
    leads: { legacy: 'jwt-idp', footbridge: 'brokering', zitadel: 'brokering', own: 'brokering' },
  },
  {
    question: 'loginPage',
    leads: { legacy: 'legacy-leads', footbridge: 'brokering', zitadel: 'brokering', own: 'brokering' },
  },
];

export interface Taken {
  /** Counted from 1. */
  readonly step: number;
  readonly question: QuestionName;
  /** Undefined where it is not known: there the way ends. */
  readonly answer: string | undefined;
}

export interface Way {
  readonly taken: readonly Taken[];
  readonly pattern: PatternName | undefined;
}

export function walk(answers: Answers): Way {
  const taken: Taken[] = [];
  let next: number | PatternName = 1;
  while (typeof next === 'number') {
    const { question, leads } = stepAt(next);
    const answer = answers[question];
    taken.push({ step: next, question, answer });
    if (answer === undefined) return { taken, pattern: undefined };
    next = leads[answer]!;
  }
  return { taken, pattern: next };
}

/** The patterns that these answers still leave open, in the order of `PATTERN_NAMES`. */
export function possible(answers: Answers): PatternName[] {
  const { patterns } = ahead(1, answers);
  return PATTERN_NAMES.filter((name) => patterns.includes(name));
}

/** The questions that may still be asked on the way, in the order of the steps. */
export function openQuestions(answers: Answers): QuestionName[] {
  const steps = ahead(1, answers).open.sort((a, b) => a - b);
  return [...new Set(steps.map((step) => stepAt(step).question))];
}

interface Ahead {
  readonly patterns: PatternName[];
  /** Steps whose question has no answer. */
  readonly open: number[];
}

function ahead(next: number | PatternName, answers: Answers): Ahead {
  if (typeof next !== 'number') return { patterns: [next], open: [] };
  const { question, leads } = stepAt(next);
  const answer = answers[question];
  if (answer !== undefined) return ahead(leads[answer]!, answers);
  // An answer holds for every later step that asks the same.
  const ways = Object.entries(leads).map(([given, lead]) => ahead(lead, { ...answers, [question]: given }));
  return {
    patterns: ways.flatMap(({ patterns }) => patterns),
    open: [next, ...ways.flatMap(({ open }) => open)],
  };
}

const stepAt = (step: number): Step => FLOWCHART[step - 1]!;
