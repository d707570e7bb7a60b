/** Settings of the export-file connector: which files, how they are written, and where a person stands in them. */
import { z } from 'zod';
import { count } from '../../../settings.ts';
import { ENCODINGS } from './source-file.ts';

const path = z.string().min(1).max(128);
const paths = z.union([path.transform((one) => [one]), z.array(path).min(1).max(5)]);
export const MAX_FILES = 4_096;

const files = z
  .array(z.string().min(1))
  .max(MAX_FILES)
  .describe(
    'Paths; `*` stands for any letters in a name, and a folder for all files in it. They may be gzipped.',
  );

const writing = {
  kind: z
    .enum(['csv', 'jsonl', 'json'])
    .describe('How the files are written; `json`: one document with an array of users in it.'),
  path: z
    .string()
    .max(256)
    .default('')
    .describe(
      'With `json`: names from the root of the document to the array, with dots between. Empty: the root.',
    ),
  columns: z
    .array(z.string().min(1).max(128))
    .min(1)
    .max(1_000)
    .optional()
    .describe('With `csv`: the columns’ names, where the file does not begin with them.'),
  delimiter: z.string().min(1).max(4).default(',').describe('With `csv`: what stands between fields.'),
  quote: z
    .string()
    .max(1)
    .default('"')
    .describe('With `csv`: what stands around fields; empty: nothing does.'),
  encoding: z
    .enum(ENCODINGS)
    .default('utf-8')
    .describe('How text is written, where no byte order mark says so. `latin1` is Windows-1252.'),
};

const related = z
  .record(
    z.string().regex(/^[A-Za-z]\w{0,31}$/),
    z
      .strictObject({
        path: path.optional().describe('What stands inside the user’s own record: an array, or an object.'),
        file: z
          .strictObject({
            ...writing,
            files: z
              .array(z.string())
              .max(MAX_FILES)
              .default([])
              // The parameter of a preset that was not given.
              .transform((all) => all.filter((one) => one !== ''))
              .describe('The files; none where the export has no such file.'),
            by: paths.describe('Where a record says whose it is: the first of these that is not empty.'),
            key: paths.optional().describe('What of the user’s own record that is; by default the id.'),
            keyAfter: z
              .string()
              .min(1)
              .max(16)
              .optional()
              .describe('Only what stands after the first of these in the key counts, where it has one.'),
          })
          .optional()
          .describe('Records of other files.'),
      })
      .refine((one) => (one.path === undefined) !== (one.file === undefined), {
        error: 'expected one of path, file',
      }),
  )
  .default({})
  .describe('What a user has several of, by the name the mapping calls it.');

export const exportFileSettings = z
  .strictObject({
    ...writing,
    files: files.min(1),
    id: path.default('id').describe('Where the primary key stands: it never changes, and makes the subject.'),
    login: z.array(path).min(1).max(5).describe('Where stands what people type.'),
    ignoreCase: z
      .enum(['email', 'all', 'none'])
      .default('email')
      .describe('Which logins are compared without regard to case; `email`: those with an @.'),
    related,
    maxRecordBytes: count(1_024, 64 * 1_024 * 1_024, 1_024 * 1_024).describe(
      'A longer record is left out, and reported.',
    ),
    reloadSeconds: count(0, 3_600, 10).describe(
      'How often the files are looked at for changes; 0: every time.',
    ),
  })
  .describe(
    'An export of users as files. Names of columns are dotted paths: `profile.email` is what stands inside `profile`.',
  );
export type ExportFileSettings = z.output<typeof exportFileSettings>;
export type Writing = Pick<
  ExportFileSettings,
  'kind' | 'path' | 'columns' | 'delimiter' | 'quote' | 'encoding'
>;
