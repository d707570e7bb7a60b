/** A report in parts, written once and shown as text and as one HTML file that needs nothing else. */
import { styleText } from 'node:util';

export interface Section {
  readonly title: string;
  /** Plain sentences. */
  readonly text?: readonly string[];
  readonly table?: Table;
  /** As it is, like JSON. */
  readonly code?: string;
}

export interface Table {
  readonly head: readonly string[];
  /** Cells that are numbers stand to the right. */
  readonly rows: readonly (readonly string[])[];
}

const INDENT = '  ';
const NUMBER = /^[\d,.]+( %)?$/;

export function sectionsText(sections: readonly Section[]): string {
  return sections
    .map(({ title, text = [], table, code }) =>
      [
        styleText('bold', title),
        ...text.map((sentence) => INDENT + seen(sentence)),
        ...(table ? tableText(table) : []),
        ...(code ? code.split('\n').map((line) => INDENT + line) : []),
      ].join('\n'),
    )
    .join('\n\n');
}

/** What a target or a legacy store says may hold what moves a terminal's cursor, or turns its text around. */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
export const seen = (text: string): string => text.replace(UNSEEN, ' ');

export function tableText({ head, rows: given }: Table): string[] {
  const rows = given.map((row) => row.map(seen));
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[], isHead = false) =>
    (
      INDENT +
      cells
        .map((cell, i) =>
          isRight(rows, i)
            ? cell.padStart(widths[i]!)
            : i === cells.length - 1 && !isHead
              ? cell
              : cell.padEnd(widths[i]!),
        )
        .join(INDENT)
    ).trimEnd();
  const isNamed = head.some((title) => title !== '');
  return [...(isNamed ? [styleText('dim', line(head, true))] : []), ...rows.map((row) => line(row))];
}

const isRight = (rows: Table['rows'], column: number) =>
  rows.length > 0 && rows.every((row) => NUMBER.test(row[column] ?? ''));

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
export const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

const STYLE = `
:root{color-scheme:light dark;--line:#8884}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
pre{overflow-x:auto;padding:1rem;border:1px solid var(--line);border-radius:.3rem;font-size:.85rem}
`;

export function sectionsPage(title: string, sections: readonly Section[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>
<h1>${escaped(title)}</h1>
${sections.map(sectionHtml).join('\n')}
</main></body></html>
`;
}

function sectionHtml({ title, text = [], table, code }: Section): string {
  const sentences = text.map((sentence) => `<p>${escaped(sentence)}</p>`).join('');
  return `<section><h2>${escaped(title)}</h2>${sentences}${table ? tableHtml(table) : ''}${code ? `<pre>${escaped(code)}</pre>` : ''}</section>`;
}

function tableHtml({ head, rows }: Table): string {
  const row = (cells: readonly string[], tag: 'td' | 'th') =>
    `<tr>${cells.map((cell, i) => `<${tag}${isRight(rows, i) ? ' class="n"' : ''}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${row(head, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table>`;
}
