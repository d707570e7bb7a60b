/**
 * Connections to a database through knex. Who only reads cannot write, whatever the statement says. Dates arrive as
 * text, so that the process's time zone has no say in them.
 */
import type { Knex } from 'knex';
import { FootbridgeError } from '../../../errors.ts';
import type { Row } from '../../connector.ts';
import type { Access, Engine, Failure } from './engine.ts';
import { mssql } from './mssql.ts';
import { mysql } from './mysql.ts';
import { oracle } from './oracle.ts';
import { postgresql } from './postgresql.ts';
import type { DatabaseSettings } from './sql-settings.ts';
import { sqlite } from './sqlite.ts';
import type { Run } from './transaction.ts';
import { change, transact } from './transaction.ts';

const IDLE_MS = 30_000;
/** A share of the caller's deadline is left for what comes around the statement. */
const STATEMENT_SHARE = 0.8;
/** Less than that, so that who waits for a connection hears why, and the next one does not inherit the failure. */
const CONNECT_SHARE = 0.5;
/** How long a stopping process waits for queries under way. */
const CLOSE_LIMIT_MS = 2_000;

export const limitsWithin = (timeoutMs: number) => ({
  limitMs: Math.round(timeoutMs * STATEMENT_SHARE),
  connectMs: Math.round(timeoutMs * CONNECT_SHARE),
});

export interface Writing {
  /** Its name, for errors. */
  readonly what: string;
  /** Rows that it may change: more are taken back. Throws config_invalid. */
  readonly most: number;
  /** What is thrown for a value that another row has and only one may have. */
  readonly conflict: () => FootbridgeError;
}

/** All throw legacy_unavailable for whatever the database says but an answer. */
export interface Pool {
  /** Empty, where the database cannot even compare the values. */
  rows(query: (db: Knex) => Knex.Raw | Knex.QueryBuilder): Promise<readonly Row[]>;
  /** What a builder's `update` or `delete` changed; it may be run a second time. */
  changed(query: (db: Knex) => Knex.QueryBuilder<object, number>): Promise<number>;
  /** Runs once. */
  insert(query: (db: Knex) => Knex.QueryBuilder): Promise<void>;
  /** Changes exactly one row or nothing. Throws user_not_found, or config_invalid where it would have been several. */
  mark(query: (transaction: Knex.Transaction) => Knex.Raw): Promise<void>;
  /** Runs once; how many rows it changed. Throws as `Writing` says, and bad_request for a value that the database does not take. */
  write(query: (transaction: Knex.Transaction) => Knex.Raw, writing: Writing): Promise<number>;
  /** Runs once, all of it or, where the work throws, nothing. `refused`: what to throw instead of what the database says. */
  transact<Result>(
    work: (transaction: Knex.Transaction, run: Run, engine: Engine) => Promise<Result>,
    refused: (failure: Failure, engine: Engine) => FootbridgeError | undefined,
  ): Promise<Result>;
  close(): Promise<void>;
}

export function openPool(settings: DatabaseSettings, access: Access): Pool {
  const engine = ENGINES[settings.engine];
  // The driver is loaded at once, so that the first login does not pay for it; connections are made when needed.
  const opening = openKnex(engine, settings, access);
  opening.catch(() => undefined);
  const failed = (error: unknown) =>
    error instanceof FootbridgeError ? error : unavailable(settings.engine, error);

  const repeated = async <Result>(
    query: (db: Knex) => { timeout(ms: number): PromiseLike<unknown> },
    read: (result: unknown) => Result,
  ): Promise<Result | undefined> => {
    const startedMs = performance.now();
    // A connection that was under way before we asked may fail us for what is over by now: ask for another.
    const isInherited = () => performance.now() - startedMs < access.connectMs;
    for (let attemptsLeft = settings.poolSize; ; attemptsLeft--) {
      try {
        return read(await query(await opening).timeout(access.limitMs));
      } catch (error) {
        if (engine.isIncomparable(error as Failure)) return undefined;
        if (attemptsLeft === 0 || engine.isMistake(error as Failure) || !isInherited()) throw failed(error);
      }
    }
  };

  type Query = (transaction: Knex.Transaction) => Knex.Raw;
  const changing = async (query: Query, judge: (changed: number) => void): Promise<number> =>
    change(await opening, engine, { query, judge, limitMs: access.limitMs });

  return {
    rows: async (query) => (await repeated(query, engine.rows)) ?? [],
    changed: async (query) => (await repeated(query, Number)) ?? 0,
    async insert(query) {
      try {
        await query(await opening).timeout(access.limitMs);
      } catch (error) {
        throw failed(error);
      }
    },
    async mark(query) {
      try {
        await changing(query, (changed) => {
          if (changed === 0) throw new FootbridgeError('user_not_found');
          if (changed > 1) throw tooMany('sql.flag', 1);
        });
      } catch (error) {
        throw engine.isIncomparable(error as Failure) ? new FootbridgeError('user_not_found') : failed(error);
      }
    },
    async write(query, { what, most, conflict }) {
      const name = `sql.writes.${what}`;
      try {
        return await changing(query, (changed) => {
          if (changed > most) throw tooMany(name, most);
        });
      } catch (error) {
        if (engine.isTaken(error as Failure)) throw conflict();
        if (!engine.isUnfit(error as Failure) && !engine.isIncomparable(error as Failure))
          throw failed(error);
        const detail = `${name}: ${settings.engine} ${codeOf(error as Failure)} refuses one of its values`;
        throw new FootbridgeError('bad_request', { detail });
      }
    },
    async transact(work, refused) {
      try {
        return await transact(await opening, access.limitMs, (transaction, run) =>
          work(transaction, run, engine),
        );
      } catch (error) {
        if (error instanceof FootbridgeError) throw error;
        throw refused(error as Failure, engine) ?? failed(error);
      }
    },
    async close() {
      const db = await opening.catch(() => undefined);
      const limit = new Promise((resolve) => setTimeout(resolve, CLOSE_LIMIT_MS).unref());
      await Promise.race([db?.destroy(), limit]);
    },
  };
}

async function openKnex(engine: Engine, settings: DatabaseSettings, access: Access): Promise<Knex> {
  const { default: knex } = await import('knex');
  const { pool, ...config } = await engine.config(settings, access);
  return knex({
    ...config,
    // What knex would print carries SQL and values.
    log: { warn: silent, error: silent, debug: silent, deprecate: silent },
    compileSqlOnError: false,
    acquireConnectionTimeout: access.limitMs,
    pool: {
      min: 0,
      max: settings.poolSize,
      createTimeoutMillis: access.connectMs,
      destroyTimeoutMillis: CLOSE_LIMIT_MS,
      idleTimeoutMillis: IDLE_MS,
      ...pool,
    },
  });
}
const silent = () => undefined;

export const tooMany = (name: string, most: number) =>
  new FootbridgeError('config_invalid', {
    detail: `${name} changes more than ${most === 1 ? 'one row' : `${most} rows`}`,
  });

export const codeOf = ({ code, errno, errcode, name }: Failure) =>
  [code, errcode, errno, name].find((part) => part !== undefined && /^[\w-]{2,40}$/.test(String(part))) ??
  'failed';

/** Never the error itself: drivers put the statement, and knex its values, on what they throw. */
function unavailable(engine: DatabaseSettings['engine'], thrown: unknown): FootbridgeError {
  const error = thrown as Failure;
  // knex writes `<statement> - <message>`.
  const message = ENGINES[engine].isMistake(error)
    ? `: ${error.message?.split(' - ').at(-1)?.slice(0, 200)}`
    : '';
  const detail = `${engine} ${codeOf(error)}${message}`;
  return new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: 2 });
}

/** The cheapest question. */
export const pingOf = (engine: DatabaseSettings['engine']): string => ENGINES[engine].ping ?? 'select 1';

const ENGINES: Record<DatabaseSettings['engine'], Engine> = { postgresql, mysql, sqlite, mssql, oracle };
