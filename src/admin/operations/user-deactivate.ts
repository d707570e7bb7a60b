import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { find } from '../../migration/ledger.ts';
import { connectionOf } from '../../migration/moving/back.ts';
import { hasTargetUser } from '../../migration/states.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Operation } from '../operation.ts';
import { defineOperation } from '../operation.ts';

/** The legacy store is only read, but for the mark that somebody has moved. */
const LEGACY = 'The legacy store is not changed.';

function carry(does: 'deactivate' | 'reactivate', summary: string): Operation {
  return defineOperation({
    name: `user ${does}`,
    summary,
    input: z.strictObject({
      user: z.string().min(1).describe('The sub.'),
      target: z.string().min(1).describe('The target’s name.'),
    }),
    positional: ['user'],
    changes: true,
    async run({ db, targets, audit, actor, endings }, { user: sub, target }, { execute }) {
      const connection = connectionOf({ targets }, target);
      const row = await find(db, target, sub);
      const targetUserId = row && hasTargetUser(row.state) ? row.targetUserId : null;
      const found = targetUserId === null ? undefined : await connection.userById(targetUserId);
      if (!found) throw new FootbridgeError('user_not_found', { detail: `Nobody at ${target} is ${sub}.` });
      if (execute) {
        await connection[does](found.targetUserId);
        const detail = { target, targetUserId: found.targetUserId };
        await appendAudit(db, { actor, action: `user.${does}d`, subject: audit.pseudonym(sub), detail });
        const selection = { by: 'person', sub } as const;
        if (does === 'deactivate')
          await endings.end({ selection, cause: 'deactivated', actor, everything: true });
      }
      const { targetUserId: id, state } = found;
      return { executed: execute, sub, target, targetUserId: id, before: state, note: LEGACY };
    },
    print: ({ executed, sub, target, targetUserId, before, note }) =>
      `${executed ? `Asked to ${does}` : `Would ask to ${does}`} ${sub} at ${target} (${targetUserId}, ${before}). ${note}${executed ? '' : ' Nothing was changed: add --execute.'}`,
  });
}

export const userDeactivate = carry(
  'deactivate',
  'Carries a deactivation to the target: the person cannot log in there any more, and what they have anywhere ends.',
);
export const userReactivate = carry(
  'reactivate',
  'Carries a reactivation to the target: the person can log in there again.',
);
