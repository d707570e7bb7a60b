/**
 * How far a long command has come, on stderr: one line that is written over in a terminal, a JSON line every few
 * seconds elsewhere.
 */
import type { Progress } from './admin/operation.ts';

const BAR_WIDTH = 30;
const SHOW_EVERY_MS = 200;
const TELL_EVERY_MS = 5_000;

export function progressLine(stream: NodeJS.WriteStream = process.stderr): {
  show(progress: Progress): void;
  end(): void;
} {
  const everyMs = stream.isTTY ? SHOW_EVERY_MS : TELL_EVERY_MS;
  let shownMs = Number.NEGATIVE_INFINITY;
  let isOpen = false;
  return {
    show(progress) {
      const nowMs = performance.now();
      if (nowMs - shownMs < everyMs) return;
      shownMs = nowMs;
      isOpen = stream.isTTY;
      stream.write(stream.isTTY ? `\r\u001b[K${lineOf(progress)}` : `${JSON.stringify(progress)}\n`);
    },
    end() {
      if (isOpen) stream.write('\r\u001b[K');
    },
  };
}

export function lineOf({ users, total, continuedFrom, perSecond }: Progress): string {
  const rate = `${perSecond.toLocaleString('en')} users/s`;
  const from = continuedFrom ? `, continued from ${continuedFrom.toLocaleString('en')}` : '';
  if (!total) return `${users.toLocaleString('en')} users, ${rate}${from}`;
  const share = Math.min(1, users / total);
  const full = Math.round(share * BAR_WIDTH);
  const left = perSecond > 0 ? `, ${secondsText((total - users) / perSecond)} left` : '';
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${(share * 100).toFixed(1)} %  ${users.toLocaleString('en')} of ${total.toLocaleString('en')}, ${rate}${left}${from}`;
}

function secondsText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 90 ? `${whole} s` : `${Math.round(whole / 60)} min`;
}
