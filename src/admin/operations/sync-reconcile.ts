import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { askSweep } from '../../sync/pairs.ts';
import { minute, NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';
import { pairAt, pairOf, whichTarget } from '../sync/sync-desk.ts';

const SWEPT = new Set(['aligning', 'running']);

export const syncReconcile = defineOperation({
  name: 'sync reconcile',
  summary:
    'Has both sides read from end to end now, for what nobody has told: whoever differs gets a turn. It happens by itself every `sweepMinutes`.',
  input: z.strictObject({ target: whichTarget }),
  changes: true,
  async run(desk, { target: named }, { execute }) {
    const { target } = pairAt(desk, named);
    const pair = await pairOf(desk, target);
    if (!pair || !SWEPT.has(pair.state))
      throw new FootbridgeError('sync_state', { detail: `It is ${pair?.state ?? 'not started'}.` });
    const { db, actor } = desk;
    if (execute && !(await askSweep(db, target)))
      throw new FootbridgeError('sync_state', {
        detail: 'Both sides are being read right now: footbridge sync status shows how far it is.',
      });
    if (execute) await appendAudit(db, { actor, action: 'sync.reading-asked', detail: { target } });
    return { executed: execute, target, sweptAt: pair.sweptAt, last: pair.sweep };
  },
  print({ executed, target, sweptAt, last }) {
    const before = sweptAt
      ? `Last done ${minute(sweptAt)} UTC: ${last.legacyPeople ?? 0} people in the legacy store and ${last.targetPeople ?? 0} at ${target} were read; ${last.found ?? 0} turns came of it.`
      : 'It was never done to its end.';
    return executed
      ? `${before}\nBoth sides are read now; footbridge sync status shows how far it is, and who was found.`
      : `${before}\nWould read both sides from end to end now. ${NOTHING_CHANGED}`;
  },
});
