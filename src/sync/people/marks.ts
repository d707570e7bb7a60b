/**
 * Keyed digests of what a person has: two of them tell whether two values are the same, and nothing else. Each person has a key
 * of their own, so that two people with one name share no digest.
 */
import { hash } from 'node:crypto';
import type { Keyring } from '../../store/encryption.ts';
import type { SyncField } from './fields.ts';
import { comparable } from './fields.ts';

export interface Marking {
  /** Which master key it is of. */
  readonly of: string;
  mark(field: SyncField, value: string): string;
  /** Of both sides' values together. */
  pair(field: SyncField, legacy: string, target: string): string;
}

/** Of a hundred million values that are told apart, two look the same once in thousands of years of edits. */
const HEX = 16;

const digest = (key: string, ...parts: readonly string[]) =>
  hash('sha256', JSON.stringify([key, ...parts])).slice(0, HEX);

function markingWith(key: Buffer): Marking {
  const text = key.toString('base64');
  return {
    of: digest(text, 'of'),
    mark: (field, value) => digest(text, field, comparable(field, value)),
    pair: (field, legacy, target) => digest(text, field, 'pair', legacy, target),
  };
}

/** With the master key that has made `of`, so that a new one changes nobody; with the newest where there is none yet. */
export function markingOf(
  keyring: Keyring,
  owner: { readonly target: string; readonly sub: string },
  of?: string,
): Marking {
  const newest = markingWith(keyring.mac('sync-base', owner.target, owner.sub));
  if (of === undefined || of === newest.of) return newest;
  const [, ...older] = keyring.macs('sync-base', owner.target, owner.sub);
  return older.map(markingWith).find((marking) => marking.of === of) ?? newest;
}
