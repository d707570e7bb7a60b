/** `footbridge advise` as its user meets it: a process, its output, its exit code. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Advice } from '../../src/admin/advice/advice.ts';
import { sqliteStore } from '../legacy/stores.ts';
import { testDatabase } from '../support/postgres.ts';

const ENTRY = resolve(import.meta.dirname, '../../bin/footbridge.js');
const folder = mkdtempSync(join(tmpdir(), 'footbridge-advise-'));
const store = sqliteStore(`create table people (id integer primary key, login text, email text, hash text);
  insert into people values (1, 'anna', 'anna@example.com', '$2b$10$${'a'.repeat(21)}u${'b'.repeat(31)}');`);
let drop: () => Promise<void>;

beforeAll(async () => {
  const database = await testDatabase();
  drop = database.drop;
  writeFileSync(
    join(folder, 'footbridge.yaml'),
    JSON.stringify({
      database: { url: database.url },
      masterKey: randomBytes(32).toString('base64'),
      legacy: {
        store: 'shop',
        sql: { engine: 'sqlite', file: store.file, table: 'people', login: ['login'] },
        mapping: {
          username: 'login',
          email: 'email',
          givenName: { value: 'Test' },
          familyName: { value: 'Person' },
          password: [{ format: 'auto', columns: { hash: 'hash' } }],
        },
      },
    }),
  );
});
afterAll(async () => {
  await drop();
  store.drop();
  rmSync(folder, { recursive: true, force: true });
});

function footbridge(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [ENTRY, ...args], { cwd: folder });
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk) => {
      said.out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      said.err += chunk;
    });
    child.on('close', (code) => done({ code, ...said }));
  });
}

test('goes from open questions over a survey to a recommendation', async () => {
  const open = await footbridge('advise', '--zero-downtime', 'no', '--json');
  expect(open.code).toBe(1);
  expect((JSON.parse(open.out) as Advice).open[0]?.question).toBe('passwordsCarried');
  expect((await footbridge('legacy', 'survey', '--json')).code).toBe(0);
  const { code, out } = await footbridge('advise', '--zero-downtime', 'no');
  expect(out).toContain('Recommended: Batch');
  expect(out).toContain('Read docs/patterns/batch.md.');
  expect(code).toBe(0);
}, 60_000);

test('refuses an answer that there is not, and a file that is not there', async () => {
  const wrong = await footbridge('advise', '--zero-downtime', 'perhaps');
  expect(wrong.err).toMatch(/zero-?downtime/i);
  expect(wrong.code).toBe(2);
  expect((await footbridge('advise', '--config', 'none.yaml')).code).toBe(1);
});
