/**
 * People who log in as people do: some every day, many once a week or a month, some once a year, some never again. Seeded,
 * so that the same town lives the same life every time.
 */

import type { WholeCensus } from '../../src/rollout/census.ts';
import type { CensusPeople } from '../../src/rollout/census-reading.ts';
import { countPerson, emptyCensus, summaryOf } from '../../src/rollout/census-tally.ts';
import type { Snapshot } from '../../src/rollout/deciding.ts';
import type { Person } from '../../src/rollout/membership.ts';

const DAY_MS = 86_400_000;
const DAY_SECONDS = 86_400;

export interface Habit {
  readonly name: string;
  /** Of all people. */
  readonly share: number;
  /** Logins per day; 0: never again. */
  readonly perDay: number;
}

export const HABITS: readonly Habit[] = [
  { name: 'daily', share: 0.14, perDay: 0.7 },
  { name: 'weekly', share: 0.3, perDay: 1 / 7 },
  { name: 'monthly', share: 0.3, perDay: 1 / 30 },
  { name: 'yearly', share: 0.16, perDay: 1 / 300 },
  { name: 'gone', share: 0.07, perDay: 0 },
  { name: 'never', share: 0.03, perDay: 0 },
];

export interface Resident {
  readonly index: number;
  readonly habit: string;
  readonly perDay: number;
  /** As the legacy store has it now; whoever has moved logs in elsewhere, and it hears nothing of that. */
  person: Omit<Person, 'lastLoginAt'> & { lastLoginAt?: number; readonly state: 'active' | 'disabled' };
  isMoved: boolean;
}

export interface PopulationAsked {
  readonly people: number;
  readonly seed?: number;
  /** The morning of day 0. */
  readonly startMs: number;
  readonly habits?: readonly Habit[];
  /** How busy a day is, 1 being as before day 0; weekends are less so unless it says otherwise. */
  readonly busyOn?: (day: number) => number;
  /** No login is made up after it. */
  readonly days?: number;
  readonly prefix?: string;
  /** False: whoever has moved is not among the logins any more, which makes long lives cheap. */
  readonly followMoved?: boolean;
}

/** Mulberry32: small, fast, and good enough for towns. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Two of seven days have half as much; the week as a whole is what it is. */
export const weekly = (startMs: number) => (day: number) => {
  const weekday = new Date(startMs + day * DAY_MS).getUTCDay();
  return weekday === 0 || weekday === 6 ? 7 / 12 : 7 / 6;
};

const COUNTRIES = ['DE', 'AT', 'CH', 'FR', 'IT', 'GB', 'US'] as const;
const DOMAINS = ['example.com', 'mail.example', 'post.example', 'acme.example', 'town.example'] as const;
const ORGANIZATIONS = 40;
/** The second moment of a lognormal spread of one’s own rate: somebody of a habit has it more or less. */
const SPREAD = 0.5;

export type Population = ReturnType<typeof openPopulation>;

export function openPopulation(asked: PopulationAsked) {
  const {
    people,
    seed = 1,
    startMs,
    habits = HABITS,
    days = 600,
    prefix = 'shop:',
    followMoved = true,
  } = asked;
  const random = randomFrom(seed);
  const busyOn = asked.busyOn ?? weekly(startMs);
  // How much of a person’s own time has gone by when a day ends.
  const busy = [0];
  for (let day = 0; day < days; day += 1) busy.push(busy[day]! + busyOn(day));
  const coming = new Map<number, Resident[]>();
  const schedule = (resident: Resident, from: number) => {
    if (resident.perDay === 0 || from >= days) return;
    const day = dayAt(busy, from, busy[from]! - Math.log(1 - random()) / resident.perDay);
    if (day === undefined) return;
    const others = coming.get(day);
    if (others) others.push(resident);
    else coming.set(day, [resident]);
  };
  const residents = Array.from({ length: people }, (_, index) =>
    residentOf({ index, random, habits, startMs, prefix }),
  );
  for (const resident of residents) schedule(resident, 0);

  return {
    residents,
    /** Who logs in on this day, each once, in an order of chance; to be asked for one day after the other. */
    loginsOn(day: number): readonly Resident[] {
      const here = coming.get(day) ?? [];
      coming.delete(day);
      const seconds = startMs / 1_000 + (day + 0.5) * DAY_SECONDS;
      const stay = followMoved ? here : here.filter(({ isMoved }) => !isMoved);
      for (const resident of stay) {
        if (!resident.isMoved) resident.person.lastLoginAt = seconds;
        // Once a day is enough: the next one is tomorrow or later.
        schedule(resident, day + 1);
      }
      return stay;
    },
    /** As a census reads them. */
    asStore: (): CensusPeople => ({
      legacyIdOf: (sub) => (sub.startsWith(prefix) ? sub.slice(prefix.length) : undefined),
      count: async () => residents.length,
      async *entries(after = '') {
        for (const { person } of residents) if (person.sub > after) yield { sub: person.sub, user: person };
      },
    }),
  };
}

/** The first day from `from` on by whose end so much has gone by. */
function dayAt(busy: readonly number[], from: number, due: number): number | undefined {
  if (due > busy.at(-1)!) return undefined;
  let [low, high] = [from + 1, busy.length - 1];
  // Most come soon.
  for (let step = 4; low + step < high && busy[low + step]! < due; step *= 2) low += step;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (busy[middle]! < due) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

interface Making {
  readonly index: number;
  readonly random: () => number;
  readonly habits: readonly Habit[];
  readonly startMs: number;
  readonly prefix: string;
}

function residentOf({ index, random, habits, startMs, prefix }: Making): Resident {
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const habit = habitAt(habits, random());
  const bell = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const perDay = habit.perDay * Math.exp(SPREAD * bell - SPREAD ** 2 / 2);
  const lastDays = perDay > 0 ? -Math.log(1 - random()) / perDay : 200 + random() * 1_500;
  const country = one(COUNTRIES);
  const organization = Math.floor(random() * ORGANIZATIONS);
  const role = random();
  const isInOrganization = random() < 0.4;
  const domain = one(DOMAINS);
  // Padded, so that subjects and numbers have one order.
  const id = String(index + 1).padStart(7, '0');
  return {
    ...{ index, habit: habit.name, perDay, isMoved: false },
    person: {
      sub: `${prefix}${id}`,
      email: `person-${id}@${domain}`,
      emailVerified: random() < 0.95,
      locale: `de-${country}`,
      roles: role < 0.002 ? ['admin', 'staff'] : role < 0.02 ? ['staff'] : ['customer'],
      groups: [],
      organizations: isInOrganization
        ? [
            {
              ...{ id: String(organization), name: `Organization ${organization}`, countryCode: country },
              ...{ kinds: [organization % 4 === 0 ? 'partner' : 'customer'], roles: [], isOwner: false },
            },
          ]
        : [],
      metadata: { tier: random() < 0.1 ? 'gold' : 'plain' },
      ...(habit.name === 'never' ? {} : { lastLoginAt: startMs / 1_000 - lastDays * DAY_SECONDS }),
      state: 'active',
    },
  };
}

function habitAt(habits: readonly Habit[], place: number): Habit {
  let sum = 0;
  for (const habit of habits) {
    sum += habit.share;
    if (sum > place) return habit;
  }
  return habits.at(-1)!;
}

/** What a census finds, without a database. */
export function censusOf(
  { residents }: Pick<Population, 'residents'>,
  { plan, salt, version }: Pick<Snapshot, 'plan' | 'salt' | 'version'>,
  nowMs: number,
): WholeCensus {
  const tally = emptyCensus(plan);
  for (const { person } of residents)
    countPerson(tally, { plan, salt }, { person, nowSeconds: nowMs / 1_000 });
  const at = new Date(nowMs);
  return { id: '1', version, startedAt: at, at, tally, ...summaryOf(tally, plan) };
}
