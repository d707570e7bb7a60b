/** What the legacy store is told of members: until it works, in the right order, and of people who are known. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import { linkOf } from '../../../src/migration/claim-tokens/organization-links.ts';
import type { Place } from './place.ts';
import { openPlace, SETTINGS, TARGET } from './place.ts';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.close());
beforeEach(async () => {
  await place.clear();
  place.hub.truth.set(
    'acme',
    new Map([
      ['ann', ['owner']],
      ['bob', ['printer']],
    ]),
  );
});

const link = async () => (await linkOf(place.db, TARGET, 'shop:7'))!;
const say = (members: Record<string, string[]>) =>
  place.hub.truth.set('acme', new Map(Object.entries(members)));
const nextPoll = async () => {
  await place.timePasses();
  await place.node().round();
};
const deleting = claimTokensSettings.parse([
  { ...SETTINGS, organizations: { ...SETTINGS.organizations, deleteLegacyMemberships: true } },
]);

describe('the legacy store', () => {
  test('is told of members who are known, with their roles, and of nobody else', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    await place.node().round();
    expect(place.store.calls).toEqual(['setMember shop:7 shop:1 billing,manager']);
    expect(place.turns).toMatchObject([{ told: 1 }]);
  });

  test('is told once', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    await place.node().round();
    await nextPoll();
    expect(place.store.calls).toHaveLength(1);
  });

  test('is told of whoever links their account later', async () => {
    await place.link('shop:7', 'acme');
    await place.node().round();
    expect(place.store.calls).toEqual([]);
    await place.person('shop:2', 'bob');
    await nextPoll();
    expect(place.store.calls).toEqual(['setMember shop:7 shop:2 printer']);
  });

  test('is told of other roles, of leaving and of coming back', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    await place.node().round();
    say({ ann: [] });
    await nextPoll();
    say({});
    await nextPoll();
    say({ ann: [] });
    await nextPoll();
    expect(place.store.calls.slice(1)).toEqual([
      'setMember shop:7 shop:1 ',
      'endMember shop:7 shop:1',
      'setMember shop:7 shop:1 ',
    ]);
  });

  test('is told nothing where no write is configured, and later where there is one', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    place.store.writes.clear();
    await place.node().round();
    expect(place.store.calls).toEqual([]);
    expect((await link()).problem).toBeNull();
    place.store.writes.add('setMember');
    await nextPoll();
    expect(place.store.calls).toHaveLength(1);
  });

  test('is told of as many in one turn as fit, and of the others in the next', async () => {
    const members = Array.from({ length: 510 }, (_, at) => `u${at}`);
    place.hub.truth.set('acme', new Map(members.map((id) => [id, []])));
    await place.sql(
      `insert into ledger (target, sub, state, from_state, target_user_id, version)
        select $1, 'shop:' || id, 'created', 'legacy', id, 1 from unnest($2::text[]) as u(id)`,
      [TARGET, members],
    );
    await place.link('shop:7', 'acme');
    await place.node().refreshDue(1);
    expect(place.store.calls).toHaveLength(500);
    await place.node().round();
    expect(new Set(place.store.calls).size).toBe(510);
  });
});

describe('a legacy store that does not answer', () => {
  test('is told when it is back, and the members are kept meanwhile', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    place.store.isDown = true;
    await place.node().round();
    expect(await place.members('shop:7')).toHaveProperty('ann');
    expect(await link()).toMatchObject({ failures: 1, problem: { code: 'legacy_unavailable' } });
    const seconds = ((await link()).dueAt.getTime() - Date.now()) / 1_000;
    expect(seconds).toBeLessThan(31);
    place.store.isDown = false;
    await nextPoll();
    expect(place.store.calls).toEqual(['setMember shop:7 shop:1 billing,manager']);
    expect(await link()).toMatchObject({ failures: 0, problem: null });
  });

  test('is told of what is so then, not of what was in between', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    place.store.isDown = true;
    await place.node().round();
    say({});
    await nextPoll();
    place.store.isDown = false;
    await nextPoll();
    expect(place.store.calls).toEqual(['endMember shop:7 shop:1']);
  });

  test('is told of what is known while the target does not answer either', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    place.store.isDown = true;
    await place.node().round();
    Object.assign(place.store, { isDown: false });
    place.hub.isDown = true;
    await nextPoll();
    expect(place.store.calls).toEqual(['setMember shop:7 shop:1 billing,manager']);
  });

  test('for one member holds up nobody else', async () => {
    await place.person('shop:1', 'ann');
    await place.person('shop:2', 'bob');
    await place.link('shop:7', 'acme');
    place.store.refused.set('shop:1', 'config_invalid');
    await place.node().round();
    expect(place.store.calls).toEqual(['setMember shop:7 shop:2 printer']);
    expect((await link()).problem).toMatchObject({ code: 'config_invalid' });
    place.store.refused.clear();
    await nextPoll();
    expect(place.store.calls).toHaveLength(2);
  });

  test('is not asked for each of a thousand members', async () => {
    for (let at = 0; at < 10; at += 1) await place.person(`shop:1${at}`, `u${at}`);
    place.hub.truth.set('acme', new Map(Array.from({ length: 10 }, (_, at) => [`u${at}`, []])));
    await place.link('shop:7', 'acme');
    let asked = 0;
    place.store.isDown = true;
    place.store.meanwhile = async () => {
      asked += 1;
    };
    await place.node().round();
    expect(asked).toBe(3);
  });
});

test('somebody of another store is nobody to tell of', async () => {
  await place.person('crm:1', 'ann');
  await place.link('shop:7', 'acme');
  place.store.refused.set('crm:1', 'user_not_found');
  await place.node().round();
  expect((await link()).problem).toBeNull();
});

describe('whoever dies between telling and noting', () => {
  test('leaves it to the next, who tells it again', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    await place.stopsAt(place.store);
    await place.node().round();
    expect(place.store.calls).toEqual([]);
    await place.leasesEnd();
    await nextPoll();
    expect(place.store.calls).toEqual(['setMember shop:7 shop:1 billing,manager']);
  });

  test('and comes to life after others have told something newer makes them tell it again', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    // The write of the first node arrives only after the second has told of the leaving.
    place.store.meanwhile = async () => {
      place.store.meanwhile = undefined;
      say({ bob: ['printer'] });
      await place.leasesEnd();
      await place.node().round();
    };
    // It asks for one organization only: another of its workers could take over from the one that is held up.
    await place.node().refreshDue(1);
    expect(place.store.members.has('shop:7 shop:1')).toBe(true);
    await nextPoll();
    expect(place.store.members.has('shop:7 shop:1')).toBe(false);
  });
});

describe('memberships of the legacy store', () => {
  test('are deleted once after the first reading, before anybody is told of', async () => {
    place.store.members.set('shop:7 shop:99', 'manager');
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    await place.node({ claimTokens: deleting }).round();
    expect(place.store.calls).toEqual(['endMemberships shop:7', 'setMember shop:7 shop:1 billing,manager']);
    expect([...place.store.members.keys()]).toEqual(['shop:7 shop:1']);
    expect((await link()).legacyEndedAt).not.toBeNull();
    await place.timePasses();
    await place.node({ claimTokens: deleting }).round();
    expect(place.store.calls).toHaveLength(2);
  });

  test('stay where the settings do not say so', async () => {
    place.store.members.set('shop:7 shop:99', 'manager');
    await place.link('shop:7', 'acme');
    await place.node().round();
    expect(place.store.members.size).toBe(1);
  });

  test.each([
    ['while the target does not answer', () => Object.assign(place.hub, { isDown: true })],
    ['while the target shows no such organization', () => place.hub.revoked.add('acme')],
    ['while the target names no member at all', () => say({})],
  ])('stay %s', async (_, unhappily) => {
    place.store.members.set('shop:7 shop:99', 'manager');
    await place.link('shop:7', 'acme');
    unhappily();
    await place.node({ claimTokens: deleting }).round();
    expect([...place.store.members.keys()]).toEqual(['shop:7 shop:99']);
    expect((await link()).legacyEndedAt).toBeNull();
  });

  test('that cannot be deleted now are deleted later, and nobody is told of before', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    place.store.isDown = true;
    await place.node({ claimTokens: deleting }).round();
    place.store.isDown = false;
    await place.timePasses();
    await place.node({ claimTokens: deleting }).round();
    expect(place.store.calls).toEqual(['endMemberships shop:7', 'setMember shop:7 shop:1 billing,manager']);
  });

  test('that are deleted late take nobody with them', async () => {
    await place.person('shop:1', 'ann');
    await place.link('shop:7', 'acme');
    await place.node().round();
    await place.timePasses();
    await place.node({ claimTokens: deleting }).round();
    expect([...place.store.members.keys()]).toEqual(['shop:7 shop:1']);
  });
});
