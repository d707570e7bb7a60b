/** What a survey has counted so far: plain JSON of bounded size, whatever the number of users. */
import type { UserState } from '../../user.ts';

/** How many, and a few of them by subject: never more than an operator looks up by hand. */
export interface Cases {
  count: number;
  readonly examples: string[];
}
const MAX_EXAMPLES = 5;
/** Different costs per algorithm, and different sentences of what cannot be mapped; what comes later is `other`. */
const MAX_KEYS = 50;

/** What becomes of a password at a target. */
export const FATES = ['carried', 'conditional', 'rehashed', 'captured', 'reset', 'none'] as const;
export type Fate = (typeof FATES)[number];

/** Users, and those of them who logged in within the last 90 days. */
export interface Weighted {
  users: number;
  recent: number;
}

export interface FormatTally extends Weighted {
  /** Algorithm and costs, like `bcrypt cost=10`. */
  readonly costs: Record<string, number>;
  /** By target: fate or reason to users. */
  readonly targets: Record<string, Record<string, number>>;
  readonly examples: string[];
}

export const LAST_LOGINS = ['30 days', '90 days', '1 year', 'longer ago', 'not known'] as const;

export interface Tally {
  users: number;
  readonly states: Record<UserState, number>;
  readonly lastLogins: Record<string, number>;
  readonly formats: Record<string, FormatTally>;
  readonly targets: Record<string, Record<Fate, Weighted>>;
  readonly coverage: Record<
    'totp' | 'passkeys' | 'recoveryCodes' | 'identityProviderLinks' | 'roles',
    number
  >;
  readonly findings: Record<string, Cases>;
  readonly unmappable: Record<string, Cases>;
}

export function emptyTally(targets: readonly string[]): Tally {
  const fates = () =>
    Object.fromEntries(FATES.map((fate) => [fate, { users: 0, recent: 0 }])) as Record<Fate, Weighted>;
  return {
    users: 0,
    states: { active: 0, disabled: 0, locked: 0 },
    lastLogins: Object.fromEntries(LAST_LOGINS.map((when) => [when, 0])),
    formats: {},
    targets: Object.fromEntries(targets.map((target) => [target, fates()])),
    coverage: { totp: 0, passkeys: 0, recoveryCodes: 0, identityProviderLinks: 0, roles: 0 },
    findings: {},
    unmappable: {},
  };
}

/** A key of the record, or `other` once there are too many. */
function keyIn(record: Readonly<Record<string, unknown>>, key: string): string {
  return Object.hasOwn(record, key) || Object.keys(record).length < MAX_KEYS ? key : 'other';
}

export function increment(counts: Record<string, number>, key: string): void {
  const known = keyIn(counts, key);
  counts[known] = (counts[known] ?? 0) + 1;
}

export function addCase(cases: Record<string, Cases>, key: string, sub: string): void {
  const known = keyIn(cases, key);
  cases[known] ??= { count: 0, examples: [] };
  cases[known].count += 1;
  addExample(cases[known].examples, sub);
}

export function addExample(examples: string[], sub: string): void {
  if (examples.length < MAX_EXAMPLES) examples.push(sub);
}

export function addTo(weighted: Weighted, isRecent: boolean): void {
  weighted.users += 1;
  weighted.recent += Number(isRecent);
}
