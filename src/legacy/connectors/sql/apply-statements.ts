/** The statements of one write: an update of the user’s row that compares what was there, and the operator's own. */
import type { Knex } from 'knex';
import { FootbridgeError } from '../../../errors.ts';
import type { ColumnChange, ColumnsInput, StoreValue } from '../../apply.ts';
import type { Place } from '../../apply-settings.ts';
import { keyOf, placesIn } from '../../apply-settings.ts';
import type { SqlTemplate } from '../../sql-template.ts';
import type { Binds } from './raw.ts';
import { raw } from './raw.ts';
import type { SqlSettings } from './sql-settings.ts';

export interface Statement {
  /** For errors. */
  readonly name: string;
  readonly query: (transaction: Knex.Transaction) => Knex.Raw;
  /** Rows that it has to change, and may change. */
  readonly least: 0 | 1;
  readonly most: number;
}

/** One person's rows of a role that goes; more, and the statement has lost its condition. */
const MAX_ROLE_ROWS = 1_000;

export function statementsFor({ id, columns }: ColumnsInput, settings: SqlSettings): readonly Statement[] {
  const all = Object.entries(columns);
  const own = all.flatMap(([key, change]) =>
    key.startsWith(':') ? ownStatements(key, change, { id, settings }) : [],
  );
  const generated = all.filter(([key]) => !key.startsWith(':'));
  return [...(generated.length > 0 ? [update(id, generated, settings)] : []), ...own];
}

/** Whether there is a person with this id. */
export const presence =
  (id: string, { table, id: column }: SqlSettings) =>
  (transaction: Knex.Transaction): Knex.Raw =>
    transaction.raw('select ?? from ?? where ?? = ?', [column, table as string, column, id]);

export function removal(id: string, { apply }: SqlSettings): Statement {
  const template = apply?.remove?.statement;
  if (!template) throw new FootbridgeError('not_found', { detail: '`apply.remove` is not configured' });
  return {
    name: 'sql.apply.remove',
    query: (transaction) => raw(transaction, template, { id }),
    least: 1,
    most: 1,
  };
}

type Change = readonly [string, ColumnChange];
type EngineName = SqlSettings['engine'];
/** SQL with `??` for names and `?` for values. */
interface Fragment {
  readonly text: string;
  readonly bindings: readonly unknown[];
}

function update(id: string, changes: readonly Change[], settings: SqlSettings): Statement {
  const { table, id: idColumn, engine } = settings;
  const sets = changes.map(([column, { after }]) => assigned(column, after, engine));
  const conditions = changes.flatMap(([column, { before }]) =>
    before === undefined ? [] : [compared(column, before, engine)],
  );
  const where = [{ text: '?? = ?', bindings: [idColumn, id] }, ...conditions];
  const joined = (all: readonly Fragment[], between: string) => all.map(({ text }) => text).join(between);
  const text = `update ?? set ${joined(sets, ', ')} where ${joined(where, ' and ')}`;
  const bindings = [table, ...[...sets, ...where].flatMap((one) => one.bindings)];
  return {
    name: 'sql.apply',
    query: (transaction) => transaction.raw(text, bindings as Knex.RawBinding[]),
    least: 1,
    most: 1,
  };
}

/** MySQL takes a text for a number, but not for a BIT. */
function assigned(column: string, value: StoreValue, engine: EngineName): Fragment {
  if (Array.isArray(value) && engine !== 'postgresql') {
    const detail = `sql.apply.roles: ${engine} has no column for several values: expected a \`split\` in the mapping, or statements`;
    throw new FootbridgeError('config_invalid', { detail });
  }
  const bindings = [column, bound(value, engine)];
  if (value instanceof Date && engine === 'oracle')
    return { text: "?? = to_timestamp(?, 'YYYY-MM-DD HH24:MI:SS')", bindings };
  const isNumber = typeof value === 'number' || typeof value === 'boolean';
  return { text: engine === 'mysql' && isNumber ? '?? = ? + 0' : '?? = ?', bindings };
}

const ISO_MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

/** The very same, whatever letters the column's collation takes for one another. */
function compared(column: string, before: StoreValue, engine: EngineName): Fragment {
  const value = bound(before, engine);
  if (value === null) return { text: '?? is null', bindings: [column] };
  // Their drivers round moments, and write them in a way that the column does not compare with.
  if ((engine === 'mssql' || engine === 'oracle') && typeof before === 'string' && ISO_MOMENT.test(before))
    return { text: '?? is not null', bindings: [column] };
  return { text: comparison(before, engine), bindings: [column, value] };
}

function comparison(before: StoreValue, engine: EngineName): string {
  if (engine === 'sqlite') return '?? = ? collate binary';
  if (engine !== 'mysql') return '?? = ?';
  if (typeof before === 'string') return '?? = ? collate utf8mb4_bin';
  // A BIT is compared as a number with bytes that are none.
  return before instanceof Uint8Array ? 'cast(?? as binary) = ?' : '?? = ? + 0';
}

function bound(value: StoreValue, engine: EngineName): unknown {
  if (value instanceof Date) return momentIn(value, engine);
  if (typeof value === 'boolean') return engine === 'postgresql' ? String(value) : Number(value);
  return typeof value === 'bigint' && engine !== 'sqlite' ? String(value) : value;
}

/** In UTC, to the second. SQL Server reads the other form by the language of its login. */
const momentIn = (moment: Date, engine: EngineName) =>
  moment
    .toISOString()
    .slice(0, 19)
    .replace('T', engine === 'mssql' ? 'T' : ' ');

interface Own {
  readonly id: string;
  readonly settings: SqlSettings;
}

function ownStatements(key: string, change: ColumnChange, { id, settings }: Own): Statement[] {
  const { apply, engine } = settings;
  const places = apply ? [...placesIn(apply), ['password', (apply.password ?? {}) as Place] as const] : [];
  const [name, place] = places.find(([field, one]) => keyOf(field, one) === key) ?? [];
  const statement = (
    template: SqlTemplate | undefined,
    value: StoreValue,
    rows: Pick<Statement, 'least' | 'most'>,
  ) => {
    if (!template) throw new FootbridgeError('not_found', { detail: `\`apply.${name}\` is not configured` });
    const binds = { id, value: text(value, engine), before: text(change.before ?? null, engine) } as Binds;
    const query = (transaction: Knex.Transaction) => raw(transaction, template, binds);
    // `on duplicate key update` counts a row that it changes as two.
    const isUpsert = engine === 'mysql' && /^insert/i.test(template.text);
    return { name: `sql.apply.${name}`, query, ...rows, most: isUpsert ? Math.max(2, rows.most) : rows.most };
  };
  if (!place?.add) return [statement(place?.statement, change.after, { least: 1, most: 1 })];
  const [were, will] = [listOf(change.before), listOf(change.after)];
  // A role that is there already, or gone already, is as it should be.
  return [
    ...were
      .filter((role) => !will.includes(role))
      .map((role) => statement(place.remove, role, { least: 0, most: MAX_ROLE_ROWS })),
    ...will
      .filter((role) => !were.includes(role))
      .map((role) => statement(place.add, role, { least: 0, most: 1 })),
  ];
}

const listOf = (value: StoreValue | undefined): readonly string[] =>
  Array.isArray(value) ? (value as readonly string[]) : [];

/** Several names with commas between. */
const text = (value: StoreValue, engine: EngineName) =>
  Array.isArray(value) ? value.join(',') : bound(value, engine);
