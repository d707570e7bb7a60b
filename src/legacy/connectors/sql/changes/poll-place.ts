/**
 * How far a column of moments was read. Whoever began first may commit last, so that a row may appear behind the newest one:
 * everything younger than the floor is read in each round, and the floor stays as far behind as the overlap says.
 */
import { FootbridgeError } from '../../../../errors.ts';
import { momentOf } from '../../../values.ts';

/** Moments are texts as the database writes them; a clock’s are milliseconds since the epoch, by the database’s clock. */
export interface PollPlace {
  /** Everything up to it is settled; null: nothing is, as there was nothing. */
  readonly floor: string | null;
  /** The newest that was seen. */
  readonly high: string | null;
  /** When that was first seen. */
  readonly since: number;
  /** When this round began, or the last one. */
  readonly begun: number;
  /** The row that this round has come to; none: the next read begins another round. */
  readonly after?: { readonly at: string; readonly id: string };
}

export const writePlace = (place: PollPlace): string => JSON.stringify(place);

/** Throws feed_lost for what is no place of a poll. */
export function readPlace(text: string): PollPlace {
  try {
    const { floor, high, since, begun, after } = JSON.parse(text);
    const texts = [floor ?? '', high ?? '', after?.at ?? '', after?.id ?? ''];
    if (texts.every((one) => typeof one === 'string') && Number.isFinite(since) && Number.isFinite(begun))
      return { floor, high, since, begun, ...(after ? { after: { at: after.at, id: after.id } } : {}) };
  } catch {
    // As below.
  }
  throw new FootbridgeError('feed_lost', { detail: 'this is no place in a polled table' });
}

export function beginning(high: string | null, nowMs: number, overlapMs: number): PollPlace {
  const place = { floor: null, high, since: nowMs, begun: nowMs };
  return { ...place, floor: high === null ? null : behind(high, nowMs, overlapMs) };
}

/** Of the next round. A clock that was set back takes the floor with it: what is written now is older than what was read. */
export function nextRound(place: PollPlace, nowMs: number, overlapMs: number): PollPlace {
  const { floor, high, begun } = place;
  if (nowMs >= begun || floor === null) return { ...place, begun: nowMs };
  const back = begun - nowMs + overlapMs;
  const lower = shaped(floor, (momentOf(floor) ?? nowMs) - back);
  return { floor: lower, high: high === null ? null : lower, since: nowMs, begun: nowMs };
}

/** After a round that came to `last`; undefined: it found nothing. */
export function roundOver(place: PollPlace, last: string | undefined, overlapMs: number): PollPlace {
  const { begun } = place;
  const high = last ?? place.high;
  if (high === null) return { floor: null, high, since: begun, begun };
  const since = high === place.high ? place.since : begun;
  const isSettled = begun - since >= overlapMs && msOf(high) <= begun;
  const wanted = isSettled ? high : behind(high, begun, overlapMs);
  const isLower = place.floor !== null && msOf(wanted) < msOf(place.floor);
  return { floor: isLower ? place.floor : wanted, high, since, begun };
}

/** The column’s clock may be behind ours by a time zone; a moment that is still to come moves nothing. */
const behind = (high: string, nowMs: number, overlapMs: number): string =>
  shaped(high, Math.min(msOf(high), nowMs) - overlapMs);

/** Throws config_invalid for what is no moment with a time. */
export function msOf(text: string): number {
  // MySQL's zero date is older than all.
  const ms = text.startsWith('0000-00-00') ? 0 : momentOf(text);
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  const isMicroseconds = /^\d{15,}$/.test(text);
  if (ms !== undefined && !Number.isNaN(ms) && !isDate && !isMicroseconds) return ms;
  throw new FootbridgeError('config_invalid', {
    detail:
      'sql.changes.column holds something else than moments with a time of day, or seconds or milliseconds since 1970',
  });
}

/** A moment written as this one is, so that also texts compare: with T or a blank, with a fraction, with Z. */
function shaped(sample: string, ms: number): string {
  if (/^\d+$/.test(sample)) {
    const isSeconds = Number(sample) * 1_000 === momentOf(sample);
    return String(Math.max(0, isSeconds ? Math.floor(ms / 1_000) : Math.floor(ms)));
  }
  const [, between = ' ', fraction, zone = ''] =
    /^[\d-]+([T ])[\d:]+(\.\d+)?\s?(Z|[+-][\d:]+)?$/i.exec(sample) ?? [];
  const [date, time = ''] = new Date(Math.max(0, ms)).toISOString().split('T');
  const [whole, part = ''] = time.replace('Z', '').split('.');
  const isUtc = /^(Z|[+-]00(:?00)?)$/i.test(zone);
  return `${date}${between}${whole}${fraction ? `.${part}` : ''}${zone === '' ? '' : isUtc ? zone : 'Z'}`;
}
