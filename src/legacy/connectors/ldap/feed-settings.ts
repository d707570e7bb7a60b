/** Settings of how a directory tells of changes to its people. */
import { z } from 'zod';
import { count } from '../../../settings.ts';

export const STAMPS = ['entryCSN', 'modifyTimestamp', 'uSNChanged'] as const;

export const ldapChanges = (dn: z.ZodType<string>) =>
  z
    .strictObject({
      by: z.literal('modified').describe('What each entry says of its last change.'),
      stamp: z
        .enum(STAMPS)
        .default('entryCSN')
        .describe(
          '`entryCSN`: OpenLDAP; `modifyTimestamp`: others (389 Directory Server, FreeIPA); `uSNChanged`: Active Directory.',
        ),
      overlapSeconds: count(1, 3_600, 60).describe(
        'So far behind the newest change is read again: for changes that were made first and became visible last, and for clocks that differ.',
      ),
      accesslog: dn
        .optional()
        .describe(
          'OpenLDAP: where the overlay `accesslog` keeps its entries (cn=accesslog): who is deleted or moved away is found there. Else the sweep finds them.',
        ),
    })
    .optional()
    .describe('How the directory tells of changes to its people, for `sync`.');
export type LdapChanges = NonNullable<z.output<ReturnType<typeof ldapChanges>>>;
