/**
 * Active Directory: numbers that each domain controller counts by itself ([MS-ADTS] 3.1.1.1.9, “Polling for changes using
 * USNChanged” in Microsoft's documentation). Written after the documentation: no server was there to test on.
 */
import { FootbridgeError } from '../../../errors.ts';
import type { Connection } from './connection.ts';
import { isWithin } from './dn.ts';
import { Refusal } from './failure.ts';
import type { WayOptions } from './feed-entries.ts';
import { entriesSince } from './feed-entries.ts';
import type { Found, Way } from './feed-scan.ts';
import { entryAt, everyEntry, from, textIn } from './feed-scan.ts';
import { momentOf, usnStamp } from './feed-stamps.ts';
import type { LdapSettings } from './ldap-settings.ts';
import { idOf } from './rows.ts';

export function byUsn(options: WayOptions): Way {
  const { settings } = options;
  const here = async (connection: Connection): Promise<readonly [string, bigint]> => {
    const root = await entryAt(connection, '', ['highestCommittedUSN', 'dsServiceName']);
    const [usn, service] = [textIn(root, 'highestCommittedUSN'), textIn(root, 'dsServiceName')];
    const settingsOf =
      service === undefined ? undefined : await entryAt(connection, service, ['invocationId']);
    const bytes = settingsOf?.attributes.find(({ type }) => /^invocationid$/i.test(type))?.parsedBuffers[0];
    if (usn === undefined || !/^\d{1,19}$/.test(usn) || !bytes)
      throw new FootbridgeError('config_invalid', {
        detail:
          'ldap.changes: the server has no highestCommittedUSN or invocationId that ldap.bindDn may see',
      });
    return [bytes.toString('hex'), BigInt(usn)];
  };
  return {
    async begin(connection) {
      const [server, usn] = await here(connection);
      return { [server]: usnStamp(usn) };
    },
    async since(marks, connection, add) {
      const [server, usn] = await here(connection);
      const mark = marks[server];
      // Another controller counts otherwise, and one that was restored counts anew.
      if (mark === undefined || usnStamp(usn) < mark)
        throw new FootbridgeError('feed_lost', { detail: 'ldap.changes: another domain controller answers' });
      const first = String(BigInt(mark) + 1n);
      const filter = await from('uSNChanged', first);
      const query = { filter, stamp: 'uSNChanged', more: ['whenChanged'] };
      await entriesSince(options, connection, query, (found, value) => {
        if (/^\d{1,19}$/.test(value)) add({ ...found, stamp: usnStamp(BigInt(value)) });
      });
      await tombstones(settings, connection, first, add).catch((error) => {
        // Few may see them: then the sweep finds who is gone.
        if (!(error instanceof Refusal)) throw error;
      });
      return { [server]: usnStamp(usn) };
    },
    async lag(marks, connection) {
      const [server, usn] = await here(connection);
      return marks[server] === usnStamp(usn) ? { seconds: 0 } : {};
    },
  };
}

/** Deleted objects, as far as we may see them: they keep their GUID, and where they were. */
async function tombstones(
  settings: LdapSettings,
  connection: Connection,
  first: string,
  add: (found: Found) => void,
): Promise<void> {
  const { AndFilter, EqualityFilter } = await import('ldapts');
  const isDeleted = new EqualityFilter({ attribute: 'isDeleted', value: 'TRUE' });
  const filter = new AndFilter({ filters: [isDeleted, await from('uSNChanged', first)] });
  const root = await entryAt(connection, '', ['defaultNamingContext']);
  const base = textIn(root, 'defaultNamingContext');
  if (base === undefined) return;
  const attributes = [settings.id, 'uSNChanged', 'whenChanged', 'lastKnownParent'];
  const query = {
    base: `CN=Deleted Objects,${base}`,
    scope: 'one',
    filter,
    attributes,
    deleted: true,
  } as const;
  await everyEntry(connection, query, {
    pageSize: settings.pageSize,
    take: (entry) => {
      const [usn, parent] = [textIn(entry, 'uSNChanged') ?? '', textIn(entry, 'lastKnownParent') ?? ''];
      const legacyId = idOf(entry, settings);
      if (!/^\d{1,19}$/.test(usn) || legacyId === '' || !isWithin(parent, settings.base)) return;
      const at = momentOf(textIn(entry, 'whenChanged') ?? '');
      add({ stamp: usnStamp(BigInt(usn)), legacyId, kind: 'deleted', ...(at ? { at } : {}) });
    },
  });
}
