/** Whether a campaign is still doing good: too many failures stop it, an outage holds it up for a while. */

export interface Stop {
  readonly code: 'too_many_failures' | 'unavailable' | 'limit' | 'interrupted';
  readonly sentence: string;
}

/** Of so many people in a row … */
const WINDOW = 20;
/** … so many did not get it: something is wrong with all of them. */
const MAX_FAILURES = 10;
/** With the pauses below, half an hour. */
const MAX_OUTAGES = 10;
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 300_000;

export interface Health {
  reached(): void;
  failed(): void;
  /** Nobody can be reached at the moment. How long to wait, in milliseconds. */
  away(retryAfterSeconds?: number): number;
  stop(): Stop | undefined;
}

export function openHealth(): Health {
  const recent: boolean[] = [];
  let outages = 0;
  const note = (isWell: boolean) => {
    recent.push(isWell);
    if (recent.length > WINDOW) recent.shift();
  };
  return {
    reached() {
      outages = 0;
      note(true);
    },
    failed() {
      outages = 0;
      note(false);
    },
    away(retryAfterSeconds = 0) {
      outages += 1;
      return Math.min(Math.max(FIRST_PAUSE_MS * 2 ** (outages - 1), retryAfterSeconds * 1_000), MAX_PAUSE_MS);
    },
    stop() {
      if (recent.filter((isWell) => !isWell).length >= MAX_FAILURES) return TOO_MANY;
      return outages > MAX_OUTAGES ? AWAY : undefined;
    },
  };
}

const TOO_MANY: Stop = {
  code: 'too_many_failures',
  sentence: `${MAX_FAILURES} of the last ${WINDOW} people could not be written to: look at the codes, and go on with --repeat-failed once it is mended.`,
};
const AWAY: Stop = {
  code: 'unavailable',
  sentence:
    'The mail server, the target or the legacy store did not answer for half an hour: the same command goes on where it stopped.',
};
export const LIMIT: Stop = {
  code: 'limit',
  sentence: 'As many as were asked for in this run: the same command goes on with the next ones.',
};
export const INTERRUPTED: Stop = {
  code: 'interrupted',
  sentence: 'Stopped as you asked: the same command goes on where it stopped.',
};
