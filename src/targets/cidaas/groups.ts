/** Groups at cidaas, with the roles that somebody has in them: `users.grants[].project` is the group's id. */
import type { NotStored, TargetGrant } from '../connection.ts';
import type { Account } from './account.ts';
import type { CidaasApi } from './api.ts';
import { CidaasError } from './cidaas-error.ts';
import type { CidaasSettings } from './cidaas-settings.ts';
import { filled, unlessGone } from './users.ts';

export interface Granting {
  readonly api: CidaasApi;
  readonly settings: CidaasSettings;
  readonly signal?: AbortSignal | undefined;
}

interface Member {
  readonly sub: string;
  /** What they have already. */
  readonly has: readonly TargetGrant[];
}

/**
 * Gives `grants`; granting again changes nothing. What is sent replaces the roles that somebody has in a group, so those
 * are sent along. Throws CidaasError where another try may succeed.
 */
export async function grantGroups(
  { api, settings, signal }: Granting,
  { sub, has }: Member,
  grants: readonly TargetGrant[],
): Promise<readonly NotStored[]> {
  const missing: NotStored[] = [];
  for (const { project: groupId, roles } of lacking(has, grants)) {
    const path = filled(settings.paths.group, { groupId });
    try {
      await api.call('POST', path, { body: { sub, groupId, roles }, signal });
    } catch (error) {
      if (!(error instanceof CidaasError) || error.isTemporary) throw error;
      missing.push({ what: 'grants', code: error.status === 404 ? 'group-not-found' : error.reason });
    }
  }
  return missing;
}

/** The groups of `grants` that are lacking or lack a role, with all the roles that they are to have. */
export function lacking(has: readonly TargetGrant[], grants: readonly TargetGrant[]): readonly TargetGrant[] {
  return grants.flatMap(({ project, roles }) => {
    const there = has.find((one) => one.project === project);
    if (there && roles.every((role) => there.roles.includes(role))) return [];
    return [{ project, roles: [...new Set([...(there?.roles ?? []), ...roles])] }];
  });
}

/** Where grants are ours; see `TargetConnection.setGrants`. */
export interface Wanted {
  readonly grants: readonly TargetGrant[];
  /** The groups' ids. */
  readonly groups: readonly string[];
}

/** Makes these their roles in all of `groups`. Doing it again changes nothing. Throws CidaasError. */
export async function setGroups(
  { api, settings, signal }: Granting,
  { sub, groups: has, tellsGroups }: Pick<Account, 'sub' | 'groups' | 'tellsGroups'>,
  { grants, groups }: Wanted,
): Promise<void> {
  for (const groupId of new Set(groups)) {
    const roles = rolesIn(grants, groupId);
    const there = has.find(({ project }) => project === groupId);
    if (roles.length === 0) {
      if (tellsGroups && !there) continue;
      const path = filled(settings.paths.leave, { groupId, sub });
      // Somebody who is not in it is out of it.
      await unlessGone(() => api.call('DELETE', path, { signal }));
    } else if (!there || !isSame(there.roles, roles)) {
      const path = filled(settings.paths.group, { groupId });
      await api.call('POST', path, { body: { sub, groupId, roles }, signal });
    }
  }
}

const rolesIn = (grants: readonly TargetGrant[], groupId: string): readonly string[] => [
  ...new Set(grants.flatMap(({ project, roles }) => (project === groupId ? roles : []))),
];

const isSame = (a: readonly string[], b: readonly string[]) =>
  new Set(a).size === new Set(b).size && a.every((role) => b.includes(role));
