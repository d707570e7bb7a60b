/**
 * A target is given somebody's password or second factor: recorded before the target is asked, never one without the other, and
 * what it has from then on is kept as the base of later comparisons. The one way for repairs and for sync.
 */
import { appendAudit } from '../../store/audit-log.ts';
import type { Part } from '../../store/statement.ts';
import type { FoundUser, TargetConnection, TargetUser } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import { fingerprintOf } from '../captured-passwords.ts';
import type { GivenPassword } from '../given-password.ts';
import { auditOf } from '../given-password.ts';
import { move } from '../ledger.ts';
import { hasSecondFactor, targetUserFor } from '../moving/target-user.ts';
import type { State } from '../states.ts';
import { nextState } from '../states.ts';
import { comparedPart } from './compared.ts';
import type { GivenDeps } from './given.ts';
import { givenNow } from './given.ts';
import { MARK_BYTES, markingOf, ownerMark } from './marks.ts';

export interface GivingDeps extends GivenDeps {
  readonly target: Target;
  readonly connection: Pick<TargetConnection, 'setPassword'>;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** As the audit log names who gives it, and by which way. */
  readonly actor: string;
  readonly road: string;
}

export interface Receiver {
  /** As the legacy store has them now. */
  readonly entry: LegacyEntry;
  /** As the target has them now. */
  readonly found: FoundUser;
  /** Where they stand in the ledger. */
  readonly state: State | undefined;
  /** Which password the target had, as far as it is known: a mark, as `compared_users` keeps it. */
  readonly before?: string | undefined;
}

/** It cannot be given so. */
export interface NotGiven {
  readonly kind: 'refused';
  readonly code: string;
  readonly sentence: string;
}

export interface Released {
  readonly kind: 'released';
  readonly user: TargetUser;
  /** The fingerprint of the legacy password. */
  readonly madeOf: string;
}

type Secrets = 'password' | 'totp';

/** What the target is to have of their secrets: recorded before the target is asked. Throws hashing_overloaded, storage_unavailable. */
export async function release(
  deps: GivingDeps,
  { entry, found, state }: Receiver,
  what: Secrets,
): Promise<Released | NotGiven> {
  const { target, keyring } = deps;
  const { given, blocked } = await givenNow(deps, target, entry);
  const { targetUserId } = found;
  const answer = targetUserFor({ entry, target, given, blocked, targetUserId });
  if (answer.kind === 'refused') return answer;
  const { user } = answer;
  if (what === 'password' && !user.password) return notPortable;
  const madeOf = fingerprintOf(
    keyring,
    { target: target.name, sub: entry.user.sub },
    entry.credentials.passwords,
  );
  await recordRelease(deps, { sub: entry.user.sub, state, given, user, madeOf }, what);
  return { kind: 'released', user, madeOf };
}

const notPortable: NotGiven = {
  kind: 'refused',
  code: 'password_not_portable',
  sentence:
    'The password cannot be written for this target: the person sets a new one, or logs in here once.',
};

interface Record {
  readonly sub: string;
  readonly state: State | undefined;
  readonly given: GivenPassword;
  readonly user: TargetUser;
  readonly madeOf: string;
}

async function recordRelease(
  { db, target, pseudonym, actor, road }: GivingDeps,
  { sub, state, given, user, madeOf }: Record,
  what: Secrets,
): Promise<void> {
  const common = { target: target.name, sub, actor, subject: pseudonym(sub) };
  // Of a password that is not given the ledger keeps which one was.
  if (what === 'password' && state && nextState(state, 'release'))
    await move(db, {
      ...common,
      event: 'release',
      password: given.outcome,
      releasedOf: madeOf,
      detail: { road },
    });
  const secrets =
    what === 'password' ? { password: auditOf(given.password) } : { totp: user.totpSecret !== undefined };
  await appendAudit(db, {
    actor,
    action: 'secrets.released',
    subject: common.subject,
    detail: { target: target.name, road, ...secrets },
  });
}

/**
 * The person's legacy password, instead of what the target has. Without their second factor nobody gets it there: it alone would
 * open the door. `onWriting` is called before the target is asked. Throws target_unavailable, target_refused,
 * hashing_overloaded, storage_unavailable.
 */
export async function givePassword(
  deps: GivingDeps,
  receiver: Receiver,
  onWriting?: () => Promise<void>,
): Promise<{ readonly kind: 'given'; readonly madeOf: string } | NotGiven> {
  const { db, connection } = deps;
  const { entry, found, before } = receiver;
  const hasFactor = found.hasTotp || found.hasPasskeys === true;
  if (hasSecondFactor(entry.credentials) && !hasFactor) return factorMissing;
  const remember = (password: string) =>
    db.runParts([passwordComparedPart(deps, { sub: entry.user.sub, found, password })], 'select 1');
  // The ledger counts the release; should the target not take it, this still says which one is there.
  if (before) await remember(before);
  const released = await release(deps, receiver, 'password');
  if (released.kind === 'refused') return released;
  await onWriting?.();
  await connection.setPassword(found.targetUserId, released.user.password!);
  await remember(released.madeOf.slice(0, 2 * MARK_BYTES));
  return { kind: 'given', madeOf: released.madeOf };
}

const factorMissing: NotGiven = {
  kind: 'refused',
  code: 'second_factor_missing',
  sentence: 'Their second factor has to be at the target first.',
};

interface ComparedPassword {
  readonly sub: string;
  readonly found: Pick<FoundUser, 'targetUserId'>;
  /** A mark, or the whole fingerprint. */
  readonly password: string;
}

/** Which of the legacy passwords the target has from now on. */
export function passwordComparedPart(
  { keyring, target }: Pick<GivingDeps, 'keyring' | 'target'>,
  { sub, found, password }: ComparedPassword,
): Part {
  const of = ownerMark(markingOf(keyring, target.name, found.targetUserId));
  const digests = { of, password: password.slice(0, 2 * MARK_BYTES) };
  return comparedPart(target.name, { sub, digests });
}
