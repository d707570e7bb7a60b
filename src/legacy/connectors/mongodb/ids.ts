/** Primary keys as text, and back to every value that may be written so. A value is never an object: no operator gets in. */
import type { Document, Filter } from 'mongodb';
import { textOf } from '../../values.ts';
import type { Driver } from './driver.ts';
import { plain } from './plain.ts';

/** In the order in which MongoDB sorts types; others make no subject. */
const TYPES = ['number', 'string', 'binData', 'objectId'] as const;
type Type = (typeof TYPES)[number];

/** `_id: 4711`, `_id: "4711"`, an ObjectId, a UUID: what stands there as text, empty where it is something else. */
export const textOfId = (value: unknown): string => textOf(plain(value)) ?? '';

export function idsWritten(text: string, { Long, ObjectId, UUID }: Driver): readonly unknown[] {
  return [
    text,
    ...(/^[\da-f]{24}$/.test(text) ? [new ObjectId(text)] : []),
    ...(/^(?:0|-?[1-9]\d{0,17})$/.test(text) ? [Long.fromString(text)] : []),
    ...(/^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/.test(text) ? [new UUID(text)] : []),
  ];
}

/** Everything that comes after this key: greater ones of its type, and all of the types that sort behind it. */
export function after(field: string, key: unknown): Filter<Document> {
  const behind = TYPES.slice(TYPES.indexOf(typeOf(key)) + 1);
  return { $or: [{ [field]: { $gt: key } }, ...behind.map((type) => ({ [field]: { $type: type } }))] };
}

function typeOf(key: unknown): Type {
  if (typeof key === 'string') return 'string';
  const type = (key as { readonly _bsontype?: string })._bsontype;
  if (type === 'ObjectId') return 'objectId';
  return type === 'Binary' || type === 'UUID' ? 'binData' : 'number';
}

/** What stands at a path, as the driver gives it. Single values only: a pattern among them would be compared as one. */
export function rawValuesAt(raw: Document, path: string): readonly unknown[] {
  let found: readonly unknown[] = [raw];
  for (const name of path.split('.'))
    found = found
      .flat()
      .flatMap((value) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, name)
          ? [(value as Document)[name]]
          : [],
      );
  return found.flat().filter((value) => textOfId(value) !== '');
}
