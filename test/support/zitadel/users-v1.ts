/** The first version's user calls (`zitadel.management.v1.ManagementService`): import, metadata, grants. */

import type { ImportHumanUserRequestJson } from '@zitadel/proto/zitadel/management_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import type { ObjectDetailsJson } from '@zitadel/proto/zitadel/object_pb.js';
import type { UserGrantQueryJson } from '@zitadel/proto/zitadel/user_pb.js';
import { alreadyExists, notFound, precondition } from './errors.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { Grant, Instance, User } from './instance.ts';
import type { NewUser } from './new-user.ts';
import { addUser, assertMetadata } from './new-user.ts';
import { matchesText, page, userById, v1Details } from './user-answers.ts';
import { removeUser } from './users-v2.ts';

/** In the first version a user of another organization is nobody. */
function userHere({ instance, organization }: Call, id = '', error = 'COMMAND-M9dsd'): User {
  const user = userById(instance, id, error);
  if (user.organization !== organization) throw notFound(error, 'Errors.User.NotFound');
  return user;
}

/** The first version's message in the second's words. */
export function imported(given: ImportHumanUserRequestJson, organization: string): NewUser {
  const { profile = {}, email = {}, phone, hashedPassword, idps } = given;
  const { firstName = '', lastName = '', ...more } = profile;
  return {
    organization,
    mayBeInitial: true,
    username: given.userName ?? '',
    profile: { givenName: firstName, familyName: lastName, ...more } as NonNullable<NewUser['profile']>,
    email: { email: email.email ?? '', isVerified: email.isEmailVerified ?? false },
    ...(phone?.phone && { phone: { phone: phone.phone, isVerified: phone.isPhoneVerified ?? false } }),
    ...(given.password && {
      password: { password: given.password, changeRequired: given.passwordChangeRequired ?? false },
    }),
    ...(hashedPassword?.value && {
      hashedPassword: { hash: hashedPassword.value, changeRequired: given.passwordChangeRequired ?? false },
    }),
    ...(given.otpCode && { totpSecret: given.otpCode }),
    idpLinks: (idps ?? []).map(({ configId = '', externalUserId = '', displayName = '' }) => ({
      idpId: configId,
      userId: externalUserId,
      userName: displayName,
    })),
  };
}

const details = (user: User): ObjectDetailsJson => ({
  sequence: String(user.sequence),
  creationDate: user.createdAt,
  changeDate: user.changedAt,
  resourceOwner: user.organization,
});

export const userV1Handlers = handle(ManagementService, {
  async importHumanUser(given, { instance, organization, actor }) {
    const user = await addUser(instance, imported(given, organization), actor);
    return { userId: user.id, details: details(user) };
  },
  removeUser({ id }, call) {
    const user = userHere(call, id, 'COMMAND-m9od');
    removeUser(call, user);
    return { details: call.instance.detailsHere(user.organization) };
  },
  setUserMetadata({ id, key = '', value = '' }, call) {
    const user = userHere(call, id, 'META-uXHNj');
    assertMetadata(key, value);
    user.metadata[key] = value;
    call.instance.userEvent(user, ['user.metadata.set', { key, value }], call.actor);
    return { id: user.id, details: details(user) };
  },
  bulkSetUserMetadata({ id, metadata = [] }, call) {
    const user = userHere(call, id, 'META-uXHNj');
    for (const { key, value } of metadata) assertMetadata(key, value);
    for (const { key = '', value = '' } of metadata) {
      user.metadata[key] = value;
      call.instance.userEvent(user, ['user.metadata.set', { key, value }], call.actor);
    }
    return { details: details(user) };
  },
  listUserMetadata({ id, query, queries = [] }, call) {
    const user = userHere(call, id, 'QUERY-stand4');
    const all = Object.entries(user.metadata).filter(([key]) =>
      queries.every(({ keyQuery }) => matchesText(key, keyQuery?.key ?? '', keyQuery?.method)),
    );
    const result = page(all, { asc: true, ...query }).map(([key, value]) => ({
      key,
      value,
      details: details(user),
    }));
    return { details: v1Details(call.instance, all.length), result };
  },
  getUserMetadata({ id, key = '' }, call) {
    const user = userHere(call, id, 'QUERY-stand4');
    const value = user.metadata[key];
    if (value === undefined) throw notFound('QUERY-Rgh32', 'Errors.Metadata.NotFound');
    return { metadata: { key, value, details: details(user) } };
  },
  removeUserMetadata({ id, key = '' }, call) {
    const user = userHere(call, id, 'META-uXHNj');
    if (!(key in user.metadata)) throw notFound('META-Fjaio', 'Errors.Metadata.NotFound');
    delete user.metadata[key];
    call.instance.userEvent(user, ['user.metadata.removed', { key }], call.actor);
    return { details: details(user) };
  },
  addUserGrant({ userId = '', projectId = '', projectGrantId = '', roleKeys = [] }, call) {
    const { instance, organization } = call;
    userById(instance, userId, 'COMMAND-4f8sg');
    const grant = addGrant(call, { userId, projectId, projectGrantId, roleKeys, organization });
    return { userGrantId: grant.id, details: instance.detailsHere(organization) };
  },
  updateUserGrant({ grantId = '', roleKeys = [] }, { instance, actor }) {
    const grant = grantById(instance, grantId);
    grant.roleKeys = roleKeys;
    instance.push(
      { type: 'user.grant.changed', aggregate: aggregateOf(grant), payload: { roleKeys } },
      actor,
    );
    return { details: instance.detailsHere(grant.organization) };
  },
  removeUserGrant({ grantId = '' }, { instance, actor }) {
    const grant = grantById(instance, grantId);
    instance.grants.delete(grant.id);
    instance.push({ type: 'user.grant.removed', aggregate: aggregateOf(grant) }, actor);
    return { details: instance.detailsHere(grant.organization) };
  },
  listUserGrants({ query, queries = [] }, { instance, organization }) {
    const here = [...instance.grants.values()].filter((grant) => grant.organization === organization);
    const all = here.filter((grant) => queries.every((one) => fits(grant, one)));
    const result = page(all, query).map((grant) => ({
      id: grant.id,
      roleKeys: grant.roleKeys,
      state: grant.isActive ? ('USER_GRANT_STATE_ACTIVE' as const) : ('USER_GRANT_STATE_INACTIVE' as const),
      userId: grant.userId,
      userName: instance.users.get(grant.userId)?.username ?? '',
      orgId: grant.organization,
      projectId: grant.projectId,
      projectGrantId: grant.projectGrantId,
    }));
    return { details: v1Details(instance, all.length), result };
  },
});

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
  const payload = { userId, projectId, ...(projectGrantId && { projectGrantId }), roleKeys };
  instance.push({ type: 'user.grant.added', aggregate: aggregateOf(grant), payload }, actor);
  return grant;
}
