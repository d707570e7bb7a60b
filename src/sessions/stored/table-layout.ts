/** Which table, and what its columns hold: the framework's own way, changed where the settings say otherwise. */
import { z } from 'zod';
import type { TableLayout } from '../session-format.ts';
import type { FrameworkSettings } from './stored-settings.ts';
import { formatOf } from './stored-settings.ts';
import { isTimeZone } from './time-zone.ts';

const NAME = { error: 'expected letters, digits and _, not beginning with a digit' };
const column = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, NAME);
const unit = z
  .enum(['timestamp', 'seconds', 'milliseconds'])
  .default('timestamp')
  .describe(
    'How it is written: a date and time of the database, or seconds or milliseconds since the epoch.',
  );

export const tableSettings = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_]{0,62})?$/, NAME)
      .exactOptional()
      .describe('Its name, or schema.name.'),
    key: column.exactOptional().describe('The column with the session’s id.'),
    data: column.exactOptional().describe('The column with the session itself.'),
    dataIs: z.enum(['text', 'bytes']).exactOptional().describe('bytes: that column is a binary one.'),
    time: z
      .union([
        z.literal(false),
        z.strictObject({
          column: column.describe('Its name.'),
          means: z
            .enum(['expires', 'last-used'])
            .describe('Until when the session is good, or when it was used last.'),
          unit,
        }),
      ])
      .exactOptional()
      .describe('The column that says how long a session is good; false: there is none.'),
    timeZone: z
      .string()
      .max(64)
      .refine(isTimeZone, { error: 'expected a time zone, like Europe/Berlin' })
      .exactOptional()
      .describe(
        'Of columns that hold the time of the app’s own clock and no zone, like Europe/Berlin; by default UTC.',
      ),
    person: z
      .union([z.literal(false), column])
      .exactOptional()
      .describe('The column with the person; false: there is none.'),
    created: z
      .union([z.literal(false), z.strictObject({ column: column.describe('Its name.'), unit })])
      .exactOptional()
      .describe('The column that says when the session was made; false: there is none.'),
  })
  .prefault({})
  .describe('The table, where it is not the framework’s own: only what differs.');
export type TableSettings = z.output<typeof tableSettings>;

/** The name of the setting that is missing, where neither the framework nor the settings have it. */
export function layoutIn(
  settings: TableSettings,
  framework: FrameworkSettings,
): TableLayout | 'name' | 'key' | 'data' {
  const own: Partial<TableLayout> = formatOf(framework).table ?? {};
  const table = settings.name ?? own.table;
  const key = settings.key ?? own.key;
  const data = settings.data ?? own.data;
  if (table === undefined) return 'name';
  if (key === undefined) return 'key';
  if (data === undefined) return 'data';
  const [time, person, created] = [
    settings.time ?? own.time,
    settings.person ?? own.person,
    settings.created ?? own.created,
  ];
  return {
    table,
    key,
    data,
    dataIs: settings.dataIs ?? own.dataIs ?? 'text',
    ...(time ? { time } : {}),
    ...(person ? { person } : {}),
    ...(created ? { created } : {}),
  };
}
