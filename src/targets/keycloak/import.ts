/** Making users at Keycloak: one by one, or many with `partialImport`, which wants `manage-realm` as well. */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import { FootbridgeError } from '../../errors.ts';
import type { ImportOutcome, TargetUser } from '../connection.ts';
import type { KeycloakApi } from './api.ts';
import { KeycloakError } from './keycloak-error.ts';
import type { UserRepresentation } from './representation.ts';
import { compare, foundUserOf, representationOf } from './representation.ts';
import { grantRoles } from './roles.ts';
import type { Users } from './users.ts';
import { userPath } from './users.ts';

export interface Importing {
  readonly api: KeycloakApi;
  readonly users: Users;
  readonly realm: string;
  /** Our identity provider's. */
  readonly alias: string;
  readonly accepts: readonly AcceptedFormat[];
  readonly signal?: AbortSignal | undefined;
}

/** Users who are worked on at the same time. */
const AT_ONCE = 8;
/** Users per `partialImport`, which is one transaction there. */
const BULK = 100;

export const importEach = (work: Importing, users: readonly TargetUser[]) =>
  inParts(users, (user) => importOne(work, user));

/** Whom Keycloak did not take with the others is tried alone. */
export async function importBulk(work: Importing, users: readonly TargetUser[]): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = [];
  for (let at = 0; at < users.length; at += BULK) {
    const part = users.slice(at, at + BULK);
    const before = await inParts(part, (user) => asOutcome(() => outcomeBefore(work, user)));
    const fresh = part.filter((_user, index) => before[index] === undefined);
    const added = await addAll(work, fresh);
    const after = await inParts(part, async (user, index) => {
      const done = before[index] ?? added.get(user);
      if (done === undefined) return importOne(work, user);
      return typeof done === 'string' ? asOutcome(() => created(work, user, done)) : done;
    });
    outcomes.push(...after);
  }
  return outcomes;
}

async function inParts<T>(
  users: readonly TargetUser[],
  one: (user: TargetUser, index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let at = 0; at < users.length; at += AT_ONCE) {
    const part = users.slice(at, at + AT_ONCE).map((user, index) => one(user, at + index));
    results.push(...(await Promise.all(part)));
  }
  return results;
}

const importOne = (work: Importing, user: TargetUser): Promise<ImportOutcome> =>
  asOutcome(async () => {
    const before = await outcomeBefore(work, user);
    if (before) return before;
    const { api, alias, signal } = work;
    try {
      const made = await api.call('POST', '/users', { body: representationOf(user, alias), signal });
      return await created(work, user, made.madeId ?? '');
    } catch (error) {
      if (error instanceof KeycloakError && error.status === 409) return taken(work, user, error);
      throw error;
    }
  });

/**
 * What is known before anything is sent. Keycloak takes a hash that it can never verify, and a second user with the same
 * link: neither must reach it.
 */
async function outcomeBefore(
  { users, alias, accepts, signal }: Importing,
  user: TargetUser,
): Promise<ImportOutcome | undefined> {
  if (user.password && !accepts.some(({ write }) => write === user.password?.format)) {
    const sentence = `Keycloak cannot verify a password written as ${user.password.format}.`;
    return { kind: 'refused', code: 'password-format', sentence };
  }
  if (user.organization !== undefined) {
    const sentence = 'Users are put into no organization at Keycloak: leave users.organization out.';
    return { kind: 'refused', code: 'organization', sentence };
  }
  const there = await users.byLink(alias, user.sub, signal);
  return there && { kind: 'exists', found: foundUserOf(there) };
}

async function created(work: Importing, user: TargetUser, id: string): Promise<ImportOutcome> {
  const { api, alias, signal } = work;
  const kept = await api.call<UserRepresentation>('GET', userPath(id), { signal });
  // It is one transaction with the user, and the answer does not show it.
  const credentials = representationOf(user, alias).credentials ?? [];
  const { stored, missing } = compare(user, { user: kept.document, credentials }, alias);
  const ungranted = await grantRoles(work, userPath(id), user);
  return {
    kind: 'created',
    targetUserId: id,
    stored: user.grants.length > 0 && ungranted.length === 0 ? [...stored, 'grants'] : stored,
    missing: [...missing, ...ungranted],
  };
}

/** Somebody has the username or the address: this person, whom another try made meanwhile, or somebody else. */
async function taken(
  { users, alias, signal }: Importing,
  user: TargetUser,
  { reason: code }: KeycloakError,
): Promise<ImportOutcome> {
  const same = await users.byLink(alias, user.sub, signal);
  if (same) return { kind: 'exists', found: foundUserOf(same) };
  const byUsername = await users.byLogin(user.username, signal);
  const other = byUsername ?? (user.email && (await users.byLogin(user.email.address, signal)));
  return { kind: 'conflict', code, ...(other && { found: foundUserOf(other) }) };
}

interface PartialImportResult {
  readonly action: 'ADDED' | 'SKIPPED' | 'OVERWRITTEN';
  readonly resourceName: string;
  readonly id: string;
}

/** The id, or the outcome where nobody knows whether it was done; nothing for those who were not added. */
type Added = ReadonlyMap<TargetUser, string | ImportOutcome>;

/**
 * One whom Keycloak cannot add, as for an address that another has, and it adds none of them: then they are sent in
 * halves.
 */
async function addAll(work: Importing, users: readonly TargetUser[]): Promise<Added> {
  if (users.length === 0) return new Map();
  try {
    const ids = await partialImport(work, users);
    return new Map(
      users.flatMap((user) => (ids.has(user.username) ? [[user, ids.get(user.username)!]] : [])),
    );
  } catch (error) {
    const { status } = error instanceof KeycloakError ? error : { status: 0 };
    if (status === 0) return new Map(users.map((user) => [user, failed(error)]));
    if (status === 403 || users.length <= AT_ONCE) return new Map();
    const half = Math.ceil(users.length / 2);
    const first = await addAll(work, users.slice(0, half));
    return new Map([...first, ...(await addAll(work, users.slice(half)))]);
  }
}

/** The ids of those who were added, by username. */
async function partialImport(
  work: Importing,
  users: readonly TargetUser[],
): Promise<ReadonlyMap<string, string>> {
  const { api, alias, signal } = work;
  const realmRoles = await defaultRoles(work);
  const body = {
    ifResourceExists: 'SKIP',
    users: users.map((user) => ({ ...representationOf(user, alias), realmRoles })),
  };
  const { document } = await api.call<{ results: readonly PartialImportResult[] }>('POST', '/partialImport', {
    body,
    signal,
  });
  const added = document.results.filter(({ action }) => action === 'ADDED');
  return new Map(added.map(({ resourceName, id }) => [resourceName, id]));
}

/** What every new user of the realm gets, but not those that are imported. */
async function defaultRoles({ api, signal }: Importing): Promise<readonly string[]> {
  const { document } = await api.call<{ defaultRole?: { name: string } }>('GET', '', { signal });
  if (document.defaultRole) return [document.defaultRole.name];
  throw new KeycloakError({ status: 403, message: 'the realm cannot be read' });
}

async function asOutcome<O extends ImportOutcome | undefined>(
  work: () => Promise<O>,
): Promise<O | ImportOutcome> {
  try {
    return await work();
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): ImportOutcome {
  // Two users with the same link.
  if (error instanceof FootbridgeError) return { kind: 'conflict', code: 'linked-twice' };
  if (!(error instanceof KeycloakError)) throw error;
  const { reason: code, retryAfterSeconds, message: sentence } = error;
  // No user was asked for: it is the realm that is not there, or who was made a moment ago.
  const isRefused = !error.isNobodysFault && error.status !== 404;
  if (isRefused) return { kind: 'refused', code, sentence };
  return { kind: 'unavailable', code, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
}
