/** Settings of the LDAP connector: how to reach the directory server, and how to find a person in it. */
import { z } from 'zod';
import { count, secret } from '../../../settings.ts';
import { ldapApply } from './apply-settings.ts';
import { partsOf } from './dn.ts';
import { ldapChanges } from './feed-settings.ts';
import { decodeEscapes, isFilter } from './filter.ts';

/** Each is one more search per user. */
const MAX_RELATED = 8;
const MAX_URLS = 5;

const attribute = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,127}$/, { error: 'not the name of an attribute' });
const dn = z
  .string()
  .max(1_000)
  .refine((text) => partsOf(text) !== undefined, {
    error: 'not a distinguished name, like dc=example,dc=com',
  });
const filter = z
  .string()
  .max(4_000)
  .refine(isFilter, { error: 'not a filter in the manner of RFC 4515, like (objectClass=person)' })
  .transform(decodeEscapes);
const scope = z.enum(['one', 'sub']).default('sub');
const url = z
  .string()
  .refine(isLdapUrl, { error: 'expected ldap://host:port or ldaps://host:port, nothing after' });

function isLdapUrl(text: string): boolean {
  const parsed = URL.parse(text);
  if (!parsed || !/^ldaps?:$/.test(parsed.protocol) || !parsed.hostname) return false;
  return (
    !parsed.username && !parsed.password && /^\/?$/.test(parsed.pathname) && !parsed.search && !parsed.hash
  );
}

const values = z.strictObject({
  values: attribute.describe('Each value of this attribute of the user is a row of its own, under `value`.'),
});
const groups = z.strictObject({
  base: dn.describe('Where groups are.'),
  scope: scope.describe('`one`: right below the base; `sub`: anywhere below.'),
  filter: filter.default('(objectClass=*)').describe('Which entries are groups.'),
  member: attribute.default('member').describe('The group’s attribute that lists its members.'),
  of: attribute
    .default('dn')
    .describe('What it lists them by: `dn`, or an attribute of the user (uid for posixGroup’s memberUid).'),
  name: attribute.default('cn').describe('The group’s attribute that becomes `name`, beside its `dn`.'),
  nested: count(0, 10, 0).describe('How many levels of groups within groups are followed.'),
});

const flag = z
  .strictObject({
    attribute: attribute.describe('An attribute of the user’s entry with a single value.'),
    migrated: z.string().min(1).describe('Its value for those who have moved.'),
    notMigrated: z
      .string()
      .min(1)
      .optional()
      .describe('Its value when taken back; by default it is removed.'),
    bindDn: dn.optional().describe('Who may write this mark; by default who reads.'),
    bindPassword: secret.optional().describe('Their password.'),
  })
  .describe('Marks one user as moved: the only thing that is written to the legacy store besides `apply`.');

export const ldapSettings = z
  .strictObject({
    url: z
      .union([url, z.array(url).min(1).max(MAX_URLS)])
      .transform((given) => [given].flat())
      .describe('ldaps://host:port or ldap://host:port; of several, the first that answers.'),
    startTls: z
      .boolean()
      .default(true)
      .describe('Encrypts ldap:// before anything is said. False sends every password in the clear.'),
    tls: z
      .strictObject({
        ca: secret.optional().describe('The certificate authority, as PEM; by default those of Node.'),
        serverName: z
          .string()
          .min(1)
          .optional()
          .describe('The name that the certificate has to carry, where it is not the host’s.'),
      })
      .prefault({})
      .describe('Whom to trust. The certificate and its name are always checked.'),
    bindDn: dn
      .optional()
      .describe('Who searches: an entry that can only read. Without it, nobody in particular.'),
    bindPassword: secret.optional().describe('Its password.'),
    base: dn.describe('People are found here and below, and nowhere else.'),
    scope: scope.describe('`one`: right below the base; `sub`: anywhere below.'),
    filter: filter.default('(objectClass=person)').describe('Which entries are people (RFC 4515).'),
    login: z
      .array(attribute)
      .min(1)
      .max(5)
      .default(['uid', 'mail'])
      .describe('Attributes that hold what people type, compared as the server compares.'),
    id: attribute
      .default('entryUUID')
      .describe(
        'The attribute with one value that never changes and makes the subject: entryUUID, objectGUID, ipaUniqueID.',
      ),
    idEncoding: z
      .enum(['text', 'guid', 'hex'])
      .optional()
      .describe(
        'How its bytes are written in subjects; by default `guid` for objectGUID (as Microsoft writes it), else `text`.',
      ),
    attributes: z
      .array(z.union([attribute, z.enum(['*', '+'])]))
      .min(1)
      .max(100)
      .default(['*', '+'])
      .describe('Attributes to read, named as here in the mapping; `*` is all, `+` all operational ones.'),
    related: z
      .record(z.string().regex(/^[A-Za-z]\w{0,31}$/), z.union([groups, values]))
      .refine((named) => Object.keys(named).length <= MAX_RELATED, { error: `at most ${MAX_RELATED}` })
      .default({})
      .describe('Groups of a user, and attributes with many values, by the name the mapping calls them.'),
    flag: flag.optional(),
    apply: ldapApply(dn, secret),
    changes: ldapChanges(dn),
    pageSize: count(1, 1_000, 200).describe(
      'Entries per page of a scan (RFC 2696); servers have limits of their own.',
    ),
    poolSize: count(1, 50, 5).describe('Connections that search, and as many again that check passwords.'),
  })
  .superRefine(({ bindDn, bindPassword, flag, apply }, context) => {
    const pair = (one: unknown, other: unknown, path: string[]) => {
      if ((one === undefined) === (other === undefined)) return;
      context.addIssue({
        code: 'custom',
        path,
        message: 'expected both `bindDn` and `bindPassword`, or neither',
      });
    };
    pair(bindDn, bindPassword, ['bindDn']);
    pair(flag?.bindDn, flag?.bindPassword, ['flag', 'bindDn']);
    pair(apply?.bindDn, apply?.bindPassword, ['apply', 'bindDn']);
  })
  .describe('A directory server: OpenLDAP, 389 Directory Server, FreeIPA, Active Directory.');
export type LdapSettings = z.output<typeof ldapSettings>;
export type RelatedSettings = LdapSettings['related'][string];
export type GroupSettings = Extract<RelatedSettings, { member: string }>;
