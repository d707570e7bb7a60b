/**
 * What sync writes to a directory: one modification of the user's entry that takes away the very values that were there and
 * adds the new ones. It is done whole or not at all (RFC 4511 section 4.6), and not where somebody else was there first.
 */
import { isDeepStrictEqual } from 'node:util';
import { FootbridgeError } from '../../../errors.ts';
import type { Secret } from '../../../settings.ts';
import type { ApplyOutcome, ColumnChange, ColumnsInput, StoreValue } from '../../apply.ts';
import type { Connector } from '../../connector.ts';
import type { Connection, Modification } from './connection.ts';
import { NO_SUCH_OBJECT, outage, Refusal } from './failure.ts';
import type { LdapSettings } from './ldap-settings.ts';
import type { People } from './people.ts';
import { rowOf, valuesOf } from './rows.ts';
import type { Server } from './server.ts';

/** RFC 4511 appendix A.1 and RFC 4528: somebody has changed the entry. */
const CHANGED = new Set([16, 20, 122]);
/** Inappropriate matching, constraint, syntax, object class, an attribute of the name itself, and its rules. */
const UNFIT = new Set([18, 19, 21, 64, 65, 66, 67, 69]);
const UNKNOWN_ATTRIBUTE = 17;
const UNWILLING = 53;

export function applierTo(settings: LdapSettings, people: People, server: Server): Pick<Connector, 'apply'> {
  const { apply } = settings;
  if (!apply) return {};
  const writer = identityOf(apply.bindDn, apply.bindPassword as Secret | undefined);
  const asWriter = <T>(work: (connection: Connection) => Promise<T>) =>
    writer === undefined
      ? server.ask(work)
      : server.fresh(async (own) => {
          await own.bind(writer);
          return work(own);
        });

  return {
    async apply(input) {
      const attributes = Object.keys(input.columns).filter((name) => !name.startsWith(':'));
      const entry = await people.entryWithId(input.id, attributes);
      if (!entry) return 'gone';
      const { columns } = rowOf(entry, settings);
      const isChanged = attributes.some((name) => {
        const change = input.columns[name]!;
        return change.before !== undefined && !isDeepStrictEqual(columns[name] ?? null, change.before);
      });
      if (isChanged) return 'changed';
      const modification = modificationOf(input, (name) => valuesOf(entry, name));
      const password = input.columns[':password']?.after;
      try {
        await asWriter(async (connection) => {
          if (input.remove) return connection.remove(entry.name);
          if (modification.changes.length > 0) await connection.modify(entry.name, modification);
          if (typeof password === 'string') await connection.setPassword(entry.name, password);
        });
        return 'applied';
      } catch (error) {
        return outcomeOf(error, input);
      }
    },
  };
}

const identityOf = (dn: string | undefined, password: Secret | undefined) =>
  dn !== undefined && password !== undefined ? { dn, password: password.reveal() } : undefined;

/** Where there was nothing, nothing can be taken away: then the server is asked to see for itself (RFC 4528), if it can. */
function modificationOf(
  { columns }: ColumnsInput,
  present: (name: string) => readonly Buffer[],
): Modification {
  const named = Object.entries(columns).filter(([name]) => !name.startsWith(':'));
  return {
    changes: named.flatMap(([name, change]) => changesOf(name, change, present(name))),
    absent: named.filter(([, { before }]) => before === null).map(([name]) => name),
  };
}

function changesOf(
  attribute: string,
  { before, after }: ColumnChange,
  present: readonly Buffer[],
): Modification['changes'] {
  const wanted = valuesFor(attribute, after);
  if (before === undefined) return [{ operation: 'replace', attribute, values: wanted }];
  const has = (all: readonly Buffer[], one: Buffer) => all.some((other) => other.equals(one));
  const gone = present.filter((value) => !has(wanted, value));
  const come = wanted.filter((value) => !has(present, value));
  return [
    ...(gone.length > 0 ? [{ operation: 'delete' as const, attribute, values: gone }] : []),
    ...(come.length > 0 ? [{ operation: 'add' as const, attribute, values: come }] : []),
  ];
}

function valuesFor(attribute: string, value: StoreValue): readonly Buffer[] {
  if (Array.isArray(value)) return value.map((one) => Buffer.from(one));
  // An empty text is no value of any attribute of people's.
  if (value === null || value === '') return [];
  if (value instanceof Uint8Array) return [Buffer.from(value)];
  if (attribute.toLowerCase() === 'unicodepwd') return [Buffer.from(`"${value}"`, 'utf16le')];
  return [Buffer.from(textOf(value as string | number | bigint | boolean | Date))];
}

/** Generalized Time, and the words of Boolean (RFC 4517 sections 3.3.13 and 3.3.3). */
function textOf(value: string | number | bigint | boolean | Date): string {
  if (value instanceof Date) return `${value.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return typeof value === 'boolean' ? String(value).toUpperCase() : String(value);
}

/** Throws what is neither done nor overtaken. */
function outcomeOf(error: unknown, { columns }: ColumnsInput): ApplyOutcome {
  if (!(error instanceof Refusal)) throw error;
  const { status, reason } = error;
  if (status === NO_SUCH_OBJECT) return 'gone';
  if (CHANGED.has(status)) return 'changed';
  // A password that breaks the server's rules; else the server may be read-only for a while.
  const hasPassword = Object.values(columns).some(({ before }) => before === undefined);
  if (UNFIT.has(status) || (status === UNWILLING && hasPassword))
    throw new FootbridgeError('bad_request', { detail: `ldap.apply: ${reason}` });
  if (status === UNKNOWN_ATTRIBUTE)
    throw new FootbridgeError('config_invalid', { detail: `ldap.apply: ${reason}` });
  throw outage(error);
}
