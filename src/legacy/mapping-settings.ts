/**
 * The mapping as data: where each claim comes from, what proves it, which columns hold a password. Nothing in it is
 * evaluated as code; unknown words are refused when the config is loaded.
 */
import { z } from 'zod';
import { Secret, secret } from '../settings.ts';

import { identityProviderLink, passkeys, recoveryCodes, totp } from './factor-settings.ts';
import { column, field, proof } from './field-settings.ts';
import { formatName } from './format-name.ts';
import { organizations } from './organization-settings.ts';
import { checkRecipe, recipe } from './recipe-settings.ts';

export type { LinkMapping, PasskeyMapping, RecoveryCodeMapping, TotpMapping } from './factor-settings.ts';
export type { Condition, Field, Proof, Transform } from './field-settings.ts';
export { field, proof, transform } from './field-settings.ts';

const siteSetting = z
  .union([secret, z.number(), z.boolean()])
  .transform((value) => (value instanceof Secret ? value : new Secret(String(value))));

const password = z
  .strictObject({
    format: formatName
      .optional()
      .describe('The format’s name, or `auto` where each hash carries an unmistakable mark.'),
    recipe: recipe.optional(),
    columns: z
      .record(z.string(), field)
      .refine((columns) => Object.keys(columns).length > 0, { error: 'expected at least one column' })
      .describe(
        'The format’s column names, or those that the recipe uses, to ours. The first is the hash: where it is empty there is no such password.',
      ),
    from: column.optional().describe('The related rows that hold passwords, one each.'),
    when: proof.optional().describe('Which rows hold a password of this format.'),
    settings: z
      .record(z.string(), siteSetting)
      .optional()
      .describe('Site-wide values: pepper, site key, iterations.'),
    username: field.optional().describe('The user name that the hash depends on.'),
  })
  .superRefine(checkRecipe)
  .transform(({ format = 'recipe', ...rest }) => ({ format, ...rest }));
export type PasswordMapping = z.output<typeof password>;

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
  lastLogin: field
    .optional()
    .describe('When they last logged in: weighs what a survey counts. A time without a zone is UTC.'),
  updatedAt: field.optional().describe('When the profile was last changed. A time without a zone is UTC.'),
  disabled: proof.default(false).describe('Who may no longer log in.'),
  locked: proof.default(false).describe('Who may not log in for the time being.'),
  roles: z
    .union([field.transform((one) => [one]), z.array(field)])
    .default([])
    .describe('Names of roles.'),
  groups: z
    .union([field.transform((one) => [one]), z.array(field)])
    .default([])
    .describe('Names of groups, where they are to be told from roles at the target. No claim.'),
  organizations: organizations.optional(),
  attributes: z.record(claimName, field).default({}).describe('Further claims.'),
  metadata: z
    .record(z.string().regex(/^[\w.:-]{1,200}$/, { error: 'not a name for metadata' }), field)
    .default({})
    .describe('What the target is told besides, by name. No claims: it stands in no token.'),
  password: z.array(password).default([]).describe('Every place where a password may be stored.'),
  totp: totp.optional(),
  passkeys: passkeys.optional(),
  recoveryCodes: recoveryCodes.optional(),
  identityProviderLinks: z
    .array(identityProviderLink)
    .default([])
    .describe('Accounts elsewhere that a person logs in with.'),
});
export type Mapping = z.output<typeof mapping>;
