/** An organization is linked no more: its members are what the legacy store says of them. */
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { revokeClaimTokens } from '../../migration/claim-tokens/claim-tokens.ts';
import { legacyWritePart } from '../../migration/claim-tokens/legacy-writes.ts';
import type { OrganizationLink } from '../../migration/claim-tokens/organization-links.ts';
import { unlinkPart } from '../../migration/claim-tokens/organization-links.ts';
import { changeParts, everyMember } from '../../migration/claim-tokens/organization-members.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { leaving } from './member-changes.ts';
import { peopleOf } from './people.ts';

export interface UnlinkingDeps {
  readonly db: Db;
  readonly directory: Pick<Directory, 'writes'>;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

export interface Unlinking {
  readonly target: string;
  /** The legacy organization, with its store's prefix. */
  readonly organization: string;
  /** As the audit log names them. */
  readonly actor: string;
}

export interface Unlinked {
  readonly link: OrganizationLink;
  /** How many were members. */
  readonly members: number;
  /** Open links to it that are good no more. */
  readonly revoked: number;
}

/**
 * Ends the link and all that hangs on it in one transaction; what is under way for it comes to nothing. What the legacy store
 * was told of members stays there. Throws organization_not_found where it is not linked, storage_unavailable.
 */
export const unlinkOrganization = (deps: UnlinkingDeps, unlinking: Unlinking): Promise<Unlinked> =>
  deps.db.transaction(async (tx) => {
    const link = await endLink(tx, deps, unlinking);
    const members = await endMembers(tx, deps, unlinking);
    const { target, organization } = unlinking;
    const revoked = await revokeClaimTokens(tx, { target, organization });
    return { link, members, revoked };
  });

async function endLink(tx: Queryable, { directory, pseudonym }: UnlinkingDeps, unlinking: Unlinking) {
  const { target, organization, actor } = unlinking;
  const values = { organization, targetOrganizationId: null };
  const wanted = directory.writes(organization).has('linkOrganization')
    ? [legacyWritePart({ key: organization, what: 'linkOrganization', values }, 'organization_unlinked')]
    : [];
  const [link] = await tx.runParts<OrganizationLink>(
    [unlinkPart(target, organization), ...wanted],
    'select * from organization_unlinked',
  );
  if (!link) throw new FootbridgeError('organization_not_found');
  const { targetOrganizationId, ownerSub } = link;
  const detail = { target, organization, targetOrganizationId };
  const record = { actor, action: 'organization.unlinked', subject: pseudonym(ownerSub), detail };
  await tx.runParts([auditPart(record)], 'select 1 as done');
  return link;
}

async function endMembers(
  tx: Queryable,
  { pseudonym }: UnlinkingDeps,
  unlinking: Unlinking,
): Promise<number> {
  const changes = leaving(await everyMember(tx, unlinking));
  if (changes.length === 0) return 0;
  const ids = changes.map(({ targetUserId }) => targetUserId);
  const people = await peopleOf(tx, unlinking.target, ids);
  const subjectOf = (id: string) => {
    const sub = people.get(id);
    return sub === undefined ? undefined : pseudonym(sub);
  };
  const { actor } = unlinking;
  const ending = { changes, actor, subjectOf, reason: 'unlinked', isToTell: false };
  await tx.runParts(changeParts(unlinking, ending), 'select 1 as done');
  return changes.length;
}
