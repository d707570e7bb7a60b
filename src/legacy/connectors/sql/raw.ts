/** SQL of the operator's own, with its values bound. */
import type { Knex } from 'knex';
import type { SqlTemplate } from '../../sql-template.ts';

export type Binds = Readonly<Record<string, string | number | null>>;

export const raw = (db: Knex | Knex.Transaction, { text, binds }: SqlTemplate, values: Binds) =>
  db.raw(
    text,
    binds.map((name) => values[name] ?? null),
  );
