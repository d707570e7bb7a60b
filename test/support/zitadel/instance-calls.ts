/** What the instance says of itself: events, permissions, projects, features. */
import type { DescMethod } from '@bufbuild/protobuf';
import { AdminService } from '@zitadel/proto/zitadel/admin_pb.js';
import { AuthService } from '@zitadel/proto/zitadel/auth_pb.js';
import type { EventJson } from '@zitadel/proto/zitadel/event_pb.js';
import { FeatureService } from '@zitadel/proto/zitadel/feature/v2/feature_service_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import { alreadyExists, invalid, notFound } from './errors.ts';
import { handle } from './handlers.ts';
import type { Instance, StoredEvent } from './instance.ts';
import { permissionOf } from './permissions.ts';
import { SERVICES } from './services.ts';
import { listDetailsV1, matchesText, page } from './user-answers.ts';

const MOST_EVENTS = 1_000;

export const instanceHandlers = [
  ...handle(AdminService, {
    getMyInstance(_request, { instance }) {
      const domains = [{ domain: new URL(instance.url).hostname, primary: true }];
      return {
        instance: {
          id: instance.id,
          state: 'STATE_RUNNING' as const,
          name: 'ZITADEL',
          version: instance.version,
          domains,
        },
      };
    },
    listEvents({ limit = 0, asc = false, sequence, from, range, ...wanted }, { instance }) {
      const {
        editorUserId,
        eventTypes = [],
        aggregateId,
        aggregateTypes = [],
        resourceOwner,
        creationDate,
      } = wanted;
      if (aggregateId && aggregateTypes.length !== 1)
        throw invalid('ADMIN-stand13', 'Errors.Event.AggregateTypeMissing');
      const since = Date.parse(range?.since ?? from ?? creationDate ?? '') || 0;
      const all = instance.events.filter(
        (event) =>
          (!sequence || (asc ? event.sequence > Number(sequence) : event.sequence < Number(sequence))) &&
          (!editorUserId || event.editor === editorUserId) &&
          (eventTypes.length === 0 || eventTypes.includes(event.type)) &&
          (!aggregateId || event.aggregate.id === aggregateId) &&
          (aggregateTypes.length === 0 || aggregateTypes.includes(event.aggregate.type)) &&
          (!resourceOwner || event.aggregate.resourceOwner === resourceOwner) &&
          // Not what happened at that very moment.
          Date.parse(event.createdAt) > since &&
          (!range?.until || Date.parse(event.createdAt) <= Date.parse(range.until)),
      );
      const ordered = asc ? all : all.reverse();
      const most = Math.min(limit || MOST_EVENTS, MOST_EVENTS);
      return { events: ordered.slice(0, most).map((event) => shown(instance, event)) };
    },
    listEventTypes: (_request, { instance }) => ({
      eventTypes: instance.eventTypes.map((type) => ({
        type,
        localized: { key: `EventTypes.${type}`, localizedMessage: type },
      })),
    }),
    listAggregateTypes: () => ({
      aggregateTypes: ['instance', 'org', 'session', 'target', 'user', 'usergrant'].map((type) => ({ type })),
    }),
  }),
  ...handle(AuthService, {
    getMyUser: (_request, { actor }) => ({ user: { id: actor.userId } }),
    listMyZitadelPermissions(_request, { may }) {
      const declared = SERVICES.flatMap(({ methods }) => methods as DescMethod[]).map(permissionOf);
      // Looked at while ZITADEL works, and so in none of its protobufs.
      const all = [...declared, 'session.read', 'session.write', 'session.delete'];
      const asked = [...new Set(all)].filter(
        (one) => one !== undefined && one !== 'authenticated' && may(one),
      );
      return { result: asked as string[] };
    },
  }),
  ...handle(FeatureService, {
    getInstanceFeatures: (_request, { instance }) => ({
      details: instance.detailsHere(),
      ...instance.features,
    }),
    setInstanceFeatures(given, { instance }) {
      for (const [name, enabled] of Object.entries(given))
        instance.features[name] = { enabled, source: 'SOURCE_INSTANCE' };
      return { details: instance.detailsHere() };
    },
  }),
  ...handle(ManagementService, {
    addProject({ name = '' }, { instance, organization }) {
      const project = { id: instance.newId(), organization, name, roles: new Map<string, string>() };
      instance.projects.set(project.id, project);
      return { id: project.id, details: instance.detailsHere(organization) };
    },
    getProjectByID({ id }, { instance, organization }) {
      const { name } = projectOf(instance, [id, organization]);
      return {
        project: {
          id: id!,
          name,
          state: 'PROJECT_STATE_ACTIVE' as const,
          details: instance.detailsHere(organization),
        },
      };
    },
    listProjects({ query }, { instance, organization }) {
      const all = [...instance.projects.values()].filter((project) => project.organization === organization);
      const result = page(all, query).map(({ id, name }) => ({
        id,
        name,
        state: 'PROJECT_STATE_ACTIVE' as const,
      }));
      return { details: listDetailsV1(instance, all.length), result };
    },
    addProjectRole({ projectId, roleKey = '', displayName = '' }, { instance, organization }) {
      const { roles } = projectOf(instance, [projectId, organization]);
      if (roles.has(roleKey)) throw alreadyExists('V3-DKcYh', 'Errors.Project.Role.AlreadyExists');
      roles.set(roleKey, displayName);
      return { details: instance.detailsHere(organization) };
    },
    listProjectRoles({ projectId, query, queries = [] }, { instance, organization }) {
      const { roles } = projectOf(instance, [projectId, organization]);
      const all = [...roles].filter(([key]) =>
        queries.every(({ keyQuery }) => !keyQuery || matchesText(key, keyQuery.key ?? '', keyQuery.method)),
      );
      const result = page(all, { asc: true, ...query }).map(([key, displayName]) => ({ key, displayName }));
      return { details: listDetailsV1(instance, all.length), result };
    },
  }),
];

function projectOf(instance: Instance, [id = '', organization]: [string | undefined, string]) {
  const project = instance.projects.get(id);
  if (!project || project.organization !== organization)
    throw notFound('QUERY-fk2fs', 'Errors.Project.NotFound');
  return project;
}

/** With the whole payload, a password's hash included unless it is hidden. */
const shown = (instance: Instance, event: StoredEvent): EventJson => ({
  editor: { userId: event.editor, service: 'Management-API' },
  aggregate: {
    id: event.aggregate.id,
    type: { type: event.aggregate.type },
    resourceOwner: event.aggregate.resourceOwner,
  },
  sequence: String(event.sequence),
  creationDate: event.createdAt,
  payload: JSON.parse(JSON.stringify(instance.told(event))),
  type: { type: event.type },
});
