/** Subjects and the store's ids: `shop:4711` and `4711`, or the bare id for both. Organizations have keys like them. */
import { FootbridgeError } from '../errors.ts';
import type { LegacySettings } from './legacy-settings.ts';

/** OpenID Connect Core section 2: 255 ASCII characters at most. */
const SUBJECT = /^[\x21-\x7e]{1,255}$/;

/** What stands before the ids of this store. */
export const subjectPrefix = ({ store, subjects }: Pick<LegacySettings, 'store' | 'subjects'>): string =>
  subjects === 'bare' ? '' : `${store}:`;

/** Throws mapping_failed for an id that no subject can be made of. */
export function subjectOf(prefix: string, id: string): string {
  const sub = keyOf(prefix, id);
  if (sub !== undefined) return sub;
  throw new FootbridgeError('mapping_failed', {
    detail: 'the id is empty, too long, or has characters a subject may not have',
  });
}

/** The id with what stands before it; undefined where that makes no key. */
export function keyOf(prefix: string, id: string): string | undefined {
  const key = prefix + id;
  return id !== '' && SUBJECT.test(key) ? key : undefined;
}

/** Undefined for another store's subject, and for what is none at all. */
export function idOf(prefix: string, sub: string): string | undefined {
  if (!SUBJECT.test(sub) || !sub.startsWith(prefix)) return undefined;
  return sub.slice(prefix.length) || undefined;
}
