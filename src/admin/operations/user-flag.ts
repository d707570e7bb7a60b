import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { flagLegacy } from '../../migration/flagging.ts';
import { find, move } from '../../migration/ledger.ts';
import { EVENTS, LOST_BY_REVERT, nextState } from '../../migration/states.ts';
import { defineOperation } from '../operation.ts';

export const userFlag = defineOperation({
  name: 'user flag',
  summary:
    'Moves one person in the ledger by hand: exclude, revert, confirm, … Says what is lost when going back.',
  input: z.strictObject({
    user: z.string().min(1).describe('The sub.'),
    target: z.string().min(1).describe('The target’s name.'),
    event: z.enum(EVENTS).describe('What happens to the person.'),
    targetUserId: z.string().min(1).optional().describe('With create: the id at the target.'),
  }),
  positional: ['user'],
  changes: true,
  // A tombstone, and the end of a person's move: nothing leads back from either.
  danger: ({ event }) => event === 'delete' || event === 'retire',
  async run({ db, directory, audit, actor }, { user: sub, target, event, targetUserId }, { execute }) {
    const before = (await find(db, target, sub))?.state ?? 'legacy';
    const after = nextState(before, event);
    if (!after)
      throw new FootbridgeError('illegal_transition', {
        detail: `Nobody can go by ${event} from ${before}.`,
      });
    if (event === 'prove')
      throw new FootbridgeError('illegal_transition', { detail: 'Only a password proves a password.' });
    const lost = event === 'revert' ? LOST_BY_REVERT[before] : undefined;
    if (execute) {
      await move(db, {
        target,
        sub,
        event,
        actor,
        subject: audit.pseudonym(sub),
        ...(targetUserId ? { targetUserId } : {}),
      });
      if (event === 'confirm' || event === 'revert') {
        await flagLegacy(
          { db, directory, pseudonym: audit.pseudonym },
          { sub, migrated: event === 'confirm', actor },
        );
      }
    }
    return { executed: execute, sub, target, before, after, ...(lost ? { lost } : {}) };
  },
  print: ({ executed, sub, target, before, after, lost }) =>
    `${executed ? '' : 'Would move '}${sub} at ${target}: ${before} → ${after}.${lost ? ` Lost: ${lost}` : ''}${executed ? '' : ' Nothing was changed: add --execute.'}`,
});
