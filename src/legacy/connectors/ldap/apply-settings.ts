/** Settings of what sync writes to a directory: attributes of the user's own entry. */
import { z } from 'zod';
import { column, columnPlace, columnsIn, fieldsWith, passwordWords } from '../../apply-settings.ts';

const ATTRIBUTE = /^[A-Za-z][A-Za-z0-9-]{0,127}$/;
/** What makes an entry what it is, and where. */
const FIXED = new Set([
  'objectclass',
  'dn',
  'entryuuid',
  'entrydn',
  'objectguid',
  'objectsid',
  'ipauniqueid',
]);

/** `identity`: how a name that binds is written. */
export const ldapApply = (identity: z.ZodType<string>, password: z.ZodType) =>
  z
    .strictObject({
      bindDn: identity.optional().describe('Who may write this; by default who reads.'),
      bindPassword: password.optional().describe('Their password.'),
      ...fieldsWith(columnPlace, columnPlace),
      password: z
        .strictObject({
          column: column
            .optional()
            .describe(
              'The attribute: `userPassword`, or `unicodePwd` of Active Directory, whose passwords are `clear`. Without it, the server is asked to change the password (RFC 3062), which needs `clear`.',
            ),
          ...passwordWords,
        })
        .optional()
        .describe('Where a new password is written.'),
      remove: z
        .boolean()
        .default(false)
        .describe('Whether people may be taken out of the store: their entry is deleted.'),
    })
    .superRefine((apply, context) => {
      const fail = (path: string, message: string) =>
        context.addIssue({ code: 'custom', path: [path], message });
      for (const [name, attribute] of columnsIn(apply)) {
        if (!ATTRIBUTE.test(attribute)) fail(name, 'not the name of an attribute');
        if (FIXED.has(attribute.toLowerCase())) fail(name, 'this attribute never changes');
      }
      if (apply.password && apply.password.column === undefined && apply.password.format !== 'clear')
        fail('password', 'a server that is asked to change a password (RFC 3062) needs `format: clear`');
    })
    .optional()
    .describe(
      'What sync writes to the directory: which field goes to which attribute. Only what is named here.',
    );
export type LdapApply = NonNullable<z.output<ReturnType<typeof ldapApply>>>;
