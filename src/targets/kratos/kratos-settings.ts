/** Settings that only a target of the kind `kratos` has. */
import { z } from 'zod';
import { count, httpOrigin } from '../../settings.ts';

/** Names in a JSON document; these three would be no names of ours. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);
const traitPath = z
  .string()
  .regex(/^[A-Za-z_][\w-]{0,63}(?:\.[A-Za-z_][\w-]{0,63}){0,3}$/, {
    error: 'expected a path like `email` or `name.first`',
  })
  .refine((path) => path.split('.').every((name) => !FORBIDDEN.has(name)), {
    error: 'this is no name of a trait',
  });
const trait = (what: string, path: string | null = null) =>
  traitPath.nullable().default(path).describe(`The trait that gets ${what}; null: none does.`);

/** By the names of `ProfileField`. */
const traits = z
  .strictObject({
    email: trait('the email address', 'email'),
    username: trait('the username'),
    givenName: trait('the given name, as `name.first`'),
    familyName: trait('the family name, as `name.last`'),
    nickname: trait('the nickname'),
    displayName: trait('the display name'),
    locale: trait('the language, as BCP 47 has it'),
    phone: trait('the phone number, as E.164 has it'),
  })
  .superRefine((paths, context) => {
    const used = Object.entries(paths).flatMap(([field, path]) => (path === null ? [] : [{ field, path }]));
    for (const { field, path } of used) {
      const other = used.find((one) => one.field !== field && `${path}.`.startsWith(`${one.path}.`));
      if (other)
        context.addIssue({
          code: 'custom',
          path: [field],
          message: `${other.field} is written there already`,
        });
    }
  });

/** `region` of Ory's source (`oryx/region`). */
const REGIONS = ['eu-central', 'asia-northeast', 'us-east', 'us-west', 'eu', 'asia', 'us', 'global'] as const;

const DEFAULT_RESET_LINK_SECONDS = 86_400;

export const kratosSettings = z.strictObject({
  schemaId: z
    .string()
    .min(1)
    .max(200)
    .default('default')
    .describe('The identity schema of its users; at Ory Network as `preset://email` or its id.'),
  traits: traits
    .prefault({})
    .describe(
      'Where in the traits each piece goes. Kratos refuses everybody with a trait that its schema lacks.',
    ),
  metadata: z
    .enum(['metadata_admin', 'metadata_public'])
    .default('metadata_admin')
    .describe(
      'Where the legacy id and other metadata go: for administrators only, or for the person to see.',
    ),
  region: z
    .enum(REGIONS)
    .exactOptional()
    .describe('Where at Ory Network new users are kept; elsewhere and by default leave it out.'),
  publicUrl: httpOrigin
    .exactOptional()
    .describe(
      'The origin of its public API, where a password is tried that somebody has typed; without it none is.',
    ),
  resetLinkSeconds: count(60, 30 * 86_400, DEFAULT_RESET_LINK_SECONDS).describe(
    'How long a link to choose a new password is good.',
  ),
});
export type KratosSettings = z.output<typeof kratosSettings>;
