import { z } from 'zod';
import { readCensus } from '../../rollout/census-reading.ts';
import { sectionsText } from '../batch/sections.ts';
import type { CensusOutput } from '../forecast/census-text.ts';
import { censusSections } from '../forecast/census-text.ts';
import { defineOperation } from '../operation.ts';
import { targetOf, whichTarget } from '../rollout/rollout-desk.ts';

export const rolloutCensus = defineOperation({
  name: 'rollout census',
  summary:
    'Reads the legacy store from end to end and counts who belongs to each phase, segment and app of the plan, and when they logged in last. Read-only; goes on where it was cut off. Every server does it by itself once a day, slowly.',
  input: z.strictObject({
    target: whichTarget,
    restart: z.boolean().optional().describe('Begins afresh instead of going on with one that was cut off.'),
  }),
  changes: false,
  // It asks the legacy store for everybody.
  role: 'operator',
  interruptible: true,
  async run({ db, directory, actor }, { target: named, restart }, { onProgress, signal }) {
    const target = await targetOf({ db }, named);
    const asked = { actor, take: true, restart, onProgress, signal };
    const { census = null, ...read } = await readCensus({ db, people: directory }, target, asked);
    return { target, census, ...read } satisfies CensusOutput;
  },
  print: (output: CensusOutput) => sectionsText(censusSections(output)),
  foundWrong: ({ census }) => census === null,
});
