/**
 * What sync writes to a database: one transaction with the mark of the write, one update of the user's row that compares what
 * was there before, and the operator's own statements. All of it, once, or nothing.
 */
import type { Knex } from 'knex';
import { FootbridgeError } from '../../../errors.ts';
import type { ApplyOutcome, ColumnsInput } from '../../apply.ts';
import type { Connector } from '../../connector.ts';
import { marksIn, missingMarks, pruning } from './apply-marks.ts';
import { presence, removal, statementsFor } from './apply-statements.ts';
import type { Access, Engine, Failure } from './engine.ts';
import { codeOf, openPool, tooMany } from './pool.ts';
import type { SqlSettings } from './sql-settings.ts';
import type { Run } from './transaction.ts';
import { withConnection } from './writer.ts';

export interface Applier extends Pick<Connector, 'apply' | 'applied'> {
  close(): Promise<void>;
}

/** What a transaction is done with. */
interface Hands {
  readonly transaction: Knex.Transaction;
  readonly run: Run;
  readonly engine: Engine;
}

export function openApplier(settings: SqlSettings, limits: Omit<Access, 'writable'>): Applier {
  const { apply } = settings;
  if (!apply) return { close: async () => undefined };
  // Its own: what marks the origin in a session must never be seen by another write.
  const pool = openPool(withConnection(settings, apply.connection), { writable: true, ...limits });
  const marks = marksIn(settings.engine, apply.marks);
  const transact = <Result>(work: (hands: Hands) => Promise<Result>) =>
    pool.transact(
      (transaction, run, engine) => work({ transaction, run, engine }),
      (failure, engine) => refusal(failure, engine, settings),
    );
  const missing = (failure: Failure) =>
    marks.isMissing(failure)
      ? new FootbridgeError('config_invalid', { detail: `sql.apply: ${missingMarks(apply.marks)}` })
      : failure;
  const prune = pruning(() =>
    transact(async ({ transaction, run }) => {
      await run(marks.prune(transaction));
    }),
  );

  return {
    async apply(input) {
      const statements = input.remove ? [removal(input.id, settings)] : statementsFor(input, settings);
      let stopped: ApplyOutcome | undefined;
      const stop = (outcome: ApplyOutcome) => {
        stopped = outcome;
        return new FootbridgeError('internal', { detail: 'sql.apply: taken back' });
      };
      const work = async ({ transaction, run, engine }: Hands) => {
        await run(marks.note(transaction, input.mark, input.id)).catch((failure) => {
          throw engine.isTaken(failure) ? stop('already') : missing(failure);
        });
        for (const { name, query, least, most } of statements) {
          const changed = engine.changed(await run(query(transaction)));
          if (changed > most) throw tooMany(name, most);
          if (!(changed >= least)) throw stop(await isThere(input, { transaction, run, engine }));
        }
      };
      try {
        await transact((hands) => asOurs(hands, () => work(hands)));
      } catch (error) {
        if (stopped) return stopped;
        throw error;
      }
      prune();
      return 'applied';
    },
    applied: (mark) =>
      transact(async ({ transaction, run, engine }) => {
        const found = await run(marks.find(transaction, mark)).catch((failure) => {
          throw missing(failure);
        });
        return engine.rows(found).length > 0;
      }),
    close: () => pool.close(),
  };

  /** Marks what is done as coming from sync. A connection keeps no mark when it goes back. */
  async function asOurs({ transaction, run }: Hands, work: () => Promise<void>): Promise<void> {
    const [begin, end] = [marks.begin(transaction), () => marks.end(transaction)];
    if (begin) await run(begin);
    try {
      await work();
    } catch (error) {
      const ending = end();
      // A connection that cannot even do this is closed.
      if (ending) await run(ending).catch(() => undefined);
      throw error;
    }
    const ending = end();
    if (ending) await run(ending);
  }

  /** Nothing was changed: somebody has changed the row, or it is gone. */
  async function isThere(
    { id, remove }: ColumnsInput,
    { transaction, run, engine }: Hands,
  ): Promise<ApplyOutcome> {
    if (remove) return 'gone';
    if (!settings.table) return 'changed';
    const found = await run(presence(id, settings)(transaction));
    return engine.rows(found).length > 0 ? 'changed' : 'gone';
  }
}

/** What the database refuses, which trying again does not change. */
function refusal(
  failure: Failure,
  engine: Engine,
  { engine: name }: SqlSettings,
): FootbridgeError | undefined {
  if (engine.isTaken(failure))
    return new FootbridgeError('user_ambiguous', {
      detail: 'sql.apply: somebody else has one of these values',
    });
  if (!engine.isUnfit(failure) && !engine.isIncomparable(failure)) return undefined;
  return new FootbridgeError('bad_request', {
    detail: `sql.apply: ${name} ${codeOf(failure)} refuses one of its values`,
  });
}
