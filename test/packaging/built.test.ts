/** A checkout compiles itself, and never runs what is older than its sources. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'footbridge-built-'));
const at = (path: string) => join(folder, path);
const WORDS = 'An OpenID Provider in front';

beforeAll(async () => {
  for (const path of ['bin', 'src', 'migrations', 'example', 'packaging', 'package.json'])
    cpSync(join(ROOT, path), at(path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), at('node_modules'));
  await run(process.execPath, [at('packaging/prepare.js')], { cwd: folder });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function help(): Promise<string> {
  const { stdout } = await run(process.execPath, [at('bin/footbridge.js'), '--help'], { cwd: folder });
  return stdout;
}

test('what was compiled runs while no source is newer; an edited source runs itself', async () => {
  expect(await help()).toContain(WORDS);
  const file = at('src/cli.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(WORDS, 'Edited in front'));
  expect(await help()).toContain('Edited in front');
  utimesSync(file, new Date(0), new Date(0));
  expect(await help()).toContain(WORDS);
});

test('where nothing can be compiled, installing says so and goes on', async () => {
  const bare = at('bare');
  cpSync(at('packaging'), join(bare, 'packaging'), { recursive: true });
  const { stderr } = await run(process.execPath, [join(bare, 'packaging/prepare.js')], { cwd: bare });
  expect(stderr).toMatch(/^Not compiled, so the sources run: /);
});

test('a schema step or a template that was added later counts as a source', async () => {
  const file = at('src/cli.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(WORDS, 'Edited in front'));
  utimesSync(file, new Date(0), new Date(0));
  writeFileSync(at('migrations/9999_later.sql'), 'select 1;');
  expect(await help()).toContain('Edited in front');
  rmSync(at('migrations/9999_later.sql'));
  expect(await help()).toContain(WORDS);
});

test('templates, schema steps and presets lie where the code looks for them, and no sources', () => {
  const files = readdirSync(at('dist'), { recursive: true }).map(String);
  expect(files.filter((file) => file.endsWith('.ts'))).toEqual([]);
  for (const file of [
    'main.js',
    'src/credentials/hash-worker.js',
    'migrations/0001_audit.sql',
    'src/provider/pages/templates/_bridge.eta',
    'example/demo/style.css',
  ])
    expect(files).toContain(file);
});

test('no code is kept with two bytes for each character, and its texts are what they were', async () => {
  const files = readdirSync(at('dist')).filter((file) => file.endsWith('.js'));
  const code = files.map((file) => readFileSync(at(`dist/${file}`), 'utf8')).join('\n');
  expect(code.match(/[^\0-\xff]/)).toBeNull();
  expect(code).not.toMatch(/String\.raw`[^`]*\\u[0-9a-f]{4}/);
  const { stdout } = await run(process.execPath, [at('bin/footbridge.js'), 'demo', '--help'], {
    cwd: folder,
  });
  expect(stdout).toContain('Footbridge’s port');
});
