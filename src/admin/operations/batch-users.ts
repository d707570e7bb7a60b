import { z } from 'zod';
import type { BatchUser } from '../../migration/batch/batch.ts';
import { OUTCOMES } from '../../migration/batch/batch.ts';
import { batchName } from '../../migration/batch/selection.ts';
import { place, placeText } from '../batch/place.ts';
import { tableText } from '../batch/sections.ts';
import { defineOperation } from '../operation.ts';

const MAX_LIMIT = 1_000;

export const batchUsers = defineOperation({
  name: 'batch users',
  summary: 'Lists the people of a batch in its order: what became of each, and why.',
  input: z.strictObject({
    batch: batchName.describe('The batch’s name.'),
    outcome: z
      .enum([...OUTCOMES, 'waiting'])
      .optional()
      .describe('Only people with this outcome.'),
    code: z.string().min(1).max(200).optional().describe('Only people with this code.'),
    after: place.optional().describe('The page after this one: what the page before gave as `next`.'),
    limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(100).describe('People at most.'),
  }),
  positional: ['batch'],
  changes: false,
  async run({ batches }, { batch, outcome, code, after, limit }) {
    const users = await batches.users(batch, {
      ...(outcome ? { outcome } : {}),
      ...(code ? { code } : {}),
      ...(after ? { after } : {}),
      limit,
    });
    const last = users.length === limit ? users.at(-1) : undefined;
    return { users, ...(last ? { next: placeText(last) } : {}) };
  },
  print: ({ users, next }) =>
    users.length === 0
      ? 'Nobody.'
      : [
          ...tableText({
            head: ['user', 'outcome', 'at the target', 'tries failed', 'why'],
            rows: users.map(row),
          }),
          ...(next ? [`More with --after ${next}`] : []),
        ].join('\n'),
});

function row({ sub, outcome, problem, attempts, targetUserId, undone }: BatchUser): string[] {
  const detail = problem?.detail ? ` (${problem.detail})` : '';
  const missing = problem?.missing?.map(({ what, code }) => `${what}: ${code}`).join(', ');
  return [
    sub,
    undone ? `${outcome ?? 'waiting'}, ${undone}` : (outcome ?? 'waiting'),
    targetUserId ?? '',
    String(attempts),
    problem ? `${problem.code}: ${problem.sentence}${detail}${missing ? ` Missing: ${missing}.` : ''}` : '',
  ];
}
