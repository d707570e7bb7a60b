/** What somebody's roles at the target make them in the legacy apps. */
import type { ClaimTokenSettings } from './claim-settings.ts';

export type RoleSettings = Pick<
  NonNullable<ClaimTokenSettings['organizations']>,
  'roles' | 'dropUnknownRoles'
>;

/** Sorted, each once. A role that the settings do not name keeps its name, or makes nobody anything. */
export function legacyRolesOf(
  roles: readonly string[],
  { roles: named, dropUnknownRoles }: RoleSettings,
): readonly string[] {
  const made = roles.flatMap((role) => {
    // The target chooses the names: `constructor` is one like any other.
    if (Object.hasOwn(named, role)) return named[role] ?? [];
    return dropUnknownRoles ? [] : [role];
  });
  return [...new Set(made)].sort();
}
