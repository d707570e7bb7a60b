/** What triggers write into the outbox, on every engine that has them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { begin, hear } from './feed-contract.ts';
import type { FeedDatabase, Opened } from './sql-feeds.ts';
import { act, openStore, peopleTable } from './sql-feeds.ts';

const OUTBOX = {
  by: 'outbox',
  columns: ['email'],
  tables: [{ table: 'person_roles', user: 'person' }],
};
const WORDS = {
  postgresql: {
    number: 'int generated always as identity primary key',
    last: 'lastval()',
    replace: `insert into people (id, email) values ('c', 'again') on conflict (id) do update set email = excluded.email`,
    replaced: ['c changed'],
    triggers: 2,
  },
  mysql: {
    number: 'int auto_increment primary key',
    last: 'last_insert_id()',
    replace: `replace into people (id, email) values ('c', 'again')`,
    replaced: ['c changed', 'c deleted'],
    triggers: 6,
  },
  sqlite: {
    number: 'integer primary key autoincrement',
    last: 'last_insert_rowid()',
    // Deleting what is replaced sets off no trigger there.
    replace: `replace into people (id, email) values ('c', 'again')`,
    replaced: ['c changed'],
    triggers: 6,
  },
};

export function outboxContract(name: string, openDatabase: () => Promise<FeedDatabase>): void {
  describe(`the triggers of ${name}`, () => {
    let store: FeedDatabase;
    let opened: Opened;
    let position: string;
    beforeAll(async () => {
      store = await openDatabase();
      await act(
        store,
        peopleTable(store),
        `create table person_roles (number ${WORDS[store.engine].number}, person varchar(255), name varchar(50))`,
        "insert into people (id, email) values ('a', 'Anna'), ('b', null), ('c', 'c')",
      );
      opened = openStore(store, store.place, OUTBOX);
      await opened.setup?.install();
      position = await begin(opened.feed);
    });
    afterAll(async () => {
      await opened?.close();
      await store?.drop();
    });

    /** Who is told of after these statements, and how. */
    const told = async (...statements: string[]) => {
      const marker = ["insert into people (id) values ('marker')", "delete from people where id = 'marker'"];
      await act(store, ...statements, ...marker);
      const heard = await hear(opened.feed, position, ['marker']);
      ({ position } = heard);
      const others = heard.changes.filter(({ legacyId }) => legacyId !== 'marker');
      return others.map(({ legacyId, kind }) => `${legacyId} ${kind}`).sort();
    };

    test.each([
      ["update people set name = 'other' where id = 'a'", []],
      ["update people set email = 'Anna' where id = 'a'", []],
      ["update people set email = 'anna' where id = 'a'", ['a changed']],
      ["update people set email = 'anna ' where id = 'a'", ['a changed']],
      ["update people set email = 'new' where id = 'b'", ['b changed']],
      ["update people set email = null where id = 'b'", ['b changed']],
      ["update people set email = null where id = 'b'", []],
      ["update people set id = 'B' where id = 'b'", ['B changed', 'b deleted']],
      ["update people set email = 'all'", ['B changed', 'a changed', 'c changed']],
      ["update people set email = 'nobody' where id = 'nobody'", []],
      ["insert into person_roles (person, name) values ('a', 'editor'), (null, 'nobody’s')", ['a changed']],
      ["update person_roles set person = 'c' where person = 'a'", ['a changed', 'c changed']],
      ["delete from person_roles where person = 'c'", ['c changed']],
    ] as const)('%s', async (statement, expected) => {
      expect(await told(statement)).toEqual(expected);
    });

    test('tell of a row that takes another’s place', async () => {
      const { replace, replaced } = WORDS[store.engine];
      expect(await told(replace)).toEqual(replaced);
    });

    test('tell of everybody who is deleted at once', async () => {
      expect(await told('delete from people')).toEqual(['B deleted', 'a deleted', 'c deleted']);
    });

    test('tell nothing of what was rolled back', async () => {
      const begins = store.engine === 'mysql' ? 'start transaction' : 'begin';
      const id = "insert into people (id) values ('never')";
      expect(await told(begins, id, 'rollback')).toEqual([]);
      const half = [id, 'savepoint half', "insert into people (id) values ('half')", 'rollback to half'];
      const whole = [...half, "insert into people (id) values ('whole')", 'commit'];
      expect(await told(begins, ...whole)).toEqual(['never changed', 'whole changed']);
    });

    test('lose nobody of many who write at once, to a reader that is killed again and again', async (context) => {
      if (store.engine === 'sqlite') return context.skip();
      const begins = store.engine === 'mysql' ? 'start transaction' : 'begin';
      const kept = new Set<string>();
      const write = async (writer: number) => {
        const session = await store.session();
        for (let turn = 0; turn < 30; turn += 1) {
          const [one, two] = [`w${writer}-${turn}`, `w${writer}-${turn}-too`];
          await session.run(begins);
          await session.run('insert into people (id, email) values (?, ?)', [one, 'x']);
          await session.run('insert into people (id, email) values (?, ?)', [two, 'x']);
          const isKept = turn % 4 !== 0;
          await session.run(isKept ? 'commit' : 'rollback');
          if (isKept) kept.add(one).add(two);
        }
        await session.end();
      };
      let isOver = false;
      const writing = Promise.all([1, 2, 3, 4].map(write)).finally(() => {
        isOver = true;
      });
      const heard = new Map<string, string>();
      for (let turn = 0; ; turn += 1) {
        const wasOver = isOver;
        const page = await opened.feed.read(position, 7);
        // Killed before it was kept, and after.
        if (turn % 3 === 0) await opened.feed.close();
        else {
          for (const { id, legacyId } of page.changes) heard.set(id, legacyId);
          ({ position } = page);
          if (turn % 3 === 1) await opened.feed.confirm(position);
          else await opened.feed.close();
        }
        if (wasOver && page.changes.length === 0 && turn % 3 !== 0) break;
      }
      await writing;
      expect([...heard.values()].sort()).toEqual([...kept].sort());
      await told('delete from people');
    });

    test('leave alone the last number that the app’s own row was given', async () => {
      const rows = await act(
        store,
        "insert into person_roles (person, name) values ('z', 'first')",
        "insert into person_roles (person, name) values ('z', 'second')",
        `select ${WORDS[store.engine].last} as last, max(number) as highest from person_roles`,
      );
      expect(String(rows[0]?.last)).toBe(String(rows[0]?.highest));
      expect(await told()).toEqual(['z changed', 'z changed']);
    });

    test('are made once, checked, made anew for other settings, and taken away', async () => {
      await opened.setup?.install();
      expect(await told()).toEqual([]);
      expect(await opened.setup?.check()).toEqual([]);
      const other = openStore(store, store.place, { ...OUTBOX, columns: ['email', 'name'] });
      expect((await other.setup?.check())?.every((problem) => problem.includes('people'))).toBe(true);
      expect(await other.setup?.check()).toHaveLength(WORDS[store.engine].triggers / 2);
      await other.setup?.install();
      // Something may have happened between the old triggers and the new ones.
      await expect(other.feed.read(position, 10)).rejects.toMatchObject({ code: 'feed_lost' });
      position = await begin(other.feed);
      expect(await other.setup?.check()).toEqual([]);
      await other.setup?.remove();
      await other.setup?.remove();
      expect(await other.setup?.check()).toHaveLength(WORDS[store.engine].triggers + 2);
      await act(store, "insert into people (id) values ('unheard')");
      await expect(other.feed.read(position, 10)).rejects.toMatchObject({
        code: 'config_invalid',
        detail: expect.stringContaining('sync install'),
      });
      await other.close();
    });
  });
}
