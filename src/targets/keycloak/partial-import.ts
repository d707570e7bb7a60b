/** `partialImport`: many users in one message, which is one transaction there. It wants `manage-realm`. */
import type { ImportOutcome, TargetUser } from '../connection.ts';
import type { Importing } from './import.ts';
import { AT_ONCE, failed } from './import.ts';
import { KeycloakError } from './keycloak-error.ts';
import { representationOf } from './representation.ts';

export interface ImportingMany extends Importing {
  /** Our client there. */
  readonly clientId: string;
  readonly memory: BulkMemory;
}

/** For as long as the connection is open. */
export interface BulkMemory {
  /** The name of the role that every new user of the realm gets, but not those that are imported. */
  defaultRole?: string;
}

/** In a message that is to be sent. */
export interface Sending extends ImportingMany {
  /** The roles of the realm that may be named in it: it looks at no rights, and makes a role that there is not. */
  readonly givable: ReadonlySet<string>;
}

export interface Row {
  readonly user: TargetUser;
  /** Its place among all that were asked for. */
  readonly at: number;
}

/** The id, or the outcome where nobody knows whether it was done; nothing for those who were not added. */
export type Added = ReadonlyMap<Row, string | ImportOutcome>;

/** Nothing is wrong with any of the users: whoever asks again in halves only adds to the load. */
const NOT_NOW = new Set([0, 401, 408, 429, 502, 503, 504]);

/**
 * One whom Keycloak cannot add, as for an address that another has, and it adds none of them: then they are sent in
 * halves.
 */
export async function addAll(work: Sending, rows: readonly Row[]): Promise<Added> {
  if (rows.length === 0) return new Map();
  try {
    const ids = await partialImport(work, rows);
    return new Map(
      rows.flatMap((row) => {
        const id = ids.get(row.user.username);
        return id === undefined ? [] : [[row, id] as const];
      }),
    );
  } catch (error) {
    const { status } = error instanceof KeycloakError ? error : { status: 0 };
    if (NOT_NOW.has(status)) return new Map(rows.map((row) => [row, failed(error)]));
    if (status === 403 || rows.length <= AT_ONCE) return new Map();
    const half = Math.ceil(rows.length / 2);
    const first = await addAll(work, rows.slice(0, half));
    return new Map([...first, ...(await addAll(work, rows.slice(half)))]);
  }
}

interface PartialImportResult {
  readonly action: 'ADDED' | 'SKIPPED' | 'OVERWRITTEN';
  readonly resourceName: string;
  readonly id: string;
}

/** The ids of those who were added, by username. */
async function partialImport(work: Sending, rows: readonly Row[]): Promise<ReadonlyMap<string, string>> {
  const { api, signal } = work;
  const body = messageOf({ ...work, defaultRole: await defaultRole(work) }, rows);
  const { document } = await api.call<{ results: readonly PartialImportResult[] }>('POST', '/partialImport', {
    body,
    signal,
  });
  const added = document.results.filter(({ action }) => action === 'ADDED');
  return new Map(added.map(({ resourceName, id }) => [resourceName, id]));
}

async function defaultRole({ api, signal, memory }: ImportingMany): Promise<string> {
  if (memory.defaultRole !== undefined) return memory.defaultRole;
  const { document } = await api.call<{ defaultRole?: { name: string } }>('GET', '', { signal });
  if (!document.defaultRole) throw new KeycloakError({ status: 403, message: 'the realm cannot be read' });
  memory.defaultRole = document.defaultRole.name;
  return memory.defaultRole;
}

export const messageOf = (
  { alias, defaultRole, ...work }: Pick<Sending, 'alias' | 'realm' | 'givable'> & { defaultRole: string },
  rows: readonly Row[],
) => ({
  ifResourceExists: 'SKIP',
  users: rows.map(({ user }) => ({
    ...representationOf(user, alias),
    realmRoles: [...new Set([defaultRole, ...rolesInMessage(work, user)])],
  })),
});

/** Of the roles that the user is to have, those that the message names. */
export const rolesInMessage = ({ realm, givable }: Pick<Sending, 'realm' | 'givable'>, user: TargetUser) =>
  realmRolesOf(user, realm).filter((role) => givable.has(role));

export const realmRolesOf = ({ grants }: TargetUser, realm: string): readonly string[] =>
  grants.flatMap(({ project, roles }) => (project === realm ? roles : []));
