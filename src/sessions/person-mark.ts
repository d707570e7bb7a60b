/**
 * What tells that a person's password in the legacy store is another one than before: a MAC over its columns, which says
 * nothing to whoever reads our database.
 *
 * A mark is one byte (1: the person was not found at the last look), four that say under which settings and master key it
 * was taken, and the MAC. Marks taken under others are not compared, so neither a changed mapping nor a replaced master key
 * looks like everybody's new password.
 */
import type { Keyring } from '../store/encryption.ts';
import type { LegacyEntry, StoredPassword } from '../user.ts';

const PURPOSE = 'watched-person';
const PURPOSE_AS = 'watched-person-as';
const AS_BYTES = 4;
const FOUND = 0;
const GONE = 1;

export interface Marks {
  /** What is stored of this reading. */
  of(entry: LegacyEntry): Buffer;
  /** `renewed`: the same, and to be stored anew. `unknown`: there is nothing to compare with. */
  compare(stored: Buffer | null, entry: LegacyEntry): 'same' | 'renewed' | 'other' | 'unknown';
}

/** `readAs`: how passwords are read, as any text. */
export function openMarks(keyring: Keyring, readAs: string): Marks {
  const asNow = keyring.macs(PURPOSE_AS, readAs).map((mac) => mac.subarray(0, AS_BYTES));
  const marksOf = (entry: LegacyEntry) =>
    keyring
      .macs(PURPOSE, entry.user.sub, contentOf(entry))
      .map((mac, i) => Buffer.concat([Uint8Array.of(FOUND), asNow[i]!, mac]));
  return {
    of: (entry) => marksOf(entry)[0]!,
    compare(stored, entry) {
      const as = stored?.subarray(1, 1 + AS_BYTES);
      if (!stored || !as || !asNow.some((known) => known.equals(as))) return 'unknown';
      const same = marksOf(entry).findIndex((mark) => keyring.equal(mark.subarray(1), stored.subarray(1)));
      if (same < 0) return 'other';
      return same === 0 && !wasGone(stored) ? 'same' : 'renewed';
    },
  };
}

export const wasGone = (mark: Buffer | null): boolean => mark?.[0] === GONE;

/** What was known stays known: whoever is found again is compared with it. */
export const markGone = (mark: Buffer | null): Buffer =>
  Buffer.concat([Uint8Array.of(GONE), mark?.subarray(1) ?? Buffer.alloc(0)]);

/** Passwords in any order (a directory server gives them in none), columns by name. */
function contentOf({ credentials }: LegacyEntry): string {
  return JSON.stringify(credentials.passwords.map(columnsOf).sort());
}

function columnsOf({ columns }: StoredPassword): string {
  const entries = Object.entries(columns).map(([name, value]) => [name, plain(value)] as const);
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Text and bytes of the same content are the same: which of them a column gives is up to the driver. */
function plain(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return `=${Buffer.from(value).toString('base64')}`;
  if (value instanceof Uint8Array) return `=${Buffer.from(value).toString('base64')}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([name, item]) => [name, plain(item)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
