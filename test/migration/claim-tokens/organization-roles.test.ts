import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { legacyRolesOf } from '../../../src/migration/claim-tokens/organization-roles.ts';

const settings = {
  roles: { owner: ['manager', 'billing'], admin: ['manager'], guest: [] },
  dropUnknownRoles: false,
};

describe('roles at the target', () => {
  test('become what the settings say, each once and sorted', () => {
    expect(legacyRolesOf(['owner', 'admin'], settings)).toEqual(['billing', 'manager']);
  });

  test('keep their name where the settings say nothing of them', () => {
    expect(legacyRolesOf(['printer', 'admin'], settings)).toEqual(['manager', 'printer']);
  });

  test('make nobody anything where unknown ones are dropped', () => {
    expect(legacyRolesOf(['printer', 'admin'], { ...settings, dropUnknownRoles: true })).toEqual(['manager']);
  });

  test('that are named and lead to nothing make nobody anything', () => {
    expect(legacyRolesOf(['guest'], settings)).toEqual([]);
  });

  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'named %s are roles like any other',
    (name) => {
      expect(legacyRolesOf([name], settings)).toEqual([name]);
      expect(legacyRolesOf([name], { ...settings, dropUnknownRoles: true })).toEqual([]);
    },
  );

  test('give the same whatever their order and number', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('owner', 'admin', 'guest', 'x', 'y')), (roles) => {
        const once = legacyRolesOf(roles, settings);
        expect(legacyRolesOf([...roles, ...roles].reverse(), settings)).toEqual(once);
      }),
    );
  });
});
