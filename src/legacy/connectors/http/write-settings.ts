/** Settings of what an API is told besides the mark of who has moved. */
import type { LegacyWrite } from '../../connector.ts';
import { LEGACY_WRITES, OPTIONAL_VALUES } from '../../connector.ts';
import type { Request } from './request-settings.ts';
import { requestWith, statuses, WRITING } from './request-settings.ts';
import { holesIn, textsIn } from './template.ts';

const gone = statuses
  .default([404, 410])
  .describe('Statuses that say: there is no such person, organization or membership. Nothing changes then.');
const taken = statuses
  .default([409])
  .describe('Statuses that say: another one has a value that only one may have.');
const refused = statuses
  .default([400, 422])
  .describe('Statuses that say: it does not take a value. Every other that is no 2xx is an outage.');

function write(what: LegacyWrite, purpose: string) {
  const names: readonly string[] = LEGACY_WRITES[what];
  return requestWith(WRITING, { names }, { gone, taken, refused })
    .superRefine((request, context) => {
      const { path, query, body, form } = request as unknown as Request;
      const used = holesIn([path, ...Object.values({ ...query, ...form }), ...textsIn(body)]);
      const missing = names.find((name) => !OPTIONAL_VALUES.has(name) && !used.includes(name));
      if (missing) context.addIssue({ code: 'custom', message: `the value {${missing}} is missing` });
    })
    .optional()
    .describe(purpose);
}

/** In a body a value that is taken away is null; in a form it is empty. */
export const httpWrites = {
  linkPerson: write('linkPerson', 'Notes a person’s id at the target; null takes it away.'),
  linkOrganization: write(
    'linkOrganization',
    'Notes an organization’s id at the target; null takes it away.',
  ),
  setMember: write(
    'setMember',
    'Makes somebody a member, or changes what they are: {roles} are names with commas between.',
  ),
  endMember: write('endMember', 'Ends one membership.'),
  endMemberships: write('endMemberships', 'Ends all memberships of an organization.'),
  createPerson: write(
    'createPerson',
    'Makes a user for somebody who signed in at the target and has none; what they do not have is null.',
  ),
};
