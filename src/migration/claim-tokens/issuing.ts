/** Who may have a claim token: checked here for everybody who issues one. */
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { Secret } from '../../settings.ts';
import type { Queryable } from '../../store/db.ts';
import type { LegacyEntry, LegacyOrganization } from '../../user.ts';
import { find } from '../ledger.ts';
import { hasTargetUser } from '../states.ts';
import type { ClaimTokenSettings } from './claim-settings.ts';
import type { ClaimOrigin, ClaimPurpose } from './claim-token.ts';
import { claimLink } from './claim-token.ts';
import { issueClaimToken } from './claim-tokens.ts';
import { linkOf } from './organization-links.ts';

export interface IssuingDeps {
  readonly db: Queryable;
  readonly directory: Pick<Directory, 'findBySub' | 'organizationKey'>;
  readonly claimTokens: readonly ClaimTokenSettings[];
  readonly issuer: string;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

export interface ClaimWish {
  readonly target: string;
  readonly sub: string;
  /** The legacy organization: the store's id of it, or its key. A person's link when absent. */
  readonly organization?: string | undefined;
}

export interface IssuedLink {
  readonly id: string;
  readonly link: Secret;
  readonly expiresAt: Date;
  readonly purpose: ClaimPurpose;
  readonly organization?: LegacyOrganization;
}

/** Whom it would be for. */
export interface Claimant {
  readonly entry: LegacyEntry;
  readonly purpose: ClaimPurpose;
  readonly organization?: LegacyOrganization & { readonly key: string };
}

/** Throws not_found for a target without claim tokens. */
export function claimSettingsOf(
  { claimTokens }: Pick<IssuingDeps, 'claimTokens'>,
  target: string,
): ClaimTokenSettings {
  const settings = claimTokens.find((one) => one.target === target);
  if (!settings)
    throw new FootbridgeError('not_found', {
      detail: `\`claimTokens\` says nothing of ${target}; it has ${claimTokens.map((one) => one.target).join(', ') || 'nothing'}`,
    });
  return settings;
}

/**
 * Throws not_found, user_not_found, user_disabled, user_excluded, user_linked; of an organization organization_not_found,
 * owner_needed, person_first, organization_linked; legacy_unavailable, storage_unavailable.
 */
export async function claimantOf(deps: IssuingDeps, wish: ClaimWish): Promise<Claimant> {
  const settings = claimSettingsOf(deps, wish.target);
  const entry = await deps.directory.findBySub(wish.sub);
  if (!entry) throw new FootbridgeError('user_not_found');
  if (entry.user.state !== 'active') throw new FootbridgeError('user_disabled');
  const row = await find(deps.db, wish.target, wish.sub);
  if (row?.state === 'excluded') throw new FootbridgeError('user_excluded');
  if (row?.state === 'deleted') throw new FootbridgeError('user_not_found');
  const isLinked = row !== undefined && hasTargetUser(row.state);
  if (wish.organization === undefined) {
    if (isLinked) throw new FootbridgeError('user_linked');
    return { entry, purpose: 'person' };
  }
  if (!settings.organizations) throw new FootbridgeError('organization_not_found');
  const organization = ownedBy(deps, entry, wish.organization);
  if (!isLinked) throw new FootbridgeError('person_first');
  const link = await linkOf(deps.db, wish.target, organization.key);
  if (link?.state === 'linked') throw new FootbridgeError('organization_linked');
  return { entry, purpose: 'organization', organization };
}

function ownedBy({ directory }: IssuingDeps, { user }: LegacyEntry, asked: string) {
  for (const organization of user.organizations ?? []) {
    const key = directory.organizationKey(user.sub, organization.id);
    if (key === undefined || (asked !== organization.id && asked !== key)) continue;
    if (!organization.isOwner) throw new FootbridgeError('owner_needed');
    return { ...organization, key };
  }
  throw new FootbridgeError('organization_not_found');
}

/** Throws what `claimantOf` throws. */
export async function issueLink(
  deps: IssuingDeps,
  wish: ClaimWish,
  how: { readonly origin: ClaimOrigin; readonly campaign?: string | undefined; readonly actor: string },
): Promise<IssuedLink> {
  return issueFor(deps, { wish, claimant: await claimantOf(deps, wish) }, how);
}

/** For somebody of whom `claimantOf` has said that they may have one. */
export async function issueFor(
  deps: IssuingDeps,
  { wish, claimant }: { readonly wish: ClaimWish; readonly claimant: Claimant },
  how: { readonly origin: ClaimOrigin; readonly campaign?: string | undefined; readonly actor: string },
): Promise<IssuedLink> {
  const { purpose, organization } = claimant;
  const { target, sub } = wish;
  const { id, text, expiresAt } = await issueClaimToken(deps.db, {
    target,
    purpose,
    sub,
    organization: organization?.key,
    ...how,
    ttlSeconds: claimSettingsOf(deps, target).ttlHours * 3_600,
    subject: deps.pseudonym(sub),
  });
  return {
    id,
    link: claimLink(deps.issuer, text),
    expiresAt,
    purpose,
    ...(organization ? { organization } : {}),
  };
}
