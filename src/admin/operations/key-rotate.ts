import { z } from 'zod';
import { listKeys, rotateKeys } from '../../provider/keys.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { defineOperation } from '../operation.ts';

export const keyRotate = defineOperation({
  name: 'key rotate',
  summary: 'Makes the next keys the current ones. Running nodes follow by themselves; no login fails.',
  input: z.strictObject({
    force: z.boolean().default(false).describe('Also when the next keys were published only a moment ago.'),
  }),
  changes: true,
  async run(desk, { force }, { execute }) {
    if (execute) {
      await rotateKeys(desk.db, desk.keyring, {
        publishedForSeconds: desk.keyCacheSeconds,
        keepPreviousSeconds: desk.keepKeysSeconds,
        force,
      });
      await appendAudit(desk.db, { actor: desk.actor, action: 'keys.rotated', detail: { force } });
    }
    return { executed: execute, keys: await listKeys(desk.db) };
  },
  print: ({ executed, keys }) =>
    executed
      ? `Rotated. Current: ${keys
          .filter((k) => k.state === 'current')
          .map((k) => `${k.purpose} ${k.kid}`)
          .join(', ')}`
      : 'Would make the next keys current. Nothing was changed: add --execute.',
});
