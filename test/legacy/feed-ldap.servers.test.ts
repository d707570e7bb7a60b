import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { ldap } from '../../src/legacy/connectors/ldap/ldap.ts';
import type { Feed } from '../../src/legacy/feed.ts';
import type { Slapd, SlapdPlan } from '../servers/slapd.ts';
import { ADMIN, hasModule, requiresSlapd, SUFFIX } from '../servers/slapd.ts';
import { freePort } from '../support/ports.ts';
import type { FeedStore } from './feed-contract.ts';
import { begin, feedContract, hear } from './feed-contract.ts';
import { reach, record, shopServer } from './ldap-store.ts';

const required = requiresSlapd();
const LOG = 'cn=accesslog';
/** As RFC 2849 has it; the people's ids are below `employeeNumber`. */
const dnOf = (id: string) => `cn=${Buffer.from(id).toString('hex')},ou=people,${SUFFIX}`;
const add = (id: string) =>
  record(dnOf(id), { changetype: 'add', objectClass: 'shopPerson', sn: 'x', employeeNumber: id });
let edits = 0;
const edit = (id: string) => `dn: ${dnOf(id)}\nchangetype: modify\nreplace: moved\nmoved: ${++edits}\n\n`;
const remove = (id: string) => `dn: ${dnOf(id)}\nchangetype: delete\n\n`;

const feedOf = (url: string, changes: object, more: object = {}): Feed => {
  const settings = ldap.settings.parse({
    ...reach(url),
    id: 'employeeNumber',
    ...more,
    changes: { by: 'modified', ...changes },
  });
  const feed = ldap.open(settings, { timeoutMs: 10_000 }).feed?.();
  if (!feed) throw new Error('no feed');
  return feed;
};

async function storeOf(server: Slapd, changes: object): Promise<FeedStore> {
  const port = await freePort();
  const people = new Set<string>();
  const all = (change: (id: string) => string) => async (ids: readonly string[]) =>
    server.change(ids.map(change).join(''));
  return {
    open: () => feedOf(server.url, changes),
    absent: () => feedOf(`ldap://127.0.0.1:${port}`, changes),
    insert: async (ids) => {
      for (const id of ids) people.add(id);
      await all(add)(ids);
    },
    // Nobody is changed who is not there: `ldapmodify` stops at them.
    update: (ids) => all(edit)(ids.filter((id) => people.has(id))),
    remove: all(remove),
    drop: server.stop,
  };
}

const WAYS: readonly (readonly [string, object, Partial<SlapdPlan>])[] = [
  ['entryCSN with the marks of syncprov', {}, { database: ['overlay syncprov', 'index entryCSN eq'] }],
  ['entryCSN alone', {}, {}],
  ['modifyTimestamp', { stamp: 'modifyTimestamp' }, {}],
];

const heardTwo = async (feed: Feed, start: string) => {
  const page = await feed.read(start, 10);
  expect(page.changes).toHaveLength(2);
  return page;
};

describe.skipIf(required.skip)(`changes of ${required.name}`, () => {
  const started: Slapd[] = [];
  const startWith = async (plan: Partial<SlapdPlan>) => {
    const server = await shopServer('', plan);
    started.push(server);
    return server;
  };
  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
  });

  for (const [name, changes, plan] of WAYS)
    feedContract(name, async () => storeOf(await shopServer('', plan), changes), {
      deletes: false,
      many: 1_000,
      oddIds: ["o'hara", '*)(uid=*', '\\', 'ü🔐', '$1'],
    });

  describe.skipIf(!hasModule('accesslog'))('with the overlay accesslog', () => {
    const folders: string[] = [];
    afterAll(() => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    });
    const logged = (): Partial<SlapdPlan> => {
      const folder = mkdtempSync(join(tmpdir(), 'footbridge-accesslog-'));
      folders.push(folder);
      return {
        makes: [LOG],
        global: [
          'database mdb',
          'maxsize 67108864',
          `suffix ${LOG}`,
          `rootdn "${ADMIN.dn}"`,
          `directory ${folder}`,
          'index reqStart,reqType,reqResult eq',
        ],
        database: [
          'overlay syncprov',
          'overlay accesslog',
          `logdb ${LOG}`,
          'logops writes',
          'logsuccess TRUE',
          'logold (objectClass=*)',
        ],
      };
    };
    feedContract(
      'entryCSN and accesslog',
      async () => storeOf(await shopServer('', logged()), { accesslog: LOG, overlapSeconds: 1 }),
      { many: 500 },
    );

    test.each(['employeeNumber', 'entryUUID'])('tells who was moved away or deleted, by %s', async (id) => {
      const server = await startWith(logged());
      server.change(add('anna') + add('bob'));
      const feed = feedOf(server.url, { accesslog: LOG }, { id });
      const start = await begin(feed);
      server.change(edit('anna') + edit('bob'));
      const { changes, position } = await heardTwo(feed, start);
      const [anna = '', bob = ''] = changes.map(({ legacyId }) => legacyId);
      server.change(
        `dn: ${dnOf('anna')}\nchangetype: moddn\nnewrdn: cn=gone\ndeleteoldrdn: 1\nnewsuperior: ou=groups,${SUFFIX}\n\n`,
      );
      server.change(remove('bob'));
      const ofMoved = id === 'entryUUID' ? [anna, bob] : [bob];
      const gone = await hear(feed, position, ofMoved);
      const told = gone.changes.map(({ legacyId, kind }) => [legacyId, kind]);
      if (id === 'entryUUID') expect(told).toContainEqual([anna, 'changed']);
      expect(told).toContainEqual([bob, 'deleted']);
    });

    test('does not take silence for peace where nobody may see the log', async () => {
      const server = await startWith({});
      const feed = feedOf(server.url, { accesslog: LOG });
      await expect(feed.read(undefined, 10)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    });
  });

  test('tells of somebody who has left the filter, and is then read as nobody', async () => {
    const server = await startWith({ database: ['overlay syncprov'] });
    server.change(add('anna'));
    const feed = feedOf(server.url, {}, { filter: '(&(objectClass=person)(!(moved=gone)))' });
    const start = await begin(feed);
    server.change(`dn: ${dnOf('anna')}\nchangetype: modify\nreplace: moved\nmoved: gone\n\n`);
    const { changes } = await hear(feed, start, ['anna']);
    expect(changes.map(({ legacyId }) => legacyId)).toEqual(['anna']);
  });

  test('does not tell of entries outside its base', async () => {
    const server = await startWith({ database: ['overlay syncprov'] });
    const feed = feedOf(server.url, {}, { id: 'entryUUID' });
    const start = await begin(feed);
    server.change(`dn: ou=groups,${SUFFIX}\nchangetype: modify\nreplace: description\ndescription: x\n\n`);
    expect((await feed.read(start, 10)).changes).toEqual([]);
  });

  test.each(['entryCSN', 'modifyTimestamp'])(
    'goes on after a restart of the server, by %s',
    async (stamp) => {
      const server = await startWith({ database: ['overlay syncprov'] });
      server.change(add('anna'));
      const feed = feedOf(server.url, { stamp });
      const start = await begin(feed);
      server.change(add('bob'));
      await server.restart();
      const { changes } = await hear(feed, start, ['bob']);
      expect(changes.some(({ legacyId }) => legacyId === 'bob')).toBe(true);
    },
  );

  test('says that entries have no such stamp', async () => {
    const server = await startWith({});
    await expect(feedOf(server.url, { stamp: 'uSNChanged' }).read(undefined, 10)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('highestCommittedUSN'),
    });
  });

  test.each(['', '{}', '[]', '{"marks":{"000":5}}', '{"marks":{},"more":1}', 'null'])(
    'refuses %j, which is no position',
    async (position) => {
      const feed = feedOf('ldap://127.0.0.1:1', {});
      await expect(feed.read(position, 10)).rejects.toMatchObject({ code: 'bad_request' });
    },
  );
});
