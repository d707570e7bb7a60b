import { countSessions } from '../../../provider/records.ts';
import {
  countDeliveries,
  listDeliveries,
  oldestWaitingSeconds,
} from '../../../sessions/ending/deliveries.ts';
import { countEndings, recentEndings } from '../../../sessions/ending/endings.ts';
import { countLegacySessions } from '../../../sessions/registry.ts';
import type { Who } from '../../perform.ts';
import { age } from '../../sync/sync-desk.ts';
import type { Known } from '../known.ts';
import { known, valueOr } from '../known.ts';
import { offer } from '../offers.ts';
import { definePage, userHref } from '../page.ts';
import type { CellOf, Notice, Panel } from '../panels.ts';
import { count, panelsPage } from '../panels.ts';
import { actorWords } from '../words.ts';

const DAY_HOURS = 24;
const SHOWN = 30;

export const sessionsPage = definePage({
  path: 'sessions',
  title: 'Sessions',
  menu: { group: 'People', order: 30 },
  async load(desk, { who }) {
    const { db } = desk;
    const [own, atApps, lastDay, endings, deliveries, waiting, oldest] = await Promise.all([
      known(countSessions(db)),
      known(countLegacySessions(db)),
      known(countEndings(db, DAY_HOURS)),
      known(recentEndings(db, { limit: SHOWN })),
      known(countDeliveries(db)),
      known(listDeliveries(db, { limit: SHOWN })),
      known(oldestWaitingSeconds(db)),
    ]);
    return panelsPage(
      {
        lead: 'Who is logged in where, what ended, and who has to be told of it.',
        panels: [
          {
            figures: [
              {
                label: 'Sessions here',
                value: own.isKnown ? count(own.value) : '–',
                note: own.isKnown ? 'of people, live' : own.why,
              },
              ...valueOr(atApps, []).map(({ app, live, failed }) => ({
                label: `At ${app}`,
                value: count(live),
                ...(failed > 0 ? { note: `${count(failed)} could not be made`, tone: 'warn' as const } : {}),
              })),
            ],
            links: [
              ...offer(who, { operation: 'session list', label: 'List them' }),
              ...offer(who, { operation: 'session end', label: 'End sessions', look: 'danger' }),
            ],
          },
          deliveriesPanel({ deliveries, waiting, oldest }, who),
          endingsPanel(valueOr(lastDay, []), endings),
        ],
      },
      { refreshSeconds: 30 },
    );
  },
});

interface Deliveries {
  readonly deliveries: Known<Awaited<ReturnType<typeof countDeliveries>>>;
  readonly waiting: Known<Awaited<ReturnType<typeof listDeliveries>>>;
  readonly oldest: Known<number>;
}

function deliveriesPanel({ deliveries, waiting, oldest }: Deliveries, who: Who): Panel {
  const title = 'Who still has to be told';
  if (!deliveries.isKnown) return { title, notices: [{ tone: 'warn', sentences: [deliveries.why] }] };
  if (deliveries.value.length === 0)
    return { title, empty: { sentence: 'Everybody has been told of every ending.' } };
  const late = valueOr(oldest, 0);
  const notices: Notice[] =
    late > 0 ? [{ tone: 'info', sentences: [`The oldest one that waits has waited for ${age(late)}.`] }] : [];
  const open = valueOr(waiting, []);
  return {
    title,
    notices,
    table: {
      label: 'Recipients',
      head: ['Recipient', 'Kind', 'Waiting', 'Given up', ''],
      numbers: [2, 3],
      rows: deliveries.value.map(({ kind, name, waiting: left, dead }): CellOf[] => [
        name,
        kind,
        count(left),
        dead > 0 ? { badge: { text: count(dead), tone: 'bad' } } : '0',
        dead > 0
          ? { links: offer(who, { operation: 'delivery retry', label: 'Tell again', input: { kind, name } }) }
          : '',
      ]),
    },
    more: {
      summary: 'One by one, newest first',
      panel: {
        table: {
          label: 'Deliveries that are not done',
          head: ['Recipient', 'Of whom', 'What', 'Since', 'Next try', 'Why not yet', ''],
          rows: open.map(({ id, kind, name, sub, handle, dueAt, createdAt, problem, attempts }): CellOf[] => [
            `${kind} ${name}`,
            { text: sub, href: userHref(sub) },
            handle === null ? 'all sessions' : 'one session',
            { at: createdAt },
            dueAt ? { at: dueAt } : { badge: { text: 'given up', tone: 'bad' } },
            problem
              ? { text: `${problem.code}: ${problem.sentence}`, note: `${count(attempts)} failed` }
              : '',
            { links: offer(who, { operation: 'delivery retry', label: 'Tell again', input: { id } }) },
          ]),
        },
      },
    },
  };
}

function endingsPanel(
  lastDay: Awaited<ReturnType<typeof countEndings>>,
  endings: Known<Awaited<ReturnType<typeof recentEndings>>>,
): Panel {
  const title = 'What ended last';
  if (!endings.isKnown) return { title, notices: [{ tone: 'warn', sentences: [endings.why] }] };
  if (endings.value.length === 0) return { title, empty: { sentence: 'Nothing has ended lately.' } };
  return {
    title,
    figures: lastDay.map(({ cause, endings: times, opSessions }) => ({
      label: cause,
      value: count(times),
      note: `in the last day, with ${count(opSessions)} here`,
    })),
    table: {
      label: 'Endings, newest first',
      head: ['When', 'Cause', 'By', 'Of whom', 'Here', 'At apps', 'At targets'],
      numbers: [4, 5, 6],
      rows: endings.value.map(({ createdAt, cause, actor, scope, sub, ended }): CellOf[] => [
        { at: createdAt },
        { text: cause, note: `the whole ${scope}` },
        actorWords(actor),
        sub === null ? 'several people' : { text: sub, href: userHref(sub) },
        count(ended.opSessions),
        count(ended.legacySessions),
        count(ended.targetSessions),
      ]),
    },
  };
}
