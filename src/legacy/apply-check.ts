/**
 * Checked when the settings are loaded: whatever `apply` writes has to come back through the store's own mapping as it was.
 * Samples of every kind are put into the column and read again.
 */
import { isRefusal } from '../credentials/reasons.ts';
import { checkWriting } from '../credentials/store-hash.ts';
import { Secret } from '../settings.ts';
import type { ApplyField, StoreValue } from './apply.ts';
import { narrowed, ownColumnOf, readApplied, sourceOf } from './apply-reading.ts';
import type { ApplySettings, Place } from './apply-settings.ts';
import { columnsIn, placesIn } from './apply-settings.ts';
import { isAlike, problemOf, rolesValueOf, storeValueOf } from './apply-values.ts';
import type { Field, Mapping } from './mapping-settings.ts';

export interface ApplyProblem {
  readonly path: readonly string[];
  readonly message: string;
}

export function applyProblems(apply: ApplySettings | undefined, mapping: Mapping): readonly ApplyProblem[] {
  if (!apply) return [];
  const fields = placesIn(apply).flatMap(([field, place]) => {
    const message = fieldProblem(field, place, mapping);
    return message === undefined ? [] : [{ path: [field], message }];
  });
  return [...fields, ...shared(apply), ...passwordProblems(apply, mapping)];
}

/** Two fields in one column would take each other's value away. */
function shared(apply: ApplySettings): ApplyProblem[] {
  const columns = columnsIn(apply).map(([field, column]) => ({ field, column: column.toLowerCase() }));
  return columns.flatMap(({ field, column }, index) => {
    const first = columns.findIndex(
      (other) => isWithin(column, other.column) || isWithin(other.column, column),
    );
    if (first === index) return [];
    return [{ path: [field], message: `${columns[first]!.field} is written to this column already` }];
  });
}

/** A member of an object that is written as a whole. */
const isWithin = (path: string, other: string) => path === other || path.startsWith(`${other}.`);

const WORDS: { readonly [Field in ApplyField]?: readonly string[] } = {
  emailVerified: ['true', 'false'],
  phoneNumberVerified: ['true', 'false'],
  state: ['active', 'disabled'],
};

function fieldProblem(field: ApplyField, place: Place, mapping: Mapping): string | undefined {
  const words = WORDS[field];
  const given = Object.keys(place.values ?? {});
  if (
    words &&
    place.values &&
    (given.length !== words.length || !words.every((word) => given.includes(word)))
  )
    return `expected \`values\` for ${words.join(' and ')}`;
  if (place.column === undefined) return undefined;
  if (words && !place.values) return `expected \`values\` for ${words.join(' and ')}`;
  return sourceProblem(field, place, mapping) ?? comesBack(field, place, mapping);
}

function sourceProblem(field: ApplyField, place: Place, mapping: Mapping): string | undefined {
  const source = sourceOf(field, mapping);
  const column = ownColumnOf(source);
  if (source.kind === 'none') return 'the mapping does not say where it is read from';
  if (column === undefined)
    return 'the mapping does not read it from one column of the user’s own row: write it with a statement';
  if (column !== place.column) return `the mapping reads it from ${column}`;
  return source.kind === 'field' ? problemOf(source.field, place, { isList: field === 'roles' }) : undefined;
}

const NAMES = ['Anna', 'Zoë Müller-O’Hara', '李小龙', "D'Arcy, jr.", 'e\u0301 🔐', '0', 'null', 'a\\b"c'];
const SAMPLES: { readonly [Field in ApplyField]?: readonly string[] } = {
  email: ['anna@example.com', "o'hara+tag@sub.example.com", 'zoë@exämple.com'],
  phoneNumber: ['+49301234567', '+41 44 123 45 67'],
  locale: ['de', 'de-CH', 'en'],
};

/** Something of every kind that the column may have, as far as we know. */
function rawSamples(field: ApplyField, source: Field | undefined): readonly string[] {
  const steps = source?.transform ?? [];
  const maps = steps.flatMap((step) =>
    typeof step === 'object' && 'map' in step ? Object.keys(step.map) : [],
  );
  const texts = (SAMPLES[field] ?? NAMES).flatMap((text) => [
    text,
    text.toLowerCase(),
    text.toUpperCase(),
    text.replace('+', ''),
  ]);
  return [...maps, ...texts];
}

/** Whatever the mapping makes of some value is written, and has to be the same when it is read again. */
function comesBack(field: ApplyField, place: Place, mapping: Mapping): string | undefined {
  const nowMs = Date.now();
  const source = sourceOf(field, mapping);
  const from = source.kind === 'field' ? source.field : undefined;
  const put = (value: string | null) =>
    field === 'roles'
      ? rolesValueOf(undefined, { added: rolesIn(value), removed: [] }, { place, source: from!, nowMs })
      : storeValueOf(value, place, { source: from, nowMs });
  const get = (raw: StoreValue) => readSample(field, { raw, column: place.column!, nowMs }, mapping);
  const isKept = (value: string) => {
    const raw = put(value);
    const back = raw === undefined ? undefined : get(raw);
    return back !== undefined && isAlike(field, value, back);
  };
  const asValue = (text: string) => (field === 'roles' ? JSON.stringify([text]) : text);
  if (place.values) {
    const lost = Object.keys(place.values).filter((value) => !isKept(asValue(value)));
    if (lost.length === 0) return noneProblem(field, place, get);
    return `${lost.join(' and ')} would come back through the mapping as something else`;
  }
  const texts = rawSamples(field, from);
  const raws = [...texts, ...texts.flatMap((text) => put(asValue(text)) ?? [])];
  const values = raws.flatMap((raw) => get(raw) ?? []).filter((value) => value !== '[]');
  if (values.length === 0) return 'nothing that is written there would come back through the mapping';
  if (!values.every(isKept)) return 'what is written would come back through the mapping as something else';
  return noneProblem(field, place, get);
}

/** What stands for nothing is to be nothing. */
function noneProblem(
  field: ApplyField,
  { none }: Place,
  get: (raw: StoreValue) => string | null | undefined,
): string | undefined {
  if (none === undefined || none === null || field === 'roles') return undefined;
  const back = get(none);
  const isNothing = back !== undefined && isAlike(field, null, back);
  return isNothing ? undefined : '`none` would come back through the mapping as a value';
}

const rolesIn = (value: string | null): readonly string[] => {
  try {
    const roles = JSON.parse(value ?? '[]');
    return Array.isArray(roles) ? roles : [];
  } catch {
    return [];
  }
};

const constant = (value: string): Field => ({ value, transform: [], list: false });

/** A row with nothing else in it; a proof is of somebody who has an address and a number. Undefined: it cannot be mapped. */
function readSample(
  field: ApplyField,
  { raw, column, nowMs }: { readonly raw: StoreValue; readonly column: string; readonly nowMs: number },
  mapping: Mapping,
): string | null | undefined {
  const whole = narrowed(mapping);
  const address = { email: constant('anna@example.com'), phoneNumber: constant('+49301234567') };
  const alone = field === 'email' || field === 'phoneNumber' ? {} : address;
  const others = field === 'roles' ? {} : { roles: [] };
  const record = {
    sub: 'sample',
    row: { id: 'sample', columns: { [column]: raw } },
    related: {},
    sparse: true,
    nowMs,
  };
  try {
    return readApplied({ ...whole, ...alone, ...others }, record)[field];
  } catch {
    return undefined;
  }
}

/** A hash has to stand where the mapping reads it, in a format in which one can be made. */
function passwordProblems({ password }: ApplySettings, mapping: Mapping): ApplyProblem[] {
  if (!password || password.format === 'clear') return [];
  const isReader = ({ columns, from, format }: Mapping['password'][number]) => {
    const [first]: readonly (Field | undefined)[] = Object.values(columns);
    const isSame =
      first?.column === password.column && first?.from === undefined && first?.transform.length === 0;
    return isSame && from === undefined && (format === 'auto' || format === password.format);
  };
  const reader = mapping.password.find(isReader);
  const settings = { ...revealed(reader?.settings), ...revealed(password.settings) };
  const writing = checkWriting({ format: password.format, settings });
  if (isRefusal(writing)) return [{ path: ['password', 'format'], message: writing.sentence }];
  if (reader || password.column === undefined) return [];
  const message = `the mapping reads no password of format ${password.format} from ${password.column}`;
  return [{ path: ['password'], message }];
}

const revealed = (settings: Readonly<Record<string, unknown>> = {}) =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
  );
