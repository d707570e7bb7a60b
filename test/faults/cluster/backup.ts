/**
 * A database of its own, with backups as docs/backup.md says them: `pg_dump` and `pg_restore` where the machine's fit the
 * server, and else the whole cluster, copied while it runs.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { schemaUp } from '../../../src/store/schema.ts';
import { execute, withDatabase } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import { requires } from '../../support/requires.ts';
import { openOwnPostgres } from '../node/own-postgres.ts';

const run = promisify(execFile);

export interface BackedUp {
  /** How it is done, in words. */
  readonly way: string;
  readonly url: string;
  /** While everything runs. */
  backUp(): Promise<void>;
  /** In the place of what is there; nobody may be connected. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

export async function openBackedUp(): Promise<BackedUp> {
  return (await dumped()) ?? (await copied());
}

/** Undefined: the tools are not here, or older than the server. */
async function dumped(): Promise<BackedUp | undefined> {
  const { path: dump } = requires('pg_dump');
  const { path: restore } = requires('pg_restore');
  if (!dump || !restore) return undefined;
  const database = await testDatabase();
  const [served] = await execute(
    database.url,
    `select current_setting('server_version_num')::int / 10000 as major`,
  );
  const { stdout } = await run(dump, ['--version']);
  if (Number(/(\d+)/.exec(stdout)?.[1]) < Number(served?.major)) {
    await database.drop();
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'footbridge-backup-'));
  const file = join(folder, 'footbridge.dump');
  const [server, name] = [withDatabase(database.url, 'postgres'), new URL(database.url).pathname.slice(1)];
  return {
    way: 'pg_dump and pg_restore',
    url: database.url,
    backUp: async () =>
      void (await run(dump, ['--format=custom', `--file=${file}`, `--dbname=${database.url}`])),
    async restore() {
      await execute(server, `drop database ${name} with (force)`);
      await execute(server, `create database ${name} template template0`);
      await run(restore, ['--no-owner', '--exit-on-error', `--dbname=${database.url}`, file]);
    },
    async close() {
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As PostgreSQL's documentation has it under “Making a Base Backup Using the Low Level API”. */
async function copied(): Promise<BackedUp> {
  const own = await openOwnPostgres();
  await own.ensureDatabase('footbridge');
  const url = own.url('footbridge');
  await schemaUp({ url });
  const copy = `${own.data}-copy`;
  return {
    way: 'a copy of the running cluster',
    url,
    async backUp() {
      const client = new pg.Client({ connectionString: own.url('postgres') });
      await client.connect();
      try {
        await client.query(`select pg_backup_start('hour', true)`);
        await run('cp', ['-a', own.data, copy]);
        const { rows } = await client.query('select labelfile from pg_backup_stop(false)');
        await writeFile(join(copy, 'backup_label'), rows[0].labelfile);
        // What was written while it was copied.
        await run('cp', ['-a', join(own.data, 'pg_wal'), copy]);
        await rm(join(copy, 'postmaster.pid'));
      } finally {
        await client.end();
      }
    },
    async restore() {
      await own.stop();
      await rm(own.data, { recursive: true });
      await run('cp', ['-a', copy, own.data]);
      await own.start();
    },
    close: () => own.close(),
  };
}
