import { z } from 'zod';
import { blockedRewrites } from '../../migration/blocked-rewrites.ts';
import { defineOperation } from '../operation.ts';

export const rewriteList = defineOperation({
  name: 'rewrite list',
  summary: 'Lists rewrites of password hashes that failed their proof: nobody’s hash is released in them.',
  input: z.strictObject({}),
  changes: false,
  run: ({ db }) => blockedRewrites(db),
  print: (blocked) =>
    blocked
      .map(
        ({ target, format, write, failures, failedAt }) =>
          `${target}: ${format} → ${write}, failed ${failures} times, last at ${failedAt.toISOString()}`,
      )
      .join('\n') || 'No rewrite has failed its proof.',
  foundWrong: (blocked) => blocked.length > 0,
});
