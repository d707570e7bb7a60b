import { HEARS, TAKES_TURNS } from '../../../sync/pairs.ts';
import { listConflicts } from '../../../sync/people/conflicts.ts';
import type { DeadLetter } from '../../../sync/queue/change-queue.ts';
import type { Desk } from '../../operation.ts';
import type { Who } from '../../perform.ts';
import type { StandingFigures } from '../../sync/figures.ts';
import { isLate, needsSomebody, standingFigures } from '../../sync/figures.ts';
import type { ShownConflict } from '../../sync/person.ts';
import { shownConflict } from '../../sync/person.ts';
import { careSentences, FEED_HEAD, feedRow, readingSentences } from '../../sync/status-text.ts';
import { age, stateWords } from '../../sync/sync-desk.ts';
import type { Known } from '../known.ts';
import { known } from '../known.ts';
import { offer } from '../offers.ts';
import { definePage, userHref } from '../page.ts';
import type { CellOf, Link, Panel, Tone } from '../panels.ts';
import { count, panelsPage } from '../panels.ts';
import { actorWords, CONFLICTS } from '../words.ts';

/** Of one target, newest first; the operations list them all. */
const SHOWN = 25;

export const syncPage = definePage({
  path: 'sync',
  title: 'Sync',
  menu: { group: 'Move', order: 30 },
  async load(desk, { who }) {
    const lead = 'The legacy store and a target, kept equal person by person while both are in use.';
    if (!desk.sync || desk.sync.settings.pairs.length === 0)
      return panelsPage({
        lead,
        panels: [
          {
            empty: {
              sentence:
                'The settings keep no target equal with the legacy store: `sync.pairs` is empty. How to begin is written in:',
              command: 'docs/sync.md',
            },
          },
        ],
      });
    const asked = await known(standingFigures(desk));
    if (!asked.isKnown)
      return panelsPage({ lead, panels: [{ notices: [{ tone: 'bad', sentences: [asked.why] }] }] });
    const panels = await Promise.all(asked.value.map((figures) => pairPanels(desk, figures, who)));
    const feeds = asked.value[0]?.feeds ?? [];
    return panelsPage({ lead, panels: [...panels.flat(), ...feedsPanel(feeds)] }, { refreshSeconds: 15 });
  },
});

const TONES: Readonly<Record<StandingFigures['state'], Tone>> = {
  'not-started': 'quiet',
  aligning: 'warn',
  running: 'ok',
  paused: 'warn',
  draining: 'warn',
  stopped: 'quiet',
};

async function pairPanels(desk: Desk, figures: StandingFigures, who: Who): Promise<Panel[]> {
  const { target, state, since, actor, queue } = figures;
  const [conflicts, letters] = await Promise.all([
    known(openConflicts(desk, target)),
    known(desk.sync!.queue.dead({ target, limit: SHOWN })),
  ]);
  // What a command would list stands below.
  const care = careSentences(figures).map((sentence) =>
    sentence.replace(/: footbridge sync .*$/, ', below.'),
  );
  return [
    {
      title: target,
      notices: needsSomebody(figures)
        ? [{ tone: 'warn', title: 'Somebody has to see to this', sentences: care }]
        : [],
      figures: queue ? queueFigures(figures, queue) : [],
      facts: [
        [
          'State',
          { badge: { text: state, tone: TONES[state] }, text: stateWords[state].split(': ')[1] ?? '' },
        ],
        ...(since
          ? [['Since', { at: since, ...(actor ? { note: `by ${actorWords(actor)}` } : {}) }] as const]
          : []),
        ...(queue ? [] : [['Queue', { badge: { text: 'does not answer', tone: 'bad' } }] as const]),
        ['Both sides read', readingSentences(figures.reading).join(' ')],
        ...(figures.lastReport
          ? [['Last equality report', { code: figures.lastReport.id, at: figures.lastReport.at }] as const]
          : []),
        ...(needsSomebody(figures) ? [] : [['To be seen to', care.join(' ')] as const]),
      ],
      links: pairLinks(figures, who),
    },
    ...conflictsPanel(target, conflicts, who),
    ...lettersPanel(target, letters, who),
  ];
}

/** Without their values. */
const openConflicts = async ({ db, keyring }: Desk, target: string): Promise<ShownConflict[]> =>
  (await listConflicts(db, keyring, { target, onlyOpen: true, limit: SHOWN })).map(shownConflict);

function queueFigures(
  figures: StandingFigures,
  queue: NonNullable<StandingFigures['queue']>,
): NonNullable<Panel['figures']> {
  const { live, backlog, underWay, waiting, dead, oldestLiveSeconds, oldestBacklogSeconds } = queue;
  const old = (people: number, seconds: number) => (people > 0 ? { note: `the oldest ${age(seconds)}` } : {});
  return [
    {
      label: 'Edits waiting',
      value: count(live),
      ...old(live, oldestLiveSeconds),
      ...(isLate(figures) ? { tone: 'bad' as const } : {}),
    },
    { label: 'Backlog', value: count(backlog), ...old(backlog, oldestBacklogSeconds) },
    { label: 'Under way', value: count(underWay) },
    { label: 'Tried again later', value: count(waiting) },
    { label: 'Dead letters', value: count(dead), ...(dead > 0 ? { tone: 'bad' as const } : {}) },
    {
      label: 'Conflicts',
      value: count(figures.open.reduce((sum, { conflicts }) => sum + conflicts, 0)),
      note: 'to be decided',
      ...(figures.open.length > 0 ? { tone: 'warn' as const } : {}),
    },
  ];
}

function pairLinks({ target, state }: StandingFigures, who: Who): Link[] {
  const act = (operation: string, label: string, look?: Link['look']) =>
    offer(who, { operation, label, input: { target }, ...(look ? { look } : {}) });
  const isHeard = HEARS.has(state as never);
  return [
    ...(isHeard ? [] : act('sync start', 'Start', 'primary')),
    ...(TAKES_TURNS.has(state as never) ? act('sync pause', 'Pause') : []),
    ...(state === 'paused' ? act('sync resume', 'Go on', 'primary') : []),
    ...(isHeard ? act('sync reconcile', 'Read both sides anew') : []),
    ...(isHeard ? act('sync replay', 'Go through again what was heard') : []),
    ...(isHeard && state !== 'draining' ? act('sync drain', 'Bring it to an end') : []),
    ...(state === 'draining' ? act('sync stop', 'Stop', 'danger') : []),
    ...act('sync status', 'All figures'),
  ];
}

function conflictsPanel(target: string, asked: Known<readonly ShownConflict[]>, who: Who): Panel[] {
  const title = `Conflicts at ${target}`;
  if (!asked.isKnown) return [{ title, notices: [{ tone: 'warn', sentences: [asked.why] }] }];
  if (asked.value.length === 0) return [];
  return [
    {
      title,
      lead: 'Both sides have changed the same, and a person has to say whose word counts. The values stand in the operation, which writes down who has seen them.',
      links: offer(who, { operation: 'sync conflicts', label: 'With their values', input: { target } }),
      table: {
        label: 'Conflicts, newest first',
        head: ['Who', 'Field', 'What happened', 'Since', ''],
        rows: asked.value.map(({ id, sub, field, kind, at }): CellOf[] => [
          { text: sub, href: userHref(sub) },
          field,
          CONFLICTS[kind],
          { at },
          {
            links: (['legacy', 'target'] as const).flatMap((keep) =>
              offer(who, { operation: 'sync resolve', label: `Keep ${keep}`, input: { id, keep } }),
            ),
          },
        ]),
        ...(asked.value.length === SHOWN ? { more: `The newest ${SHOWN}; there may be more.` } : {}),
      },
    },
  ];
}

function lettersPanel(target: string, asked: Known<readonly DeadLetter[]>, who: Who): Panel[] {
  if (!asked.isKnown || asked.value.length === 0) return [];
  const title = `Dead letters at ${target}`;
  return [
    {
      title,
      links: [
        ...offer(who, { operation: 'sync redrive', label: 'Try all of them again', input: { target } }),
        { label: 'Every kind of dead letter', href: '/admin/letters' },
      ],
      table: {
        label: 'Dead letters, newest first',
        head: ['Who', 'Why', 'Tries', 'Given up', ''],
        numbers: [2],
        rows: asked.value.map(({ person, problem, attempts, diedAt }): CellOf[] => [
          { text: person, href: userHref(person) },
          `${problem.code}: ${problem.sentence}`,
          count(attempts),
          { at: diedAt },
          {
            links: offer(who, {
              operation: 'sync redrive',
              label: 'Try again',
              input: { target, user: person },
            }),
          },
        ]),
      },
    },
  ];
}

/** The feeds are the stores', and the same for every target. */
const feedsPanel = (feeds: StandingFigures['feeds']): Panel[] =>
  feeds.length === 0
    ? []
    : [
        {
          title: 'What the stores tell of their changes',
          table: {
            label: 'Feeds',
            head: [...FEED_HEAD, 'Problem'],
            numbers: [2],
            rows: feeds.map((feed): CellOf[] => [
              ...feedRow(feed),
              feed.problem
                ? { badge: { text: 'has to be seen to', tone: 'bad' }, note: feed.problem }
                : { badge: { text: 'well', tone: 'ok' } },
            ]),
          },
        },
      ];
