/**
 * From a text to the numbers of the records that have it, 16 bytes per text: half of a hash and the number of the entry
 * in one 64-bit word, so that the runtime's own sort puts them in order; the other half beside it. The texts are not
 * kept: two hashes may be equal by chance, so whoever asks compares with the record itself.
 */
import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

const FIRST_CAPACITY = 1_024;
/** Which half of a 64-bit word comes first in memory. */
const [ENTRY, UPPER] = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0];
/** The event loop has its turn after so many entries. */
const ENTRIES_AT_ONCE = 50_000;

export class Lookup {
  /** Prevents that somebody chooses texts with one hash; without it the order is the same in every process. */
  readonly #salt: string;
  #length = 0;
  /** Two per word: the upper half of the hash counts more than the number of the entry. */
  #words = new Uint32Array(2 * FIRST_CAPACITY);
  #halves = new Uint32Array(FIRST_CAPACITY);
  #records = new Uint32Array(FIRST_CAPACITY);

  constructor(salt = '') {
    this.#salt = salt;
  }

  get length(): number {
    return this.#length;
  }

  /** Records in the order of their numbers. */
  add(text: string, record: number): void {
    if (this.#length === this.#halves.length) this.#grow();
    const entry = this.#length++;
    const [upper, lower] = this.#hash(text);
    this.#words[2 * entry + UPPER] = upper;
    this.#words[2 * entry + ENTRY] = entry;
    this.#halves[entry] = lower;
    this.#records[entry] = record;
  }

  /** After the last `add`, before the first question. */
  async sort(): Promise<void> {
    await setImmediate();
    this.#words = this.#words.slice(0, 2 * this.#length);
    new BigUint64Array(this.#words.buffer).sort();
    this.#halves = this.#halves.slice(0, this.#length);
    this.#records = this.#records.slice(0, this.#length);
  }

  /** Records that have this text, and once in 2^64 one that has not; in the order of their numbers. */
  find(text: string): number[] {
    const [upper, lower] = this.#hash(text);
    const found: number[] = [];
    for (let at = this.#firstFrom(upper); this.#upperAt(at) === upper; at++) {
      const entry = this.#entryAt(at);
      if (this.#halves[entry] === lower) found.push(this.#records[entry]!);
    }
    return found;
  }

  /** Where this text stands in the order, or would. */
  positionOf(text: string): number {
    return this.#firstFrom(this.#hash(text)[0]);
  }

  /** Whether these texts stand at the same place in the order. */
  areTogether(one: string, other: string): boolean {
    return this.#hash(one)[0] === this.#hash(other)[0];
  }

  /** A record of each text at this place in the order, mostly one, and the next position. */
  groupAt(position: number): { readonly records: readonly number[]; readonly next: number } {
    const upper = this.#upperAt(position);
    const records = new Map<number, number>();
    let next = position;
    for (; next < this.#length && this.#upperAt(next) === upper; next++) {
      const entry = this.#entryAt(next);
      const half = this.#halves[entry]!;
      if (!records.has(half)) records.set(half, this.#records[entry]!);
    }
    return { records: [...records.values()], next };
  }

  /** Pairs of different records that have one text: the one before and the one that comes again. */
  async *duplicates(): AsyncGenerator<readonly [number, number]> {
    for (let at = 0, turn = 0; at < this.#length; ) {
      if (at >= turn) {
        await setImmediate();
        turn = at + ENTRIES_AT_ONCE;
      }
      const upper = this.#upperAt(at);
      if (this.#upperAt(at + 1) !== upper) {
        at += 1;
        continue;
      }
      const firsts = new Map<number, number>();
      for (; at < this.#length && this.#upperAt(at) === upper; at++) {
        const entry = this.#entryAt(at);
        const record = this.#records[entry]!;
        const first = firsts.get(this.#halves[entry]!);
        if (first === undefined) firsts.set(this.#halves[entry]!, record);
        else if (first !== record) yield [first, record];
      }
    }
  }

  #hash(text: string): readonly [number, number] {
    const digest = hash('sha256', this.#salt + text, 'buffer');
    return [digest.readUInt32BE(0), digest.readUInt32BE(4)];
  }

  #firstFrom(upper: number): number {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#upperAt(middle)! < upper) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #upperAt(position: number): number | undefined {
    return position < this.#length ? this.#words[2 * position + UPPER] : undefined;
  }

  #entryAt(position: number): number {
    return this.#words[2 * position + ENTRY]!;
  }

  #grow(): void {
    const capacity = this.#halves.length * 2;
    this.#words = extended(this.#words, new Uint32Array(2 * capacity));
    this.#halves = extended(this.#halves, new Uint32Array(capacity));
    this.#records = extended(this.#records, new Uint32Array(capacity));
  }
}

/** The longer one, with what the shorter one held. */
export function extended<T extends { set(values: T): void }>(short: T, long: T): T {
  long.set(short);
  return long;
}
