import { z } from 'zod';
import { ENDING_CAUSES } from '../../sessions/ending/ending.ts';
import { countEndings, recentEndings } from '../../sessions/ending/endings.ts';
import { defineOperation } from '../operation.ts';

const DAY_HOURS = 24;

export const sessionEndings = defineOperation({
  name: 'session endings',
  summary: 'Lists what ended last and why, and how often each cause was one in the last day.',
  input: z.strictObject({
    cause: z.enum(ENDING_CAUSES).optional().describe('Only this cause.'),
    limit: z.coerce.number().int().min(1).max(1_000).default(50).describe('At most so many.'),
  }),
  changes: false,
  run: async ({ db }, { cause, limit }) => ({
    lastDay: await countEndings(db, DAY_HOURS),
    endings: await recentEndings(db, { cause, limit }),
  }),
  print: ({ lastDay, endings }) =>
    [
      'In the last day:',
      ...(lastDay.length === 0 ? ['  nothing'] : []),
      ...lastDay.map(
        (row) => `  ${row.cause.padEnd(18)} ${row.endings}, with ${row.opSessions} sessions here`,
      ),
      ...(endings.length > 0 ? ['Last:'] : []),
      ...endings.map(
        ({ createdAt, cause, actor, scope, sub, ended }) =>
          `  ${createdAt.toISOString()}  ${cause} by ${actor}  ${sub ?? 'several people'}, ${scope}: ${ended.opSessions} here, ${ended.legacySessions} at apps, ${ended.targetSessions} at targets`,
      ),
    ].join('\n'),
});
