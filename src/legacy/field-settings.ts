/** How the mapping says where a value comes from, and what has to be true of it. */
import { z } from 'zod';

export const column = z.string().min(1).max(128);
const scalar = z.union([z.string(), z.number(), z.boolean()]);

const pattern = z
  .string()
  .min(1)
  .max(200)
  .transform((source, context) => {
    try {
      return new RegExp(source, 'u');
    } catch {
      context.addIssue({ code: 'custom', message: 'not a regular expression' });
      return z.NEVER;
    }
  });

export const transform = z
  .union([
    z.enum(['trim', 'lower', 'upper', 'firstWord', 'restWords', 'hex']),
    z.strictObject({ split: z.string().min(1).describe('Text into a list, at this separator.') }),
    z.strictObject({ before: z.string().min(1).describe('What stands before the first of these.') }),
    z.strictObject({ after: z.string().min(1).describe('What stands after the first of these.') }),
    z.strictObject({ prefix: z.string().min(1).describe('Puts this in front.') }),
    z.strictObject({
      jsonPath: z
        .string()
        .min(1)
        .describe('A value inside a JSON document: names and indexes with dots between; `.` is all of it.'),
    }),
    z.strictObject({
      extract: pattern.describe('Every match of this expression; its first group where it has one.'),
    }),
    z.strictObject({
      map: z.record(z.string(), scalar).describe('Values to values; one that is not listed is absent.'),
    }),
  ])
  .meta({ id: 'LegacyTransform', description: 'One step from the stored value to the claim.' });
export type Transform = z.output<typeof transform>;

const source = {
  column: column.optional().describe('The column, or the attribute.'),
  columns: z
    .array(column)
    .min(2)
    .optional()
    .describe('Several columns: joined with `join`, else the first that is not empty.'),
  join: z.string().optional().describe('What stands between joined columns.'),
  from: column
    .optional()
    .describe('The related rows (`sql.queries.related`) to look in instead of the user’s own.'),
  where: z
    .record(z.string(), scalar)
    .optional()
    .describe('Only those related rows whose columns have these values.'),
  transform: z.array(transform).max(10).default([]).describe('Steps, in this order.'),
};
type SourceKeys = {
  column?: unknown;
  columns?: unknown;
  value?: unknown;
  join?: unknown;
  from?: unknown;
  where?: unknown;
};

const hasOneSource = (field: SourceKeys) =>
  [field.column, field.columns, field.value].filter((key) => key !== undefined).length === 1;
const oneSource = { error: 'expected exactly one of column, columns, value' };
const isWellFormed = (field: SourceKeys) =>
  (field.join === undefined || field.columns !== undefined) &&
  (field.where === undefined || field.from !== undefined);
const wellFormed = { error: '`join` needs `columns`, and `where` needs `from`' };

export const fieldObject = z
  .strictObject({
    ...source,
    value: scalar.optional().describe('A constant instead of a column.'),
    default: scalar.optional().describe('Where there is no value.'),
    list: z.boolean().default(false).describe('For attributes: always a list, even of one.'),
  })
  .refine(hasOneSource, oneSource)
  .refine(isWellFormed, wellFormed);

/** A column's name, or more words about where the value comes from. */
export const field = z
  .union([column.transform((name) => ({ column: name, transform: [], list: false })), fieldObject])
  .meta({ id: 'LegacyField' });
/** Where a value comes from. */
export interface Field {
  readonly column?: string | undefined;
  readonly columns?: readonly string[] | undefined;
  readonly join?: string | undefined;
  readonly value?: string | number | boolean | undefined;
  readonly from?: string | undefined;
  readonly where?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly transform: readonly Transform[];
  readonly default?: string | number | boolean | undefined;
  readonly list: boolean;
}

const TESTS = [
  'present',
  'truthy',
  'equals',
  'oneOf',
  'noneOf',
  'startsWith',
  'matches',
  'future',
  'past',
] as const;

const condition = z
  .strictObject({
    ...source,
    present: z.boolean().optional().describe('Whether there is a value that is not empty.'),
    truthy: z.boolean().optional().describe('Whether it says yes: 1, true, t, yes, y, on, j, ja.'),
    equals: scalar.optional().describe('The very same text or number.'),
    oneOf: z.array(scalar).min(1).optional().describe('One of these.'),
    noneOf: z.array(scalar).min(1).optional().describe('None of these.'),
    startsWith: z.string().min(1).optional().describe('How the text begins.'),
    matches: pattern.optional().describe('A regular expression.'),
    future: z.boolean().optional().describe('Whether it is a moment that is still to come.'),
    past: z.boolean().optional().describe('Whether it is a moment that has passed.'),
  })
  .refine(hasOneSource, { error: 'expected exactly one of column, columns' })
  .refine(isWellFormed, wellFormed)
  .refine((test) => TESTS.filter((name) => test[name] !== undefined).length === 1, {
    error: `expected exactly one test: ${TESTS.join(', ')}`,
  })
  .transform((test) => ({ ...test, list: false }));
export type Condition = z.output<typeof condition>;

/** Yes or no: a constant, the name of a column that says yes, a condition, or several of them. */
export const proof = z
  .union([
    z.boolean(),
    column.transform((name): Condition => ({ column: name, truthy: true, transform: [], list: false })),
    condition,
    z.strictObject({ all: z.array(condition).min(1).describe('Every one of these.') }),
    z.strictObject({ any: z.array(condition).min(1).describe('At least one of these.') }),
  ])
  .meta({ id: 'LegacyProof' });
export type Proof = z.output<typeof proof>;
