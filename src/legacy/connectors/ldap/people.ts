/** The searches for people: below the base, within the filter, and nowhere else. */
import type { Filter, SearchEntry } from 'ldapts';
import { FootbridgeError } from '../../../errors.ts';
import type { LegacyRow } from '../../connector.ts';
import type { Answer, Query } from './connection.ts';
import { INVALID_SYNTAX, outage, Refusal } from './failure.ts';
import { narrowed, parsed } from './filter.ts';
import type { LdapSettings } from './ldap-settings.ts';
import { bytesOf, encodingOf, rowOf } from './rows.ts';
import type { ReadPage } from './scan.ts';
import type { Server } from './server.ts';

export interface People {
  /** Rows that have this value in one of these attributes; throws user_ambiguous where the server keeps some back. */
  find(attributes: readonly string[], value: Buffer, limit: number): Promise<readonly LegacyRow[]>;
  findById(id: string): Promise<readonly LegacyRow[]>;
  /** The one entry with this id. Throws user_ambiguous. */
  entryWithId(id: string, attributes: readonly string[]): Promise<SearchEntry | undefined>;
  readonly readPage: ReadPage;
  readOne(dn: string): Promise<LegacyRow | undefined>;
  ping(): Promise<void>;
}

export function peopleIn(settings: LdapSettings, server: Server): People {
  const { base, scope, id } = settings;
  const everything = [...new Set([...settings.attributes, id, ...settings.login])];
  const row = (entry: SearchEntry) => rowOf(entry, settings);

  const search = async (filter: Filter, query: Partial<Query> = {}): Promise<Answer> => {
    try {
      return await server.ask((connection) =>
        connection.search({ base, scope, filter, attributes: everything, ...query }),
      );
    } catch (error) {
      // A value that the attribute cannot have: nobody has it.
      if (error instanceof Refusal && error.status === INVALID_SYNTAX) return NOTHING;
      throw outage(error);
    }
  };
  const withId = async (value: string, query: Partial<Query>): Promise<readonly SearchEntry[]> => {
    const bytes = bytesOf(value, encodingOf(settings));
    return bytes ? all(await search(await narrowed(settings.filter, [id], [bytes]), query), query) : [];
  };

  return {
    async find(attributes, value, limit) {
      const filter = await narrowed(settings.filter, attributes, [value]);
      return all(await search(filter, { limit }), { limit }).map(row);
    },
    findById: async (value) => (await withId(value, { limit: 2 })).map(row),
    async entryWithId(value, attributes) {
      const found = await withId(value, { limit: 2, attributes: [id, ...attributes] });
      const same = found.filter((entry) => row(entry).id === value);
      if (same.length > 1) throw ambiguous();
      return same[0];
    },
    async readPage(connection, { size, cookie, only }) {
      const attributes = only === 'ids' ? [id] : everything;
      const query = {
        base,
        scope,
        filter: await parsed(settings.filter),
        attributes,
        page: { size, cookie },
      };
      const answer = await connection.search(query).catch((error) => {
        throw outage(error);
      });
      return { rows: answer.entries.map(row), cookie: answer.cookie };
    },
    async readOne(dn) {
      const { entries } = await search(await parsed(settings.filter), { base: dn, scope: 'base' });
      return entries.map(row)[0];
    },
    async ping() {
      await search(await parsed('(objectClass=*)'), { scope: 'base', attributes: ['1.1'] });
    },
  };
}

const NOTHING: Answer = { entries: [], isCut: false, cookie: Buffer.alloc(0) };

/** A server with a limit below ours would make one of several candidates look like the only one. */
function all({ entries, isCut }: Answer, { limit = 0 }: Partial<Query>): readonly SearchEntry[] {
  if (isCut && entries.length < limit) throw ambiguous();
  return entries;
}

const ambiguous = () =>
  new FootbridgeError('user_ambiguous', { detail: 'the directory server has more entries than it gives' });
