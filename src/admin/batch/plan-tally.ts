/** What a plan has counted: plain JSON of bounded size, whatever the number of people. */
import type { LoginAges } from '../../migration/batch/forecast.ts';
import { noAges } from '../../migration/batch/forecast.ts';
import type { Cases, Tally } from '../survey/tally.ts';
import { emptyTally } from '../survey/tally.ts';

/** Why somebody whom the store has is not in the batch. */
export const LEFT_OUT = {
  not_asked: 'Not asked for: the filters do not fit them.',
  disabled: 'Disabled in the legacy store.',
  locked: 'Locked in the legacy store.',
  not_in_store: 'Listed, and not in the legacy store.',
  cannot_be_mapped: 'Cannot be mapped to a user: nobody of these can log in here either.',
  there: 'At the target already.',
  incomplete:
    'At the target already, without something: completed at their next login, or by footbridge user move.',
  excluded: 'Excluded from the migration.',
  deleted: 'Forgotten: somebody who comes with this id again is somebody else.',
  beyond_limit: 'Beyond the limit that was asked for.',
} as const;
export type LeftOut = keyof typeof LEFT_OUT;

/** What people have besides a password. */
export const BELONGINGS = ['totp', 'passkeys', 'recoveryCodes', 'links', 'grants'] as const;
export type Belonging = (typeof BELONGINGS)[number];

export interface Carried {
  /** People who have it in the legacy store. */
  people: number;
  /** Those of them with whom all or some of it goes. */
  go: number;
}

export interface PlanTally {
  read: number;
  readonly leftOut: Partial<Record<LeftOut, Cases>>;
  readonly unmappable: Record<string, Cases>;
  /** Of those selected, with one target. */
  readonly people: Tally;
  /** By last login. */
  readonly ages: LoginAges;
  /** Whom the target will never take as they are, by code. */
  readonly refused: Record<string, Cases>;
  /** What the target cannot be given: `totp: totp_not_supported`. */
  readonly missing: Record<string, Cases>;
  readonly belongings: Record<Belonging, Carried>;
  /** Whose password would go, and stays because their second factor cannot. */
  withheld: number;
  /** Whose password was caught at a login here already, and goes along. */
  caught: number;
  /** Whose password is caught at their next login here. */
  readonly atLogin: LoginAges;
  /** Who has to choose a new one. */
  readonly reset: LoginAges;
}

export function emptyPlanTally(target: string): PlanTally {
  return {
    read: 0,
    leftOut: {},
    unmappable: {},
    people: emptyTally([target]),
    ages: noAges(),
    refused: {},
    missing: {},
    belongings: Object.fromEntries(
      BELONGINGS.map((what) => [what, { people: 0, go: 0 }]),
    ) as PlanTally['belongings'],
    withheld: 0,
    caught: 0,
    atLogin: noAges(),
    reset: noAges(),
  };
}
