import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { find, move } from '../../migration/ledger.ts';
import { connectionOf } from '../../migration/moving/back.ts';
import type { MoveResult } from '../../migration/moving/mover.ts';
import { hasTargetUser, isMovable, nextState } from '../../migration/states.ts';
import { defineOperation } from '../operation.ts';

export const userMove = defineOperation({
  name: 'user move',
  summary:
    'Moves one person to the target now: a batch of one. Whoever is there already is completed; saying it again changes nothing.',
  input: z.strictObject({
    user: z.string().min(1).describe('The sub.'),
    target: z.string().min(1).describe('The target’s name.'),
  }),
  positional: ['user'],
  changes: true,
  async run({ db, directory, targets, mover, audit, actor }, { user: sub, target }, { execute }) {
    connectionOf({ targets }, target);
    const before = (await find(db, target, sub))?.state ?? 'legacy';
    const isReady = isMovable(before) || hasTargetUser(before);
    if (!isReady && !nextState(before, 'enqueue'))
      throw new FootbridgeError('illegal_transition', { detail: `Nobody is moved from ${before}.` });
    if (!(await directory.userBySub(sub)) && !hasTargetUser(before))
      throw new FootbridgeError('user_not_found');
    if (!execute) return { executed: false, sub, target, before, result: undefined };
    const legacyId = directory.legacyIdOf(sub) ?? sub;
    const subject = audit.pseudonym(sub);
    if (!isReady) await move(db, { target, sub, event: 'enqueue', actor, subject, legacyId });
    const result = await mover.move({ target, sub, road: 'operator', actor });
    return { executed: true, sub, target, before, result };
  },
  print: ({ sub, target, before, result }) =>
    result
      ? `${sub} at ${target}: ${before} → ${told(result)}`
      : `Would move ${sub}, who is ${before}, to ${target}. Nothing was changed: add --execute.`,
  foundWrong: ({ executed, result }) => executed && result?.kind !== 'moved',
});

function told(result: MoveResult): string {
  switch (result.kind) {
    case 'moved': {
      const missing = result.missing.map(({ what, code }) => `${what} (${code})`).join(', ');
      return `${result.state} as ${result.targetUserId}, who logs in as ${result.loginName}.${missing ? ` Missing: ${missing}.` : ''}`;
    }
    case 'refused':
      return `refused (${result.code}): ${result.sentence}`;
    case 'later':
      return `not yet (${result.code}): it goes on by itself.`;
    case 'not-proved':
      return 'nothing: neither a password proof nor a batch.';
  }
}
