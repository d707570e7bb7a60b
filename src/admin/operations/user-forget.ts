import { z } from 'zod';
import { checkWay, goBack, wayBack } from '../../migration/moving/back.ts';
import { defineOperation } from '../operation.ts';

const DOES = {
  remove: 'The user at the target is removed: we had made them.',
  unlink:
    'The user at the target was there before us: only the link goes. Delete them there if they are to go.',
  nothing: 'Nobody is at the target.',
} as const;
/** The legacy store is only read, but for the mark that somebody has moved. */
const LEGACY = 'The legacy store is not changed: delete the person there first.';

export const userForget = defineOperation({
  name: 'user forget',
  summary:
    'Carries a deletion to the target, and leaves a tombstone: whoever comes with this id again is never moved.',
  input: z.strictObject({
    user: z.string().min(1).describe('The sub.'),
    target: z.string().min(1).describe('The target’s name.'),
  }),
  positional: ['user'],
  changes: true,
  danger: true,
  async run({ db, directory, targets, audit, actor }, { user: sub, target }, { execute }) {
    const deps = { db, directory, targets, pseudonym: audit.pseudonym };
    const way = await wayBack(deps, { target, sub });
    checkWay(way, 'delete');
    if (execute) await goBack(deps, way, { event: 'delete', actor });
    const targetUserId = way.found?.targetUserId ?? null;
    return { executed: execute, sub, target, before: way.state, does: way.does, targetUserId, note: LEGACY };
  },
  print: ({ executed, sub, target, before, does, note }) =>
    [
      `${executed ? 'Forgot' : 'Would forget'} ${sub} at ${target}, who was ${before}.`,
      `  ${DOES[does]}`,
      `  ${note}`,
      ...(executed ? [] : ['Nothing was changed: add --execute.']),
    ].join('\n'),
});
