import { z } from 'zod';
import { find, move } from '../../migration/ledger.ts';
import { listWork, retryWork } from '../../migration/moving/target-work.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

/** At a time; saying it again takes the next. */
const RETRIED = 1_000;

export const workRetry = defineOperation({
  name: 'work retry',
  summary:
    'Tries again to move people who were given up: all of a target, or one. A running server does it within seconds.',
  input: z.strictObject({
    target: z.string().min(1).describe('The target’s name.'),
    user: z.string().min(1).optional().describe('The sub; everybody who was given up when absent.'),
  }),
  changes: true,
  async run(desk, { target, user }, { execute }) {
    const listed = await listWork(desk.db, target, RETRIED);
    const subs = listed
      .filter(({ sub, dueAt }) => (user === undefined ? dueAt === null : sub === user))
      .map(({ sub }) => sub);
    if (execute) for (const sub of subs) await retry(desk, target, sub);
    return { executed: execute, target, users: subs };
  },
  print: ({ executed, target, users }) =>
    `${executed ? 'Trying again' : 'Would try again'} at ${target}: ${users.length === 0 ? 'nobody' : users.join(', ')}.${executed ? '' : ' Nothing was changed: add --execute.'}`,
});

/** Whose failure the ledger knows is a batch of one again. */
async function retry({ db, directory, audit, actor }: Desk, target: string, sub: string): Promise<void> {
  const row = await find(db, target, sub);
  const legacyId = directory.legacyIdOf(sub) ?? sub;
  const subject = audit.pseudonym(sub);
  if (row?.state === 'failed') await move(db, { target, sub, event: 'enqueue', actor, subject, legacyId });
  await retryWork(db, target, sub);
}
