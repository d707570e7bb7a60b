/** How much a stored session may hold: far more than frameworks write, far less than would hurt. */

export const MAX_BYTES = 256 * 1024;
/** Lists and maps within one another. */
export const MAX_DEPTH = 32;
/** Values of all kinds, at all depths. */
export const MAX_VALUES = 20_000;

/** What parsers throw at themselves, and their entrances turn into `undefined`. */
export class Malformed extends Error {}

/** What `parse` gives, or undefined for whatever is too large, malformed or not in the framework's language. */
export function bounded<T>(stored: Uint8Array, parse: (bytes: Buffer) => T): T | undefined {
  if (stored.byteLength > MAX_BYTES) return undefined;
  try {
    return parse(Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength));
  } catch {
    return undefined;
  }
}

/** Counts values as they are read. */
export function valueCount(): { add(values?: number): void } {
  let left = MAX_VALUES;
  return {
    add(values = 1) {
      left -= values;
      if (left < 0) throw new Malformed('too many values');
    },
  };
}

/** Throws when it goes too deep. */
export function deeper(depth: number): number {
  if (depth >= MAX_DEPTH) throw new Malformed('too deep');
  return depth + 1;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text, or undefined where the bytes are not UTF-8: never two byte strings as one text. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}
