/**
 * Settings that only a target of the kind `cidaas` has. Its API differs between versions and tenants, and no server can
 * be run to look: each says whether its default is documented, or only seen in somebody's code, or our assumption.
 */
import { z } from 'zod';
import { secret } from '../../settings.ts';

/** Below the tenant's origin; what stands in braces is filled in. */
const path = (...fillIns: readonly string[]) =>
  z
    .string()
    .max(300)
    .regex(/^\/[^\s#\\]*$/, { error: 'expected a path that begins with /' })
    .refine((text) => fillIns.every((name) => text.includes(`{${name}}`)), {
      error: `expected ${fillIns.map((name) => `{${name}}`).join(', ')} in it`,
    });

const paths = z.strictObject({
  token: path().default('/token-srv/token').describe('Where tokens are had. Documented.'),
  bulk: path()
    .default('/users-srv/user/bulk')
    .describe('Where users are added or updated, many at once. Documented.'),
  read: path('sub').default('/user-srv/users/{sub}').describe('A user by their sub. Documented.'),
  find: path()
    .default('/useractions-srv/userexistence')
    .describe(
      'Which user has an identifier: an address, a number, a username, their id at a provider. Documented; the member `userId` of the message was seen in code.',
    ),
  update: path('sub').default('/user-srv/users/{sub}').describe('Changes a profile. Documented.'),
  status: path('sub')
    .default('/user-srv/users/{sub}/status')
    .describe('Lets a user in, or not. Documented; to be checked at your tenant: the member `userStatus`.'),
  remove: path('sub')
    .default('/users-srv/user/purge/{sub}')
    .describe('Removes a user at once. Documented up to 3.102.2: to be checked in later versions.'),
  reset: path()
    .default('/password-srv/resetpassword?action=initiatereset')
    .describe(
      'Mails a way to a new password. Documented since 3.102; before that it was /users-srv/resetpassword/initiate.',
    ),
  list: path()
    .default('/user-ext-srv/bulkread/users')
    .describe('All users, page by page. Documented; to be checked: the member `size` of the message.'),
  group: path('groupId')
    .default('/groups-srv/usergroups/{groupId}/users')
    .describe('Puts a user into a group, with roles. Documented.'),
  leave: path('groupId', 'sub')
    .default('/groups-srv/usergroups/{groupId}/users/{sub}')
    .describe('Takes a user out of a group. Documented.'),
  unlink: path('identityId')
    .exactOptional()
    .describe(
      'Takes an identity away. Not documented for an app that acts for itself, so there is none by default; with a user’s own token it is /users-srv/user/unlink/{identityId}.',
    ),
});

const customField = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,99}$/, { error: 'expected the key of a custom field' });

const customFields = z.strictObject({
  mark: customField
    .default('footbridge_id')
    .describe(
      'The custom field that says whom we have made: type USERNAME, and nothing that its owner can write.',
    ),
  password: customField
    .default('footbridge_password')
    .describe(
      'The custom field that says whether a password was sent, for cidaas does not tell; nothing that its owner can write.',
    ),
});

const members = (what: string, ...names: readonly string[]) =>
  z
    .array(
      z.string().regex(/^\w{1,60}(?:\.\w{1,60}){0,4}$/, {
        error: 'expected a member’s name, with dots for those within',
      }),
    )
    .min(1)
    .max(20)
    .default([...names])
    .describe(what);

const events = z
  .strictObject({
    name: members(
      'What has happened.',
      'event_type',
      'eventType',
      'event_name',
      'eventName',
      'event',
      'type',
    ),
    user: members(
      'To whom: the first that is a sub counts.',
      ...['sub', 'user_sub', 'userSub', 'user_id', 'userId', 'object_id', 'objectId', 'subject'],
    ),
    id: members(
      'The event’s own id. Never one that is the same in two events: the second would not count.',
      ...['event_id', 'eventId'],
    ),
    time: members(
      'When: in seconds or milliseconds since the epoch, or as ISO 8601.',
      ...['event_time', 'eventTime', 'created_time', 'createdTime', 'timestamp', 'time'],
    ),
    actor: members('Who did it.', 'actor', 'actor_id', 'actorId', 'actor.sub', 'actor.id'),
  })
  .describe(
    'Where in the body of a webhook’s call what stands: the first name that is there counts, at the top or in `data`, `payload`, `event`. The body is not documented.',
  );

const passwordCheck = z
  .strictObject({
    path: path().default('/token-srv/token').describe('Where passwords are asked about. Documented.'),
    clientId: z.string().min(1).max(255).describe('An app that is allowed the password grant.'),
    clientSecret: secret.optional().describe('And its secret.'),
    username: z
      .enum(['email', 'username', 'mobile_number', 'sub'])
      .default('email')
      .describe('What the person is named by.'),
    parameters: z
      .record(z.string().regex(/^\w{1,60}$/), z.string().max(500))
      .default({})
      .describe('What else the tenant wants in the message, as `scope` or `username_type`.'),
    wrong: z
      .array(z.string().min(1).max(60))
      .min(1)
      .max(20)
      .default(['invalid_grant', 'invalid_username_password', 'invalid-username-or-password'])
      .describe(
        'The errors that say that the password is wrong, as they stand in the log; whatever else is said says nothing of it. `invalid_grant` is RFC 6749’s.',
      ),
  })
  .describe('How passwords typed here are checked there (the password grant, RFC 6749 section 4.3).');

export const cidaasSettings = z
  .strictObject({
    paths: paths.prefault({}).describe('The paths of its API.'),
    scope: z
      .string()
      .min(1)
      .max(1_000)
      .exactOptional()
      .describe('Asked for with each token, with spaces between them; what the app has when absent.'),
    tokenBody: z
      .enum(['json', 'form'])
      .default('json')
      .describe('How a token is asked for: `json` was seen in code, `form` is what RFC 6749 says.'),
    customFields: customFields
      .prefault({})
      .describe(
        'Both must be there in the field settings of the tenant, as must one for each key of the metadata and for `users.legacyIdKey`.',
      ),
    fields: z
      .array(z.enum(['given_name', 'family_name', 'mobile_number', 'username', 'nickname', 'locale']))
      .max(6)
      .default(['given_name', 'family_name', 'mobile_number'])
      .describe('The system fields, besides email, that are on in its field settings; others are not sent.'),
    localIdentity: z
      .enum(['identities', 'account'])
      .default('identities')
      .describe(
        'Where the address, the names and the password stand: in an identity with the provider `self`, as is documented for people with several providers, or at the top, as was seen in code.',
      ),
    identityUserId: z
      .string()
      .regex(/^\w{1,60}$/)
      .default('providerUserId')
      .describe(
        'What an identity calls the person’s id at its provider. To be checked at your tenant with one user.',
      ),
    migrationMode: z
      .boolean()
      .default(false)
      .describe(
        'Whether cidaas has switched on migrationMode for the app. Without it a password that is there is never replaced by ours.',
      ),
    customAlgorithm: z
      .string()
      .regex(/^CUSTOM_\w{1,60}$/, { error: 'expected CUSTOM_ and a name' })
      .exactOptional()
      .describe(
        'The name under which cidaas asks us about a password that was typed there; without it nobody is made so.',
      ),
    bulkUpdates: z
      .enum(['whole', 'changed', 'off'])
      .default('whole')
      .describe(
        'What is sent of people who are changed many at once: everything that cidaas has shown a moment before, or only what has changed, once you have seen at your tenant that the rest stays; `off`: they are changed one by one.',
      ),
    events: events.prefault({}),
    passwordCheck: passwordCheck.exactOptional(),
  })
  .describe('What only cidaas needs to know.');
export type CidaasSettings = z.output<typeof cidaasSettings>;
