import { z } from 'zod';
import { checkWay, goBack, lostBy, wayBack } from '../../migration/moving/back.ts';
import { defineOperation } from '../operation.ts';

const DOES = {
  remove: 'removed at the target, where we had made them',
  unlink: 'unlinked at the target, which had them before us',
  nothing: 'not at the target',
} as const;

export const userRollback = defineOperation({
  name: 'user rollback',
  summary:
    'Takes one person back to the legacy store: removes at the target whom we have made there, unlinks whom it had before.',
  input: z.strictObject({
    user: z.string().min(1).describe('The sub.'),
    target: z.string().min(1).describe('The target’s name.'),
  }),
  positional: ['user'],
  changes: true,
  async run({ db, directory, targets, audit, actor }, { user: sub, target }, { execute }) {
    const deps = { db, directory, targets, pseudonym: audit.pseudonym };
    const way = await wayBack(deps, { target, sub });
    checkWay(way, 'revert');
    if (execute) await goBack(deps, way, { event: 'revert', actor });
    const { state, does, found } = way;
    const targetUserId = found?.targetUserId ?? null;
    return { executed: execute, sub, target, before: state, does, targetUserId, lost: lostBy(way) };
  },
  print: ({ executed, sub, target, before, does, lost }) =>
    [
      `${executed ? 'Rolled back' : 'Would roll back'} ${sub} at ${target} from ${before}: ${DOES[does]}.`,
      ...lost.map((what) => `  Lost: ${what}`),
      ...(executed ? [] : ['Nothing was changed: add --execute.']),
    ].join('\n'),
});
