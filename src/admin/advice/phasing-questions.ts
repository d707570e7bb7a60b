/** What has to be known before one cut-over and several phases can be weighed, besides the questions of the patterns. */
import type { Answers, Question } from './questions.ts';

const yesOrNo = { yes: '', no: '' };

export const PHASING_QUESTIONS = {
  apps: {
    ask: 'How many apps have to switch?',
    answers: { one: '', few: 'up to five', many: 'more' },
  },
  downtime: {
    ask: 'For how long may nobody be able to log in, once?',
    answers: { none: 'not at all', hours: 'a night', weekend: 'two days' },
  },
  stuckApps: {
    ask: 'Is there an app that cannot switch for months?',
    answers: yesOrNo,
  },
  freeze: {
    ask: 'Can sign-ups and changes of the apps stand still around one day?',
    answers: yesOrNo,
  },
  team: {
    ask: 'How many people carry the move and answer those who are stuck?',
    answers: { small: 'one or two', large: 'more' },
  },
  friends: {
    ask: 'Is there a group that may meet trouble first: staff, a partner, a country?',
    answers: yesOrNo,
  },
} as const satisfies Record<string, Question>;

export type PhasingQuestion = keyof typeof PHASING_QUESTIONS;
export const PHASING_QUESTION_NAMES = Object.keys(PHASING_QUESTIONS) as PhasingQuestion[];

/** With those of the patterns, which say something here as well. */
export type PhasingAnswers = Answers & Readonly<Partial<Record<PhasingQuestion, string>>>;
