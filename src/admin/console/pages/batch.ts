import type { BatchUser, Outcome } from '../../../migration/batch/batch.ts';
import { OUTCOMES } from '../../../migration/batch/batch.ts';
import { place, placeText } from '../../batch/place.ts';
import type { Desk } from '../../operation.ts';
import { batchLinks, codesPanel, OUTCOME_TONES, paceNow, peopleHref, progressPanel } from '../batches.ts';
import { definePage, userHref } from '../page.ts';
import type { CellOf, Panel } from '../panels.ts';
import { panelsPage } from '../panels.ts';

const PAGE_PEOPLE = 50;
const WISHES = [...OUTCOMES, 'waiting'] as const;
const MAX_CODE = 200;

export const batchPage = definePage({
  path: 'batches/:batch',
  title: 'Batch',
  async load(desk, { params, query, who, now }) {
    const batch = await desk.batches.status(params.batch ?? '');
    const { id, target, state } = batch;
    const isLive = state === 'running' || state === 'planning' || state === 'undoing';
    const [pace, codes, people] = await Promise.all([
      paceNow(desk, batch, now),
      codesPanel(desk, batch, who),
      peoplePanel(desk, id, query),
    ]);
    return panelsPage(
      { panels: [{ ...progressPanel(batch, pace), links: batchLinks(batch, who) }, ...codes, people] },
      { title: `Batch ${id} to ${target}`, ...(isLive ? { refreshSeconds: 3 } : {}) },
    );
  },
});

/** A page of them in the batch's order, once somebody asks: most of a batch is of no interest to anybody. */
async function peoplePanel({ batches }: Desk, id: string, query: URLSearchParams): Promise<Panel> {
  const wish = WISHES.find((one) => one === query.get('outcome'));
  const code = (query.get('code') ?? '').slice(0, MAX_CODE);
  const after = place.safeParse(query.get('after') ?? '');
  const panel: Panel = {
    title: 'People',
    filters: {
      action: `/admin/batches/${encodeURIComponent(id)}`,
      button: 'Show',
      fields: [
        {
          name: 'outcome',
          label: 'Outcome',
          value: wish ?? '',
          options: [{ value: '', label: 'choose' }, ...WISHES.map((value) => ({ value, label: value }))],
        },
        { name: 'code', label: 'Code', value: code },
      ],
    },
  };
  if (!wish) return panel;
  const users = await batches.users(id, {
    outcome: wish,
    ...(code ? { code } : {}),
    ...(after.success ? { after: after.data } : {}),
    limit: PAGE_PEOPLE,
  });
  const last = users.length === PAGE_PEOPLE ? users.at(-1) : undefined;
  if (users.length === 0) return { ...panel, empty: { sentence: 'Nobody of this batch.' } };
  return {
    ...panel,
    table: {
      label: 'People of the batch, in its order',
      head: ['Who', 'Outcome', 'At the target', 'When', 'Why'],
      rows: users.map(row),
    },
    ...(last
      ? {
          links: [
            { label: 'The next ones', href: peopleHref(id, { outcome: wish, code, after: placeText(last) }) },
          ],
        }
      : {}),
  };
}

function row({ sub, outcome, problem, targetUserId, finishedAt, undone }: BatchUser): CellOf[] {
  const missing = problem?.missing?.map(({ what, code }) => `${what}: ${code}`).join(', ');
  return [
    { text: sub, href: userHref(sub) },
    {
      badge: outcome
        ? { text: outcome, tone: OUTCOME_TONES[outcome satisfies Outcome] }
        : { text: 'waiting', tone: 'quiet' },
      ...(undone ? { note: `taken back: ${undone}` } : {}),
    },
    targetUserId ? { code: targetUserId } : '',
    finishedAt ? { at: finishedAt } : '',
    problem
      ? {
          text: `${problem.code}: ${problem.sentence}`,
          ...(missing || problem.detail
            ? { note: [problem.detail, missing && `Missing: ${missing}`].filter(Boolean).join('. ') }
            : {}),
        }
      : '',
  ];
}
