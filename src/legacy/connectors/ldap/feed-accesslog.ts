/**
 * Who was deleted, or moved to another place, by OpenLDAP's overlay `accesslog` (slapo-accesslog(5)): entries that are gone
 * say nothing of their last change.
 */
import type { SearchEntry } from 'ldapts';
import type { Connection } from './connection.ts';
import { isWithin } from './dn.ts';
import { MAX_ID_LENGTH } from './feed-position.ts';
import type { Found, Way } from './feed-scan.ts';
import { entryAt, everyEntry, from, textIn, textsIn } from './feed-scan.ts';
import { momentOf } from './feed-stamps.ts';
import type { LdapSettings } from './ldap-settings.ts';

/** Its series among the marks. */
const LOG = 'accesslog';
const KINDS = { delete: 'deleted', modrdn: 'changed' } as const;

interface Options {
  readonly settings: LdapSettings;
  readonly base: string;
  readonly overlapMs: number;
}

/** The way, and what its log has besides. */
export function withAccesslog(way: Way, { settings, base, overlapMs }: Options): Way {
  const attributes = ['reqStart', 'reqType', 'reqDN', 'reqEntryUUID', 'reqOld'];
  const read = async (
    connection: Connection,
    since: string | undefined,
    take: (entry: SearchEntry) => void,
  ): Promise<void> => {
    const { AndFilter, EqualityFilter, OrFilter } = await import('ldapts');
    const kinds = Object.keys(KINDS).map((value) => new EqualityFilter({ attribute: 'reqType', value }));
    const done = new EqualityFilter({ attribute: 'reqResult', value: '0' });
    const filter = new AndFilter({
      filters: [done, new OrFilter({ filters: kinds }), await from('reqStart', since)],
    });
    const { pageSize } = settings;
    await everyEntry(connection, { base, scope: 'sub', filter, attributes }, { pageSize, take });
  };
  const startOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}.000000Z`;

  return {
    async begin(connection) {
      const marks = await way.begin(connection);
      // Nobody may see the log: say so now, and not by silence.
      await entryAt(connection, base, ['1.1']);
      const contextual = Object.values(marks).sort().at(-1) ?? '';
      return { ...marks, [LOG]: startOf(momentOf(contextual)?.getTime() ?? Date.now()) };
    },
    async since(marks, connection, add) {
      const { [LOG]: mark, ...others } = marks;
      const since = mark === undefined ? undefined : startOf((momentOf(mark)?.getTime() ?? 0) - overlapMs);
      let newest = mark ?? '';
      await read(connection, since, (entry) => {
        const start = textIn(entry, 'reqStart') ?? '';
        if (start > newest) newest = start;
        for (const found of foundIn(entry, settings)) add(found);
      });
      return { ...(await way.since(others, connection, add)), [LOG]: newest };
    },
    lag({ [LOG]: _log, ...marks }, connection) {
      return way.lag(marks, connection);
    },
  };
}

function foundIn(entry: SearchEntry, settings: LdapSettings): readonly Found[] {
  const [stamp, type] = [textIn(entry, 'reqStart'), textIn(entry, 'reqType')];
  const legacyId = idIn(entry, settings);
  if (
    !stamp ||
    (type !== 'delete' && type !== 'modrdn') ||
    legacyId === '' ||
    legacyId.length > MAX_ID_LENGTH
  )
    return [];
  if (!isWithin(textIn(entry, 'reqDN') ?? '', settings.base)) return [];
  const at = momentOf(stamp);
  return [{ stamp, legacyId, kind: KINDS[type], ...(at ? { at } : {}) }];
}

/** Its UUID is always there; another id only where the overlay keeps what the entry had (`logold`). */
function idIn(entry: SearchEntry, { id }: LdapSettings): string {
  const name = id.toLowerCase();
  if (name === 'entryuuid') return textIn(entry, 'reqEntryUUID') ?? '';
  const values = textsIn(entry, 'reqOld').flatMap((line) => {
    const at = line.indexOf(': ');
    return at > 0 && line.slice(0, at).toLowerCase() === name ? [line.slice(at + 2)] : [];
  });
  return values.length === 1 ? values[0]! : '';
}
