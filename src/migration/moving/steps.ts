/**
 * What one try does, step by step. Each step finds out what an earlier try has already done, so that a try may end
 * anywhere, by any means, and the next one goes on.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { isRefusal } from '../../credentials/reasons.ts';
import { ERRORS, FootbridgeError, isFootbridgeError } from '../../errors.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { FoundUser, NotStored } from '../../targets/connection.ts';
import type { LegacyEntry } from '../../user.ts';
import { blockedPart } from '../blocked-rewrites.ts';
import { capturedPart, fingerprintOf, openCaptured } from '../captured-passwords.ts';
import type { GivenPassword } from '../given-password.ts';
import { auditOf, passwordFor } from '../given-password.ts';
import type { LedgerRow } from '../ledger.ts';
import { find, findPart, move, moveParts } from '../ledger.ts';
import { hasTargetUser } from '../states.ts';
import { alreadyThere, lackOf } from './found.ts';
import type { TargetUserInput } from './target-user.ts';
import { hasSecondFactor, targetUserFor, targetUserIdOf } from './target-user.ts';
import { heldPart } from './target-work.ts';
import type { Moving, Person, Standing } from './try.ts';
import { done, moveOf, NeverMoves } from './try.ts';

/** Nobody guesses it, and bcrypt takes all of it. */
const PLACEHOLDER_BYTES = 32;

export async function standingOf({ db, work }: Moving): Promise<Standing> {
  const [found] = await db.runParts<LedgerRow & Standing & Standing['captured']>(
    [findPart(work.target, work.sub), capturedPart(work), blockedPart(work.target)],
    `select l.*, c.sealed, c."madeOf", b.blocked from (select) one left join ledger_found l on true
     left join captured c on true cross join rewrites_blocked b`,
  );
  const {
    sealed = null,
    madeOf = null,
    blocked = [],
    ...row
  } = found ?? ({} as Partial<NonNullable<typeof found>>);
  return { row: row.state ? (row as LedgerRow) : undefined, captured: { sealed, madeOf }, blocked };
}

/** Throws NeverMoves, legacy_unavailable, hashing_overloaded. */
export async function personFor(moving: Moving, standing: Standing & { row: LedgerRow }): Promise<Person> {
  const entry = await moving.directory.findBySub(moving.work.sub);
  if (entry?.user.state !== 'active') throw await stopped(moving, standing.row, entry);
  return personOf(moving, standing, entry);
}

export interface DescribingDeps extends Pick<Moving, 'keyring' | 'passwords' | 'target'> {
  readonly work: Pick<Moving['work'], 'target' | 'sub'>;
}

/** What is known of them here, and what the target is to have of it. Throws NeverMoves, hashing_overloaded. */
export async function personOf(
  moving: DescribingDeps,
  standing: Pick<Standing, 'captured' | 'blocked'> & { row: Pick<LedgerRow, 'removals' | 'releasedOf'> },
  entry: LegacyEntry,
): Promise<Person> {
  const { keyring, passwords, target, work } = moving;
  const captured = openCaptured(keyring, work, standing.captured, entry.credentials.passwords);
  const input = { entry, captured, blocked: standing.blocked };
  const given = await passwordFor(passwords, target.accepts, input);
  const targetUserId = targetUserIdOf(work.target, work.sub, standing.row.removals);
  const placeholder = await placeholderFor(moving, given);
  const answer = targetUserFor({ ...input, target, given, targetUserId, ...placeholder });
  if (answer.kind === 'refused') throw new NeverMoves(answer.code, answer.sentence);
  const { user, missing } = answer;
  const madeOf = fingerprintOf(keyring, work, entry.credentials.passwords);
  const { releasedOf } = standing.row;
  const hasNewPassword = releasedOf !== null && releasedOf !== madeOf;
  const password = auditOf(given.password);
  return { entry, user, missing, outcome: given.outcome, madeOf, hasNewPassword, password };
}

/** Where passwords typed at the target are proved here, it has to ask for one. */
async function placeholderFor(
  { passwords, target }: Pick<Moving, 'passwords' | 'target'>,
  { password }: GivenPassword,
): Promise<Pick<TargetUserInput, 'placeholder' | 'isTypedHere'>> {
  const asks = target.capabilities?.typedPasswords ?? 'placeholder';
  if (!target.move.typedPasswords || !isRefusal(password) || asks === 'no') return {};
  if (asks === 'mark') return { isTypedHere: true };
  const placeholder = await passwords.hash(
    randomBytes(PLACEHOLDER_BYTES).toString('base64url'),
    target.accepts,
  );
  return isRefusal(placeholder) ? {} : { placeholder };
}

/**
 * The person was disabled or deleted in the legacy store while they were moved. Whom we have made by then must not log
 * in at the target either: the ledger remembers them, and they are deactivated.
 */
async function stopped(moving: Moving, row: LedgerRow, entry: LegacyEntry | undefined): Promise<NeverMoves> {
  const { connection, db, work } = moving;
  const ours = targetUserIdOf(work.target, work.sub, row.removals);
  const id = hasTargetUser(row.state) ? row.made && row.targetUserId : ours;
  const found = id ? await connection.userById(id) : undefined;
  if (found && found.state !== 'deleted') {
    if (!hasTargetUser(row.state)) {
      const detail = { road: work.road, targetUserId: found.targetUserId };
      await move(db, { ...moveOf(moving), event: 'create', targetUserId: ours, made: true, detail });
    }
    await connection.deactivate(found.targetUserId);
  }
  const code = entry ? 'user_disabled' : 'user_not_found';
  return new NeverMoves(code, ERRORS[code][1]);
}

/** From here on the target may have the person's secrets: recorded before it is asked. */
export async function release(moving: Moving, { outcome, madeOf, password, user }: Person): Promise<void> {
  const { db, work } = moving;
  const { target, road } = work;
  const common = moveOf(moving);
  const detail = { target, road, password, totp: user.totpSecret !== undefined };
  const [answer] = await db.runParts<{ held: boolean; released: boolean }>(
    [
      heldPart(work),
      ...moveParts(
        { ...common, event: 'release', password: outcome, releasedOf: madeOf, detail: { road } },
        'work_held',
      ),
      auditPart({ ...common, action: 'secrets.released', detail }, 'ledger_row'),
    ],
    'select exists (select from work_held) as held, exists (select from ledger_row) as released',
  );
  if (!answer?.held) throw new FootbridgeError('target_unavailable', { detail: 'the lease has run out' });
  if (!answer.released) throw new FootbridgeError('illegal_transition');
}

/** The person at the target, and how they came there. */
export interface Arrival {
  readonly targetUserId: string;
  /** It was us, in this try or an earlier one. */
  readonly made: boolean;
  /** As they were before this try; undefined when it made them. */
  readonly found: FoundUser | undefined;
  /** What the target said it could not store. */
  readonly told: readonly NotStored[];
}

export function arrivalOf(
  found: FoundUser,
  { user }: Person,
  row: Pick<LedgerRow, 'made' | 'targetUserId'>,
): Arrival {
  const { targetUserId } = found;
  const known = row.made === true && row.targetUserId === targetUserId;
  const isOurs = [targetUserId, found.externalId].includes(user.targetUserId);
  return { targetUserId, made: known || isOurs, found, told: [] };
}

/** Throws NeverMoves, target_unavailable, target_refused. */
export async function store(moving: Moving, person: Person, row: LedgerRow): Promise<Arrival> {
  const { connection, signal } = moving;
  const [outcome] = await connection.importUsers([person.user], signal ? { signal } : {});
  switch (outcome?.kind) {
    case 'created':
      return { targetUserId: outcome.targetUserId, made: true, found: undefined, told: outcome.missing };
    case 'exists':
      return arrivalOf(outcome.found, person, row);
    case 'conflict': {
      // Another node may have made this very person in the meantime.
      const found = await alreadyThere(moving, person.user, row);
      if (found) return arrivalOf(found, person, row);
      throw new NeverMoves('target_conflict', ERRORS.target_conflict[1], outcome.code);
    }
    case 'refused':
      throw new NeverMoves(outcome.code, outcome.sentence);
    default: {
      const { code, retryAfterSeconds } = outcome ?? { code: 'no_answer' };
      throw new FootbridgeError('target_unavailable', {
        detail: code,
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      });
    }
  }
}

/** The ledger remembers which user it is; throws already_linked where that is somebody else's, illegal_transition. */
export async function record(moving: Moving, row: LedgerRow, arrival: Arrival): Promise<void> {
  const { db, connection, work } = moving;
  const { targetUserId, made } = arrival;
  if (hasTargetUser(row.state)) return;
  const detail = { road: work.road, targetUserId, made };
  try {
    await move(db, { ...moveOf(moving), event: 'create', targetUserId, made, detail });
  } catch (error) {
    const now = isFootbridgeError(error, 'illegal_transition') && (await find(db, work.target, work.sub));
    // The target has told of another user meanwhile: the one made a moment ago is one too many.
    if (now && !arrival.found && hasTargetUser(now.state) && now.targetUserId !== targetUserId)
      await connection.remove(targetUserId);
    throw error;
  }
}

export interface Completion {
  readonly now: FoundUser;
  readonly missing: readonly NotStored[];
}

/** Written a moment ago, it may not be readable yet: so often, and so far apart, a try looks itself. */
const LOOKS = 4;
const BETWEEN_LOOKS_MS = 250;

/** What they lack is stored, and then looked at, there. Throws target_unavailable, target_refused. */
export async function complete(moving: Moving, person: Person, arrival: Arrival): Promise<Completion> {
  const { connection } = moving;
  let { told } = arrival;
  if (arrival.found || told.length > 0) {
    const found = arrival.found ?? seen(await connection.userById(arrival.targetUserId));
    const stale = await renewPassword(moving, person, arrival);
    told = [...stale, ...(await connection.complete(found, person.user)).missing];
    await done(moving, 'completed');
  }
  for (let look = 1; ; look += 1) {
    const now = await connection.userById(arrival.targetUserId);
    const lack = now && (await lackOf(moving, person, { now, told }));
    if (lack?.unseen === false) {
      await done(moving, 'checked');
      return { now: now!, missing: lack.missing };
    }
    if (look === LOOKS) return seen<never>(undefined);
    await setTimeout(BETWEEN_LOOKS_MS);
  }
}

/** The password was changed in the legacy store after an earlier try had stored it: the old one must not stay good. */
async function renewPassword(
  { connection }: Moving,
  { user, entry, hasNewPassword }: Person,
  { found, made, targetUserId }: Arrival,
): Promise<NotStored[]> {
  if (!made || !hasNewPassword || !found?.hasPassword) return [];
  // A second factor came meanwhile, which the target cannot be given any more: the password alone would open the door.
  if (hasSecondFactor(entry.credentials) && !found.hasTotp)
    return [{ what: 'password', code: 'second_factor_missing' }];
  if (!user.password) return [{ what: 'password', code: 'changed_meanwhile' }];
  await connection.setPassword(targetUserId, user.password);
  return [];
}

function seen<T>(found: T | undefined): T {
  if (found) return found;
  throw new FootbridgeError('target_unavailable', { detail: 'not_seen_yet' });
}
