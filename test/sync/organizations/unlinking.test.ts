/** The end of a link: members, open tokens, and what the legacy store keeps. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issueClaimToken, listClaimTokens } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import { linkOf } from '../../../src/migration/claim-tokens/organization-links.ts';
import { rolesOf } from '../../../src/sync/organizations/roles.ts';
import { unlinkOrganization } from '../../../src/sync/organizations/unlinking.ts';
import type { Place } from './place.ts';
import { openPlace, TARGET } from './place.ts';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.close());
beforeEach(async () => {
  await place.clear();
  await place.sql('delete from legacy_writes');
  place.hub.truth.set(
    'acme',
    new Map([
      ['ann', ['owner']],
      ['bob', ['printer']],
    ]),
  );
  await place.person('shop:1', 'ann');
  await place.link('shop:7', 'acme');
  await place.node().round();
});

const unlink = (organization = 'shop:7') =>
  unlinkOrganization(place, { target: TARGET, organization, actor: 'operator:test' });
const token = (organization: string) =>
  issueClaimToken(place.db, {
    target: TARGET,
    purpose: 'organization',
    sub: 'shop:1',
    organization,
    origin: 'operator',
    ttlSeconds: 3_600,
    actor: 'operator:test',
    subject: place.pseudonym('shop:1'),
  });

describe('unlinking an organization', () => {
  test('ends the link and everybody’s membership at once, with a record of each', async () => {
    expect(await unlink()).toMatchObject({ members: 2, link: { targetOrganizationId: 'acme' } });
    expect(await linkOf(place.db, TARGET, 'shop:7')).toMatchObject({ state: 'unlinked' });
    expect(await place.members('shop:7')).toEqual({});
    expect(await rolesOf(place.db, 'shop:1')).toEqual([]);
    expect(await place.audit('organization.unlinked')).toMatchObject([
      { actor: 'operator:test', subject: place.pseudonym('shop:1'), detail: { organization: 'shop:7' } },
    ]);
    expect(await place.audit('organization.member-left')).toMatchObject([
      { detail: { reason: 'unlinked' } },
      { detail: { reason: 'unlinked' } },
    ]);
  });

  test('takes back its open tokens, and no other organization’s', async () => {
    await token('shop:7');
    await token('shop:8');
    expect(await unlink()).toMatchObject({ revoked: 1 });
    const open = await listClaimTokens(place.db, { state: 'open' }, 10);
    expect(open.map(({ organization }) => organization)).toEqual(['shop:8']);
  });

  test('has the legacy store told that it is linked no more', async () => {
    await unlink();
    expect(await place.sql('select key, what, vals from legacy_writes')).toEqual([
      {
        key: 'shop:7',
        what: 'linkOrganization',
        vals: { organization: 'shop:7', targetOrganizationId: null },
      },
    ]);
  });

  test('leaves the legacy store with what it was told of members', async () => {
    await unlink();
    await place.timePasses();
    await place.node().round();
    expect([...place.store.members]).toEqual([['shop:7 shop:1', 'billing,manager']]);
  });

  test('still has the legacy store told of whoever had left before', async () => {
    place.hub.truth.set('acme', new Map([['bob', []]]));
    place.store.isDown = true;
    await place.timePasses();
    await place.node().round();
    await unlink();
    place.store.isDown = false;
    await place.node().round();
    expect([...place.store.members]).toEqual([]);
    expect(place.hub.reads).toBe(2);
    await place.timePasses();
    await place.node().round();
    expect(place.turns.filter(({ result }) => result === 'unlinked')).toHaveLength(1);
  });

  test('while it is being read lets nothing be written', async () => {
    await place.timePasses();
    place.hub.truth.set('acme', new Map([['eve', []]]));
    place.hub.meanwhile = async () => {
      place.hub.meanwhile = undefined;
      await unlink();
    };
    await place.node().round();
    expect(await place.members('shop:7')).toEqual({});
    expect(await place.audit('organization.member-joined')).toHaveLength(2);
  });

  test('twice is refused, and changes nothing', async () => {
    await unlink();
    await token('shop:7');
    await expect(unlink()).rejects.toMatchObject({ code: 'organization_not_found' });
    expect(await listClaimTokens(place.db, { state: 'open' }, 10)).toHaveLength(1);
  });

  test('of one that there is not is refused', async () => {
    await expect(unlink('shop:404')).rejects.toMatchObject({ code: 'organization_not_found' });
  });
});
