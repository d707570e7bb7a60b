import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { checkMoment, momentOf } from '../../migration/batch/moment.ts';
import { openEnforcement } from '../../migration/claim-tokens/enforcement.ts';
import {
  addException,
  listExceptions,
  MAX_REASON,
  removeException,
} from '../../migration/claim-tokens/exceptions.ts';
import { claimSettingsOf } from '../../migration/claim-tokens/issuing.ts';
import { find } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import { minute, NOTHING_CHANGED, personLine, shownPerson } from '../claim-tokens/claim-desk.ts';
import { oldLoginWords } from '../claim-tokens/old-login.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

const input = z
  .strictObject({
    user: z.string().min(1).describe('The sub, as user show has it: shop:4711.'),
    target: z.string().min(1).describe('The target’s name.'),
    reason: z.string().min(1).max(MAX_REASON).optional().describe('Why, for those who come after you.'),
    until: z
      .string()
      .refine((text) => checkMoment(text) && !/^\d+[hdwy]$/.test(text), {
        error: 'expected a date like 2026-03-01',
      })
      .optional()
      .describe('A date, UTC: then it ends by itself. Until it is taken back when absent.'),
    remove: z.boolean().default(false).describe('Takes it back.'),
  })
  .refine(({ remove, reason }) => remove || reason !== undefined, {
    error: 'an exception needs its reason',
    path: ['reason'],
  })
  .refine(({ remove, until }) => !remove || until === undefined, {
    error: 'what is taken back has no end',
    path: ['until'],
  });

export const claimExcept = defineOperation({
  name: 'claim except',
  summary: 'Lets one person go on with their old login although it ends for others; or takes that back.',
  input,
  changes: true,
  async run(desk, { user: sub, target, reason, until: text, remove }, { execute }) {
    claimSettingsOf(desk, target);
    const until = text === undefined ? null : endOf(text);
    const [before] = await listExceptions(desk.db, { target, sub }, 1);
    // Who is gone can still be taken from the list.
    const seen = remove ? undefined : await personOf(desk, target, sub);
    const { isLinked = false, standing } = seen ?? {};

    const doing = { target, sub, actor: desk.actor, subject: desk.audit.pseudonym(sub) };
    if (execute && remove) await removeException(desk.db, doing);
    if (execute && !remove) await addException(desk.db, { ...doing, reason: reason ?? '', until });
    return {
      executed: execute,
      target,
      sub,
      remove,
      reason: reason ?? null,
      until,
      before: before ?? null,
      person: seen?.person ?? null,
      isLinked,
      /** While there is an exception, it says nothing of what would be without one. */
      standing: before ? null : (standing ?? null),
    };
  },
  print({ executed, target, sub, remove, until, before, person, isLinked, standing }) {
    const end = until ? `until ${minute(until)} UTC` : 'until it is taken back';
    const dry = executed ? [] : [NOTHING_CHANGED];
    if (remove && !before) return `${sub} is not excepted at ${target}.`;
    if (remove)
      return [
        executed
          ? `${sub} is excepted at ${target} no more.`
          : `Would take back the exception of ${sub} at ${target}: ${before?.reason}`,
        ...dry,
      ].join('\n');
    return [
      executed
        ? `${sub} goes on with their old login at ${target} ${end}.`
        : `Would let ${sub} go on with their old login at ${target} ${end}.`,
      ...(person ? [`  ${personLine(person)}`] : []),
      ...(standing ? [`  without it their old login ${oldLoginWords(standing, isLinked)}`] : []),
      ...(before ? [`  in the place of: ${before.reason}`] : []),
      ...dry,
    ].join('\n');
  },
});

function endOf(text: string): Date {
  const until = new Date(momentOf(text, 0) * 1_000);
  if (until.getTime() > Date.now()) return until;
  throw new FootbridgeError('bad_request', { detail: `${text} is over` });
}

/** And what the rules say of them as things are. Throws user_not_found, legacy_unavailable. */
async function personOf({ db, directory, claimTokens }: Desk, target: string, sub: string) {
  const entry = await directory.findBySub(sub);
  if (!entry) throw new FootbridgeError('user_not_found');
  const standing = await openEnforcement({ db, claimTokens }).standingOf(target, entry);
  const row = await find(db, target, sub);
  return {
    person: shownPerson(entry.user),
    isLinked: row !== undefined && hasTargetUser(row.state),
    standing,
  };
}
