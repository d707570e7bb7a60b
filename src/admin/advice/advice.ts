/** Which pattern fits, and why: from the operator's answers, the configuration, and what the last survey counted. */
import type { Target } from '../../targets/target.ts';
import type { Report } from '../survey/report.ts';
import type { Figures } from './figures.ts';
import { carriedShare, carriesNearlyAll, figuresOf, formatsOf } from './figures.ts';
import type { PatternName, Taken } from './flowchart.ts';
import { openQuestions, PATTERN_NAMES, possible, walk } from './flowchart.ts';
import { MIND } from './mind.ts';
import type { Pattern } from './patterns.ts';
import { PATTERNS } from './patterns.ts';
import type { Answers, QuestionName, Source } from './questions.ts';
import { QUESTION_NAMES, QUESTIONS } from './questions.ts';
import { RULES } from './rules.ts';
import type { Facts } from './sentences.ts';
import { sentencesOf } from './sentences.ts';
import { settingsOf } from './settings-of.ts';

export interface Advice {
  /** Undefined where an open question decides. */
  readonly recommended?: Recommendation;
  /** What the answers leave open; one where a pattern is recommended. */
  readonly possible: readonly PatternName[];
  readonly others: readonly { readonly pattern: PatternName; readonly against: readonly string[] }[];
  readonly answers: readonly Answered[];
  readonly open: readonly OpenQuestion[];
  /** The way through the flowchart, step by step. */
  readonly way: readonly Taken[];
  /** Undefined where no survey was finished. */
  readonly survey?: Surveyed;
  /** What nobody knows without a survey. */
  readonly unknown: readonly string[];
}

export interface Recommendation extends Pattern {
  readonly pattern: PatternName;
  /** For those who do not come by in time. */
  readonly tail?: 'batch';
  readonly reasons: readonly string[];
  /** What speaks against it all the same, and what to mind. */
  readonly mind: readonly string[];
  /** YAML. */
  readonly settings: string;
}

export interface Answered {
  readonly question: QuestionName;
  readonly ask: string;
  readonly answer: string;
  readonly source: Source;
}

export interface OpenQuestion {
  readonly question: QuestionName;
  readonly ask: string;
  /** Each answer, and what it would change. */
  readonly answers: readonly { readonly answer: string; readonly means: string; readonly change: string }[];
}

export interface Surveyed {
  readonly finishedAt: string;
  readonly figures: Figures;
  /** Of those who have a password: the share that goes along. */
  readonly carriedShare: number;
  readonly formats: ReturnType<typeof formatsOf>;
}

export interface AdviceInput {
  readonly given: Answers;
  /** The ZITADEL that is configured, if one is. */
  readonly target: Target | undefined;
  /** The last survey that was finished. */
  readonly report: Report | undefined;
}

/** As `api.perSecond` has it by default. */
const CALLS_PER_SECOND = 25;

const UNKNOWN = [
  'how many passwords ZITADEL can read, how many can be caught at a login, and how many have to be set anew',
  'how many people there are, and how many of them come by',
  'who has one-time codes, passkeys, links to other identity providers, or no email address',
] as const;

export function advise({ given, target, report }: AdviceInput): Advice {
  const reader = [target?.name, 'zitadel'].find((name) => name !== undefined && report?.targets[name]);
  const figures = report && reader !== undefined ? figuresOf(report, reader) : undefined;
  const answered = answersFrom(given, figures);
  const answers = Object.fromEntries(answered.map(({ question, answer }) => [question, answer])) as Answers;
  const facts = { answers, figures, perSecond: target?.api?.perSecond ?? CALLS_PER_SECOND };
  const { taken, pattern } = walk(answers);
  return {
    ...(pattern && { recommended: recommend(pattern, facts, target) }),
    possible: possible(answers),
    others: PATTERN_NAMES.filter((other) => other !== pattern).map((other) => ({
      pattern: other,
      against: sentencesOf(RULES[other].against, facts),
    })),
    answers: answered,
    open: openFrom(answers, pattern),
    way: taken,
    ...(report &&
      reader !== undefined &&
      figures && {
        survey: {
          finishedAt: report.finishedAt,
          figures,
          carriedShare: carriedShare(figures),
          formats: formatsOf(report, reader),
        },
      }),
    unknown: figures ? [] : UNKNOWN,
  };
}

/** What the operator says counts more than what we know by ourselves. */
function answersFrom(given: Answers, figures: Figures | undefined): Answered[] {
  // The configuration cannot do without a store.
  const known: Partial<Record<QuestionName, [string, Source]>> = { onlyToken: ['no', 'configuration'] };
  if (figures) known.passwordsCarried = [carriesNearlyAll(figures) ? 'yes' : 'no', 'survey'];
  return QUESTION_NAMES.flatMap((question) => {
    const own = given[question];
    const [answer, source]: [string?, Source?] = own === undefined ? (known[question] ?? []) : [own, 'you'];
    return answer === undefined ? [] : [{ question, ask: QUESTIONS[question].ask, answer, source: source! }];
  });
}

function recommend(pattern: PatternName, facts: Facts, target: Target | undefined): Recommendation {
  const mind = MIND.filter(({ patterns }) => patterns?.includes(pattern) ?? true);
  return {
    pattern,
    ...PATTERNS[pattern],
    ...(pattern !== 'batch' && facts.answers.lastDay === 'yes' && { tail: 'batch' }),
    reasons: sentencesOf(RULES[pattern].for, facts),
    mind: sentencesOf([...RULES[pattern].against, ...mind], facts),
    settings: settingsOf({ pattern, answers: facts.answers, figures: facts.figures, target }),
  };
}

/** Questions beside the flowchart: what each answer adds to whatever pattern it is. */
const BESIDE: Readonly<Partial<Record<QuestionName, Readonly<Record<string, string>>>>> = {
  rollback: { yes: 'secrets may be fetched again for a while (`rollbackWindowSeconds`)', no: 'nothing' },
  lastDay: { yes: 'a batch at the end, for those who have not come by', no: 'nothing' },
};

function openFrom(answers: Answers, pattern: PatternName | undefined): OpenQuestion[] {
  const deciding = pattern ? [] : openQuestions(answers);
  const beside = (Object.keys(BESIDE) as QuestionName[]).filter(
    (question) => answers[question] === undefined,
  );
  return [...deciding, ...beside].map((question) => ({
    question,
    ask: QUESTIONS[question].ask,
    answers: Object.entries(QUESTIONS[question].answers).map(([answer, means]) => ({
      answer,
      means,
      change: BESIDE[question]?.[answer] ?? possible({ ...answers, [question]: answer }).join(', '),
    })),
  }));
}
