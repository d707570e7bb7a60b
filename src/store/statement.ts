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

/**
 * Joins parts into `with a as (…), b as (…) <final>`, renumbering the values. Later parts may read earlier ones by name.
 * The parts' texts come from a few places in the code, so the same ones meet again and again: they are joined once.
 */
export function compose(parts: readonly Part[], final: string): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  let node = joined;
  for (const { name, text, values: own } of parts) {
    node = node.after(name).after(text);
    for (const value of own) values.push(value);
  }
  node = node.after(final);
  node.text ??= join(parts, final);
  return { text: node.text, values };
}

/** Texts that follow one another, and what they are together. A text that varies would make it grow: see `MOST`. */
class Joined {
  text: string | undefined;
  readonly #next = new Map<string, Joined>();

  after(text: string): Joined {
    const known = this.#next.get(text);
    if (known) return known;
    const made = new Joined();
    if (this.#next.size < MOST) this.#next.set(text, made);
    return made;
  }
}
/** After one text; there are a few dozen in all. */
const MOST = 200;
const joined = new Joined();

function join(parts: readonly Part[], final: string): string {
  let offset = 0;
  const ctes = parts.map((part) => {
    const before = offset;
    offset += part.values.length;
    return `${part.name} as (${part.text.replace(/\$(\d+)/g, (_, n: string) => `$${Number(n) + before}`)})`;
  });
  return ctes.length ? `with ${ctes.join(',\n')}\n${final}` : final;
}
