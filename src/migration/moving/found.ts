/**
 * Who is at the target already, and what they lack. Somebody there is the same person by our id, by the link to us, by
 * what the ledger says, or, where the settings allow it, by an address that both sides have verified; by nothing else.
 */
import { ERRORS, FootbridgeError } from '../../errors.ts';
import type {
  FoundUser,
  NotStored,
  Stored,
  TargetConnection,
  TargetLink,
  TargetUser,
} from '../../targets/connection.ts';
import type { LedgerRow } from '../ledger.ts';
import { hasTargetUser } from '../states.ts';
import { hasPassword, hasSecondFactor } from './target-user.ts';
import type { Moving, Person } from './try.ts';
import { NeverMoves } from './try.ts';

/** Undefined: nobody. Throws NeverMoves, target_unavailable, target_refused. */
export async function alreadyThere(
  moving: Moving,
  user: TargetUser,
  row: LedgerRow,
): Promise<FoundUser | undefined> {
  const { connection, work } = moving;
  if (hasTargetUser(row.state)) return recorded(connection, row);
  const ours = await present(connection, user.targetUserId);
  // What the target says counts for more than what a search finds: that one may be behind.
  const told = await present(connection, work.targetUserId);
  if (told && told.targetUserId !== ours?.targetUserId) return asTold(moving, user, { told, ours });
  return (
    ours ??
    (await connection.userBySubject(user.sub)) ??
    (await present(connection, row.targetUserId)) ??
    (await byVerifiedEmail(moving, user))
  );
}

/** Nobody is made a second time for a user whom somebody has removed at the target: that was somebody’s will. */
async function recorded(connection: TargetConnection, row: LedgerRow): Promise<FoundUser> {
  const found = await present(connection, row.targetUserId);
  if (found) return found;
  throw new NeverMoves(
    'target_user_gone',
    'The user was removed at the target. Roll the person back, and they are made anew at their next login.',
  );
}

async function present(connection: TargetConnection, id: string | null): Promise<FoundUser | undefined> {
  const found = id === null ? undefined : await connection.userById(id);
  return found?.state === 'deleted' ? undefined : found;
}

async function byVerifiedEmail(moving: Moving, user: TargetUser): Promise<FoundUser | undefined> {
  const { target, connection } = moving;
  const { email, organization } = user;
  if (target.users.existing !== 'verified-email' || !email?.isVerified) return undefined;
  const found = await connection.userByLogin(email.address, organization);
  return found && (await haveVerified(moving, user, found)) ? found : undefined;
}

/** Both sides have verified the same address, and nobody else of ours logs in to this user. */
async function haveVerified(moving: Moving, user: TargetUser, { email, state, links }: FoundUser) {
  const idp = await moving.ourIdp(moving.target);
  const same = user.email?.isVerified && user.email.address.toLowerCase() === email?.address.toLowerCase();
  const free = links.every(({ idpId, userId }) => idpId !== idp || userId === user.sub);
  return same === true && email?.isVerified === true && state === 'active' && free;
}

/** The target has named one of its users, who is not the one that we have made. */
async function asTold(
  moving: Moving,
  user: TargetUser,
  { told, ours }: { readonly told: FoundUser; readonly ours: FoundUser | undefined },
): Promise<FoundUser> {
  const { work, target } = moving;
  if (!ours) {
    if (await isLinked(moving, told, user.sub)) return told;
    if (target.users.existing === 'verified-email' && (await haveVerified(moving, user, told))) return told;
    // It says that it has linked them, and cannot show the link yet.
    if (work.road === 'event') throw new FootbridgeError('target_unavailable', { detail: 'not_linked_yet' });
  }
  throw new NeverMoves('target_conflict', ERRORS.target_conflict[1], 'named_by_target');
}

async function isLinked(
  { ourIdp, target }: Pick<Moving, 'ourIdp' | 'target'>,
  { links }: FoundUser,
  sub: string,
): Promise<boolean> {
  const idp = await ourIdp(target);
  return links.some(({ idpId, userId }) => idpId === idp && userId === sub);
}

interface Look {
  readonly now: FoundUser;
  /** What the target said it could not store. */
  readonly told: readonly NotStored[];
}

export interface Lack {
  /** What the person needs and will not have at the target. */
  readonly missing: readonly NotStored[];
  /** Something is said to be stored and is not to be seen. */
  readonly unseen: boolean;
}

export async function lackOf(
  moving: Pick<Moving, 'ourIdp' | 'target'>,
  { user, entry, missing: notGiven }: Person,
  { now, told }: Look,
): Promise<Lack> {
  const { credentials } = entry;
  const known = [...told, ...notGiven];
  const isThere = ({ idpId, userId }: TargetLink) =>
    now.links.some((link) => link.idpId === idpId && link.userId === userId);
  const isRefused = (what: Stored) => told.some((one) => one.what === what);
  const needed: readonly (readonly [Stored, boolean])[] = [
    ['password', !hasPassword(credentials) || (now.hasPassword && !isRefused('password'))],
    ['totp', !hasSecondFactor(credentials) || now.hasTotp || now.hasPasskeys === true],
    ['links', (await isLinked(moving, now, user.sub)) && user.identityProviderLinks.every(isThere)],
    // These are not looked at again: what the target says of them stands.
    ['metadata', !isRefused('metadata')],
    ['grants', !isRefused('grants')],
    ['profile', !isRefused('profile')],
  ];
  const lacking = needed.flatMap(([what, isMet]) => (isMet ? [] : [what]));
  const missing = lacking.flatMap((what) => known.find((one) => one.what === what) ?? []);
  const inactive = now.state === 'inactive' ? [{ what: 'profile', code: 'inactive' } as const] : [];
  return { missing: [...missing, ...inactive], unseen: missing.length < lacking.length };
}
