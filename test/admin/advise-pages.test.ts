/** The pages of the patterns: what they show is accepted, and they and the advice speak of the same things. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FLOWCHART, PATTERN_NAMES } from '../../src/admin/advice/flowchart.ts';
import { PATTERNS } from '../../src/admin/advice/patterns.ts';
import { parseConfig } from '../../src/config.ts';
import { ERRORS } from '../../src/errors.ts';

const FOLDER = resolve(import.meta.dirname, '../../docs/patterns');
const pages = readdirSync(FOLDER).filter((name) => name.endsWith('.md'));
const textOf = (page: string) => readFileSync(join(FOLDER, page), 'utf8');

/** What every configuration has besides. */
const BESIDES = `
database: { url: "postgres://footbridge@localhost/footbridge" }
masterKey: \${MASTER_KEY}
legacy:
  store: shop
  sql: { engine: sqlite, file: shop.sqlite, table: people, login: [login] }
  mapping: { email: email, password: [{ format: auto, columns: { hash: hash } }] }
`;

const settings = pages.flatMap((page) =>
  [...textOf(page).matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text], i) => ({
    page,
    number: i + 1,
    text: text!,
  })),
);

describe('docs/patterns', () => {
  test.each(settings)('has settings that are accepted: $page, $number', ({ text }) => {
    const names = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name!, 'a secret of some length']);
    const env = { ...Object.fromEntries(names), MASTER_KEY: randomBytes(32).toString('base64') };
    expect(() => parseConfig(`${BESIDES}\n${text}`, { file: 'footbridge.yaml', env })).not.toThrow();
  });

  test('are really parsed: a setting that is not there is refused', () => {
    const env = { MASTER_KEY: randomBytes(32).toString('base64') };
    const text = `${BESIDES}\ntargets: [{ name: new, kind: zitadel, mode: broker }]`;
    expect(() => parseConfig(text, { file: 'footbridge.yaml', env })).toThrow('targets.0.mode');
  });

  test('has a page for every pattern, with its sequence, settings, choice, way back and limits', () => {
    // Where people link their own accounts nobody is carried: no question of the guide leads there.
    expect(pages.sort()).toEqual(
      ['README.md', 'claim-tokens.md', ...PATTERN_NAMES.map((name) => basename(PATTERNS[name].page))].sort(),
    );
    expect([...new Set(settings.map(({ page }) => page))].sort()).toEqual(
      pages.filter((page) => page !== 'README.md').sort(),
    );
    for (const page of pages.filter((name) => name !== 'README.md')) {
      const text = textOf(page);
      expect(text, page).toContain('```mermaid\nsequenceDiagram');
      const headings = [
        'Choose it when',
        'Do not choose it when',
        'Settings',
        'What people see',
        'What the operator sees',
        'Back',
        'Limits',
      ];
      expect(
        headings.filter((heading) => !text.includes(`\n## ${heading}\n`)),
        page,
      ).toEqual([]);
    }
  });

  test('draws the flowchart that the advice goes by, and compares every pattern', () => {
    const text = textOf('README.md');
    const [drawn = ''] = /```mermaid\nflowchart[\s\S]*?```/.exec(text) ?? [];
    const questions = drawn.match(/\{[^{}]+\}/g) ?? [];
    expect(questions).toHaveLength(FLOWCHART.length);
    expect(new Set(drawn.match(/\[\[.+?\]\]/g)).size).toBe(PATTERN_NAMES.length);
    for (const page of pages.filter((name) => name !== 'README.md')) expect(text).toContain(`](${page})`);
  });

  test('names error codes that there are', () => {
    const codes = pages.flatMap((page) => [...textOf(page).matchAll(/`([a-z]+(?:_[a-z]+)+)` means/g)]);
    expect(codes.map(([, code]) => code!).filter((code) => !(code in ERRORS))).toEqual([]);
  });
});
