import { z } from 'zod';
import type { Feed } from '../../../feed.ts';
import type { SqlSettings } from '../sql-settings.ts';

export const outboxSettings = z.strictObject({ by: z.literal('outbox') });
export type OutboxSettings = z.output<typeof outboxSettings>;

export function openOutbox(
  _settings: SqlSettings,
  _changes: OutboxSettings,
  _limits: { readonly timeoutMs: number },
): Feed {
  throw new Error('not written yet');
}
