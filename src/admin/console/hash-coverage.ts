/** What the last survey says of passwords, for the eye: what becomes of them at each target, and of each format. */
import type { Report } from '../survey/report.ts';
import type { Fate } from '../survey/tally.ts';
import { FATES } from '../survey/tally.ts';
import type { SharesView } from './shares.ts';
import { sharesView } from './shares.ts';

/** From the best to the worst. */
export const FATE_SAYS: Readonly<Record<Fate, { readonly name: string; readonly says: string }>> = {
  carried: { name: 'goes along', says: 'The hash is read there as it is.' },
  conditional: {
    name: 'goes along if…',
    says: 'It goes along for passwords that the store leaves as entered, or that are short enough.',
  },
  rehashed: { name: 'hashed afresh', says: 'The store can recover it, and it is hashed anew.' },
  captured: { name: 'caught at login', says: 'It is caught when they log in here.' },
  reset: { name: 'set anew', says: 'Nobody can verify it: they set a new one.' },
  none: { name: 'no password', says: 'The store has none of theirs.' },
};
const SLOTS: Readonly<Record<Fate, string>> = {
  carried: 'migrated',
  conditional: 'created',
  rehashed: '1',
  captured: 'authenticated',
  reset: 'failed',
  none: 'excluded',
};

export interface TargetCoverage {
  readonly name: string;
  /** Of all who have a password, from 0 to 1. */
  readonly goesAlong: number;
  /** Of those who logged in within 90 days; null: nobody did, or the store does not say. */
  readonly ofRecent: number | null;
  readonly shares: SharesView;
}

export interface FormatRow {
  readonly format: string;
  readonly users: number;
  readonly recent: number;
  /** The most frequent first. */
  readonly costs: readonly { readonly says: string; readonly users: number }[];
  /** One for each target that is shown. */
  readonly fates: readonly (readonly FormatFate[])[];
}

export interface FormatFate {
  readonly fate: Fate;
  readonly says: string;
  /** A stable reason, where there is one. */
  readonly why: string | undefined;
  readonly users: number;
}

export interface HashCoverage {
  readonly users: number;
  readonly finishedAt: string;
  readonly targets: readonly TargetCoverage[];
  /** What it would be elsewhere. */
  readonly others: readonly TargetCoverage[];
  readonly formats: readonly FormatRow[];
}

const MAX_COSTS = 3;

export function hashCoverage(report: Report, configured: readonly string[]): HashCoverage {
  const known = Object.keys(report.targets);
  // A target that was named after the survey is not in it.
  const shown = configured.filter((name) => known.includes(name));
  const coverage = (name: string) => targetCoverage(report, name);
  return {
    users: report.users,
    finishedAt: report.finishedAt,
    targets: shown.map(coverage),
    others: known.filter((name) => !shown.includes(name)).map(coverage),
    formats: report.formats.map(({ format, users, recent, costs, targets }) => ({
      format,
      users,
      recent,
      costs: Object.entries(costs)
        .map(([says, of]) => ({ says, users: of }))
        .sort((a, b) => b.users - a.users)
        .slice(0, MAX_COSTS),
      fates: shown.map((name) => fatesOf(targets[name] ?? {})),
    })),
  };
}

function targetCoverage({ targets, translatable }: Report, name: string): TargetCoverage {
  const fates = targets[name]!;
  return {
    name,
    goesAlong: translatable[name]?.users ?? 0,
    ofRecent: translatable[name]?.recent ?? null,
    shares: sharesView(
      FATES.map((fate) => ({
        name: FATE_SAYS[fate].name,
        says: FATE_SAYS[fate].says,
        slot: SLOTS[fate],
        value: fates[fate].users,
      })),
    ),
  };
}

const isFate = (name: string): name is Fate => Object.hasOwn(FATE_SAYS, name);

/** `captured: no_reader` is a fate and its reason. */
function fatesOf(counted: Readonly<Record<string, number>>): FormatFate[] {
  return Object.entries(counted)
    .flatMap(([key, users]): FormatFate[] => {
      const [fate = '', why] = key.split(': ', 2);
      return isFate(fate) ? [{ fate, says: FATE_SAYS[fate].name, why, users }] : [];
    })
    .sort((a, b) => b.users - a.users);
}
