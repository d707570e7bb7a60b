/** Removes what has served its time: redemptions, signatures, counts, old outbox rows, moves that were given up. */
import type { Queryable, Statement } from '../store/db.ts';
import { SWEEP_CAPTURED } from './captured-passwords.ts';
import { SWEEP_CLAIM_TOKENS } from './claim-tokens/claim-tokens.ts';
import { SWEEP_NOTICES } from './claim-tokens/notices.ts';
import { SWEEP_OUTBOX } from './ledger.ts';
import { SWEEP_CAMPAIGNS } from './mailings/campaigns.ts';
import { SWEEP_MAILINGS } from './mailings/mailings.ts';
import { SWEEP_WORK } from './moving/target-work.ts';
import { SWEEP_SIGNATURES } from './signed-calls.ts';
import { SWEEP_TICKETS } from './tickets.ts';
import { SWEEP_RATE, SWEEP_VOLUME } from './volume-fuse.ts';

/** Rows per statement: short locks, and small enough to finish well within the statement timeout. */
const BATCH_ROWS = 1_000;
/** Batches per table and run: a backlog is taken down over several runs, not in one. */
const MAX_BATCHES = 50;

/** Deletes in bounded batches and returns the number of rows. Safe on several nodes at once. */
export async function sweepMigration(db: Queryable): Promise<number> {
  let total = 0;
  for (const table of [
    SWEEP_TICKETS,
    SWEEP_SIGNATURES,
    SWEEP_RATE,
    SWEEP_VOLUME,
    SWEEP_OUTBOX,
    SWEEP_CAPTURED,
    SWEEP_WORK,
    SWEEP_MAILINGS,
    SWEEP_CAMPAIGNS,
    SWEEP_CLAIM_TOKENS,
    SWEEP_NOTICES,
  ]) {
    total += await sweep(db, table);
  }
  return total;
}

/** Runs a statement that deletes at most $1 rows and answers how many are `gone`, until few are left. `more`: its $2 and on. */
export async function sweep(db: Queryable, table: Statement, more: readonly unknown[] = []): Promise<number> {
  let total = 0;
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    const [row] = await db.run<{ gone: number }>(table, [BATCH_ROWS, ...more]);
    total += row?.gone ?? 0;
    if ((row?.gone ?? 0) < BATCH_ROWS) break;
  }
  return total;
}
