import { z } from 'zod';
import { appendAudit } from '../../store/audit-log.ts';
import { undoAll } from '../../targets/run-setup.ts';
import { defineOperation } from '../operation.ts';
import { withSetup } from '../target-setup/open-setup.ts';
import { UNCHANGED, undoLines } from '../target-setup/setup-text.ts';

export const targetTeardown = defineOperation({
  name: 'target teardown',
  summary:
    'Takes away what target setup made at a target, and nothing else; what it changed becomes again what it was. People who have moved stay, but are no longer linked to us.',
  input: z.strictObject({ target: z.string().min(1).describe('The target’s name.') }),
  positional: ['target'],
  changes: true,
  danger: true,
  run: (desk, { target }, { execute }) =>
    withSetup(desk, target, async ({ setup }) => {
      const undone = await undoAll(setup, { db: desk.db, target }, { execute });
      const of = (wanted: string) => undone.filter(({ outcome }) => outcome === wanted).map(({ id }) => id);
      const detail = { target, done: of('done'), failed: of('failed') };
      if (execute) await appendAudit(desk.db, { actor: desk.actor, action: 'target.torn-down', detail });
      return { executed: execute, target, undone };
    }),
  print: ({ executed, target, undone }) =>
    undone.length === 0
      ? `Nothing of ours is at ${target}.`
      : [`At ${target}:`, ...undoLines(undone), ...(executed ? [] : [UNCHANGED])].join('\n'),
  foundWrong: ({ undone }) => undone.some(({ outcome }) => outcome === 'failed'),
});
