/**
 * What belongs together in a transaction, which takes it back where its judge throws. All of it has one limit: knex has none for
 * the beginning and the end, and a connection that falls silent there would be lost to the pool for good.
 */
import type { Knex } from 'knex';
import { FootbridgeError } from '../../../errors.ts';
import { withinDeadline } from '../../deadline.ts';
import type { Engine } from './engine.ts';

interface Change {
  readonly query: (transaction: Knex.Transaction) => Knex.Raw;
  /** Throws what the change is refused with. */
  readonly judge: (changed: number) => void;
  readonly limitMs: number;
}

/** What knex and its pool know a connection by. */
interface Connection {
  __knex__disposed?: unknown;
}

/** How many rows it changed. Throws legacy_unavailable where it is too late: then it is not known whether they are. */
export async function change(db: Knex, engine: Engine, { query, judge, limitMs }: Change): Promise<number> {
  return transact(db, limitMs, async (transaction, run) => {
    const changed = engine.changed(await run(query(transaction)));
    judge(changed);
    return changed;
  });
}

/** Asks within the limit, and nothing any more once nobody waits. */
export type Run = (query: Knex.Raw) => Promise<unknown>;

/** All of the work or, where it throws, nothing. Throws legacy_unavailable as above. */
export async function transact<Result>(
  db: Knex,
  limitMs: number,
  work: (transaction: Knex.Transaction, run: Run) => Promise<Result>,
): Promise<Result> {
  const connection: Connection = await db.client.acquireConnection();
  let isOver = false;
  let isEnded = false;
  const run: Run = async (query) => {
    if (isOver) throw tooLate();
    return query.timeout(limitMs);
  };
  const whole = async () => {
    try {
      return await db.transaction(
        async (transaction) => {
          const result = await work(transaction, run);
          if (isOver) throw tooLate();
          return result;
        },
        { connection },
      );
    } finally {
      isEnded = true;
    }
  };
  try {
    return await withinDeadline(whole, limitMs);
  } finally {
    isOver = true;
    // Nobody gets it again: the pool closes it instead.
    if (!isEnded) connection.__knex__disposed = true;
    await db.client.releaseConnection(connection);
  }
}

const tooLate = () => new FootbridgeError('legacy_unavailable', { detail: 'nobody waits for it any more' });
