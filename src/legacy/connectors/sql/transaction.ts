/**
 * One statement in a transaction, which takes it back where the judge throws. All of it has one limit: knex has none for
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
  const connection: Connection = await db.client.acquireConnection();
  let isOver = false;
  let isEnded = false;
  const work = async () => {
    try {
      return await db.transaction(
        async (transaction) => {
          if (isOver) throw tooLate();
          const changed = engine.changed(await query(transaction).timeout(limitMs));
          judge(changed);
          if (isOver) throw tooLate();
          return changed;
        },
        { connection },
      );
    } finally {
      isEnded = true;
    }
  };
  try {
    return await withinDeadline(work, limitMs);
  } finally {
    isOver = true;
    // Nobody gets it again: the pool closes it instead.
    if (!isEnded) connection.__knex__disposed = true;
    await db.client.releaseConnection(connection);
  }
}

const tooLate = () => new FootbridgeError('legacy_unavailable', { detail: 'nobody waits for it any more' });
