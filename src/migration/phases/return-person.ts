/**
 * One person of a phase taken back: what the target has newer is written to the legacy store where that takes it, the rest is
 * kept, and then they go the way back. Each step is written down before it is done, so that another try finds out from there.
 */

import type { FootbridgeError } from '../../errors.ts';
import { isFootbridgeError } from '../../errors.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import type { UserProblem } from '../batch/batch.ts';
import type { Fate } from '../batch/undo-judging.ts';
import { refusal } from '../batch/undo-judging.ts';
import type { Changes, KeptField } from '../batch/undo-kept.ts';
import { openKept, placeOfPhase, sealKept } from '../batch/undo-kept.ts';
import type { Ended, Look, UndoDeps } from '../batch/undo-person.ts';
import { endedBy, leftOf, NOT_FLAGGED, takenAway, watched } from '../batch/undo-person.ts';
import { flagLegacy } from '../flagging.ts';
import { goBack, wayBack } from '../moving/back.ts';
import { basesOf } from '../reconcile/compared.ts';
import { hasTargetUser } from '../states.ts';
import type { Sorted } from './bringing-back.ts';
import { bringBack, sortChanges } from './bringing-back.ts';
import type { Back, BackDetail, ReturnMember } from './return-rows.ts';
import { noteBack } from './return-rows.ts';

/**
 * Of somebody's password since the move. `here`: the legacy store has the newest; `catchable`: the target has a newer one, which
 * is caught when they next log in here; `lost`: it has a newer one, which nobody can bring; `unknown`.
 */
export type PasswordStanding = 'here' | 'catchable' | 'lost' | 'unknown';

export interface ReturnDeps extends UndoDeps {
  readonly connection: Pick<TargetConnection, 'endSessionsOf' | 'sessionsOf' | 'userById'>;
  /** What is known of it: by whoever keeps both sides equal, and by what the target has told. */
  readonly passwordOf: (of: {
    readonly sub: string;
    readonly since: Date | null;
  }) => Promise<PasswordStanding>;
}

export interface Returning {
  readonly target: string;
  readonly member: ReturnMember;
  /** As the legacy store has them now; undefined: it has nobody. */
  readonly entry: DirectoryEntry | undefined;
}

export interface ReturnLook extends Look {
  /** What of `changes` the legacy store takes. */
  readonly bringing: Sorted['bringing'];
  readonly password: PasswordStanding;
}

const MARKS = { remove: 'removing', unlink: 'unlinking', nothing: 'reverting' } as const;

/** Whoever was there before this phase came to them is not this phase's to take back. */
function fateOf({ member, entry }: Returning, way: Look['way']): Fate {
  const { state, row, does, found } = way;
  const left = leftOf(entry);
  const go = (): Fate => {
    if (does !== 'nothing' && left === 'gone') return refusal('legacy_user_gone');
    if (does !== 'nothing' && left === 'unreadable') return refusal('legacy_user_unreadable');
    return { kind: 'go', mark: MARKS[does] };
  };
  if (state === 'excluded' || state === 'deleted') return { kind: 'leave', undone: 'nothing' };
  if (state === 'retired') return refusal('retired');
  if (hasTargetUser(state)) {
    const isOlder = row?.createdAt != null && row.createdAt < member.firstAt;
    return isOlder ? { kind: 'leave', undone: 'nothing' } : go();
  }
  // The ledger is back, and whom we had made was left there.
  if (state === 'legacy') return found && does === 'remove' ? go() : { kind: 'finish', undone: 'nothing' };
  return go();
}

/** Nothing is changed. Throws target_unavailable, target_refused, storage_unavailable. */
export async function lookBack(deps: ReturnDeps, returning: Returning): Promise<ReturnLook> {
  const { target, member, entry } = returning;
  const way = await wayBack(deps, { target, sub: member.sub });
  const fate = fateOf(returning, way);
  const all = takenAway(deps, { way, fate, entry });
  const { found } = way;
  const isTaken = fate.kind === 'go' && fate.mark !== 'reverting';
  const since = way.row?.migratedAt ?? way.row?.createdAt ?? null;
  const password = isTaken ? await deps.passwordOf({ sub: member.sub, since }) : 'unknown';
  if (!found || !entry || entry.error || Object.keys(all).length === 0)
    return { way, fate, changes: all, bringing: {}, password };
  const base = (await basesOf(deps.db, target, [member.sub])).get(member.sub);
  const { user, credentials } = entry;
  const sorted = sortChanges(deps, { entry: { user, credentials }, found, changes: all, base });
  return { way, fate, password, ...sorted };
}

export type ReturnResult =
  | { readonly kind: 'done'; readonly back: 'returned' | 'kept' }
  | { readonly kind: 'refused'; readonly problem: UserProblem }
  | Ended;

export interface HeldReturn extends Returning {
  readonly lease: string;
  /** As the audit log names who asks. */
  readonly actor: string;
  /** Also those whose newest password would be caught at their next login here. */
  readonly losePasswords: boolean;
}

const PASSWORD_THERE: UserProblem = {
  code: 'password_at_target',
  sentence:
    'Their newest password is only at the target. It is caught when they next log in here, and then they can go back; --lose-passwords takes them back without it.',
};

/** Throws storage_unavailable; everything else is the person's result. */
export async function returnOne(deps: ReturnDeps, held: HeldReturn): Promise<ReturnResult> {
  try {
    const look = await lookBack(deps, held);
    const { fate } = look;
    switch (fate.kind) {
      case 'leave':
        return done('kept');
      case 'refuse':
        return { kind: 'refused', problem: fate.problem };
      case 'finish':
        // Nothing was ever done about somebody without a row.
        return look.way.row ? await finish(deps, held) : done('returned');
      case 'go':
        if (look.password === 'catchable' && !held.losePasswords)
          return { kind: 'refused', problem: PASSWORD_THERE };
        return await go(deps, held, { look, mark: fate.mark });
    }
  } catch (error) {
    // What is missing at the store is soon mended; what is lost is not.
    if (isFootbridgeError(error, 'config_invalid')) return { kind: 'refused', problem: problemOf(error) };
    return endedBy(error, deps);
  }
}

const problemOf = ({ code, message, detail }: FootbridgeError): UserProblem => ({
  code,
  sentence: message,
  ...(detail ? { detail } : {}),
});

const done = (back: Extract<Back, 'returned' | 'kept'>): ReturnResult => ({ kind: 'done', back });

/** The ledger is back already: only the mark in the legacy store may be left. */
async function finish(deps: ReturnDeps, { member, actor }: HeldReturn): Promise<ReturnResult> {
  const isCleared = await flagLegacy(deps, { sub: member.sub, migrated: false, actor });
  return isCleared ? done('returned') : NOT_FLAGGED;
}

interface Going {
  readonly look: ReturnLook;
  readonly mark: 'removing' | 'unlinking' | 'reverting';
}

async function go(deps: ReturnDeps, held: HeldReturn, { look, mark }: Going): Promise<ReturnResult> {
  const { member, target, lease, actor } = held;
  const { sub, phase, detail: before } = member;
  const place = { target, sub, phase, lease };
  const { found } = look.way;
  // Gone at the target since an earlier try of ours: that one has written down what there was.
  if (!found) {
    if (!(await noteBack(deps.db, place, { mark: before.mark ?? mark }))) return { kind: 'lost' };
  } else {
    const kept = { ...keptBefore(deps, held), ...look.changes };
    const meant = union(before.bringing, Object.keys(look.bringing));
    const intent = intentOf(deps, held, { look, mark, kept, meant });
    if (intent === 'too_large') return { kind: 'refused', problem: refusal('kept_too_large').problem };
    if (!(await noteBack(deps.db, place, intent))) return { kind: 'lost' };
    const outcome = await broughtBack(deps, held, { look, kept, meant });
    if (!(await noteBack(deps.db, place, outcome))) return { kind: 'lost' };
    if (mark !== 'reverting') await endSessions(deps, found.targetUserId);
  }
  const flagging = watched(deps.directory);
  await goBack({ ...deps, directory: flagging.directory }, look.way, { event: 'revert', actor });
  return flagging.hasFailed() ? NOT_FLAGGED : done('returned');
}

const union = (...lists: readonly (readonly string[] | undefined)[]): string[] => [
  ...new Set(lists.flatMap((list) => list ?? [])),
];

const sealing = ({ target, member: { sub, phase } }: HeldReturn) => ({
  batch: placeOfPhase(target, phase),
  sub,
});

/** Of a try that was cut off, or an earlier way back that nobody has written out yet. */
function keptBefore({ keyring }: ReturnDeps, held: HeldReturn): Changes {
  const { kept } = held.member.detail;
  return (kept && openKept(keyring, { ...sealing(held), kept })) || {};
}

interface Meant {
  readonly look: ReturnLook;
  readonly kept: Changes;
  readonly meant: readonly string[];
}

/** All that would be taken away is kept before the first of it is written anywhere. */
function intentOf(
  { keyring }: ReturnDeps,
  held: HeldReturn,
  { look, mark, kept, meant }: Meant & Pick<Going, 'mark'>,
): BackDetail | 'too_large' {
  const sealed = sealKept(keyring, { ...sealing(held), changes: kept });
  if (sealed === 'too_large') return sealed;
  const lost = lostSecrets(look, held.entry);
  return { mark, bringing: meant, fields: Object.keys(kept), kept: sealed ?? null, lost };
}

/** What no target tells, and nobody can keep. */
function lostSecrets(
  { way: { found }, password, fate }: ReturnLook,
  entry: DirectoryEntry | undefined,
): string[] {
  if (fate.kind !== 'go' || fate.mark !== 'removing' || !entry || entry.error) return [];
  const { totp, passkeys } = entry.credentials;
  return [
    ...(password === 'lost' || password === 'catchable' ? ['password'] : []),
    ...(found?.hasTotp && !totp ? ['secondFactor'] : []),
    ...(found?.hasPasskeys && !passkeys?.length ? ['passkeys'] : []),
  ];
}

async function broughtBack(
  deps: ReturnDeps,
  held: HeldReturn,
  { look, kept, meant }: Meant,
): Promise<BackDetail> {
  const { sub, phase, detail: before } = held.member;
  const { brought, refused } = await bringBack(deps, { sub, phase, bringing: look.bringing });
  // What an earlier try has written is not another value any more.
  const earlier = meant.filter((field) => look.changes[field as KeptField] === undefined);
  const all = union(before.brought, brought, earlier);
  const rest = Object.fromEntries(Object.entries(kept).filter(([field]) => !all.includes(field)));
  const sealed = sealKept(deps.keyring, { ...sealing(held), changes: rest });
  if (brought.length > 0) await record(deps, held, brought);
  return {
    brought: all,
    fields: Object.keys(rest),
    kept: sealed === 'too_large' ? null : (sealed ?? null),
    ...(Object.keys(refused).length > 0 ? { notBrought: refused } : {}),
  };
}

const record = (
  { db, pseudonym }: ReturnDeps,
  { actor, target, member }: HeldReturn,
  fields: readonly string[],
) =>
  appendAudit(db, {
    actor,
    action: 'rollout.brought-back',
    subject: pseudonym(member.sub),
    detail: { target, phase: member.phase, fields: [...fields] },
  });

/** Whoever is removed has none afterwards anyway: what refuses to end them is not in the way. */
async function endSessions({ connection }: ReturnDeps, targetUserId: string): Promise<void> {
  await connection.endSessionsOf?.(targetUserId).catch((error: unknown) => {
    if (!isFootbridgeError(error, 'target_refused')) throw error;
  });
}
