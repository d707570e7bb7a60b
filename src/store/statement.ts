/**
 * One step of a login touches several rooms' tables. Each room writes its own part; together they are one SQL
 * statement: one round trip, one commit, all or nothing.
 */

/** A named common table expression. Its values are numbered from $1 in its own text. */
export interface Part {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A type in SQL, and one value per row. */
export type RowsColumn = readonly [type: string, values: readonly unknown[]];

/** Rows of ours as a part: column → its values; all columns are of one length. Of type `jsonb` the values are JSON texts. */
export function rowsPart(name: string, columns: Readonly<Record<string, RowsColumn>>): Part {
  const entries = Object.entries(columns);
  const names = entries.map(([column]) => column).join(', ');
  const sent = entries.map(([, [type]], index) => `$${index + 1}::${type === 'jsonb' ? 'text' : type}[]`);
  const read = entries.map(([column, [type]]) => (type === 'jsonb' ? `${column}::jsonb` : column));
  return {
    name,
    text: `select ${read.join(', ')} from unnest(${sent.join(', ')}) as r(${names})`,
    values: entries.map(([, [, values]]) => values),
  };
}

/** Joins parts into `with a as (…), b as (…) <final>`, renumbering the values. Later parts may read earlier ones by name. */
export function compose(parts: readonly Part[], final: string): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const ctes = parts.map((part) => {
    const offset = values.length;
    values.push(...part.values);
    return `${part.name} as (${part.text.replace(/\$(\d+)/g, (_, n: string) => `$${Number(n) + offset}`)})`;
  });
  return { text: ctes.length ? `with ${ctes.join(',\n')}\n${final}` : final, values };
}
