/**
 * Entries by their stamps, below the base and whether they are people or not: who has just left the filter is found, and
 * then read as nobody.
 */
import type { Filter } from 'ldapts';
import type { Connection } from './connection.ts';
import { isWithin } from './dn.ts';
import { MAX_ID_LENGTH } from './feed-position.ts';
import type { Found } from './feed-scan.ts';
import { everyEntry, textIn } from './feed-scan.ts';
import type { LdapChanges } from './feed-settings.ts';
import { momentOf } from './feed-stamps.ts';
import type { LdapSettings } from './ldap-settings.ts';
import { idOf } from './rows.ts';

export interface WayOptions {
  readonly settings: LdapSettings;
  readonly changes: LdapChanges;
  readonly now: () => number;
}

/** Entries below the base that answer to the filter, with their stamp. */
export function entriesSince(
  { settings }: WayOptions,
  connection: Connection,
  query: { readonly filter: Filter; readonly stamp: string; readonly more?: readonly string[] },
  take: (found: Found, stamp: string) => void,
): Promise<void> {
  const { base, scope, id, pageSize } = settings;
  const { filter, stamp, more = [] } = query;
  const attributes = [id, stamp, ...more];
  return everyEntry(
    connection,
    { base, scope, filter, attributes },
    {
      pageSize,
      take: (entry) => {
        const value = textIn(entry, stamp);
        const legacyId = isWithin(entry.name, base) ? idOf(entry, settings) : '';
        if (value === undefined || legacyId === '' || legacyId.length > MAX_ID_LENGTH) return;
        const at = momentOf(textIn(entry, 'whenChanged') ?? value);
        take({ stamp: value, legacyId, kind: 'changed', ...(at ? { at } : {}) }, value);
      },
    },
  );
}
