/**
 * All users in the API's own order. Where it goes on after an id, each page stands for itself. Where it goes on at a
 * cursor or a number of its own, that is remembered under the id given last; whoever comes with another id (after a
 * restart) is led there from the start.
 */
import { FootbridgeError } from '../../../errors.ts';
import type { LegacyRow } from '../../connector.ts';
import type { Values } from './template.ts';

/** One answer of the API: its users, and what it calls the next page. */
export type AskPage = (
  values: Values,
) => Promise<{ readonly rows: readonly LegacyRow[]; readonly next: string }>;
export type Order = 'id' | 'cursor' | 'count';

interface Place {
  /** Undefined after the last page. */
  readonly values: Values | undefined;
  /** Read already, and given to nobody. */
  readonly rest: readonly LegacyRow[];
}
type Page = (after: string, limit: number) => Promise<readonly LegacyRow[]>;

/** Scans that wait for their next page; one more, and the oldest has to look for its place again. */
const MAX_SCANS = 4;

export function pagesOf(ask: AskPage, order: Order, size: number): Page {
  return order === 'id' ? afterIds(ask, size) : afterPlaces(ask, order, size);
}

/** An API may give fewer than it was asked for: only an empty page is the end. */
function afterIds(ask: AskPage, size: number): Page {
  return async (after, limit) => {
    const rows: LegacyRow[] = [];
    for (let last = after; rows.length < limit; ) {
      const page = await ask({ after: last, limit: Math.min(size, limit - rows.length) });
      const id = page.rows.at(-1)?.id;
      if (id === undefined) break;
      if (id === last || id === '') throw stuck();
      rows.push(...page.rows);
      last = id;
    }
    return rows.slice(0, limit);
  };
}

function afterPlaces(ask: AskPage, order: Order, size: number): Page {
  const start: Place = { values: { after: '', offset: 0, page: 1, limit: size }, rest: [] };
  const places = new Map<string, Promise<Place>>();

  const read = async ({ values, rest }: Place): Promise<Place> => {
    if (!values) return { values, rest };
    const { rows, next } = await ask(values);
    if (order === 'cursor' && next === values.after) throw stuck();
    const offset = Number(values.offset) + rows.length;
    const following = { after: next, offset, page: Number(values.page) + 1, limit: size };
    const isLast = order === 'cursor' ? next === '' : rows.length === 0;
    return { values: isLast ? undefined : following, rest: [...rest, ...rows] };
  };
  const find = async (after: string): Promise<Place> => {
    for (let place = start; after !== ''; place = { ...place, rest: [] }) {
      place = await read(place);
      const index = place.rest.findIndex((row) => row.id === after);
      if (index >= 0) return { ...place, rest: place.rest.slice(index + 1) };
      if (place.values) continue;
      const detail = 'the user after whom the scan was to go on is gone: start it again';
      throw new FootbridgeError('user_not_found', { detail });
    }
    return start;
  };
  const keep = (after: string, place: Promise<Place>) => {
    places.delete(after);
    places.set(after, place);
    const [oldest] = places.keys();
    if (places.size > MAX_SCANS && oldest !== undefined) places.delete(oldest);
    return place;
  };

  const placeOf = async (after: string): Promise<Place> => {
    if (after === '') return start;
    // A place that is still looked for is waited for by whoever asks again.
    const looking = places.get(after) ?? keep(after, find(after));
    return looking.catch((error: unknown) => {
      if (places.get(after) === looking) places.delete(after);
      throw error;
    });
  };

  return async (after, limit) => {
    let place = await placeOf(after);
    while (place.values && place.rest.length < limit) place = await read(place);
    const rows = place.rest.slice(0, limit);
    const last = rows.at(-1)?.id;
    places.delete(after);
    if (last) keep(last, Promise.resolve({ ...place, rest: place.rest.slice(limit) }));
    return rows;
  };
}

const stuck = () =>
  new FootbridgeError('mapping_failed', { detail: 'http.page does not go on after the page before' });
