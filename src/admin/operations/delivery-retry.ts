import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { listDeliveries, retryDeliveries } from '../../sessions/ending/deliveries.ts';
import { defineOperation } from '../operation.ts';

const LISTED = 10_000;

export const deliveryRetry = defineOperation({
  name: 'delivery retry',
  summary:
    'Tells again who was given up: one, all of one recipient, or all. A running server does it within seconds.',
  input: z.strictObject({
    id: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional()
      .describe('This one, as `delivery list` shows it; also one that is still to be tried.'),
    kind: z.enum(['client', 'legacy', 'target']).optional().describe('Only of this kind.'),
    name: z.string().min(1).optional().describe('Only of this client, app or target.'),
  }),
  changes: true,
  async run({ db }, { id, kind, name }, { execute }) {
    if (id !== undefined && (kind !== undefined || name !== undefined))
      throw new FootbridgeError('bad_request', { detail: '--id goes with neither --kind nor --name.' });
    if (execute) {
      const of = { ...(kind ? { kind } : {}), ...(name ? { name } : {}) };
      return { executed: true, deliveries: await retryDeliveries(db, id === undefined ? of : { id }) };
    }
    const listed = await listDeliveries(db, { ...(id === undefined ? { dead: true } : {}), limit: LISTED });
    const meant = listed.filter((delivery) =>
      id === undefined
        ? (kind === undefined || delivery.kind === kind) && (name === undefined || delivery.name === name)
        : delivery.id === id,
    );
    return { executed: false, deliveries: meant.length };
  },
  print: ({ executed, deliveries }) =>
    executed
      ? `${deliveries} are told again.`
      : `Would tell ${deliveries} again. Nothing was changed: add --execute.`,
});
