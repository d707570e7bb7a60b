/** Moments in columns: timestamps of the database, or seconds or milliseconds since the epoch. */
import { momentOf, textOf } from '../../legacy/values.ts';
import type { TimeZone } from './time-zone.ts';

export type MomentUnit = 'timestamp' | 'seconds' | 'milliseconds';

/** A timestamp that says nothing of its zone. */
const WITHOUT_ZONE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/;

/**
 * Seconds since the epoch; infinite: never. Undefined where nothing is there, or nothing that can be read. `zone`: of
 * timestamps that do not say theirs; UTC by default.
 */
export function secondsIn(column: unknown, unit: MomentUnit, zone?: TimeZone): number | undefined {
  const ms =
    unit === 'timestamp' ? timestampIn(column, zone) : numberIn(column) * (unit === 'seconds' ? 1_000 : 1);
  return ms === undefined || Number.isNaN(ms) ? undefined : Math.floor(ms / 1_000);
}

function timestampIn(column: unknown, zone: TimeZone | undefined): number | undefined {
  const ms = momentOf(column);
  const isLocal = zone && Number.isFinite(ms) && WITHOUT_ZONE.test(textOf(column)?.trim() ?? '');
  return isLocal ? zone.momentOf(ms as number) : ms;
}

function numberIn(column: unknown): number {
  const text = textOf(column)?.trim() ?? '';
  return /^\d{1,15}(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

/** Timestamps as the zone's clocks show them, or UTC's: the connection is in UTC. */
export function columnOf(seconds: number, unit: MomentUnit, zone?: TimeZone): string | number {
  if (unit === 'seconds') return seconds;
  const ms = seconds * 1_000;
  if (unit === 'milliseconds') return ms;
  return new Date(zone ? zone.wallClockOf(ms) : ms).toISOString().slice(0, 19).replace('T', ' ');
}
