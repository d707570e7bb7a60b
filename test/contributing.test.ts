/** The worked examples of CONTRIBUTING.md, applied to a copy of the source and run: they work, or this fails. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const COPIED = [
  'src',
  'migrations',
  'package.json',
  'test/credentials',
  'test/legacy',
  'test/architecture.test.ts',
];
const RUN = {
  format: 'test/credentials/formats/shops.test.ts',
  preset: 'test/legacy/shorthand.test.ts',
  connector: 'test/legacy/json-file.test.ts',
  rules: 'test/architecture.test.ts',
};
/** The copy is run by a vitest of its own. */
const SLOW = 300_000;

interface Block {
  readonly path: string;
  readonly text: string;
  readonly isDiff: boolean;
}

/** The blocks whose first line names a file: `--- path` changes one, `// path` and `# path` are a new one. */
function examples(): Block[] {
  const page = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const found = page.matchAll(/^```\w+\n(---|\/\/|#) (\S+\/\S+\.\w+)\n([\s\S]*?)^```$/gm);
  return [...found].map(([, mark, path, text]) => ({ path: path!, text: text!, isDiff: mark === '---' }));
}

function apply(folder: string, { path, text, isDiff }: Block): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, isDiff ? changed(readFileSync(file, 'utf8'), { path, text }) : text);
}

function changed(before: string, { path, text }: Pick<Block, 'path' | 'text'>): string {
  const lines = text.trimEnd().split('\n');
  const side = (leaves: string) =>
    lines
      .filter((line) => !line.startsWith(leaves))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const pieces = before.split(side('+'));
  expect(pieces, `the place of the example in ${path}`).toHaveLength(2);
  return pieces.join(side('-'));
}

interface Outcome {
  readonly title: string;
  readonly status: string;
}

/** Every test's outcome, by its file. */
async function run(blocks: readonly Block[]): Promise<Map<string, Outcome[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-example-'));
  folders.push(folder);
  for (const path of COPIED) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const block of blocks) apply(folder, block);
  const report = join(folder, 'report.json');
  const args = [VITEST, 'run', '--root', folder, '--reporter', 'json', '--outputFile', report];
  const { VITEST: _outer, ...env } = process.env;
  // It exits with 1 where a test fails: the report says which.
  await promisify(execFile)(
    process.execPath,
    [...args, '--no-isolate', '--testTimeout', '60000', ...Object.values(RUN)],
    {
      cwd: folder,
      env,
    },
  ).catch(() => undefined);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
  };
  return new Map(
    testResults.map(({ name, assertionResults }) => [
      name.slice(name.indexOf('test/', folder.length)),
      assertionResults.map(({ fullName, status }) => ({ title: fullName, status })),
    ]),
  );
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('the worked examples of CONTRIBUTING.md', () => {
  let outcomes: Map<string, Outcome[]>;
  beforeAll(async () => {
    outcomes = await run(examples());
  }, SLOW);
  const of = (path: string, named = '') =>
    (outcomes.get(path) ?? []).filter(({ title }) => title.includes(named));
  const failed = (all: readonly Outcome[]) => all.filter(({ status }) => status !== 'passed');

  test('are a format, a preset and a connector', () => {
    const paths = examples().map(({ path }) => path);
    expect(new Set(paths.map((path) => path.split('/').slice(0, 3).join('/')))).toEqual(
      new Set([
        'src/credentials/formats',
        'test/credentials/fixtures',
        'src/legacy/presets',
        'src/legacy/connectors',
        'test/legacy/json-file.test.ts',
      ]),
    );
  });

  test('make a format that verifies and keeps the contract of its family', () => {
    expect(of(RUN.format, 'teashop--ascii verifies')).toHaveLength(1);
    expect(failed(of(RUN.format))).toEqual([]);
  });

  test('make a preset that writes out a whole store', () => {
    expect(of(RUN.preset, 'teashop is a whole store')).toHaveLength(1);
    expect(failed(of(RUN.preset, 'teashop'))).toEqual([]);
  });

  test('make a connector that keeps the contract and answers through a directory', () => {
    expect(of(RUN.connector, 'people of a JSON file')).toHaveLength(1);
    expect(of(RUN.connector, 'the json file connector').length).toBeGreaterThan(20);
    expect(failed(of(RUN.connector))).toEqual([]);
  });

  test('keep the rules of the house', () => {
    expect(of(RUN.rules).length).toBeGreaterThan(10);
    expect(failed(of(RUN.rules))).toEqual([]);
  });
});

describe('a worked example that no longer works', () => {
  const SPOILT: readonly (readonly [right: string, wrong: string])[] = [
    ['sha256($1 . password)', 'sha256(password . $1)'],
    ['login: [email]', 'logins: [email]'],
    ['columns[member] === typed', 'columns[member] !== typed'],
  ];
  const spoilt = ({ text, ...block }: Block): Block => ({
    ...block,
    text: SPOILT.reduce((all, [right, wrong]) => all.replace(right, wrong), text),
  });

  test('is found', { timeout: SLOW }, async () => {
    const outcomes = await run(examples().map(spoilt));
    const fails = (path: string, named: string) =>
      (outcomes.get(path) ?? []).some(({ title, status }) => status === 'failed' && title.includes(named));
    expect(fails(RUN.format, 'teashop--ascii verifies')).toBe(true);
    expect(fails(RUN.preset, 'teashop is a whole store')).toBe(true);
    expect(fails(RUN.connector, 'finds nobody by a login that nobody has')).toBe(true);
  });

  test('does not go in where its place has gone', () => {
    const [format] = examples();
    const moved = { ...format!, text: format!.text.replace('shopFormats', 'stallFormats') };
    expect(() => apply(ROOT, moved)).toThrow('the place of the example');
  });
});
