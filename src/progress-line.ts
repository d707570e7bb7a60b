/**
 * How far a long command has come, on stderr: one line that is written over in a terminal, a JSON line every few
 * seconds elsewhere. Where it ended is always told.
 */
import type { Progress } from './admin/operation.ts';

const BAR_WIDTH = 30;
const SHOW_EVERY_MS = 200;
const TELL_EVERY_MS = 5_000;
/** Where a terminal does not say how wide it is. */
const COLUMNS = 80;

type Stream = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>;

export function progressLine(
  stream: Stream = process.stderr,
  nowMs: () => number = () => performance.now(),
): {
  show(progress: Progress): void;
  end(): void;
} {
  const everyMs = stream.isTTY ? SHOW_EVERY_MS : TELL_EVERY_MS;
  let shownMs = Number.NEGATIVE_INFINITY;
  let last: Progress | undefined;
  let isShown = true;
  const write = (progress: Progress) => {
    isShown = true;
    if (!stream.isTTY) return void stream.write(`${JSON.stringify(progress)}\n`);
    // A line that wraps could not be written over.
    stream.write(`\r\u001b[K${fitting(lineOf(progress), stream.columns || COLUMNS)}`);
  };
  return {
    show(progress) {
      last = progress;
      isShown = false;
      const now = nowMs();
      if (now - shownMs < everyMs) return;
      shownMs = now;
      write(progress);
    },
    end() {
      if (!last) return;
      if (!stream.isTTY) {
        if (!isShown) write(last);
        return;
      }
      // What it came to is the command's answer; only why it stands still would be lost with the line.
      stream.write(`\r\u001b[K${last.note ? `${noteWords(last.note)}\n` : ''}`);
      last = undefined;
    },
  };
}

const count = (value: number) => value.toLocaleString('en');

export function lineOf(progress: Progress): string {
  const { users, total, continuedFrom, perSecond, failed, note } = progress;
  const rest = [
    `${count(perSecond)} users/s`,
    ...leftWords(progress),
    ...(failed ? [`${count(failed)} failed`] : []),
    ...(continuedFrom ? [`continued from ${count(continuedFrom)}`] : []),
  ].join(', ');
  const why = note ? `  ${noteWords(note)}` : '';
  if (!total) return `${count(users)} users, ${rest}${why}`;
  const share = Math.min(1, users / total);
  const full = Math.round(share * BAR_WIDTH);
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${(share * 100).toFixed(1)} %  ${count(users)} of ${count(total)}, ${rest}${why}`;
}

/** How many are left, where that is told; and how long they take. */
function leftWords({ users, total, waiting, perSecond, note }: Progress): string[] {
  const left = waiting ?? (total === undefined ? undefined : Math.max(0, total - users));
  return [
    ...(waiting ? [`${count(waiting)} waiting`] : []),
    // While it stands still nobody can tell.
    ...(total && left !== undefined && perSecond > 0 && !note?.until
      ? [`${secondsText(left / perSecond)} left`]
      : []),
  ];
}

function noteWords({ code, sentence, until }: NonNullable<Progress['note']>): string {
  return `${code}: ${sentence}${until ? ` Until ${until}.` : ''}`;
}

function fitting(line: string, columns: number): string {
  return line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`;
}

function secondsText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
