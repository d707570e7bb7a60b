/** BSON's types as the plain values that the mapping understands; by their names, as several copies of the library may meet. */
import type { Binary, DBRef, Decimal128, Double, Long, ObjectId, Timestamp, UUID } from 'mongodb';

/** RFC 9562 bytes; the older subtype 3 has as many byte orders as drivers and stays bytes. */
const UUID_SUBTYPE = 4;

type Bson = { readonly _bsontype: string };
type Read = (value: never) => unknown;

const READERS: Readonly<Record<string, Read>> = {
  ObjectId: (value: ObjectId) => value.toHexString(),
  UUID: (value: UUID) => value.toHexString(),
  Binary: (value: Binary) =>
    value.sub_type === UUID_SUBTYPE && value.length() === 16
      ? value.toUUID().toHexString()
      : new Uint8Array(value.value()),
  Long: (value: Long) => value.toBigInt(),
  Decimal128: (value: Decimal128) => value.toString(),
  Double: (value: Double) => value.valueOf(),
  Int32: (value: { valueOf(): number }) => value.valueOf(),
  // Seconds in the upper half.
  Timestamp: (value: Timestamp) => new Date(value.getHighBitsUnsigned() * 1_000),
  BSONSymbol: (value: { valueOf(): string }) => value.valueOf(),
  DBRef: (value: DBRef) => ({ $ref: value.collection, $id: plain(value.oid) }),
};

/** Code, patterns, and the ends of the order are no values: undefined. */
export function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array)
    return typeof value === 'function' ? undefined : value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof RegExp) return undefined;
  const type = (value as Partial<Bson>)._bsontype;
  // A document of the store may have a member of this name: a type has it from its class.
  if (typeof type === 'string' && !Object.hasOwn(value, '_bsontype')) return READERS[type]?.(value as never);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
