/** One batch as the console shows it: how far, how fast, why it stands still, what went wrong, and what can be done. */
import type { BatchState, BatchStatus, Outcome } from '../../migration/batch/batch.ts';
import { OUTCOMES } from '../../migration/batch/batch.ts';
import { doneLately } from '../../migration/batch/batch-users.ts';
import { durationWords } from '../../migration/batch/forecast.ts';
import { selectionWords } from '../../migration/batch/selection-words.ts';
import { adviceFor, REPLAY_WORDS } from '../batch/codes.ts';
import type { CodeCount } from '../batch/status-text.ts';
import { doneOf, OUTCOME_WORDS, paceWords } from '../batch/status-text.ts';
import type { Desk } from '../operation.ts';
import type { Who } from '../perform.ts';
import { known, valueOr } from './known.ts';
import { offer } from './offers.ts';
import { userHref } from './page.ts';
import type { CellOf, Link, Notice, Panel, Tone } from './panels.ts';
import { count, shareWords } from './panels.ts';
import { actorWords } from './words.ts';

export const STATE_TONES: Readonly<Record<BatchState, Tone>> = {
  planning: 'quiet',
  planned: 'quiet',
  running: 'ok',
  paused: 'warn',
  done: 'ok',
  undoing: 'warn',
  undone: 'quiet',
};
export const OUTCOME_TONES: Readonly<Record<Outcome, Tone>> = {
  migrated: 'ok',
  created: 'warn',
  there: 'ok',
  skipped: 'quiet',
  failed: 'bad',
};

/** Nobody was done for so long: it stands still. */
const STILL_SECONDS = 60;

interface Pace {
  readonly perSecond: number;
  readonly secondsLeft: number;
}

/** How fast it has been lately, by those who were done last; undefined: it does not run, or stands still. */
export async function paceNow(
  { db }: Pick<Desk, 'db'>,
  { id, state, counts }: BatchStatus,
  now: Date,
): Promise<Pace | undefined> {
  if (state !== 'running') return undefined;
  const lately = valueOr(await known(doneLately(db, id)), undefined);
  if (!lately || now.getTime() - lately.until.getTime() > STILL_SECONDS * 1_000) return undefined;
  const seconds = (lately.until.getTime() - lately.since.getTime()) / 1_000;
  if (seconds <= 0) return undefined;
  const perSecond = lately.users / seconds;
  return { perSecond, secondsLeft: Math.ceil(counts.waiting / perSecond) };
}

export function progressPanel(batch: BatchStatus, pace: Pace | undefined): Panel {
  const { state, counts, note, plan, actor, plannedAt, startedAt, finishedAt } = batch;
  const done = doneOf(batch);
  const speed = pace
    ? `${pace.perSecond.toLocaleString('en', { maximumFractionDigits: 1 })} per second`
    : undefined;
  return {
    bars: [
      {
        label: 'Done',
        share: counts.users === 0 ? 0 : done / counts.users,
        text:
          counts.users === 0
            ? 'nobody is in it'
            : `${shareWords(done, counts.users)}, ${count(done)} of ${count(counts.users)}`,
        tone: counts.failed > 0 ? 'warn' : 'ok',
      },
    ],
    ...(note ? { notices: [noteNotice(batch, note)] } : {}),
    figures: [
      ...OUTCOMES.filter((outcome) => counts[outcome] > 0).map((outcome) => ({
        label: outcome,
        value: count(counts[outcome]),
        note: OUTCOME_WORDS[outcome],
        tone: OUTCOME_TONES[outcome],
      })),
      { label: 'waiting', value: count(counts.waiting), note: 'still to be sent' },
      ...(speed && pace
        ? [{ label: 'Lately', value: speed, note: `${durationWords(pace.secondsLeft)} left` }]
        : []),
    ],
    facts: [
      ['State', { badge: { text: state, tone: STATE_TONES[state] } }],
      ['Who', selectionWords(plan)],
      ['How', paceWords(batch)],
      ['Planned', { at: plannedAt, note: `by ${actorWords(actor)}` }],
      ...(startedAt ? [['Started', { at: startedAt }] as const] : []),
      ...(finishedAt ? [['Finished', { at: finishedAt }] as const] : []),
      ...(state === 'running' && !pace
        ? [['Lately', 'nobody was done within the last minute'] as const]
        : []),
    ],
  };
}

function noteNotice(
  { id }: BatchStatus,
  { code, sentence, until }: NonNullable<BatchStatus['note']>,
): Notice {
  return {
    tone: code === 'paused_by_operator' || code === 'own_limit' ? 'info' : 'warn',
    title: sentence,
    sentences: [
      adviceFor(code).todo.replace(/\bID\b/g, id),
      ...(until ? [`It is tried again at ${until}.`] : []),
    ],
  };
}

/** The most frequent; the export has all. */
const SHOWN_CODES = 8;
const EXAMPLES = 3;
const EXAMPLES_PATIENCE_MS = 1_000;

/** What went wrong, with a few of those to whom it did. */
export async function codesPanel(
  { batches }: Pick<Desk, 'batches'>,
  { id }: BatchStatus,
  who: Who,
): Promise<Panel[]> {
  const asked = await known(batches.codes(id));
  if (!asked.isKnown) return [{ title: 'Why', notices: [{ tone: 'warn', sentences: [asked.why] }] }];
  const codes = asked.value.filter(({ code }) => code !== '');
  if (codes.length === 0) return [];
  const rows = await Promise.all(
    codes.slice(0, SHOWN_CODES).map((one) => codeRow({ batches }, { id, who }, one)),
  );
  return [
    {
      title: 'Why',
      table: {
        label: 'Codes, what they mean, and what to do',
        head: ['Code', 'People', 'What it means, and what to do', 'For example', ''],
        numbers: [1],
        rows,
        ...(codes.length > SHOWN_CODES
          ? { more: `${codes.length - SHOWN_CODES} rarer codes are in the export.` }
          : {}),
      },
    },
  ];
}

async function codeRow(
  { batches }: Pick<Desk, 'batches'>,
  { id, who }: { readonly id: string; readonly who: Who },
  { outcome, code, users }: CodeCount,
): Promise<CellOf[]> {
  const { sentence, todo, replay } = adviceFor(code);
  const examples = await known(batches.users(id, { outcome, code, limit: EXAMPLES }), EXAMPLES_PATIENCE_MS);
  const people = valueOr(examples, []);
  const isDead = outcome === 'failed';
  return [
    {
      code,
      badge: { text: outcome, tone: OUTCOME_TONES[outcome] },
      links: [{ label: 'Who', href: peopleHref(id, { outcome, code }) }],
    },
    count(users),
    { text: `${sentence} ${todo}`, ...(isDead ? { note: REPLAY_WORDS[replay] } : {}) },
    { links: people.map(({ sub }) => ({ label: sub, href: userHref(sub) })) },
    isDead && replay !== 'no'
      ? { links: offer(who, { operation: 'batch replay', label: 'Send again', input: { batch: id, code } }) }
      : '',
  ];
}

export function peopleHref(id: string, asked: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(
    Object.entries(asked).flatMap(([name, value]) => (value ? [[name, value]] : [])) as [string, string][],
  );
  return `/admin/batches/${encodeURIComponent(id)}?${query}`;
}

/** What may be done next, the most likely first. */
export function batchLinks({ id, state, counts }: BatchStatus, who: Who): Link[] {
  const act = (operation: string, label: string, more: Partial<Parameters<typeof offer>[1]> = {}) =>
    offer(who, { operation, label, ...more, input: { batch: id, ...more.input } });
  const dead = counts.failed > 0 ? act('batch replay', 'Send dead letters again') : [];
  const errors =
    counts.failed + counts.created + counts.skipped > 0
      ? act('batch export-errors', 'Export who and why')
      : [];
  const undo = act('batch undo', 'Take it back', { look: 'danger' });
  const next: Readonly<Record<BatchState, readonly Link[]>> = {
    planning: act('batch drop', 'Drop it'),
    planned: [
      ...act('batch run', 'Run it', { look: 'primary' }),
      ...act('batch tune', 'Change its pace'),
      ...act('batch drop', 'Drop it'),
    ],
    running: [
      ...act('batch pause', 'Pause', { look: 'primary' }),
      ...act('batch tune', 'Change its pace'),
      ...dead,
      ...errors,
    ],
    paused: [
      ...act('batch resume', 'Go on', { look: 'primary' }),
      ...act('batch tune', 'Change its pace'),
      ...dead,
      ...errors,
      ...undo,
    ],
    done: [
      ...act('batch verify', 'Verify at the target', { look: 'primary' }),
      ...dead,
      ...errors,
      ...act('batch remedies', 'Who needs a letter'),
      ...undo,
    ],
    undoing: act('batch undo', 'Who is left'),
    undone: act('batch export-kept', 'What was kept'),
  };
  return [...next[state]];
}
