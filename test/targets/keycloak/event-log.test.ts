/** Two lists that grow, shrink and know many events of one moment, read as one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeycloakApi } from '../../../src/targets/keycloak/api.ts';
import { replayOf } from '../../../src/targets/keycloak/event-log.ts';
import type { TargetEvent } from '../../../src/targets/webhook.ts';

interface Stored {
  readonly id: string;
  readonly time: number;
}

const ON = { eventsEnabled: true, adminEventsEnabled: true, enabledEventTypes: [] };

/** As a realm has them; of one moment in any order, as its database gives them. */
function realmOf(
  users: readonly number[] = [],
  admins: readonly number[] = [],
  shuffle: (at: number) => number = () => 0,
) {
  const named = (kind: string, times: readonly number[]) =>
    times.map((time, n): Stored => ({ id: `${kind}-${n}`, time }));
  const realm = { users: named('user', users), admins: named('admin', admins) };
  let answers = 0;
  const call = async (_method: string, path: string) => {
    answers += 1;
    const url = new URL(path, 'http://realm');
    if (url.pathname === '/events/config') return { document: ON, madeId: undefined };
    const [from, max] = ['dateFrom', 'max'].map((name) => Number(url.searchParams.get(name)));
    const isUsers = url.pathname === '/events';
    const all = (isUsers ? realm.users : realm.admins)
      .filter(({ time }) => time >= from!)
      .map((one, at) => ({ one, key: shuffle(at + answers) }))
      .sort((a, b) => a.one.time - b.one.time || a.key - b.key)
      .slice(0, max)
      .map(({ one }) => (isUsers ? userEvent(one) : adminEvent(one)));
    return { document: all, madeId: undefined };
  };
  return { ...realm, api: { call } as unknown as KeycloakApi };
}
type Realm = ReturnType<typeof realmOf>;
const count = (many: number, timeOf: (n: number) => number) =>
  Array.from({ length: many }, (_none, n) => timeOf(n));
const userEvent = (one: Stored) => ({ ...one, type: 'UPDATE_PROFILE', userId: `u-${one.id}` });
const adminEvent = (one: Stored) => ({
  ...one,
  operationType: 'UPDATE',
  resourceType: 'USER',
  resourcePath: `users/u-${one.id}`,
});
const idsOf = (events: readonly TargetEvent[]) => events.map(({ id }) => id);
const isSorted = (events: readonly TargetEvent[]) =>
  events.every(({ at }, n) => n === 0 || at >= events[n - 1]!.at);

async function readAll(realm: Realm, since: Date, afterEach: (page: number) => void = () => undefined) {
  const replay = replayOf(realm.api);
  const all: TargetEvent[] = [];
  for (let page = 1; page < 1_000; page += 1) {
    const { events, isLast } = await replay(since, page);
    all.push(...events);
    if (isLast) return all;
    afterEach(page);
  }
  return expect.unreachable();
}

const moments = (max: number) => fc.array(fc.integer({ min: 1_000, max: 1_040 }), { maxLength: max });

describe('events', () => {
  test('come all, once and by time, however many are of one moment, and in whatever order they are listed', async () => {
    await fc.assert(
      fc.asyncProperty(
        moments(700),
        moments(700),
        fc.infiniteStream(fc.nat()),
        async (users, admins, keys) => {
          const order = [...keys.take(97)];
          const realm = realmOf(users, admins, (at) => order[at % order.length]!);
          const all = await readAll(realm, new Date(1_010));
          const expected = [...realm.users, ...realm.admins].filter(({ time }) => time >= 1_010);
          expect(idsOf(all).sort()).toEqual(expected.map(({ id }) => id).sort());
          expect(isSorted(all)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('that stay are not lost when the oldest are deleted and new ones come between two pages', async () => {
    const realm = realmOf(
      count(900, (n) => 1_000 + n),
      count(300, (n) => 1_000 + 5 * n),
    );
    const all = await readAll(realm, new Date(0), (page) => {
      realm.users.splice(0, 100);
      realm.users.push({ id: `new-${page}`, time: 5_000 + page });
    });
    expect(isSorted(all)).toBe(true);
    expect(idsOf(all).filter((id) => id.startsWith('user-'))).toHaveLength(900);
    expect(idsOf(all).filter((id) => id.startsWith('admin-'))).toHaveLength(300);
  });

  test('can be begun again at the newest that a page had, and none before it is missed', async () => {
    await fc.assert(
      fc.asyncProperty(moments(600), moments(600), async (users, admins) => {
        const realm = realmOf(users, admins);
        const first = await replayOf(realm.api)(new Date(0), 1);
        const newest = first.events.at(-1)?.at ?? new Date(0);
        const rest = await readAll(realm, newest);
        const seen = new Set([...idsOf(first.events), ...idsOf(rest)]);
        expect(seen.size).toBe(users.length + admins.length);
      }),
      { numRuns: 40 },
    );
  });

  test('of thousands in one moment do not keep it from the later ones', async () => {
    const realm = realmOf(count(5_000, () => 1_000));
    realm.users.push({ id: 'later', time: 1_001 });
    const all = idsOf(await readAll(realm, new Date(0)));
    expect(all.length).toBeGreaterThan(2_000);
    expect(all).toContain('later');
    expect(new Set(all).size).toBe(all.length);
  });

  test('that nobody can read are passed over', async () => {
    const realm = realmOf();
    realm.users.push({ id: 'good', time: 1 }, { id: '', time: 2 }, { id: 'also good', time: 3 });
    const { api } = realm;
    const spoiled = {
      call: async (method: 'GET', path: string) => {
        const answer = await api.call<object[]>(method, path);
        const document = Array.isArray(answer.document)
          ? answer.document.map((one) => ('id' in one && one.id === '' ? { time: 2, type: 7 } : one))
          : answer.document;
        return { ...answer, document };
      },
    } as KeycloakApi;
    const { events, isLast } = await replayOf(spoiled)(new Date(0), 1);
    expect([idsOf(events), isLast]).toEqual([['good', 'also good'], true]);
  });

  test.each([
    ['no list', { error: 'x' }],
    ['nothing', undefined],
    ['something without a time', [{ id: 'a', type: 'UPDATE_PROFILE', userId: 'u' }]],
  ])('that are answered with %s are refused', async (_what, document) => {
    const realm = realmOf();
    const call = async (method: 'GET', path: string) =>
      path.startsWith('/events/config') ? realm.api.call(method, path) : { document, madeId: undefined };
    const replay = replayOf({ call } as unknown as KeycloakApi);
    await expect(replay(new Date(0), 1)).rejects.toMatchObject({ status: 200 });
  });

  test('from the newest on, are refused', async () => {
    const document = [userEvent({ id: 'b', time: 2 }), userEvent({ id: 'a', time: 1 })];
    const realm = realmOf();
    const call = async (method: 'GET', path: string) =>
      path.startsWith('/events/config') ? realm.api.call(method, path) : { document, madeId: undefined };
    await expect(replayOf({ call } as unknown as KeycloakApi)(new Date(0), 1)).rejects.toMatchObject({
      code: 'target_refused',
    });
  });
});
