/** Which legacy organization is which at the target. */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';

export interface OrganizationLink {
  readonly target: string;
  /** The legacy organization, with its store's prefix. */
  readonly organization: string;
  readonly targetOrganizationId: string;
  readonly state: 'linked' | 'unlinked';
  /** As the target calls it. */
  readonly name: string | null;
  readonly ownerSub: string;
  readonly linkedAt: Date;
  readonly unlinkedAt: Date | null;
  readonly legacyEndedAt: Date | null;
  readonly dueAt: Date;
  readonly readAt: Date | null;
  readonly failures: number;
  readonly problem: LinkProblem | null;
}

export interface LinkProblem {
  readonly code: string;
  readonly detail?: string;
  /** ISO 8601: since when the target says that there is no such organization, or that we may not see it. */
  readonly goneSince?: string;
}

const COLUMNS = `target, organization, target_organization_id as "targetOrganizationId", state, name,
  owner_sub as "ownerSub", linked_at as "linkedAt", unlinked_at as "unlinkedAt", legacy_ended_at as "legacyEndedAt",
  due_at as "dueAt", read_at as "readAt", failures, problem`;

const FIND = statement(`select ${COLUMNS} from organization_links where target = $1 and organization = $2`);

export async function linkOf(
  q: Queryable,
  target: string,
  organization: string,
): Promise<OrganizationLink | undefined> {
  const [row] = await q.run<OrganizationLink>(FIND, [target, organization]);
  return row;
}

const FIND_THERE = statement(
  `select ${COLUMNS} from organization_links where target = $1 and target_organization_id = $2 and state = 'linked'`,
);

export async function linkByThere(
  q: Queryable,
  target: string,
  targetOrganizationId: string,
): Promise<OrganizationLink | undefined> {
  const [row] = await q.run<OrganizationLink>(FIND_THERE, [target, targetOrganizationId]);
  return row;
}

/**
 * A part named `organization_linked`: the row, if the earlier part `claim_taken` spent an organization's token. Another
 * organization's link to the same one at the target is a unique violation; an existing link of this one is left alone, and
 * the part is empty.
 */
export const linkOrganizationPart = (there: {
  readonly targetOrganizationId: string;
  readonly name: string;
}): Part => ({
  name: 'organization_linked',
  text: `insert into organization_links as o (target, organization, target_organization_id, state, name, owner_sub)
      select target, organization, $1::text, 'linked', $2::text, sub from claim_taken where purpose = 'organization'
    on conflict (target, organization) do update set target_organization_id = excluded.target_organization_id,
      state = 'linked', name = excluded.name, owner_sub = excluded.owner_sub, linked_at = now(), unlinked_at = null,
      legacy_ended_at = null, settled_at = null, due_at = now(), changed_at = null, lease = null, leased_until = null,
      read_at = null, failures = 0, problem = null
      where o.state = 'unlinked'
    returning ${COLUMNS}`,
  values: [there.targetOrganizationId, there.name],
});

const LINKS = statement(
  `select ${COLUMNS} from organization_links where target = $1 and organization = any($2::text[]) and state = 'linked'`,
);

/** Of these organizations, those that are linked. */
export const linksOf = (
  q: Queryable,
  target: string,
  organizations: readonly string[],
): Promise<OrganizationLink[]> => q.run<OrganizationLink>(LINKS, [target, organizations]);

const LINKED_AMONG = statement(`select distinct organization from organization_links
  where target = any($1::text[]) and organization = any($2::text[]) and state = 'linked'`);

/** Which of these legacy organizations are linked at one of these targets. */
export async function linkedAmong(
  q: Queryable,
  targets: readonly string[],
  organizations: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await q.run<{ organization: string }>(LINKED_AMONG, [targets, organizations]);
  return new Set(rows.map(({ organization }) => organization));
}

const LIST = statement(`select ${COLUMNS} from organization_links
  where ($1::text is null or target = $1) and ($2::text is null or state = $2)
  order by linked_at desc, target, organization limit $3`);

/** Also those that were unlinked; the newest first. */
export const listLinks = (
  q: Queryable,
  {
    target,
    state,
  }: { readonly target?: string | undefined; readonly state?: OrganizationLink['state'] | undefined },
  limit: number,
): Promise<OrganizationLink[]> => q.run<OrganizationLink>(LIST, [target ?? null, state ?? null, limit]);

/** A part named `organization_unlinked`: the row, if it was linked. Whoever is at it has lost their lease. */
export const unlinkPart = (target: string, organization: string): Part => ({
  name: 'organization_unlinked',
  text: `update organization_links set state = 'unlinked', unlinked_at = now(), due_at = now(), lease = null,
      leased_until = null, settled_at = null, failures = 0, problem = null
    where target = $1::text and organization = $2::text and state = 'linked' returning ${COLUMNS}`,
  values: [target, organization],
});

/** A link that one node attends to. */
export interface LeasedLink extends OrganizationLink {
  readonly lease: string;
  /** When a webhook last said that it has changed, as it was when the lease began; to the microsecond. */
  readonly changedAt: string | null;
}

/** The lease is not renewed: one reading and one round of writing stay well below it. */
const LEASE_SECONDS = 300;

const LEASE = statement(`with due as materialized (
    select target, organization from organization_links
    where (state = 'linked' or settled_at is null) and due_at <= now() and target = any($2::text[])
      and (leased_until is null or leased_until <= now())
    order by due_at limit $3 for update skip locked)
  update organization_links set lease = $1, leased_until = now() + interval '${LEASE_SECONDS} seconds'
  where (target, organization) in (select target, organization from due)
  returning ${COLUMNS}, lease, changed_at::text as "changedAt"`);

/** Those that it is time for, also unlinked ones of which something is still to be told. `lease`: never used before. */
export const leaseDueLinks = (
  q: Queryable,
  {
    lease,
    targets,
    limit,
  }: { readonly lease: string; readonly targets: readonly string[]; readonly limit: number },
): Promise<LeasedLink[]> => q.run<LeasedLink>(LEASE, [lease, targets, limit]);

type Held = Pick<LeasedLink, 'target' | 'organization' | 'lease'>;
const heldValues = ({ target, organization, lease }: Held) => [target, organization, lease];

const HOLD = statement(`select ${COLUMNS} from organization_links
  where target = $1 and organization = $2 and lease = $3 for update`);

/** As it is now, and nobody changes it until the transaction's end; undefined: the lease is no longer ours. */
export async function holdLink(tx: Queryable, link: Held): Promise<OrganizationLink | undefined> {
  const [row] = await tx.run<OrganizationLink>(HOLD, heldValues(link));
  return row;
}

/** A part named `organization_held` with target and organization, if the lease is still ours. */
export const heldPart = (link: Held): Part => ({
  name: 'organization_held',
  text: `select target, organization from organization_links
    where target = $1::text and organization = $2::text and lease = $3::text for update`,
  values: heldValues(link),
});

/** A part named `organization_linked_still` with target and organization, whoever has the lease. */
export const stillLinkedPart = ({ target, organization }: Pick<Held, 'target' | 'organization'>): Part => ({
  name: 'organization_linked_still',
  text: `select target, organization from organization_links
    where target = $1::text and organization = $2::text and state = 'linked' for update`,
  values: [target, organization],
});

/** A part for a transaction that holds the link: its members were read. */
export const readPart = ({ target, organization }: Held): Part => ({
  name: 'organization_read',
  text: `update organization_links set read_at = now(), problem = null where target = $1::text and organization = $2::text`,
  values: [target, organization],
});

/** How long the target has to keep saying so before it is believed. */
export const GONE_SECONDS = 3_600;
const GONE =
  statement(`update organization_links set problem = jsonb_build_object('code', 'connection_revoked',
    'goneSince', coalesce(problem->'goneSince', to_jsonb(now())))
  where target = $1 and organization = $2 returning greatest(0, ${GONE_SECONDS}
    - extract(epoch from now() - (problem->>'goneSince')::timestamptz))::float8 as "seconds"`);

/** The target has said that it is gone, in a transaction that holds the link: for how long it is not yet believed. */
export async function noteGone(tx: Queryable, { target, organization }: Held): Promise<number> {
  const [row] = await tx.run<{ seconds: number }>(GONE, [target, organization]);
  return row?.seconds ?? GONE_SECONDS;
}

/** A part for a statement after `organization_held`: the legacy store has deleted its memberships. */
export const legacyEndedPart = (): Part => ({
  name: 'organization_legacy_ended',
  text: `update organization_links set legacy_ended_at = now()
    where (target, organization) in (select target, organization from organization_held)`,
  values: [],
});

export interface Release {
  /** Rounds in a row that went wrong. */
  readonly failures: number;
  /** Undefined: as it was noted. Since when it is gone is kept, because an outage says nothing of that. */
  readonly problem?: LinkProblem | null;
  /** When it is due again, unless it was told meanwhile that something has changed. */
  readonly seconds: number;
  /** It is due again after that time, whatever was told meanwhile. */
  readonly isPatient?: boolean;
  /** Of an unlinked one: nothing is left to be told. */
  readonly isSettled?: boolean;
}

const RELEASE = statement(`update organization_links set lease = null, leased_until = null, failures = $4,
    problem = case when $5 then problem when $6::jsonb is null then null
      when problem ? 'goneSince' then $6::jsonb || jsonb_build_object('goneSince', problem->'goneSince')
      else $6::jsonb end,
    due_at = case when not $8 and changed_at is distinct from $9::timestamptz then now()
      else now() + make_interval(secs => $7) end,
    settled_at = case when $10 and state = 'unlinked' then now() else settled_at end
  where target = $1 and organization = $2 and lease = $3`);

/** Gives the lease back. What was told since it began makes it due again at once. */
export async function releaseLink(q: Queryable, link: LeasedLink, release: Release): Promise<void> {
  const { failures, problem, seconds, isPatient = false, isSettled = false } = release;
  await q.run(RELEASE, [
    ...heldValues(link),
    failures,
    problem === undefined,
    problem ? JSON.stringify(problem) : null,
    seconds,
    isPatient,
    link.changedAt,
    isSettled,
  ]);
}

/** At the target. */
export interface ChangedOrganization {
  readonly target: string;
  readonly targetOrganizationId: string;
}

const CHANGED = statement(`with told as materialized (
    select l.target, l.organization from organization_links l
    join unnest($1::text[], $2::text[]) as c(target, id) on l.target = c.target and l.target_organization_id = c.id
    where l.state = 'linked' order by l.target, l.organization for update of l)
  update organization_links set due_at = least(due_at, now()), changed_at = clock_timestamp()
  where (target, organization) in (select target, organization from told)`);

/** They are read now; those that are being read are read again. */
export async function markChanged(q: Queryable, changed: readonly ChangedOrganization[]): Promise<void> {
  if (changed.length === 0) return;
  await q.run(CHANGED, [
    changed.map(({ target }) => target),
    changed.map(({ targetOrganizationId }) => targetOrganizationId),
  ]);
}
