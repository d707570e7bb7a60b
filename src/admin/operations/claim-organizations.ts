import { z } from 'zod';
import { listLinks } from '../../migration/claim-tokens/organization-links.ts';
import { countMembers } from '../../migration/claim-tokens/organization-members.ts';
import { tableText } from '../batch/sections.ts';
import { count, minute } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';

export const claimOrganizations = defineOperation({
  name: 'claim organizations',
  summary:
    'Lists organizations that their owners have linked: who they are at the target, and when their members were last read.',
  input: z.strictObject({
    target: z.string().min(1).optional().describe('Only this target’s.'),
    state: z
      .enum(['linked', 'unlinked'])
      .optional()
      .describe('Only those that are `linked`, or `unlinked` again.'),
    limit: z.coerce.number().int().min(1).max(1_000).default(100).describe('At most so many.'),
  }),
  changes: false,
  async run({ db }, { limit, ...filter }) {
    const found = await listLinks(db, filter, limit);
    const counted = await countMembers(db, found);
    const members = new Map(counted.map((one) => [`${one.target} ${one.organization}`, one.members]));
    return {
      organizations: found.map((link) => ({
        ...link,
        members: members.get(`${link.target} ${link.organization}`) ?? 0,
      })),
    };
  },
  print: ({ organizations }) =>
    organizations.length === 0
      ? 'No organization is linked.'
      : tableText({
          head: [
            'organization',
            'target',
            'there',
            'name',
            'state',
            'members',
            'last read',
            'owner',
            'problem',
          ],
          rows: organizations.map((link) => [
            link.organization,
            link.target,
            link.targetOrganizationId,
            link.name ?? '',
            link.state,
            count(link.members),
            link.readAt ? minute(link.readAt) : 'never',
            link.ownerSub,
            link.problem
              ? `${link.problem.code}${link.problem.detail ? `: ${link.problem.detail}` : ''}`
              : '',
          ]),
        }).join('\n'),
  foundWrong: ({ organizations }) => organizations.some(({ problem }) => problem !== null),
});
