/** Settings of the MongoDB connector: how to reach the database, and how to find a person in it. */
import { z } from 'zod';
import { count, secret } from '../../../settings.ts';
import { missingDriver } from './driver.ts';

/** A dotted path; `$` begins an operator. */
const field = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^$.\0][^.\0]*(?:\.[^$.\0][^.\0]*)*$/, { error: 'expected a field, like profile.email' });
const name = z
  .string()
  .regex(/^[^$\0 ][^$\0]{0,119}$/, { error: 'not the name of a collection or a database' });
const url = secret.refine((one) => /^mongodb(?:\+srv)?:\/\//.test(one.reveal()), {
  error: 'expected a URL that begins with mongodb:// or mongodb+srv://',
});
/** Each is one more query per user. */
const MAX_RELATED = 8;

const related = z
  .union([
    z.strictObject({ path: field.describe('An array or a sub-document inside the user’s own.') }),
    z.strictObject({
      collection: name.describe('Documents of another collection.'),
      by: field.describe('Where they say whose they are.'),
      key: field
        .optional()
        .describe('What of the user’s own document that is, one value or several; by default the id.'),
    }),
  ])
  .describe('Where a list stands.');

/** Operators that run code in the server. */
const CODE = /"\$(?:where|function|accumulator)"/;
const filter = z
  .record(z.string(), z.json())
  .refine((given) => !CODE.test(JSON.stringify(given)), { error: 'a filter that runs code' })
  .default({});

const flag = z
  .strictObject({
    field: field.describe('Set to true for those who have moved, to false when taken back.'),
    url: url.optional().describe('Another identity that may write; by default the one that reads.'),
  })
  .describe('Marks one user as moved: the only thing that is ever written to the legacy store.');

export const mongodbSettings = z
  .strictObject({
    url: url.describe('mongodb://user:password@host/database?tls=true: a user that can only read.'),
    database: name.optional().describe('Database; by default the one in the URL.'),
    collection: name.default('users').describe('The collection of users.'),
    filter: filter.describe('Which documents are users, in MongoDB’s words; by default all.'),
    id: field
      .default('_id')
      .describe(
        'The field with the primary key: it never changes, and makes the subject. ObjectId, text, whole number or UUID.',
      ),
    login: z
      .array(field)
      .min(1)
      .max(5)
      .default(['username', 'email'])
      .describe('Fields that hold what people type; each wants an index.'),
    collation: z
      .strictObject({
        locale: z.string().min(2).max(32).default('en').describe('Language of the comparison.'),
        strength: z
          .int()
          .min(1)
          .max(3)
          .default(2)
          .describe('1: letters only; 2: accents too; 3: case as well.'),
      })
      .optional()
      .describe('Compares logins so, without regard to case; the indexes need the same collation.'),
    readPreference: z
      .enum(['primary', 'primaryPreferred', 'secondary', 'secondaryPreferred', 'nearest'])
      .default('primaryPreferred')
      .describe('Which member of a replica set is asked; secondaries may lag behind.'),
    related: z
      .record(z.string().regex(/^[A-Za-z]\w{0,31}$/), related)
      .refine((named) => Object.keys(named).length <= MAX_RELATED, { error: `at most ${MAX_RELATED}` })
      .default({})
      .describe('What a user has several of, by the name the mapping calls it.'),
    flag: flag.optional(),
    poolSize: count(1, 50, 5).describe('Connections to the legacy store.'),
  })
  .superRefine((_settings, context) => {
    const message = missingDriver();
    if (message) context.addIssue({ code: 'custom', path: [], message });
  })
  .describe(
    'MongoDB. Names of columns are dotted paths. The driver is not installed with Footbridge: `npm install mongodb@6`.',
  );
export type MongodbSettings = z.output<typeof mongodbSettings>;
