import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { linkOf } from '../../migration/claim-tokens/organization-links.ts';
import { countMembers } from '../../migration/claim-tokens/organization-members.ts';
import { unlinkOrganization } from '../../sync/organizations/unlinking.ts';
import { seen } from '../batch/sections.ts';
import { count, NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';

export const claimUnlink = defineOperation({
  name: 'claim unlink',
  summary:
    'Ends the link of an organization: its members and their roles are what the legacy store says of them again. A person is unlinked by `user rollback`.',
  input: z.strictObject({
    organization: z
      .string()
      .min(1)
      .describe('Its key, with the store’s prefix, as claim organizations has it.'),
    target: z.string().min(1).describe('The target’s name.'),
  }),
  changes: true,
  danger: true,
  async run({ db, directory, audit, actor }, { organization, target }, { execute }) {
    const link = await linkOf(db, target, organization);
    if (link?.state !== 'linked') {
      const detail = `At ${target} no organization ${organization} is linked: \`footbridge claim organizations\` lists those that are. A person is unlinked by footbridge user rollback.`;
      throw new FootbridgeError('organization_not_found', { detail });
    }
    const [counted] = await countMembers(db, [link]);
    const deps = { db, directory, pseudonym: audit.pseudonym };
    if (execute) await unlinkOrganization(deps, { target, organization, actor });
    const { targetOrganizationId, name, ownerSub, legacyEndedAt } = link;
    return {
      ...{ executed: execute, target, organization, targetOrganizationId, name, ownerSub },
      members: counted?.members ?? 0,
      /** Its memberships were deleted in the legacy store: nobody is a member of it until they are back. */
      legacyEnded: legacyEndedAt !== null,
    };
  },
  print: ({ executed, target, organization, targetOrganizationId, name, members, legacyEnded }) =>
    [
      `${executed ? 'Unlinked' : 'Would unlink'} ${organization} from ${seen(name ?? targetOrganizationId)} (${targetOrganizationId}) at ${target}.`,
      `  ${count(members)} ${members === 1 ? 'member' : 'members'} there: what they are here is for the legacy store to say again.`,
      ...(legacyEnded
        ? [
            '  Its memberships were deleted in the legacy store: bring them back first, or nobody is a member.',
          ]
        : []),
      ...(executed ? [] : [NOTHING_CHANGED]),
    ].join('\n'),
});
