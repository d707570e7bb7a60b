/** What one person's two sides say of each other: plain logic, without asking anybody. */
import type { TargetUser } from '../../targets/connection.ts';
import type { UserState } from '../../user.ts';
import type { LedgerRow } from '../ledger.ts';
import { hasTargetUser } from '../states.ts';
import { compareFields } from './compare-fields.ts';
import type { Base, ComparedField, Marks } from './marks.ts';
import type { Leads, Repair } from './repair-kinds.ts';
import { repairOfPerson } from './repair-kinds.ts';
import type { Right } from './target-side.ts';

/**
 * `missing`: should be at the target, by the ledger (also where a move has failed) or the batch, and nobody is; `extra`: is there as one of ours, and the legacy store knows nobody;
 * `changed-left`, `changed-right`, `conflict`: fields differ, and only the legacy store, only the target, or both or
 * nobody knows which has changed; `resurrected`: was removed, and is there; `unrecorded`: is there, and the ledger says
 * otherwise; `doubled`: two users at the target for one person.
 */
export const KINDS = [
  'missing',
  'extra',
  'changed-left',
  'changed-right',
  'conflict',
  'resurrected',
  'unrecorded',
  'doubled',
] as const;
export type Kind = (typeof KINDS)[number];

/** A person as the legacy store has them. */
export type Left =
  | { readonly kind: 'gone' }
  /** The record cannot be mapped, with the error's code. */
  | { readonly kind: 'unreadable'; readonly code: string }
  | {
      readonly kind: 'there';
      readonly state: UserState;
      readonly legacyId: string;
      /** What should be at the target; undefined where the operator's rules refuse the person. */
      readonly user: TargetUser | undefined;
      /** The profile of `user`, for one user at the target. */
      readonly profile: (targetUserId: string) => Marks;
      /** The stored password's fingerprint, of every key, newest first; none where there is no password. */
      readonly fingerprints: readonly string[];
    };

export interface Person {
  readonly sub: string;
  readonly left: Left;
  readonly row: LedgerRow | undefined;
  /** The id that we ask the target for, with every try after how many removals. */
  readonly ownId: string;
  /** Everybody at the target who could be this person. */
  readonly rights: readonly Right[];
  readonly base: Base | undefined;
  /** Of the batch that is looked at. */
  readonly isMember: boolean;
}

export interface Rules {
  /** What the target tells of its users. */
  readonly fields: ReadonlySet<ComparedField>;
  readonly canUpdate: boolean;
  /** Of everybody; by default the target leads for people who were cut over. */
  readonly leads?: Leads | undefined;
  readonly ownerMark: (targetUserId: string) => string;
  /** With every older master key. */
  readonly olderOwnerMarks: (targetUserId: string) => readonly string[];
}

export interface Difference {
  readonly sub: string;
  readonly kind: Kind;
  readonly fields: readonly ComparedField[];
  readonly left: Marks;
  readonly right: Marks;
  readonly targetUserIds: readonly string[];
  readonly repair: Repair;
}

/**
 * `equal`: all fields are; `differs`; `not-moved`: only in the legacy store, where they belong; `settled`: not to log in
 * at the target, and cannot; `unreadable`.
 */
export type Standing = 'equal' | 'differs' | 'not-moved' | 'settled' | 'unreadable';

export interface Verdict {
  readonly standing: Standing;
  readonly differences: readonly Difference[];
  /** Of somebody whose fields were compared: those that are the same now. */
  readonly same?: Base;
}

export function classify(person: Person, rules: Rules): Verdict {
  const { left, row } = person;
  const there = usersOf(person);
  const ids = there.map(({ targetUserId }) => targetUserId);
  if (wasRemoved(person)) return there.length > 0 ? one(person, rules, 'resurrected', ids) : SETTLED;
  if (there.length > 1) return one(person, rules, 'doubled', ids);
  const [right] = there;
  if (left.kind === 'unreadable') return { standing: 'unreadable', differences: [] };
  if (left.kind === 'gone') {
    const isOver = !right || right.state === 'inactive' || row?.state === 'retired';
    return isOver ? SETTLED : one(person, rules, 'extra', ids);
  }
  if (!right) return absent(person, rules, left);
  if (row && hasTargetUser(row.state) && row.targetUserId === right.targetUserId)
    return compareFields({ person, rules, left, right, row, leads: leaderOf(person, rules) });
  const isOver = left.state !== 'active' && right.state === 'inactive';
  return isOver ? SETTLED : one(person, rules, 'unrecorded', ids);
}

const SETTLED: Verdict = { standing: 'settled', differences: [] };

const hasArrived = (row: LedgerRow | undefined): boolean => row !== undefined && hasTargetUser(row.state);

/** Linked to us as this person, made by us for them, or said by the ledger to be theirs. */
function usersOf({ sub, row, ownId, rights }: Person): Right[] {
  const isMade = row?.made === true && row.state === 'deleted';
  const isTheirs = hasArrived(row) || isMade;
  return rights.filter(
    (right) =>
      right.sub === sub ||
      [right.targetUserId, right.externalId].includes(ownId) ||
      (isTheirs && right.targetUserId === row?.targetUserId),
  );
}

/** By us, on somebody's word; not by going back of somebody whom the legacy store still has. */
function wasRemoved({ row, left }: Person): boolean {
  if (row?.state === 'deleted') return true;
  return left.kind === 'gone' && row !== undefined && row.removals > 0 && !hasTargetUser(row.state);
}

export type There = Extract<Left, { kind: 'there' }>;

function absent(person: Person, rules: Rules, { state }: There): Verdict {
  const { row, rights, isMember } = person;
  const wasToBe = hasArrived(row) || row?.state === 'failed';
  const isExpected = wasToBe || (isMember && row?.state !== 'excluded');
  if (state === 'active' && isExpected) return one(person, rules, 'missing', []);
  const named = rights.filter((right) => right.sub === null && right.state === 'active');
  if (state === 'active' && named.length > 0) return onlyNamed(person, named);
  return state === 'active' && !hasArrived(row) ? { standing: 'not-moved', differences: [] } : SETTLED;
}

/** Only our metadata names them: nothing proves that it is the same person, as `user link` would say. */
function onlyNamed({ sub }: Person, named: readonly Right[]): Verdict {
  const targetUserIds = named.map(({ targetUserId }) => targetUserId);
  const nothing = { fields: [], left: {}, right: {}, repair: 'none' } as const;
  return { standing: 'differs', differences: [{ sub, kind: 'unrecorded', targetUserIds, ...nothing }] };
}

function leaderOf({ row }: Person, { leads }: Rules): Leads {
  return leads ?? (row?.state === 'cut-over' || row?.state === 'retired' ? 'target' : 'legacy');
}

/** A difference in somebody's being there. */
function one(person: Person, rules: Rules, kind: Kind, targetUserIds: readonly string[]): Verdict {
  const repair = repairOfPerson(kind, person, leaderOf(person, rules));
  const difference = { sub: person.sub, kind, fields: [], left: {}, right: {}, targetUserIds, repair };
  return { standing: 'differs', differences: [difference] };
}
