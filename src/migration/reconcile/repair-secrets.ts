/** Passwords and second factors that the target is given by a repair: recorded first, and never one without the other. */
import { appendAudit } from '../../store/audit-log.ts';
import type { TargetUser } from '../../targets/connection.ts';
import { fingerprintOf } from '../captured-passwords.ts';
import type { GivenPassword } from '../given-password.ts';
import { auditOf } from '../given-password.ts';
import { move } from '../ledger.ts';
import { hasSecondFactor, targetUserFor } from '../moving/target-user.ts';
import { nextState } from '../states.ts';
import type { Act, RepairDeps } from './act.ts';
import { entryOf, NotRepaired, refuseMissing, thereOf, withoutSecrets } from './act.ts';
import { comparedPart } from './compared.ts';
import { givenNow } from './given.ts';
import { MARK_BYTES, markingOf, ownerMark } from './marks.ts';

interface Released {
  readonly user: TargetUser;
  readonly given: GivenPassword;
  /** The fingerprint of the legacy password. */
  readonly madeOf: string;
}

/** What the target is to have of their secrets: recorded before the target is asked. */
async function released(deps: RepairDeps, act: Act, what: 'password' | 'totp'): Promise<Released> {
  const { comparing, passwords } = deps;
  const { db, keyring, target } = comparing.deps;
  const entry = entryOf(act);
  const { targetUserId } = thereOf(act);
  const { given, blocked } = await givenNow({ db, keyring, passwords }, target, entry);
  const answer = targetUserFor({ entry, target, given, blocked, targetUserId });
  if (answer.kind === 'refused') throw new NotRepaired(answer.code, answer.sentence);
  const owner = { target: target.name, sub: act.sub };
  const madeOf = fingerprintOf(keyring, owner, entry.credentials.passwords);
  const known = { user: answer.user, given, madeOf };
  await recordRelease(deps, act, { ...known, what });
  return known;
}

async function recordRelease(
  { comparing, pseudonym, actor }: RepairDeps,
  { sub, look }: Act,
  { user, given, madeOf, what }: Released & { readonly what: 'password' | 'totp' },
): Promise<void> {
  const { db, target } = comparing.deps;
  const common = { target: target.name, sub, actor, subject: pseudonym(sub) };
  const road = { road: 'operator' };
  const state = look.person.row?.state;
  // Of a password that is not given the ledger keeps which one was.
  if (what === 'password' && state && nextState(state, 'release'))
    await move(db, {
      ...common,
      event: 'release',
      password: given.outcome,
      releasedOf: madeOf,
      detail: road,
    });
  const secrets =
    what === 'password' ? { password: auditOf(given.password) } : { totp: user.totpSecret !== undefined };
  await appendAudit(db, {
    actor,
    action: 'secrets.released',
    subject: common.subject,
    detail: { target: target.name, ...road, ...secrets },
  });
}

export async function storeFactor(deps: RepairDeps, act: Act): Promise<void> {
  const found = thereOf(act);
  const { user } = await released(deps, act, 'totp');
  const { totpSecret, totpRules } = user;
  const factor = { ...(totpSecret ? { totpSecret } : {}), ...(totpRules ? { totpRules } : {}) };
  const completed = { ...withoutSecrets(user), ...factor };
  const { missing } = await deps.comparing.deps.connection.complete(found, completed);
  refuseMissing(missing, ['totp']);
}

/** Without their second factor nobody gets their password there: it alone would open the door. */
export async function setPassword(deps: RepairDeps, act: Act): Promise<void> {
  const { db, keyring, target, connection } = deps.comparing.deps;
  const found = thereOf(act);
  const hasFactor = found.hasTotp || found.hasPasskeys === true;
  if (hasSecondFactor(entryOf(act).credentials) && !hasFactor)
    throw new NotRepaired('second_factor_missing', 'Their second factor has to be at the target first.');
  const { targetUserId } = found;
  const of = ownerMark(markingOf(keyring, target.name, targetUserId));
  const remember = (password: string) =>
    db.runParts([comparedPart(target.name, { sub: act.sub, digests: { of, password } })], 'select 1');
  // The ledger counts the release; should the target not take it, this still says which one is there.
  if (act.right.password) await remember(act.right.password);
  const { user, madeOf } = await released(deps, act, 'password');
  if (!user.password)
    throw new NotRepaired(
      'password_not_portable',
      'The password cannot be written for this target: the person sets a new one, or logs in here once.',
    );
  await connection.setPassword(targetUserId, user.password);
  await remember(madeOf.slice(0, 2 * MARK_BYTES));
}
