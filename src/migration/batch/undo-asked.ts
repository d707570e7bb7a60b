/**
 * Who of a batch is to be taken back: everybody whom it brought, or a part of them. Kept in the batch's note while it is
 * under way, so that saying it again goes on, and saying something else does not.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LegacyEntry } from '../../user.ts';
import type { Batch, BatchNote } from './batch.ts';
import type { Place } from './batch-users.ts';
import type { Selection } from './selection.ts';
import { matches, selectionSchema } from './selection.ts';
import { selectionWords } from './selection-words.ts';

/** All that are given have to fit; none: the whole batch. */
export interface UndoAsked {
  /** Only this person: the sub. */
  readonly user?: string;
  readonly outcome?: 'created' | 'migrated';
  /** The code that somebody was brought with. */
  readonly code?: string;
  /** Filters of `selection.ts`, which ask the legacy store; without target and order. */
  readonly segment?: Readonly<Record<string, unknown>>;
}

/** The note of a batch that is being undone. */
export interface UndoNote extends BatchNote {
  readonly asked: UndoAsked;
  /** ISO 8601; `90d` is ninety days before it, for everybody alike. */
  readonly begunAt: string;
  /** Everybody up to here has been looked at, whether they are asked for. */
  readonly after?: Place;
  /** Everybody has. */
  readonly isMarked?: true;
  /** Whoever was not begun with stays. */
  readonly isStopped?: true;
}

/** While people are taken back, and when that has ended with some who could not be. */
export const UNDOING = { code: 'undoing', sentence: 'People are being taken back.' } as const;
export const UNDO_LEFT = 'undo_left';

export const isWhole = (asked: UndoAsked): boolean =>
  Object.values(asked).every((value) => value === undefined);

/** As it is kept and compared: without what is not given. */
export const plainAsked = (asked: UndoAsked): UndoAsked => JSON.parse(JSON.stringify(asked)) as UndoAsked;

export const isSameAsked = (one: UndoAsked, other: UndoAsked): boolean =>
  isDeepStrictEqual(plainAsked(one), plainAsked(other));

/** Undefined: it is not being undone. */
export const undoNoteOf = ({ state, note }: Pick<Batch, 'state' | 'note'>): UndoNote | undefined =>
  state === 'undoing' && note ? (note as UndoNote) : undefined;

/** Whoever may not log in any more was brought all the same. */
const ANY_STATE = ['active', 'disabled', 'locked'];

/** The segment as `matches` takes it; undefined: nobody's record has to be read. Throws a ZodError. */
export function segmentOf({ segment }: UndoAsked, target: string): Selection | undefined {
  if (!segment) return undefined;
  return selectionSchema.parse({ states: ANY_STATE, ...segment, target, order: 'id' });
}

/** Of people with their records; whose record cannot be read is in no segment. */
export const inSegment = (
  segment: Selection,
  entry: (LegacyEntry & { readonly error?: undefined }) | { readonly error: Error } | undefined,
  nowSeconds: number,
): boolean => entry !== undefined && !entry.error && matches(segment, entry as LegacyEntry, nowSeconds);

export function askedWords(asked: UndoAsked): string {
  const { user, outcome, code, segment } = asked;
  if (isWhole(asked)) return 'everybody whom it has brought';
  const parts = [
    ...(user === undefined ? [] : [user]),
    ...(outcome === undefined ? [] : [`people with the outcome ${outcome}`]),
    ...(code === undefined ? [] : [`people with the code ${code}`]),
    ...(segment === undefined ? [] : [segmentWords(segment)]),
  ];
  return parts.join(', of them ');
}

/** Of a segment nobody is the first. */
function segmentWords(segment: Readonly<Record<string, unknown>>): string {
  const words = selectionWords({ ...segment, order: 'id' });
  const text = words.slice(0, words.lastIndexOf(';'));
  return text.charAt(0).toLowerCase() + text.slice(1);
}
