import { z } from 'zod';
import type { ListedWork } from '../../migration/moving/target-work.ts';
import { listWork } from '../../migration/moving/target-work.ts';
import { defineOperation } from '../operation.ts';

/** More than anybody reads; `--target` narrows it down. */
const LISTED = 1_000;

export const workList = defineOperation({
  name: 'work list',
  summary: 'Lists the people who are being moved: those that were given up first, with the reason.',
  input: z.strictObject({ target: z.string().min(1).optional().describe('Only this target’s.') }),
  changes: false,
  run: async ({ db }, { target }) => ({ work: await listWork(db, target, LISTED) }),
  print: ({ work }) => (work.length === 0 ? 'Nobody is being moved.' : work.map(line).join('\n')),
  foundWrong: ({ work }) => work.some(({ dueAt }) => dueAt === null),
});

function line({ target, sub, road, attempts, dueAt, isUnderWay, problem }: ListedWork): string {
  const when = isUnderWay ? 'under way' : dueAt === null ? 'given up' : `due ${dueAt.toISOString()}`;
  const why = problem
    ? `  ${problem.code}: ${problem.sentence}${problem.detail ? ` (${problem.detail})` : ''}`
    : '';
  return `${target}  ${sub}  ${road}  ${when}, ${attempts} failed${why}`;
}
