/** Every setting, from the schema that checks the file. */
import { z } from 'zod';
import { settings } from '../../src/config.ts';
import { columnPlace } from '../../src/legacy/apply-settings.ts';
import { sqlPlace, sqlRoles } from '../../src/legacy/connectors/sql/apply-settings.ts';
import { field, proof, transform } from '../../src/legacy/mapping-settings.ts';
import { secret } from '../../src/settings.ts';
import { signingKey } from '../../src/targets/target-settings.ts';
import { code, page, plain, table } from './markdown.ts';

/** As much of JSON Schema as our settings make. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly not?: Schema;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  /** Two of them: a pair of bounds. */
  readonly items?: Schema | readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

function schemaOf(schema: z.ZodType): Schema {
  const made = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' });
  const { definitions = {}, ...root } = made as Record<string, unknown>;
  return inlined(root, definitions as Record<string, unknown>) as Schema;
}

/**
 * With what `$ref` names in its place, however the reference is wrapped to carry a sentence of its own. What is within
 * itself (any JSON) is anything at the second time.
 */
function inlined(
  value: unknown,
  definitions: Readonly<Record<string, unknown>>,
  within: readonly unknown[] = [],
): unknown {
  if (Array.isArray(value)) return value.map((inner) => inlined(inner, definitions, within));
  if (!isSchema(value)) return value;
  const { $ref, allOf, ...own } = value as Record<string, unknown>;
  // The schema's own name; a setting called `id` is an object.
  if (typeof own.id === 'string') delete own.id;
  const known = $ref !== undefined && within.includes($ref);
  const referred =
    typeof $ref === 'string' && !known ? definitions[$ref.replace('#/definitions/', '')] : undefined;
  const inside = [...within, $ref];
  const bases = [referred, ...(Array.isArray(allOf) ? allOf : [])].map((base) =>
    inlined(base, definitions, inside),
  );
  const rest = Object.entries(own).map(([name, inner]) => [name, inlined(inner, definitions, within)]);
  return Object.assign({}, ...bases, Object.fromEntries(rest));
}

/** Schemas that occur in many places: described once, and named there. */
const SHAPES: readonly { readonly name: string; readonly schema: Schema }[] = [
  { name: 'secret', schema: schemaOf(secret) },
  { name: 'key', schema: schemaOf(signingKey) },
  { name: 'field', schema: schemaOf(field) },
  { name: 'transform', schema: schemaOf(transform) },
  { name: 'condition', schema: branchWith(proof, 'present') },
  { name: 'proof', schema: schemaOf(proof) },
  { name: 'place', schema: schemaOf(columnPlace) },
  { name: 'place-in-sql', schema: schemaOf(sqlPlace) },
  { name: 'roles-in-sql', schema: schemaOf(sqlRoles) },
  // Where a column's name alone would be taken for something else.
  { name: 'field', schema: branchWith(field, 'column') },
];

function branchWith(schema: z.ZodType, property: string): Schema {
  const found = schemaOf(schema).anyOf?.find(({ properties }) => properties?.[property]);
  if (!found) throw new Error(`no branch has ${property} any more`);
  return found;
}

const FILLED_IN = '…';
/** The least that is a configuration: what stands in it after parsing are the defaults. */
const DEFAULTS = settings.parse({
  database: { url: 'postgres://localhost' },
  masterKey: Buffer.alloc(32).toString('base64'),
  legacy: { store: 'shop', sql: { engine: 'sqlite', file: FILLED_IN, table: FILLED_IN, login: [FILLED_IN] } },
});

const SHAPES_TEXT = `A **secret** is text, best as \`\${NAME}\` from the environment, or \`{ file: /path }\`, whose trailing newline is cut. It is
never printed. A **field** is the name of a column, or the object below; a **proof** is \`true\` or \`false\`, the name of a
column that says yes, a condition, or several of them under \`all\` or \`any\`. A **place** is where sync writes: the name of a
column, or the object below.`;

interface Row {
  readonly path: string;
  readonly value: string;
  readonly fallback: string;
  readonly what: string;
}

export function settingsPage(): string {
  const schema = schemaOf(settings);
  const sections = Object.entries(schema.properties ?? {}).map(([name, value]) =>
    section(name, rowsOf(value, name, schema.required?.includes(name) ?? false)),
  );
  const names = [...new Set(SHAPES.map(({ name }) => name))].filter((name) => name !== 'secret');
  const shapes = names.map((name) => `### ${name}\n\n${rowTable(insideOf(lastOf(name), ''))}`);
  const text = [INTRODUCTION, ...sections, '## Shapes', SHAPES_TEXT, ...shapes].join('\n\n');
  return page('Settings', { from: 'the schemas in `src/config.ts` and every room', text });
}

const INTRODUCTION = `One YAML file, \`footbridge.yaml\`. In its text values \`\${NAME}\` is replaced by an environment variable and
\`\${NAME:-text}\` falls back to the text. Unknown keys are refused; \`footbridge config check\` names every problem with line
and column. [config.schema.json](config.schema.json) is the same for editors. \`[]\` stands for each entry of a list,
\`<name>\` for a name of your own. A commented example: [example/footbridge.yaml](../../example/footbridge.yaml).`;

/** A shape's object, where it may be written shorter, too. */
const lastOf = (wanted: string): Schema => SHAPES.findLast(({ name }) => name === wanted)?.schema ?? {};

function section(name: string, rows: readonly Row[]): string {
  return `## ${name}\n\n${rowTable(onceOnly(name, rows))}`;
}

/** A list of the very things that may also stand alone (`legacy.stores[]`): their settings are described once. */
function onceOnly(name: string, rows: readonly Row[]): Row[] {
  const paths = new Set(rows.map(({ path }) => path));
  const twin = (path: string) => `${name}.${path.replace(/^[^[]*\[\]\./, '')}`;
  const isRepeated = ({ path }: Row) =>
    path.startsWith(`${name}.`) && path.includes('[].') && paths.has(twin(path)) && twin(path) !== path;
  const lists = new Set(rows.filter(isRepeated).map(({ path }) => path.replace(/\[\]\..*/, '')));
  return rows
    .filter((row) => !isRepeated(row))
    .map((row) =>
      lists.has(row.path) ? { ...row, what: `${row.what} Each has the settings of ${name}.` } : row,
    );
}

function rowTable(rows: readonly Row[]): string {
  return table(
    ['Setting', 'Value', 'Default', 'What'],
    rows.map(({ path, value, fallback, what }) => [code(path), value, fallback, plain(what)]),
  );
}

/** The setting itself, unless it is an object nobody described, and everything inside it. */
function rowsOf(schema: Schema, path: string, isRequired: boolean): Row[] {
  const inside = shapeName(schema) ? [] : insideOf(schema, path);
  const isHeading = schema.description === undefined && inside.length > 0;
  return isHeading ? inside : [ownRow(schema, path, isRequired), ...inside];
}

function ownRow(schema: Schema, path: string, isRequired: boolean): Row {
  const { description = '', default: fallback = defaultAt(path) } = schema;
  const isObject = fallback !== null && typeof fallback === 'object' && !Array.isArray(fallback);
  const shown = isRequired
    ? 'required'
    : fallback === undefined || isObject
      ? ''
      : code(JSON.stringify(fallback));
  return { path, value: kindOf(schema), fallback: shown, what: description };
}

/** JSON Schema drops the default of what is transformed; the parsed settings have it. */
function defaultAt(path: string): unknown {
  const value = path
    .split('.')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], DEFAULTS);
  const isShown = typeof value !== 'object' || (Array.isArray(value) && value.length === 0);
  return isShown && value !== FILLED_IN ? value : undefined;
}

function insideOf(schema: Schema, path: string): Row[] {
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) {
    const objects = branches.filter((branch) => !shapeName(branch));
    return merged(objects.map((branch) => ({ name: variantOf(branch), rows: insideOf(branch, path) })));
  }
  if (isSchema(schema.items)) return rowsInItems(schema.items, `${path}[]`);
  if (schema.properties) {
    const present = Object.entries(schema.properties).filter(([, value]) => !value.not);
    return present.flatMap(([name, value]) =>
      rowsOf(value, path ? `${path}.${name}` : name, schema.required?.includes(name) ?? false),
    );
  }
  const { additionalProperties: values } = schema;
  return isSchema(values) ? rowsInItems(values, `${path}.<name>`) : [];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rowsInItems(items: Schema, path: string): Row[] {
  return shapeName(items) ? [] : insideOf(items, path);
}

interface Variant {
  readonly name: string | undefined;
  readonly rows: readonly Row[];
}

/** What the variants of one setting have in common stands once; what only some have says which. */
function merged(variants: readonly Variant[]): Row[] {
  const filled = variants.filter(({ rows }) => rows.length > 0);
  const groups = new Map<string, { row: Row; names: (string | undefined)[] }>();
  for (const { name, rows } of filled) {
    for (const row of rows) {
      const key = JSON.stringify(row);
      const group = groups.get(key) ?? { row, names: [] };
      group.names.push(name);
      groups.set(key, group);
    }
  }
  const rows = [...groups.values()].map(({ row, names }) => {
    const known = names.filter((name) => name !== undefined);
    const isCommon =
      names.length === filled.length || known.length === 0 || known.some((name) => isTold(name, row));
    return isCommon ? row : { ...row, what: `${row.what} (${known.join(', ')})`.trim() };
  });
  const paths = [...new Set(rows.map(({ path }) => path))];
  return paths.flatMap((path) => together(rows.filter((row) => row.path === path)));
}

/** Values that nothing is said about stand in one row. */
function together(rows: readonly Row[]): Row[] {
  const [first] = rows;
  if (!first || rows.some(({ what }) => what !== '')) return [...rows];
  return [{ ...first, value: [...new Set(rows.map(({ value }) => value))].join(', ') }];
}

/** The row that makes the variant what it is need not say so. */
function isTold(name: string, { path, value }: Row): boolean {
  const [property, constant] = name.split(': ');
  return path.endsWith(`.${property}`) && value === code(constant ?? '');
}

/** The value by which a variant is told: `engine: mysql`. */
function variantOf({ properties = {} }: Schema): string | undefined {
  const found = Object.entries(properties).find(([, value]) => value.const !== undefined);
  return found && `${found[0]}: ${String(found[1].const)}`;
}

function kindOf(schema: Schema): string {
  const shape = shapeName(schema);
  if (shape) return `a ${shape}`;
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.enum) return schema.enum.map((value) => code(String(value))).join(', ');
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) return [...new Set(branches.map(kindOf))].join(' or ');
  const { type, items, additionalProperties: values } = schema;
  if (type === 'array') return isSchema(items) ? `list of ${several(kindOf(items))}` : '[lowest, highest]';
  if (type === 'object') return isSchema(values) ? `${several(kindOf(values))} by name` : 'object';
  if (type === 'integer' || type === 'number') return bounds(schema);
  return [type ?? 'any']
    .flat()
    .map((name) => PLAIN[name] ?? name)
    .join(' or ');
}

const PLAIN: Readonly<Record<string, string>> = { string: 'text', boolean: '`true`, `false`' };

const several = (value: string) => value.replace(/^a (\w+)$/, '$1s').replace(/^object$/, 'objects');

function bounds({ minimum, maximum }: Schema): string {
  const isOpen = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER;
  if (isOpen) return minimum === undefined || minimum < 0 ? 'number' : `number from ${minimum}`;
  return `${minimum ?? 0} to ${maximum}`;
}

function shapeName(schema: Schema): string | undefined {
  const bare = essence(schema);
  return SHAPES.find((shape) => essence(shape.schema) === bare)?.name;
}

/** The schema without what each place says of it: its sentence and its default. */
function essence(schema: Schema): string {
  const { description: _sentence, default: _fallback, ...rest } = schema as Record<string, unknown>;
  delete rest.$schema;
  return JSON.stringify(sorted(rest));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}
