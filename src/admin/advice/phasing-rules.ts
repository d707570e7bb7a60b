/** One cut-over or several phases: what each is, as migration guides describe it, and what speaks for it here. Plain data. */
import type { PhasingAnswers } from './phasing-questions.ts';

export const STRATEGIES = ['single-phase', 'multi-phase'] as const;
export type Strategy = (typeof STRATEGIES)[number];
export const IDENTITIES = ['bulk', 'graceful'] as const;
export type Identities = (typeof IDENTITIES)[number];

export interface Described {
  readonly title: string;
  readonly sentence: string;
  readonly pros: readonly string[];
  readonly cons: readonly string[];
}

export const STRATEGY_WORDS: Readonly<Record<Strategy, Described>> = {
  'single-phase': {
    title: 'Single-phase',
    sentence: 'All apps and all people change over on one day.',
    pros: [
      'One date to plan, to announce and to be ready for, and then it is over.',
      'The two systems never run side by side: no routing between them, nothing to be kept equal.',
      'The old store can be switched off soon, and with it what it costs.',
    ],
    cons: [
      'What goes wrong goes wrong for everybody, and the way back is one for everybody.',
      'All apps have to be ready on the same day, and nothing may change around it.',
      'Nothing is learned before it counts: a rehearsal meets neither the load nor all the people.',
      'The support meets everybody’s questions in one week.',
    ],
  },
  'multi-phase': {
    title: 'Multi-phase',
    sentence: 'App by app or group by group, each phase when the one before has shown that it works.',
    pros: [
      'What the first people meet is mended before the others come.',
      'Trouble stays within a phase, and a phase is paused or rolled back by itself.',
      'Apps switch when they are ready, and logins never stop.',
      'The support meets questions in portions.',
    ],
    cons: [
      'Two systems run side by side for as long as it lasts, with everything that costs.',
      'Each login has to be sent to the right side, and what changes on one side has to reach the other.',
      'Moves that take long are hardly ever finished by themselves: somebody has to keep at it, and set a last day.',
    ],
  },
};

export const IDENTITY_WORDS: Readonly<Record<Identities, Described>> = {
  bulk: {
    title: 'Bulk',
    sentence: 'A batch makes everybody of a phase at the target, with the hashes that it can read.',
    pros: [
      'Everybody is across when the batch is, also who never logs in.',
      'The day on which the phase ends is known beforehand.',
    ],
    cons: [
      'Hashes that the target cannot read do not come along: these people set a new password.',
      'Accounts that nobody uses any more are moved, and paid for, like all others.',
      'What changes at the old store after the copy was taken is lost, unless sync keeps both sides equal.',
    ],
  },
  graceful: {
    title: 'Graceful',
    sentence: 'Each person moves within their own next login, when they have typed their password.',
    pros: [
      'Nobody notices, and nobody sets a new password, whatever the old hash.',
      'Only who still comes is moved.',
      'The load is spread over weeks.',
    ],
    cons: [
      'It lasts as long as people stay away, and some never come: the rest needs letters and a batch.',
      'The old store has to answer until then.',
    ],
  },
};

/** What is known of this store. */
export interface PhasingFigures {
  readonly users?: number;
  /** Of those who have a password. */
  readonly carriedShare?: number;
  /** Of all people: who logged in within 30 and 90 days; absent where the store does not say. */
  readonly within30?: number;
  readonly within90?: number;
}

export interface PhasingFacts {
  readonly answers: PhasingAnswers;
  readonly figures: PhasingFigures;
}

export interface PhasingRule {
  readonly strategy: Strategy;
  /** How much it says; `rules-out` leaves no choice: the other strategy cannot be had. */
  readonly weight: number | 'rules-out-the-other';
  readonly applies: (facts: PhasingFacts) => boolean;
  readonly say: string;
}

/** So many people are more than a support answers in a week. */
const MANY_PEOPLE = 50_000;
/** So few are looked after one by one if need be. */
const FEW_PEOPLE = 5_000;
/** Of a hundred passwords two may be set anew, and it still counts as nearly all. */
export const NEARLY_ALL = 0.98;

const is =
  (question: keyof PhasingAnswers, answer: string) =>
  ({ answers }: PhasingFacts): boolean =>
    answers[question] === answer;

/** {users}, {carried} and {within90} are filled in. */
export const PHASING_RULES: readonly PhasingRule[] = [
  {
    strategy: 'multi-phase',
    weight: 'rules-out-the-other',
    applies: is('stuckApps', 'yes'),
    say: 'An app cannot switch for months: until then both systems run side by side anyway.',
  },
  {
    strategy: 'multi-phase',
    weight: 'rules-out-the-other',
    applies: is('appsAtOnce', 'no'),
    say: 'The apps cannot all switch on the same day.',
  },
  {
    strategy: 'multi-phase',
    weight: 2,
    applies: ({ figures }) => (figures.users ?? 0) >= MANY_PEOPLE,
    say: '{users} people are too many to meet a mistake on the same day.',
  },
  {
    strategy: 'single-phase',
    weight: 2,
    applies: ({ figures }) => figures.users !== undefined && figures.users < FEW_PEOPLE,
    say: '{users} people are few enough to be helped one by one, if it comes to that.',
  },
  {
    strategy: 'multi-phase',
    weight: 2,
    applies: is('apps', 'many'),
    say: 'Many apps are never ready on the same day.',
  },
  {
    strategy: 'single-phase',
    weight: 2,
    applies: is('apps', 'one'),
    say: 'One app is one switch: there is nothing to go app by app.',
  },
  {
    strategy: 'multi-phase',
    weight: 2,
    applies: is('rollback', 'yes'),
    say: 'It has to be possible to go back, and a phase goes back by itself, without the others.',
  },
  {
    strategy: 'multi-phase',
    weight: 1,
    applies: ({ answers }) => answers.downtime === 'none' || answers.zeroDowntime === 'yes',
    say: 'Logins may not stop, and a cut-over of everybody hardly ever goes without.',
  },
  {
    strategy: 'single-phase',
    weight: 1,
    applies: is('downtime', 'weekend'),
    say: 'Two days without logins are enough for a copy, a test and a way back.',
  },
  {
    strategy: 'multi-phase',
    weight: 1,
    applies: is('freeze', 'no'),
    say: 'Nothing stands still around one day, and a cut-over needs that.',
  },
  {
    strategy: 'single-phase',
    weight: 1,
    applies: is('freeze', 'yes'),
    say: 'Sign-ups and apps can stand still around the day.',
  },
  {
    strategy: 'single-phase',
    weight: 1,
    applies: is('team', 'small'),
    say: 'One or two people cannot look after two systems for long.',
  },
  {
    strategy: 'multi-phase',
    weight: 1,
    applies: is('friends', 'yes'),
    say: 'There are people who may meet trouble first: what they find is mended before the others come.',
  },
  {
    strategy: 'multi-phase',
    weight: 1,
    applies: ({ figures }) => figures.carriedShare !== undefined && figures.carriedShare < NEARLY_ALL,
    say: 'Only {carried} of the passwords go along by themselves: the others are caught as people come by, which takes time.',
  },
];
