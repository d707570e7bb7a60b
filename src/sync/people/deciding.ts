/**
 * One person's two sides and what both had when they were last equal: what is to be written where, field by field. Plain
 * logic, without asking anybody.
 */
import type { SyncField, Values } from './fields.ts';
import { isMadeUp, SYNC_FIELDS } from './fields.ts';

export type Side = 'legacy' | 'target';
export type Authority = Side | 'last-writer' | 'ask' | 'never';

/** Field → digest of what both had; a field that is not in it was never equal. */
export type Base = Readonly<Partial<Record<SyncField, string>>>;

export interface Deciding {
  readonly base: Base;
  /** The digest of a value, as it is compared. */
  readonly mark: (field: SyncField, value: string) => string;
  readonly legacy: Values;
  /** Undefined: it was not read, because nothing says that it has changed. */
  readonly target: Values | undefined;
  readonly authority: (field: SyncField) => Authority;
  /** Which fields can be written there. */
  readonly canWrite: (side: Side, field: SyncField) => boolean;
  /** When each side was changed last, in ms, by its own clock; undefined: it does not say. */
  readonly legacyAt: number | undefined;
  readonly targetAt: number | undefined;
  readonly clock: { readonly toleranceMs: number; readonly tie: Side | 'ask' };
  /** Fields that a person has to decide about, or has decided. */
  readonly asked: ReadonlyMap<SyncField, Side | 'open'>;
}

export interface FieldConflict {
  readonly field: SyncField;
  readonly kind: 'both-changed' | 'overruled';
  readonly legacy: string;
  readonly target: string;
  /** Undefined: a person has to decide. */
  readonly winner: Side | undefined;
}

export interface Decision {
  readonly toTarget: readonly SyncField[];
  readonly toLegacy: readonly SyncField[];
  readonly conflicts: readonly FieldConflict[];
  /** What both have, or will have when all of it is written. */
  readonly base: Base;
  /** They differ, and one of them cannot be written to. */
  readonly unwritable: readonly SyncField[];
}

interface Field {
  readonly field: SyncField;
  readonly legacy: string;
  readonly target: string;
  readonly hasLegacyChanged: boolean;
  readonly hasTargetChanged: boolean;
  /** It was never equal. */
  readonly isNew: boolean;
}

type Verdict =
  | { readonly kind: 'leave' }
  | { readonly kind: 'write'; readonly from: Side; readonly conflict?: FieldConflict }
  | { readonly kind: 'open'; readonly conflict: FieldConflict };

export function decide(input: Deciding): Decision {
  const made = openDecision(input);
  for (const field of SYNC_FIELDS) {
    const legacy = input.legacy[field];
    if (legacy === undefined) continue;
    const target = input.target?.[field];
    if (!input.target) unlooked(input, made, { field, legacy });
    else if (target !== undefined && !isOfAnother(input, field))
      looked(input, made, { field, legacy, target });
  }
  return withProofs(input, made);
}

interface Making {
  readonly toTarget: SyncField[];
  readonly toLegacy: SyncField[];
  readonly conflicts: FieldConflict[];
  readonly unwritable: SyncField[];
  readonly base: Partial<Record<SyncField, string>>;
}

const openDecision = ({ base }: Deciding): Making => ({
  toTarget: [],
  toLegacy: [],
  conflicts: [],
  unwritable: [],
  base: { ...base },
});

/** Where the target has not been looked at, only who leads may be written down there. */
function unlooked(
  input: Deciding,
  made: Making,
  { field, legacy }: { field: SyncField; legacy: string },
): void {
  const marked = input.mark(field, legacy);
  if (marked === input.base[field] || input.authority(field) !== 'legacy' || isMadeUp(field, legacy)) return;
  const address = ADDRESS_OF[field];
  if (address && input.authority(address) !== 'legacy') return;
  if (!input.canWrite('target', field)) made.unwritable.push(field);
  else {
    made.toTarget.push(field);
    made.base[field] = marked;
  }
}

function looked(
  input: Deciding,
  made: Making,
  both: { field: SyncField; legacy: string; target: string },
): void {
  const { field, legacy, target } = both;
  const [marked, there] = [input.mark(field, legacy), input.mark(field, target)];
  if (marked === there) {
    made.base[field] = marked;
    return;
  }
  const known = input.base[field];
  const verdict = verdictOf(input, {
    ...both,
    hasLegacyChanged: marked !== known,
    hasTargetChanged: there !== known,
    isNew: known === undefined,
  });
  if (verdict.kind === 'leave') return;
  if (verdict.kind === 'open') {
    made.conflicts.push(verdict.conflict);
    return;
  }
  const to = verdict.from === 'legacy' ? 'target' : 'legacy';
  if (!input.canWrite(to, field)) {
    made.unwritable.push(field);
    return;
  }
  if (verdict.conflict) made.conflicts.push(verdict.conflict);
  (to === 'target' ? made.toTarget : made.toLegacy).push(field);
  made.base[field] = verdict.from === 'legacy' ? marked : there;
}

/** Of which address or number a proof is. */
const ADDRESS_OF: Readonly<Partial<Record<SyncField, SyncField>>> = {
  emailVerified: 'email',
  phoneVerified: 'phone',
};

/** A proof of one address says nothing of another: it goes along with its own. */
function isOfAnother({ legacy, target, mark }: Deciding, field: SyncField): boolean {
  const address = ADDRESS_OF[field];
  if (!address) return false;
  const [here, there] = [legacy[address], target?.[address]];
  return here === undefined || there === undefined || mark(address, here) !== mark(address, there);
}

/**
 * An address that the legacy store gets from the target is proved there only as far as the target is believed: else the old
 * proof would stand for the new address.
 */
function withProofs(input: Deciding, made: Making): Decision {
  for (const [proof, address] of Object.entries(ADDRESS_OF) as [SyncField, SyncField][]) {
    if (made.toTarget.includes(address)) delete made.base[proof];
    if (!made.toLegacy.includes(address)) continue;
    delete made.base[proof];
    if (input.legacy[proof] === undefined) continue;
    if (input.canWrite('legacy', proof)) {
      made.toLegacy.push(proof);
      const there = input.target?.[proof];
      // What is written of the proof is the target's word then, or that there is none.
      if (there !== undefined && (there !== 'true' || believesProof(input.authority(proof))))
        made.base[proof] = input.mark(proof, there);
    } else if (input.legacy[proof] === 'true') {
      made.toLegacy.splice(made.toLegacy.indexOf(address), 1);
      made.unwritable.push(address);
      made.base[address] = input.base[address]!;
      if (input.base[address] === undefined) delete made.base[address];
    }
  }
  return made;
}

/** Whether the target’s word on a proof is to be written beside its address. */
export const believesProof = (authority: Authority): boolean =>
  authority === 'target' || authority === 'last-writer' || authority === 'ask';

function verdictOf(input: Deciding, one: Field): Verdict {
  const { field } = one;
  const asked = input.asked.get(field);
  const authority = input.authority(field);
  if (authority === 'never') return { kind: 'leave' };
  if (asked === 'legacy' || asked === 'target') return { kind: 'write', from: asked };
  if (authority === 'legacy' || authority === 'target') return led(one, authority);
  if (one.isNew && isNothing(one.legacy)) return { kind: 'write', from: 'target' };
  if (one.isNew && isNothing(one.target)) return { kind: 'write', from: 'legacy' };
  if (!one.isNew && !(one.hasLegacyChanged && one.hasTargetChanged))
    return { kind: 'write', from: one.hasLegacyChanged ? 'legacy' : 'target' };
  return bothChanged(input, one, { authority, isOpen: asked === 'open' });
}

/** The other side's own value is kept as a record of what was overruled, if somebody has changed it. */
function led(one: Field, leader: Side): Verdict {
  const { field, legacy, target } = one;
  if (leader === 'legacy' && isMadeUp(field, legacy) && one.isNew) return { kind: 'leave' };
  // What leads and has nothing takes nothing away that was never compared: it is filled.
  const other = leader === 'legacy' ? 'target' : 'legacy';
  if (one.isNew && isNothing(leader === 'legacy' ? legacy : target)) return { kind: 'write', from: other };
  const isLost = !one.isNew && (leader === 'legacy' ? one.hasTargetChanged : one.hasLegacyChanged);
  const conflict = { field, kind: 'overruled', legacy, target, winner: leader } as const;
  return { kind: 'write', from: leader, ...(isLost ? { conflict } : {}) };
}

const isNothing = (value: string) => value === '';

function bothChanged(
  input: Deciding,
  { field, legacy, target }: Field,
  { authority, isOpen }: { readonly authority: Authority; readonly isOpen: boolean },
): Verdict {
  const kind = 'both-changed' as const;
  const winner = authority === 'ask' || isOpen ? undefined : newer(input);
  const conflict: FieldConflict = { field, kind, legacy, target, winner };
  return winner ? { kind: 'write', from: winner, conflict } : { kind: 'open', conflict };
}

/** Whoever changed it last, by two clocks; undefined: a person has to say. */
export function newer({
  legacyAt,
  targetAt,
  clock,
}: Pick<Deciding, 'legacyAt' | 'targetAt' | 'clock'>): Side | undefined {
  const tie = clock.tie === 'ask' ? undefined : clock.tie;
  if (legacyAt === undefined || targetAt === undefined) return tie;
  if (Math.abs(legacyAt - targetAt) <= clock.toleranceMs) return tie;
  return legacyAt > targetAt ? 'legacy' : 'target';
}
