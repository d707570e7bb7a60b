/** Who is in a linked organization: read at the target, written down, and never changed by an outage. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import { linkOf } from '../../../src/migration/claim-tokens/organization-links.ts';
import { putEvents } from '../../../src/sync/inbox.ts';
import type { Place } from './place.ts';
import { membershipsEvent, openPlace, SETTINGS, TARGET } from './place.ts';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.close());
beforeEach(() => place.clear());

const link = async () => (await linkOf(place.db, TARGET, 'shop:7'))!;
const roles = (entries: Record<string, string[]>) => new Map(Object.entries(entries));

/** An organization with these members at the target, linked and read once. */
async function acme(members: Record<string, string[]> = { ann: ['admin'], bob: ['printer'] }) {
  place.hub.truth.set('acme', roles(members));
  await place.link('shop:7', 'acme');
  await place.node().round();
}
const nextPoll = async () => {
  await place.timePasses();
  await place.node().round();
};

describe('a linked organization', () => {
  test('has the members that the target names, with what their roles make them', async () => {
    await acme();
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
    expect((await link()).readAt).not.toBeNull();
    expect(place.turns).toMatchObject([{ result: 'read', joined: 2, changed: 0, left: 0 }]);
  });

  test('is read again only when it is time', async () => {
    await acme();
    await place.node().round();
    expect(place.hub.reads).toBe(1);
    const due = (await link()).dueAt.getTime() - Date.now();
    expect(due).toBeGreaterThan(14 * 60_000);
    expect(due).toBeLessThan(15 * 60_000 + 1_000);
  });

  test('loses whoever has left, at the next poll and without a webhook', async () => {
    await acme();
    place.hub.truth.set('acme', roles({ bob: ['printer'] }));
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({ bob: ['printer'] });
  });

  test('has other roles after the next poll', async () => {
    await acme();
    place.hub.truth.set('acme', roles({ ann: [], bob: ['owner'] }));
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({ ann: [], bob: ['billing', 'manager'] });
  });

  test('means other roles after the settings have changed', async () => {
    await acme();
    const claimTokens = claimTokensSettings.parse([
      { ...SETTINGS, organizations: { dropUnknownRoles: true } },
    ]);
    await place.timePasses();
    await place.node({ claimTokens }).round();
    expect(await place.members('shop:7')).toEqual({ ann: [], bob: [] });
  });

  test('is not asked about where the settings have no organizations', async () => {
    place.hub.truth.set('acme', roles({ ann: [] }));
    await place.link('shop:7', 'acme');
    await place.node({ claimTokens: claimTokensSettings.parse([{ target: TARGET }]) }).round();
    expect(place.hub.reads).toBe(0);
  });

  test('with more members than can be is left as it was', async () => {
    await acme();
    place.hub.truth.set('acme', new Map(Array.from({ length: 20_001 }, (_, at) => [`u${at}`, []])));
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
    expect((await link()).problem?.code).toBe('too_many_members');
  });
});

describe('the audit log', () => {
  test('has a record of each change, about the person where they are known', async () => {
    await place.person('shop:1', 'ann');
    await acme();
    const joined = await place.audit('organization.member-joined');
    expect(joined.map(({ detail }) => detail.targetUserId).sort()).toEqual(['ann', 'bob']);
    const ann = joined.find(({ detail }) => detail.targetUserId === 'ann');
    expect((ann as { subject?: Buffer }).subject).toEqual(place.pseudonym('shop:1'));
    expect(joined.find(({ detail }) => detail.targetUserId === 'bob')).not.toHaveProperty('subject');
    place.hub.truth.set('acme', roles({ ann: ['owner'] }));
    await nextPoll();
    expect(await place.audit('organization.member-changed')).toMatchObject([
      { actor: 'footbridge', detail: { targetUserId: 'ann', legacyRoles: ['billing', 'manager'] } },
    ]);
    expect(await place.audit('organization.member-left')).toMatchObject([
      { detail: { targetUserId: 'bob' } },
    ]);
  });

  test('has no record of a reading that shows nothing new', async () => {
    await acme();
    await nextPoll();
    expect(await place.audit('organization.member-joined')).toHaveLength(2);
    expect(await place.audit('organization.member-changed')).toHaveLength(0);
  });
});

describe('an event', () => {
  test('has the organization read at once', async () => {
    await acme();
    place.hub.truth.set('acme', roles({ ann: ['admin'] }));
    await putEvents(place.db, TARGET, [membershipsEvent('e1', 'acme')]);
    await place.node().round();
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'] });
  });

  test('of an organization that nobody has linked leads to nothing', async () => {
    await acme();
    await putEvents(place.db, TARGET, [membershipsEvent('e1', 'other')]);
    await place.node().round();
    expect(place.hub.reads).toBe(1);
    expect(await place.sql('select id from target_events where done_at is null')).toEqual([]);
  });

  test('of another target leads to nothing, whatever its organization is called', async () => {
    await acme();
    await putEvents(place.db, 'silent', [membershipsEvent('e1', 'acme')]);
    await place.node().round();
    expect(place.hub.reads).toBe(1);
  });

  test('that comes while the organization is being read has it read again', async () => {
    place.hub.truth.set('acme', roles({ ann: [] }));
    await place.link('shop:7', 'acme');
    place.hub.meanwhile = async () => {
      place.hub.meanwhile = undefined;
      // The answer that is on its way does not know of this.
      place.hub.truth.set('acme', roles({ ann: [], bob: [] }));
      await putEvents(place.db, TARGET, [membershipsEvent('e1', 'acme')]);
      await place.node().takeEvents();
    };
    await place.node().round();
    expect(place.hub.reads).toBe(2);
    expect(await place.members('shop:7')).toEqual({ ann: [], bob: [] });
  });

  test('about a person is on record, and changes nobody', async () => {
    await place.person('shop:1', 'ann');
    await acme();
    await putEvents(place.db, TARGET, [
      {
        id: 'e1',
        name: 'hub.connection_changed',
        about: { kind: 'person-connection', targetUserId: 'ann' },
        at: new Date(),
      },
    ]);
    await place.node().round();
    const [record] = await place.audit('person.connection-changed');
    expect(record).toMatchObject({ actor: 'target:hub', subject: place.pseudonym('shop:1') });
    expect(await place.members('shop:7')).toHaveProperty('ann');
  });

  test('is done once, however many nodes look at the inbox', async () => {
    await putEvents(
      place.db,
      TARGET,
      Array.from({ length: 450 }, (_, at) => membershipsEvent(`e${at}`, 'acme')),
    );
    const counts = await Promise.all(
      [place.node(), place.node(), place.node()].map((node) => node.takeEvents()),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(450);
    expect(await place.sql('select id from target_events where done_at is null')).toEqual([]);
  });
});

describe('a target that does not answer', () => {
  test('ends nobody’s membership, and is asked again later each time, within an hour', async () => {
    await acme();
    place.hub.isDown = true;
    const seconds: number[] = [];
    for (let turn = 0; turn < 9; turn += 1) {
      await nextPoll();
      seconds.push(Math.round(((await link()).dueAt.getTime() - Date.now()) / 1_000));
    }
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
    expect((await link()).problem).toMatchObject({ code: 'target_unavailable' });
    for (const [at, want] of [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600].entries())
      expect(Math.abs(seconds[at]! - want)).toBeLessThanOrEqual(5);
  });

  test('is no problem any more once it answers', async () => {
    await acme();
    place.hub.isDown = true;
    await nextPoll();
    place.hub.isDown = false;
    await nextPoll();
    expect(await link()).toMatchObject({ failures: 0, problem: null });
  });

  test('that tells of a change while it fails is asked again no sooner', async () => {
    await acme();
    place.hub.isDown = true;
    await place.timePasses();
    const { organizations } = place.targets;
    const failing: typeof organizations = (name) => ({
      ...organizations(name)!,
      members: async () => {
        await putEvents(place.db, TARGET, [membershipsEvent('e1', 'acme')]);
        await place.node().takeEvents();
        throw new FootbridgeError('target_unavailable');
      },
    });
    await place.node({ targets: { ...place.targets, organizations: failing } }).round();
    expect((await link()).dueAt.getTime()).toBeGreaterThan(Date.now() + 20_000);
    expect((await link()).failures).toBe(1);
  });

  test('is asked at once when it sends an event, for it is there again', async () => {
    await acme();
    place.hub.isDown = true;
    await nextPoll();
    Object.assign(place.hub, { isDown: false, reads: 0 });
    await place.node().round();
    expect(place.hub.reads).toBe(0);
    await putEvents(place.db, TARGET, [membershipsEvent('e1', 'acme')]);
    await place.node().round();
    expect(place.hub.reads).toBe(1);
    expect((await link()).problem).toBeNull();
  });

  test.each([new FootbridgeError('target_refused'), new TypeError('a mistake of ours')])(
    'or fails with %s is treated as away',
    async (failure) => {
      await acme();
      Object.assign(place.hub, { isDown: true, failure });
      await nextPoll();
      expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
      expect((await link()).problem?.code).toMatch(/^(target_refused|internal)$/);
      expect(place.errors).toContain(failure);
    },
  );
});

describe('what cannot be written down', () => {
  test('is tried again later, and keeps the members that there were', async () => {
    await acme();
    place.hub.truth.set('acme', roles({ ann: ['no\0name'] }));
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
    expect(await link()).toMatchObject({ failures: 1, problem: { code: 'internal' } });
    const { length } = place.errors;
    expect(length).toBe(1);
  });
});

describe('an organization that is gone', () => {
  const anHourPasses = () =>
    place.sql(`update organization_links set problem = jsonb_set(problem, '{goneSince}',
      to_jsonb((problem->>'goneSince')::timestamptz - interval '1 hour'))`);

  test('keeps its members the first time, and is asked about an hour later', async () => {
    await acme();
    place.hub.revoked.add('acme');
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
    expect((await link()).problem).toMatchObject({ code: 'connection_revoked' });
    const seconds = ((await link()).dueAt.getTime() - Date.now()) / 1_000;
    expect(seconds).toBeGreaterThan(3_590);
    expect(seconds).toBeLessThanOrEqual(3_601);
  });

  test('keeps them when it is asked about again sooner', async () => {
    await acme();
    place.hub.revoked.add('acme');
    await nextPoll();
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
  });

  test('has none when it is still so after an hour', async () => {
    await acme();
    place.hub.revoked.add('acme');
    await nextPoll();
    await anHourPasses();
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({});
    expect(await place.audit('organization.member-left')).toMatchObject([
      { detail: { reason: 'connection_revoked' } },
      { detail: { reason: 'connection_revoked' } },
    ]);
    expect((await link()).state).toBe('linked');
  });

  test('is not believed because of an outage in between, nor is the hour forgotten', async () => {
    await acme();
    place.hub.revoked.add('acme');
    await nextPoll();
    await anHourPasses();
    place.hub.isDown = true;
    await nextPoll();
    expect(await place.members('shop:7')).toHaveProperty('ann');
    place.hub.isDown = false;
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({});
  });

  test('begins its hour anew when it was there in between', async () => {
    await acme();
    place.hub.revoked.add('acme');
    await nextPoll();
    await anHourPasses();
    place.hub.revoked.delete('acme');
    await nextPoll();
    place.hub.revoked.add('acme');
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
  });

  test('begins its hour anew also when a node died right after it was there', async () => {
    await place.person('shop:1', 'ann');
    await acme();
    place.hub.revoked.add('acme');
    await nextPoll();
    await anHourPasses();
    place.hub.revoked.delete('acme');
    place.hub.truth.set('acme', roles({ ann: [] }));
    await place.timePasses();
    await place.stopsAt(place.store);
    expect(await place.members('shop:7')).toEqual({ ann: [] });
    await place.leasesEnd();
    place.hub.revoked.add('acme');
    await place.node().round();
    expect(await place.members('shop:7')).toEqual({ ann: [] });
  });

  test('has its members again as soon as it is back', async () => {
    await acme();
    place.hub.revoked.add('acme');
    await nextPoll();
    await anHourPasses();
    await nextPoll();
    place.hub.revoked.delete('acme');
    await nextPoll();
    expect(await place.members('shop:7')).toEqual({ ann: ['manager'], bob: ['printer'] });
    expect((await link()).problem).toBeNull();
  });
});

describe('several nodes', () => {
  test('read an organization once', async () => {
    place.hub.truth.set('acme', roles({ ann: [] }));
    await place.link('shop:7', 'acme');
    await Promise.all([place.node().round(), place.node().round(), place.node().round()]);
    expect(place.hub.reads).toBe(1);
  });

  test('go on with what another has died with, and not before its lease has ended', async () => {
    place.hub.truth.set('acme', roles({ ann: [] }));
    await place.link('shop:7', 'acme');
    await place.stopsAt(place.hub);
    await place.node().round();
    expect(place.hub.reads).toBe(1);
    await place.leasesEnd();
    await place.node().round();
    expect(await place.members('shop:7')).toEqual({ ann: [] });
  });

  test('do not write what they have read too long ago', async () => {
    place.hub.truth.set('acme', roles({ ann: ['owner'] }));
    await place.link('shop:7', 'acme');
    place.hub.meanwhile = async () => {
      place.hub.meanwhile = undefined;
      place.hub.truth.set('acme', roles({ ann: [] }));
      await place.leasesEnd();
      await place.node().round();
    };
    // It asks for one organization only: another of its workers could take over from the one that is held up.
    await place.node().refreshDue(1);
    expect(await place.members('shop:7')).toEqual({ ann: [] });
    expect(place.turns).toHaveLength(1);
  });
});
