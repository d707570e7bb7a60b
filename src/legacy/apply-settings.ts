/**
 * Settings of what sync writes to a store (`apply` of a connector): where each field goes, and how our value becomes the
 * store's. What the mapping does to one column is undone by itself where that is possible; the rest is said here.
 */
import { z } from 'zod';
import { Secret, secret } from '../settings.ts';
import type { ApplyField } from './apply.ts';
import { APPLY_FIELDS } from './apply.ts';
import { formatName } from './format-name.ts';
import type { SqlTemplate } from './sql-template.ts';

/** As it stands in the configuration. */
export type RawValue = string | number | boolean | null;

/** Where a field is written, whatever the store; one of `column`, `statement`, `add` with `remove`. */
export interface Place {
  readonly column?: string | undefined;
  readonly statement?: SqlTemplate | undefined;
  readonly add?: SqlTemplate | undefined;
  readonly remove?: SqlTemplate | undefined;
  readonly values?: Readonly<Record<string, RawValue>> | undefined;
  readonly prefix?: string | undefined;
  readonly suffix?: string | undefined;
  readonly none?: RawValue | undefined;
}

export interface PasswordPlace {
  readonly column?: string | undefined;
  readonly statement?: SqlTemplate | undefined;
  /** A format of `credentials/`, or `clear`. */
  readonly format: string;
  readonly settings?: Readonly<Record<string, Secret>> | undefined;
}

export type ApplySettings = { readonly [Field in ApplyField]?: Place | undefined } & {
  readonly password?: PasswordPlace | undefined;
  /** How a person is taken out of the store. */
  readonly remove?: unknown;
};

export const column = z.string().min(1).max(128);
const raw = z.union([z.string().max(1_000), z.number(), z.boolean(), z.null()]);

/** How our text becomes what the store has. */
export const conversion = {
  values: z
    .record(z.string(), raw)
    .optional()
    .describe(
      'Our value → the store’s, where they are different: `{ true: 1, false: 0 }`, `{ active: A, disabled: D }`, `{ true: now, false: null }`. `now` is the moment of writing, `nowSeconds` and `nowMilliseconds` the same since 1970. What is not in it cannot be written.',
    ),
  prefix: z.string().min(1).max(200).optional().describe('Put before our value.'),
  suffix: z.string().min(1).max(200).optional().describe('Put behind our value.'),
  none: raw
    .optional()
    .describe(
      "What the store has where there is nothing, by default null: `''` for a column that is never null.",
    ),
};

/** A column’s name, or more words about it. */
export const columnPlace = z
  .union([
    column.transform((name): Place => ({ column: name })),
    z.strictObject({
      column: column.describe('The column, the attribute, or the member (dots between).'),
      ...conversion,
    }),
  ])
  .meta({ id: 'LegacyApplyPlace' });

const WHAT: Readonly<Record<ApplyField, string>> = {
  username: 'What they log in with.',
  email: 'Email address.',
  emailVerified: 'Whether it is theirs: `values` for `true` and `false`.',
  phoneNumber: 'Telephone number.',
  phoneNumberVerified: 'Whether it is theirs: `values` for `true` and `false`.',
  name: 'Full name, where the mapping reads it from one column.',
  givenName: 'Given name.',
  familyName: 'Family name.',
  nickname: 'Nickname.',
  locale: 'Language.',
  state: 'Whether they may log in: `values` for `active` and `disabled`.',
  roles: 'Roles. Those that sync does not change stay.',
};

/** Every field, with what may be said of its place. */
export function fieldsWith<P extends z.ZodType<Place>, R extends z.ZodType<Place>>(place: P, roles: R) {
  const shape = APPLY_FIELDS.map((field) => {
    const one = field === 'roles' ? roles : place;
    return [field, one.optional().describe(WHAT[field])] as const;
  });
  return Object.fromEntries(shape) as {
    [Field in ApplyField]: z.ZodOptional<Field extends 'roles' ? R : P>;
  };
}

const writtenFormat = z.string().superRefine((name, context) => {
  if (name === 'clear') return;
  if (name === 'auto') context.addIssue({ code: 'custom', message: 'expected one format, or `clear`' });
  for (const { message } of formatName.safeParse(name).error?.issues ?? [])
    context.addIssue({ code: 'custom', message });
});
const siteSetting = z
  .union([secret, z.number(), z.boolean()])
  .transform((value) => (value instanceof Secret ? value : new Secret(String(value))));

/** How a password is written, besides where. */
export const passwordWords = {
  format: writtenFormat.describe(
    'The format its hash is made in, or `clear` where the store makes the hash itself.',
  ),
  settings: z
    .record(z.string(), siteSetting)
    .optional()
    .describe('Site-wide values that the format needs: pepper, site key.'),
};

/** The fields that have a place. */
export const placesIn = (apply: ApplySettings): readonly (readonly [ApplyField, Place])[] =>
  APPLY_FIELDS.flatMap((field) => {
    const place = apply[field];
    return place ? [[field, place] as const] : [];
  });

/** What a field's change is called in `ColumnsInput`: its column, or `:email` for a statement of the operator's own. */
export const keyOf = (
  field: ApplyField | 'password',
  { column: name }: { column?: string | undefined },
): string => name ?? `:${field}`;

/** Every column that is written, by what is written there. */
export const columnsIn = (apply: ApplySettings): readonly (readonly [string, string])[] =>
  [...placesIn(apply), ['password', apply.password] as const].flatMap(([name, place]) =>
    place?.column === undefined ? [] : [[name, place.column] as const],
  );
