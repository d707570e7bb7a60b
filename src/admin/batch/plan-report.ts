/** What a plan foresees, for people and programs: numbers, shares, and what is left to do. Subjects only; no secret, no name. */
import type { SendingForecast, SendingInput, Tail } from '../../migration/batch/forecast.ts';
import { forecastSending, tailOf } from '../../migration/batch/forecast.ts';
import type { Finding } from '../survey/findings.ts';
import { findingOf } from '../survey/findings.ts';
import type { Cases, Fate, FormatTally } from '../survey/tally.ts';
import { adviceFor } from './codes.ts';
import type { Belonging, Carried, LeftOut, PlanTally } from './plan-tally.ts';
import { LEFT_OUT } from './plan-tally.ts';

/** How many, a few of them by subject, and what it means. */
export interface Counted {
  readonly code: string;
  readonly sentence: string;
  readonly users: number;
  readonly examples: readonly string[];
}

export interface PlannedFormat extends Pick<FormatTally, 'users' | 'costs' | 'examples'> {
  readonly format: string;
  /** By what becomes of it: `carried`, `captured: untranslatable_algorithm`. */
  readonly fates: Readonly<Record<string, number>>;
}

export interface PlanReport {
  readonly target: string;
  readonly read: number;
  readonly selected: number;
  readonly leftOut: readonly Counted[];
  readonly unmappable: readonly Omit<Counted, 'code'>[];
  /** People by what becomes of the password in the store. */
  readonly passwords: Readonly<Record<Fate, number>>;
  /** Of those, who keep it here because their second factor cannot go, and whose was caught at a login here already. */
  readonly withheld: number;
  readonly caught: number;
  readonly formats: readonly PlannedFormat[];
  readonly belongings: Readonly<Record<Belonging, Readonly<Carried>>>;
  /** Whom the target will never take as they are. */
  readonly refused: readonly (Counted & { readonly todo: string })[];
  readonly missing: readonly Counted[];
  readonly findings: readonly (Finding & Omit<Counted, 'code' | 'sentence'>)[];
  readonly sending: SendingForecast;
  readonly ages: PlanTally['ages'];
  readonly atLogin: Tail;
  readonly reset: Tail;
}

export type Pace = Omit<SendingInput, 'users' | 'rehashed'>;

export function planReport(tally: PlanTally, target: string, pace: Pace): PlanReport {
  const { people } = tally;
  const fates = people.targets[target]!;
  const passwords = Object.fromEntries(
    Object.entries(fates).map(([fate, { users }]) => [fate, users]),
  ) as Record<Fate, number>;
  return {
    target,
    read: tally.read,
    selected: people.users,
    leftOut: countedOf(tally.leftOut, (code) => LEFT_OUT[code as LeftOut]),
    unmappable: countedOf(tally.unmappable, (code) => code).map(({ code: _, ...counted }) => counted),
    passwords,
    withheld: tally.withheld,
    caught: tally.caught,
    formats: formatsOf(people.formats, target),
    belongings: tally.belongings,
    refused: countedOf(tally.refused, (code) => adviceFor(code).sentence).map((counted) => ({
      ...counted,
      todo: adviceFor(counted.code).todo,
    })),
    missing: countedOf(tally.missing, (code) => adviceFor(code.split(': ')[1] ?? code).sentence),
    findings: countedOf(people.findings, () => '').flatMap(({ code, users, examples }) => {
      const finding = findingOf(code);
      return finding ? [{ ...finding, users, examples }] : [];
    }),
    sending: forecastSending({ ...pace, users: people.users, rehashed: passwords.rehashed }),
    ages: tally.ages,
    atLogin: tailOf(tally.atLogin),
    reset: tailOf(tally.reset),
  };
}

function countedOf(
  all: Readonly<Record<string, Cases>> | PlanTally['leftOut'],
  sentence: (code: string) => string,
): Counted[] {
  return Object.entries(all)
    .map(([code, { count, examples }]) => ({ code, sentence: sentence(code), users: count, examples }))
    .sort((a, b) => b.users - a.users);
}

function formatsOf(formats: Readonly<Record<string, FormatTally>>, target: string): PlannedFormat[] {
  return Object.entries(formats)
    .map(([format, { users, costs, targets, examples }]) => ({
      format,
      users,
      costs,
      examples,
      fates: targets[target] ?? {},
    }))
    .sort((a, b) => b.users - a.users || a.format.localeCompare(b.format));
}
