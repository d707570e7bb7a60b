/** A batch in plain words: how far it has come, how fast it is, why it stands still, and what to do about it. */
import type { BatchStatus, Outcome } from '../../migration/batch/batch.ts';
import { OUTCOMES } from '../../migration/batch/batch.ts';
import { durationWords } from '../../migration/batch/forecast.ts';
import { selectionWords } from '../../migration/batch/selection-words.ts';
import { adviceFor, REPLAY_WORDS } from './codes.ts';
import type { Section } from './sections.ts';

const BAR_WIDTH = 30;
/** The most frequent; the rest is in the JSON and in the export. */
const MAX_CODES = 10;

export interface CodeCount {
  readonly outcome: Outcome;
  readonly code: string;
  readonly users: number;
}

export interface StatusOutput extends Omit<BatchStatus, 'report'> {
  /** Whoever has an outcome. */
  readonly done: number;
  /** How fast a running batch is, from two looks at it, where somebody looked twice; `perSecond` is its limit. */
  readonly usersPerSecond?: number | null;
  readonly secondsLeft?: number | null;
  readonly codes: readonly CodeCount[];
}

export const count = (value: number) => value.toLocaleString('en');

export const doneOf = ({ counts }: Pick<BatchStatus, 'counts'>) => counts.users - counts.waiting;

export function bar(share: number, width = BAR_WIDTH): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  migrated: 'at the target, with everything',
  created: 'at the target, and something is missing',
  there: 'had arrived by another road before their turn',
  skipped: 'not to be moved: deleted, disabled or excluded meanwhile',
  failed: 'dead letters: nothing was made, until you replay them',
};

/** How it is sent. */
export function paceWords({
  size,
  perSecond,
  workers,
}: Pick<BatchStatus, 'size' | 'perSecond' | 'workers'>): string {
  const limit =
    perSecond === null ? 'as fast as the target takes them' : `at most ${count(perSecond)} per second`;
  return `${count(size)} people per call, ${count(workers)} ${workers === 1 ? 'call' : 'calls'} at once on each server, ${limit}`;
}

export function statusSections(status: StatusOutput): Section[] {
  const { id, target, state, counts, done } = status;
  const share = counts.users === 0 ? 0 : done / counts.users;
  const rows = OUTCOMES.filter((outcome) => counts[outcome] > 0).map((outcome) => [
    count(counts[outcome]),
    outcome,
    OUTCOME_WORDS[outcome],
  ]);
  const waiting = counts.waiting > 0 ? [[count(counts.waiting), 'waiting', 'still to be sent']] : [];
  return [
    {
      title: `Batch ${id} to ${target}: ${state}`,
      text: [
        `${bar(share)} ${(share * 100).toFixed(1)} %  ${count(done)} of ${count(counts.users)}${rateWords(status)}`,
        ...noteWords(status),
        `Who: ${selectionWords(status.plan)}`,
        `How: ${paceWords(status)}.`,
      ],
    },
    { title: 'People', table: { head: ['people', 'outcome', 'what it means'], rows: [...rows, ...waiting] } },
    ...codeSections(status),
    { title: 'Next', text: nextWords(status) },
  ];
}

function rateWords({ usersPerSecond, secondsLeft }: StatusOutput): string {
  if (usersPerSecond == null) return '';
  const left = secondsLeft == null ? '' : `, ${durationWords(secondsLeft)} left`;
  return `, ${count(usersPerSecond)} per second${left}`;
}

function noteWords({ id, note }: StatusOutput): string[] {
  if (!note) return [];
  const until = note.until ? ` It is tried again at ${note.until}.` : '';
  return [
    `${note.code}: ${note.sentence}${until}`,
    `What to do: ${adviceFor(note.code).todo.replace(/\bID\b/g, id)}`,
  ];
}

function codeSections({ codes }: StatusOutput): Section[] {
  const known = codes.filter(({ code }) => code !== '').slice(0, MAX_CODES);
  if (known.length === 0) return [];
  const rows = known.map(({ outcome, code, users }) => {
    const { sentence, todo, replay } = adviceFor(code);
    const again = outcome === 'failed' ? ` (${REPLAY_WORDS[replay]})` : '';
    return [count(users), outcome, code, `${sentence} ${todo}${again}`];
  });
  return [
    { title: 'Why', table: { head: ['people', 'outcome', 'code', 'what it means, and what to do'], rows } },
  ];
}

function nextWords({ id, state, counts }: StatusOutput): string[] {
  const dead = counts.failed
    ? [
        `footbridge batch export-errors ${id} --output FILE writes out who and why.`,
        `footbridge batch replay ${id} --execute sends the dead letters again.`,
      ]
    : [];
  switch (state) {
    case 'planning':
      return [
        `The plan was cut off, or is under way: say it again with --name ${id}, or footbridge batch drop ${id} --execute.`,
      ];
    case 'planned':
      return [`footbridge batch run ${id} --execute moves them.`];
    case 'undoing':
      return [`footbridge batch undo ${id} says who is left; the same command with --execute goes on.`];
    case 'running':
      return [`footbridge batch pause ${id} --execute stops it after the calls that are under way.`, ...dead];
    case 'paused':
      return [`footbridge batch resume ${id} --execute lets it go on.`, ...dead];
    case 'done':
      return [`footbridge batch verify ${id} looks at the target whether everybody is there.`, ...dead];
    default:
      return ['It was undone, or is being undone.'];
  }
}
