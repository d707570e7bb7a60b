/** Organizations, and authorizations in them: what in the first version is called a grant. */
import { AdminService } from '@zitadel/proto/zitadel/admin_pb.js';
import type { AuthorizationJson } from '@zitadel/proto/zitadel/authorization/v2beta/authorization_pb.js';
import { AuthorizationService } from '@zitadel/proto/zitadel/authorization/v2beta/authorization_service_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import { OrganizationService } from '@zitadel/proto/zitadel/org/v2/org_service_pb.js';
import { alreadyExists, precondition } from './errors.ts';
import { addGrant, changeGrant, grantById, removeGrant } from './grants.ts';
import { handle } from './handlers.ts';
import type { Actor, Instance, Organization } from './instance.ts';
import { listDetails, listDetailsV1, matchesText, page, userById } from './user-answers.ts';
import { organizationOf } from './users-v2.ts';

export function addOrganization(
  instance: Instance,
  given: { readonly name: string; readonly id?: string; readonly domain?: string },
  actor: Actor,
): Organization {
  const id = given.id ?? instance.newId();
  if (instance.organizations.has(id)) throw precondition('ORG-laho2n', 'Errors.Org.AlreadyExisting');
  if ([...instance.organizations.values()].some(({ name }) => name === given.name))
    throw alreadyExists('V3-DKcYh', 'Errors.Org.AlreadyExists');
  const label = given.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const organization: Organization = {
    id,
    name: given.name,
    domains: [given.domain ?? `${label}.${new URL(instance.url || 'http://localhost').hostname}`],
    policies: {},
    isActive: true,
  };
  instance.organizations.set(id, organization);
  const aggregate = { type: 'org', id, resourceOwner: id };
  instance.push({ type: 'org.added', aggregate, payload: { name: given.name } }, actor);
  return organization;
}

const shown = (instance: Instance, organization: Organization) => ({
  id: organization.id,
  details: instance.detailsHere(organization.id),
  name: organization.name,
  primaryDomain: organization.domains[0] ?? '',
});
const IS_ACTIVE = { state: 'ORG_STATE_ACTIVE' } as const;

interface OrganizationQuery {
  readonly idQuery?: { readonly id?: string };
  readonly nameQuery?: { readonly name?: string; readonly method?: Parameters<typeof matchesText>[2] };
  readonly domainQuery?: { readonly domain?: string; readonly method?: Parameters<typeof matchesText>[2] };
  readonly stateQuery?: { readonly state?: string };
  readonly defaultQuery?: object;
}

function found(instance: Instance, queries: readonly OrganizationQuery[]): Organization[] {
  const [first] = instance.organizations.values();
  return [...instance.organizations.values()].filter((one) =>
    queries.every(({ idQuery, nameQuery, domainQuery, stateQuery, defaultQuery }) => {
      if (idQuery) return one.id === idQuery.id;
      if (nameQuery) return matchesText(one.name, nameQuery.name ?? '', nameQuery.method);
      if (domainQuery)
        return one.domains.some((domain) =>
          matchesText(domain, domainQuery.domain ?? '', domainQuery.method),
        );
      if (defaultQuery) return one === first;
      return !stateQuery || one.isActive === (stateQuery.state !== 'ORGANIZATION_STATE_INACTIVE');
    }),
  );
}

export const organizationHandlers = [
  ...handle(OrganizationService, {
    addOrganization({ name = '', orgId }, { instance, actor }) {
      const { id } = addOrganization(instance, { name, ...(orgId && { id: orgId }) }, actor);
      return { organizationId: id, details: instance.detailsHere(id) };
    },
    listOrganizations({ query, queries = [] }, { instance }) {
      const all = found(instance, queries as OrganizationQuery[]);
      const result = page(all, query).map((one) => ({
        ...shown(instance, one),
        state: one.isActive
          ? ('ORGANIZATION_STATE_ACTIVE' as const)
          : ('ORGANIZATION_STATE_INACTIVE' as const),
      }));
      return { details: listDetails(instance, all.length), result };
    },
  }),
  ...handle(ManagementService, {
    getMyOrg(_request, { instance, organization }) {
      return {
        org: { ...shown(instance, organizationOf(instance, organization)), ...IS_ACTIVE },
      };
    },
    addOrg({ name = '' }, { instance, actor }) {
      const { id } = addOrganization(instance, { name }, actor);
      return { id, details: instance.detailsHere(id) };
    },
    addOrgDomain({ domain = '' }, { instance, organization }) {
      organizationOf(instance, organization).domains.push(domain);
      return { details: instance.detailsHere(organization) };
    },
  }),
  ...handle(AdminService, {
    listOrgs({ query, queries = [] }, { instance }) {
      const all = found(instance, queries as OrganizationQuery[]);
      const result = page(all, query).map((one) => ({
        ...shown(instance, one),
        state: 'ORG_STATE_ACTIVE' as const,
      }));
      return { details: listDetailsV1(instance, all.length), result };
    },
    getOrgByID({ id = '' }, { instance }) {
      return { org: { ...shown(instance, organizationOf(instance, id)), ...IS_ACTIVE } };
    },
    removeOrg({ orgId = '' }, { instance, actor }) {
      organizationOf(instance, orgId);
      instance.organizations.delete(orgId);
      for (const user of instance.users.values())
        if (user.organization === orgId) instance.users.delete(user.id);
      instance.push(
        { type: 'org.removed', aggregate: { type: 'org', id: orgId, resourceOwner: orgId } },
        actor,
      );
      instance.catchUp();
      return { details: instance.detailsHere(orgId) };
    },
  }),
  ...handle(AuthorizationService, {
    createAuthorization({ userId = '', projectId = '', organizationId, roleKeys = [] }, call) {
      const user = userById(call.instance, userId, 'COMMAND-4f8sg');
      const organization = organizationId ?? user.organization;
      const grant = addGrant(call, { userId, projectId, projectGrantId: '', roleKeys, organization });
      return { id: grant.id, creationDate: call.instance.time };
    },
    updateAuthorization({ id = '', roleKeys = [] }, { instance, actor }) {
      changeGrant(instance, grantById(instance, id), [roleKeys, actor]);
      return { changeDate: instance.time };
    },
    deleteAuthorization({ id = '' }, { instance, actor }) {
      const grant = instance.grants.get(id);
      // Whatever is not there is as good as deleted.
      if (!grant) return {};
      removeGrant(instance, grant, ['user.grant.removed', actor]);
      return { deletionDate: instance.time };
    },
    listAuthorizations({ filters = [] }, { instance }) {
      const all = [...instance.grants.values()].filter((grant) =>
        filters.every(({ userId, projectId, organizationId, authorizationIds }) => {
          if (userId) return grant.userId === userId.id;
          if (projectId) return grant.projectId === projectId.id;
          if (organizationId) return grant.organization === organizationId.id;
          return !authorizationIds || (authorizationIds.ids ?? []).includes(grant.id);
        }),
      );
      const authorizations = all.map(
        (grant): AuthorizationJson => ({
          id: grant.id,
          projectId: grant.projectId,
          organizationId: grant.organization,
          user: { id: grant.userId },
          state: grant.isActive ? 'STATE_ACTIVE' : 'STATE_INACTIVE',
          roles: grant.roleKeys,
        }),
      );
      return { pagination: { totalResult: String(all.length), appliedLimit: '100' }, authorizations };
    },
  }),
];
