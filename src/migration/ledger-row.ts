/** A row of the ledger, and what each event writes into it besides the state. */
import type { Json } from '../store/audit-log.ts';
import type { Event, State } from './states.ts';

export interface LedgerRow {
  readonly target: string;
  readonly sub: string;
  readonly legacyId: string | null;
  readonly state: State;
  /** Counts the moves. */
  readonly version: number;
  /** Outlives going back to `legacy`, because the user at the target does. */
  readonly targetUserId: string | null;
  readonly provedAt: Date | null;
  /** RFC 8176 values of the last proof. */
  readonly amr: readonly string[] | null;
  readonly releasedAt: Date | null;
  readonly createdAt: Date | null;
  readonly migratedAt: Date | null;
  readonly stateChangedAt: Date;
  /** What became of the password when the secrets were released. */
  readonly password: PasswordOutcome | null;
  /** The fingerprint of the legacy password that was pushed first; `changed` when it was another one later. */
  readonly releasedOf: string | null;
  /** Whether we made the target user; null where the target made it or had it before, as far as we know. */
  readonly made: boolean | null;
  /** How often we removed what we had made there. */
  readonly removals: number;
}

/** `carried`: the stored hash, rewritten; `rehashed`: recovered and hashed; `captured`: hashed at a login. */
export type PasswordOutcome = 'carried' | 'rehashed' | 'captured' | 'reset' | 'none';

export interface Move {
  readonly target: string;
  readonly sub: string;
  readonly event: Event;
  /** Who moves the user, as the audit log names them: `user`, `client:<id>`, `operator:<name>`. */
  readonly actor: string;
  /** The audit log's pseudonym of `sub`. */
  readonly subject: Buffer;
  /** With `prove` and `enqueue`. */
  readonly legacyId?: string;
  /** With `prove`. */
  readonly amr?: readonly string[];
  /** With `create`, which needs it. */
  readonly targetUserId?: string;
  /** With `create`: whether it was us who made it. */
  readonly made?: boolean;
  /** With `release`. */
  readonly password?: PasswordOutcome;
  /** With `release`, where we push: the fingerprint of the legacy password. */
  readonly releasedOf?: string;
  /** With `revert`: we removed the target user, whose id will not be given again. */
  readonly removed?: boolean;
  /** With `revert`: we took the link away, so the target user is nobody's from our side. */
  readonly unlinked?: boolean;
  /** For the audit record; no secrets. */
  readonly detail?: Readonly<Record<string, Json>>;
}

/** Of a row in an answer. */
export const LEDGER_COLUMNS = `target, sub, legacy_id as "legacyId", state, version, target_user_id as "targetUserId",
  proved_at as "provedAt", amr, released_at as "releasedAt", created_at as "createdAt",
  migrated_at as "migratedAt", state_changed_at as "stateChangedAt", password, made, removals,
  released_of as "releasedOf"`;

/** What a move may bring along, and its type in SQL. */
export const MOVE_VALUES = {
  legacyId: 'text',
  amr: 'text[]',
  password: 'text',
  releasedOf: 'text',
  targetUserId: 'text',
  made: 'boolean',
  removed: 'boolean',
  unlinked: 'boolean',
} as const satisfies Partial<Record<keyof Move, string>>;
export type MoveValue = keyof typeof MOVE_VALUES;

/** What an event writes besides the state: column → expression, in which `{name}` is a value of the move and `l` the row. */
export const WRITES: Readonly<Record<Event, Readonly<Record<string, string>>>> = {
  prove: { proved_at: 'now()', legacy_id: '{legacyId}', amr: '{amr}' },
  enqueue: { legacy_id: '{legacyId}' },
  release: {
    released_at: 'now()',
    password: '{password}',
    released_of: `case when {releasedOf} is null or l.released_of = {releasedOf} then l.released_of
        when l.released_of is null then {releasedOf} else 'changed' end`,
  },
  create: { created_at: 'now()', target_user_id: '{targetUserId}', made: '{made}' },
  confirm: { migrated_at: 'now()' },
  revert: {
    proved_at: 'null',
    amr: 'null',
    released_at: 'null',
    created_at: 'null',
    migrated_at: 'null',
    password: 'null',
    released_of: 'null',
    removals: 'l.removals + coalesce({removed}, false)::int',
    target_user_id: 'case when {unlinked} then null else l.target_user_id end',
  },
  'cut-over': {},
  retire: {},
  exclude: {},
  fail: {},
  delete: {},
};

/** Fills in the values' names; the names that were there, in the order of their first use. */
export function fillIn(expression: string, value: (name: MoveValue) => string): string {
  return expression.replace(/\{(\w+)\}/g, (_, name: MoveValue) => value(name));
}
