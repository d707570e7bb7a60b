/** The calls about grants: of the Management API, which all releases have (`zitadel.management.v1`). */
import type { TargetGrant } from '../connection.ts';
import type { Message } from './message.ts';
import { managed, there } from './message.ts';

/** `AddUserGrantRequest`, also as the import takes it. */
export const grantBody = ({ project, projectGrant, roles }: TargetGrant) => ({
  projectId: project,
  ...(projectGrant !== undefined && { projectGrantId: projectGrant }),
  roleKeys: roles,
});
export const addGrant = (userId: string, grant: TargetGrant, organization?: string): Message => ({
  method: 'POST',
  path: managed(userId, 'grants'),
  ...there(organization),
  body: grantBody(grant),
});
export const findGrants = (userId: string, { project }: TargetGrant, organization?: string): Message => ({
  method: 'POST',
  path: '/management/v1/users/grants/_search',
  ...there(organization),
  body: { queries: [{ userIdQuery: { userId } }, { projectIdQuery: { projectId: project } }] },
});
export const setRoles = (
  userId: string,
  grant: { readonly id: string; readonly roles: readonly string[] },
  organization?: string,
): Message => ({
  method: 'PUT',
  path: managed(userId, `grants/${encodeURIComponent(grant.id)}`),
  ...there(organization),
  body: { roleKeys: grant.roles },
});

/** `ListUserGrantRequest`: those in the organization, in the order in which they were made. */
export const listGrants = (
  userId: string,
  { offset, limit }: { readonly offset: number; readonly limit: number },
  organization?: string,
): Message => ({
  method: 'POST',
  path: '/management/v1/users/grants/_search',
  ...there(organization),
  body: { query: { offset: String(offset), limit, asc: true }, queries: [{ userIdQuery: { userId } }] },
});
/** One by its id; unlike the search it is brought up to date when asked for. */
export const getGrant = (userId: string, grantId: string, organization?: string): Message => ({
  method: 'GET',
  path: managed(userId, `grants/${encodeURIComponent(grantId)}`),
  ...there(organization),
});
export const removeGrant = (userId: string, grantId: string, organization?: string): Message => ({
  method: 'DELETE',
  path: managed(userId, `grants/${encodeURIComponent(grantId)}`),
  ...there(organization),
});
export const reactivateGrant = (userId: string, grantId: string, organization?: string): Message => ({
  method: 'POST',
  path: managed(userId, `grants/${encodeURIComponent(grantId)}/_reactivate`),
  ...there(organization),
  body: {},
});
