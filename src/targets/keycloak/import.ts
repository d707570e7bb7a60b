/** Making users at Keycloak one by one, and what becomes of each. */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import { FootbridgeError } from '../../errors.ts';
import type { ImportOutcome, TargetUser } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
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
export const AT_ONCE = 8;

export const importEach = (work: Importing, users: readonly TargetUser[]) =>
  inParallel(users, AT_ONCE, (user) => importOne(work, user));

export const importOne = (work: Importing, user: TargetUser): Promise<ImportOutcome> =>
  asOutcome(async () => (await outcomeBefore(work, user)) ?? make(work, user));

/** Of whom it was looked already whether they are there. */
export const importFresh = (work: Importing, user: TargetUser): Promise<ImportOutcome> =>
  asOutcome(() => make(work, user));

async function make(work: Importing, user: TargetUser): Promise<ImportOutcome> {
  const { api, alias, signal } = work;
  try {
    const made = await api.call('POST', '/users', { body: representationOf(user, alias), signal });
    return await created(work, user, made.madeId ?? '');
  } catch (error) {
    if (error instanceof KeycloakError && error.status === 409) return taken(work, user, error);
    throw error;
  }
}

/**
 * What is known before anything is sent. Keycloak takes a hash that it can never verify, and a second user with the same
 * link: neither must reach it.
 */
export async function outcomeBefore(
  work: Pick<Importing, 'users' | 'alias' | 'accepts' | 'signal'>,
  user: TargetUser,
): Promise<ImportOutcome | undefined> {
  const refused = refusalOf(work, user);
  if (refused) return refused;
  const there = await work.users.byLink(work.alias, user.sub, work.signal);
  return there && { kind: 'exists', found: foundUserOf(there) };
}

/** Without asking Keycloak. */
export function refusalOf(
  { accepts }: Pick<Importing, 'accepts'>,
  { password, organization }: TargetUser,
): Extract<ImportOutcome, { kind: 'refused' }> | undefined {
  if (password && !accepts.some(({ write }) => write === password.format)) {
    const sentence = `Keycloak cannot verify a password written as ${password.format}.`;
    return { kind: 'refused', code: 'password-format', sentence };
  }
  if (organization === undefined) return undefined;
  const sentence = 'Users are put into no organization at Keycloak: leave users.organization out.';
  return { kind: 'refused', code: 'organization', sentence };
}

async function created(work: Importing, user: TargetUser, id: string): Promise<ImportOutcome> {
  const { api, alias, signal } = work;
  const kept = await api.call<UserRepresentation>('GET', userPath(id), { signal });
  // It is one transaction with the user, and the answer does not show it.
  const credentials = representationOf(user, alias).credentials ?? [];
  const { stored, missing } = compare(user, { user: kept.document, credentials }, alias);
  const ungranted = await grantRoles(work, userPath(id), user.grants);
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

export async function asOutcome<O extends ImportOutcome | undefined>(
  work: () => Promise<O>,
): Promise<O | ImportOutcome> {
  try {
    return await work();
  } catch (error) {
    return failed(error);
  }
}

export function failed(error: unknown): ImportOutcome {
  // Two users with the same link.
  if (error instanceof FootbridgeError) return { kind: 'conflict', code: 'linked-twice' };
  if (!(error instanceof KeycloakError)) throw error;
  const { reason: code, retryAfterSeconds, message: sentence, status } = error;
  // No user was asked for: it is the realm that is not there, or who was made a moment ago.
  const isRefused = !error.isNobodysFault && status !== 404;
  if (isRefused) return { kind: 'refused', code, sentence };
  return {
    kind: 'unavailable',
    code,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(status === 429 && { isThrottled: true }),
  };
}
