/** Figures of sync as sections of a report. */
import type { Section } from '../batch/sections.ts';
import { bar, count } from '../batch/status-text.ts';
import { minute } from '../claim-tokens/claim-desk.ts';
import type { FeedFigures, Reading, StandingFigures, SyncFigures } from './figures.ts';
import { isLate } from './figures.ts';
import { age, bytes, stateWords } from './sync-desk.ts';

export function statusSections(figures: SyncFigures): Section[] {
  const { target, state, since, actor } = figures;
  const by = since ? `, since ${minute(since)} UTC by ${actor}` : '';
  return [
    { title: `${target}: ${stateWords[state]}${by}`, text: headSentences(figures) },
    readingSection(figures),
    queueSection(figures),
    ...(figures.feeds.length > 0 ? [feedsSection(figures.feeds)] : []),
    { title: 'What somebody has to see to', text: careSentences(figures) },
  ];
}

const peopleAre = (value: number) => `${count(value)} ${value === 1 ? 'person is' : 'people are'}`;

export function headSentences({ target, people, state, actor, lastReport }: SyncFigures): string[] {
  return [
    `${peopleAre(people.atTarget)} at ${target} by the ledger; ${count(people.compared)} compared, ${count(people.equal)} of them found equal in everything.`,
    ...(state === 'not-started'
      ? ['Nothing is kept equal yet: footbridge sync start says what it would do.']
      : []),
    ...(state === 'paused' && actor === 'sync'
      ? [
          'It has paused itself: more people have vanished at one side than may within an hour (`gone.atMost`). Is the store whole, and does its filter still hold? If they are gone by mistake, mend that and resume; if they are gone indeed: footbridge sync resume --let-go',
        ]
      : []),
    ...(lastReport
      ? [`Last equality report: ${lastReport.id}, ${minute(lastReport.at)} UTC (footbridge sync report).`]
      : []),
  ];
}

const PARTS = { legacy: 'the legacy store', target: 'the target', unseen: 'who was not met' } as const;

/** Of both parts, how far: shares are of the people whom the ledger knows at the target. */
export function readingRows({ reading, people }: Pick<SyncFigures, 'reading' | 'people'>) {
  const share = (read: number) => (people.atTarget === 0 ? 1 : Math.min(1, read / people.atTarget));
  return [
    { part: 'legacy', read: reading.legacyPeople, share: share(reading.legacyPeople) },
    { part: 'target', read: reading.targetPeople, share: share(reading.targetPeople) },
  ] as const;
}

function readingSection(figures: SyncFigures): Section {
  const { reading } = figures;
  const hasBegun = reading.begunAt !== null;
  return {
    title: 'Both sides, read from end to end',
    text: readingSentences(reading),
    ...(hasBegun
      ? {
          table: {
            head: ['people', '', '', 'read of'],
            rows: readingRows(figures).map(({ part, read, share }) => [
              count(read),
              bar(share, 20),
              `${Math.floor(share * 100)} %`,
              PARTS[part],
            ]),
          },
        }
      : {}),
  };
}

export function readingSentences({ part, begunAt, found, endedAt }: Reading): string[] {
  if (begunAt === null) return [endedAt ? `Asked for again; last done ${minute(endedAt)} UTC.` : 'Not yet.'];
  const given = `${count(found)} ${found === 1 ? 'turn has' : 'turns have'} come of it.`;
  if (part === null) return [`Last done ${endedAt ? `${minute(endedAt)} UTC` : ''}. ${given}`];
  return [
    `Under way since ${minute(new Date(begunAt))} UTC: ${PARTS[part]} now. ${given}`,
    endedAt
      ? `Before that last done ${minute(endedAt)} UTC.`
      : 'It is the first: nobody has been compared with everybody yet.',
  ];
}

export const QUEUE_HEAD = ['lane', 'people', 'oldest'];

export function queueRows({ queue }: Pick<SyncFigures, 'queue'>): string[][] {
  if (!queue) return [];
  return [
    ['live', count(queue.live), queue.live > 0 ? age(queue.oldestLiveSeconds) : ''],
    ['backlog', count(queue.backlog), queue.backlog > 0 ? age(queue.oldestBacklogSeconds) : ''],
  ];
}

export function queueSentences({ queue }: Pick<SyncFigures, 'queue'>): string[] {
  if (!queue) return ['The queue does not answer at the moment.'];
  const { underWay, waiting, dead } = queue;
  return [
    `${count(underWay)} under way, ${count(waiting)} waiting for another try, ${count(dead)} dead letter${dead === 1 ? '' : 's'}.`,
  ];
}

const queueSection = (figures: SyncFigures): Section => ({
  title: 'Whose turn it is',
  text: queueSentences(figures),
  ...(figures.queue ? { table: { head: QUEUE_HEAD, rows: queueRows(figures) } } : {}),
});

export const FEED_HEAD = ['store', 'feed', 'changes read', 'last read (UTC)', 'behind'];

export const feedRow = ({ store, feed, hasBegun, readAt, changes, lag }: FeedFigures): string[] => [
  store,
  feed,
  count(Number(changes)),
  readAt ? minute(readAt) : hasBegun ? '' : 'not begun',
  lagWords(lag),
];

function lagWords(lag: FeedFigures['lag']): string {
  if (!lag) return '';
  const parts = [
    lag.changes === undefined ? undefined : `${count(lag.changes)} changes`,
    lag.seconds === undefined ? undefined : age(lag.seconds),
    lag.bytes === undefined ? undefined : bytes(lag.bytes),
  ].filter((part) => part !== undefined);
  return parts.join(', ');
}

const feedsSection = (feeds: readonly FeedFigures[]): Section => ({
  title: 'What the stores tell of their changes',
  table: { head: FEED_HEAD, rows: feeds.map(feedRow) },
});

/** What is open, each with the command that goes on; one that says so where nothing is. */
export function careSentences(figures: StandingFigures): string[] {
  const { target, queue, open, passwords, feeds, unwritten, decided } = figures;
  const conflicts = open.reduce((sum, one) => sum + one.conflicts, 0);
  const found = [
    ...feeds.flatMap(({ store, feed, problem }) => (problem ? [`Feed ${feed} of ${store}: ${problem}`] : [])),
    ...(queue && queue.dead > 0
      ? [
          `${count(queue.dead)} dead letter${queue.dead === 1 ? '' : 's'}: footbridge sync dead --target ${target}`,
        ]
      : []),
    ...(queue && isLate(figures)
      ? [
          `Edits have waited for ${age(queue.oldestLiveSeconds)}: do servers run, and do both sides answer? The log of the servers says whom they cannot reach.`,
        ]
      : []),
    ...(conflicts > 0
      ? [
          `${count(conflicts)} conflict${conflicts === 1 ? '' : 's'} to be decided: footbridge sync conflicts --target ${target}`,
        ]
      : []),
    ...passwords.map(
      ({ state, problem, people }) =>
        `${count(people)} passwords ${PASSWORD_WORDS[state]} (${problem || 'no reason noted'}).`,
    ),
    ...unwritten.map(
      ({ store, fields }) =>
        `${store} cannot be told of ${fields.join(', ')}: what the target has of them stays there.`,
    ),
  ];
  const { byRule, byPeople, byThemselves } = decided;
  return [
    ...(found.length > 0 ? found : ['Nothing.']),
    ...(byRule + byPeople + byThemselves > 0
      ? [
          `Conflicts of the last 90 days that are over: ${count(byRule)} by a rule, ${count(byPeople)} by people, ${count(byThemselves)} by themselves.`,
        ]
      : []),
  ];
}

export const PASSWORD_WORDS = {
  'at-target': 'are newer at the target, and are caught when they are next typed here',
  waits: 'are newer in the legacy store, and wait to be caught for the target',
} as const;
