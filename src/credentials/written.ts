/** What writers of hashes give, and the bounds they all keep. */
import type { Accepted, AcceptedFormat, Bounds, WriteName } from './accepted-format.ts';
import type { ParsedHash } from './hash.ts';
import type { ReasonCode } from './reasons.ts';

/** What to import, a reason, or `undefined` where the hash is of another algorithm. */
export type Written = { readonly encoded: string | object } | { readonly reason: ReasonCode } | undefined;

export type Writer<W extends WriteName> = (hash: ParsedHash, accepted: Accepted<W>) => Written;

export const within = (value: number, [min, max]: Bounds) => value >= min && value <= max;

/** What was written if the costs are in bounds and it is short enough. */
export function bounded(
  isInBounds: boolean,
  encoded: string | object,
  { maxLength = Number.POSITIVE_INFINITY }: AcceptedFormat,
): Written {
  if (!isInBounds) return { reason: 'target_bounds' };
  const { length } = typeof encoded === 'string' ? encoded : JSON.stringify(encoded);
  return length <= maxLength ? { encoded } : { reason: 'too_long' };
}

/** PBKDF2's and scrypt's output is the same however much of it is asked for: the whole key, or its first bytes. */
export function withKey(
  key: Uint8Array,
  cutTo: number,
  { maxLength }: AcceptedFormat,
  write: (key: Uint8Array) => string,
): string {
  const whole = write(key);
  const isTooLong = maxLength !== undefined && whole.length > maxLength;
  return isTooLong && key.length > cutTo ? write(key.subarray(0, cutTo)) : whole;
}

/** The bytes as the text they are, or `undefined` where they are none. */
export function textOf(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}
