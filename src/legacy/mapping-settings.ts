/**
 * The mapping as data: where each claim comes from, what proves it, which columns hold a password. Nothing in it is
 * evaluated as code; unknown words are refused when the config is loaded.
 */
import { z } from 'zod';
import { Secret, secret } from '../settings.ts';

const column = z.string().min(1).max(128);
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

const fieldObject = z
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

const siteSetting = z
  .union([secret, z.number(), z.boolean()])
  .transform((value) => (value instanceof Secret ? value : new Secret(String(value))));

const password = z.strictObject({
  format: z
    .string()
    .min(1)
    .describe('The format’s name, or `auto` where each hash carries an unmistakable mark.'),
  columns: z
    .record(z.string(), field)
    .refine((columns) => Object.keys(columns).length > 0, { error: 'expected at least one column' })
    .describe(
      'The format’s column names to ours. The first is the hash: where it is empty there is no such password.',
    ),
  from: column.optional().describe('The related rows that hold passwords, one each.'),
  when: proof.optional().describe('Which rows hold a password of this format.'),
  settings: z
    .record(z.string(), siteSetting)
    .optional()
    .describe('Site-wide values: pepper, site key, iterations.'),
  username: field.optional().describe('The user name that the hash depends on.'),
});
export type PasswordMapping = z.output<typeof password>;

const totp = z
  .strictObject({
    secret: field.describe('The shared secret.'),
    encoding: z
      .enum(['base32', 'hex', 'base64', 'raw'])
      .default('base32')
      .describe('How the secret is written; `raw`: its UTF-8 bytes are the key, as in Keycloak.'),
    digits: z
      .union([z.literal(6), z.literal(8), field])
      .default(6)
      .describe('Length of a code, or the column with it.'),
    periodSeconds: z
      .union([z.int().min(15).max(300), field])
      .default(30)
      .describe('Seconds per code, or the column with them.'),
    algorithm: z
      .union([z.enum(['SHA1', 'SHA256', 'SHA512']), fieldObject])
      .default('SHA1')
      .describe('The HMAC, or the field with it.'),
    from: column.optional().describe('The related rows that hold second factors.'),
    when: proof
      .optional()
      .describe('Who has a second factor. Somebody who has but whose secret cannot be read is refused.'),
    encryption: z
      .strictObject({
        scheme: z
          .literal('attr_encrypted')
          .describe(
            'Ruby’s attr_encrypted with a salt per attribute (devise-two-factor up to 4): AES-256-GCM.',
          ),
        key: secret.describe('otp_secret_encryption_key of the application.'),
        iv: field.describe('The column with the initialisation vector.'),
        salt: field.describe('The column with the salt.'),
      })
      .optional()
      .describe('How the secret is encrypted in its column.'),
  })
  .describe('Time-based one-time passwords (RFC 6238).');
export type TotpMapping = z.output<typeof totp>;

/** Claims with a meaning of their own in tokens (RFC 7519 section 4.1, OpenID Connect Core sections 2 and 5.1). */
const RESERVED_CLAIMS = new Set(
  (
    'iss sub aud exp nbf iat jti auth_time nonce acr amr azp at_hash c_hash sid events name given_name family_name ' +
    'middle_name nickname preferred_username profile picture website email email_verified gender birthdate zoneinfo ' +
    'locale phone_number phone_number_verified address updated_at roles legacy_id scope client_id cnf act __proto__'
  ).split(' '),
);
const claimName = z
  .string()
  .regex(/^[A-Za-z_][\w:./-]{0,99}$/, { error: 'not a claim name' })
  .refine((name) => !RESERVED_CLAIMS.has(name), {
    error: 'this claim has a meaning of its own and its own setting',
  });

export const mapping = z.strictObject({
  login: z
    .array(
      field.refine((one) => !('from' in one) || one.from === undefined, {
        error: 'only columns of the user’s own row',
      }),
    )
    .optional()
    .describe(
      'What people may type, compared again with what they typed. By default the columns of `sql.login`.',
    ),
  username: field.optional().describe('preferred_username; by default the email address, else the id.'),
  email: field.optional().describe('Email address; absent where it is not well-formed.'),
  emailVerified: proof
    .default(false)
    .describe('What proves that the address is theirs. False without an address.'),
  phoneNumber: field.optional().describe('Telephone number.'),
  phoneNumberVerified: proof.default(false).describe('What proves that the number is theirs.'),
  name: field.optional().describe('Full name; by default given and family name.'),
  givenName: field.optional().describe('Given name.'),
  familyName: field.optional().describe('Family name.'),
  names: z
    .strictObject({
      placeholder: z
        .enum(['-', 'username', 'none'])
        .default('-')
        .describe(
          'What stands in for a given or family name that is missing. ZITADEL refuses users without: not `none` there.',
        ),
    })
    .prefault({})
    .describe('What to do about missing names.'),
  nickname: field.optional().describe('Nickname.'),
  locale: field
    .optional()
    .describe('Language: `de`, `de-CH` or `de_CH.UTF-8`; absent where it is no language tag.'),
  zoneinfo: field.optional().describe('Time zone, like Europe/Zurich.'),
  picture: field.optional().describe('URL of a picture.'),
  updatedAt: field.optional().describe('When the profile was last changed. A time without a zone is UTC.'),
  disabled: proof.default(false).describe('Who may no longer log in.'),
  locked: proof.default(false).describe('Who may not log in for the time being.'),
  roles: z
    .union([field.transform((one) => [one]), z.array(field)])
    .default([])
    .describe('Names of roles and groups.'),
  attributes: z.record(claimName, field).default({}).describe('Further claims.'),
  password: z.array(password).default([]).describe('Every place where a password may be stored.'),
  totp: totp.optional(),
});
export type Mapping = z.output<typeof mapping>;
