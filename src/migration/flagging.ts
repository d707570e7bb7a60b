/** The target says that a user exists there, or has everything: the ledger moves, and the legacy store is told. */
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import { appendAudit } from '../store/audit-log.ts';
import type { Db, Queryable } from '../store/db.ts';
import type { Caller } from './caller.ts';
import type { LedgerRow } from './ledger.ts';
import { find, move } from './ledger.ts';
import type { StateAnswer, StateRequest } from './schemas.ts';
import { hasReached, hasTargetUser } from './states.ts';

export interface FlaggingDeps {
  readonly db: Db;
  readonly directory: Directory;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

export interface Flagging extends StateRequest {
  readonly caller: Caller;
  readonly sub: string;
}

/** Two that report the same user at once: the second finds the first one's work when it looks again. */
const ATTEMPTS = 2;

/**
 * Saying the same again is no error. Throws illegal_transition, already_linked, second_factor_missing, user_excluded,
 * user_not_found (a deleted user), bad_request (no targetUserId), legacy_unavailable, storage_unavailable.
 */
export async function flagUser(deps: FlaggingDeps, flagging: Flagging): Promise<StateAnswer> {
  if (flagging.state === 'migrated') await checkSecondFactor(deps, flagging);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { row, moved } = await deps.db.transaction((tx) => advance(tx, deps, flagging));
      if (moved && flagging.state === 'migrated')
        await flagLegacy(deps, { sub: flagging.sub, migrated: true, actor: flagging.caller.actor });
      return {
        sub: row.sub,
        state: row.state,
        ...(row.targetUserId ? { targetUserId: row.targetUserId } : {}),
      };
    } catch (error) {
      if (attempt === ATTEMPTS || !isFootbridgeError(error, 'illegal_transition')) throw error;
    }
  }
}

/**
 * A user with a second factor must not become one with a password only (security.md A2). Asked before the move, and
 * only while the user has not moved: afterwards the legacy store may be gone.
 */
async function checkSecondFactor(
  { db, directory }: FlaggingDeps,
  { caller, sub, imported }: Flagging,
): Promise<void> {
  if (imported?.includes('totp')) return;
  const row = await find(db, caller.target.name, sub);
  if (row && hasReached(row.state, 'migrated')) return;
  const entry = await directory.findBySub(sub);
  if (!entry) return;
  const { totp, passkeys, passkeyIsFactor } = entry.credentials;
  const hasPasskey = passkeyIsFactor && passkeys !== undefined;
  if (hasPasskey && imported?.includes('passkeys')) return;
  if (totp || hasPasskey) throw new FootbridgeError('second_factor_missing');
}

async function advance(tx: Queryable, { pseudonym }: FlaggingDeps, flagging: Flagging) {
  const { caller, sub, state: wanted, targetUserId, imported } = flagging;
  const found = await find(tx, caller.target.name, sub);
  let row = checkFound(found, targetUserId);
  if (hasReached(row.state, wanted)) return { row, moved: false };
  const common = { target: caller.target.name, sub, actor: caller.actor, subject: pseudonym(sub) };
  if (!hasReached(row.state, 'created')) row = await create(tx, common, targetUserId);
  if (wanted === 'migrated') {
    row = await move(tx, { ...common, event: 'confirm', detail: { imported: imported ?? [] } });
  }
  return { row, moved: true };
}

type Common = Omit<Parameters<typeof move>[1], 'event'>;

function create(tx: Queryable, common: Common, targetUserId: string | undefined): Promise<LedgerRow> {
  if (!targetUserId) throw new FootbridgeError('bad_request', { detail: 'targetUserId is missing' });
  return move(tx, { ...common, event: 'create', targetUserId, detail: { targetUserId } });
}

function checkFound(row: LedgerRow | undefined, targetUserId: string | undefined): LedgerRow {
  if (row?.state === 'excluded') throw new FootbridgeError('user_excluded');
  if (row?.state === 'deleted') throw new FootbridgeError('user_not_found');
  if (!row)
    throw new FootbridgeError('illegal_transition', { detail: 'nobody proved a password for this user' });
  if (hasTargetUser(row.state) && targetUserId && row.targetUserId !== targetUserId) {
    throw new FootbridgeError('already_linked');
  }
  return row;
}

/**
 * Sets or clears the legacy store's own mark, where its connector can. The ledger is the truth: a mark that could not
 * be written (false) is audited and left to who comes by again, reconciliation at last.
 */
export async function flagLegacy(
  { db, directory, pseudonym }: Pick<FlaggingDeps, 'directory' | 'pseudonym'> & { readonly db: Queryable },
  { sub, migrated, actor }: { sub: string; migrated: boolean; actor: string },
): Promise<boolean> {
  try {
    await directory.flag?.(sub, migrated);
    return true;
  } catch (error) {
    const code = isFootbridgeError(error) ? error.code : 'internal';
    await appendAudit(db, {
      actor,
      action: 'legacy.flag-failed',
      subject: pseudonym(sub),
      detail: { migrated, code },
    });
    return false;
  }
}
