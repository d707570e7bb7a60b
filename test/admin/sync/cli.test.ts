/** Commands of sync as their user meets them: a process with real settings, its output, its exit code. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { sqliteStore } from '../../legacy/stores.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';

const ENTRY = resolve(import.meta.dirname, '../../../bin/footbridge.js');
const folder = mkdtempSync(join(tmpdir(), 'footbridge-sync-cli-'));
let database: TestDatabase;
let store: ReturnType<typeof sqliteStore>;

beforeAll(async () => {
  database = await testDatabase();
  store = sqliteStore('create table people (id integer primary key, login text, email text)');
  const settings = {
    masterKey: randomBytes(32).toString('base64'),
    database: { url: database.url },
    provider: { issuer: 'https://id.example.com', clients: [] },
    legacy: {
      store: 'shop',
      sql: {
        ...{ engine: 'sqlite', file: store.file, table: 'people', id: 'id', login: ['login'] },
        changes: { by: 'outbox' },
        apply: { email: 'email' },
      },
      mapping: { username: 'login', email: 'email', emailVerified: true, password: [] },
    },
    targets: [
      {
        ...{ name: 'main', kind: 'zitadel', displayName: 'New', loginUrl: 'https://new.example/' },
        // Nobody is asked there.
        api: { url: 'http://127.0.0.1:9', token: 'opens nothing', identityProvider: 'idp' },
      },
    ],
    sync: { pairs: [{ target: 'main' }] },
  };
  writeFileSync(join(folder, 'footbridge.yaml'), stringify(settings));
});
afterAll(async () => {
  await database.drop();
  store.drop();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...args: string[]) =>
  new Promise<{ code: number; out: string; err: string }>((done) => {
    const options = { cwd: folder, env: { ...process.env, NO_COLOR: '1' } };
    execFile(process.execPath, [ENTRY, 'sync', ...args], options, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    );
  });

test('what is well exits with 0, what is wrong with 1, and what cannot be run with 2', async () => {
  const status = await run('status', '--json', '--html', 'status.html');
  expect(status).toMatchObject({ code: 0 });
  expect(JSON.parse(status.out)).toMatchObject({ pairs: [{ target: 'main', state: 'not-started' }] });
  expect(readFileSync(join(folder, 'status.html'), 'utf8')).toContain('<h2>main: not started</h2>');
  expect(statSync(join(folder, 'status.html')).mode & 0o077).toBe(0);

  writeFileSync(join(folder, 'report.jws'), 'no report');
  const verified = await run('verify', 'report.jws');
  expect(verified).toMatchObject({ code: 1, out: 'This is no report of ours, or it was changed.\n' });

  const stop = await run('stop', '--execute');
  expect(stop).toMatchObject({ code: 2, out: '' });
  expect(stop.err).toContain('It is not started.');
});
