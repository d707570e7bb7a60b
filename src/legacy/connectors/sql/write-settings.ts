/** Settings of what is written to a database besides the mark of who has moved: statements of the operator's own. */
import { z } from 'zod';
import type { LegacyWrite } from '../../connector.ts';
import { LEGACY_WRITES, OPTIONAL_VALUES } from '../../connector.ts';
import { sqlTemplate } from '../../sql-template.ts';

const CHANGES = ['update', 'insert', 'merge'];
/** An app may keep who once was a member. */
const ENDS = ['delete', 'update'];

function write(what: LegacyWrite, verbs: readonly string[], purpose: string) {
  const names: readonly string[] = LEGACY_WRITES[what];
  const required = names.filter((name) => !OPTIONAL_VALUES.has(name));
  const optional = names.filter((name) => OPTIONAL_VALUES.has(name));
  const binds = (all: readonly string[]) => all.map((name) => `:${name}`).join(', ');
  const more = optional.length > 0 ? `; it may use ${binds(optional)}` : '';
  const statement = sqlTemplate(verbs, required, optional).describe(
    `One statement that begins with ${verbs.join(', ')}, with ${binds(required)}${more}.`,
  );
  return z.strictObject({ statement }).optional().describe(purpose);
}

export const sqlWrites = (server: z.ZodType) =>
  z
    .strictObject({
      connection: server
        .optional()
        .describe('Another role that may write this; by default the one that reads.'),
      linkPerson: write(
        'linkPerson',
        CHANGES,
        'Notes a person’s id at the target; null takes it away. One row.',
      ),
      linkOrganization: write(
        'linkOrganization',
        CHANGES,
        'Notes an organization’s id at the target; null takes it away. One row.',
      ),
      setMember: write(
        'setMember',
        CHANGES,
        'Makes somebody a member, or changes what they are: :roles are names with commas between.',
      ),
      endMember: write('endMember', ENDS, 'Ends one membership.'),
      endMemberships: write('endMemberships', ENDS, 'Ends all memberships of an organization.'),
      createPerson: write(
        'createPerson',
        ['insert', 'merge'],
        'Makes a user for somebody who signed in at the target and has none. One row; what they do not have is null.',
      ),
    })
    .optional()
    .describe('What is written to the legacy store besides `flag`. Only what is named here.');
