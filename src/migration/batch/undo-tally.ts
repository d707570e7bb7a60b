/** How many of a batch may be taken back, are, and could not be; and what was kept of them. */
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Place } from './batch-users.ts';
import { readUsers } from './batch-users.ts';
import type { UndoAsked } from './undo-asked.ts';
import type { UndoMember, Undone, UndoProblem } from './undo-rows.ts';
import { CANDIDATES, MEMBER, UNDO_MARKS, valuesOf } from './undo-rows.ts';

const NO_TIMEOUT = statement('set local statement_timeout = 0');
/** What runs through all of a batch: some seconds for millions. */
const unhurried = <T>(db: Db, ask: (tx: Queryable) => Promise<T>): Promise<T> =>
  db.transaction(async (tx) => {
    await tx.run(NO_TIMEOUT);
    return ask(tx);
  });

const COUNT = statement(readUsers('count(*)::int as users', `where ${CANDIDATES}`));
/** How many may be taken back; a segment is not looked at. */
export async function countCandidates(db: Db, batch: string, asked: UndoAsked): Promise<number> {
  const [counted] = await unhurried(db, (tx) => tx.run<{ users: number }>(COUNT, valuesOf(batch, asked)));
  return counted?.users ?? 0;
}

const SAMPLE = statement(readUsers(MEMBER, `where ${CANDIDATES} order by md5(sub) limit $6`));
/** So many of them, as chance has it, and always the same. */
export const sampleCandidates = (
  db: Db,
  batch: string,
  { asked, limit }: { readonly asked: UndoAsked; readonly limit: number },
): Promise<UndoMember[]> =>
  unhurried(db, (tx) => tx.run<UndoMember>(SAMPLE, [...valuesOf(batch, asked), limit]));

const TALLY = statement(
  readUsers(
    'undone, count(*)::int as users, count(kept)::int as kept',
    'where batch = $1 and undone is not null group by undone',
  ),
);
export interface UndoTally extends Readonly<Record<Undone, number>> {
  /** Still to be taken back. */
  readonly open: number;
  /** Those from whom something was taken away, and kept. */
  readonly kept: number;
}

interface Tallied {
  readonly undone: string;
  readonly users: number;
  readonly kept: number;
}

export async function tallyUndo(db: Db, batch: string): Promise<UndoTally> {
  const rows = await unhurried(db, (tx) => tx.run<Tallied>(TALLY, [batch]));
  const of = (names: readonly string[]) =>
    rows.filter(({ undone }) => names.includes(undone)).reduce((sum, { users }) => sum + users, 0);
  return {
    removed: of(['removed']),
    unlinked: of(['unlinked']),
    nothing: of(['nothing']),
    failed: of(['failed']),
    open: of(UNDO_MARKS),
    kept: rows
      .filter(({ undone }) => undone === 'removing' || undone === 'removed')
      .reduce((sum, { kept }) => sum + kept, 0),
  };
}

const REST = statement(`select exists (${readUsers(
  '1',
  `where batch = $1 and outcome in ('created', 'migrated') and undone is null`,
)}) as "isSomebodyThere",
  exists (${readUsers('1', 'where batch = $1 and outcome is null')}) as "isSomebodyWaiting"`);
interface Rest {
  readonly isSomebodyThere: boolean;
  readonly isSomebodyWaiting: boolean;
}
/** Whom of a batch it leaves. */
export async function restOf(db: Db, batch: string): Promise<Rest> {
  const [rest] = await unhurried(db, (tx) => tx.run<Rest>(REST, [batch]));
  return rest ?? { isSomebodyThere: false, isSomebodyWaiting: false };
}

const FAILURES = statement(
  readUsers(
    `sub, problem->'undo' as problem`,
    `where batch = $1 and undone = 'failed' order by b.rank, b.sub limit $2`,
  ),
);
export const undoFailures = (
  q: Queryable,
  batch: string,
  limit: number,
): Promise<{ readonly sub: string; readonly problem: UndoProblem }[]> => q.run(FAILURES, [batch, limit]);

/** Somebody of whom something was kept. */
export interface KeptRow extends Place {
  readonly legacyId: string | null;
  readonly targetUserId: string | null;
  readonly undone: string;
  readonly kept: string;
}
const KEPT = statement(
  readUsers(
    `rank::text, sub, legacy_id as "legacyId", target_user_id as "targetUserId", undone, kept`,
    `where batch = $1 and kept is not null and undone in ('removing', 'removed') and (rank, sub) > ($2::bigint, $3::text) order by b.rank, b.sub limit $4`,
  ),
);
export const keptPage = (
  q: Queryable,
  batch: string,
  { after, limit }: { readonly after: Place; readonly limit: number },
): Promise<KeptRow[]> => q.run<KeptRow>(KEPT, [batch, after.rank, after.sub, limit]);
