/** What the documentation says is there is there. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { referencePages, stalePages } from '../docs/generate.ts';
import { commandNames } from '../docs/generator/commands.ts';
import { STORE_FINDINGS, TARGET_FINDINGS, USER_FINDINGS } from '../src/admin/survey/findings.ts';
import { loadConfig } from '../src/config.ts';
import type { AcceptedFormat } from '../src/credentials/accepted-format.ts';
import { openPasswords } from '../src/credentials/passwords.ts';
import { hashCommand } from '../src/hash-command.ts';
import { CONNECTORS } from '../src/legacy/connectors/index.ts';
import { legacyStores } from '../src/legacy/legacy-settings.ts';
import { mapping } from '../src/legacy/mapping-settings.ts';
import { PRESETS } from '../src/legacy/presets/index.ts';
import { writeOut } from '../src/legacy/shorthand.ts';
import { openMetrics } from '../src/observability/metrics.ts';
import { HASH_READERS } from '../src/targets/index.ts';

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
  const found = text.matchAll(/(?:`|^)(?:npm run -s footbridge -- |footbridge )([a-z][a-z -]*)/gm);
  return [...found].map((match) => match[1]!.split(' -')[0]!.trim());
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

describe('docs/hashes.md', () => {
  const [, session = ''] = /```console\n(\$ cat [\s\S]*?)```/.exec(textOf('docs/hashes.md')) ?? [];
  const steps = session.split(/^\$ /m).slice(1);
  const [lines, ...calls] = steps.map((step) => step.slice(step.indexOf('\n') + 1));

  test.each(steps.slice(1).map((step, i) => ({ kind: step.split(' ')[2] as 'verify', answer: calls[i]! })))(
    'shows what hash $kind really answers',
    async ({ kind, answer }) => {
      const folder = mkdtempSync(join(tmpdir(), 'footbridge-docs-'));
      const file = join(folder, 'hashes.jsonl');
      writeFileSync(file, lines!);
      const said: string[] = [];
      await hashCommand(kind, file, { out: (line) => said.push(line), say: (text) => said.push(text) });
      rmSync(folder, { recursive: true });
      expect(`${said.join('\n')}\n`).toBe(answer);
    },
  );

  test('shows identify, verify and translate', () => {
    expect(calls).toHaveLength(3);
  });
});

test('docs/observing.md says what to do with every metric', () => {
  const { registry } = openMetrics();
  const own = registry.getMetricsAsArray().map(({ name }) => name);
  const page = textOf('docs/observing.md');
  const fromTheLibrary = /^footbridge_(process|nodejs)_/;
  expect(own.filter((name) => !fromTheLibrary.test(name) && !page.includes(name))).toEqual([]);
});

describe('docs/stores', () => {
  const page = textOf('docs/stores/README.md');

  test('leads to every connector and to every page', () => {
    expect(Object.keys(CONNECTORS).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
    const pages = readdirSync(join(ROOT, 'docs/stores')).filter((name) => name !== 'README.md');
    expect(pages.filter((name) => !page.includes(`](${name}`))).toEqual([]);
  });

  test('names every preset', () => {
    const presets = textOf('docs/stores/presets.md');
    expect(PRESETS.filter((name) => !presets.includes(`\`${name}\``))).toEqual([]);
  });

  const settings = PAGES.filter((name) => /^docs\/(stores\/|sync-)/.test(name)).flatMap((name) =>
    [...textOf(name).matchAll(/^```yaml\n(legacy:\n[\s\S]*?)^```/gm)].map(([, text], i) => ({
      name,
      number: i + 1,
      text: text!,
    })),
  );

  test.each(settings)('has settings that are accepted: $name, $number', ({ text }) => {
    const { legacy } = parse(text.replaceAll(/\$\{\w+\}/g, 'mongodb://db.example/x')) as { legacy: object };
    const { error } = legacyStores.safeParse(writeOut(legacy));
    // A driver that is not installed is no mistake of the page.
    const problems = JSON.stringify(error?.issues ?? []);
    if (!problems.includes('its driver is not installed')) expect(problems).toBe('[]');
  });
});

test('docs/survey.md explains every finding', () => {
  const page = textOf('docs/survey.md');
  const named = [STORE_FINDINGS, TARGET_FINDINGS].flatMap((findings) => Object.keys(findings));
  const codes = [...USER_FINDINGS.map(({ code }) => code), ...named];
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});

test.each([
  { row: 'bcrypt, cost', member: 'cost' },
  { row: 'scrypt, log2 N', member: 'log2N' },
])('docs/targets gives the bounds of $row as the targets have them', ({ row, member }) => {
  const line = textOf('docs/targets/README.md').match(new RegExp(`^\\| ${row} \\|(.*)\\|$`, 'm'))?.[1] ?? '';
  const written = line.split('|').map((cell) => /\d+–\d+/.exec(cell)?.[0]);
  const { zitadel, kratos, keycloak, auth0, cidaas, generic } = HASH_READERS;
  const read = [zitadel, kratos, keycloak, auth0, cidaas, generic].map(({ accepts }) => {
    const [bounds] = (accepts as readonly AcceptedFormat[]).flatMap((accepted) =>
      Object.entries(accepted).flatMap(([name, value]) => (name === member ? [value] : [])),
    );
    return bounds?.join('–');
  });
  expect(written).toEqual(read);
});

test('docs/second-factors.md shows mappings that are accepted', () => {
  const shown = [...textOf('docs/second-factors.md').matchAll(/^```yaml\n([\s\S]*?)^```/gm)];
  expect(shown.length).toBeGreaterThan(3);
  for (const [, text] of shown) expect(mapping.safeParse(parse(text!)).error, text).toBeUndefined();
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
  const env = {
    ...Object.fromEntries(variables.map((name) => [name, randomBytes(32).toString('base64')])),
    FOOTBRIDGE_DATABASE_URL: 'postgres://localhost/footbridge',
  };

  test('is accepted with its variables set, and its decoy is a hash that can be verified', async () => {
    const { passwords } = loadConfig(join(ROOT, 'example/footbridge.yaml'), env);
    await openPasswords(passwords).close();
  });

  test.each(variables)('is refused without %s', (name) => {
    const { [name]: _missing, ...rest }: Record<string, string> = env;
    expect(() => loadConfig(join(ROOT, 'example/footbridge.yaml'), rest)).toThrow(`${name} is not set`);
  });

  test('names every part of the configuration', () => {
    const { properties } = JSON.parse(textOf('docs/reference/config.schema.json')) as { properties: object };
    for (const part of Object.keys(properties))
      expect(textOf('example/footbridge.yaml')).toMatch(new RegExp(`^${part}:`, 'm'));
  });
});
