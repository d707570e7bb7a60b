/** The dashboard and the alert rules ask for what is measured, and every rule leads to a page that says what to do. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { openMetrics } from '../../src/observability/metrics.ts';
import { requires } from '../support/requires.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const RULES = join(ROOT, 'example/observability/alerts.yaml');

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}

const dashboard = JSON.parse(readFileSync(join(ROOT, 'example/observability/dashboard.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
};
const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const asked = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [`panel ${title}`, expr]),
  ),
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr]),
] as [string, string][];

const { registry } = openMetrics();
const known = new Map<string, ReadonlySet<string>>();
for (const { name, type, ...metric } of registry.getMetricsAsArray()) {
  const labels = (metric as { labelNames?: readonly string[] }).labelNames ?? [];
  known.set(name, new Set(labels));
  if (String(type) !== 'histogram') continue;
  for (const part of ['bucket', 'sum', 'count'])
    known.set(`${name}_${part}`, new Set([...labels, ...(part === 'bucket' ? ['le'] : [])]));
}
/** What Prometheus itself adds. */
const ITS_OWN = new Set(['instance', 'job']);
known.set('up', ITS_OWN);

/** Names, what stands in braces after each, and what they are summed by. */
function wrongIn(expr: string): string[] {
  const names = [...expr.matchAll(/\b(footbridge_\w+|up)\b(?:\{([^}]*)\})?/g)];
  const unknown = names.flatMap(([, name = '', braces = '']) => {
    const labels = known.get(name);
    if (!labels) return [`${name} is not measured`];
    const used = [...braces.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
    return used.flatMap((label) => (has(labels, label) ? [] : [`${name} has no label ${label}`]));
  });
  const all = names.map(([, name = '']) => known.get(name) ?? new Set<string>());
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  const nowhere = grouped.filter((label) => !all.some((labels) => has(labels, label)));
  return [...unknown, ...nowhere.map((label) => `nothing has the label ${label}`)];
}
const has = (labels: ReadonlySet<string>, label: string) => labels.has(label) || ITS_OWN.has(label);

test('a name and a label that nobody measures are found', () => {
  expect(wrongIn('rate(footbridge_nothing_total[5m])')).toEqual(['footbridge_nothing_total is not measured']);
  expect(wrongIn('sum by (colour) (footbridge_moves_waiting{shade="dark",target="x"})')).toEqual([
    'footbridge_moves_waiting has no label shade',
    'nothing has the label colour',
  ]);
  expect(wrongIn('sum by (le) (rate(footbridge_request_seconds_bucket{route="login"}[5m]))')).toEqual([]);
});

test.each(asked)('%s asks for what is measured', (_where, expr) => {
  expect(wrongIn(expr)).toEqual([]);
});

describe('the dashboard', () => {
  test('lets whoever imports it choose the data source', () => {
    expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
    const text = JSON.stringify(dashboard);
    expect(text).toContain('${datasource}');
    expect([...text.matchAll(/"uid":"(?!\$\{datasource\}|footbridge")/g)]).toEqual([]);
  });

  test('has a row for each thing an operator looks after, and no panel on another', () => {
    const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows).toEqual([
      'What stands and what does not',
      'Logins',
      'Latency',
      'Hashing',
      'Legacy store',
      'Our database',
      'Moving and batches',
      'Sync',
      'Sessions and logout',
      'Rollout',
      'Node',
    ]);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  test('shows everything that is measured of us', () => {
    const shown = new Set(
      asked.flatMap(([, expr]) => [...expr.matchAll(/footbridge_\w+/g)].map(([name]) => name)),
    );
    const isShown = (name: string) =>
      ['', '_bucket', '_count', '_sum'].some((part) => shown.has(name + part));
    const ours = registry.getMetricsAsArray().map(({ name }) => name);
    const missing = ours.filter((name) => !/^footbridge_(nodejs|process)_/.test(name) && !isShown(name));
    // It tells the same as `feed_lag_changes` and `_seconds`, for stores that count in bytes.
    expect(missing).toEqual(['footbridge_sync_feed_lag_bytes']);
  });
});

describe('the alert rules', () => {
  test.each(rules)('$alert says what it means and which page to open', ({ alert, labels, annotations }) => {
    expect(alert).toMatch(/^Footbridge[A-Z]/);
    expect(['page', 'ticket']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\.$/);
    expect(annotations.description.length).toBeGreaterThan(20);
    expect(annotations.runbook_url).toMatch(/^docs\/runbooks\/[a-z-]+\.md$/);
    expect(existsSync(join(ROOT, annotations.runbook_url)), annotations.runbook_url).toBe(true);
  });

  test('have each a name of their own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
});

const promtool = requires('promtool');
describe.skipIf(promtool.skip)(promtool.name, () => {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-promtool-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const run = (...args: string[]) =>
    execFileSync(promtool.path ?? '', args, { encoding: 'utf8', stdio: 'pipe' });

  test('takes the rules', () => {
    expect(run('check', 'rules', RULES)).toContain(`${rules.length} rules found`);
  });

  test('finds what we call our metrics well named', async () => {
    const lint = (metrics: string) => {
      try {
        execFileSync(promtool.path ?? '', ['check', 'metrics'], { input: metrics, stdio: 'pipe' });
        return [];
      } catch (error) {
        return String((error as { stderr: Buffer }).stderr)
          .trim()
          .split('\n');
      }
    };
    const ofOthers = /^footbridge_nodejs_active_\w+_total /;
    const found = lint(await registry.metrics());
    expect(found.filter((line) => !ofOthers.test(line))).toEqual([]);
    expect(lint('# TYPE some gauge\nsome 1\n').length).toBeGreaterThan(0);
  });

  test('fires an alert when it is time, and not before', () => {
    const firing = (alertname: string, minutes: number, labels?: object) => ({
      alertname,
      eval_time: `${minutes}m`,
      exp_alerts: labels ? [{ exp_labels: labels }] : [],
    });
    const silent = { severity: 'page', part: 'target main' };
    const file = join(folder, 'alerts.test.yaml');
    const input_series = [
      { series: 'footbridge_storage_up{instance="a"}', values: '1x3 0x10' },
      { series: 'footbridge_part_up{instance="a",part="target main"}', values: '0x20' },
      { series: 'footbridge_part_up{instance="b",part="target main"}', values: '1x20' },
      { series: 'footbridge_part_up{instance="a",part="legacy"}', values: '1x20' },
      { series: 'footbridge_request_seconds_count{instance="a",status="200"}', values: '0+100x20' },
      { series: 'footbridge_request_seconds_count{instance="a",status="503"}', values: '0+1x20' },
    ];
    const alert_rule_test = [
      firing('FootbridgeDatabaseDown', 3),
      firing('FootbridgeDatabaseDown', 6, { severity: 'page', instance: 'a' }),
      firing('FootbridgeTargetDown', 4),
      firing('FootbridgeTargetDown', 6, silent),
      firing('FootbridgeLegacyDown', 10),
      firing('FootbridgeErrors', 15),
    ];
    // Only names and labels are compared: what a rule says of itself is its own.
    const bare = groups.map((group) => ({
      ...group,
      rules: group.rules.map(({ annotations: _, ...rule }) => rule),
    }));
    writeFileSync(join(folder, 'alerts.yaml'), stringify({ groups: bare }));
    const tests = [{ interval: '1m', input_series, alert_rule_test }];
    writeFileSync(file, stringify({ rule_files: ['alerts.yaml'], evaluation_interval: '1m', tests }));
    expect(run('test', 'rules', file)).toContain('SUCCESS');
  });
});
