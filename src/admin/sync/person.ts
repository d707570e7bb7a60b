/** What is known of one person who is kept equal: words and moments, never a value. */
import type { LedgerRow } from '../../migration/ledger.ts';
import { find } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { PasswordState } from '../../sync/passwords/password-states.ts';
import { passwordStateOf } from '../../sync/passwords/password-states.ts';
import type { Conflict } from '../../sync/people/conflicts.ts';
import { listConflicts } from '../../sync/people/conflicts.ts';
import type { Side } from '../../sync/people/deciding.ts';
import type { SyncField } from '../../sync/people/fields.ts';
import { SYNC_FIELDS } from '../../sync/people/fields.ts';
import { authorityOf } from '../../sync/people/looking.ts';
import type { PersonState } from '../../sync/people/states.ts';
import { statesOf } from '../../sync/people/states.ts';
import type { DeadLetter } from '../../sync/queue/change-queue.ts';
import type { PairSettings } from '../../sync/sync-settings.ts';
import { minute } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import { syncOf } from './sync-desk.ts';

export type ShownConflict = Omit<Conflict, 'values'>;

/** Without what was opened of it. */
export const shownConflict = ({ values: _, ...conflict }: Conflict): ShownConflict => conflict;

export interface SyncedField {
  readonly field: SyncField | 'password';
  /** Whose word counts for this person now. */
  readonly leads: string;
  /** Both sides were equal in it, as far as we know. */
  readonly isKnown: boolean;
  /** Written by us, and not known to have arrived: at these sides. */
  readonly intended: readonly Side[];
  /** A side does not keep it, however often it is written; ISO 8601. */
  readonly refusedUntil: string | null;
}

export interface SyncedPerson {
  readonly target: string;
  readonly sub: string;
  /** Of the ledger; null: it knows nobody. */
  readonly standing: Pick<LedgerRow, 'state' | 'targetUserId'> | null;
  readonly isAtTarget: boolean;
  /** Null: nobody has looked at them yet. */
  readonly looked: Pick<PersonState, 'version' | 'readAt' | 'wroteAt' | 'goneSince'> | null;
  readonly fields: readonly SyncedField[];
  readonly password: Pick<PasswordState, 'state' | 'since' | 'problem'> | null;
  readonly openConflicts: number;
  /** Newest first. */
  readonly conflicts: readonly ShownConflict[];
}

const SHOWN = 20;

/** Throws storage_unavailable. */
export async function personAt(
  { db, keyring }: Desk,
  pair: PairSettings,
  sub: string,
): Promise<SyncedPerson> {
  const { target } = pair;
  const [row, states, password, conflicts] = await Promise.all([
    find(db, target, sub),
    statesOf(db, target, [sub]),
    passwordStateOf(db, { target, sub }),
    listConflicts(db, keyring, { target, sub, onlyOpen: false, limit: SHOWN }),
  ]);
  const state = states.get(sub);
  const authority = authorityOf(pair, row ?? { state: 'legacy' });
  return {
    target,
    sub,
    standing: row ? { state: row.state, targetUserId: row.targetUserId } : null,
    isAtTarget: row !== undefined && hasTargetUser(row.state),
    looked: state
      ? { version: state.version, readAt: state.readAt, wroteAt: state.wroteAt, goneSince: state.goneSince }
      : null,
    fields: [
      ...SYNC_FIELDS.map((field) => fieldOf(field, authority(field), state)),
      {
        field: 'password',
        leads: authority('password'),
        isKnown: password?.state === 'equal',
        intended: [],
        refusedUntil: null,
      },
    ],
    password: password ? { state: password.state, since: password.since, problem: password.problem } : null,
    openConflicts: conflicts.filter(({ decided }) => decided === null).length,
    conflicts: conflicts.map(shownConflict),
  };
}

function fieldOf(field: SyncField, leads: string, state: PersonState | undefined): SyncedField {
  const refused = state?.refused[field];
  const intended = (['legacy', 'target'] as const).filter(
    (side) => state?.intended?.[side]?.[field] !== undefined,
  );
  return {
    field,
    leads,
    isKnown: state?.fields[field] !== undefined,
    intended,
    refusedUntil: refused ? new Date(refused.untilMs).toISOString() : null,
  };
}

/** Looked for among the newest; undefined: none was found there. */
const LETTERS = 10_000;
export async function letterOf(desk: Desk, target: string, sub: string): Promise<DeadLetter | undefined> {
  const letters = await syncOf(desk).queue.dead({ target, limit: LETTERS });
  return letters.find(({ person }) => person === sub);
}

/** For `user show`: nothing of a target at which they are not, and where nothing was ever looked at. */
export async function syncOfPerson(desk: Desk, sub: string): Promise<SyncedPerson[]> {
  const found: SyncedPerson[] = [];
  for (const pair of desk.sync?.settings.pairs ?? []) {
    const one = await personAt(desk, pair, sub);
    if (one.isAtTarget || one.looked || one.conflicts.length > 0) found.push(one);
  }
  return found;
}

const PASSWORD = {
  equal: 'the password is the same',
  'at-target': 'the password at the target is newer',
  waits: 'the newer legacy password waits',
} as const;

export const passwordWords = (password: NonNullable<SyncedPerson['password']>): string =>
  `${PASSWORD[password.state]} since ${minute(password.since)} UTC${password.problem ? ` (${password.problem})` : ''}`;

/** One line for each target. */
export const syncedLines = (found: readonly SyncedPerson[]): string[] =>
  found.map(({ target, looked, fields, password, openConflicts, sub }) => {
    const known = fields.filter(({ isKnown, field }) => isKnown && field !== 'password').length;
    const words = [
      looked ? `${known} fields known to be equal` : 'not compared yet',
      ...(looked?.goneSince ? [`gone at one side since ${minute(looked.goneSince)} UTC`] : []),
      ...(password && password.state !== 'equal' ? [passwordWords(password)] : []),
      ...(openConflicts > 0
        ? [`${openConflicts} conflicts to be decided (sync conflicts --user ${sub})`]
        : []),
    ];
    return `  sync       with ${target}: ${words.join('; ')}`;
  });
