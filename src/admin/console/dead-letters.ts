/** People whom something was tried for until it made no more sense: moves, batches, sync. Each with what helps. */
import { countWork, listWork } from '../../migration/moving/target-work.ts';
import type { Desk } from '../operation.ts';
import type { Who } from '../perform.ts';
import { offer } from './offers.ts';
import { userHref } from './page.ts';
import type { CellOf, Panel } from './panels.ts';
import { count, counted } from './panels.ts';

/** Of each kind, on one page; the counts are of all, and each operation lists them. */
export const SHOWN = 25;

/** None: there is no such letter. */
export type Letters = (desk: Desk, who: Who, now: Date) => Promise<readonly Panel[]>;

export async function deadWork({ db }: Desk, who: Who): Promise<Panel[]> {
  const [counts, listed] = await Promise.all([countWork(db), listWork(db, undefined, SHOWN)]);
  const dead = listed.filter(({ dueAt, isUnderWay }) => dueAt === null && !isUnderWay);
  const open = counts.filter(({ givenUp }) => givenUp > 0);
  if (open.length === 0) return [];
  const all = open.reduce((sum, { givenUp }) => sum + givenUp, 0);
  return [
    {
      lead: 'These people logged in or were sent, and could not be made at the target. Once the cause is mended, try again.',
      links: open.flatMap(({ target, givenUp }) =>
        offer(who, {
          operation: 'work retry',
          label: `Try all ${count(givenUp)} at ${target} again`,
          input: { target },
        }),
      ),
      table: {
        label: 'Given up, by person',
        head: ['Who', 'Target', 'Why', 'Tries', 'Since', ''],
        numbers: [3],
        rows: dead.map(({ target, sub, problem, attempts, since }): CellOf[] => [
          person(sub),
          target,
          problem
            ? {
                text: `${problem.code}: ${problem.sentence}`,
                ...(problem.detail ? { note: problem.detail } : {}),
              }
            : '',
          count(attempts),
          { at: since },
          {
            links: offer(who, { operation: 'work retry', label: 'Try again', input: { target, user: sub } }),
          },
        ]),
        ...notAll(all, dead.length),
      },
    },
  ];
}

export async function deadInBatches({ batches: kept }: Desk, who: Who): Promise<Panel[]> {
  const failed = (await kept.list()).filter(
    ({ counts, state }) => counts.failed > 0 && state !== 'undone' && state !== 'undoing',
  );
  if (failed.length === 0) return [];
  return [
    {
      lead: 'Nothing was made of these people at the target, until they are sent again.',
      table: {
        label: 'Batches with dead letters',
        head: ['Batch', 'Target', 'Dead letters', ''],
        numbers: [2],
        rows: failed
          .slice(0, SHOWN)
          .map(({ id, target, counts }): CellOf[] => [
            { text: id, href: `/admin/batches/${encodeURIComponent(id)}?outcome=failed` },
            target,
            count(counts.failed),
            { links: offer(who, { operation: 'batch replay', label: 'Send again', input: { batch: id } }) },
          ]),
        ...notAll(failed.length, Math.min(failed.length, SHOWN)),
      },
    },
  ];
}

export async function deadInSync({ sync: synced }: Desk, who: Who): Promise<Panel[]> {
  const targets = synced?.settings.pairs.map(({ target }) => target) ?? [];
  const found = await Promise.all(
    targets.map(async (target) => (await synced?.queue.dead({ target, limit: SHOWN })) ?? []),
  );
  const letters = found.flat();
  if (letters.length === 0) return [];
  return [
    {
      lead: 'Once the cause is mended, give them another turn.',
      links: targets.flatMap((target) =>
        offer(who, { operation: 'sync redrive', label: `Try all of ${target} again`, input: { target } }),
      ),
      table: {
        label: 'Dead letters of sync, newest first',
        head: ['Who', 'Target', 'Why', 'Tries', 'Given up', ''],
        numbers: [3],
        rows: letters.map(({ person: sub, target, problem, attempts, diedAt }): CellOf[] => [
          person(sub),
          target,
          `${problem.code}: ${problem.sentence}`,
          count(attempts),
          { at: diedAt },
          {
            links: offer(who, {
              operation: 'sync redrive',
              label: 'Try again',
              input: { target, user: sub },
            }),
          },
        ]),
        ...(found.some(({ length }) => length === SHOWN) ? { more: 'The newest; there may be more.' } : {}),
      },
    },
  ];
}

export const person = (sub: string): CellOf => ({ text: sub, href: userHref(sub) });

export const notAll = (all: number, shown: number) =>
  all > shown ? { more: `${counted(all - shown, 'more', 'more')} not listed here.` } : {};
