import { z } from 'zod';
import type { Feed } from '../../../feed.ts';
import type { SqlSettings } from '../sql-settings.ts';

export const logSettings = z.strictObject({ by: z.literal('log') });
export type LogSettings = z.output<typeof logSettings>;

export function openLog(
  _settings: SqlSettings,
  _changes: LogSettings,
  _limits: { readonly timeoutMs: number },
): Feed {
  throw new Error('not written yet');
}
