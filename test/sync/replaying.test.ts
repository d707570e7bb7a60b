/** Events that webhooks lost are read again. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putEvents } from '../../src/sync/inbox.ts';
import { openReplaying } from '../../src/sync/replaying.ts';
import type { Place } from './organizations/place.ts';
import { membershipsEvent, openPlace, TARGET } from './organizations/place.ts';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.close());
beforeEach(async () => {
  await place.clear();
  place.hub.kept = [];
});

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const keep = (id: string, at = minutesAgo(1), organization = 'acme') =>
  place.hub.kept?.push(membershipsEvent(id, organization, at));
/** A node; `later` moves its clock. */
function open() {
  let now = 0;
  const { db, targets, errors } = place;
  const replaying = openReplaying({
    db,
    targets,
    onError: (error) => errors.push(error),
    elapsed: () => now,
  });
  return {
    round: (laterMs = 0) => {
      now += laterMs;
      return replaying.round();
    },
  };
}
const ids = async () => (await place.sql('select id from target_events order by id')).map(({ id }) => id);
const aQuarterPasses = () => place.sql(`update target_replays set read_at = read_at - interval '16 minutes'`);

describe('events that a target has kept', () => {
  test('are read when a node starts, to the last page', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) keep(id);
    await open().round();
    expect(await ids()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(place.hub.replays.map(({ page }) => page)).toEqual([1, 2, 3]);
  });

  test('count once with those that came by webhook', async () => {
    await place.link('shop:7', 'acme');
    place.hub.truth.set('acme', new Map());
    keep('a');
    await putEvents(place.db, TARGET, [membershipsEvent('a', 'acme')]);
    await place.node().round();
    const { reads } = place.hub;
    await place.node().round();
    expect(await ids()).toEqual(['a']);
    expect(place.hub.reads).toBe(reads);
  });

  test('lead to what a webhook would have led to', async () => {
    await place.link('shop:7', 'acme');
    place.hub.truth.set('acme', new Map());
    const node = place.node();
    await node.round();
    place.hub.truth.set('acme', new Map([['ann', ['x']]]));
    keep('lost');
    await aQuarterPasses();
    await place.node().round();
    await node.round();
    expect(await place.members('shop:7')).toEqual({ ann: ['x'] });
  });

  test('are not read again before a quarter of an hour has passed', async () => {
    const node = open();
    await node.round();
    await node.round(60_000);
    expect(place.hub.replays).toHaveLength(1);
    await aQuarterPasses();
    await node.round(60_000);
    expect(place.hub.replays).toHaveLength(2);
  });

  test('are read from an hour before the last reading on', async () => {
    await open().round();
    await aQuarterPasses();
    await open().round();
    const minutes = (Date.now() - place.hub.replays[1]!.since.getTime()) / 60_000;
    expect(minutes).toBeGreaterThan(59.9);
    expect(minutes).toBeLessThan(61);
  });

  test('are read from where a long outage began', async () => {
    await open().round();
    await place.sql(
      `update target_replays set read_until = now() - interval '9 days', read_at = now() - interval '9 days'`,
    );
    keep('while it was down', minutesAgo(8 * 24 * 60));
    await open().round();
    expect(await ids()).toEqual(['while it was down']);
  });

  test('that cannot be stored are left out, and keep nobody else from being read', async () => {
    keep('bad\0id');
    keep('good');
    await open().round();
    expect(await ids()).toEqual(['good']);
  });

  test('of a long list are read over several rounds, and each of them once', async () => {
    for (let at = 0; at < 100; at += 1) keep(`e${at}`, minutesAgo(50 - at / 10));
    const node = open();
    await node.round();
    expect(await ids()).toHaveLength(40);
    for (let round = 0; round < 3; round += 1) await node.round();
    expect(await ids()).toHaveLength(100);
  });
});

describe('a target that does not answer', () => {
  test('is asked again after a minute, and nothing is left out', async () => {
    keep('a');
    place.hub.isDown = true;
    const node = open();
    await node.round();
    expect(place.errors).toHaveLength(1);
    place.hub.isDown = false;
    await node.round(30_000);
    expect(await ids()).toEqual([]);
    await place.sql('update target_replays set leased_until = now()');
    await node.round(30_000);
    expect(await ids()).toEqual(['a']);
  });

  test('is not asked at all where it keeps nothing', async () => {
    place.hub.kept = undefined;
    await open().round();
    expect(place.hub.replays).toEqual([]);
    expect(await place.sql('select target from target_replays')).toEqual([]);
  });
});

test('one node at a time reads them', async () => {
  keep('a');
  const { promise, resolve } = Promise.withResolvers<void>();
  place.hub.meanwhile = () => promise;
  const first = open().round();
  await expect.poll(() => place.hub.replays.length).toBe(1);
  await open().round();
  expect(place.hub.replays).toHaveLength(1);
  resolve();
  await first;
  expect(await ids()).toEqual(['a']);
});

test('what a node died with another reads', async () => {
  keep('a');
  const { promise: never } = Promise.withResolvers<never>();
  place.hub.meanwhile = () => never;
  void open().round();
  await expect.poll(() => place.hub.replays.length).toBe(1);
  place.hub.meanwhile = undefined;
  await place.leasesEnd();
  await open().round();
  expect(await ids()).toEqual(['a']);
});
