/** One cut-over or several phases, and bulk or graceful in them, for this store: weighed by a table of rules, with reasons. */
import type { Report } from '../survey/report.ts';
import { count, percent } from '../survey/report-text.ts';
import type { Figures } from './figures.ts';
import { carriedShare } from './figures.ts';
import { phasingPlan } from './phasing-plan.ts';
import type { PhasingAnswers, PhasingQuestion } from './phasing-questions.ts';
import { PHASING_QUESTION_NAMES, PHASING_QUESTIONS } from './phasing-questions.ts';
import type { Described, Identities, PhasingFacts, PhasingFigures, Strategy } from './phasing-rules.ts';
import {
  IDENTITIES,
  IDENTITY_WORDS,
  NEARLY_ALL,
  PHASING_RULES,
  STRATEGIES,
  STRATEGY_WORDS,
} from './phasing-rules.ts';
import type { Source } from './questions.ts';

export interface Phasing {
  /** Undefined: nothing is known that speaks for either. */
  readonly recommended?: {
    readonly strategy: Strategy;
    readonly identities: Identities;
    readonly reasons: readonly string[];
    /** What speaks against it all the same, and what to mind. */
    readonly mind: readonly string[];
    /** YAML, for `rollout set`. */
    readonly plan: string;
  };
  readonly strategies: readonly (Described & { readonly strategy: Strategy })[];
  readonly identities: readonly (Described & { readonly identities: Identities })[];
  readonly answers: readonly {
    readonly question: PhasingQuestion;
    readonly ask: string;
    readonly answer: string;
    readonly source: Source;
  }[];
  readonly open: readonly {
    readonly question: PhasingQuestion;
    readonly ask: string;
    readonly answers: readonly { readonly answer: string; readonly means: string; readonly change: string }[];
  }[];
}

export interface PhasingInput {
  readonly given: PhasingAnswers;
  /** The last survey that was finished, and what it says of the target. */
  readonly report: Report | undefined;
  readonly figures: Figures | undefined;
  /** The target’s name. */
  readonly target: string;
  /** OAuth clients that switch. */
  readonly clients: readonly string[];
}

/** As many apps as a person can look after in one night. */
const FEW_APPS = 5;

export function advisePhasing({ given, report, figures, target, clients }: PhasingInput): Phasing {
  const configured = appsIn(clients.length);
  const answers: PhasingAnswers = { ...(configured ? { apps: configured } : {}), ...given };
  const facts: PhasingFacts = { answers, figures: figuresFrom(report, figures) };
  const strategy = choose(facts);
  const named = PHASING_QUESTION_NAMES.filter((question) => answers[question] !== undefined);
  const identities = identitiesFor(facts);
  return {
    ...(strategy && {
      recommended: {
        ...{ strategy, identities },
        reasons: [...sentences(facts, strategy), identityReason(facts, identities)],
        mind: [...sentences(facts, other(strategy)), ...toMind(facts, identities)],
        plan: phasingPlan({ ...facts, strategy, identities, target, clients }),
      },
    }),
    strategies: STRATEGIES.map((name) => ({ strategy: name, ...STRATEGY_WORDS[name] })),
    identities: IDENTITIES.map((name) => ({ identities: name, ...IDENTITY_WORDS[name] })),
    answers: named.map((question) => ({
      ...{ question, ask: PHASING_QUESTIONS[question].ask, answer: answers[question]! },
      source: given[question] === undefined ? 'configuration' : 'you',
    })),
    open: PHASING_QUESTION_NAMES.filter((question) => !named.includes(question)).map((question) => ({
      ...{ question, ask: PHASING_QUESTIONS[question].ask },
      answers: Object.entries(PHASING_QUESTIONS[question].answers).map(([answer, means]) => ({
        ...{ answer, means },
        change: changeBy({ ...facts, answers: { ...answers, [question]: answer } }),
      })),
    })),
  };
}

const other = (strategy: Strategy): Strategy =>
  strategy === 'single-phase' ? 'multi-phase' : 'single-phase';

function appsIn(clients: number): string | undefined {
  if (clients === 0) return undefined;
  if (clients === 1) return 'one';
  return clients <= FEW_APPS ? 'few' : 'many';
}

function figuresFrom(report: Report | undefined, figures: Figures | undefined): PhasingFigures {
  if (!report || report.users === 0) return {};
  const { users, lastLogins } = report;
  const isKnown = (lastLogins['not known'] ?? 0) < users;
  const within30 = lastLogins['30 days'] ?? 0;
  return {
    users,
    ...(figures && { carriedShare: carriedShare(figures) }),
    ...(isKnown && {
      within30: within30 / users,
      within90: (within30 + (lastLogins['90 days'] ?? 0)) / users,
    }),
  };
}

/** Of two that weigh the same the one that can still be stopped. */
function choose(facts: PhasingFacts): Strategy | undefined {
  const holding = PHASING_RULES.filter(({ applies }) => applies(facts));
  const only = holding.find(({ weight }) => weight === 'rules-out-the-other');
  if (only) return only.strategy;
  if (holding.length === 0) return undefined;
  const weight = (strategy: Strategy) =>
    holding.reduce((sum, rule) => sum + (rule.strategy === strategy ? Number(rule.weight) : 0), 0);
  return weight('single-phase') > weight('multi-phase') ? 'single-phase' : 'multi-phase';
}

const changeBy = (facts: PhasingFacts): string => `${choose(facts) ?? 'open'}, ${identitiesFor(facts)}`;

function sentences(facts: PhasingFacts, strategy: Strategy): string[] {
  const { users = 0, carriedShare: carried = 0 } = facts.figures;
  return PHASING_RULES.filter((rule) => rule.strategy === strategy && rule.applies(facts)).map(({ say }) =>
    say.replace('{users}', count(users)).replace('{carried}', percent(carried)),
  );
}

/** A batch is for hashes that go along, and for a store that may stand still while it is copied. */
function identitiesFor({ answers, figures }: PhasingFacts): Identities {
  const carries =
    answers.passwordsCarried === undefined
      ? figures.carriedShare !== undefined && figures.carriedShare >= NEARLY_ALL
      : answers.passwordsCarried === 'yes';
  const mayStop =
    answers.downtime === undefined ? answers.zeroDowntime === 'no' : answers.downtime !== 'none';
  return carries && mayStop ? 'bulk' : 'graceful';
}

function identityReason({ answers, figures }: PhasingFacts, identities: Identities): string {
  if (identities === 'bulk')
    return 'Bulk: nearly all passwords go along, and the store may stand still while it is copied.';
  if (answers.downtime === 'none' || answers.zeroDowntime === 'yes')
    return 'Graceful: logins never stop, and a copy of a store that goes on is old when it is made.';
  return figures.carriedShare !== undefined && figures.carriedShare < NEARLY_ALL
    ? 'Graceful: passwords that the target cannot read are caught where people type them.'
    : 'Graceful: it needs neither hashes that the target reads nor a store that stands still.';
}

function toMind({ answers, figures }: PhasingFacts, identities: Identities): string[] {
  const { within30, within90 } = figures;
  if (identities === 'bulk') return ['Rehearse it: footbridge batch plan says who comes along and how.'];
  return [
    ...(within30 === undefined || within90 === undefined
      ? []
      : [
          `People come as they have come: expect ${percent(within30)} of a phase within 30 days of its start and ${percent(within90)} within 90. footbridge rollout forecast says it by date.`,
        ]),
    ...(answers.lastDay === 'yes'
      ? ['Whoever has not come by the last day needs letters, and then a batch.']
      : ['Set a last day: by itself the end never comes.']),
  ];
}
