import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { batchName } from '../../migration/batch/selection.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { adviceFor, REPLAY_WORDS } from '../batch/codes.ts';
import { count } from '../batch/status-text.ts';
import { defineOperation } from '../operation.ts';

interface Letters {
  readonly code: string;
  readonly users: number;
}

interface Output {
  readonly executed: boolean;
  readonly batch: string;
  /** How many were sent again, or would be; undefined for one person, who is looked up when it is done. */
  readonly users: number | undefined;
  /** Dead letters that are asked for, by code. */
  readonly letters: readonly Letters[];
  readonly user: string | undefined;
}

export const batchReplay = defineOperation({
  name: 'batch replay',
  summary: 'Sends dead letters of a batch again: all of them, those with one code, or one person.',
  input: z.strictObject({
    batch: batchName.describe('The batch’s name.'),
    code: z.string().min(1).max(200).optional().describe('Only dead letters with this code.'),
    user: z.string().min(1).max(255).optional().describe('Only this person: the sub.'),
  }),
  positional: ['batch'],
  changes: true,
  async run({ batches, db, audit, actor }, { batch: id, code, user }, { execute }): Promise<Output> {
    const { state } = await batches.status(id);
    if (!['running', 'paused', 'done'].includes(state))
      throw new FootbridgeError('batch_state', {
        detail: `${id} is ${state}: nobody was sent yet, or they were taken back.`,
      });
    const letters = (await batches.codes(id))
      .filter((one) => one.outcome === 'failed' && (code === undefined || one.code === code))
      .map(({ code, users }) => ({ code, users }));
    const all = letters.reduce((sum, { users }) => sum + users, 0);
    if (!execute)
      return { executed: false, batch: id, letters, user, users: user === undefined ? all : undefined };
    const which = { ...(code === undefined ? {} : { code }), ...(user === undefined ? {} : { sub: user }) };
    const users = await batches.replay(id, which);
    const subject = user === undefined ? {} : { subject: audit.pseudonym(user) };
    const detail = { batch: id, users, ...(code === undefined ? {} : { code }) };
    await appendAudit(db, { actor, action: 'batch.replayed', ...subject, detail });
    return { executed: true, batch: id, letters, user, users };
  },
  print: (output) =>
    [headline(output), ...(output.user === undefined ? output.letters.map(line) : []), ending(output)].join(
      '\n',
    ),
});

function headline({ executed, batch, user, users }: Output): string {
  if (users === undefined) return `Would send ${user} of ${batch} again, if they are a dead letter.`;
  if (executed && users === 0) return `There was no such dead letter in ${batch}: nothing is sent again.`;
  return `${executed ? 'Sending again' : 'Would send again'} in ${batch}: ${count(users)} ${users === 1 ? 'person' : 'people'}.`;
}

function line({ code, users }: Letters): string {
  const { todo, replay } = adviceFor(code);
  return `  ${count(users)}  ${code || 'no code'}: ${REPLAY_WORDS[replay]}. ${todo}`;
}

const ending = ({ executed, batch }: Output) =>
  executed
    ? `Every server that runs takes them up; or footbridge batch run ${batch} --execute.`
    : 'Nothing was changed: add --execute.';
