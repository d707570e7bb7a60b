import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leaving, memberChanges } from '../../../src/sync/organizations/member-changes.ts';

const LEFT = new Date(0);
const known = (targetUserId: string, roles: string[], endedAt: Date | null = null) => ({
  targetUserId,
  membershipId: null,
  roles,
  legacyRoles: roles.map((role) => `old-${role}`),
  endedAt,
});
const legacy = (roles: readonly string[]) => roles.map((role) => `old-${role}`);
const kinds = (...args: Parameters<typeof memberChanges>) =>
  memberChanges(...args).map(({ kind, targetUserId }) => `${kind} ${targetUserId}`);

describe('between two readings', () => {
  test('nothing has changed where the target says the same', () => {
    expect(kinds([known('a', ['x', 'y'])], [{ targetUserId: 'a', roles: ['y', 'x'] }], legacy)).toEqual([]);
  });

  test('whoever is named first has joined, and whoever is named no more has left', () => {
    expect(kinds([known('a', ['x'])], [{ targetUserId: 'b', roles: [] }], legacy)).toEqual([
      'joined b',
      'left a',
    ]);
  });

  test('whoever had left and is named again has joined', () => {
    expect(kinds([known('a', ['x'], LEFT)], [{ targetUserId: 'a', roles: ['x'] }], legacy)).toEqual([
      'joined a',
    ]);
  });

  test('whoever had left stays so without a second record', () => {
    expect(kinds([known('a', ['x'], LEFT)], [], legacy)).toEqual([]);
    expect(leaving([known('a', ['x'], LEFT)])).toEqual([]);
  });

  test('other roles there are a change', () => {
    const [change] = memberChanges([known('a', ['x'])], [{ targetUserId: 'a', roles: ['y'] }], legacy);
    expect(change).toMatchObject({ kind: 'changed', roles: ['y'], legacyRoles: ['old-y'] });
  });

  test('the same roles that mean something else by now are a change', () => {
    const said = [{ targetUserId: 'a', roles: ['x'] }];
    expect(kinds([known('a', ['x'])], said, () => ['boss'])).toEqual(['changed a']);
  });

  test('two memberships of one user are one with the roles of both', () => {
    const said = [
      { targetUserId: 'a', roles: ['y'] },
      { targetUserId: 'a', roles: ['x', 'y'] },
    ];
    expect(memberChanges([], said, legacy)).toMatchObject([{ targetUserId: 'a', roles: ['x', 'y'] }]);
  });

  test('what was changed leads to what the target says', () => {
    const member = fc.record({
      targetUserId: fc.constantFrom('a', 'b', 'c', 'd'),
      roles: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')),
    });
    const members = fc.uniqueArray(member, { selector: ({ targetUserId }) => targetUserId });
    fc.assert(
      fc.property(members, members, (before, said) => {
        const state = new Map<string, string[]>(
          before.map(({ targetUserId, roles }) => [targetUserId, [...roles].sort()]),
        );
        const old = [...state].map(([id, roles]) => known(id, roles));
        for (const { kind, targetUserId, roles } of memberChanges(old, said, legacy)) {
          if (kind === 'left') state.delete(targetUserId);
          else state.set(targetUserId, [...roles]);
        }
        expect(state).toEqual(new Map(said.map((one) => [one.targetUserId, [...one.roles].sort()])));
      }),
    );
  });
});
