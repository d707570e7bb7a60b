/** Settings of what sync writes to a database: columns of the table of users, or statements of the operator's own. */
import { z } from 'zod';
import {
  column,
  columnPlace,
  columnsIn,
  conversion,
  fieldsWith,
  passwordWords,
} from '../../apply-settings.ts';
import { sqlTemplate } from '../../sql-template.ts';

const CHANGES = ['update', 'insert', 'merge', 'delete'];
const statement = (binds: string) => `One statement with ${binds}. It may change one row.`;
const own = (purpose: string) => sqlTemplate(CHANGES, ['id', 'value'], ['before']).describe(purpose);

export const sqlPlace = z
  .union([
    columnPlace,
    z.strictObject({
      statement: own(statement(':id and :value, and :before where it is to be compared')),
      ...conversion,
    }),
  ])
  .meta({ id: 'LegacyApplySqlPlace' });
export const sqlRoles = z
  .union([
    sqlPlace,
    z.strictObject({
      add: sqlTemplate(CHANGES, ['id', 'value']).describe(statement(':id and :value, a role that comes')),
      remove: sqlTemplate(CHANGES, ['id', 'value']).describe(
        'One statement with :id and :value, a role that goes.',
      ),
      values: conversion.values,
    }),
  ])
  .meta({ id: 'LegacyApplySqlRoles' });
const password = z
  .union([
    z.strictObject({ column: column.describe('The column of the hash.'), ...passwordWords }),
    z.strictObject({
      statement: sqlTemplate(CHANGES, ['id', 'value']).describe(statement(':id and :value, the hash')),
      ...passwordWords,
    }),
  ])
  .optional()
  .describe('Where a new password is written.');
/** Not quoted anywhere: the same name for every engine, whatever it makes of capitals. */
const marks = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,58}(?:\.[a-z_][a-z0-9_]{0,58})?$/, {
    error: 'expected lower-case letters, digits and underscores',
  })
  .default('footbridge_applied')
  .describe('The table with what was written, so that nothing is written twice; `sync install` makes it.');

/** `server`: how another role is named, or never. */
export const sqlApply = (server: z.ZodType) =>
  z
    .strictObject({
      connection: server
        .optional()
        .describe('Another role that may write this; by default the one that reads.'),
      setup: server
        .optional()
        .describe('Another role that may make the table of marks; by default the one that writes this.'),
      marks,
      ...fieldsWith(sqlPlace, sqlRoles),
      password,
      remove: z
        .strictObject({
          statement: sqlTemplate(['delete', 'update'], ['id']).describe('One statement with :id. One row.'),
        })
        .optional()
        .describe('Takes a person out of the store.'),
    })
    .optional()
    .describe(
      'What sync writes to the legacy store: which field goes to which column. Only what is named here.',
    );
export type SqlApply = NonNullable<z.output<ReturnType<typeof sqlApply>>>;

/** What a table of users is needed for, and what may never be written. */
export function applyIssues({
  table,
  id,
  apply,
}: {
  readonly table?: string | undefined;
  readonly id: string;
  readonly apply?: SqlApply | undefined;
}): readonly (readonly [string, string])[] {
  if (!apply) return [];
  return columnsIn(apply).flatMap(([name, column]): (readonly [string, string])[] => {
    if (table === undefined) return [[name, 'a column needs `table`: without it, expected a `statement`']];
    return column === id ? [[name, 'this column is the id, which never changes']] : [];
  });
}
