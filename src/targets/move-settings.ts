/** Settings of what we do at a target ourselves: how to reach its API, what its users look like, when they are made. */
import { z } from 'zod';
import { count, httpOrigin, secret } from '../settings.ts';

const id = z.string().min(1).max(200);

export const apiSettings = z
  .strictObject({
    url: httpOrigin.describe('The origin of its API.'),
    token: secret.optional().describe('A token that opens it (at ZITADEL a personal access token).'),
    serviceUser: z
      .strictObject({
        userId: id.describe('The service user’s id.'),
        keyId: id.describe('The key’s id.'),
        key: secret.describe('The private key, PEM.'),
      })
      .optional()
      .describe('Instead of a token: private_key_jwt (RFC 7523), as in ZITADEL’s key file.'),
    clientCredentials: z
      .strictObject({ clientId: id.describe('The client with a service account.'), secret })
      .optional()
      .describe('Instead of a token, at Keycloak and cidaas: a client that gets tokens of its own.'),
    open: z
      .literal(true)
      .optional()
      .describe('Instead of a token: it asks for none, as Ory Kratos’ own admin API.'),
    realm: id.optional().describe('At Keycloak: the realm that its users are in.'),
    identityProvider: id
      .optional()
      .describe('The id of Footbridge as identity provider there; what `target setup` made when absent.'),
    timeoutMs: count(100, 60_000, 10_000).describe('How long one call may take.'),
    perSecond: count(1, 1_000, 25).describe('Calls per second and node.'),
  })
  .refine(
    ({ token, serviceUser, clientCredentials, open }) =>
      [token, serviceUser, clientCredentials, open].filter((way) => way !== undefined).length === 1,
    { error: 'expected one of token, serviceUser, clientCredentials, open' },
  );

/** Which users: the first rule that fits counts. */
const condition = z
  .strictObject({
    emailDomain: z
      .string()
      .min(1)
      .optional()
      .describe('What stands behind the @ of the email address, if it is verified.'),
    role: z.string().min(1).optional(),
    group: z.string().min(1).optional(),
  })
  .refine((when) => Object.values(when).filter((value) => value !== undefined).length === 1, {
    error: 'expected one of emailDomain, role, group',
  });

export const userSettings = z.strictObject({
  organization: id
    .optional()
    .describe('Where users go that no rule sends elsewhere; the target’s default when absent.'),
  organizations: z
    .array(z.strictObject({ when: condition, organization: id }))
    .max(1_000)
    .default([])
    .describe('Who goes into which organization; the first that fits.'),
  username: z
    .strictObject({
      from: z.enum(['username', 'email', 'legacyId']).default('username').describe('What it is made of.'),
      dropDomain: z.boolean().default(false).describe('Leaves out the last @ and what follows it.'),
      suffix: z.string().max(100).default('').describe('What is put behind it.'),
    })
    .prefault({}),
  placeholders: z
    .strictObject({
      givenName: z.string().min(1).max(200).default('-'),
      familyName: z.string().min(1).max(200).default('-'),
      email: z
        .string()
        .regex(/^[^@\s]*\{id\}[^@\s]*@[^@\s]+$/, { error: 'expected an address with {id} before the @' })
        .optional()
        .describe(
          'An unverified address for users who have none, as {id}@users.invalid; without it they are refused.',
        ),
    })
    .prefault({})
    .describe('What stands for what the legacy store does not have and the target insists on.'),
  grants: z
    .array(
      z.strictObject({
        role: z.string().min(1).describe('In the legacy store.'),
        project: id,
        projectGrant: id.optional(),
        roles: z.array(id).min(1).describe('At the target.'),
      }),
    )
    .max(1_000)
    .default([])
    .describe('What a legacy role becomes.'),
  identityProviders: z
    .record(z.string(), id)
    .default({})
    .describe('External identity providers: the legacy store’s name → its id at the target.'),
  legacyIdKey: z.string().min(1).max(200).default('legacy_id').describe('The metadata key of the legacy id.'),
  existing: z
    .enum(['never', 'verified-email'])
    .default('never')
    .describe(
      'Whether somebody who is at the target already is taken for the same person: never, or when both sides have verified the same email address. Our link or id always tells. It is for whom we make ourselves: where the target makes its users after a login, it makes another one, unless `move.push` is `at-login`.',
    ),
});

export const targetSessionSettings = z.strictObject({
  end: z
    .boolean()
    .default(true)
    .describe('When ours ends, the person’s sessions at the target are ended through its API.'),
  follow: z
    .boolean()
    .default(true)
    .describe(
      'When a session at the target ends, ours ends; so it does for a new password, a deactivation or a removal there.',
    ),
  pollSeconds: count(10, 3_600, 60).describe(
    'How often the target is asked whether a session is still there, for what its events did not tell.',
  ),
});

export const moveSettings = z.strictObject({
  push: z
    .enum(['never', 'after-link', 'at-login'])
    .default('after-link')
    .describe(
      'When we store at the target what it does not fetch: never; once it has made or linked the user; or at the login already, before the target hears of it.',
    ),
  redirect: z
    .boolean()
    .default(false)
    .describe('People who have moved are sent to the target with a login hint instead of being told so.'),
  typedPasswords: z
    .boolean()
    .default(false)
    .describe(
      'Passwords typed at the target are checked here for people whose password it does not have yet.',
    ),
  followRemovals: z
    .boolean()
    .default(false)
    .describe('Users removed at the target are removed in the ledger too, and never made there again.'),
});
