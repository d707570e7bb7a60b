/** Entries as rows: one value as it is, several as a list, times readable, and the id as subjects write it. */
import type { Attribute, SearchEntry } from 'ldapts';
import type { LegacyRow } from '../../connector.ts';
import { isWithin } from './dn.ts';
import { unavailable } from './failure.ts';
import type { LdapSettings } from './ldap-settings.ts';
import { readable } from './syntaxes.ts';

export type IdEncoding = NonNullable<LdapSettings['idEncoding']>;

export const encodingOf = ({ id, idEncoding }: LdapSettings): IdEncoding =>
  idEncoding ?? (same(id, 'objectGUID') ? 'guid' : 'text');

/** The id is empty where the entry has none, or several: no subject is made of that. */
export function rowOf(entry: SearchEntry, settings: LdapSettings): LegacyRow {
  assertWithin(entry, settings.base);
  const written = new Map(
    ['id', ...settings.login, ...settings.attributes].map((name) => [name.toLowerCase(), name]),
  ).set(settings.id.toLowerCase(), settings.id);
  const columns: Record<string, unknown> = { dn: entry.name };
  for (const attribute of entry.attributes) {
    // Active Directory gives long lists in pieces, with their range in the name.
    const type = attribute.type.replace(/;range=.*$/i, '');
    const values = readable(type, attribute.values);
    if (values.length > 0)
      columns[written.get(type.toLowerCase()) ?? type] = values.length > 1 ? values : values[0];
  }
  return { id: idOf(entry, settings), columns };
}

/** Nothing from outside the base, whatever the server makes of it. */
export function assertWithin(entry: SearchEntry, base: string): void {
  if (!isWithin(entry.name, base)) throw unavailable('gave an entry from outside its base');
}

export function idOf(entry: SearchEntry, settings: LdapSettings): string {
  const values = valuesOf(entry, settings.id);
  return values.length === 1 ? textOf(values[0]!, encodingOf(settings)) : '';
}

/** The values of one attribute as bytes. */
export function valuesOf(entry: SearchEntry, type: string): readonly Buffer[] {
  if (type === 'dn') return [Buffer.from(entry.name)];
  return entry.attributes.find((attribute: Attribute) => same(attribute.type, type))?.parsedBuffers ?? [];
}

/** What an id is compared with at the server; `undefined` where it cannot be one. */
export function bytesOf(id: string, encoding: IdEncoding): Buffer | undefined {
  if (encoding === 'text') return id === '' ? undefined : Buffer.from(id);
  if (encoding === 'hex') return /^(?:[\da-f]{2}){1,64}$/.test(id) ? Buffer.from(id, 'hex') : undefined;
  return GUID.test(id) ? turned(Buffer.from(id.replaceAll('-', ''), 'hex')) : undefined;
}

const GUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

function textOf(bytes: Buffer, encoding: IdEncoding): string {
  if (encoding === 'text') return bytes.toString();
  if (encoding === 'hex') return bytes.toString('hex');
  if (bytes.length !== 16) return '';
  return turned(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The first three parts of a GUID are numbers, and Microsoft keeps the low byte first ([MS-DTYP] 2.3.4). */
function turned(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.subarray(0, 4).swap32();
  copy.subarray(4, 8).swap16();
  return copy;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function textOrBytes(bytes: Buffer): string | Buffer {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes;
  }
}

const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
