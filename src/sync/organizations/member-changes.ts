/** What has changed between the members that we know of and those that the target names now. */
import type { MemberChange, OrganizationMember } from '../../migration/claim-tokens/organization-members.ts';
import type { TargetMember } from '../../targets/organizations.ts';

type Known = Pick<OrganizationMember, 'targetUserId' | 'membershipId' | 'roles' | 'legacyRoles' | 'endedAt'>;

/** `known`: also those who have left. `legacyRolesOf`: what roles at the target make somebody in the legacy apps. */
export function memberChanges(
  known: readonly Known[],
  said: readonly TargetMember[],
  legacyRolesOf: (roles: readonly string[]) => readonly string[],
): readonly MemberChange[] {
  const before = new Map(known.map((member) => [member.targetUserId, member]));
  const now = eachOnce(said);
  const present = [...now.values()].flatMap((member): MemberChange[] => {
    const { targetUserId, membershipId = null } = member;
    const roles = [...new Set(member.roles)].sort();
    const change = { targetUserId, membershipId, roles, legacyRoles: legacyRolesOf(roles) };
    const old = before.get(targetUserId);
    if (!old || old.endedAt) return [{ ...change, kind: 'joined' }];
    return isSame(old, change) ? [] : [{ ...change, kind: 'changed' }];
  });
  return [...present, ...leaving(known.filter(({ targetUserId }) => !now.has(targetUserId)))];
}

/** Those of them who are still members leave. */
export const leaving = (known: readonly Known[]): MemberChange[] =>
  known
    .filter(({ endedAt }) => !endedAt)
    .map(({ targetUserId, membershipId, roles, legacyRoles }) => ({
      kind: 'left',
      targetUserId,
      membershipId,
      roles,
      legacyRoles,
    }));

/** Who has two memberships has the roles of both. */
function eachOnce(said: readonly TargetMember[]): ReadonlyMap<string, TargetMember> {
  const members = new Map<string, TargetMember>();
  for (const member of said) {
    const first = members.get(member.targetUserId);
    members.set(member.targetUserId, first ? { ...first, roles: [...first.roles, ...member.roles] } : member);
  }
  return members;
}

function isSame(old: Known, now: Pick<MemberChange, 'membershipId' | 'roles' | 'legacyRoles'>): boolean {
  return (
    old.membershipId === now.membershipId &&
    isDeepEqual(old.roles, now.roles) &&
    isDeepEqual(old.legacyRoles, now.legacyRoles)
  );
}

const isDeepEqual = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((one, index) => one === b[index]);
