/**
 * Somebody who is at the target already, and whom nothing proves to be the same person, linked because an operator says
 * so. Only the link is made: what follows is a move like every other.
 */
import { refuse } from '../../credentials/reasons.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import type { FoundUser, TargetConnection, TargetUser } from '../../targets/connection.ts';
import { idpIdOf } from '../../targets/resources.ts';
import type { Target } from '../../targets/target.ts';
import type { User } from '../../user.ts';
import { find, findByTargetUser } from '../ledger.ts';
import { hasTargetUser } from '../states.ts';
import { targetUserFor } from './target-user.ts';

export interface LinkingDeps {
  readonly db: Queryable;
  readonly directory: Directory;
  readonly connection: TargetConnection;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

export interface Linking {
  readonly target: Target;
  readonly sub: string;
  readonly targetUserId: string;
}

/** The two who are to be one, for the operator to compare. */
export interface Pair {
  readonly user: User;
  readonly found: FoundUser;
  readonly linked: TargetUser;
}

/** Throws user_not_found, already_linked, user_excluded, target_refused, target_unavailable, legacy_unavailable. */
export async function pairOf(deps: LinkingDeps, { target, sub, targetUserId }: Linking): Promise<Pair> {
  const entry = await deps.directory.findBySub(sub);
  if (!entry) throw new FootbridgeError('user_not_found', { detail: sub });
  const found = await deps.connection.userById(targetUserId);
  if (!found || found.state === 'deleted')
    throw new FootbridgeError('target_refused', { detail: `${target.name} has no user ${targetUserId}` });
  const row = await find(deps.db, target.name, sub);
  if (row?.state === 'excluded' || row?.state === 'deleted') throw new FootbridgeError('user_excluded');
  const other = await findByTargetUser(deps.db, target.name, targetUserId);
  const isElsewhere = row && hasTargetUser(row.state) && row.targetUserId !== targetUserId;
  if ((other && other.sub !== sub) || isElsewhere) throw new FootbridgeError('already_linked');
  await checkNobodyElses(deps, { target, sub }, found);
  const given = { password: refuse('no_hash'), outcome: 'none' } as const;
  const made = targetUserFor({ entry, target, given, targetUserId, blocked: [] });
  if (made.kind === 'refused') throw new FootbridgeError('target_refused', { detail: made.sentence });
  const { totpSecret: _, ...user } = made.user;
  const linked = { ...user, identityProviderLinks: [], metadata: {}, grants: [] };
  return { user: entry.user, found, linked };
}

/** One user there is one person here: a login through us may have made theirs before the ledger heard of it. */
async function checkNobodyElses(
  { db }: Pick<LinkingDeps, 'db'>,
  { target, sub }: Pick<Linking, 'target' | 'sub'>,
  { links }: FoundUser,
): Promise<void> {
  const ours = await idpIdOf(db, target);
  if (links.some(({ idpId, userId }) => idpId === ours && userId !== sub))
    throw new FootbridgeError('already_linked', {
      detail: `${target.name}: linked to another subject of ours`,
    });
}

/**
 * Both sides were proved by the person: nothing but the link is made, whatever their record lacks. Saying it again changes
 * nothing. Throws already_linked, target_refused, target_unavailable.
 */
export async function linkOnly(
  deps: Omit<LinkingDeps, 'directory'>,
  { target, sub, targetUserId }: Linking,
  user: Pick<User, 'legacyId' | 'username' | 'email'>,
): Promise<void> {
  const found = await deps.connection.userById(targetUserId);
  if (!found || found.state === 'deleted')
    throw new FootbridgeError('target_refused', { detail: `${target.name} has no such user` });
  await checkNobodyElses(deps, { target, sub }, found);
  const linked: TargetUser = {
    ...{ sub, legacyId: user.legacyId, targetUserId, username: found.username },
    linkUserName: user.username ?? user.email ?? user.legacyId,
    // Their profile is the target's own.
    givenName: found.givenName ?? '-',
    familyName: found.familyName ?? '-',
    ...(found.email ? { email: found.email } : {}),
    ...(found.organization === undefined ? {} : { organization: found.organization }),
    ...{ identityProviderLinks: [], metadata: {}, grants: [] },
  };
  await makeLink(deps.connection, target, { found, linked });
}

async function makeLink(
  connection: TargetConnection,
  { name }: Target,
  { found, linked }: Pick<Pair, 'found' | 'linked'>,
): Promise<void> {
  const { missing } = await connection.complete(found, linked);
  const refused = missing.find(({ what }) => what === 'links');
  if (refused) throw new FootbridgeError('already_linked', { detail: `${name}: ${refused.code}` });
}

/** Saying it again changes nothing. Throws already_linked where the target says that the link is somebody else's. */
export async function linkPair(
  deps: LinkingDeps,
  { target, sub, targetUserId }: Linking,
  { pair, actor }: { readonly pair: Pair; readonly actor: string },
): Promise<void> {
  await makeLink(deps.connection, target, pair);
  await appendAudit(deps.db, {
    actor,
    action: 'target.linked-by-hand',
    subject: deps.pseudonym(sub),
    detail: { target: target.name, targetUserId },
  });
}
