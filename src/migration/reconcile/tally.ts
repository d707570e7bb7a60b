/** What a reconciliation has counted so far: plain JSON of a size that does not grow with the users. */
import { createHash } from 'node:crypto';
import type { Difference, Kind, Verdict } from './classify.ts';
import { KINDS } from './classify.ts';
import type { Base, ComparedField } from './marks.ts';

export interface Tally {
  /** Users of the target that were read. */
  readonly targetUsers: number;
  /** People of the legacy store or the batch that were looked at. */
  readonly people: number;
  readonly equal: number;
  readonly differing: number;
  readonly notMoved: number;
  readonly settled: number;
  readonly unreadable: number;
  /** At the target, and none of ours. */
  readonly foreign: number;
  readonly byKind: Readonly<Partial<Record<Kind, number>>>;
  readonly byField: Readonly<Partial<Record<ComparedField, Readonly<Partial<Record<Kind, number>>>>>>;
  readonly byRepair: Readonly<Record<string, number>>;
  /** Subjects, at most five for each kind. */
  readonly examples: Readonly<Partial<Record<Kind | 'unreadable', readonly string[]>>>;
  /** Over everybody who is equal, of each side, whatever the order; hexadecimal. */
  readonly checksum: string;
}

export const EMPTY_TALLY: Tally = {
  targetUsers: 0,
  people: 0,
  equal: 0,
  differing: 0,
  notMoved: 0,
  settled: 0,
  unreadable: 0,
  foreign: 0,
  byKind: {},
  byField: {},
  byRepair: {},
  examples: {},
  checksum: '0'.repeat(32),
};

const EXAMPLES = 5;
const COUNTED = {
  equal: 'equal',
  differs: 'differing',
  'not-moved': 'notMoved',
  settled: 'settled',
  unreadable: 'unreadable',
} as const;

export function counted(tally: Tally, sub: string, { standing, differences, same }: Verdict): Tally {
  const standings = COUNTED[standing];
  const people = { ...tally, people: tally.people + 1, [standings]: tally[standings] + 1 };
  const equal =
    standing === 'equal' && same ? { ...people, checksum: summed(tally.checksum, sub, same) } : people;
  const unreadable =
    standing === 'unreadable' ? { ...equal, examples: example(equal.examples, 'unreadable', sub) } : equal;
  return differences.reduce(withDifference, unreadable);
}

function withDifference(tally: Tally, { sub, kind, fields, repair }: Difference): Tally {
  const byField = { ...tally.byField };
  for (const field of fields) byField[field] = added(byField[field] ?? {}, kind);
  return {
    ...tally,
    byKind: added(tally.byKind, kind),
    byField,
    byRepair: added(tally.byRepair, repair),
    examples: example(tally.examples, kind, sub),
  };
}

const added = <K extends string>(counts: Readonly<Partial<Record<K, number>>>, key: K): Record<K, number> =>
  ({ ...counts, [key]: (counts[key] ?? 0) + 1 }) as Record<K, number>;

function example(examples: Tally['examples'], kind: Kind | 'unreadable', sub: string): Tally['examples'] {
  const known = examples[kind] ?? [];
  return known.length < EXAMPLES && !known.includes(sub)
    ? { ...examples, [kind]: [...known, sub] }
    : examples;
}

const MODULUS = 1n << 128n;
const SUM_BYTES = 16;

/** Sums of digests are the same in any order, and so after any interruption. */
function summed(checksum: string, sub: string, same: Base): string {
  const text = JSON.stringify([sub, ...Object.entries(same).sort(([a], [b]) => (a < b ? -1 : 1))]);
  const digest = createHash('sha256').update(text).digest().subarray(0, SUM_BYTES).toString('hex');
  const sum = (BigInt(`0x${checksum}`) + BigInt(`0x${digest}`)) % MODULUS;
  return sum.toString(16).padStart(2 * SUM_BYTES, '0');
}

/** How many differences there are of all kinds. */
export const differencesIn = ({ byKind }: Pick<Tally, 'byKind'>): number =>
  KINDS.reduce((sum, kind) => sum + (byKind[kind] ?? 0), 0);
