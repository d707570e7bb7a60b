/** What belongs to a user beside their entry's single values: groups, whatever they list their members by, and lists. */
import type { SearchEntry } from 'ldapts';
import { FootbridgeError } from '../../../errors.ts';
import type { Related, Row } from '../../connector.ts';
import { MAX_RELATED_ROWS } from '../../connector.ts';
import { outage } from './failure.ts';
import { narrowed } from './filter.ts';
import type { GroupSettings, LdapSettings } from './ldap-settings.ts';
import type { People } from './people.ts';
import { assertWithin, textOrBytes, valuesOf } from './rows.ts';
import type { Server } from './server.ts';

/** Names in one filter. */
const AT_ONCE = 50;

/** The rows of every name in `ldap.related` for the user with this id. */
export function relatedIn({ related }: LdapSettings, people: People, server: Server) {
  const named = Object.entries(related);
  const needed = named.map(([, one]) => ('values' in one ? one.values : one.of));
  return async (id: string): Promise<Related> => {
    const user = await people.entryWithId(
      id,
      needed.filter((attribute) => attribute !== 'dn'),
    );
    const answers = named.map(async ([name, one]) => {
      if (!user) return [name, []] as const;
      if (!('values' in one)) return [name, await groupsOf(user, one, server)] as const;
      return [name, valuesOf(user, one.values).map((value) => ({ value: textOrBytes(value) }))] as const;
    });
    return Object.fromEntries(await Promise.all(answers));
  };
}

/** Rows of `name` and `dn`, by name. Throws mapping_failed where there are more than a user can have. */
async function groupsOf(user: SearchEntry, settings: GroupSettings, server: Server): Promise<Row[]> {
  const found = new Map<string, readonly Buffer[]>();
  let members = valuesOf(user, settings.of);
  for (let level = 0; level <= settings.nested && members.length > 0; level++) {
    const groups = await listing(members, settings, server);
    const unseen = groups.filter((group) => !found.has(group.name));
    for (const group of unseen) found.set(group.name, valuesOf(group, settings.name));
    if (found.size > MAX_RELATED_ROWS) throw tooMany();
    members = unseen.map((group) => Buffer.from(group.name));
  }
  return [...found]
    .flatMap(([dn, names]) => names.map((name) => ({ name: String(name), dn })))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Groups that list one of these members. */
async function listing(members: readonly Buffer[], settings: GroupSettings, server: Server) {
  const { base, scope, name, member } = settings;
  const groups: SearchEntry[] = [];
  for (let start = 0; start < members.length; start += AT_ONCE) {
    const filter = await narrowed(settings.filter, [member], members.slice(start, start + AT_ONCE));
    const query = { base, scope, filter, attributes: [name], limit: MAX_RELATED_ROWS };
    const answer = await server
      .ask((connection) => connection.search(query))
      .catch((error) => {
        throw outage(error);
      });
    if (answer.isCut) throw tooMany();
    for (const group of answer.entries) assertWithin(group, base);
    groups.push(...answer.entries);
  }
  return groups;
}

const tooMany = () =>
  new FootbridgeError('mapping_failed', { detail: `a user is in more than ${MAX_RELATED_ROWS} groups` });
