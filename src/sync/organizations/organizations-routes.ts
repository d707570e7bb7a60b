/** What targets and apps read of linked organizations and who is in them: as the target last said. */
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { CallerDeps } from '../../migration/caller.ts';
import { authenticate, challengeOf } from '../../migration/caller.ts';
import { linkOf, linksOf } from '../../migration/claim-tokens/organization-links.ts';
import type { OrganizationMember } from '../../migration/claim-tokens/organization-members.ts';
import { membershipsOf, membersPage } from '../../migration/claim-tokens/organization-members.ts';
import type { RouteDescription } from '../../migration/json-routes.ts';
import { parseInput, problems } from '../../migration/json-routes.ts';
import { find } from '../../migration/ledger.ts';
import { subject } from '../../migration/schemas.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { Queryable } from '../../store/db.ts';
import { peopleOf } from './people.ts';
import { MAX_ORGANIZATIONS } from './roles.ts';

const SCOPE = 'migration:read';
/** One answer stays below a megabyte. */
const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;
const ERRORS = [
  'bad_request',
  'unauthorized',
  'insufficient_scope',
  'already_retired',
  'storage_unavailable',
] as const;
const NOBODY = Buffer.alloc(0);

const membership = {
  roles: z.array(z.string()).describe('The target’s names.'),
  legacyRoles: z.array(z.string()).describe('What that makes them in legacy apps.'),
  joinedAt: z.iso.datetime().describe('When we saw them as a member first, since they joined.'),
};
const organization = subject.describe('The legacy organization: its id with its store’s prefix.');
const targetOrganizationId = z.string().describe('Its id at the target.');
const bySub = z.object({ sub: subject });
const byOrganization = z.object({
  organization,
  after: z
    .string()
    .max(255)
    .refine((text) => !text.includes('\0'), { error: 'expected an id' })
    .default('')
    .describe('Members after this id at the target: `next` of the page before.'),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
});

const membersAnswer = z.object({
  organization,
  targetOrganizationId,
  name: z.string().optional().describe('As the target calls it.'),
  readAt: z.iso.datetime().optional().describe('When its members were last read there; absent: not yet.'),
  problem: z.string().optional().describe('Why they could not be read the last time: a stable code.'),
  members: z.array(
    z.object({
      targetUserId: z.string(),
      sub: subject.optional().describe('Whoever that is here; absent: nobody that is linked.'),
      membershipId: z.string().optional(),
      ...membership,
    }),
  ),
  next: z.string().optional().describe('There are more, after this one.'),
});

const organizationsAnswer = z.object({
  sub: subject,
  organizations: z.array(
    z.object({
      organization,
      targetOrganizationId: targetOrganizationId.optional(),
      name: z.string().optional(),
      ...membership,
    }),
  ),
});

const MEMBERS: RouteDescription = {
  method: 'GET',
  path: '/migration/organizations/:organization/members',
  summary: 'Who is in a linked organization, as the target last said, a page at a time.',
  scope: SCOPE,
  parameters: byOrganization,
  response: membersAnswer,
  errors: [...ERRORS, 'organization_not_found'],
};

const ORGANIZATIONS: RouteDescription = {
  method: 'GET',
  path: '/migration/users/:sub/organizations',
  summary:
    'The linked organizations that somebody is in, as the target last said; empty for whoever is not linked.',
  scope: SCOPE,
  parameters: bySub,
  response: organizationsAnswer,
  errors: ERRORS,
};

/** For the API's description. */
export const organizationsOperations: readonly RouteDescription[] = [MEMBERS, ORGANIZATIONS];

export interface OrganizationsRoutesDeps extends CallerDeps {
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
}

/** A caller sees what its own target says. */
export function organizationsRoutes(deps: OrganizationsRoutesDeps): Router {
  const router = new Router();
  const guarded = problems({
    onError: deps.onError,
    challenge: (error, ctx) => challengeOf(error, ctx.req.headers, SCOPE),
  });
  const targetOf = async (ctx: Context): Promise<string> =>
    (await authenticate(deps, { headers: ctx.req.headers, body: NOBODY }, SCOPE)).target.name;
  router.get(MEMBERS.path, guarded, async (ctx) => {
    const target = await targetOf(ctx as Context);
    const asked = parseInput(byOrganization, { ...ctx.query, organization: ctx.params.organization });
    ctx.body = await membersOf(deps.db, target, asked);
  });
  router.get(ORGANIZATIONS.path, guarded, async (ctx) => {
    const target = await targetOf(ctx as Context);
    ctx.body = await organizationsOf(deps.db, target, parseInput(bySub, ctx.params).sub);
  });
  return router;
}

async function membersOf(q: Queryable, target: string, asked: z.output<typeof byOrganization>) {
  const { organization, after, limit } = asked;
  const link = await linkOf(q, target, organization);
  if (link?.state !== 'linked') throw new FootbridgeError('organization_not_found');
  const page = await membersPage(q, { target, organization }, { after, limit: limit + 1 });
  const members = page.slice(0, limit);
  const ids = members.map(({ targetUserId }) => targetUserId);
  const people = await peopleOf(q, target, ids);
  return membersAnswer.parse({
    organization,
    targetOrganizationId: link.targetOrganizationId,
    name: link.name ?? undefined,
    readAt: link.readAt?.toISOString(),
    problem: link.problem?.code,
    members: members.map((member) => ({
      ...shown(member),
      targetUserId: member.targetUserId,
      sub: people.get(member.targetUserId),
      membershipId: member.membershipId ?? undefined,
    })),
    next: page.length > limit ? ids.at(-1) : undefined,
  });
}

async function organizationsOf(q: Queryable, target: string, sub: string) {
  const row = await find(q, target, sub);
  const targetUserId = row && hasTargetUser(row.state) ? row.targetUserId : null;
  if (targetUserId === null) return { sub, organizations: [] };
  const memberships = await membershipsOf(q, [{ target, targetUserId }], MAX_ORGANIZATIONS);
  const keys = memberships.map((one) => one.organization);
  const links = new Map((await linksOf(q, target, keys)).map((link) => [link.organization, link]));
  return organizationsAnswer.parse({
    sub,
    organizations: memberships.map((member) => ({
      ...shown(member),
      organization: member.organization,
      targetOrganizationId: links.get(member.organization)?.targetOrganizationId,
      name: links.get(member.organization)?.name ?? undefined,
    })),
  });
}

const shown = ({ roles, legacyRoles, joinedAt }: OrganizationMember) => ({
  roles,
  legacyRoles,
  joinedAt: joinedAt.toISOString(),
});
