import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { INVITATION_MINUTES, invitationLink, invite } from '../console/invitations.ts';
import { defineOperation, ROLES } from '../operation.ts';

export const consoleInvite = defineOperation({
  name: 'console invite',
  summary: `Makes a link that signs one person in at the console: once, within ${INVITATION_MINUTES} minutes. Only the command line makes one.`,
  input: z.strictObject({
    name: z
      .string()
      .regex(/^[\w.@+-]{1,80}$/, { error: 'expected up to 80 letters, digits and . @ + - _' })
      .describe('Names whoever uses it, in the audit log and wherever somebody has to be somebody else.'),
    role: z
      .enum(ROLES)
      .describe('What they may do: viewer looks, operator acts, admin does and approves everything.'),
  }),
  changes: true,
  role: 'admin',
  async run({ db, files, actor, consoleOrigin = '' }, { name, role }, { execute }) {
    // Over the API or at the console somebody could make a second self for the second pair of eyes.
    if (!files)
      throw new FootbridgeError('bad_request', { detail: 'Only the command line makes invitations.' });
    if (!execute) return { executed: false, name, role };
    const { token, expiresAt } = await invite(db, { name, role }, { actor, now: new Date() });
    return { executed: true, name, role, link: invitationLink(consoleOrigin, token), expiresAt };
  },
  print: ({ executed, name, role, link, expiresAt }) =>
    executed
      ? `${link}\n\nSigns ${name} in as ${role}, once, until ${expiresAt?.toISOString()}.`
      : `Would invite ${name} as ${role}. There is no link yet: add --execute.`,
});
