/** A survey's report for a terminal. */
import { styleText } from 'node:util';
import type { Report } from './report.ts';
import { FATES } from './tally.ts';

const BAR_WIDTH = 24;
const SIGNS = { stops: '✗', warns: '!', tells: '·' } as const;
/** Rows of a table; the rest is in the JSON and on the page. */
const MAX_ROWS = 20;

export const count = (value: number) => value.toLocaleString('en');
export const percent = (share: number) => `${(share * 100).toFixed(share > 0.999 && share < 1 ? 2 : 1)} %`;

function bar(share: number): string {
  const full = Math.round(share * BAR_WIDTH);
  return '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`.trimEnd();
  return [styleText('dim', line(head)), ...rows.map(line)];
}

const title = (text: string) => ['', styleText('bold', text)];

export function reportText(report: Report): string {
  const { users, states, coverage } = report;
  return [
    styleText('bold', `${count(users)} users`),
    ...table(
      ['', 'users'],
      [
        ...Object.entries(states).map(([state, n]) => [state, count(n)]),
        ['with one-time codes', count(coverage.totp)],
        ['with passkeys', count(coverage.passkeys)],
        ['with recovery codes', count(coverage.recoveryCodes)],
        ['linked to other identity providers', count(coverage.identityProviderLinks)],
        ['with roles', count(coverage.roles)],
      ],
    ),
    ...targets(report),
    ...formats(report),
    ...findings(report),
    ...unmappable(report),
  ].join('\n');
}

/** The page explains them; `none`: no password in the store. */
function targets({ targets: fates, translatable, users }: Report): string[] {
  const rows = Object.entries(fates).map(([target, byFate]) => [
    target,
    ...FATES.map((fate) => count(byFate[fate].users)),
    `${bar(translatable[target]?.users ?? 0)} ${percent(translatable[target]?.users ?? 0)}`,
    translatable[target]?.recent == null ? '–' : percent(translatable[target].recent),
  ]);
  if (users === 0) return [];
  return [
    ...title('What becomes of the passwords, by target'),
    ...table(['target', ...FATES, 'goes along', 'of recent logins'], rows),
  ];
}

function formats({ formats: all }: Report): string[] {
  const rows = all.slice(0, MAX_ROWS).map(({ format, users, costs, examples }) => [
    format,
    count(users),
    Object.entries(costs)
      .sort(([, a], [, b]) => b - a)
      .slice(0, 3)
      .map(([cost, n]) => `${cost} (${count(n)})`)
      .join(', '),
    examples[0] ?? '',
  ]);
  return rows.length
    ? [...title('Password formats'), ...table(['format', 'users', 'costs', 'like'], rows)]
    : [];
}

function findings({ findings: all }: Report): string[] {
  if (all.length === 0) return [];
  return [
    ...title('What to look at'),
    ...all.flatMap(({ severity, code, sentence, users, examples }) => [
      `  ${SIGNS[severity]} ${count(users)}  ${code}: ${sentence}`,
      styleText('dim', `      ${examples.join(' · ')}`),
    ]),
  ];
}

function unmappable({ unmappable: all }: Report): string[] {
  if (all.length === 0) return [];
  return [
    ...title('Cannot be mapped: nobody of these can log in here'),
    ...all.map(({ reason, count: n, examples }) => `  ✗ ${count(n)}  ${reason}  ${examples.join(' · ')}`),
  ];
}
