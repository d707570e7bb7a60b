import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { conflictById, decideConflict } from '../../sync/people/conflicts.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { syncOf } from '../sync/sync-desk.ts';

export const syncResolve = defineOperation({
  name: 'sync resolve',
  summary:
    'Decides a conflict: the value of one side is kept, and written on the other in the person’s next turn.',
  input: z.strictObject({
    id: z.string().min(1).describe('The conflict, as sync conflicts has it.'),
    keep: z.enum(['legacy', 'target']).describe('Whose value is kept: legacy or target.'),
  }),
  positional: ['id'],
  changes: true,
  async run(desk, { id, keep }, { execute }) {
    const { target, sub, field, decided, decidedBy } = await conflictById(desk.db, id);
    // Said again after it was cut off before the person's turn was asked for.
    const isSaidAgain = decided === keep && decidedBy === 'waits';
    if (decided !== null && !isSaidAgain) throw new FootbridgeError('conflict_not_found');
    if (execute) {
      if (!isSaidAgain) await decide(desk, { id, keep });
      await syncOf(desk).queue.put([
        { source: 'operator', id: `resolve:${id}`, target, person: sub, lane: 'live', hint: {} },
      ]);
    }
    return { executed: execute, id, target, sub, field, keep };
  },
  print: ({ executed, id, target, sub, field, keep }) =>
    [
      `${executed ? 'Decided' : 'Would decide'} ${id}: ${field} of ${sub} is kept as ${keep === 'legacy' ? 'the legacy store' : target} has it.`,
      executed ? '  It is written in their next turn.' : NOTHING_CHANGED,
    ].join('\n'),
});

/** Throws conflict_not_found where somebody was quicker. */
function decide(
  { db, audit, actor }: Desk,
  { id, keep }: { readonly id: string; readonly keep: 'legacy' | 'target' },
): Promise<void> {
  return db.transaction(async (tx) => {
    const { target, sub, field } = await decideConflict(tx, id, keep);
    await appendAudit(tx, {
      actor,
      action: 'sync.conflict-decided',
      subject: audit.pseudonym(sub),
      detail: { target, conflict: id, field, kept: keep },
    });
  });
}
