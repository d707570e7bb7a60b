import { z } from 'zod';
import type { ClaimFilter } from '../../migration/claim-tokens/claim-columns.ts';
import {
  countClaimTokens,
  findClaimToken,
  revokeClaimTokens,
} from '../../migration/claim-tokens/claim-tokens.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { links, NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

const text = (words: string) => z.string().min(1).optional().describe(words);

export const claimRevoke = defineOperation({
  name: 'claim revoke',
  summary:
    'Takes links back that are still open: one, a person’s, a campaign’s or a target’s. What was linked stays.',
  input: z
    .strictObject({
      id: text('This one: its token’s id.'),
      user: text('This person’s: the sub.'),
      campaign: text('This campaign’s.'),
      target: text('This target’s.'),
    })
    .refine((asked) => Object.values(asked).some((value) => value !== undefined), {
      error: 'say whose: --id, --user, --campaign or --target',
      path: ['id'],
    }),
  changes: true,
  async run(desk, { user: sub, ...more }, { execute }) {
    const filter = { sub, ...more };
    const revoked = execute
      ? await revoke(desk, filter)
      : await countClaimTokens(desk.db, { ...filter, state: 'open' });
    return { executed: execute, revoked, ...filter };
  },
  print({ executed, revoked }) {
    if (revoked === 0) return 'No such link is open.';
    if (executed) return `${links(revoked)} taken back.`;
    return [
      `Would take back ${links(revoked)} that ${revoked === 1 ? 'is' : 'are'} open.`,
      NOTHING_CHANGED,
    ].join('\n');
  },
});

function revoke({ db, audit, actor }: Desk, filter: ClaimFilter): Promise<number> {
  return db.transaction(async (tx) => {
    const token = filter.id === undefined ? undefined : await findClaimToken(tx, filter.id);
    const sub = filter.sub ?? token?.sub;
    const tokens = await revokeClaimTokens(tx, filter);
    const { id, target, campaign } = filter;
    const detail = {
      tokens,
      ...(id === undefined ? {} : { id }),
      ...(target === undefined ? {} : { target }),
      ...(campaign === undefined ? {} : { campaign }),
    };
    const subject = sub === undefined ? {} : { subject: audit.pseudonym(sub) };
    if (tokens > 0) await appendAudit(tx, { actor, action: 'claim-token.revoked', detail, ...subject });
    return tokens;
  });
}
