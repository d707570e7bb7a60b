/**
 * How long a batch will take, and what is left to do after it. Estimates: the slowest of what limits a batch, and how
 * lately people have logged in.
 */

export interface SendingInput {
  readonly users: number;
  /** Of those, whose password is recovered and hashed afresh here. */
  readonly rehashed: number;
  /** Users per call. */
  readonly size: number;
  /** The operator's limit, users per second; null: none. */
  readonly perSecond: number | null;
  /** What was measured of this kind of target, users per second. */
  readonly targetUsersPerSecond: number;
  /** The settings' limit of calls (`api.perSecond`). */
  readonly callsPerSecond: number;
  readonly rehashesPerSecond: number;
}

/** What decides how fast a batch is. */
export type Limit = 'operator' | 'target' | 'api';

export interface SendingForecast {
  readonly calls: number;
  readonly usersPerSecond: number;
  readonly limit: Limit;
  /** Which limit binds, and how to move it. */
  readonly sentence: string;
  /** Sending and hashing. */
  readonly seconds: number;
  /** Of those, for hashing. */
  readonly hashingSeconds: number;
}

/** Of several equal limits the one that an operator moves most easily is named. */
export function forecastSending(input: SendingInput): SendingForecast {
  const { users, rehashed, size, perSecond, targetUsersPerSecond, callsPerSecond } = input;
  const limits: readonly (readonly [Limit, number])[] = [
    ['operator', perSecond ?? Number.POSITIVE_INFINITY],
    ['api', callsPerSecond * size],
    ['target', targetUsersPerSecond],
  ];
  const [limit, usersPerSecond] = limits.reduce((least, one) => (one[1] < least[1] ? one : least));
  const hashingSeconds = rehashed / input.rehashesPerSecond;
  return {
    calls: Math.ceil(users / size),
    usersPerSecond,
    limit,
    sentence: SENTENCES[limit](input),
    seconds: Math.ceil(users / usersPerSecond + hashingSeconds),
    hashingSeconds: Math.ceil(hashingSeconds),
  };
}

const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 1 });

const SENTENCES: Readonly<Record<Limit, (input: SendingInput) => string>> = {
  operator: ({ perSecond }) =>
    `Your own limit binds: ${number(perSecond ?? 0)} users per second (--per-second).`,
  api: ({ callsPerSecond, size }) =>
    `The settings bind: ${number(callsPerSecond)} calls per second (api.perSecond) of ${number(size)} users each (--size).`,
  target: ({ targetUsersPerSecond }) =>
    `The target binds: about ${number(targetUsersPerSecond)} users per second were measured on two cores.`,
};

/** The ages of last logins that people plan with, each from the end of the one before. */
export const SINCE_LOGIN = ['30 days', '90 days', '365 days', 'longer ago', 'not known'] as const;
export type SinceLogin = (typeof SINCE_LOGIN)[number];
export type LoginAges = Record<SinceLogin, number>;

const DAY_SECONDS = 86_400;

export const noAges = (): LoginAges => Object.fromEntries(SINCE_LOGIN.map((age) => [age, 0])) as LoginAges;

export function sinceLogin(lastLoginAt: number | undefined, nowSeconds: number): SinceLogin {
  if (lastLoginAt === undefined) return 'not known';
  const days = (nowSeconds - lastLoginAt) / DAY_SECONDS;
  if (days <= 30) return '30 days';
  if (days <= 90) return '90 days';
  return days <= 365 ? '365 days' : 'longer ago';
}

/** People who have to do something once, and when they are likely to come by. */
export interface Tail {
  readonly users: number;
  /** Whoever has come within so many days comes about as often: an estimate, each with those before it. */
  readonly within30Days: number;
  readonly within90Days: number;
  readonly within365Days: number;
  /** Who may never come, or of whom nobody knows. */
  readonly rest: number;
}

export function tailOf(ages: LoginAges): Tail {
  const within30Days = ages['30 days'];
  const within90Days = within30Days + ages['90 days'];
  const within365Days = within90Days + ages['365 days'];
  const rest = ages['longer ago'] + ages['not known'];
  return { users: within365Days + rest, within30Days, within90Days, within365Days, rest };
}

/** `about 2 minutes`, for people. */
export function durationWords(seconds: number): string {
  if (seconds < 1) return 'less than a second';
  if (seconds < 90) return `about ${plural(Math.round(seconds), 'second')}`;
  if (seconds < 90 * 60) return `about ${plural(Math.round(seconds / 60), 'minute')}`;
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.round((seconds % 3_600) / 60 / 5) * 5;
  if (hours >= 48) return `about ${plural(Math.round(seconds / DAY_SECONDS), 'day')}`;
  if (minutes === 60) return `about ${plural(hours + 1, 'hour')}`;
  return `about ${plural(hours, 'hour')}${minutes > 0 ? ` ${plural(minutes, 'minute')}` : ''}`;
}

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
