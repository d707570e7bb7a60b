import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Directory } from '../../src/legacy/directory.ts';
import type { Mariadb } from '../servers/mariadb.ts';
import { requiresMariadb, startMariadb } from '../servers/mariadb.ts';
import { closePasswords, expectAll, expectPerson, presetStores } from './preset-stores.ts';

const mariadb = requiresMariadb();
let server: Mariadb;

describe.skipIf(mariadb.skip)(mariadb.name, () => {
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(async () => {
    await closePasswords();
    await server?.stop();
  });

  describe.each(presetStores('mysql'))('the preset for $name', (store) => {
    let directory: Directory;
    beforeAll(async () => {
      const database = store.name.replaceAll('-', '_');
      await server.execute(`create database ${database} character set utf8mb4`);
      // The same names in quotes as elsewhere, and the zero dates of older servers.
      await server.execute(
        `set session sql_mode = 'ANSI_QUOTES,NO_AUTO_VALUE_ON_ZERO';${store.sql}`,
        database,
      );
      directory = store.open(server.url(database));
    });
    afterAll(() => directory.close());

    test.each(store.people)('reads $login', (person) => expectPerson(directory, person));
    test('reads everybody', () => expectAll(directory, store));
  });
});
