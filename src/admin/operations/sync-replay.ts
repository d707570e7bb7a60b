import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { checkMoment, momentOf } from '../../migration/batch/moment.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { minute, NOTHING_CHANGED, people } from '../claim-tokens/claim-desk.ts';
import { subOf } from '../find-user.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { pairAt, syncOf, whichTarget } from '../sync/sync-desk.ts';

const moment = (words: string) =>
  z
    .string()
    .refine(checkMoment, { error: 'expected a date, a date with a time, or how long ago: 6h, 3d' })
    .optional()
    .describe(words);

const input = z
  .strictObject({
    target: whichTarget,
    since: moment('Everybody of whom something was heard since then: 2026-03-01T08:00Z, or 6h.'),
    until: moment('And until then; until now when absent.'),
    user: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .describe('This person: what they type to log in, or the sub.'),
  })
  .refine(({ since, user }) => (since === undefined) !== (user === undefined), {
    error: 'say whom: either since when, or one person (--user)',
    path: ['since'],
  })
  .refine(({ since, until }) => since !== undefined || until === undefined, {
    error: 'goes with --since',
    path: ['until'],
  });

export const syncReplay = defineOperation({
  name: 'sync replay',
  summary:
    'Gives people another turn, in which both sides are read anew: everybody of whom something was heard in a time, as far as it is kept, or one person.',
  input,
  changes: true,
  async run(desk, { target: named, since, until, user }, { execute }) {
    const { target } = pairAt(desk, named);
    if (user !== undefined) return one(desk, { target, sub: await subOf(desk.directory, user), execute });
    const now = Date.now();
    const momentIn = (text: string | undefined) =>
      text === undefined ? new Date(now) : new Date(momentOf(text, now / 1_000) * 1_000);
    const [from, to] = [momentIn(since), momentIn(until)];
    if (from >= to) throw new FootbridgeError('bad_request', { detail: 'That time ends before it begins.' });
    const turns = execute ? await syncOf(desk).queue.replay({ target, since: from, until: to }) : null;
    const { db, actor } = desk;
    const detail = { target, since: from.toISOString(), until: to.toISOString(), turns: turns ?? 0 };
    if (execute) await appendAudit(db, { actor, action: 'sync.replayed', detail });
    return { executed: execute, target, since: from, until: to, sub: null, turns };
  },
  print({ executed, target, since, until, sub, turns }) {
    const whom =
      sub ?? `everybody of whom something was heard from ${minute(since!)} until ${minute(until!)} UTC`;
    return executed
      ? `At ${target} ${people(turns ?? 0)} ${turns === 1 ? 'gets' : 'get'} a turn: ${whom}.`
      : `Would give a turn at ${target} to ${whom}. ${NOTHING_CHANGED}`;
  },
});

async function one(
  desk: Desk,
  { target, sub, execute }: { readonly target: string; readonly sub: string; readonly execute: boolean },
) {
  const { db, audit, actor } = desk;
  const turns = execute
    ? await syncOf(desk).queue.put([
        {
          source: 'operator',
          id: `replay:${new Date().toISOString()}:${sub}`.slice(0, 200),
          ...{ target, person: sub, lane: 'live', hint: {} },
        },
      ])
    : null;
  if (execute)
    await appendAudit(db, {
      actor,
      action: 'sync.replayed',
      subject: audit.pseudonym(sub),
      detail: { target },
    });
  return { executed: execute, target, since: null, until: null, sub, turns };
}
