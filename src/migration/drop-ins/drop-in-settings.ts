/** Settings of the drop-ins: which systems call our password contracts, and how each shows who it is. */
import { z } from 'zod';
import { secret } from '../../settings.ts';
import type { TargetSettings } from '../../targets/target-settings.ts';

/** What stands between a stranger and a place to guess passwords at. */
const SECRET_LENGTH = 16;
/** Header values beyond ASCII are written differently by different callers. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

const callerSecret = secret.refine(
  (value) => value.reveal().length >= SECRET_LENGTH && VISIBLE_ASCII.test(value.reveal()),
  { error: `expected at least ${SECRET_LENGTH} characters of ASCII, without blanks` },
);

const auth = z
  .strictObject({
    basic: z
      .strictObject({
        user: z
          .string()
          .regex(/^[\x21-\x39\x3b-\x7e]{1,128}$/, { error: 'expected ASCII without blanks and colons' })
          .describe('The user name.'),
        password: callerSecret.describe('At least 16 characters.'),
      })
      .optional()
      .describe('HTTP Basic (RFC 7617).'),
    bearer: callerSecret.optional().describe('`Authorization: Bearer …`, at least 16 characters.'),
    apiKey: z
      .strictObject({
        name: z
          .string()
          .regex(/^[A-Za-z0-9-]{1,64}$/)
          .describe('The header’s name; `Authorization` for a caller that sends the bare key in it.'),
        value: callerSecret.describe('All that stands in the header; at least 16 characters.'),
        in: z.literal('header').default('header').describe('Never in the address, which ends up in logs.'),
      })
      .optional()
      .describe('A header of its own.'),
  })
  .refine((ways) => Object.values(ways).filter((way) => way !== undefined).length === 1, {
    error: 'expected one of basic, bearer, apiKey',
  })
  .describe('How the caller shows who it is. A contract that nobody has to authenticate for does not exist.');

const target = z
  .string()
  .min(1)
  .describe('The target that the caller is: passwords proved here go into its ledger.');

const common = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .describe('Its name in the path, in metrics and in the audit log.'),
  auth,
  target: target.optional(),
  secondFactors: z
    .enum(['refuse', 'allow'])
    .default('refuse')
    .describe(
      'What a right password does of somebody who has a second factor, which this contract cannot carry: it is refused like a wrong one, or allowed because the caller has the factor from elsewhere.',
    ),
};

const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, { error: 'expected a UUID' });

const lookups = z
  .boolean()
  .default(false)
  .describe(
    'Answers for people with a verified email address before they have proved a password: for a forgotten password, and so that nobody signs up with their address.',
  );

const dropIn = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('ory').describe('The password migration hook of Ory Kratos.'),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('cidaas').describe('The remote verifier of cidaas’ custom hashes.'),
    ...common,
    target,
  }),
  z.strictObject({
    kind: z.literal('keycloak').describe('The keycloak-user-migration plugin.'),
    ...common,
    userId: z
      .boolean()
      .default(false)
      .describe(
        'Users get our sub as their id, and the plugin sends it with the password (`USE_USER_ID_FOR_CREDENTIAL_VERIFICATION`).',
      ),
    totp: z
      .boolean()
      .default(false)
      .describe(
        'Hands out TOTP seeds when the plugin looks somebody up, which is before any password is proved. Needs `target`, whose volume fuse counts them.',
      ),
  }),
  z.strictObject({ kind: z.literal('okta').describe('Okta’s password import inline hook.'), ...common }),
  z.strictObject({
    kind: z.literal('fusionauth').describe('FusionAuth’s generic connector.'),
    ...common,
    applications: z
      .array(uuid)
      .max(20)
      .default([])
      .describe('The ids of the applications that people are registered for.'),
  }),
  z.strictObject({
    kind: z.literal('cognito').describe('The Lambda function in example/cognito.'),
    ...common,
    lookups,
  }),
  z.strictObject({ kind: z.literal('auth0').describe('The scripts in example/auth0.'), ...common, lookups }),
]);

export type DropInSettings = z.output<typeof dropIn>;
export type DropInKind = DropInSettings['kind'];
/** The settings of some kinds. */
export type SettingsOf<K extends DropInKind> = Extract<DropInSettings, { readonly kind: K }>;

export const dropInSettings = z
  .array(dropIn)
  .max(50)
  .default([])
  .superRefine((dropIns, context) => {
    const names = new Set<string>();
    for (const [index, { name, ...one }] of dropIns.entries()) {
      if (names.has(name))
        context.addIssue({ code: 'custom', path: [index, 'name'], message: `${name} is already used` });
      names.add(name);
      if (one.kind === 'keycloak' && one.totp && one.target === undefined)
        context.addIssue({ code: 'custom', path: [index, 'totp'], message: 'needs a `target`' });
    }
  })
  .describe('Systems that ask us about passwords by a contract of their own making.');

/** What the drop-ins say of targets that are not so. */
export function wrongDropIns(
  dropIns: readonly DropInSettings[],
  targets: readonly Pick<TargetSettings, 'name' | 'kind'>[],
): { readonly path: readonly (string | number)[]; readonly message: string }[] {
  const kinds = new Map(targets.map(({ name, kind }) => [name, kind]));
  return dropIns.flatMap(({ kind, target: name }, index) => {
    if (name === undefined) return [];
    const path = [index, 'target'];
    if (!kinds.has(name)) return [{ path, message: `no target is called ${name}` }];
    if (kind === 'cidaas' && kinds.get(name) !== 'cidaas')
      return [{ path, message: `${name} is no cidaas, whose placeholders name people for this contract` }];
    return [];
  });
}
