/** From fields that are to change to columns that are written: what the row has of them, and what it is to have. */
import { FootbridgeError } from '../errors.ts';
import type { ApplyField, ApplyInput, ColumnChange, FieldChange, StoreValue } from './apply.ts';
import { APPLY_FIELDS } from './apply.ts';
import type { AppliedValues } from './apply-reading.ts';
import { ownColumnOf, readApplied, sourceOf } from './apply-reading.ts';
import type { ApplySettings, Place } from './apply-settings.ts';
import { keyOf } from './apply-settings.ts';
import type { RolesChange } from './apply-values.ts';
import { isAlike, rolesValueOf, storeValueOf } from './apply-values.ts';
import type { LegacyRecord } from './mapping.ts';
import type { Mapping } from './mapping-settings.ts';
import { MAX_TEXT_LENGTH } from './values.ts';

export interface Planning {
  readonly apply: ApplySettings;
  /** Narrowed to what is applied. */
  readonly mapping: Mapping;
  readonly record: LegacyRecord;
  /** What the mapping makes of the record. */
  readonly present: AppliedValues;
  /** The same with what stands in for missing names. */
  readonly shown: AppliedValues;
}

export type Writes = Readonly<Record<string, ColumnChange>>;

/**
 * `changed`: a field is neither what it was nor what it is to be; `there`: some are what they are to be already, and what is
 * left is in `writes`; `open`: all are still to be written.
 */
export interface Planned {
  readonly state: 'changed' | 'there' | 'open';
  readonly writes: Writes;
}

type Standing = 'changed' | 'there' | 'open' | 'same';

export function writesFor({ fields }: ApplyInput, planning: Planning): Planned {
  const changes = APPLY_FIELDS.flatMap((field) => {
    const change = fields[field];
    return change ? [{ field, change, standing: standingOf(field, change, planning) }] : [];
  });
  const has = (standing: Standing) => changes.some((one) => one.standing === standing);
  if (has('changed')) return { state: 'changed', writes: {} };
  const writes = changes
    .filter(({ standing }) => standing === 'open')
    .map(({ field, change }) => writeOf(field, change, planning));
  return { state: has('there') ? 'there' : 'open', writes: Object.fromEntries(writes) };
}

function standingOf(field: ApplyField, change: FieldChange, { present, shown }: Planning): Standing {
  if (field === 'roles') return rolesStanding(change, present);
  const [before, after] = [change.before || null, change.after || null];
  const wasSeen = isAlike(field, present[field], before) || isAlike(field, shown[field], before);
  if (before === after) return wasSeen ? 'same' : 'changed';
  if (wasSeen) return 'open';
  return isAlike(field, present[field], after) ? 'there' : 'changed';
}

/** Of roles only those count that come or go: others may be none of sync’s. */
function rolesStanding(change: FieldChange, present: AppliedValues): Standing {
  const { added, removed } = rolesChange(change);
  if (added.length + removed.length === 0) return 'same';
  const has = new Set(rolesIn(present.roles));
  if (removed.every((role) => has.has(role)) && !added.some((role) => has.has(role))) return 'open';
  return added.every((role) => has.has(role)) && !removed.some((role) => has.has(role)) ? 'there' : 'changed';
}

export function rolesChange({ before, after }: FieldChange): RolesChange {
  const [were, will] = [rolesIn(before), rolesIn(after)];
  return {
    added: will.filter((role) => !were.includes(role)),
    removed: were.filter((role) => !will.includes(role)),
  };
}

function rolesIn(value: string | null): readonly string[] {
  if (!value) return [];
  try {
    const roles: unknown = JSON.parse(value);
    if (Array.isArray(roles) && roles.every(isRole)) return [...new Set(roles)];
  } catch {
    // Said below.
  }
  throw new FootbridgeError('bad_request', { detail: 'apply.roles is no JSON list of names' });
}

const isRole = (role: unknown): role is string =>
  typeof role === 'string' &&
  role !== '' &&
  role.length <= MAX_TEXT_LENGTH &&
  role.isWellFormed() &&
  !role.includes('\0');

function writeOf(field: ApplyField, change: FieldChange, planning: Planning): [string, ColumnChange] {
  const place = planning.apply[field] as Place;
  if (field === 'roles') return [keyOf(field, place), rolesWrite(place, change, planning)];
  const source = sourceOf(field, planning.mapping);
  const from = source.kind === 'field' ? source.field : undefined;
  const { nowMs } = planning.record;
  const own = ownColumnOf(source);
  const convert = (value: string | null) =>
    storeValueOf(wordOf(field, value), place, { source: from, nowMs });
  const after = convert(change.after);
  if (after === undefined) throw unwritable(field, 'the store has no value for it');
  // A statement of the operator's own gets what stands in the row, where it is one column that the mapping reads.
  const before =
    own === undefined ? convert(change.before) : singleValue(field, planning.record.row.columns[own]);
  return [keyOf(field, place), { before: before ?? null, after }];
}

/** Nothing is no yes. */
const wordOf = (field: ApplyField, value: string | null) =>
  field === 'emailVerified' || field === 'phoneNumberVerified' ? value || 'false' : value || null;

function singleValue(field: ApplyField, value: unknown): StoreValue {
  if (Array.isArray(value))
    throw unwritable(field, 'there are several values, and which one it is cannot be told');
  return storeValue(field, value);
}

function storeValue(field: ApplyField, value: unknown): StoreValue {
  if (value === undefined || value === null) return null;
  if (['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return value as StoreValue;
  if (value instanceof Date || value instanceof Uint8Array) return value;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw unwritable(field, 'the column has a value that cannot be compared');
}

function rolesWrite(place: Place, change: FieldChange, { mapping, record, present }: Planning): ColumnChange {
  const source = sourceOf('roles', mapping);
  const roles = rolesChange(change);
  const { nowMs } = record;
  const own = ownColumnOf(source);
  if (place.column === undefined || own === undefined || source.kind !== 'field') {
    const convert = (all: readonly string[]) => all.map((role) => convertRole(role, place, nowMs));
    const were = rolesIn(present.roles);
    const will = [...were.filter((role) => !roles.removed.includes(role)), ...roles.added];
    return { before: convert(were), after: convert(will) };
  }
  const raw = record.row.columns[own];
  const after = rolesValueOf(raw, roles, { place, source: source.field, nowMs });
  if (after === undefined) throw unwritable('roles', 'the store has no value for one of them');
  return { before: storeValue('roles', raw), after };
}

/** A role that sync does not change may have no value of its own: it is handed on as it is. */
function convertRole(role: string, place: Place, nowMs: number): string {
  const value = storeValueOf(role, place, { source: undefined, nowMs });
  return value === undefined || value === null ? role : String(value);
}

/** A first address must not be proved because the store says so of everybody; of another one the engine sees to it. */
const PROOFS = [
  ['email', 'emailVerified'],
  ['phoneNumber', 'phoneNumberVerified'],
] as const;

const unwritable = (field: ApplyField, why: string) =>
  new FootbridgeError('bad_request', { detail: `apply.${field}: ${why}` });

/** What is written has to come back through the mapping. Throws bad_request: sync would never see both sides equal. */
export function roundTrip(
  { fields }: ApplyInput,
  { apply, mapping, record, writes }: Omit<Planning, 'present' | 'shown'> & { readonly writes: Writes },
): void {
  const columns: Record<string, unknown> = { ...record.row.columns };
  const written = APPLY_FIELDS.filter(
    (field) => apply[field]?.column !== undefined && fields[field] !== undefined,
  );
  for (const field of written) {
    const write = writes[apply[field]!.column!];
    if (write) columns[apply[field]!.column!] = write.after;
  }
  const read = readApplied(mapping, { ...record, row: { ...record.row, columns } });
  for (const field of written) {
    const change = fields[field]!;
    const isKept =
      field === 'roles' ? isRolesKept(change, read) : isAlike(field, read[field], change.after || null);
    if (!isKept) throw unwritable(field, 'the store’s mapping would give it back as something else');
  }
  for (const [address, proof] of PROOFS)
    if (written.includes(address) && !fields[address]?.before && !fields[proof] && read[proof] === 'true')
      throw unwritable(address, `the store would take it for proved: \`apply.${proof}\` is missing`);
}

function isRolesKept(change: FieldChange, read: AppliedValues): boolean {
  const { added, removed } = rolesChange(change);
  const has = new Set(rolesIn(read.roles));
  return added.every((role) => has.has(role)) && !removed.some((role) => has.has(role));
}
