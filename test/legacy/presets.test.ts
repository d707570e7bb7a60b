import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Directory } from '../../src/legacy/directory.ts';
import { legacyStores } from '../../src/legacy/legacy-settings.ts';
import { PRESETS } from '../../src/legacy/presets/index.ts';
import { writeOut } from '../../src/legacy/shorthand.ts';
import { openStores } from '../../src/legacy/stores.ts';
import { execute } from '../support/database.ts';
import { testDatabase } from '../support/postgres.ts';
import { closePasswords, expectAll, expectPerson, presetStores } from './preset-stores.ts';
import { sqliteStore } from './stores.ts';

afterAll(closePasswords);

describe.each(presetStores('sqlite'))('the preset for $name on SQLite', (store) => {
  let directory: Directory;
  const { file, drop } = sqliteStore(store.sql);
  beforeAll(() => {
    directory = store.open(`sqlite:${file}`);
  });
  afterAll(async () => {
    await directory.close();
    drop();
  });

  test.each(store.people)('reads $login', (person) => expectPerson(directory, person));
  test('reads everybody', () => expectAll(directory, store));
});

describe.each(presetStores('postgresql'))('the preset for $name on PostgreSQL', (store) => {
  let directory: Directory;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const database = await testDatabase({ empty: true });
    await execute(database.url, store.sql);
    directory = store.open(database.url);
    drop = database.drop;
  });
  afterAll(async () => {
    await directory.close();
    await drop();
  });

  test.each(store.people)('reads $login', (person) => expectPerson(directory, person));
  test('reads everybody', () => expectAll(directory, store));
});

describe('settings over a preset', () => {
  const legacy = { preset: 'django', url: 'sqlite:people.db' };

  test('take away what is null there', () => {
    const written = writeOut({
      ...legacy,
      sql: { queries: { related: { groups: null } } },
      mapping: { roles: null },
    });
    expect(written).toMatchObject({ sql: { queries: { byLogin: expect.any(String), related: {} } } });
    expect(written).not.toHaveProperty('mapping.roles');
    expect(legacyStores.safeParse(written).success).toBe(true);
  });

  test('keep a null where the preset says nothing, for the check of the settings to refuse', () => {
    const { error } = legacyStores.safeParse(writeOut({ ...legacy, mapping: { nickname: null } }));
    expect(JSON.stringify(error?.issues)).toContain('nickname');
  });

  test('that read a column which is not there are told which', async () => {
    const table =
      'create table users (id integer primary key, email text, encrypted_password text, updated_at text)';
    const store = sqliteStore(`${table}; insert into users values (1, 'anna@example.com', '', '');`);
    const written = writeOut({ preset: ['rails-devise', 'devise-lockable'], url: `sqlite:${store.file}` });
    const directory = openStores(legacyStores.parse(written));
    await expect(directory.findByLogin('anna@example.com')).rejects.toMatchObject({
      code: 'mapping_failed',
      detail: 'the record has no column locked_at',
    });
    await directory.close();
    store.drop();
  });
});

describe('the documentation of presets', () => {
  const ROOT = join(import.meta.dirname, '..', '..');
  const page = readFileSync(join(ROOT, 'docs', 'stores', 'presets.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z0-9-]+)` \|(.*)\|$/gm)].map(
    ([, name = '', rest = '']) => [name, rest.split('|')] as const,
  );

  test('names every preset once', () => {
    expect(rows.map(([name]) => name).sort()).toEqual(PRESETS);
  });

  test.each(rows)('says which parameters %s takes', (name, cells) => {
    const yaml = readFileSync(join(ROOT, 'src', 'legacy', 'presets', `${name}.yaml`), 'utf8');
    const taken = [...yaml.matchAll(/\$\{(\w+):-/g)].map(([, parameter]) => parameter);
    const said = [...(cells[1] ?? '').matchAll(/`(\w+)`/g)].map(([, parameter]) => parameter);
    expect(said.sort()).toEqual([...new Set(taken)].sort());
  });
});
