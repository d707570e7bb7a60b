/** Directories that no test can start, as far as their answers are documented: Active Directory, and several OpenLDAP together. */
import { describe, expect, test } from 'vitest';
import type { Connection, Query } from '../../src/legacy/connectors/ldap/connection.ts';
import { Refusal } from '../../src/legacy/connectors/ldap/failure.ts';
import { modifiedFeed } from '../../src/legacy/connectors/ldap/feed.ts';
import { ldap } from '../../src/legacy/connectors/ldap/ldap.ts';
import type { Server } from '../../src/legacy/connectors/ldap/server.ts';

type Values = Readonly<Record<string, string | Buffer | readonly string[]>>;
interface Entry {
  readonly dn: string;
  readonly values: Values;
}

const BASE = 'ou=people,dc=example';
/** As much of the library's entries as is read. */
const entryOf = ({ dn, values }: Entry) => ({
  name: dn,
  attributes: Object.entries(values).map(([type, value]) => {
    const all = [value].flat() as (string | Buffer)[];
    return { type, values: all.map(String), parsedBuffers: all.map((one) => Buffer.from(one as string)) };
  }),
});

/** Answers with what `answer` says of a query. */
function serverWith(answer: (query: Query) => readonly Entry[]): Server {
  const connection = {
    search: async (query: Query) => ({
      entries: answer(query).map(entryOf),
      isCut: false,
      cookie: Buffer.alloc(0),
    }),
    close: () => undefined,
  } as unknown as Connection;
  return { open: async () => connection } as unknown as Server;
}

const feedWith = (changes: object, answer: (query: Query) => readonly Entry[], id = 'uid') => {
  const settings = ldap.settings.parse({
    url: 'ldap://x',
    base: BASE,
    id,
    changes: { by: 'modified', ...changes },
  });
  if (!settings.changes) throw new Error('no changes');
  return modifiedFeed(settings, settings.changes, serverWith(answer));
};

describe('several OpenLDAP servers', () => {
  const csn = (second: number, server: string) =>
    `202611220000${String(second).padStart(2, '0')}.000000Z#000000#${server}#000000`;

  test('a change that comes late from another server is told, and nothing else is read', async () => {
    let context = [csn(10, '001'), csn(5, '002')];
    const people: Entry[] = [{ dn: `uid=old,${BASE}`, values: { uid: 'old', entryCSN: csn(9, '001') } }];
    const queries: Query[] = [];
    const feed = feedWith({}, (query) => {
      queries.push(query);
      if (query.base === '') return [{ dn: '', values: { namingContexts: ['dc=example', 'cn=accesslog'] } }];
      if (query.base === 'dc=example') return [{ dn: 'dc=example', values: { contextCSN: context } }];
      return query.scope === 'base' ? [{ dn: BASE, values: { entryCSN: csn(1, '001') } }] : people;
    });
    const { position } = await feed.read(undefined, 10);
    queries.length = 0;
    await feed.read(position, 10);
    expect(queries.every(({ base }) => base !== BASE)).toBe(true);

    // Made before what was read last, at a server that was cut off.
    context = [csn(10, '001'), csn(8, '002')];
    people.push({ dn: `uid=late,${BASE}`, values: { uid: 'late', entryCSN: csn(8, '002') } });
    expect(await feed.lag(position)).toEqual({ seconds: 3 });
    const page = await feed.read(position, 10);
    expect(page.changes).toEqual([
      {
        id: `${csn(8, '002')}:changed:late`,
        legacyId: 'late',
        kind: 'changed',
        at: new Date('2026-11-22T00:00:08Z'),
      },
    ]);
    expect(await feed.lag(page.position)).toEqual({ seconds: 0 });
  });
});

describe('Active Directory, as it is documented', () => {
  const DOMAIN = 'dc=example';
  const GUID = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const directory = (state: {
    usn: number;
    controller: string;
    people: Entry[];
    deleted: Entry[] | 'hidden';
  }) =>
    feedWith(
      { stamp: 'uSNChanged' },
      ({ base, deleted }) => {
        if (base === '')
          return [
            {
              dn: '',
              values: {
                highestCommittedUSN: String(state.usn),
                dsServiceName: 'cn=NTDS Settings',
                defaultNamingContext: DOMAIN,
              },
            },
          ];
        if (base === 'cn=NTDS Settings')
          return [{ dn: base, values: { invocationId: Buffer.from(state.controller) } }];
        if (!deleted) return state.people;
        if (state.deleted === 'hidden') throw new Refusal('x', { status: 32, words: '' });
        return state.deleted;
      },
      'objectGUID',
    );
  const anna = (uSNChanged: string): Entry => ({
    dn: `cn=anna,${BASE}`,
    values: { objectGUID: GUID, uSNChanged, whenChanged: '20261122000000.0Z' },
  });
  const LEGACY_ID = '03020100-0504-0706-0809-0a0b0c0d0e0f';

  test('tells who changed, in the order of the numbers', async () => {
    const state = { usn: 100, controller: 'one', people: [] as Entry[], deleted: 'hidden' as const };
    const feed = directory(state);
    const { position } = await feed.read(undefined, 10);
    state.usn = 1_000;
    state.people = [anna('999'), { ...anna('1000'), dn: `cn=x,ou=elsewhere,${DOMAIN}` }];
    const { changes, isMore } = await feed.read(position, 10);
    expect(isMore).toBe(false);
    expect(changes).toEqual([
      {
        id: `00000000000000000999:changed:${LEGACY_ID}`,
        legacyId: LEGACY_ID,
        kind: 'changed',
        at: new Date('2026-11-22T00:00:00Z'),
      },
    ]);
  });

  test('tells of the deleted, where they may be seen and were among the people', async () => {
    const gone = (lastKnownParent: string, guid: Buffer): Entry => ({
      dn: `cn=anna,CN=Deleted Objects,${DOMAIN}`,
      values: { objectGUID: guid, uSNChanged: '101', lastKnownParent },
    });
    const state = { usn: 100, controller: 'one', people: [], deleted: [] as Entry[] };
    const feed = directory(state);
    const { position } = await feed.read(undefined, 10);
    state.usn = 101;
    state.deleted = [gone(BASE, GUID), gone('ou=machines,dc=example', Buffer.alloc(16, 7))];
    const { changes } = await feed.read(position, 10);
    expect(changes.map(({ legacyId, kind }) => [legacyId, kind])).toEqual([[LEGACY_ID, 'deleted']]);
  });

  test.each([
    ['another domain controller answers', { controller: 'two' }],
    ['the controller was restored', { usn: 99 }],
  ])('is lost when %s', async (_why, change) => {
    const state = { usn: 100, controller: 'one', people: [], deleted: [] };
    const feed = directory(state);
    const { position } = await feed.read(undefined, 10);
    Object.assign(state, change);
    await expect(feed.read(position, 10)).rejects.toMatchObject({ code: 'feed_lost' });
  });
});

test('a position has its room, however many servers write', async () => {
  const many = Array.from(
    { length: 200 },
    (_, n) => `20261122000000.000000Z#000000#${n.toString(16).padStart(3, '0')}#000000`,
  );
  const person: Entry = { dn: `uid=anna,${BASE}`, values: { uid: 'ü'.repeat(200), entryCSN: many[1]! } };
  const feed = feedWith({}, (query) => {
    if (query.base === '') return [{ dn: '', values: { namingContexts: ['dc=example'] } }];
    if (query.base === 'dc=example') return [{ dn: 'dc=example', values: { contextCSN: many } }];
    return [person, { ...person, values: { ...person.values, uid: 'bob' } }];
  });
  const { position } = await feed.read(undefined, 10);
  const page = await feed.read(position, 1);
  expect(page.isMore).toBe(true);
  expect(page.position.length).toBeLessThan(2_000);
});
