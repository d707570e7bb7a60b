/** What the documentation says is there is there. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { referencePages, stalePages } from '../docs/generate.ts';
import { commandNames } from '../docs/generator/commands.ts';
import { loadConfig } from '../src/config.ts';
import { openPasswords } from '../src/credentials/passwords.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SKIPPED = /^(node_modules|dist|coverage|test-output|\.git|\.footbridge)(\/|$)/;

/** Every Markdown file of ours, relative to the root. */
const PAGES = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md') && !SKIPPED.test(path))
  .sort();
const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8');
/** Without code, where `[x](y)` is no link. */
const proseOf = (page: string) =>
  textOf(page)
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, '');

describe('the reference', () => {
  test('is what the code says now', async () => {
    expect(stalePages(await referencePages())).toEqual([]);
  });

  test('has a row for every setting that the schema knows', () => {
    const page = textOf('docs/reference/settings.md');
    const names = new Set(settingNames(JSON.parse(textOf('docs/reference/config.schema.json'))));
    expect(names.size).toBeGreaterThan(100);
    // A secret's `file` is described in words.
    names.delete('file');
    expect(
      [...names].filter((name) => !new RegExp(`^\\| \`([^\`]*\\.)?${name}\` \\|`, 'm').test(page)),
    ).toEqual([]);
  });

  test('describes every command', async () => {
    const page = textOf('docs/reference/commands.md');
    for (const name of await commandNames()) expect(page).toContain(`## footbridge ${name}`);
  });
});

/** Every key under `properties`, except of objects nobody described, which are only headings. */
function settingNames(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {} } = schema as {
    properties?: Record<string, { type?: string; description?: string }>;
  };
  const own = Object.entries(properties).filter(([, value]) => value.type !== 'object' || value.description);
  return [...own.map(([name]) => name), ...Object.values(schema).flatMap(settingNames)];
}

describe('the links', () => {
  test.each(PAGES)('of %s lead to files and headings that are there', (page) => {
    expect(brokenLinks(page)).toEqual([]);
  });

  test('are really followed: one that leads nowhere is found', () => {
    expect(problemOf('README.md', 'docs/no-such-page.md')).toContain('no such file');
    expect(problemOf('README.md', 'ARCHITECTURE.md#no-such-heading')).toContain('no such heading');
  });
});

function brokenLinks(page: string): string[] {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
  return links.map((link) => problemOf(page, link)).filter((problem) => problem !== undefined);
}

function problemOf(page: string, link: string): string | undefined {
  if (/^(https?:|mailto:)/.test(link)) return undefined;
  const [path = '', anchor] = link.split('#', 2);
  const file = path ? resolve(ROOT, dirname(page), path) : join(ROOT, page);
  if (!existsSync(file)) return `${link}: no such file`;
  if (anchor === undefined || !statSync(file).isFile()) return undefined;
  return anchorsOf(relative(ROOT, file)).includes(anchor) ? undefined : `${link}: no such heading`;
}

/** As GitHub makes them: lower case, without punctuation, hyphens for blanks. */
function anchorsOf(page: string): string[] {
  const headings = textOf(page)
    .replace(/^```[\s\S]*?^```/gm, '')
    .matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

describe('the commands named in the pages', () => {
  const HAND_WRITTEN = PAGES.filter((page) => !page.startsWith('docs/reference/'));

  test('exist', async () => {
    const known = await commandNames();
    const exists = (named: string) => known.some((name) => named === name || named.startsWith(`${name} `));
    const named = HAND_WRITTEN.flatMap((page) => commandsIn(textOf(page)).map((name) => ({ page, name })));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ name }) => !exists(name))).toEqual([]);
    expect(exists('user shout')).toBe(false);
  });

  test('are npm scripts where they say so', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const named = HAND_WRITTEN.flatMap((page) => [...textOf(page).matchAll(/npm run (?:-s )?([a-z:]+)/g)]);
    expect(named.length).toBeGreaterThan(5);
    expect(named.map((match) => match[1]!).filter((name) => !(name in scripts))).toEqual([]);
  });
});

/** After `footbridge` at the start of a line or of a piece of code: its words, without options and arguments. */
function commandsIn(text: string): string[] {
  const found = text.matchAll(/(?:`|^)(?:npm run -s footbridge -- |footbridge )([a-z][a-z ]*)/gm);
  return [...found].map((match) => match[1]!.trim());
}

describe('the traps of docs/provider.md', () => {
  test('name tests that exist', () => {
    const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' });
    const tests = files
      .filter((path) => path.endsWith('.test.ts'))
      .map((path) => readFileSync(join(ROOT, 'test', path), 'utf8'))
      .join('\n');
    const titles = [...textOf('docs/provider.md').matchAll(/“([^”]+)”/g)].map((match) => match[1]!);
    expect(titles.length).toBeGreaterThan(20);
    expect(titles.filter((title) => !tests.includes(title))).toEqual([]);
  });
});

test('docs/performance.md gives the figures that are counted', () => {
  const pairs = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, a, b]) => [a, b]);
  const counted = pairs(textOf('test/provider/cost.test.ts'), /statements: (\d+), commits: (\d+)/g);
  const written = pairs(textOf('docs/performance.md'), /\| \*\*(\d+)\*\* \| \*\*(\d+)\*\* \|/g);
  expect(written.length).toBeGreaterThan(3);
  expect(written).toEqual(counted);
});

describe('example/footbridge.yaml', () => {
  const settings = textOf('example/footbridge.yaml').replace(/^ *#.*$/gm, '');
  const variables = [...settings.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]!);
  const env = Object.fromEntries(variables.map((name) => [name, randomBytes(32).toString('base64')]));

  test('is accepted with its variables set, and its decoy is a hash that can be verified', async () => {
    const { passwords } = loadConfig(join(ROOT, 'example/footbridge.yaml'), env);
    await openPasswords(passwords).close();
  });

  test.each(variables)('is refused without %s', (name) => {
    const { [name]: _missing, ...rest } = env;
    expect(() => loadConfig(join(ROOT, 'example/footbridge.yaml'), rest)).toThrow(`${name} is not set`);
  });

  test('names every part of the configuration', () => {
    const { properties } = JSON.parse(textOf('docs/reference/config.schema.json')) as { properties: object };
    for (const part of Object.keys(properties))
      expect(textOf('example/footbridge.yaml')).toMatch(new RegExp(`^${part}:`, 'm'));
  });
});
