/**
 * What a stream has told and nobody has read yet. A position is a place in the log and, where a page ended inside a
 * transaction, how many of the changes behind it were read: so a transaction of a million rows is read in pages as well,
 * and reading goes on after any of them.
 */
import { createHash } from 'node:crypto';
import { FootbridgeError } from '../../../../../errors.ts';
import type { LegacyChange } from '../../../../feed.ts';
import type { RowChange } from './log-source.ts';

export interface Position {
  readonly place: string;
  /** Changes after the place that were read. */
  readonly read: number;
}

const POSITION = /^([^+]{1,500})(?:\+(\d{1,15}))?$/;

export function positionFrom(text: string): Position {
  const [, place, read = '0'] = POSITION.exec(text) ?? [];
  if (place === undefined) throw new FootbridgeError('bad_request', { detail: 'no position of this feed' });
  return { place, read: Number(read) };
}
const textOf = ({ place, read }: Position) => (read === 0 ? place : `${place}+${read}`);

type Item = { readonly change: RowChange; readonly heardMs: number } | { readonly place: string };

export class LogBuffer {
  readonly #items: Item[] = [];
  #position: Position;
  /** Changes that come again because reading began at the place before them. */
  #again: number;
  /** The last place that was reached, whether it was read or not. */
  #end: string;
  #size = 0;

  constructor(from: Position) {
    this.#position = { place: from.place, read: 0 };
    this.#again = from.read;
    this.#end = from.place;
  }

  /** Where the next page begins. */
  get position(): string {
    return textOf({ ...this.#position, read: this.#position.read + this.#again });
  }

  get end(): string {
    return this.#end;
  }

  /** Changes. */
  get size(): number {
    return this.#size;
  }

  push(change: RowChange, heardMs: number): void {
    if (this.#again > 0) {
      this.#again--;
      this.#position = { ...this.#position, read: this.#position.read + 1 };
      return;
    }
    this.#items.push({ change, heardMs });
    this.#size++;
  }

  reached(place: string): void {
    this.#end = place;
    // A place that is followed by nothing is replaced by the next one.
    if (this.#items.length > 0 && 'place' in this.#items.at(-1)!) this.#items.pop();
    this.#items.push({ place });
    if (this.#size === 0) this.take(0, 0);
  }

  /** How many changes were heard by then, counted up to `most`. */
  heardBy(ms: number, most: number): number {
    let count = 0;
    for (const item of this.#items) {
      if ('place' in item) continue;
      if (count === most || item.heardMs > ms) break;
      count++;
    }
    return count;
  }

  /** Those heard by then, at most so many; of one person's in one transaction, the last. */
  take(limit: number, heardByMs: number): LegacyChange[] {
    const page = new Map<string, RowChange>();
    let taken = 0;
    for (const item of this.#items) {
      if ('place' in item) {
        // Fewer came again than were read: the log is not the one that it was.
        if (this.#position.read > 0) this.#again = 0;
        this.#position = { place: item.place, read: 0 };
      } else {
        const key = `${item.change.transaction} ${item.change.legacyId}`;
        if (item.heardMs > heardByMs || (page.size >= limit && !page.has(key))) break;
        page.delete(key);
        page.set(key, item.change);
        this.#position = { ...this.#position, read: this.#position.read + 1 };
        this.#size--;
      }
      taken++;
    }
    this.#items.splice(0, taken);
    return [...page.values()].map(changeOf);
  }
}

const MAX_ID_LENGTH = 200;

function changeOf({ transaction, legacyId, kind, at }: RowChange): LegacyChange {
  const id = `${transaction}:${kind}:${legacyId}`;
  const short = id.length <= MAX_ID_LENGTH ? id : createHash('sha256').update(id).digest('base64url');
  return { id: short, legacyId, kind, ...(at ? { at } : {}) };
}
