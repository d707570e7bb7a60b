import { z } from 'zod';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { ClaimToken } from '../../migration/claim-tokens/claim-token.ts';
import { countClaimTokens, findClaimToken } from '../../migration/claim-tokens/claim-tokens.ts';
import { openEnforcement } from '../../migration/claim-tokens/enforcement.ts';
import type { ClaimException } from '../../migration/claim-tokens/exceptions.ts';
import { listExceptions } from '../../migration/claim-tokens/exceptions.ts';
import { linkOf } from '../../migration/claim-tokens/organization-links.ts';
import { find } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import { links, minute, personLine, shownPerson } from '../claim-tokens/claim-desk.ts';
import { oldLoginWords } from '../claim-tokens/old-login.ts';
import { stepOf, storyOf } from '../claim-tokens/token-text.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

export const claimShow = defineOperation({
  name: 'claim show',
  summary: 'Tells what became of one link, and where its person stands.',
  input: z.strictObject({ id: z.string().min(1).describe('The token’s id, as claim list has it.') }),
  positional: ['id'],
  changes: false,
  async run(desk, { id }) {
    const { db } = desk;
    const token = await findClaimToken(db, id);
    if (!token) throw new FootbridgeError('claim_token_unknown');
    const { target, sub, organization } = token;
    const row = await find(db, target, sub);
    const [exception] = await listExceptions(db, { target, sub }, 1);
    return {
      token,
      story: storyOf(token),
      ...(await personOf(desk, token)),
      ledger: row ? { state: row.state, targetUserId: row.targetUserId } : null,
      exception: exception ?? null,
      organizationLink: organization === null ? null : ((await linkOf(db, target, organization)) ?? null),
      others: (await countClaimTokens(db, { target, sub })) - 1,
      othersOpen:
        (await countClaimTokens(db, { target, sub, state: 'open' })) - (token.state === 'open' ? 1 : 0),
    };
  },
  print: ({
    token,
    story,
    person,
    problem,
    standing,
    ledger,
    exception,
    organizationLink,
    others,
    othersOpen,
  }) =>
    [
      `Link ${token.id}, ${stepOf(token)}`,
      `  for ${token.organization ? `the organization ${token.organization}` : 'the account'} of ${token.sub} at ${token.target}, good until ${minute(token.expiresAt)} UTC`,
      ...story.map(({ at, what, words }) => `  ${minute(at)}  ${what.padEnd(8)} ${words}`),
      person ? `Person ${personLine(person)}` : `Person ${token.sub}: ${problem}`,
      `  at ${token.target}: ${ledger ? `${ledger.state}${ledger.targetUserId ? ` as ${ledger.targetUserId}` : ''}` : 'legacy (never seen here)'}`,
      ...(standing
        ? [`  old login: ${oldLoginWords(standing, ledger !== null && hasTargetUser(ledger.state))}`]
        : []),
      ...(exception ? [`  excepted ${untilWords(exception)}: ${exception.reason}`] : []),
      ...(organizationLink
        ? [`  the organization is ${organizationLink.state}: ${organizationLink.targetOrganizationId}`]
        : []),
      `  ${others === 0 ? 'no other links' : `${links(others)} besides, ${othersOpen} of them open`}`,
    ].join('\n'),
});

/** The legacy store may be down, or have them no more: their link is told of all the same. */
async function personOf({ db, directory, claimTokens }: Desk, { sub, target }: ClaimToken) {
  try {
    const entry = await directory.findBySub(sub);
    if (!entry) return { person: null, problem: 'the legacy store has nobody of this id', standing: null };
    const standing = await openEnforcement({ db, claimTokens }).standingOf(target, entry);
    return { person: shownPerson(entry.user), problem: null, standing };
  } catch (error) {
    if (!isFootbridgeError(error) || error.code === 'storage_unavailable') throw error;
    return { person: null, problem: error.message, standing: null };
  }
}

const untilWords = ({ until }: ClaimException) =>
  until ? `until ${minute(until)} UTC` : 'until it is taken back';
