/** What somebody is in organizations: in linked ones what the target says, and nothing else. */
import { linkedAmong } from '../../migration/claim-tokens/organization-links.ts';
import { membershipsOf } from '../../migration/claim-tokens/organization-members.ts';
import { states } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { Queryable } from '../../store/db.ts';

/** More organizations than one person is in. */
export const MAX_ORGANIZATIONS = 1_000;

export interface OrganizationRoles {
  readonly target: string;
  /** The legacy organization, with its store's prefix. */
  readonly organization: string;
  readonly legacyRoles: readonly string[];
}

/** In linked organizations, by the target's last word. Throws storage_unavailable. */
export async function rolesOf(q: Queryable, sub: string): Promise<readonly OrganizationRoles[]> {
  const users = (await states(q, sub)).flatMap(({ target, targetUserId, state }) =>
    targetUserId !== null && hasTargetUser(state) ? [{ target, targetUserId }] : [],
  );
  if (users.length === 0) return [];
  const memberships = await membershipsOf(q, users, MAX_ORGANIZATIONS);
  return memberships.map(({ target, organization, legacyRoles }) => ({ target, organization, legacyRoles }));
}

export interface RolesQuestion {
  readonly sub: string;
  /** Those with organizations. */
  readonly targets: readonly string[];
  /** What the legacy store says: keys of organizations with this person's roles. */
  readonly legacy: readonly { readonly organization: string; readonly roles: readonly string[] }[];
}

/**
 * The organizations somebody is in with their roles, for claims and for apps: the target's word where the organization is
 * linked, whether it names them or not; the legacy store's for all others. Throws storage_unavailable.
 */
export async function organizationRolesOf(
  q: Queryable,
  { sub, targets, legacy }: RolesQuestion,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const keys = legacy.map(({ organization }) => organization);
  const linked = keys.length > 0 ? await linkedAmong(q, targets, keys) : new Set<string>();
  const roles = new Map<string, readonly string[]>();
  for (const one of legacy) if (!linked.has(one.organization)) roles.set(one.organization, one.roles);
  for (const { target, organization, legacyRoles } of await rolesOf(q, sub)) {
    if (!targets.includes(target)) continue;
    roles.set(organization, [...new Set([...(roles.get(organization) ?? []), ...legacyRoles])].sort());
  }
  return roles;
}
