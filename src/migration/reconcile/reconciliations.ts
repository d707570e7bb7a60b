/** Reconciliations in our database: how far each has come, so that one that was killed goes on, and what it reported. */
import { randomUUID } from 'node:crypto';
import { FootbridgeError } from '../../errors.ts';
import type { Db, Queryable, Statement } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import { CLEAR_DIFFERENCES } from './differences.ts';
import type { ComparedField } from './marks.ts';
import type { Leads } from './repair-kinds.ts';
import type { ReconciliationReport } from './report.ts';
import type { Tally } from './tally.ts';
import { EMPTY_TALLY } from './tally.ts';
import { CLEAR_TARGET_SIDE } from './target-side.ts';

/** One after the other: the target is read; the legacy store or the batch; who is in the ledger only; who is at the target only. */
export type Phase = 'target' | 'legacy' | 'ledger' | 'rest';

/**
 * How the target is read: all of its users; whom the ledger knows there, where it cannot list its users; or the people of a
 * small batch.
 */
export type Coverage = 'all-users' | 'ledger' | 'members';

export interface Position {
  readonly phase: Phase;
  /** Where the next page of the phase begins; null: at its beginning. */
  readonly after: string | null;
  readonly coverage: Coverage;
  /** Fields that some user of the target had so far. */
  readonly told: readonly ComparedField[];
  readonly tally: Tally;
}

/** From the beginning of another phase. */
export const toPhase = (position: Position, phase: Phase): Position => ({ ...position, phase, after: null });

export interface Run {
  readonly id: string;
  /** Another process that goes on with it changes this: whoever had it before then stops. */
  readonly version: number;
  readonly position: Position;
  readonly startedAt: Date;
  /** People who had been looked at by a run that was cut off. */
  readonly continuedFrom: number;
}

export interface RunSettings {
  readonly batch: string | null;
  readonly leads: Leads | null;
  /** Of the rules that say what should be at the target: others begin afresh. */
  readonly rules: string;
}

/** Earlier ones of a target, with their differences, that are kept. */
const KEPT = 10;

type Progress = Position & { readonly version: number };
interface Row {
  readonly id: string;
  readonly progress: Progress;
  readonly startedAt: Date;
}

const TAKE =
  statement(`update reconciliations set progress = progress || jsonb_build_object('version', (progress->>'version')::int + 1)
  where id = (select id from reconciliations where target = $1 and state = 'running' and settings = $2::jsonb
    order by started_at desc limit 1) returning id, progress, started_at as "startedAt"`);
const BEGIN = statement(`insert into reconciliations (id, target, state, settings, progress, actor)
  values ($1, $2, 'running', $3, $4, $5) returning id, progress, started_at as "startedAt"`);

export interface Opening {
  readonly target: string;
  readonly settings: RunSettings;
  readonly actor: string;
  readonly restart: boolean;
  readonly coverage: Coverage;
}

/** Goes on with one that was cut off, or begins one, and forgets what nobody needs any more. */
export async function openRun(db: Db, { target, settings, actor, restart, coverage }: Opening): Promise<Run> {
  const [known] = restart ? [] : await db.run<Row>(TAKE, [target, JSON.stringify(settings)]);
  if (known) return runOf(known);
  const position: Position = { phase: 'target', after: null, coverage, told: [], tally: EMPTY_TALLY };
  const progress: Progress = { ...position, version: 1 };
  const values = [randomUUID(), target, JSON.stringify(settings), JSON.stringify(progress), actor];
  const [begun] = await db.run<Row>(BEGIN, values);
  await forgetOthers(db, target, { id: begun!.id, batch: settings.batch });
  return runOf(begun!);
}

function runOf({ id, progress: { version, ...position }, startedAt }: Row): Run {
  return { id, version, position, startedAt, continuedFrom: position.tally.people };
}

/** A part named `run_kept` with a row if the run is still ours. */
export function keepPart({ id, version }: Pick<Run, 'id' | 'version'>, position: Position): Part {
  return {
    name: 'run_kept',
    text: `update reconciliations set progress = $3::jsonb
      where id = $1::text and state = 'running' and (progress->>'version')::int = $2::int returning id`,
    values: [id, version, JSON.stringify({ ...position, version })],
  };
}

export const takenOver = () =>
  new FootbridgeError('batch_state', {
    detail: 'Another process has gone on with this verification, or begun it afresh.',
  });

/** All of the page or nothing; throws batch_state where somebody else has gone on with it. */
export async function keep(
  q: Queryable,
  run: Run,
  { position, parts }: { readonly position: Position; readonly parts: readonly Part[] },
): Promise<Run> {
  const [kept] = await q.runParts([keepPart(run, position), ...parts], 'select id from run_kept');
  if (!kept) throw takenOver();
  return { ...run, position };
}

const FINISH = statement(`update reconciliations set state = 'done', report = $3, finished_at = now()
  where id = $1 and state = 'running' and (progress->>'version')::int = $2 returning id`);

export async function finishRun(db: Db, { id, version }: Run, report: ReconciliationReport): Promise<void> {
  const [finished] = await db.run(FINISH, [id, version, JSON.stringify(report)]);
  if (!finished) throw takenOver();
  await clear(db, CLEAR_TARGET_SIDE, id);
}

/** The server's crash has emptied the target's side: everything is read again, under the same name. */
export async function beginAgain(db: Db, run: Run): Promise<Run> {
  // It is empty as well when somebody else has gone on with it, and is through.
  await keep(db, run, { position: run.position, parts: [] });
  await clear(db, CLEAR_DIFFERENCES, run.id);
  await clear(db, CLEAR_TARGET_SIDE, run.id);
  const { coverage } = run.position;
  const position: Position = { phase: 'target', after: null, coverage, told: [], tally: EMPTY_TALLY };
  return { ...(await keep(db, run, { position, parts: [] })), continuedFrom: 0 };
}

const OTHERS = statement(`select id from (
    select id, state, settings->>'batch' as batch, row_number() over (order by started_at desc) as place
    from reconciliations where target = $1) r
  where id <> $2 and (place > ${KEPT} or (state = 'running' and batch is not distinct from $3))`);
const FORGET = statement('delete from reconciliations where id = $1');

async function forgetOthers(
  db: Db,
  target: string,
  { id, batch }: { readonly id: string; readonly batch: string | null },
): Promise<void> {
  for (const other of await db.run<{ id: string }>(OTHERS, [target, id, batch])) {
    await clear(db, CLEAR_DIFFERENCES, other.id);
    await clear(db, CLEAR_TARGET_SIDE, other.id);
    await db.run(FORGET, [other.id]);
  }
}

/** Short locks, and well within the time of a statement. */
const CLEARED_ROWS = 5_000;

async function clear(db: Db, table: Statement, id: string): Promise<void> {
  for (;;) {
    const [row] = await db.run<{ gone: number }>(table, [CLEARED_ROWS, id]);
    if ((row?.gone ?? 0) < CLEARED_ROWS) return;
  }
}

export interface DoneRun {
  readonly id: string;
  readonly target: string;
  readonly report: ReconciliationReport;
}

const DONE = statement(
  `select id, target, report from reconciliations where id = $1 and state = 'done' and report is not null`,
);

/** Throws batch_state where there is none, or it is not through. */
export async function doneRun(q: Queryable, id: string): Promise<DoneRun> {
  const [row] = await q.run<DoneRun>(DONE, [id]);
  if (row) return row;
  throw new FootbridgeError('batch_state', {
    detail: `There is no finished verification ${id}: verify again, and repair by the new plan.`,
  });
}

const LAST_WHOLE = statement(`select report from reconciliations
  where target = $1 and state = 'done' and report is not null and settings->>'batch' is null
  order by finished_at desc limit 1`);

/** Of the last comparison of everybody; undefined: there is none. */
export async function lastWholeReport(
  q: Queryable,
  target: string,
): Promise<ReconciliationReport | undefined> {
  return (await q.run<{ report: ReconciliationReport }>(LAST_WHOLE, [target]))[0]?.report;
}
