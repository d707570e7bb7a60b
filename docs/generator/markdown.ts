/** Markdown (GitHub's) from plain values. */

/** A page that is generated says so, and from what. */
export function page(title: string, { from, text }: { from: string; text: string }): string {
  return `# ${title}\n\n<!-- Generated from ${from} by \`npm run docs\`. Do not edit. -->\n\n${text.trim()}\n`;
}

export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(columns), `|${' --- |'.repeat(columns.length)}`, ...rows.map(line)].join('\n');
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ') || ' ';

export const code = (text: string) => `\`${text}\``;

/** What `<name>` would otherwise be: a tag. */
export const plain = (text: string) => text.replaceAll('<', '&lt;');
