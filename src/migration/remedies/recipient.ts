/** Whether somebody of a campaign is still to be written to, looked up on all sides right before, and where. */
import { isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { Queryable } from '../../store/db.ts';
import type { FoundUser, TargetConnection } from '../../targets/connection.ts';
import type { User } from '../../user.ts';
import type { LedgerRow } from '../ledger.ts';
import { find } from '../ledger.ts';
import type { Mailing } from '../mailings/mailing.ts';
import type { Recipient as Addressed } from '../mailings/recipient.ts';
import { recipientOf } from '../mailings/recipient.ts';
import { hasTargetUser } from '../states.ts';

export const SKIPS = {
  not_at_target: 'They are not at the target any more, or not by our doing.',
  moved_since: 'Everything of theirs is at the target by now.',
  logged_in_since: 'They have logged in here since: their password is on its way.',
  has_password: 'They have a password at the target by now.',
  has_passkey: 'They have a passkey at the target by now.',
  gone: 'The legacy store has them no more.',
  disabled: 'They are disabled in the legacy store.',
  inactive_at_target: 'They are deactivated or locked at the target.',
  no_verified_address: 'No email address of theirs was verified: mail could reach somebody else.',
  address_differs: 'The target would write to another address than the legacy store has for them.',
} as const satisfies Record<string, string>;
export type SkipCode = keyof typeof SKIPS;

export interface Recipient extends Addressed {
  readonly targetUserId: string;
  /** What the target takes as login hint. */
  readonly loginName: string;
}

export type Look =
  | { readonly kind: 'write'; readonly recipient: Recipient }
  | { readonly kind: 'skip'; readonly code: SkipCode }
  /** Their record cannot be read as it is. */
  | { readonly kind: 'failed'; readonly code: string };

export interface LookDeps {
  readonly db: Queryable;
  readonly directory: Pick<Directory, 'findBySub'>;
  readonly connection: Pick<TargetConnection, 'userById'>;
}

type Asked = Pick<Mailing, 'target' | 'sub' | 'remedy' | 'code' | 'batchedAt'> & {
  /** The target writes to the address that it has. */
  readonly isByTarget: boolean;
};

/** Throws legacy_unavailable, target_unavailable, storage_unavailable. */
export async function lookUp({ db, directory, connection }: LookDeps, asked: Asked): Promise<Look> {
  const row = await find(db, asked.target, asked.sub);
  const standing = standingOf(row, asked);
  if (standing || !row?.targetUserId) return { kind: 'skip', code: standing ?? 'not_at_target' };
  const user = await directory.findBySub(asked.sub).catch((error) => {
    if (isFootbridgeError(error, 'mapping_failed') || isFootbridgeError(error, 'user_ambiguous'))
      return error.code;
    throw error;
  });
  if (typeof user === 'string') return { kind: 'failed', code: user };
  if (!user) return { kind: 'skip', code: 'gone' };
  const found = await connection.userById(row.targetUserId);
  return atTarget(user.user, found, asked);
}

function standingOf(row: LedgerRow | undefined, { remedy, batchedAt }: Asked): SkipCode | undefined {
  if (!row || !hasTargetUser(row.state)) return 'not_at_target';
  // A passkey never goes along: neither a login here nor a move that is complete without one says anything of it.
  if (remedy !== 'reset') return undefined;
  if (row.state !== 'created') return 'moved_since';
  return row.provedAt && batchedAt && row.provedAt > batchedAt ? 'logged_in_since' : undefined;
}

function atTarget(user: User, found: FoundUser | undefined, asked: Asked): Look {
  const recipient = recipientOf(user);
  const skip = whyNot(user, found, { ...asked, address: recipient?.to.address });
  if (skip || !found || !recipient) return { kind: 'skip', code: skip ?? 'not_at_target' };
  const { targetUserId, loginName } = found;
  return { kind: 'write', recipient: { ...recipient, targetUserId, loginName } };
}

function whyNot(
  { state }: User,
  found: FoundUser | undefined,
  { remedy, code, isByTarget, address }: Asked & { readonly address: string | undefined },
): SkipCode | undefined {
  if (state !== 'active') return 'disabled';
  if (!found || found.state === 'deleted') return 'not_at_target';
  if (found.state === 'inactive' || found.state === 'locked') return 'inactive_at_target';
  // The one that is there is the one that they have changed since.
  const isStale = code === 'changed_meanwhile';
  if (remedy === 'reset' && found.hasPassword && !isStale) return 'has_password';
  if (remedy === 'passkey' && found.hasPasskeys) return 'has_passkey';
  if (!address || (isByTarget && !found.email?.isVerified)) return 'no_verified_address';
  const isSame = found.email?.address.toLowerCase() === address.toLowerCase();
  return isByTarget && !isSame ? 'address_differs' : undefined;
}
