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
