/** Roles of people in projects, in the first version's calls (`zitadel.management.v1.ManagementService`). */
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import type { UserGrantQueryJson } from '@zitadel/proto/zitadel/user_pb.js';
import { alreadyExists, notFound, precondition } from './errors.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { Actor, Grant, Instance } from './instance.ts';
import { matchesText, page, userById, v1Details } from './user-answers.ts';

export const grantHandlers = handle(ManagementService, {
  addUserGrant({ userId = '', projectId = '', projectGrantId = '', roleKeys = [] }, call) {
    const { instance, organization } = call;
    userById(instance, userId, 'COMMAND-4f8sg');
    const grant = addGrant(call, { userId, projectId, projectGrantId, roleKeys, organization });
    return { userGrantId: grant.id, details: instance.detailsHere(organization) };
  },
  updateUserGrant({ grantId = '', roleKeys = [] }, { instance, actor }) {
    const grant = grantById(instance, grantId);
    changeGrant(instance, grant, [roleKeys, actor]);
    return { details: instance.detailsHere(grant.organization) };
  },
  removeUserGrant({ grantId = '' }, { instance, actor }) {
    const grant = grantById(instance, grantId);
    removeGrant(instance, grant, ['user.grant.removed', actor]);
    return { details: instance.detailsHere(grant.organization) };
  },
  deactivateUserGrant({ grantId = '' }, call) {
    return setActive(call, grantById(call.instance, grantId), false);
  },
  reactivateUserGrant({ grantId = '' }, call) {
    return setActive(call, grantById(call.instance, grantId), true);
  },
  /** Asking for one brings all of them up to date, whether it is there or not. */
  getUserGrantByID({ grantId = '' }, { instance, organization }) {
    instance.catchUpGrants();
    const grant = instance.grants.get(grantId);
    if (grant?.organization !== organization) throw notFound('QUERY-wIPkA', 'Errors.UserGrant.NotFound');
    return { userGrant: shown(instance, grant) };
  },
  listUserGrants({ query, queries = [] }, { instance, organization }) {
    const here = instance.projectedGrants.filter((grant) => grant.organization === organization);
    const all = here.filter((grant) => queries.every((one) => fits(grant, one)));
    const result = page(all, query).map((grant) => shown(instance, grant));
    return { details: v1Details(instance, all.length), result };
  },
});

const shown = (instance: Instance, grant: Grant) => ({
  id: grant.id,
  roleKeys: grant.roleKeys,
  state: grant.isActive ? ('USER_GRANT_STATE_ACTIVE' as const) : ('USER_GRANT_STATE_INACTIVE' as const),
  userId: grant.userId,
  userName: instance.users.get(grant.userId)?.username ?? '',
  orgId: grant.organization,
  projectId: grant.projectId,
  projectGrantId: grant.projectGrantId,
});

function setActive({ instance, actor }: Call, grant: Grant, isActive: boolean) {
  if (grant.isActive === isActive)
    throw precondition('COMMAND-1S9gx', `Errors.UserGrant.${isActive ? 'NotInactive' : 'NotActive'}`);
  grant.isActive = isActive;
  const type = isActive ? 'user.grant.reactivated' : 'user.grant.deactivated';
  instance.push({ type, aggregate: aggregateOf(grant) }, actor);
  return { details: instance.detailsHere(grant.organization) };
}

function fits(grant: Grant, query: UserGrantQueryJson): boolean {
  const { userIdQuery, projectIdQuery, projectGrantIdQuery, roleKeyQuery, withGrantedQuery } = query;
  if (withGrantedQuery) return true;
  if (userIdQuery) return grant.userId === userIdQuery.userId;
  if (projectIdQuery) return grant.projectId === projectIdQuery.projectId;
  if (projectGrantIdQuery) return grant.projectGrantId === projectGrantIdQuery.projectGrantId;
  if (roleKeyQuery)
    return grant.roleKeys.some((key) => matchesText(key, roleKeyQuery.roleKey ?? '', roleKeyQuery.method));
  throw new Error(`the stand-in cannot search grants by ${Object.keys(query)}`);
}

const aggregateOf = (grant: Grant) => ({
  type: 'usergrant',
  id: grant.id,
  resourceOwner: grant.organization,
});

export function grantById(instance: Instance, id: string): Grant {
  const grant = instance.grants.get(id);
  if (!grant) throw notFound('COMMAND-M9sd', 'Errors.UserGrant.NotFound');
  return grant;
}

function assertProject(
  instance: Instance,
  { projectId, roleKeys }: Pick<Grant, 'projectId' | 'roleKeys'>,
): void {
  const project = instance.projects.get(projectId);
  if (!project) throw precondition('COMMAND-3n77S', 'Errors.Project.NotFound');
  if (!roleKeys.every((key) => project.roles.has(key)))
    throw precondition('COMMAND-mm9F4', 'Errors.Project.Role.NotFound');
}

/** Somebody has one grant per project and organization at most. */
export function addGrant({ instance, actor }: Call, given: Omit<Grant, 'id' | 'isActive'>): Grant {
  const { userId, projectId, projectGrantId, organization } = given;
  if (instance.checksProjects) assertProject(instance, given);
  const isThere = [...instance.grants.values()].some(
    (grant) =>
      grant.userId === userId &&
      grant.projectId === projectId &&
      grant.projectGrantId === projectGrantId &&
      grant.organization === organization,
  );
  if (isThere) throw alreadyExists('V3-DKcYh', 'Errors.UserGrant.AlreadyExists');
  const grant = { ...given, id: instance.newId(), isActive: true };
  instance.grants.set(grant.id, grant);
  const { roleKeys } = grant;
  const payload = { userId, projectId, ...(projectGrantId && { grantId: projectGrantId }), roleKeys };
  instance.push({ type: 'user.grant.added', aggregate: aggregateOf(grant), payload }, actor);
  return grant;
}

/** The event does not say whose it is. */
export function changeGrant(
  instance: Instance,
  grant: Grant,
  [roleKeys, actor]: [string[], Pick<Actor, 'userId'>],
): void {
  grant.roleKeys = roleKeys;
  instance.push({ type: 'user.grant.changed', aggregate: aggregateOf(grant), payload: { roleKeys } }, actor);
}

/** The event says nothing at all. */
export function removeGrant(
  instance: Instance,
  grant: Grant,
  [type, actor]: ['user.grant.removed' | 'user.grant.cascade.removed', Pick<Actor, 'userId'>],
): void {
  instance.grants.delete(grant.id);
  instance.push({ type, aggregate: aggregateOf(grant) }, actor);
}
