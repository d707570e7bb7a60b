/** `/api/v1`: what is asked with tokens, with an app's name and secret, and by everybody. */
import { memberAnswer, membershipsAnswer, organizationAnswer, personAnswer } from './answers.ts';
import type { HubApp } from './apps.ts';
import type { Membership } from './directory.ts';
import { ROLES } from './directory.ts';
import type { Call, Reply } from './http.ts';
import { apiError, basicOf } from './http.ts';
import { eventsPage } from './loom.ts';
import { allows } from './scopes.ts';
import { basicApp } from './token-endpoint.ts';
import type { Grant } from './tokens.ts';
import type { HubWorld } from './world.ts';

type Route = (world: HubWorld, call: Call, id: string) => Reply | Promise<Reply>;

async function bearer(
  world: HubWorld,
  call: Call,
  type: 'Person' | 'Organization',
  scope: string,
): Promise<Grant> {
  const grant = await world.tokens.read(call.headers.authorization);
  if (grant.bearer.type !== type || !allows(grant.scopes, scope)) throw apiError(401, 'unpermitted_scope');
  return grant;
}

const json = (body: object, status = 200): Reply => ({ status, body });

const membershipOf = async (world: HubWorld, call: Call, { id, scope }: { id: string; scope: string }) => {
  const grant = await bearer(world, call, 'Organization', scope);
  const membership = world.directory.memberships.get(id);
  if (membership?.organizationId !== grant.bearer.id) throw apiError(404, 'not_found');
  return membership;
};
const tellOf = (world: HubWorld, name: string, { id, personId, organizationId, roles }: Membership) =>
  world.tell(
    name,
    { type: 'Organization', id: organizationId },
    { membership_id: id, person_id: personId, roles },
  );

const ROUTES: readonly (readonly [string, RegExp, Route])[] = [
  [
    'GET',
    /^\/person$/,
    async (world, call) => {
      const { bearer: it } = await bearer(world, call, 'Person', 'person.r');
      const person = world.directory.people.get(it.id);
      if (!person) throw apiError(404, 'not_found');
      return json(personAnswer(world.directory, person));
    },
  ],
  [
    'GET',
    /^\/person\/organization_memberships$/,
    async (world, call) => {
      const { bearer: it } = await bearer(world, call, 'Person', 'person.r');
      return json(membershipsAnswer(world.directory, it.id));
    },
  ],
  [
    'POST',
    /^\/person\/organizations$/,
    async (world, call) => {
      const { bearer: it, app } = await bearer(world, call, 'Person', 'organizations.w');
      return json(newOrganization(world, app, { personId: it.id, document: call.document }), 201);
    },
  ],
  [
    'GET',
    /^\/organization$/,
    async (world, call) => {
      const { bearer: it } = await bearer(world, call, 'Organization', 'organization.r');
      const organization = world.directory.organizations.get(it.id);
      if (!organization) throw apiError(404, 'not_found');
      return json(organizationAnswer(organization));
    },
  ],
  [
    'GET',
    /^\/organization\/memberships$/,
    async (world, call) => {
      const { bearer: it } = await bearer(world, call, 'Organization', 'organization_members.r');
      return membersPage(world, call, it.id);
    },
  ],
  [
    'GET',
    /^\/organization\/memberships\/([\w-]+)$/,
    async (world, call, id) =>
      json(
        memberAnswer(
          world.directory,
          await membershipOf(world, call, { id, scope: 'organization_members.r' }),
        ),
      ),
  ],
  [
    'PATCH',
    /^\/organization\/memberships\/([\w-]+)$/,
    async (world, call, id) => {
      const membership = await membershipOf(world, call, { id, scope: 'organization_members.rw' });
      const { roles } = ((call.document ?? {}) as { membership?: { roles?: unknown } }).membership ?? {};
      const isRoles =
        Array.isArray(roles) && roles.every((role) => (ROLES as readonly string[]).includes(role));
      if (!isRoles || roles.includes('owner') || membership.roles.includes('owner'))
        throw apiError(422, 'invalid_roles');
      membership.roles = roles;
      tellOf(world, 'member_roles_updated', membership);
      return json(memberAnswer(world.directory, membership));
    },
  ],
  [
    'DELETE',
    /^\/organization\/memberships\/([\w-]+)$/,
    async (world, call, id) => {
      const membership = await membershipOf(world, call, { id, scope: 'organization_members.rw' });
      if (membership.roles.includes('owner')) throw apiError(403, 'owner_cannot_be_removed');
      world.directory.memberships.delete(id);
      tellOf(world, 'member_left', membership);
      return { status: 204 };
    },
  ],
  [
    'GET',
    /^\/roles$/,
    () =>
      json(ROLES.map((id) => ({ id, name: id.charAt(0).toUpperCase() + id.slice(1).replaceAll('_', ' ') }))),
  ],
  [
    'GET',
    /^\/jwt_public_keys(?:\.json)?$/,
    (world) => json({ keys: world.tokens.keys.map(({ jwk }) => jwk) }),
  ],
  ['GET', /^\/revoked_access_tokens$/, (world) => json({ revoked_token_ids: [...world.tokens.revoked] })],
  [
    'POST',
    /^\/revoked_access_tokens$/,
    async (world, call) => {
      const { jti, bearer: it } = await world.tokens.read(call.headers.authorization);
      world.tokens.revoked.add(jti);
      world.tell('revoked_access_token', it, { access_token_id: jti });
      return json({ access_token_id: jti }, 201);
    },
  ],
  [
    'GET',
    /^\/connections$/,
    (world, call) => {
      const app = basicApp(world, call);
      return json(
        [...world.directory.connections.values()]
          .filter(({ clientId }) => clientId === app.clientId)
          .map(({ bearer: it, scopes, createdAt }) => ({
            connectable_type: it.type,
            connectable_id: it.id,
            created_at: createdAt.toISOString(),
            updated_at: createdAt.toISOString(),
            app_name: app.name,
            granted_oauth_scopes: [...scopes],
          })),
      );
    },
  ],
  [
    'GET',
    /^\/events$/,
    (world, call) => {
      const basic = basicOf(call);
      const app = [...world.apps.values()].find(
        ({ name, eventPassword }) => name === basic?.name && eventPassword === basic.password,
      );
      if (!app) throw apiError(401, 'unauthorized');
      const events = world.loom.events.filter((one) => one.app === app).map(({ event }) => event);
      return eventsPage(events, call.url, world.url());
    },
  ],
];

function membersPage({ directory, options, url }: HubWorld, call: Call, organizationId: string): Reply {
  const all = directory.membersOf(organizationId).map((one) => memberAnswer(directory, one));
  if (all.length <= options.membersPerPage) return json(all);
  const page = Number(call.url.searchParams.get('page') ?? 1);
  const [from, to] = [(page - 1) * options.membersPerPage, page * options.membersPerPage];
  const next = `<${url()}${call.url.pathname}?page=${page + 1}>; rel="next"`;
  return { status: 200, headers: to < all.length ? { link: next } : {}, body: all.slice(from, to) };
}

function newOrganization(
  world: HubWorld,
  app: HubApp,
  { personId, document }: { readonly personId: string; readonly document: unknown },
) {
  const { organization: given } = (document ?? {}) as {
    organization?: { name?: unknown; country_code?: unknown; kinds?: unknown };
  };
  if (typeof given?.name !== 'string' || given.name === '' || given.country_code === undefined)
    throw apiError(422, 'name or country_code is missing');
  const organization = world.directory.addOrganization({
    name: given.name,
    countryCode: typeof given.country_code === 'string' ? given.country_code : null,
    ...(Array.isArray(given.kinds) && { kinds: given.kinds.map(String) }),
  });
  world.directory.addMembership(organization.id, personId, ['owner']);
  // The app is connected at once, with all that it wants of organizations.
  const scopes = app.desiredScopes.filter((scope) => /^organization(?:_members)?\./.test(scope));
  world.connect(
    app,
    { type: 'Organization', id: organization.id },
    scopes.map((scope) => `zaikio.${scope}`),
  );
  return organizationAnswer(organization);
}

export async function api(world: HubWorld, call: Call): Promise<Reply> {
  const path = call.url.pathname.slice('/api/v1'.length);
  for (const [method, pattern, answer] of ROUTES) {
    const match = method === call.method ? pattern.exec(path) : null;
    if (match) return answer(world, call, match[1] ?? '');
  }
  throw apiError(404, 'not_found');
}
