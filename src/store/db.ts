/**
 * Our own PostgreSQL. Every statement is sent once, by name, so the server parses it once per connection.
 * A server that cannot be reached is `storage_unavailable` and never anything else: callers do not see pg's errors
 * except the few they ask for by SQLSTATE.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { FootbridgeError } from '../errors.ts';
import type { Part } from './statement.ts';
import { compose } from './statement.ts';

export interface Statement {
  /** Unique per text. */
  readonly name: string;
  readonly text: string;
  /** Done twice it is as done once: where its connection is lost it is asked again, on another. */
  readonly isRepeatable?: boolean;
}

export interface Queryable {
  run<R extends object = Record<string, unknown>>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<R[]>;
  /** Composes the parts into one statement (one round trip, one commit) and returns the rows of `final`. */
  runParts<R extends object = Record<string, unknown>>(parts: readonly Part[], final: string): Promise<R[]>;
}

export interface Db extends Queryable {
  /** One transaction on one connection; rolled back when `work` throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** A connection of its own, for LISTEN and session locks. */
  connection<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>;
  /** Of the pool, now. */
  connections(): { readonly used: number; readonly idle: number; readonly waiting: number };
  close(): Promise<void>;
}

export interface DbOptions {
  readonly url: string;
  /** Connections at most; 10 saturate two cores. */
  readonly poolSize?: number;
  /** False behind a pooler in transaction mode, which loses prepared statements. */
  readonly preparedStatements?: boolean;
  readonly applicationName?: string;
  /** For statements about hundreds of rows at once. */
  readonly forMany?: boolean;
  readonly onError?: (error: Error) => void;
}

/** How long a request waits for a connection before it is told 503 (security.md R13: without a limit it hangs). */
const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
/** The server keeps the limit above; one that has frozen, or is behind a network that swallows everything, cannot (security.md R13). */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;
const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;

/**
 * A plan that is made while a table is empty is kept while the table grows to a million: it has to find its rows by key, and
 * put them together by hashing, from the start.
 */
const FOR_MANY = ['-c enable_seqscan=off', '-c enable_nestloop=off'];

/** Names a statement after its text, so that equal texts share one prepared statement. Reads are repeatable. */
export const statement = (text: string): Statement => namedAfter(text, /^\s*select\b/i.test(text));

/** The same for what does not begin as a read does, or writes nothing the second time. */
export const repeatable = (text: string): Statement => namedAfter(text, true);

function namedAfter(text: string, isRepeatable: boolean): Statement {
  const cached = named.get(text);
  if (cached) return cached;
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 22);
  const made = { name, text, isRepeatable };
  named.set(text, made);
  return made;
}
const named = new Map<string, Statement>();

export function openDb(options: DbOptions): Db {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // Parameters of the start-up message cost no round trip and hold for the connection's life.
    options: [
      // Our statements are few, prepared, and all by key: planning them anew each time costs more than running them.
      '-c plan_cache_mode=force_generic_plan',
      '-c jit=off',
      ...(options.forMany ? FOR_MANY : []),
      `-c statement_timeout=${STATEMENT_TIMEOUT_MS}`,
      `-c lock_timeout=${LOCK_TIMEOUT_MS}`,
      `-c idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_TIMEOUT_MS}`,
    ].join(' '),
    application_name: options.applicationName ?? 'footbridge',
    keepAlive: true,
  });
  // An idle connection that dies emits here; without a listener the process would end (security.md R12).
  pool.on('error', (error) => options.onError?.(error));
  // The pool listens to idle connections only. Somebody's that dies emits where nobody may listen yet; the next statement says it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const prepared = options.preparedStatements ?? true;

  const queryable = (client: pg.Pool | pg.PoolClient): Queryable => {
    const send = async <R extends object>(made: Statement, values: readonly unknown[]): Promise<R[]> => {
      const query = {
        ...(prepared ? { name: made.name } : {}),
        // Transactions set limits of their own.
        ...(client === pool ? { query_timeout: ANSWER_TIMEOUT_MS } : {}),
        text: made.text,
        values: values as unknown[],
      };
      try {
        const result = await client.query(query).catch((error) => {
          // A transaction has lost with its connection what it did before.
          if (client !== pool || !made.isRepeatable || !isConnectionLost(error)) throw error;
          return client.query(query);
        });
        return result.rows as R[];
      } catch (error) {
        throw storageError(error);
      }
    };
    return {
      run: (made, values = []) => send(made, values),
      runParts: (parts, final) => {
        const { text, values } = compose(parts, final);
        return send(statement(text), values);
      },
    };
  };

  const connection = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    const client = await pool.connect().catch((error) => {
      throw storageError(error);
    });
    let failed: unknown;
    try {
      return await work(client);
    } catch (error) {
      failed = error;
      throw error;
    } finally {
      client.release(failed instanceof FootbridgeError && failed.code === 'storage_unavailable');
    }
  };

  return {
    ...queryable(pool),
    connection,
    transaction: (work) =>
      connection(async (client) => {
        const control = (text: string) =>
          client.query(text).catch((error) => Promise.reject(storageError(error)));
        await control('begin');
        try {
          const result = await work(queryable(client));
          await control('commit');
          return result;
        } catch (error) {
          await client.query('rollback').catch(() => undefined);
          throw error;
        }
      }),
    connections: () => ({
      used: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
    close: () => pool.end(),
  };
}

/** Class 08 connection, 53 resources, 57 intervention, 58 system; 25006 read-only (a standby); 40001/55P03/57014 timeouts and locks. */
const UNAVAILABLE = /^(08|53|57|58|25006|55P03|40001|40P01)/;

/** While something was under way on it: whether that was done, nobody knows. One that never came to be has had its time. */
function isConnectionLost(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    /^(08\w{3}|57P0[12]|ECONNRESET|EPIPE)$/.test(code ?? '') ||
    message === 'Connection terminated unexpectedly'
  );
}

/** Makes a lost server `storage_unavailable`; leaves answers of a living server (constraint, syntax) as they are. */
export function storageError(error: unknown): unknown {
  if (error instanceof FootbridgeError) return error;
  const code = (error as { code?: unknown }).code;
  const sqlState =
    typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && error instanceof pg.DatabaseError
      ? code
      : undefined;
  if (sqlState && !UNAVAILABLE.test(sqlState)) return error;
  const detail = sqlState ?? (typeof code === 'string' ? code : (error as Error)?.message);
  return new FootbridgeError('storage_unavailable', { detail, retryAfterSeconds: 2, cause: error });
}

/** The SQLSTATE of an answer of a living server, or undefined. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
export const UNIQUE_VIOLATION = '23505';
/** A schema step has not been applied. */
export const UNDEFINED_TABLE = '42P01';
