/** People with live sessions, looked up in the legacy store: what ends, and what must not. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import { sweep } from '../../src/migration/sweeper.ts';
import type { EndingRequest, Endings } from '../../src/sessions/ending/ending.ts';
import type { KnownPerson, PeopleWatch, PeopleWatchOptions } from '../../src/sessions/people-watch.ts';
import { openPeopleWatch, SWEEP_WATCHED, watchedPerson } from '../../src/sessions/people-watch.ts';
import { Secret } from '../../src/settings.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { LegacyEntry, UserState } from '../../src/user.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

const masterKey = () => new Secret(randomBytes(32).toString('base64'));
const [OLD_KEY, NEW_KEY] = [masterKey(), masterKey()];

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
  await execute(database.url, 'create table test_endings (sub text, cause text)');
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);

interface Record {
  readonly state?: UserState;
  readonly columns?: readonly object[];
}

/** The legacy store, and who was asked for. */
let people: Map<string, Record>;
let asked: string[];
let outages: Set<string>;
let errors: unknown[];
let changes: string[];
beforeEach(async () => {
  people = new Map();
  asked = [];
  outages = new Set();
  errors = [];
  changes = [];
  await sql('delete from watched_people');
  await sql('delete from test_endings');
});

function entryOf(sub: string, { state = 'active', columns = [{ hash: 'a' }] }: Record): LegacyEntry {
  return {
    user: {
      sub,
      legacyId: sub.slice(5),
      emailVerified: false,
      phoneNumberVerified: false,
      state,
      roles: [],
      attributes: {},
    },
    credentials: {
      passwords: columns.map((each) => ({ format: 'auto', columns: each as { [name: string]: unknown } })),
    },
  };
}

/** As a login does: what is known is read with the limits of the try. */
async function proved(watch: PeopleWatch, entry: LegacyEntry): Promise<void> {
  const [known] = await db.runParts<KnownPerson>(
    [watch.knownPart(entry.user.sub)],
    'select * from watched_now',
  );
  await watch.proved(entry, known);
}

const directory = {
  findBySub: async (sub: string) => {
    asked.push(sub);
    if (outages.has(sub)) throw new FootbridgeError('legacy_unavailable');
    const found = people.get(sub);
    return found && entryOf(sub, found);
  },
};

/** Writes down what is to end, in the statement of the watch. */
const endings: Pick<Endings, 'parts'> = {
  parts: ({ selection, cause, ...more }: EndingRequest) => {
    if (selection.by !== 'person') throw new Error('only people are watched');
    expect(more).toEqual({ actor: 'footbridge', everything: true });
    return {
      id: 'x',
      parts: [
        {
          name: 'noted_by_test',
          text: 'insert into test_endings (sub, cause) values ($1::text, $2::text)',
          values: [selection.sub, cause],
        },
      ],
      afterCommit: () => changes.push(`committed ${selection.sub}`),
    };
  },
};

function open(more: Partial<PeopleWatchOptions> & { keys?: readonly Secret[] } = {}) {
  const { keys = [OLD_KEY], ...rest } = more;
  let now = 0;
  const watch = openPeopleWatch({
    db,
    keyring: openKeyring(keys),
    directory,
    endings,
    watchSeconds: 60,
    watchPerSecond: 50,
    onError: (error) => errors.push(error),
    onChanged: (cause) => changes.push(cause),
    elapsed: () => now,
    ...rest,
  });
  const round = (seconds = 1) => {
    now += seconds * 1_000;
    return watch.round();
  };
  return { ...watch, round };
}
type Watch = ReturnType<typeof open>;

const LATER = () => Date.now() / 1_000 + 3_600;
const logIn = (watch: Watch, sub: string, mark?: Buffer) =>
  db.runParts([watch.watchPart(sub, LATER(), mark)], 'select 1');
const minutesPass = (minutes = 2) =>
  sql('update watched_people set checked_at = checked_at - make_interval(mins => $1)', [minutes]);
const ended = () => sql('select sub, cause from test_endings order by sub');
const rows = () => sql('select sub, mark from watched_people order by sub');

/** Somebody who has logged in and was looked at once. */
async function watched(watch: Watch, sub: string, record: Record = {}) {
  people.set(sub, record);
  await logIn(watch, sub);
  await look(watch);
  return sub;
}

async function look(watch: Watch) {
  await minutesPass();
  await watch.round();
}

describe('what ends', () => {
  test.each<[string, Record | undefined, string]>([
    ['is deactivated', { state: 'disabled' }, 'deactivated'],
    ['has a new password', { columns: [{ hash: 'b' }] }, 'password-changed'],
    ['has no password any more', { columns: [] }, 'password-changed'],
  ])('everything of somebody who %s', async (_, record, cause) => {
    const watch = open();
    const sub = await watched(watch, 'shop:1');
    await watched(watch, 'shop:2');
    if (record) people.set(sub, record);
    await look(watch);
    expect(await ended()).toEqual([{ sub, cause }]);
    expect(changes).toEqual([`committed ${sub}`, cause]);
    // Once: whoever has nothing any more is not looked at again.
    await look(watch);
    expect(await ended()).toHaveLength(1);
    expect((await rows()).map((row) => row.sub)).toEqual(['shop:2']);
  });

  test('everything of somebody who is gone at two looks, and nothing at the first', async () => {
    const watch = open();
    const sub = await watched(watch, 'shop:1');
    people.delete(sub);
    await look(watch);
    expect(await ended()).toEqual([]);
    await look(watch);
    expect(await ended()).toEqual([{ sub, cause: 'removed' }]);
  });

  test('nothing of whoever is there again, unless with another password', async () => {
    const watch = open();
    const [same, other] = [await watched(watch, 'shop:1'), await watched(watch, 'shop:2')];
    people.clear();
    await look(watch);
    people.set(same, {}).set(other, { columns: [{ hash: 'b' }] });
    await look(watch);
    expect(await ended()).toEqual([{ sub: other, cause: 'password-changed' }]);
    people.delete(same);
    await look(watch);
    expect(await ended()).toHaveLength(1);
  });

  test('nothing when nothing has changed, whatever order and type the columns come in', async () => {
    const watch = open();
    const at = new Date(0);
    await watched(watch, 'shop:1', {
      columns: [
        { hash: 'x', salt: 'y' },
        { hash: 'z', at, n: 1n, none: null },
      ],
    });
    people.set('shop:1', {
      columns: [
        { none: undefined, n: 1, at: new Date(0), hash: Buffer.from('z') },
        { salt: Buffer.from('y'), hash: 'x' },
      ],
    });
    await look(watch);
    expect(await ended()).toEqual([]);
  });

  test('nothing for a new password where the store shows none', async () => {
    const watch = open();
    const sub = await watched(watch, 'shop:1', { columns: [] });
    await look(watch);
    expect(await ended()).toEqual([]);
    people.set(sub, { columns: [], state: 'disabled' });
    await look(watch);
    expect(await ended()).toEqual([{ sub, cause: 'deactivated' }]);
  });

  test('nothing for a new password where passwords are not watched, and it counts as known from then on', async () => {
    const lenient = open({ watchPasswords: false });
    const sub = await watched(lenient, 'shop:1');
    people.set(sub, { columns: [{ hash: 'b' }] });
    await look(lenient);
    await proved(lenient, entryOf(sub, { columns: [{ hash: 'c' }] }));
    await look(open());
    expect(await ended()).toEqual([]);
    people.set(sub, { columns: [{ hash: 'c' }] });
    await look(open());
    expect(await ended()).toEqual([{ sub, cause: 'password-changed' }]);
  });
});

describe('an outage', () => {
  test('ends nothing, is told once, and they are looked at a minute later', async () => {
    const watch = open({ watchSeconds: 3_600 });
    for (const sub of ['shop:1', 'shop:2', 'shop:3']) await logIn(watch, sub);
    people.set('shop:3', {});
    outages.add('shop:1').add('shop:2');
    await minutesPass(61);
    await watch.round();
    expect(await ended()).toEqual([]);
    expect(errors).toMatchObject([{ code: 'legacy_unavailable' }]);
    asked = [];
    outages.clear();
    people.set('shop:1', { state: 'disabled' }).set('shop:2', {});
    await watch.round();
    expect(asked).toEqual([]);
    await minutesPass(2);
    await watch.round();
    expect(asked.sort()).toEqual(['shop:1', 'shop:2']);
    expect(await ended()).toEqual([{ sub: 'shop:1', cause: 'deactivated' }]);
  });

  test('of our own database is thrown by a round and never by a login', async () => {
    const url = new URL(database.url);
    url.pathname = '/nowhere';
    const down = openDb({ url: url.href });
    const watch = open({ db: down });
    await expect(watch.round()).rejects.toThrow();
    const mark = watch.markOf(entryOf('shop:1', { columns: [{ hash: 'b' }] }))!.toString('hex');
    await watch.proved(entryOf('shop:1', {}), { mark, version: '1' });
    expect(errors).toHaveLength(1);
    await down.close();
  });

  test('while something is to end leaves the person to be looked at again', async () => {
    const watch = open();
    const sub = await watched(watch, 'shop:1');
    people.set(sub, { state: 'disabled' });
    const broken = open({
      endings: {
        parts: () => ({
          id: 'x',
          parts: [{ name: 'broken', text: 'insert into test_endings select 1/0', values: [] }],
          afterCommit: () => changes.push('never'),
        }),
      },
    });
    await look(broken);
    expect([errors.length, changes]).toEqual([1, []]);
    await look(watch);
    expect(await ended()).toEqual([{ sub, cause: 'deactivated' }]);
  });
});

describe('keys and settings', () => {
  test('a new master key looks like nobody’s new password, before and after the old one is gone', async () => {
    const sub = await watched(open(), 'shop:1');
    await look(open({ keys: [NEW_KEY, OLD_KEY] }));
    await look(open({ keys: [NEW_KEY] }));
    expect(await ended()).toEqual([]);
    people.set(sub, { columns: [{ hash: 'b' }] });
    await look(open({ keys: [NEW_KEY] }));
    expect(await ended()).toEqual([{ sub, cause: 'password-changed' }]);
  });

  test('a master key replaced at a blow is like a first look', async () => {
    const sub = await watched(open(), 'shop:1');
    await look(open({ keys: [NEW_KEY] }));
    expect(await ended()).toEqual([]);
    people.set(sub, { columns: [{ hash: 'b' }] });
    await look(open({ keys: [NEW_KEY] }));
    expect(await ended()).toHaveLength(1);
  });

  test('a changed mapping is like a first look', async () => {
    const sub = await watched(open({ readAs: 'column a' }), 'shop:1');
    people.set(sub, { columns: [{ other: 'b' }] });
    await look(open({ readAs: 'column b' }));
    expect(await ended()).toEqual([]);
    people.set(sub, { columns: [{ other: 'c' }] });
    await look(open({ readAs: 'column b' }));
    expect(await ended()).toHaveLength(1);
  });

  test('with watchSeconds 0 nobody is watched', async () => {
    const watch = open({ watchSeconds: 0 });
    await logIn(watch, 'shop:1');
    await watch.round();
    expect([await rows(), asked]).toEqual([[], []]);
  });
});

describe('a login', () => {
  test('brings its own mark where there is none, and hides no change where there is one', async () => {
    const watch = open();
    const [fresh, known] = ['shop:1', await watched(watch, 'shop:2')];
    const changed = { columns: [{ hash: 'b' }] };
    await logIn(watch, fresh, watch.markOf(entryOf(fresh, {})));
    await logIn(watch, known, watch.markOf(entryOf(known, changed)));
    people.set(fresh, changed).set(known, changed);
    await look(watch);
    expect(await ended()).toEqual([
      { sub: fresh, cause: 'password-changed' },
      { sub: known, cause: 'password-changed' },
    ]);
  });

  test('with a new password ends what was there before, and not itself', async () => {
    const watch = open();
    const sub = await watched(watch, 'shop:1');
    const changed = { columns: [{ hash: 'b' }] };
    people.set(sub, changed);
    await proved(watch, entryOf(sub, changed));
    expect(await ended()).toEqual([{ sub, cause: 'password-changed' }]);
    await logIn(watch, sub, watch.markOf(entryOf(sub, changed)));
    await look(watch);
    expect(await ended()).toHaveLength(1);
  });

  test('with the same password ends nothing', async () => {
    const watch = open();
    const sub = await watched(watch, 'shop:1');
    await proved(watch, entryOf(sub, {}));
    await proved(watch, entryOf('shop:new', {}));
    expect(await ended()).toEqual([]);
  });

  test('while a round is looking is not ended by it', async () => {
    const sub = await watched(open(), 'shop:1');
    const changed = { columns: [{ hash: 'b' }] };
    people.set(sub, changed);
    const other = open();
    const watch = open({
      directory: {
        findBySub: async (wanted) => {
          await proved(other, entryOf(sub, changed));
          await logIn(other, sub, other.markOf(entryOf(sub, changed)));
          return directory.findBySub(wanted);
        },
      },
    });
    await look(watch);
    expect(await ended()).toHaveLength(1);
    await look(other);
    expect(await ended()).toHaveLength(1);
  });

  test('prolongs the watch and never shortens it; after a pause it begins anew', async () => {
    const watch = open();
    const sub = await watched(watch, 'shop:1');
    await db.runParts([watch.watchPart(sub, Date.now() / 1_000 + 60)], 'select 1');
    const left = (await watchedPerson(db, sub))?.liveUntil.getTime() ?? 0;
    expect(left - Date.now()).toBeGreaterThan(3_000_000);
    await sql(`update watched_people set live_until = now() - interval '1 second'`);
    people.set(sub, { columns: [{ hash: 'b' }] });
    await look(watch);
    expect(await ended()).toEqual([]);
    await logIn(watch, sub);
    await look(watch);
    expect(await ended()).toEqual([]);
    expect(await watchedPerson(db, sub)).toMatchObject({ isMarked: true });
  });
});

describe('many people', () => {
  async function crowd(size: number) {
    for (let i = 0; i < size; i += 1) people.set(`shop:${i}`, {});
    await sql(
      `insert into watched_people (sub, live_until, checked_at)
       select 'shop:' || i, now() + interval '1 hour', now() - interval '2 minutes' from generate_series(0, $1::int - 1) i`,
      [size],
    );
  }

  test('a thousand are looked up at the rate, each once, whatever the time between rounds', async () => {
    await crowd(1_000);
    const watch = open({ watchPerSecond: 100 });
    await watch.round(0);
    expect(asked).toHaveLength(100);
    await watch.round(0.5);
    expect(asked).toHaveLength(150);
    await watch.round(0.001);
    expect(asked).toHaveLength(150);
    // A node that was held up for long does not make up for it.
    await watch.round(3_600);
    expect(asked).toHaveLength(650);
    for (let i = 0; i < 4; i += 1) await watch.round(1);
    expect(asked).toHaveLength(1_000);
    expect(new Set(asked).size).toBe(1_000);
    expect(await ended()).toEqual([]);
  });

  test('two nodes share the work: nobody is looked up twice, and each change ends once', async () => {
    await crowd(300);
    const second = openDb({ url: database.url });
    const nodes = [open(), open({ db: second })];
    for (let i = 0; i < 3; i += 1) await Promise.all(nodes.map((node) => node.round(i === 0 ? 0 : 1)));
    expect([asked.length, new Set(asked).size]).toEqual([300, 300]);
    for (let i = 0; i < 300; i += 10) people.set(`shop:${i}`, { columns: [{ hash: 'new' }] });
    await minutesPass();
    for (let i = 0; i < 4; i += 1) await Promise.all(nodes.map((node) => node.round(1)));
    const all = await ended();
    expect([all.length, new Set(all.map(({ sub }) => sub)).size]).toEqual([30, 30]);
    await second.close();
  });

  test('a sweep forgets who has nothing live any more', async () => {
    await crowd(2_500);
    await sql(`update watched_people set live_until = now() - interval '1 second' where sub <> 'shop:7'`);
    expect(await sweep(db, SWEEP_WATCHED)).toBe(2_499);
    expect((await rows()).map(({ sub }) => sub)).toEqual(['shop:7']);
  });
});
