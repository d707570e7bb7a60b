/** Both sides of the people whose turn it is, read afresh, many at once. */
import { refuse } from '../../credentials/reasons.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { fingerprintOf } from '../../migration/captured-passwords.ts';
import type { LedgerRow } from '../../migration/ledger.ts';
import { ledgerOf } from '../../migration/ledger.ts';
import { targetUserFor } from '../../migration/moving/target-user.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { FoundUser, TargetConnection, TargetUser } from '../../targets/connection.ts';
import { inParallel } from '../../targets/in-parallel.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Turn } from '../queue/change-queue.ts';
import type { PairSettings } from '../sync-settings.ts';
import type { Asked } from './conflicts.ts';
import { askedOf } from './conflicts.ts';
import type { Authority, Base } from './deciding.ts';
import type { SyncField, Values } from './fields.ts';
import { keptOf, legacyValues, targetValues } from './fields.ts';
import type { Marking } from './marks.ts';
import { markingOf } from './marks.ts';
import { isAnotherPassword } from './password-note.ts';
import type { PersonState } from './states.ts';
import { NEW_STATE, statesOf } from './states.ts';

export interface LookingDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly directory: Pick<Directory, 'findBySubs' | 'applies' | 'apply'>;
  readonly target: Target;
  readonly connection: TargetConnection;
  readonly pair: PairSettings;
  readonly nowMs: () => number;
}

/** Somebody who is at both sides. */
export interface Person {
  readonly kind: 'person';
  readonly turn: Turn;
  readonly sub: string;
  readonly row: LedgerRow;
  readonly state: PersonState;
  readonly marking: Marking;
  /** What both had, with what of our own writes is there by now. */
  readonly base: Base;
  readonly entry: LegacyEntry;
  /** As they should be at the target by the legacy store; without secrets. */
  readonly user: TargetUser;
  readonly legacy: Values;
  /** Undefined: not looked at. */
  readonly found: FoundUser | undefined;
  readonly target: Values | undefined;
  /** The fingerprint of the legacy password; undefined: the store keeps it to itself, or there is none. */
  readonly madeOf: string | undefined;
  /** When we began to look. */
  readonly lookedAt: Date;
  readonly asked: Asked;
}

export type Looked =
  | Person
  /** Nobody of ours at the target: there is nothing to keep equal. */
  | { readonly kind: 'not-there'; readonly turn: Turn; readonly row: LedgerRow | undefined }
  /** In the ledger and at the target, as far as we know, and the legacy store has nobody. */
  | {
      readonly kind: 'gone';
      readonly turn: Turn;
      readonly sub: string;
      readonly row: LedgerRow;
      readonly state: PersonState;
    }
  /** In the ledger and in the legacy store, and the target has nobody. */
  | {
      readonly kind: 'removed';
      readonly turn: Turn;
      readonly sub: string;
      readonly row: LedgerRow;
      readonly state: PersonState;
      readonly entry: LegacyEntry;
    }
  | { readonly kind: 'failed'; readonly turn: Turn; readonly error: FootbridgeError };

/** The rules that hold for somebody, by where the ledger says that they are. */
export const authorityOf =
  ({ fields }: PairSettings, { state }: Pick<LedgerRow, 'state'>) =>
  (field: SyncField | 'password'): Authority =>
    fields[field][state === 'cut-over' || state === 'retired' ? 'after' : 'before'];

const NO_PASSWORD = { password: refuse('no_hash'), outcome: 'none' } as const;
const NOBODY: Asked = new Map();

/** In the order of the turns. Throws legacy_unavailable, storage_unavailable. */
export async function lookAt(deps: LookingDeps, turns: readonly Turn[]): Promise<readonly Looked[]> {
  const { db, keyring, directory, target, pair } = deps;
  const subs = turns.map(({ person }) => person);
  const lookedAt = new Date(deps.nowMs());
  const [rows, states, asked] = await Promise.all([
    ledgerOf(db, target.name, subs),
    statesOf(db, target.name, subs),
    askedOf(db, target.name, subs),
  ]);
  const rowOf = new Map(rows.map((row) => [row.sub, row]));
  const there = subs.filter((sub) => isThere(rowOf.get(sub)));
  const entries = there.length > 0 ? await directory.findBySubs(there) : new Map();
  const looks = turns.map((turn): Looked => {
    const sub = turn.person;
    const row = rowOf.get(sub);
    if (!isThere(row)) return { kind: 'not-there', turn, row };
    const known = states.get(sub);
    const state = known?.targetUserId === row.targetUserId ? known : NEW_STATE(row.targetUserId);
    const read = entries.get(sub);
    if (!read) return { kind: 'gone', turn, sub, row, state };
    if ('error' in read && read.error) return { kind: 'failed', turn, error: read.error };
    const entry = read as LegacyEntry;
    const answer = shouldBe(target, entry, row.targetUserId);
    if (answer.kind === 'refused')
      return { kind: 'failed', turn, error: new FootbridgeError('target_refused', { detail: answer.code }) };
    const { user } = answer;
    const marking = markingOf(keyring, { target: target.name, sub }, state.of);
    const legacy = keptOf(deps.connection, legacyValues(target, entry, user));
    const madeOf = madeOfEntry(deps, entry);
    const both = { sub, row, state, marking, entry, user, legacy, madeOf, lookedAt };
    // Digests of a master key that is gone say nothing any more.
    const base = state.of === undefined || state.of === marking.of ? state.fields : {};
    const nobody = { found: undefined, target: undefined, asked: asked.get(sub) ?? NOBODY };
    return { kind: 'person', turn, ...both, base, ...nobody };
  });
  return withTarget(deps, looks, (person) => isToLookUp(person, { pair, connection: deps.connection }));
}

const shouldBe = (target: Target, entry: LegacyEntry, targetUserId: string) =>
  targetUserFor({ entry, target, given: NO_PASSWORD, blocked: [], targetUserId });

/** What the legacy store says of them; undefined where the operator's rules make no user of them. */
export function valuesOfEntry(
  { target, connection }: Pick<LookingDeps, 'target' | 'connection'>,
  entry: LegacyEntry,
  targetUserId: string,
): Values | undefined {
  const answer = shouldBe(target, entry, targetUserId);
  return answer.kind === 'user' ? keptOf(connection, legacyValues(target, entry, answer.user)) : undefined;
}

/** Of all of their passwords in the legacy store. */
export function madeOfEntry(
  { keyring, target }: Pick<LookingDeps, 'keyring' | 'target'>,
  { user, credentials: { passwords } }: LegacyEntry,
): string | undefined {
  if (passwords.length === 0) return undefined;
  return fingerprintOf(keyring, { target: target.name, sub: user.sub }, passwords);
}

type There = LedgerRow & { readonly targetUserId: string };
const isThere = (row: LedgerRow | undefined): row is There =>
  row !== undefined && hasTargetUser(row.state) && row.targetUserId !== null;

/**
 * Many changes come from the legacy store alone, and where it leads in all that has changed, the target need not be asked:
 * what it has by then is written over anyway. What it was told to do while nobody looked, its own events bring up.
 */
function isToLookUp(
  { turn, state, base, legacy, marking, row, asked, madeOf }: Person,
  { pair, connection }: Pick<LookingDeps, 'pair' | 'connection'>,
): boolean {
  const { legacyAt, ...other } = turn.hint;
  if (!connection.updateMany || legacyAt === undefined || Object.keys(other).length > 0) return true;
  if (state.version === 0 || state.intended || state.goneSince || asked.size > 0) return true;
  const authority = authorityOf(pair, row);
  if (authority('password') !== 'never' && isAnotherPassword(madeOf, state.password)) return true;
  return (Object.keys(legacy) as SyncField[]).some((field) => {
    if (base[field] === marking.mark(field, legacy[field] ?? '')) return false;
    const isProfile = field !== 'state' && field !== 'roles';
    return authority(field) !== 'legacy' || !isProfile;
  });
}

async function withTarget(
  { connection, target, pair }: LookingDeps,
  looks: readonly Looked[],
  isMeant: (person: Person) => boolean,
): Promise<readonly Looked[]> {
  const meant = looks.filter((one): one is Person => one.kind === 'person' && isMeant(one));
  const found = await usersOf(connection, meant, pair.atOnce);
  return looks.map((one): Looked => {
    if (one.kind !== 'person' || !found.has(one)) return one;
    const { turn, sub, row, state, entry } = one;
    const user = found.get(one);
    if (isFootbridgeError(user)) return { kind: 'failed', turn, error: user };
    if (!user || user.state === 'deleted') return { kind: 'removed', turn, sub, row, state, entry };
    const values = keptOf(connection, targetValues(target, user));
    return { ...one, found: user, target: values, base: withIntended(one, values) };
  });
}

type Answers = Map<Person, FoundUser | FootbridgeError | undefined>;

async function usersOf(
  connection: TargetConnection,
  people: readonly Person[],
  atOnce: number,
): Promise<Answers> {
  const answers: Answers = new Map();
  const idOf = ({ state }: Person) => state.targetUserId;
  try {
    if (connection.usersByIds && people.length > 1) {
      const users = await connection.usersByIds(people.map(idOf));
      for (const person of people) answers.set(person, users.get(idOf(person)));
      return answers;
    }
  } catch (error) {
    if (!isFootbridgeError(error)) throw error;
    for (const person of people) answers.set(person, error);
    return answers;
  }
  await inParallel(people, atOnce, async (person) => {
    const answer = await connection.userById(idOf(person)).catch((error: unknown) => {
      if (isFootbridgeError(error)) return error;
      throw error;
    });
    answers.set(person, answer);
  });
  return answers;
}

/** What we were about to write when we fell silent counts as what both have, where it is there. */
function withIntended({ state, base: known, marking, legacy }: Person, target: Values): Base {
  const { intended } = state;
  if (!intended) return known;
  const base: Record<string, string> = { ...known };
  const note = (side: Base | undefined, values: Values) => {
    for (const [field, mark] of Object.entries(side ?? {})) {
      const value = values[field as SyncField];
      if (value !== undefined && marking.mark(field as SyncField, value) === mark) base[field] = mark;
    }
  };
  note(intended.target, target);
  note(intended.legacy, legacy);
  return base;
}
