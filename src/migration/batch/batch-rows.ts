/** Batches and how many of each are where, in our database. */
import { isDeepStrictEqual } from 'node:util';
import { FootbridgeError } from '../../errors.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { Batch, BatchCounts, BatchNote, BatchPace, BatchState, BatchStatus } from './batch.ts';
import { OUTCOMES } from './batch.ts';
import { countCodes, dropUsers, firstWaiting, listUsers, membersPart, replayPart } from './batch-users.ts';
import type { Batches, NewBatch } from './batches.ts';
import { heldByPhase } from './phase-hold.ts';

const COLUMNS = `id, target, state, plan, report, size, per_second as "perSecond", workers, note, actor,
  planned_at as "plannedAt", started_at as "startedAt", finished_at as "finishedAt"`;
const BEGIN = statement(`insert into batches (id, target, state, plan, size, per_second, workers, actor)
  values ($1, $2, 'planning', $3, $4, $5, $6, $7) on conflict (id) do nothing`);
const FIND = statement(`select ${COLUMNS}, planned_after as "after" from batches where id = $1`);
const LIST = statement(`select ${COLUMNS} from batches order by planned_at desc, id limit 1000`);
const COUNTS = statement(
  'select batch, outcome, sum(users)::int as users from batch_counts where $1::text is null or batch = $1 group by 1, 2',
);
const PLANNED = `state = 'planned', report = $2`;
const DROP_COUNTS = statement('delete from batch_counts where batch = $1');
const DROP = statement('delete from batches where id = $1');

/** A part named `batch_moved`: a row where the batch was in one of these states and is now as `set` says. */
const movePart = (id: string, from: readonly BatchState[], { set, values = [] }: Change): Part => ({
  name: 'batch_moved',
  text: `update batches set ${set} where id = $1::text and state in (${from.map((state) => `'${state}'`).join(', ')})
    returning ${COLUMNS}`,
  values: [id, ...values],
});

interface Change {
  readonly set: string;
  readonly values?: readonly unknown[];
}

/** Adds what the earlier part `after` (outcome) has to what this worker has counted. */
export const countPart = (batch: string, worker: string, after: string): Part => ({
  name: 'batch_counted',
  text: `insert into batch_counts as c (batch, worker, outcome, users)
    select $1::text, $2::text, outcome, count(*) from ${after} group by outcome
    on conflict (batch, worker, outcome) do update set users = c.users + excluded.users`,
  values: [batch, worker],
});

/** The same, taken away: they wait again. */
const uncountPart = (batch: string, after: string): Part => ({
  name: 'batch_uncounted',
  text: `insert into batch_counts as c (batch, worker, outcome, users)
    select $1::text, 'replay', outcome, -count(*) from ${after} group by outcome
    on conflict (batch, worker, outcome) do update set users = c.users + excluded.users`,
  values: [batch],
});

export function openBatches(db: Db): Batches {
  return {
    begin: (batch) => begin(db, batch),
    add: async (id, members, after) => {
      const set = 'planned_after = $2::text';
      const parts = [
        movePart(id, ['planning'], { set, values: [after] }),
        membersPart(id, members),
        { name: 'members_counted', text: `select 'users' as outcome from members_added`, values: [] },
        countPart(id, 'plan', 'members_counted'),
      ];
      const [moved] = await db.runParts(parts, 'select 1 from batch_moved');
      if (!moved) await refuse(db, id);
    },
    planned: async (id, report) => {
      await change(db, id, ['planning'], { set: PLANNED, values: [JSON.stringify(report)] });
    },
    list: async () => {
      const batches = await db.run<Batch>(LIST);
      const counts = await countsOf(db);
      return batches.map((batch) => ({ ...batch, counts: counts(batch.id) }));
    },
    status: (id) => status(db, id),
    start: (id) => start(db, id),
    pause: (id, note) => pause(db, id, note),
    tune: (id, pace) => tune(db, id, pace),
    users: async (id, filter) => listUsers(db, (await find(db, id)).id, filter),
    codes: async (id) => countCodes(db, (await find(db, id)).id),
    replay: (id, which) => replay(db, id, which),
    drop: (id) => drop(db, id),
  };
}

async function start(db: Db, id: string): Promise<Batch> {
  const held = await heldByPhase(db, await find(db, id));
  if (held !== undefined) throw new FootbridgeError('phase_state', { detail: held });
  return change(db, id, ['planned', 'paused', 'running'], {
    set: `state = 'running', note = null, started_at = coalesce(started_at, now()), finished_at = null`,
  });
}

/** A page at a time: a million dead letters are more than one statement may take. */
async function replay(db: Db, id: string, which: { readonly code?: string; readonly sub?: string }) {
  const set = `state = case when state = 'done' then 'running' else state end, finished_at = null`;
  for (let total = 0; ; ) {
    const [told] = await db.runParts<{ moved: boolean; users: number }>(
      [
        movePart(id, ['running', 'paused', 'done'], { set }),
        replayPart(id, which),
        uncountPart(id, 'replayed'),
      ],
      'select exists (select from batch_moved) as moved, (select count(*)::int from replayed) as users',
    );
    if (!told?.moved) await refuse(db, id);
    total += told?.users ?? 0;
    if (!told?.users) return total;
  }
}

async function begin(db: Db, batch: NewBatch) {
  const { id, target, plan, size, perSecond, workers, actor } = batch;
  await db.run(BEGIN, [id, target, JSON.stringify(plan), size, perSecond, workers, actor]);
  const known = await find(db, id);
  const isSame = known.target === target && isDeepStrictEqual(known.plan, JSON.parse(JSON.stringify(plan)));
  if (known.state !== 'planning' || !isSame) throw new FootbridgeError('batch_exists', { detail: id });
  const { users } = (await countsOf(db, id))(id);
  return { after: known.after, members: users };
}

async function find(q: Queryable, id: string): Promise<Batch & { readonly after: string }> {
  const [batch] = await q.run<Batch & { after: string }>(FIND, [id]);
  if (batch) return batch;
  throw new FootbridgeError('batch_not_found', { detail: id });
}

export async function findBatch(q: Queryable, id: string): Promise<Batch> {
  const { after: _, ...batch } = await find(q, id);
  return batch;
}

async function status(db: Db, id: string): Promise<BatchStatus> {
  const batch = await findBatch(db, id);
  return { ...batch, counts: (await countsOf(db, id))(id) };
}

async function countsOf(q: Queryable, id?: string): Promise<(id: string) => BatchCounts> {
  const rows = await q.run<{ batch: string; outcome: string; users: number }>(COUNTS, [id ?? null]);
  return (batch) => {
    const of = (wanted: string) =>
      rows.find((row) => row.batch === batch && row.outcome === wanted)?.users ?? 0;
    const outcomes = Object.fromEntries(OUTCOMES.map((name) => [name, of(name)])) as Pick<
      BatchCounts,
      (typeof OUTCOMES)[number]
    >;
    const done = Object.values(outcomes).reduce((sum, users) => sum + users, 0);
    return { ...outcomes, users: of('users'), waiting: of('users') - done };
  };
}

async function change(q: Queryable, id: string, from: readonly BatchState[], to: Change): Promise<Batch> {
  const [moved] = await q.runParts<Batch>([movePart(id, from, to)], 'select * from batch_moved');
  return moved ?? refuse(q, id);
}

/** Throws batch_not_found, or says in which state it is. */
async function refuse(q: Queryable, id: string): Promise<never> {
  const { state } = await find(q, id);
  throw new FootbridgeError('batch_state', { detail: `${id} is ${state}.` });
}

/** The engine does so too, when too many fail. */
export const pause = (q: Queryable, id: string, note: BatchNote): Promise<Batch> =>
  change(q, id, ['running'], { set: `state = 'paused', note = $2::jsonb`, values: [JSON.stringify(note)] });

function tune(db: Db, id: string, { size, perSecond, workers }: Partial<BatchPace>): Promise<Batch> {
  return change(db, id, ['planning', 'planned', 'running', 'paused'], {
    set: `size = coalesce($2::int, size), workers = coalesce($3::int, workers),
      per_second = case when $4::boolean then $5::int else per_second end`,
    values: [size ?? null, workers ?? null, perSecond !== undefined, perSecond ?? null],
  });
}

function drop(db: Db, id: string): Promise<void> {
  return db.transaction(async (tx) => {
    // Whoever plans it still waits for this, and then finds nothing to add to.
    const [mine] = await tx.run(LOCK, [id, ['planning', 'planned']]);
    if (!mine) return refuse(tx, id);
    await dropUsers(tx, id);
    await tx.run(DROP_COUNTS, [id]);
    await tx.run(DROP, [id]);
  });
}

const RUNNING = statement(`select ${COLUMNS} from batches where state = 'running' order by started_at, id`);
export const runningBatches = (q: Queryable) => q.run<Batch>(RUNNING);

const NOTE = statement(
  `update batches set note = $2 where id = $1 and state = 'running' and note is distinct from $2`,
);
/** Why it is slow; null: it is not. */
export async function noteBatch(q: Queryable, id: string, note: BatchNote | null): Promise<void> {
  await q.run(NOTE, [id, note === null ? null : JSON.stringify(note)]);
}

const LOCK = statement(`select 1 from batches where id = $1 and state = any($2::text[]) for update`);
const FINISH = statement(`update batches set state = 'done', note = null, finished_at = now() where id = $1`);
/** Unless somebody waits again, as after a replay. */
export function finishBatch(db: Db, id: string): Promise<void> {
  return db.transaction(async (tx) => {
    const [mine] = await tx.run(LOCK, [id, ['running']]);
    if (mine && !(await firstWaiting(tx, id))) await tx.run(FINISH, [id]);
  });
}

/** So much of the time that nobody was sent may be made up for at once. */
const BURST_SECONDS = 1;
/** All that were wanted or none, so that calls keep their size; a clock that was set back takes nothing away. */
const TAKE = statement(`update batches b set refilled_at = now(), tokens = t.tokens - t.users from (
    select id, tokens, wanted, per_second, case when tokens >= wanted then wanted else 0 end as users from (
      select id, per_second, least($2::int, greatest(1, per_second * ${BURST_SECONDS}))::int as wanted,
        least(per_second * ${BURST_SECONDS}::float8, greatest(0, tokens)
          + greatest(0, extract(epoch from now() - refilled_at)) * per_second) as tokens
      from batches where id = $1 and per_second is not null for update) f) t
  where b.id = t.id
  returning t.users, ((t.wanted - t.tokens) / t.per_second)::float8 as "waitSeconds"`);

export interface Granted {
  readonly users: number;
  /** Where nobody may be sent yet. */
  readonly waitSeconds: number;
}

/** How many may be sent now, of a batch with a limit of its own. */
export async function takeTokens(q: Queryable, id: string, wanted: number): Promise<Granted> {
  const [taken] = await q.run<Granted>(TAKE, [id, wanted]);
  return taken ?? { users: 0, waitSeconds: 1 };
}

const GIVE = statement('update batches set tokens = tokens + $2 where id = $1');
/** What was taken and not used. */
export const giveTokens = async (q: Queryable, id: string, users: number): Promise<void> => {
  if (users > 0) await q.run(GIVE, [id, users]);
};

/**
 * `paused` or `done` → `undoing`, with this note. One that is being undone keeps the note that it has, unless that one says
 * (by the code `over`) that its undoing has ended. Throws batch_state.
 */
export const beginUndo = (q: Queryable, id: string, note: BatchNote, over: string): Promise<Batch> =>
  change(q, id, ['paused', 'done', 'undoing'], {
    set: `state = 'undoing', note = case when state = 'undoing' and note->>'code' <> $3::text then note else $2::jsonb end`,
    values: [JSON.stringify(note), over],
  });

/** A part that adds to the note of a batch that is being undone. */
export const noteUndoPart = (id: string, more: object): Part => ({
  name: 'undo_noted',
  text: `update batches set note = (note - 'until') || $2::jsonb
    where id = $1::text and state = 'undoing' and not note @> $2::jsonb returning 1`,
  values: [id, JSON.stringify(more)],
});

const END_UNDO =
  statement(`update batches set state = $2::text, note = $3, finished_at = case when $2::text = 'undone' then now() else finished_at end
  where id = $1 and state = 'undoing' returning 1`);
/** Nobody is left to be taken back. */
export async function endUndo(
  q: Queryable,
  id: string,
  { state, note }: { readonly state: BatchState; readonly note: BatchNote | null },
): Promise<void> {
  await q.run(END_UNDO, [id, state, note === null ? null : JSON.stringify(note)]);
}
