/** What the clocks on the walls of a place show. A wall clock's time is written as the milliseconds that it would be in UTC. */

export interface TimeZone {
  wallClockOf(ms: number): number;
  /** Of the two moments that an autumn's hour has, the earlier one: nothing is ever taken for newer than it is. */
  momentOf(wallClock: number): number;
}

const DAY_MS = 86_400_000;

/** By its name in the IANA database, such as Europe/Berlin. Throws RangeError for any other. */
export function timeZone(name: string): TimeZone {
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const offsetAt = (ms: number): number => {
    const second = Math.floor(ms / 1_000) * 1_000;
    const shown = Object.fromEntries(
      clock.formatToParts(second).map(({ type, value }) => [type, Number(value)]),
    );
    const { year, month, day, hour, minute, second: seconds } = shown as Record<string, number>;
    return Date.UTC(year!, month! - 1, day, hour, minute, seconds) - second;
  };
  return {
    wallClockOf: (ms) => ms + offsetAt(ms),
    momentOf(wallClock) {
      const offsets = [offsetAt(wallClock - DAY_MS), offsetAt(wallClock + DAY_MS)];
      const shown = offsets.filter((offset) => offsetAt(wallClock - offset) === offset);
      // In spring an hour is never shown.
      return wallClock - Math.max(...(shown.length > 0 ? shown : offsets));
    },
  };
}

export function isTimeZone(name: string): boolean {
  try {
    timeZone(name);
    return true;
  } catch {
    return false;
  }
}
