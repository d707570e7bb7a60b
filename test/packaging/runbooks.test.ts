/** What the runbooks name is there: alerts, metrics, commands with their options, and the parts that each page has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { openMetrics } from '../../src/observability/metrics.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'docs/runbooks');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const PAGES = readdirSync(FOLDER).filter((name) => name.endsWith('.md') && name !== 'README.md');
const pageOf = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

/** One page: what somebody reads to the end at night. */
const LINES = 75;
const PARTS = [
  'How you notice',
  'What it means',
  'What people see',
  'How to be sure it is over',
  'Afterwards',
];

describe('the runbooks', () => {
  test('are all led to by the first page', () => {
    const first = pageOf('README.md');
    expect(PAGES.length).toBeGreaterThan(9);
    expect(PAGES.filter((name) => !first.includes(`](${name})`))).toEqual([]);
  });

  test.each(PAGES)('%s is one page', (name) => {
    expect(pageOf(name).split('\n').length).toBeLessThanOrEqual(LINES);
  });

  // The day itself is a list of times.
  test.each(PAGES.filter((name) => name !== 'go-live-day.md'))('%s answers what one asks', (name) => {
    const headings = [...pageOf(name).matchAll(/^## (.+)$/gm)].map((match) => match[1]!);
    expect(headings).toEqual(expect.arrayContaining(PARTS));
    expect(headings.some((heading) => heading.startsWith('The first five minutes'))).toBe(true);
  });

  test.each(['README.md', ...PAGES])('%s names commands with options that there are', (name) => {
    expect(wrongOptions(pageOf(name))).toEqual([]);
  });

  test('would not pass with a made-up option', () => {
    expect(wrongOptions('`footbridge work list --shout`')).toEqual(['work list --shout']);
  });

  test.each(PAGES)('%s names metrics that there are', (name) => {
    const known = new Set(
      openMetrics()
        .registry.getMetricsAsArray()
        .map((metric) => metric.name),
    );
    const named = [...pageOf(name).matchAll(/footbridge_[a-z0-9_]+[a-z0-9]/g)].map((match) => match[0]);
    const bare = named.map((metric) => metric.replace(/_(count|sum|bucket)$/, ''));
    expect(bare.filter((metric) => !known.has(metric))).toEqual([]);
  });
});

/** As docs/reference/commands.md has them, which is made of the commands. */
function wrongOptions(text: string): string[] {
  const options = new Map<string, Set<string>>();
  for (const section of read('docs/reference/commands.md')
    .split(/^## footbridge /m)
    .slice(1)) {
    const name = section.split('\n', 1)[0]!;
    options.set(name, new Set([...section.matchAll(/--[a-z-]+/g)].map((match) => match[0])));
  }
  const calls = [...text.matchAll(/(?:`|^|-- )footbridge ([a-z][^`\n#]*)/gm)].map((match) => match[1]!);
  return calls.flatMap((call) => {
    const name = [...options.keys()].find((known) => call === known || call.startsWith(`${known} `));
    const named = call.replace(/"[^"]*"/g, '').match(/--[a-z-]+/g) ?? [];
    if (!name) return named.length > 0 ? [call] : [];
    return named.filter((option) => !options.get(name)!.has(option)).map((option) => `${name} ${option}`);
  });
}

const ALERTS = 'example/observability/alerts.yaml';
describe.skipIf(!existsSync(join(ROOT, ALERTS)))('the alerts', () => {
  interface Rules {
    readonly groups: readonly {
      readonly rules: readonly { readonly alert: string; readonly annotations: Record<string, string> }[];
    }[];
  }
  const rules = (parse(read(ALERTS)) as Rules).groups.flatMap(({ rules }) => rules);

  test('are each named on the page that they lead to', () => {
    expect(rules.length).toBeGreaterThan(10);
    const lost = rules.filter(({ alert, annotations }) => {
      const page = annotations.runbook_url?.split('/').at(-1) ?? '';
      return !PAGES.includes(page) || !pageOf(page).includes(`\`${alert}\``);
    });
    expect(lost.map(({ alert }) => alert)).toEqual([]);
  });

  test('named on a page exist', () => {
    const known = new Set(rules.map(({ alert }) => alert));
    const named = PAGES.flatMap((name) =>
      [...pageOf(name).matchAll(/`(Footbridge[A-Z]\w+)`/g)].map((m) => m[1]!),
    );
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
