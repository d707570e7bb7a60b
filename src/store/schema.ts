/**
 * Brings our database to the shape this version needs: every file `migrations/NNNN_name.sql` once, in order, each in
 * one transaction. Steps only ever expand, so that the version before keeps working beside and after
 * (security.md R20); several nodes starting at once take turns at an advisory lock.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { openDb, storageError } from './db.ts';

/** One sentence that says why the database is left as it is. */
export class SchemaError extends Error {
  override name = 'SchemaError';
}

export interface SchemaStep {
  readonly number: number;
  /** The file's name without `.sql`, like `0001_audit`. */
  readonly name: string;
  /** SHA-256 of the file, hex. */
  readonly checksum: string;
  readonly sql: string;
}

export interface SchemaStatus {
  readonly applied: readonly { readonly name: string; readonly appliedAt: Date }[];
  readonly pending: readonly string[];
  /** Applied, but the file has changed since. */
  readonly changed: readonly string[];
  /** Applied by a newer version: there is no such file here. */
  readonly newer: readonly string[];
}

export interface SchemaOptions {
  readonly url: string;
  /** Default: the project's `migrations`. */
  readonly folder?: string;
  /** Steps of a newer version are no obstacle: for a version that is rolled back to. */
  readonly acceptNewer?: boolean;
  readonly log?: (line: string) => void;
}

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;
/** Any fixed number of ours: the advisory lock's key. */
const LOCK_KEY = '4851029977310285';
/**
 * A step waits this long for a table, because everybody else queues up behind it, and then lets them pass: half of what a
 * request waits for a lock (db.ts), so that none of them gives up first.
 */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_ATTEMPTS = 20;
const PAUSE_BETWEEN_ATTEMPTS_MS = 500;
/** 55P03 lock not available, 40P01 deadlock. */
const TRY_AGAIN = ['55P03', '40P01'];

/** The steps of a folder, in order. Throws SchemaError when a name is odd or a number is used twice. */
export async function readSteps(folder = MIGRATIONS): Promise<SchemaStep[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (file, index) => {
      const number = Number(FILE_NAME.exec(file)?.[1]);
      if (Number.isNaN(number))
        throw new SchemaError(`The schema step ${file} is not named like 0001_name.sql.`);
      if (names[index - 1]?.startsWith(file.slice(0, 5))) {
        throw new SchemaError(`Two schema steps have the number ${number}: give ${file} the next free one.`);
      }
      const sql = await readFile(join(folder, file), 'utf8');
      return { number, name: file.slice(0, -'.sql'.length), checksum: sha256(sql), sql };
    }),
  );
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

export async function schemaStatus({ url, folder }: SchemaOptions): Promise<SchemaStatus> {
  const steps = await readSteps(folder);
  return withClient(url, async (client) => compare(steps, await recorded(client)));
}

/** Applies what is pending and returns the names. Throws SchemaError, or `storage_unavailable`. */
export async function schemaUp({ url, folder, acceptNewer = false, log }: SchemaOptions): Promise<string[]> {
  const steps = await readSteps(folder);
  return withClient(url, async (client) => {
    const applied: string[] = [];
    refuse(compare(steps, await recorded(client)), acceptNewer);
    for (const step of steps) {
      if (!(await applyWithRetries(client, step))) continue;
      applied.push(step.name);
      log?.(`schema step ${step.name} applied`);
    }
    return applied;
  });
}

async function withClient<T>(url: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const db = openDb({ url, poolSize: 1, applicationName: 'footbridge schema' });
  try {
    return await db.connection(work);
  } catch (error) {
    throw error instanceof SchemaError ? error : storageError(error);
  } finally {
    await db.close();
  }
}

interface Recorded {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly applied_at: Date;
}

async function recorded(client: pg.PoolClient): Promise<Recorded[]> {
  const exists = await client.query(`select to_regclass('schema_steps') is not null as yes`);
  if (!exists.rows[0].yes) return [];
  return (await client.query('select number, name, checksum, applied_at from schema_steps order by number'))
    .rows;
}

function compare(steps: readonly SchemaStep[], rows: readonly Recorded[]): SchemaStatus {
  const known = new Map(steps.map((step) => [step.number, step]));
  const done = new Set(rows.map((row) => row.number));
  const differs = (row: Recorded) => known.get(row.number)?.checksum !== row.checksum;
  return {
    applied: rows.map((row) => ({ name: row.name, appliedAt: row.applied_at })),
    pending: steps.filter((step) => !done.has(step.number)).map((step) => step.name),
    changed: rows.filter((row) => known.has(row.number) && differs(row)).map((row) => row.name),
    newer: rows.filter((row) => !known.has(row.number)).map((row) => row.name),
  };
}

function refuse({ changed, newer }: SchemaStatus, acceptNewer: boolean): void {
  if (changed.length > 0) {
    throw new SchemaError(
      `The schema step ${changed[0]} was changed after it had been applied: restore the file and add a new step instead.`,
    );
  }
  if (newer.length > 0 && !acceptNewer) {
    throw new SchemaError(
      `The database is newer than this version, it has the schema step ${newer[0]}: start the version that knows it.`,
    );
  }
}

async function applyWithRetries(client: pg.PoolClient, step: SchemaStep): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await apply(client, step);
    } catch (error) {
      await client.query('rollback');
      const { code = '', message } = error as { code?: string; message: string };
      if (!TRY_AGAIN.includes(code)) {
        throw error instanceof SchemaError || !/^[0-9A-Z]{5}$/.test(code)
          ? error
          : new SchemaError(`The schema step ${step.name} failed and changed nothing: ${message} (${code}).`);
      }
      if (attempt === LOCK_ATTEMPTS) {
        throw new SchemaError(
          `The schema step ${step.name} could not lock its tables: try again at a quieter time.`,
        );
      }
      await wait(PAUSE_BETWEEN_ATTEMPTS_MS);
    }
  }
}

/** One step in one transaction; false when it was applied before, perhaps by another node just now. */
async function apply(client: pg.PoolClient, step: SchemaStep): Promise<boolean> {
  await client.query('begin');
  // Waiting for another node's step has no limit: it ends when that step does. Nor has filling an index.
  await client.query('set local lock_timeout = 0; set local statement_timeout = 0');
  await client.query(`select pg_advisory_xact_lock(${LOCK_KEY})`);
  await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query(`create table if not exists schema_steps (
    number int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`);
  const before = await client.query('select checksum from schema_steps where number = $1', [step.number]);
  if (before.rows.length === 0) {
    await client.query(step.sql);
    await client.query('insert into schema_steps (number, name, checksum) values ($1, $2, $3)', [
      step.number,
      step.name,
      step.checksum,
    ]);
  }
  await client.query('commit');
  return before.rows.length === 0;
}
