/** Who is in a linked organization, as the target last said, and what the legacy store was told of it. */
import { auditDetail, auditEachPart } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import { rowsPart } from '../../store/statement.ts';

interface Organization {
  readonly target: string;
  /** The legacy organization, with its store's prefix. */
  readonly organization: string;
}

export interface OrganizationMember {
  readonly targetUserId: string;
  readonly membershipId: string | null;
  /** The target's. */
  readonly roles: readonly string[];
  /** What they are in the legacy apps. */
  readonly legacyRoles: readonly string[];
  readonly joinedAt: Date;
  readonly changedAt: Date;
  /** They are a member no more. */
  readonly endedAt: Date | null;
}

const COLUMNS = `target_user_id as "targetUserId", membership_id as "membershipId", roles, legacy_roles as "legacyRoles",
  joined_at as "joinedAt", changed_at as "changedAt", ended_at as "endedAt"`;

const ALL = statement(`select ${COLUMNS} from organization_members where target = $1 and organization = $2`);

/** Also those who have left. */
export const everyMember = (
  q: Queryable,
  { target, organization }: Organization,
): Promise<OrganizationMember[]> => q.run<OrganizationMember>(ALL, [target, organization]);

const COUNT = statement(`select target, organization, count(*)::int as members from organization_members
  where (target, organization) in (select * from unnest($1::text[], $2::text[])) and ended_at is null
  group by target, organization`);

/** How many members each of these has now; those without any are left out. */
export const countMembers = (
  q: Queryable,
  organizations: readonly Organization[],
): Promise<(Organization & { readonly members: number })[]> =>
  q.run<Organization & { readonly members: number }>(COUNT, [
    organizations.map(({ target }) => target),
    organizations.map(({ organization }) => organization),
  ]);

const PAGE = statement(`select ${COLUMNS} from organization_members
  where target = $1 and organization = $2 and ended_at is null and target_user_id > $3
  order by target_user_id limit $4`);

/** Members now, by their ids at the target, after this one (empty at the start). */
export const membersPage = (
  q: Queryable,
  { target, organization }: Organization,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<OrganizationMember[]> => q.run<OrganizationMember>(PAGE, [target, organization, after, limit]);

export interface Membership extends OrganizationMember, Organization {}

const OF = statement(`select target, organization, ${COLUMNS} from organization_members
  where (target, target_user_id) in (select * from unnest($1::text[], $2::text[])) and ended_at is null
  order by target, organization limit $3`);

/** What these users of targets are members of now. */
export const membershipsOf = (
  q: Queryable,
  users: readonly { readonly target: string; readonly targetUserId: string }[],
  limit: number,
): Promise<Membership[]> =>
  q.run<Membership>(OF, [
    users.map(({ target }) => target),
    users.map(({ targetUserId }) => targetUserId),
    limit,
  ]);

export interface MemberChange {
  readonly kind: 'joined' | 'changed' | 'left';
  readonly targetUserId: string;
  readonly membershipId: string | null;
  readonly roles: readonly string[];
  readonly legacyRoles: readonly string[];
}

export interface MemberChanges {
  readonly changes: readonly MemberChange[];
  readonly actor: string;
  /** The audit log's pseudonym of whoever is known to be this user of the target. */
  readonly subjectOf: (targetUserId: string) => Buffer | undefined;
  /** Why they left, where it is not simply so. */
  readonly reason?: string;
  /** False: the organization is linked no more, and what the legacy store says of its members stays. */
  readonly isToTell: boolean;
}

const ACTIONS = {
  joined: 'organization.member-joined',
  changed: 'organization.member-changed',
  left: 'organization.member-left',
} as const satisfies Record<MemberChange['kind'], string>;

/**
 * Parts that write the changes down, with a record for each. The legacy store is to be told of whoever has changed: what it
 * was told before is forgotten, or a kill between telling and noting could leave it with what came in between.
 */
export function changeParts(
  at: Organization,
  { changes, actor, subjectOf, reason, isToTell }: MemberChanges,
): Part[] {
  const { target, organization } = at;
  const detailOf = ({ targetUserId, legacyRoles }: MemberChange) =>
    auditDetail({
      target,
      organization,
      targetUserId,
      legacyRoles: [...legacyRoles],
      ...(reason ? { reason } : {}),
    });
  const rows = rowsPart('member_changes', {
    kind: ['text', changes.map(({ kind }) => kind)],
    target_user_id: ['text', changes.map(({ targetUserId }) => targetUserId)],
    membership_id: ['text', changes.map(({ membershipId }) => membershipId)],
    roles: ['jsonb', changes.map(({ roles }) => JSON.stringify(roles))],
    legacy_roles: ['jsonb', changes.map(({ legacyRoles }) => JSON.stringify(legacyRoles))],
    subject: ['bytea', changes.map(({ targetUserId }) => subjectOf(targetUserId) ?? null)],
    detail: ['jsonb', changes.map(detailOf)],
  });
  const kinds = [...new Set(changes.map(({ kind }) => kind))];
  const records = kinds.flatMap((kind): Part[] => [
    {
      name: `members_${kind}`,
      text: `select subject, detail from member_changes where kind = '${kind}'`,
      values: [],
    },
    auditEachPart({ actor, action: ACTIONS[kind] }, `members_${kind}`),
  ]);
  return [rows, presentPart(at), leftPart(at, isToTell), ...records];
}

const presentPart = ({ target, organization }: Organization): Part => ({
  name: 'members_present',
  text: `insert into organization_members as m
      (target, organization, target_user_id, membership_id, roles, legacy_roles)
    select $1::text, $2::text, target_user_id, membership_id, array(select jsonb_array_elements_text(roles)),
      array(select jsonb_array_elements_text(legacy_roles)) from member_changes where kind <> 'left'
    on conflict (target, organization, target_user_id) do update set membership_id = excluded.membership_id,
      roles = excluded.roles, legacy_roles = excluded.legacy_roles, changed_at = now(), ended_at = null,
      joined_at = case when m.ended_at is null then m.joined_at else now() end, written_roles = null`,
  values: [target, organization],
});

const leftPart = ({ target, organization }: Organization, isToTell: boolean): Part => ({
  name: 'members_gone',
  text: `update organization_members m set ended_at = now(), changed_at = now(),
      written_roles = case when $3::boolean then null else coalesce(m.written_roles, '{}') end
    from member_changes c where m.target = $1::text and m.organization = $2::text
      and m.target_user_id = c.target_user_id and c.kind = 'left' and m.ended_at is null`,
  values: [target, organization, isToTell],
});

/** Somebody of whom the legacy store is to be told. */
export interface UntoldMember extends Organization {
  readonly targetUserId: string;
  readonly legacyRoles: readonly string[];
  readonly isEnded: boolean;
}

const UNTOLD =
  statement(`select target, organization, target_user_id as "targetUserId", legacy_roles as "legacyRoles",
    ended_at is not null as "isEnded" from organization_members
  where target = $1 and organization = $2 and written_roles is null
  order by written_at nulls first, target_user_id limit $3`);

/** Whoever was tried in vain comes last. */
export const untoldMembers = (
  q: Queryable,
  { target, organization }: Organization,
  limit: number,
): Promise<UntoldMember[]> => q.run<UntoldMember>(UNTOLD, [target, organization, limit]);

/** A part after `organization_held`: the store was told of this. Returns a row unless something has changed since. */
export const toldPart = ({ targetUserId, legacyRoles, isEnded }: UntoldMember): Part => ({
  name: 'member_told',
  text: `update organization_members m set written_roles = $2::text[], written_at = now() from organization_held h
    where m.target = h.target and m.organization = h.organization and m.target_user_id = $1::text
      and m.written_roles is null and m.legacy_roles = $3::text[] and (m.ended_at is not null) = $4::boolean
    returning m.target_user_id`,
  values: [targetUserId, isEnded ? [] : legacyRoles, legacyRoles, isEnded],
});

/** A part after `organization_held`: the store could not be told, and others go first. */
export const notToldPart = ({ targetUserId }: UntoldMember): Part => ({
  name: 'member_not_told',
  text: `update organization_members m set written_at = now() from organization_held h
    where m.target = h.target and m.organization = h.organization and m.target_user_id = $1::text`,
  values: [targetUserId],
});

/** A part after `organization_linked_still`: somebody was told of what may no longer be so; it is told anew. */
export const tellAnewPart = ({ targetUserId }: Pick<UntoldMember, 'targetUserId'>): Part => ({
  name: 'member_to_tell_anew',
  text: `update organization_members m set written_roles = null from organization_linked_still l
    where m.target = l.target and m.organization = l.organization and m.target_user_id = $1::text`,
  values: [targetUserId],
});

/** A part after `organization_held`: the store has forgotten all members, and is told of those there are. */
export const tellAllAnewPart = (): Part => ({
  name: 'members_to_tell_anew',
  text: `update organization_members m set written_roles = null, written_at = null from organization_held h
    where m.target = h.target and m.organization = h.organization and m.ended_at is null`,
  values: [],
});
