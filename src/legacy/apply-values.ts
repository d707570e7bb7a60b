/** How a value of ours becomes what a store has: what the settings say of it, else the mapping's own steps backwards. */
import type { ApplyField, StoreValue } from './apply.ts';
import type { Place, RawValue } from './apply-settings.ts';
import type { Field, Transform } from './field-settings.ts';
import { textsFrom } from './fields.ts';
import { isBlank, textOf } from './values.ts';

/** Undefined: the store has no value for it. */
export function storeValueOf(
  value: string | null,
  place: Place,
  { source, nowMs }: { readonly source: Field | undefined; readonly nowMs: number },
): StoreValue | undefined {
  if (value === null) return place.none ?? null;
  const { values, prefix = '', suffix = '' } = place;
  if (values) return Object.hasOwn(values, value) ? spoken(values[value]!, nowMs) : undefined;
  if (isOwn(place) || !source) return prefix + value + suffix;
  return undone(value, source.transform);
}

/** Says itself how values are written. */
const isOwn = ({ values, prefix, suffix }: Place) => (values ?? prefix ?? suffix) !== undefined;

const MS = 1_000;

function spoken(value: RawValue, nowMs: number): StoreValue {
  switch (value) {
    case 'now':
      return new Date(Math.floor(nowMs / MS) * MS);
    case 'nowSeconds':
      return String(Math.floor(nowMs / MS));
    case 'nowMilliseconds':
      return String(nowMs);
    default:
      return value;
  }
}

/** The steps backwards, from the last to the first. */
function undone(value: string, steps: readonly Transform[]): string | undefined {
  return steps.reduceRight<string | undefined>(
    (text, step) => (text === undefined ? undefined : stepBack(text, step)),
    value,
  );
}

function stepBack(text: string, step: Transform): string | undefined {
  if (typeof step === 'string') return text;
  if ('prefix' in step) return text.startsWith(step.prefix) ? text.slice(step.prefix.length) : undefined;
  if ('map' in step) return Object.keys(step.map).find((key) => String(step.map[key]) === text);
  return text;
}

/** Why the steps cannot be undone; undefined: they can. `isList`: a separator is undone as well. */
export function problemOf(
  { transform }: Field,
  place: Place,
  { isList = false }: { readonly isList?: boolean } = {},
): string | undefined {
  const steps = transform.filter((step) => !(isList && isSplit(step)));
  if (isList && transform.length - steps.length > 1) return 'the mapping splits it more than once';
  return isOwn(place) ? undefined : steps.map(stepProblem).find((problem) => problem !== undefined);
}

const HARMLESS: readonly Transform[] = ['trim', 'lower', 'upper'];

function stepProblem(step: Transform): string | undefined {
  if (HARMLESS.includes(step)) return undefined;
  if (typeof step === 'string') return `the mapping’s ${step} cannot be undone`;
  if ('prefix' in step) return undefined;
  const [name = ''] = Object.keys(step);
  if (!('map' in step))
    return `the mapping’s ${name} leaves out a part of the column, which would be lost: say \`prefix\`, \`suffix\` or \`values\`, or write it with a statement`;
  const meant = Object.values(step.map).map(String);
  const twice = meant.find((value, index) => meant.indexOf(value) !== index);
  return twice === undefined
    ? undefined
    : `the mapping makes ${twice} of several values: say in \`values\` which one is written`;
}

const isSplit = (step: Transform): step is { split: string } => typeof step === 'object' && 'split' in step;

export interface RolesChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** All of a list, as it stands in one column: what is not ours to change stays as it is. Undefined: it cannot be written. */
export function rolesValueOf(
  present: unknown,
  { added, removed }: RolesChange,
  { place, source, nowMs }: { readonly place: Place; readonly source: Field; readonly nowMs: number },
): StoreValue | undefined {
  const separator = source.transform.find(isSplit)?.split;
  const each = {
    ...source,
    column: 'role',
    default: undefined,
    transform: source.transform.filter((step) => !isSplit(step)),
  };
  const meaning = (role: string) => textsFrom(each, { row: { role }, related: {}, sparse: true, nowMs })[0];
  const kept = elementsOf(present, separator).filter((role) => !removed.includes(meaning(role) ?? ''));
  const more = added.map((role) => textOf(storeValueOf(role, place, { source: each, nowMs })));
  if (more.some((role) => role === undefined || (separator !== undefined && role.includes(separator))))
    return undefined;
  const roles = [...kept, ...(more as string[])];
  if (separator === undefined) return roles;
  return roles.length === 0 ? (place.none ?? null) : roles.join(separator);
}

function elementsOf(present: unknown, separator: string | undefined): string[] {
  return [present].flat().flatMap((value) => {
    if (isBlank(value)) return [];
    const text = textOf(value) ?? '';
    return separator === undefined ? [text] : text.split(separator);
  });
}

const folded = (text: string) => text.normalize('NFC').replace(/\s+/gu, ' ').trim();

/**
 * Whether two values of a field are the same: what nobody means, letters’ composition, blanks, case of addresses and logins,
 * signs in telephone numbers, makes no difference.
 */
export function isAlike(field: ApplyField, one: string | null, other: string | null): boolean {
  return comparable(field, one) === comparable(field, other);
}

function comparable(field: ApplyField, value: string | null): string {
  switch (field) {
    case 'emailVerified':
    case 'phoneNumberVerified':
      return value || 'false';
    case 'username':
    case 'email':
      return folded(value ?? '').toLowerCase();
    case 'phoneNumber':
      return (value ?? '').replace('(0)', '').replace(/[^\d+]/g, '');
    case 'locale':
      return folded(value ?? '')
        .toLowerCase()
        .replaceAll('_', '-');
    default:
      return folded(value ?? '');
  }
}
