import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SchemaOptions } from '../../src/store/schema.ts';
import { readSteps, SchemaError, schemaStatus, schemaUp } from '../../src/store/schema.ts';
import { execute } from '../support/database.ts';
import { testDatabase } from '../support/postgres.ts';

let options: SchemaOptions & { folder: string };
const query = (sql: string) => execute(options.url, sql);
const step = (name: string, sql: string) => writeFile(join(options.folder, `${name}.sql`), sql);

beforeEach(async () => {
  const database = await testDatabase({ empty: true });
  options = { url: database.url, folder: await mkdtemp(join(tmpdir(), 'footbridge-steps-')) };
  onTestFinished(async () => {
    await database.drop();
    await rm(options.folder, { recursive: true });
  });
});

describe('the project’s own steps', () => {
  test('a test database has them all', async () => {
    const { url, drop } = await testDatabase();
    expect(await schemaStatus({ url })).toMatchObject({ pending: [], changed: [], newer: [] });
    await drop();
  });

  test('are applied in order to an empty database, and a second time there is nothing to do', async () => {
    const names = (await readSteps()).map(({ name }) => name);
    const { url } = options;
    expect(await schemaStatus({ url })).toEqual({ applied: [], pending: names, changed: [], newer: [] });
    expect(await schemaUp({ url })).toEqual(names);
    expect(await schemaUp({ url })).toEqual([]);
    expect((await schemaStatus({ url })).applied).toEqual(
      names.map((name) => ({ name, appliedAt: expect.any(Date) })),
    );
  });
});

describe('applying', () => {
  test('five nodes that start at once apply each step once', async () => {
    await step('0001_log', 'create table log (n int)');
    await step('0002_slow', 'insert into log values (1); select pg_sleep(0.2)');
    await step('0003_last', 'insert into log values (2)');
    const applied = await Promise.all(Array.from({ length: 5 }, () => schemaUp(options)));
    expect(applied.flat().sort()).toEqual(['0001_log', '0002_slow', '0003_last']);
    expect(await query('select n from log order by n')).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test('a step that fails changes nothing, is named, and keeps the steps before it', async () => {
    await step('0001_good', 'create table good ()');
    await step('0002_bad', 'create table half (); select 1 / 0');
    await expect(schemaUp(options)).rejects.toThrow(
      new SchemaError('The schema step 0002_bad failed and changed nothing: division by zero (22012).'),
    );
    expect(await query(`select to_regclass('good') as good, to_regclass('half') as half`)).toEqual([
      { good: 'good', half: null },
    ]);
    expect(await schemaStatus(options)).toMatchObject({
      applied: [{ name: '0001_good' }],
      pending: ['0002_bad'],
    });
  });

  test('a step waits for a busy table in short turns, and is applied when it is free', async () => {
    await step('0001_table', 'create table busy ()');
    await schemaUp(options);
    const holder = new pg.Client({ connectionString: options.url });
    await holder.connect();
    await holder.query('begin; lock table busy');
    await step('0002_wait', 'alter table busy add n int');
    const applied = schemaUp(options);
    // Released only once the step has waited in vain.
    await waitFor(() =>
      query(`select from pg_stat_database where datname = current_database() and xact_rollback > 0`),
    );
    await holder.end();
    expect(await applied).toEqual(['0002_wait']);
  });

  test('a database that cannot be reached is storage_unavailable', async () => {
    const url = 'postgresql://nobody@127.0.0.1:1/x';
    await expect(schemaUp({ url })).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(schemaStatus({ url })).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

describe('refusing', () => {
  beforeEach(async () => {
    await step('0001_one', 'create table one ()');
    await step('0002_two', 'create table two ()');
    await schemaUp(options);
  });

  test('a step that was changed after it had been applied', async () => {
    await step('0001_one', 'create table other ()');
    await step('0003_three', 'create table three ()');
    expect((await schemaStatus(options)).changed).toEqual(['0001_one']);
    await expect(schemaUp(options)).rejects.toThrow(/0001_one was changed after it had been applied/);
    expect(await query(`select to_regclass('three') as three`)).toEqual([{ three: null }]);
  });

  test('a database of a newer version, unless a version is rolled back to', async () => {
    await rm(join(options.folder, '0002_two.sql'));
    expect((await schemaStatus(options)).newer).toEqual(['0002_two']);
    await expect(schemaUp(options)).rejects.toThrow(
      /newer than this version, it has the schema step 0002_two/,
    );
    expect(await schemaUp({ ...options, acceptNewer: true })).toEqual([]);
  });

  test('a file with an odd name, and a number used twice', async () => {
    await step('3_three', '');
    await expect(schemaUp(options)).rejects.toThrow(/3_three\.sql is not named like 0001_name\.sql/);
    await rm(join(options.folder, '3_three.sql'));
    await step('0002_zwei', '');
    await expect(schemaUp(options)).rejects.toThrow(/Two schema steps have the number 2/);
  });
});

async function waitFor(rows: () => Promise<unknown[]>): Promise<void> {
  await expect.poll(rows, { timeout: 15_000 }).not.toHaveLength(0);
}
