import { z } from 'zod';
import type { DeadLetter } from '../../sync/queue/change-queue.ts';
import { seen } from '../batch/sections.ts';
import { minute } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';
import { pairAt, syncOf, whichTarget } from '../sync/sync-desk.ts';

export const syncDead = defineOperation({
  name: 'sync dead',
  summary:
    'Lists dead letters: people who could not be made equal after all tries, and why. Exits with 1 while there are any.',
  input: z.strictObject({
    target: whichTarget,
    limit: z.coerce.number().int().min(1).max(10_000).default(100).describe('At most so many, newest first.'),
  }),
  changes: false,
  async run(desk, { target: named, limit }) {
    const { target } = pairAt(desk, named);
    const { queue } = syncOf(desk);
    const all = (await queue.stats()).find((one) => one.target === target)?.dead ?? 0;
    return { target, all, letters: await queue.dead({ target, limit }) };
  },
  print: ({ target, all, letters }) =>
    letters.length === 0
      ? `There are no dead letters at ${target}.`
      : [
          ...letters.map(line),
          ...(all > letters.length ? [`… and ${all - letters.length} more.`] : []),
          `When the cause is mended: footbridge sync redrive --target ${target}`,
        ].join('\n'),
  foundWrong: ({ letters }) => letters.length > 0,
});

const line = ({ person, problem, attempts, since, diedAt }: DeadLetter): string =>
  seen(
    `${person}  ${problem.code}: ${problem.sentence}  ${attempts} tries since ${minute(since)}, given up ${minute(diedAt)} UTC`,
  );
