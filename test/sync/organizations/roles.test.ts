import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { move } from '../../../src/migration/ledger.ts';
import { organizationRolesOf, rolesOf } from '../../../src/sync/organizations/roles.ts';
import type { Place } from './place.ts';
import { openPlace, TARGET } from './place.ts';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.close());
beforeEach(async () => {
  await place.clear();
  place.hub.truth.set('acme', new Map([['ann', ['admin']]]));
  await place.link('shop:7', 'acme');
  await place.node().round();
});

const LEGACY = [
  { organization: 'shop:7', roles: ['boss'] },
  { organization: 'shop:8', roles: ['clerk'] },
];
const all = (sub: string, legacy = LEGACY) =>
  organizationRolesOf(place.db, { sub, targets: [TARGET], legacy });

describe('the roles of a person', () => {
  test('are the target’s in linked organizations', async () => {
    await place.person('shop:1', 'ann');
    expect(await rolesOf(place.db, 'shop:1')).toEqual([
      { target: TARGET, organization: 'shop:7', legacyRoles: ['manager'] },
    ]);
  });

  test('in linked organizations are not those of the legacy store, which count in all others', async () => {
    await place.person('shop:1', 'ann');
    expect(await all('shop:1')).toEqual(
      new Map([
        ['shop:7', ['manager']],
        ['shop:8', ['clerk']],
      ]),
    );
  });

  test('are none in a linked organization where the target does not name them', async () => {
    await place.person('shop:2', 'bob');
    expect(await all('shop:2')).toEqual(new Map([['shop:8', ['clerk']]]));
  });

  test('are none in a linked organization for whoever has not linked their account', async () => {
    expect(await rolesOf(place.db, 'shop:3')).toEqual([]);
    expect(await all('shop:3')).toEqual(new Map([['shop:8', ['clerk']]]));
  });

  test('are those of organizations that the legacy store does not know of, too', async () => {
    await place.person('shop:1', 'ann');
    expect(await all('shop:1', [])).toEqual(new Map([['shop:7', ['manager']]]));
  });

  test('end with the membership', async () => {
    await place.person('shop:1', 'ann');
    place.hub.truth.set('acme', new Map());
    await place.timePasses();
    await place.node().round();
    expect(await rolesOf(place.db, 'shop:1')).toEqual([]);
  });

  test('end when the person goes back to the legacy login', async () => {
    await place.person('shop:1', 'ann');
    const common = { target: TARGET, sub: 'shop:1', subject: place.pseudonym('shop:1') };
    await move(place.db, { ...common, event: 'revert', actor: 'operator:test' });
    expect(await rolesOf(place.db, 'shop:1')).toEqual([]);
  });
});
