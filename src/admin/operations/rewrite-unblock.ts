import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { blockedRewrites, unblockRewrites } from '../../migration/blocked-rewrites.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { defineOperation } from '../operation.ts';

export const rewriteUnblock = defineOperation({
  name: 'rewrite unblock',
  summary: 'Trusts the rewrites of a password format again, once it is known why one failed its proof.',
  input: z.strictObject({
    format: z.string().min(1).describe('The legacy format, as `rewrite list` names it.'),
    target: z.string().min(1).describe('The target’s name.'),
  }),
  positional: ['format'],
  changes: true,
  async run({ db, actor }, { format, target }, { execute }) {
    const found = (await blockedRewrites(db)).filter(
      (rewrite) => rewrite.format === format && rewrite.target === target,
    );
    if (found.length === 0)
      throw new FootbridgeError('bad_request', {
        detail: `No rewrite of ${format} is blocked at ${target}.`,
      });
    if (execute) {
      await unblockRewrites(db, target, format);
      await appendAudit(db, { actor, action: 'rewrite.unblocked', detail: { target, format } });
    }
    return { executed: execute, target, format, writes: found.map(({ write }) => write) };
  },
  print: ({ executed, target, format, writes }) =>
    `${executed ? 'Trusted again' : 'Would trust again'} at ${target}: ${format} → ${writes.join(', ')}.${executed ? '' : ' Nothing was changed: add --execute.'}`,
});
