/**
 * The ledger: where every user stands at every target. Each move is one statement: it locks the row, follows the
 * table of transitions, writes the row, the outbox and the audit record, all or nothing.
 */
import { FootbridgeError } from '../errors.ts';
import { auditEachPart, auditPart } from '../store/audit-log.ts';
import type { Queryable } from '../store/db.ts';
import { sqlStateOf, statement, UNIQUE_VIOLATION } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import { BLOCKED_OF } from './blocked-rewrites.ts';
import { CAPTURED_OF } from './captured-passwords.ts';
import { endParts } from './ledger-ends.ts';
import type { LedgerRow, Move, MoveValue } from './ledger-row.ts';
import { LEDGER_COLUMNS as COLUMNS, fillIn, MOVE_VALUES, WRITES } from './ledger-row.ts';
import type { Column } from './ledger-ways.ts';
import { columnOf, list, setFor, waysOf } from './ledger-ways.ts';
import type { Event, State } from './states.ts';
import { EVENTS, hasTargetUser, nextState, STATES, statesBefore } from './states.ts';

export type { LedgerRow, Move, PasswordOutcome } from './ledger-row.ts';

interface MoveText {
  readonly text: string;
  readonly gate: 'and' | 'where';
  /** What it takes from $3 on. */
  readonly names: readonly MoveValue[];
}

/** The statement that makes one event happen, generated from the table of transitions. */
function moveText(event: Event): MoveText {
  const names: MoveValue[] = [];
  const parameter = (name: MoveValue) => {
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 3}::${MOVE_VALUES[name]}`;
  };
  const writes = Object.entries(WRITES[event]);
  const columns = writes.map(([column, text]) => [column, fillIn(text, parameter)] as const);
  const from = statesBefore(event);
  const set = setFor(waysOf([event]), columns);
  const first = nextState('legacy', event);
  if (!first) {
    const text = `update ledger l set ${set} where target = $1::text and sub = $2::text and l.state in (${list(from)})`;
    return { text, gate: 'and', names };
  }
  // Nobody is in the ledger before something happens to them: no row means `legacy`.
  const into = ['target', 'sub', 'state', 'from_state', ...columns.map(([column]) => column)];
  const values = ['$1::text', '$2::text', `'${first}'`, `'legacy'`, ...columns.map(([, text]) => text)];
  const text = `insert into ledger as l (${into.join(', ')}) select ${values.join(', ')} %gate%
    on conflict (target, sub) do update set ${set} where l.state in (${list(from)})`;
  return { text, gate: 'where', names };
}

const MOVES = Object.fromEntries(EVENTS.map((event) => [event, moveText(event)])) as Record<Event, MoveText>;

/**
 * The move as parts of a larger statement. `ledger_row` has the row (and `from_state`) if the event was legal and is
 * empty otherwise; nothing then was written. With `after`, the name of an earlier part, only if that part returned a row.
 */
export function moveParts(move: Move, after?: string): Part[] {
  const { event, target, sub, actor, subject, detail } = move;
  const { text, gate, names } = MOVES[event];
  const condition = after ? `${gate} exists (select from ${after})` : '';
  const gated = text.includes('%gate%') ? text.replace('%gate%', condition) : `${text} ${condition}`;
  return [
    {
      name: 'ledger_row',
      text: `${gated} returning ${COLUMNS}, from_state`,
      values: [target, sub, ...names.map((name) => move[name] ?? null)],
    },
    { name: 'ledger_moved', text: 'select * from ledger_row where from_state <> state', values: [] },
    {
      name: 'ledger_told',
      text: `insert into ledger_outbox (target, sub, event, from_state, to_state, version)
        select target, sub, $1::text, from_state, state, version from ledger_moved`,
      values: [event],
    },
    ...endParts([event], 'ledger_moved'),
    auditPart({ actor, action: `ledger.${event}`, subject, detail: { target, ...detail } }, 'ledger_moved'),
  ];
}

export interface EachMove {
  readonly target: string;
  readonly actor: string;
  /** One after the other, in one go; `enqueue` is left out where somebody is beyond it. */
  readonly events: readonly Event[];
  /** Of the audit record. */
  readonly action: string;
}

/**
 * The same for many people at once: for each row of the earlier part `after`, which has the columns sub, subject, detail,
 * and those of the events' values. `ledger_row` has target, sub, from_state, state and version of those who were moved.
 */
export function moveEachParts({ target, actor, events, action }: EachMove, after: string): Part[] {
  const ways = waysOf(events);
  const written = Object.assign({}, ...events.map((event) => WRITES[event])) as Record<string, string>;
  const columns = Object.entries(written).map(
    ([column, text]): Column => [column, fillIn(text, (name) => `m.${columnOf(name)}`)],
  );
  const answer = 'l.target, l.sub, l.from_state, l.state, l.version';
  const first = ways.get('legacy');
  const into = ['target', 'sub', 'state', 'from_state', 'version', ...columns.map(([column]) => column)];
  // Only the index on `sub` fits: with few rows or none the planner would rather look at everybody of the target.
  const keyed = (row: string) =>
    `${row}.sub = any(array(select sub from ${after})) and ${row}.target || '' = $1::text`;
  const fresh = `insert into ledger as l (${into.join(', ')})
    select $1::text, m.sub, '${first?.to}', 'legacy', ${first?.moves}${columns.map(([, text]) => `, ${text}`).join('')}
    from ${after} m cross join (select null::text as released_of) l
    where not exists (select from ledger k where ${keyed('k')} and k.sub = m.sub)
    on conflict (target, sub) do nothing returning ${answer}`;
  const moved = `update ledger l set ${setFor(ways, columns)} from ${after} m
    where ${keyed('l')} and l.sub = m.sub and l.state in (${list([...ways.keys()])}) returning ${answer}`;
  const both = `select * from ledger_known${first ? ' union all select * from ledger_fresh' : ''}`;
  return [
    ...(first ? [{ name: 'ledger_fresh', text: fresh, values: [target] }] : []),
    { name: 'ledger_known', text: moved, values: [target] },
    { name: 'ledger_row', text: both, values: [] },
    {
      name: 'ledger_told',
      text: `insert into ledger_outbox (target, sub, event, from_state, to_state, version)
        select target, sub, $1::text, from_state, state, version from ledger_row where from_state <> state`,
      values: [events.at(-1)],
    },
    ...endParts(events, 'ledger_row'),
    {
      name: 'ledger_heard',
      text: `select m.subject, m.detail from ledger_row join ${after} m using (sub)`,
      values: [],
    },
    auditEachPart({ actor, action }, 'ledger_heard'),
  ];
}

/** A part named `ledger_standings` with the columns of a `LedgerRow` for the users of an earlier part that have a row. */
export const standingsPart = (target: string, after: string): Part => ({
  name: 'ledger_standings',
  text: `select ${COLUMNS} from ledger where target = $1::text and sub = any(array(select sub from ${after}))`,
  values: [target],
});

export interface Proof {
  readonly target: string;
  readonly sub: string;
  readonly legacyId: string;
  readonly amr: readonly string[];
  /** The audit log's pseudonym of `sub`. */
  readonly subject: Buffer;
}

/**
 * A password was proved at our login page: for the statement that stores the login. The first proof makes the user
 * `authenticated`; later ones only renew `proved_at`; whoever is excluded, deleted or cut over is left alone.
 */
export function proveParts(proof: Proof): Part[] {
  return moveParts({ ...proof, event: 'prove', actor: 'user', detail: { amr: proof.amr } });
}

/**
 * A part named `ledger_state`: one row with target, state (null for a user without a row), captured and blocked, which
 * `carry` wants to know.
 */
export function statePart(target: string, sub: string): Part {
  return {
    name: 'ledger_state',
    text: `select $1::text as target, (select state from ledger where target = $1::text and sub = $2::text) as state,
      ${CAPTURED_OF} as captured, ${BLOCKED_OF} as blocked`,
    values: [target, sub],
  };
}

/** A part named `ledger_found` with the columns of a `LedgerRow`; empty for a user without a row. */
export function findPart(target: string, sub: string): Part {
  return {
    name: 'ledger_found',
    text: `select ${COLUMNS} from ledger where target = $1::text and sub = $2::text`,
    values: [target, sub],
  };
}

/**
 * Moves one user. Throws illegal_transition, already_linked (the target user belongs to somebody else),
 * storage_unavailable.
 */
export async function move(q: Queryable, input: Move): Promise<LedgerRow> {
  if (input.event === 'create' && !input.targetUserId)
    throw new FootbridgeError('bad_request', { detail: 'no targetUserId' });
  try {
    const [row] = await q.runParts<LedgerRow & { from_state?: State }>(
      moveParts(input),
      'select * from ledger_row',
    );
    if (row) return withoutOrigin(row);
  } catch (error) {
    if (sqlStateOf(error) === UNIQUE_VIOLATION) throw new FootbridgeError('already_linked', { cause: error });
    throw error;
  }
  const row = await find(q, input.target, input.sub);
  throw new FootbridgeError('illegal_transition', {
    detail: `${input.event} from ${row?.state ?? 'legacy'}`,
  });
}

function withoutOrigin({ from_state: _, ...row }: LedgerRow & { from_state?: State }): LedgerRow {
  return row;
}

const FIND = statement(`select ${COLUMNS} from ledger where target = $1 and sub = $2`);
export async function find(q: Queryable, target: string, sub: string): Promise<LedgerRow | undefined> {
  const [row] = await q.run<LedgerRow>(FIND, [target, sub]);
  return row;
}

const BY_TARGET_USERS = statement(
  `select ${COLUMNS} from ledger where target = $1 and target_user_id = any($2::text[])`,
);
/** Whoever are linked to these users of the target, or were before going back. */
export const findByTargetUsers = (q: Queryable, target: string, ids: readonly string[]) =>
  q.run<LedgerRow>(BY_TARGET_USERS, [target, ids]);

/** A part named `ledger_owned`: a row if this target user is this person's at this moment, and until the statement's end. */
export function ownedPart(target: string, sub: string, targetUserId: string): Part {
  const there = STATES.filter(hasTargetUser).map((state) => `'${state}'`);
  return {
    name: 'ledger_owned',
    text: `select from ledger where target = $1::text and sub = $2::text and target_user_id = $3::text
      and state in (${there.join(', ')}) for update`,
    values: [target, sub, targetUserId],
  };
}

/** A part named `ending_accounts (target, sub)`: where the people of the earlier part `ending_people (sub)` have a user. */
export const endingAccountsPart = (): Part => ({
  name: 'ending_accounts',
  text: `select target, sub from ledger where sub = any(array(select sub from ending_people))
    and target_user_id is not null and state in (${list(STATES.filter(hasTargetUser))})`,
  values: [],
});

/** Whoever is linked to this user of the target, or was before going back. */
export async function findByTargetUser(
  q: Queryable,
  target: string,
  targetUserId: string,
): Promise<LedgerRow | undefined> {
  return (await findByTargetUsers(q, target, [targetUserId]))[0];
}

const STATES_OF = statement(`select ${COLUMNS} from ledger where sub = $1 order by target`);
/** Where one user stands at every target that knows them. */
export const states = (q: Queryable, sub: string): Promise<LedgerRow[]> => q.run<LedgerRow>(STATES_OF, [sub]);

const STATES_AT = statement('select sub, state from ledger where target = $1 and sub = any($2::text[])');
/** Where these users stand at one target; those without a row are `legacy` and left out. */
export async function statesAt(
  q: Queryable,
  target: string,
  subs: readonly string[],
): Promise<ReadonlyMap<string, State>> {
  const rows = await q.run<{ sub: string; state: State }>(STATES_AT, [target, subs]);
  return new Map(rows.map(({ sub, state }) => [sub, state]));
}

const PAGE = statement(`select ${COLUMNS} from ledger where target = $1 and sub > $2 order by sub limit $3`);
/** All users in the ledger of one target in the order of their subjects, after this one. */
export function ledgerPage(q: Queryable, target: string, after: string, limit: number): Promise<LedgerRow[]> {
  return q.run<LedgerRow>(PAGE, [target, after, limit]);
}

const OF = statement(`select ${COLUMNS} from ledger where target = $1 and sub = any($2::text[])`);
export const ledgerOf = (q: Queryable, target: string, subs: readonly string[]): Promise<LedgerRow[]> =>
  q.run<LedgerRow>(OF, [target, subs]);

const COUNTS = statement(
  'select target, state, count(*)::int as users from ledger group by target, state order by target, state',
);

export interface StateCount {
  readonly target: string;
  readonly state: State;
  readonly users: number;
}

/** How many users stand where; `legacy` counts only those who came back. */
export const counts = (q: Queryable): Promise<StateCount[]> => q.run<StateCount>(COUNTS);

/** A part named `ledger_people (sub, state, created_at)`: whoever has a row at this target, for figures about many. */
export const peoplePart = (target: string): Part => ({
  name: 'ledger_people',
  text: 'select sub, state, created_at from ledger where target = $1::text',
  values: [target],
});

/** Whoever reads the outbox has a week of outage before reconciliation has to find what it missed. */
export const SWEEP_OUTBOX = statement(`with gone as (delete from ledger_outbox where id in (
    select id from ledger_outbox where at < now() - interval '7 days' limit $1) returning 1)
  select count(*)::int as gone from gone`);
