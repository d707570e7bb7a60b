import { z } from 'zod';
import { CLAIM_PURPOSES, CLAIM_STATES } from '../../migration/claim-tokens/claim-token.ts';
import { countClaimTokens, listClaimTokens } from '../../migration/claim-tokens/claim-tokens.ts';
import { tableText } from '../batch/sections.ts';
import { links } from '../claim-tokens/claim-desk.ts';
import { TOKEN_HEAD, tokenRow } from '../claim-tokens/token-text.ts';
import { defineOperation } from '../operation.ts';

const text = (words: string) => z.string().min(1).optional().describe(words);

export const claimList = defineOperation({
  name: 'claim list',
  summary: 'Lists links that people were given to link their own accounts, newest first: how far each came.',
  input: z.strictObject({
    target: text('Only this target’s.'),
    user: text('Only this person’s: the sub.'),
    organization: text('Only those for this organization: its key, with the store’s prefix.'),
    campaign: text('Only those of this campaign.'),
    purpose: z.enum(CLAIM_PURPOSES).optional().describe('Only those for a `person` or an `organization`.'),
    state: z
      .enum(CLAIM_STATES)
      .optional()
      .describe('Only those that are `open`, `claimed`, `revoked` or `expired`.'),
    limit: z.coerce.number().int().min(1).max(1_000).default(50).describe('At most so many.'),
  }),
  changes: false,
  async run({ db }, { user: sub, limit, ...more }) {
    const filter = { sub, ...more };
    return { total: await countClaimTokens(db, filter), tokens: await listClaimTokens(db, filter, limit) };
  },
  print({ total, tokens }) {
    if (tokens.length === 0) return 'There is no such link. footbridge claim issue makes one.';
    const more = total > tokens.length ? [`The newest ${tokens.length} of ${links(total)}.`] : [];
    return [...tableText({ head: TOKEN_HEAD, rows: tokens.map(tokenRow) }), ...more].join('\n');
  },
});
