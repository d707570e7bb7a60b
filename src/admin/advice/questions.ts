/**
 * What has to be known before a pattern can be chosen: the questions of ZITADEL's migration guide (zero downtime, all
 * apps on the first day, a user API at the legacy system, only a token), and those that it leaves to the reader.
 */

export interface Question {
  readonly ask: string;
  /** Every answer, with what it means where the word alone does not say it. */
  readonly answers: Readonly<Record<string, string>>;
}

const yesOrNo = { yes: '', no: '' };

export const QUESTIONS = {
  onlyToken: {
    ask: 'Is a token all that proves a login at the legacy system: no hash to read, no password to check?',
    answers: yesOrNo,
  },
  zeroDowntime: {
    ask: 'Must people be able to log in all the time while they are moved?',
    answers: yesOrNo,
  },
  passwordsCarried: {
    ask: 'Can ZITADEL read nearly all of the stored passwords?',
    answers: yesOrNo,
  },
  appsAtOnce: {
    ask: 'Can all apps switch to ZITADEL on the same day?',
    answers: yesOrNo,
  },
  sessions: {
    ask: 'Must one login open old and new apps alike for a while?',
    answers: yesOrNo,
  },
  loginPage: {
    ask: 'On whose page do people type their password while it lasts?',
    answers: {
      footbridge: 'Footbridge’s',
      zitadel: 'ZITADEL’s own login',
      own: 'a login UI of yours over ZITADEL’s session API',
      legacy: 'the legacy system’s',
    },
  },
  rollback: {
    ask: 'Must it be possible to go back after people have moved?',
    answers: yesOrNo,
  },
  lastDay: {
    ask: 'Is there a day on which the legacy store goes off?',
    answers: yesOrNo,
  },
} as const satisfies Record<string, Question>;

export type QuestionName = keyof typeof QUESTIONS;
export const QUESTION_NAMES = Object.keys(QUESTIONS) as QuestionName[];

export type Answers = Readonly<Partial<Record<QuestionName, string>>>;

/** Who said it. */
export type Source = 'you' | 'survey' | 'configuration';
