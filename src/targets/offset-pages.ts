/**
 * Pages of a list that its owner counts by offset while people come and go in it: whoever leaves pulls everybody behind
 * them forward, and the next page would skip somebody who stays. So a page overlaps with the one before, whose last
 * members are remembered, and begins behind them, wherever they are by now.
 */
import { createHash } from 'node:crypto';
import { FootbridgeError } from '../errors.ts';

/** In an order that does not change for those who stay. */
export interface OffsetList<T> {
  /** The members from this position on, so many, or fewer at the end. */
  at(offset: number, limit: number): Promise<readonly T[]>;
  idOf(item: T): string;
  /** As many as its owner gives at once. */
  readonly maxPage: number;
}

export interface OffsetPage<T> {
  readonly items: readonly T[];
  /** Where the next page begins; absent on the last one, which may be empty. */
  readonly next?: string;
}

/** So many may leave in a row, at the very place where a page ended, before the list is begun anew. */
const OVERLAP = 32;
/** A mark stands for an id: 48 bits keep those of one page apart. */
const MARK_LENGTH = 8;
const MAX_CURSOR = 1_000;

interface Cursor {
  /** How many there were before the next page. */
  readonly offset: number;
  /** The last members that were told, one behind the other: whoever stands behind the first of them is told or new. */
  readonly marks: readonly string[];
  /** Told as well, and not seen on the last page: they have left, or were moved beyond its end. */
  readonly strays: readonly string[];
}

const START: Cursor = { offset: 0, marks: [], strays: [] };

const markOf = (id: string) => createHash('sha256').update(id).digest('base64url').slice(0, MARK_LENGTH);

/**
 * Everybody who stays is in one page and no more. Should all who are remembered have left, it begins at the start again:
 * then people are told twice, and nobody is missed. Throws bad_request for what is no cursor.
 */
export async function offsetPage<T>(
  list: OffsetList<T>,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<OffsetPage<T>> {
  const cursor = after === undefined ? START : cursorOf(after);
  const { marks, strays } = cursor;
  const isIn = (some: readonly string[]) => (item: T) => some.includes(markOf(list.idOf(item)));
  const [isMarked, isTold] = [isIn(marks), isIn([...marks, ...strays])];
  const width = Math.max(1, Math.min(limit, list.maxPage - OVERLAP)) + marks.length;
  let at = Math.max(0, cursor.offset - marks.length);
  let found = await list.at(at, width);
  if (marks.length > 0 && !found.some(isMarked)) {
    at = (await whereabouts(list, isMarked, { at, width })) ?? 0;
    found = await list.at(at, width);
  }
  const behind = found.slice(Math.max(0, found.findIndex(isMarked)));
  const items = behind.filter((item) => !isTold(item));
  // A short page need not be the last one: some lists leave out members after they were counted.
  if (items.length === 0 && found.length < width) return { items };
  const told = behind.map((item) => markOf(list.idOf(item)));
  const next = cursorText({
    offset: at + found.length,
    marks: told.slice(-OVERLAP),
    strays: [...strays, ...marks].filter((mark) => !told.includes(mark)).slice(-OVERLAP),
  });
  return items.length > 0 ? { items, next } : offsetPage(list, { after: next, limit });
}

/** Looks in both directions, nearby first: where a window begins in which somebody marked is. */
async function whereabouts<T>(
  list: OffsetList<T>,
  isMarked: (item: T) => boolean,
  { at, width }: { at: number; width: number },
): Promise<number | undefined> {
  let [back, ahead, isEnd] = [at, at + width, false];
  while (back > 0 || !isEnd) {
    if (back > 0) {
      const from = Math.max(0, back - width);
      if ((await list.at(from, back - from)).some(isMarked)) return from;
      back = from;
    }
    if (!isEnd) {
      const further = await list.at(ahead, width);
      if (further.some(isMarked)) return ahead;
      ahead += width;
      isEnd = further.length === 0;
    }
  }
  return undefined;
}

const cursorText = ({ offset, marks, strays }: Cursor) => [offset, marks.join(''), strays.join('')].join('.');

const CURSOR = /^(\d{1,12})\.([\w-]*)\.([\w-]*)$/;

function cursorOf(text: string): Cursor {
  const [, offset, ...both] = (text.length <= MAX_CURSOR && CURSOR.exec(text)) || [];
  const [marks = [], strays = []] = both.map(
    (some) => some.match(new RegExp(`.{1,${MARK_LENGTH}}`, 'g')) ?? [],
  );
  const isCursor =
    offset !== undefined && [marks, strays].every((some) => some.length <= OVERLAP && some.every(isMark));
  if (!isCursor)
    throw new FootbridgeError('bad_request', { detail: 'this is no place in the list of users' });
  return { offset: Number(offset), marks, strays };
}

const isMark = ({ length }: string) => length === MARK_LENGTH;
