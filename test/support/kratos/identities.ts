/** The identities of a Kratos: what they have, what is unique, and what its PostgreSQL would not keep. */
import { randomUUID } from 'node:crypto';
import { dataException, Refused } from './errors.ts';
import type { Read } from './identity-schema.ts';
import { normalized } from './identity-schema.ts';

export interface Credential {
  readonly identifiers: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
}

export interface Address {
  readonly id: string;
  readonly value: string;
  readonly verified: boolean;
  readonly via: string;
  readonly status: string;
}

export interface Identity {
  readonly id: string;
  readonly external_id?: string;
  readonly schema_id: string;
  readonly state: string;
  readonly traits: Readonly<Record<string, unknown>>;
  readonly metadata_public: unknown;
  readonly metadata_admin: unknown;
  readonly organization_id: string | null;
  readonly verifiable_addresses: readonly Address[];
  readonly recovery: Read['recovery'];
  readonly credentials: Readonly<Record<string, Credential>>;
}

export interface Identities {
  readonly byId: ReadonlyMap<string, Identity>;
  byExternalId(externalId: string): Identity | undefined;
  /** `kind` of credential, and one of its identifiers. */
  byIdentifier(kind: string, identifier: string): Identity | undefined;
  /** One statement for each table, in which a row that collides is left out; whoever lost one is taken away again. */
  insertAll(identities: readonly Identity[]): readonly ('created' | 'conflict')[];
  /** Throws 409. */
  replace(identity: Identity): void;
  remove(id: string): boolean;
  /** In the order of their ids; after this one. */
  page(after: string, limit: number): readonly Identity[];
}

const MAX = { external_id: 64, identifier: 255, address: 400, status: 16 } as const;

/** Throws what fails everybody in the call. */
export function checkStorable({ external_id = '', traits, credentials, ...rest }: Identity): void {
  const documents = JSON.stringify([traits, rest.metadata_admin, rest.metadata_public, credentials]);
  if (documents.includes('\\u0000')) throw dataException('22P05', 'unsupported Unicode escape sequence');
  const tooLong = (max: number) =>
    dataException('22001', `value too long for type character varying(${max})`);
  if ([...external_id].length > MAX.external_id) throw tooLong(MAX.external_id);
  for (const { value, status } of rest.verifiable_addresses) {
    if ([...value].length > MAX.address) throw tooLong(MAX.address);
    if (status.length > MAX.status) throw tooLong(MAX.status);
  }
  for (const identifier of Object.values(credentials).flatMap(({ identifiers }) => identifiers)) {
    if (identifier === '')
      throw new Refused(500, {
        message: 'Invalid configuration',
        reason: 'Unable to create identity credentials with missing or empty identifier.',
      });
    if (identifier.includes('\uFFFD'))
      throw dataException('22021', 'invalid byte sequence for encoding "UTF8"');
    if ([...identifier].length > MAX.identifier) throw tooLong(MAX.identifier);
  }
}

export function openIdentities(): Identities {
  const byId = new Map<string, Identity>();
  /** One index for each table: key → id of the identity. */
  const externals = tableOf(externalKeys);
  const identifiers = tableOf(identifierKeys);
  const tables = [externals, tableOf(addressKeys), tableOf(recoveryKeys), identifiers];
  /** Until somebody comes or goes. */
  let sorted: readonly string[] | undefined;

  const leave = (identity: Identity) => {
    sorted = undefined;
    byId.delete(identity.id);
    for (const { keysOf, index } of tables)
      for (const key of keysOf(identity)) if (index.get(key) === identity.id) index.delete(key);
  };
  const insertAll: Identities['insertAll'] = (list) => {
    const failed = new Set<Identity>();
    sorted = undefined;
    for (const { keysOf, index } of tables) {
      for (const identity of list) {
        // Who has no row in the first table has none anywhere.
        if (failed.has(identity) && !byId.has(identity.id)) continue;
        const keys = keysOf(identity);
        const isTaken = keys.some((key, at) => index.has(key) || keys.indexOf(key) !== at);
        if (isTaken) failed.add(identity);
        for (const key of keys) if (!index.has(key)) index.set(key, identity.id);
        if (keysOf === externalKeys && !isTaken) byId.set(identity.id, identity);
      }
    }
    for (const identity of failed) leave(identity);
    return list.map((identity) => (failed.has(identity) ? 'conflict' : 'created'));
  };

  return {
    byId,
    byExternalId: (externalId) => byId.get(externals.index.get(externalId) ?? ''),
    byIdentifier: (kind, identifier) => byId.get(identifiers.index.get(`${kind}|${identifier}`) ?? ''),
    insertAll,
    replace(identity) {
      const before = byId.get(identity.id)!;
      leave(before);
      if (insertAll([identity])[0] === 'created') return;
      insertAll([before]);
      throw new Refused(409);
    },
    remove(id) {
      const identity = byId.get(id);
      if (identity) leave(identity);
      return identity !== undefined;
    },
    page(after, limit) {
      sorted ??= [...byId.keys()].sort();
      const from = firstAfter(sorted, after);
      return sorted.slice(from, from + limit).map((id) => byId.get(id)!);
    },
  };
}

function firstAfter(sorted: readonly string[], after: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

const tableOf = (keysOf: Table['keysOf']): Table => ({ keysOf, index: new Map() });

interface Table {
  readonly keysOf: (identity: Identity) => readonly string[];
  readonly index: Map<string, string>;
}

const externalKeys = ({ external_id }: Identity) => (external_id ? [external_id] : []);
const addressKeys = ({ verifiable_addresses: all }: Identity) =>
  all.map(({ via, value }) => `${via}|${value}`);
const recoveryKeys = ({ recovery }: Identity) => recovery.map(({ via, value }) => `${via}|${value}`);
const identifierKeys = ({ credentials }: Identity) =>
  Object.entries(credentials).flatMap(([kind, { identifiers }]) =>
    identifiers.map((one) => `${kind}|${one}`),
  );

/** What the traits say of login names and addresses; verified ones that are handed in keep that. */
export function withRead(identity: Identity, { identifiers, verifiable, recovery }: Read): Identity {
  const { password, ...others } = identity.credentials;
  const names = [...new Set(identifiers)].sort();
  const credentials = {
    ...others,
    ...((names.length > 0 || password) && { password: { config: {}, ...password, identifiers: names } }),
  };
  const verifiable_addresses = verifiable.map(({ via, value }) => {
    const given = identity.verifiable_addresses.find(
      (one) => one.via === via && normalized(one.value) === value,
    );
    const { verified = false, status = '', id } = given ?? {};
    return {
      id: id ?? randomUUID(),
      value,
      via,
      verified,
      status: status || (verified ? 'completed' : 'pending'),
    };
  });
  return { ...identity, credentials, verifiable_addresses, recovery };
}
