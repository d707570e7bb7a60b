/** What every feed does, whichever way the store tells of its changes. A new one calls this with a store of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Feed, LegacyChange } from '../../src/legacy/feed.ts';
import type { Heard } from './feed-hearing.ts';
import { begin, hear } from './feed-hearing.ts';

export type { Heard } from './feed-hearing.ts';
export { begin, hear, readPage } from './feed-hearing.ts';

/** There is somebody already, `p0`, who was changed long ago. */
export interface FeedStore {
  /** Another reader of the same store, as after a kill: it knows nothing of the others. The contract closes it. */
  open(): Feed;
  /** A reader of a place where no store answers. */
  absent(): Feed;
  /** Makes people with these ids at once (in one transaction, where there are any). */
  insert(ids: readonly string[]): Promise<void>;
  /** Changes something of theirs, at once; each time to something else. */
  update(ids: readonly string[]): Promise<void>;
  remove(ids: readonly string[]): Promise<void>;
  /** Changes somebody in a transaction that is open until what it returns is called. */
  hold?(id: string): Promise<() => Promise<void>>;
  /** Changes somebody as our own `apply` does. */
  ours?(id: string): Promise<void>;
  drop(): void | Promise<void>;
}

export interface FeedTraits {
  /** Deletions are told. True by default. */
  readonly deletes?: boolean;
  /** Pages may be longer than asked for, as transactions are not cut. */
  readonly wholeTransactions?: boolean;
  /** Ids that the store may have. */
  readonly oddIds?: readonly string[];
  /** How many people are made at once. */
  readonly many?: number;
}

export const ODD_IDS = [
  "o'hara",
  "'; drop table people; --",
  '"; \\',
  '?',
  ':id',
  '$1',
  '%00',
  ' a b ',
  'ü🔐',
  'x'.repeat(200),
];
const kindsOf = (changes: readonly LegacyChange[], id: string) =>
  changes.filter(({ legacyId }) => legacyId === id).map(({ kind }) => kind);
const idsOf = (changes: readonly LegacyChange[]) => [...new Set(changes.map(({ id }) => id))].sort();
/** Where a store tells of seconds only, a change of the running one is marked, and told once more when it is over. */
const isAmong = (known: readonly string[], { id }: LegacyChange) =>
  known.includes(id) || known.includes(id.replace(':', '~:'));

export function feedContract(
  name: string,
  openStore: () => Promise<FeedStore>,
  { deletes = true, wholeTransactions = false, oddIds = [], many = 10_000 }: FeedTraits = {},
): void {
  const testWhere = (is: boolean) => (is ? test : test.skip);
  describe(`the feed of ${name}`, () => {
    let store: FeedStore;
    const opened: Feed[] = [];
    let made = 0;
    /** Somebody new, whom no other test knows. */
    const someone = () => `p${++made}`;
    const people = (count: number) => Array.from({ length: count }, someone);
    const open = (feed: Feed = store.open()) => {
      opened.push(feed);
      return feed;
    };
    beforeAll(async () => {
      store = await openStore();
    });
    afterAll(async () => {
      await Promise.all(opened.map((feed) => feed.close()));
      await store?.drop();
    });

    test('begins now', async () => {
      const feed = open();
      await begin(feed);
      const other = open();
      const start = await begin(other);
      const id = someone();
      await store.insert([id]);
      const { changes } = await hear(other, start, [id]);
      expect(kindsOf(changes, id)).toEqual(['changed']);
      expect(kindsOf(changes, 'p0')).toEqual([]);
    });

    test('tells who was made, changed and deleted', async () => {
      const [id, other] = [someone(), someone()];
      const feed = open();
      const start = await begin(feed);
      await store.insert([id]);
      const inserted = await hear(feed, start, [id]);
      await store.update([id]);
      const updated = await hear(feed, inserted.position, [id]);
      await store.remove([id]);
      await store.insert([other]);
      const removed = await hear(feed, updated.position, deletes ? [id, other] : [other]);
      const fresh = (heard: Heard, ...known: Heard[]) =>
        heard.changes.filter(
          (change) => !known.some(({ changes }) => changes.some((one) => one.id === change.id)),
        );
      expect(kindsOf(fresh(inserted), id)).toEqual(['changed']);
      expect(kindsOf(fresh(updated, inserted), id)).toEqual(['changed']);
      if (deletes) expect(kindsOf(fresh(removed, inserted, updated), id)).toEqual(['deleted']);
    });

    test('says when, as far as the store does', async () => {
      const id = someone();
      const feed = open();
      const start = await begin(feed);
      await store.insert([id]);
      const { changes } = await hear(feed, start, [id]);
      const at = changes.find(({ legacyId }) => legacyId === id)?.at;
      // Wrong by a time zone is an hour at least, nearly everywhere.
      if (at) expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(1_700_000);
    });

    test('tells of nobody twice once it was kept, but under the same id', async () => {
      const [id, later] = [someone(), someone()];
      const feed = open();
      const start = await begin(feed);
      await store.insert([id]);
      const first = await hear(feed, start, [id]);
      await store.insert([later]);
      const again = [
        // What was confirmed the store may forget: who comes second begins at the same place.
        ...(await hear(feed, first.position, [later], { keeps: false })).changes,
        ...(await hear(open(), first.position, [])).changes,
      ];
      const known = idsOf(first.changes);
      expect(again.filter((one) => one.legacyId === id && !isAmong(known, one))).toEqual([]);
    });

    test('tells all of it again under the same ids to who was killed before keeping it', async () => {
      const ids = people(7);
      const start = await begin(open());
      await store.insert(ids);
      await store.update(ids.slice(0, 2));
      const killed = open();
      const first = await hear(killed, start, ids, { limit: 3, keeps: false });
      await killed.close();
      const second = await hear(open(), start, ids, { limit: 100, keeps: false });
      const ofThese = ({ changes }: Heard) => idsOf(changes.filter(({ legacyId }) => ids.includes(legacyId)));
      expect(ofThese(second)).toEqual(ofThese(first));
    });

    test('goes on after what was kept, though it was never confirmed', async () => {
      const [first, second, third] = [people(3), people(3), people(3)];
      const start = await begin(open());
      await store.insert(first);
      const one = await hear(open(), start, first, { keeps: false });
      await store.insert(second);
      const next = open();
      const two = await hear(next, one.position, second, { keeps: false });
      await next.confirm(two.position);
      await next.confirm(two.position);
      await next.confirm(one.position);
      await store.insert(third);
      const three = await hear(open(), two.position, third);
      const known = [one, two].flatMap(({ changes }) => idsOf(changes));
      const repeated = three.changes.filter(({ legacyId }) => !third.includes(legacyId));
      expect(repeated.filter((one) => !isAmong(known, one))).toEqual([]);
    });

    test('goes on after it was closed', async () => {
      const id = someone();
      const feed = open();
      const start = await begin(feed);
      await feed.close();
      await store.insert([id]);
      expect(kindsOf((await hear(feed, start, [id])).changes, id)).toEqual(['changed']);
    });

    test('loses nobody whose change was made first and committed last', async (context) => {
      if (!store.hold) return context.skip();
      const [slow, ...quick] = people(7) as [string, ...string[]];
      await store.insert([slow, ...quick]);
      const feed = open();
      const start = await begin(feed);
      await store.update(quick.slice(0, 3));
      const commit = await store.hold(slow);
      await store.update(quick.slice(3));
      const before = await hear(feed, start, quick);
      await commit();
      const after = await hear(feed, before.position, [slow]);
      const known = idsOf(before.changes);
      expect(after.changes.some(({ legacyId, id }) => legacyId === slow && !known.includes(id))).toBe(true);
    });

    test('comes in pages of one', async () => {
      const ids = people(5);
      const feed = open();
      const start = await begin(feed);
      for (const id of ids) await store.insert([id]);
      const { changes, pages } = await hear(feed, start, ids, { limit: 1 });
      for (const page of pages) expect(page.changes.length).toBeLessThanOrEqual(1);
      expect(ids.every((id) => kindsOf(changes, id).length > 0)).toBe(true);
    });

    test('marks what we have written', async (context) => {
      if (!store.ours) return context.skip();
      const [ours, theirs] = people(2) as [string, string];
      await store.insert([ours, theirs]);
      const feed = open();
      const start = await begin(feed);
      await store.ours(ours);
      await store.update([theirs]);
      const { changes } = await hear(feed, start, [ours, theirs]);
      const told = changes.filter(({ legacyId }) => [ours, theirs].includes(legacyId));
      const marked = told.filter(({ isOurs }) => isOurs).map(({ legacyId }) => legacyId);
      expect([...new Set(marked)]).toEqual([ours]);
      expect(kindsOf(told, theirs)).toContain('changed');
    });

    testWhere(oddIds.length > 0)('gives odd ids as they are', async () => {
      const feed = open();
      const start = await begin(feed);
      await store.insert(oddIds);
      const { changes } = await hear(feed, start, oddIds);
      expect([...new Set(changes.map(({ legacyId }) => legacyId))]).toEqual(
        expect.arrayContaining([...oddIds]),
      );
    });

    test('tells of many at once in pages, each of them', async () => {
      const ids = people(many);
      const feed = open();
      const start = await begin(feed);
      await store.insert(ids);
      const { changes, pages } = await hear(feed, start, ids, { limit: 500 });
      if (!wholeTransactions) for (const page of pages) expect(page.changes.length).toBeLessThanOrEqual(500);
      const heard = new Set(changes.map(({ legacyId }) => legacyId));
      expect(ids.filter((id) => !heard.has(id))).toEqual([]);
      expect(idsOf(changes).length).toBeGreaterThanOrEqual(many);
    });

    test('begins now, however much there is already', async () => {
      const [old, id] = [people(many), someone()];
      await begin(open());
      await store.insert(old);
      await store.update(['p0']);
      const feed = open();
      const start = await begin(feed);
      await store.insert([id]);
      const { changes } = await hear(feed, start, [id]);
      // What was changed a moment before may be told of as well, where a store knows no finer time.
      if (deletes) expect(changes.length).toBeLessThan(10);
    });

    test('says how far behind it is, and no longer once all was read', async () => {
      const ids = people(3);
      const feed = open();
      const start = await begin(feed);
      await store.insert(ids);
      const behind = await feed.lag(start);
      for (const number of [behind.changes, behind.bytes, behind.seconds])
        expect(number ?? 0).toBeGreaterThanOrEqual(0);
      if (behind.changes !== undefined) expect(behind.changes).toBeGreaterThanOrEqual(ids.length);
      const { position } = await hear(feed, start, ids);
      const { changes, problem } = await feed.lag(position);
      expect([changes ?? 0, problem]).toEqual([0, undefined]);
    });

    test('tells an outage from having nothing to tell', async () => {
      const feed = open(store.absent());
      await expect(feed.read(undefined, 10)).rejects.toMatchObject({ code: 'legacy_unavailable' });
      await expect(feed.lag(undefined)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    });
  });
}
