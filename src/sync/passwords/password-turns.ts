/**
 * A person's password in their turn. Of the legacy password a fingerprint tells whether it is another one than when both were
 * equal; of the target's only the target can tell. What can be carried is carried, and what cannot is caught when it is next
 * typed: the state says so until then.
 */
import { isFootbridgeError } from '../../errors.ts';
import { fingerprintsOf, wipePart } from '../../migration/captured-passwords.ts';
import type { GivenDeps } from '../../migration/reconcile/given.ts';
import { givePassword, passwordComparedPart } from '../../migration/reconcile/giving.ts';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Targets } from '../../targets/target.ts';
import type { NewConflict } from '../people/conflicts.ts';
import { askedOf, conflictsPart, settledPart } from '../people/conflicts.ts';
import type { Side } from '../people/deciding.ts';
import { newer } from '../people/deciding.ts';
import type { PasswordInput } from '../people/password-turn.ts';
import { strangerOf } from '../queue/change-queue.ts';
import type { Known } from './password-news.ts';
import { firstState, hasLegacyChanged, newsOf } from './password-news.ts';
import type { Owner, PasswordState } from './password-states.ts';
import { noteEqual, noteHeard, noteOpen, noteWriting, passwordStateOf } from './password-states.ts';
import { openPassword } from './sealing.ts';
import type { ToLegacyDeps } from './to-legacy.ts';
import { writeToLegacy } from './to-legacy.ts';

export interface PasswordTurnsDeps extends ToLegacyDeps, GivenDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly passwords: ToLegacyDeps['passwords'] & GivenDeps['passwords'];
  readonly targets: Pick<Targets, 'connection'>;
}

export type PasswordResult =
  | { readonly kind: 'equal' }
  | { readonly kind: 'wrote'; readonly side: Side }
  /** `side`: which one has the older password until it is typed where it can be caught. */
  | { readonly kind: 'waits'; readonly side: Side; readonly code: string }
  | { readonly kind: 'conflict' };

const EQUAL: PasswordResult = { kind: 'equal' };

/** One turn, with what is known before anything is decided. */
interface Turning {
  readonly input: PasswordInput;
  readonly owner: Owner;
  readonly known: Known;
  /** Of the legacy password, newest master key first. */
  readonly fingerprints: readonly string[];
  /** The change at the target that this is about. */
  readonly heardAt: Date | undefined;
  /** Which sides have another one than before. */
  readonly changed: ReadonlySet<Side>;
  /** What a person has to say of two of them, or has said. */
  readonly said: Side | 'open' | undefined;
}

/** Throws target_unavailable, legacy_unavailable, storage_unavailable, hashing_overloaded: the turn is taken again. */
export async function passwordTurn(deps: PasswordTurnsDeps, input: PasswordInput): Promise<PasswordResult> {
  const { db, keyring } = deps;
  const { target, row, entry, found, hint, authority, pair } = input;
  if (authority === 'never' || !found) return EQUAL;
  const owner = { target: target.name, sub: row.sub };
  const fingerprints = fingerprintsOf(keyring, owner, entry.credentials.passwords);
  const stored: PasswordState | undefined = await passwordStateOf(db, owner);
  const known = stored ?? (await firstState(db, input, fingerprints));
  const legacy = await hasLegacyChanged({ db, keyring }, { input, owner, known, fingerprints });
  const news = newsOf(known, hint, pair.clock.toleranceSeconds * 1_000);
  const heardAt = news === 'none' ? undefined : new Date(hint.passwordAt!);
  const isAtTarget = news === 'new' || (known.state === 'at-target' && legacy !== 'ours');
  const sides: readonly (Side | false)[] = [legacy === 'changed' && 'legacy', isAtTarget && 'target'];
  const changed = new Set(sides.filter((side) => side !== false));
  const said = changed.size > 1 ? await saidOf(db, owner) : undefined;
  const turning = { input, owner, known, fingerprints, heardAt, changed, said };
  if (changed.size > 0) {
    const winner = winnerOf(turning);
    if (winner === 'legacy') return toTarget(deps, turning);
    return winner === 'target' ? toLegacy(deps, turning) : undecided(deps, turning);
  }
  if (known.state === 'waits' && entry.credentials.storeCheck && legacy === 'same')
    return wait(deps, turning, 'store_keeps_its_hashes');
  if (!stored || legacy === 'ours' || known.state !== 'equal') await settleEqual(deps, turning);
  else if (heardAt) await noteHeard(db, owner, heardAt);
  return EQUAL;
}

async function saidOf(db: Db, { target, sub }: Owner): Promise<Side | 'open' | undefined> {
  const asked: ReadonlyMap<string, Side | 'open'> | undefined = (await askedOf(db, target, [sub])).get(sub);
  return asked?.get('password');
}

/** Undefined: a person has to decide. */
function winnerOf(turning: Turning): Side | undefined {
  const { input, known, heardAt, changed, said } = turning;
  const { authority, pair } = input;
  if (authority === 'legacy' || authority === 'target') return authority;
  const [one, other] = changed;
  if (!other) return one;
  if (said === 'legacy' || said === 'target') return said;
  if (authority === 'ask' || said === 'open') return undefined;
  const { tie, toleranceSeconds } = pair.clock;
  return newer({
    legacyAt: legacyAtOf(turning)?.getTime(),
    targetAt: (heardAt ?? known.since).getTime(),
    clock: { tie, toleranceMs: toleranceSeconds * 1_000 },
  });
}

/** When the legacy password was changed: as it was said when it began to wait, or with what is heard now. */
function legacyAtOf({ input, known, fingerprints }: Turning): Date | undefined {
  if (isWaitingFor(known, fingerprints)) return known.since;
  return input.hint.legacyAt === undefined ? undefined : new Date(input.hint.legacyAt);
}

const isWaitingFor = ({ state, intended }: Known, fingerprints: readonly string[]): boolean =>
  state === 'waits' && (intended ?? []).some((one) => fingerprints.includes(one));

async function settleEqual(deps: PasswordTurnsDeps, { owner, fingerprints, heardAt, input }: Turning) {
  const { passwords } = input.entry.credentials;
  const madeOf = passwords.length > 0 ? fingerprints[0]! : null;
  await noteEqual(deps.db, owner, { madeOf, heardAt });
}

/** The legacy password, at the target. */
async function toTarget(deps: PasswordTurnsDeps, turning: Turning): Promise<PasswordResult> {
  const { db, targets } = deps;
  const { input, owner, known, heardAt } = turning;
  const { target, row, entry, found } = input;
  const connection = targets.connection(target.name);
  const { passwords, storeCheck } = entry.credentials;
  // A password at a target nobody takes away.
  if (passwords.length === 0 && !storeCheck) {
    await settleEqual(deps, turning);
    return EQUAL;
  }
  if (!connection || !found) return wait(deps, turning, 'target_without_api');
  const giving = { ...deps, target, connection, actor: 'sync', road: 'sync' };
  const outcome = await givePassword(giving, { entry, found, state: row.state }, () =>
    noteWriting(db, owner, known.madeOf),
  ).catch((error: unknown) => {
    // About this person's password: another try is refused as well.
    if (isFootbridgeError(error, 'target_refused')) return { kind: 'refused', code: error.code } as const;
    throw error;
  });
  if (outcome.kind === 'refused') return wait(deps, turning, outcome.code);
  const given = {
    name: 'password_given',
    text: 'select $1::text as target, $2::text as sub',
    values: [owner.target, owner.sub],
  };
  await db.runParts([given, wipePart(given.name), ...decidedParts(turning, 'legacy', deps)], 'select 1');
  const madeOf = passwords.length > 0 ? outcome.madeOf : null;
  await noteEqual(db, owner, { madeOf, heardAt, wrote: true });
  return { kind: 'wrote', side: 'target' };
}

async function wait(deps: PasswordTurnsDeps, turning: Turning, code: string): Promise<PasswordResult> {
  const { owner, known, heardAt, fingerprints } = turning;
  const since = isWaitingFor(known, fingerprints) ? undefined : (legacyAtOf(turning) ?? new Date());
  const open = { state: 'waits', madeOf: known.madeOf, problem: code } as const;
  await noteOpen(deps.db, owner, { ...open, heardAt, since, intended: fingerprints[0] });
  return { kind: 'waits', side: 'target', code };
}

/** The target's password, in the legacy store: now, where it was told, and else when it is next typed. */
async function toLegacy(deps: PasswordTurnsDeps, turning: Turning): Promise<PasswordResult> {
  const { db, keyring, directory, targets } = deps;
  const { input, owner, known, fingerprints, heardAt } = turning;
  const { target, row, entry, found, hint } = input;
  const { passwordAt } = hint;
  // A turn that is taken again is about what it was about before.
  const isTold =
    heardAt !== undefined || (passwordAt !== undefined && Date.parse(passwordAt) === known.since.getTime());
  const password = isTold
    ? [row.sub, strangerOf(row.targetUserId ?? '')]
        .map((person) => openPassword(keyring, { target: target.name, person }, hint.sealedPassword))
        .find((one) => one !== undefined)
    : undefined;
  const problem = directory.applies(owner.sub).password
    ? targets.connection(target.name)?.checkPassword
      ? 'caught_at_login'
      : 'password_not_checkable'
    : 'legacy_password_not_written';
  // What the legacy store has now is the older one, whatever it was before.
  const open = { state: 'at-target', madeOf: fingerprints[0] ?? null, heardAt, since: heardAt } as const;
  const since = await noteOpen(db, owner, { ...open, problem });
  const decided = decidedParts(turning, 'target', deps);
  if (decided.length > 0) await db.runParts(decided, 'select 1');
  if (!password) return { kind: 'waits', side: 'legacy', code: problem };
  const written = await writeToLegacy(deps, { owner, entry, password, since });
  if (written.kind === 'overtaken') return { kind: 'waits', side: 'legacy', code: problem };
  if (written.kind === 'refused') {
    await noteOpen(db, owner, { ...open, problem: written.code });
    return { kind: 'waits', side: 'legacy', code: written.code };
  }
  const after = written.entry.credentials.passwords;
  const [madeOf = null] = after.length > 0 ? fingerprintsOf(keyring, owner, after) : [];
  const compared = passwordComparedPart(
    { keyring, target },
    { sub: owner.sub, found: found!, password: madeOf ?? '' },
  );
  if (madeOf) await db.runParts([compared], 'select 1');
  await noteEqual(db, owner, { madeOf, heardAt });
  return written.kind === 'same' ? EQUAL : { kind: 'wrote', side: 'legacy' };
}

/** Both have another one, and nobody has said which counts. At a login either of them is right until then. */
async function undecided(deps: PasswordTurnsDeps, turning: Turning): Promise<PasswordResult> {
  const { db, keyring } = deps;
  const { owner, known, heardAt } = turning;
  const open = { state: 'at-target', madeOf: known.madeOf, problem: 'password_conflict' } as const;
  await noteOpen(db, owner, { ...open, heardAt, since: heardAt });
  const conflict = conflictOf(turning, undefined);
  await db.runParts([conflictsPart(keyring, owner.target, [conflict])], 'select 1');
  return { kind: 'conflict' };
}

function conflictOf(turning: Turning, winner: Side | undefined): NewConflict {
  const { owner, known, heardAt } = turning;
  return {
    sub: owner.sub,
    field: 'password',
    kind: 'password',
    legacyAt: legacyAtOf(turning),
    targetAt: heardAt ?? known.since,
    winner,
  };
}

/** That a new password was overruled, and by which side. */
function decidedParts(turning: Turning, winner: Side, { keyring }: PasswordTurnsDeps) {
  const { owner, changed, said } = turning;
  if (said) return [settledPart(owner.target, [{ sub: owner.sub, field: 'password', by: winner }])];
  const isOverruled = [...changed].some((side) => side !== winner);
  return isOverruled ? [conflictsPart(keyring, owner.target, [conflictOf(turning, winner)])] : [];
}
