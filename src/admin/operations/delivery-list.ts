import { z } from 'zod';
import type { ListedDelivery } from '../../sessions/ending/deliveries.ts';
import { countDeliveries, listDeliveries } from '../../sessions/ending/deliveries.ts';
import { defineOperation } from '../operation.ts';

/** More than anybody reads; the counts are of all. */
const LISTED = 1_000;

export const deliveryList = defineOperation({
  name: 'delivery list',
  summary: 'Lists who has not been told yet that somebody was logged out: clients, legacy apps and targets.',
  input: z.strictObject({
    dead: z.boolean().default(false).describe('Only those that were given up.'),
  }),
  changes: false,
  async run({ db }, { dead }) {
    const listed = await listDeliveries(db, { ...(dead ? { dead } : {}), limit: LISTED });
    return { counts: await countDeliveries(db), deliveries: listed.map(shown) };
  },
  print: ({ counts, deliveries }) =>
    [
      ...(counts.length === 0 ? ['Everybody has been told.'] : []),
      ...counts.map(
        ({ kind, name, waiting, dead }) => `${kind} ${name}: ${waiting} waiting, ${dead} given up`,
      ),
      ...deliveries.map(line),
    ].join('\n'),
  foundWrong: ({ counts }) => counts.some(({ dead }) => dead > 0),
});

/** Without the handle: what an app calls a session may open it. */
const shown = ({ handle, ...delivery }: ListedDelivery) => ({
  ...delivery,
  means: handle === null ? ('person' as const) : ('session' as const),
});

function line({ id, kind, name, sub, means, attempts, dueAt, createdAt, problem }: ReturnType<typeof shown>) {
  const when = dueAt === null ? 'given up' : `due ${dueAt.toISOString()}`;
  const what = means === 'person' ? 'all sessions' : 'one session';
  const why = problem ? `  ${problem.code}: ${problem.sentence}` : '';
  return `${id}  ${kind} ${name}  ${what} of ${sub}  since ${createdAt.toISOString()}, ${when}, ${attempts} failed${why}`;
}
