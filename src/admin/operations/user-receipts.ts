import { z } from 'zod';
import { checkReceipt, receiptsOf } from '../data-protection/receipts.ts';
import { defineOperation } from '../operation.ts';

const SAYS = {
  signed: 'as we have signed it',
  forged: 'NOT as we have signed it',
  'unknown-key': 'signed with a key that is not kept any more',
} as const;

export const userReceipts = defineOperation({
  name: 'user receipts',
  summary:
    'Receipts of what was exported and erased of one person, newest first, each with whether it is as it was signed. They are found by the sub, and name nobody.',
  input: z.strictObject({ user: z.string().min(1).max(255).describe('The sub.') }),
  changes: false,
  role: 'operator',
  async run({ db, keyring }, { user: sub }) {
    const receipts = [];
    for (const receipt of await receiptsOf(db, keyring, sub))
      receipts.push({ ...receipt, signature: await checkReceipt(db, keyring, receipt.jws) });
    return { receipts };
  },
  print: ({ receipts }) =>
    receipts.length === 0
      ? 'There are no receipts about this person.'
      : receipts
          .map(
            ({ id, kind, at, actor, jws, signature }) =>
              `${at.toISOString()}  ${kind}  ${id}  by ${actor}, ${SAYS[signature]}\n  ${jws}`,
          )
          .join('\n'),
  foundWrong: ({ receipts }) => receipts.some(({ signature }) => signature === 'forged'),
});
