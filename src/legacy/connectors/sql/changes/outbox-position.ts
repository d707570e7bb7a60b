/**
 * A place in an outbox: exactly the rows that were read and may be there yet. Not a number after which everything is new:
 * whoever began first may commit last, with a smaller number. Many numbers are short, as they follow one another: each is
 * written as what it is more than the one before it, with how often that comes in a row.
 */
import { FootbridgeError } from '../../../../errors.ts';

export interface OutboxPlace {
  /** Ascending. */
  readonly ids: readonly bigint[];
  /** When the newest of them was made, as the database writes it. A later row with such a number is another one. */
  readonly at: string;
}

export const NOTHING_READ: OutboxPlace = { ids: [], at: '' };
/** Of the 2,000 that a position may have. */
const MAX_LENGTH = 1_900;
/** In one position, so that one that was tampered with cannot fill the memory. */
export const MAX_IDS = 20_000;
const RADIX = 36;

/** Undefined where they are too many for a position. */
export function writePlace({ ids, at }: OutboxPlace): string | undefined {
  const steps: { by: bigint; times: number }[] = [];
  let before = 0n;
  for (const id of ids) {
    const by = id - before;
    const last = steps.at(-1);
    if (last?.by === by) last.times++;
    else steps.push({ by, times: 1 });
    before = id;
  }
  const written = steps.map(({ by, times }) =>
    times === 1 ? by.toString(RADIX) : `${by.toString(RADIX)}*${times.toString(RADIX)}`,
  );
  const text = `${at}|${written.join(' ')}`;
  return text.length <= MAX_LENGTH && ids.length <= MAX_IDS ? text : undefined;
}

/** Throws feed_lost for what is no place of an outbox. */
export function readPlace(text: string): OutboxPlace {
  const [at = '', steps, ...more] = text.split('|');
  if (steps === undefined || more.length > 0 || !/^[\d:.TZ +-]{0,40}$/.test(at)) throw noPlace();
  const ids: bigint[] = [];
  let id = 0n;
  for (const step of steps === '' ? [] : steps.split(' ')) {
    const [, by, times = '1'] = /^([\da-z]{1,13})(?:\*([\da-z]{1,4}))?$/.exec(step) ?? [];
    const count = Number.parseInt(times, RADIX);
    if (by === undefined || ids.length + count > MAX_IDS) throw noPlace();
    const size = numberOf(by);
    for (let left = count; left > 0; left--) {
      id += size;
      ids.push(id);
    }
  }
  return { ids, at };
}

const noPlace = () => new FootbridgeError('feed_lost', { detail: 'this is no place in an outbox' });

const numberOf = (digits: string): bigint =>
  [...digits].reduce((sum, digit) => sum * BigInt(RADIX) + BigInt(Number.parseInt(digit, RADIX)), 0n);
