import { z } from 'zod';
import { appendAudit } from '../../store/audit-log.ts';
import { NOTHING_CHANGED, people } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';
import { pairAt, syncOf, whichTarget } from '../sync/sync-desk.ts';

/** Among so many one person is looked for. */
const LETTERS = 10_000;

export const syncRedrive = defineOperation({
  name: 'sync redrive',
  summary: 'Gives dead letters another turn: all of a target, or one person.',
  input: z.strictObject({
    target: whichTarget,
    user: z.string().min(1).max(500).optional().describe('Only this person, as sync dead has them.'),
  }),
  changes: true,
  async run(desk, { target: named, user }, { execute }) {
    const { target } = pairAt(desk, named);
    const { queue } = syncOf(desk);
    if (!execute) {
      const all = (await queue.stats()).find((one) => one.target === target)?.dead ?? 0;
      const isDead = async () =>
        (await queue.dead({ target, limit: LETTERS })).some(({ person }) => person === user);
      return { executed: false, target, letters: user === undefined ? all : (await isDead()) ? 1 : 0 };
    }
    const { db, audit, actor } = desk;
    const letters = await queue.redrive({ target, ...(user === undefined ? {} : { person: user }) });
    const subject = user === undefined ? {} : { subject: audit.pseudonym(user) };
    if (letters > 0)
      await appendAudit(db, { actor, action: 'sync.redriven', ...subject, detail: { target, letters } });
    return { executed: true, target, letters };
  },
  print({ executed, target, letters }) {
    if (letters === 0) return `There is no such dead letter at ${target}.`;
    const gets = letters === 1 ? 'gets' : 'get';
    return executed
      ? `${people(letters)} ${gets} another turn at ${target}.`
      : `${people(letters)} would get another turn at ${target}. ${NOTHING_CHANGED}`;
  },
});
