import type { BatchState, BatchStatus } from '../../../migration/batch/batch.ts';
import { doneOf } from '../../batch/status-text.ts';
import { STATE_TONES } from '../batches.ts';
import { offer } from '../offers.ts';
import { definePage } from '../page.ts';
import type { CellOf } from '../panels.ts';
import { count, counted, panelsPage, shareWords } from '../panels.ts';

const UNDER_WAY: ReadonlySet<BatchState> = new Set(['planning', 'running', 'undoing']);
/** The newest; older ones, a link by their name still shows. */
const SHOWN = 100;

export const batchesPage = definePage({
  path: 'batches',
  title: 'Batches',
  menu: { group: 'Move', order: 20 },
  async load({ batches }, { who, query }) {
    const target = query.get('target') || undefined;
    const all = (await batches.list()).filter((batch) => target === undefined || batch.target === target);
    const shown = all.slice(0, SHOWN);
    const links = offer(who, { operation: 'batch plan', label: 'Plan a batch', look: 'primary' });
    return panelsPage(
      {
        lead: 'People who are moved many at once, because an operator said so. Who is in a batch is written down before anybody is sent.',
        panels: [
          shown.length === 0
            ? {
                empty: {
                  sentence:
                    'There is no batch yet. A plan reads the legacy store, says what would become of whom, and moves nobody.',
                  command: 'footbridge batch plan --name pilot --target NAME',
                  links,
                },
              }
            : {
                links,
                table: {
                  label: 'Batches, newest first',
                  head: ['Batch', 'Target', 'State', 'Done', 'People', 'Failed', 'Planned'],
                  numbers: [3, 4, 5],
                  rows: shown.map(row),
                  ...(all.length > SHOWN
                    ? { more: `${counted(all.length - SHOWN, 'older one')} not listed.` }
                    : {}),
                },
              },
        ],
      },
      all.some(({ state }) => UNDER_WAY.has(state)) ? { refreshSeconds: 10 } : {},
    );
  },
});

function row(batch: BatchStatus): CellOf[] {
  const { id, target, state, counts, plannedAt, note } = batch;
  return [
    { text: id, href: `/admin/batches/${encodeURIComponent(id)}` },
    target,
    { badge: { text: state, tone: STATE_TONES[state] }, ...(note ? { note: note.code } : {}) },
    shareWords(doneOf(batch), counts.users),
    count(counts.users),
    counts.failed > 0 ? { badge: { text: count(counts.failed), tone: 'bad' } } : '0',
    { at: plannedAt },
  ];
}
