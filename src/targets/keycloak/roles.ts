/**
 * Roles of the realm and of its clients. What may be given to a user is asked of that user: for this `manage-users` is
 * enough, where reading the roles by name wants rights with which secrets of clients can be read.
 */
import type { NotStored, TargetGrant } from '../connection.ts';
import type { KeycloakApi } from './api.ts';
import { KeycloakError } from './keycloak-error.ts';
import type { UserRepresentation } from './representation.ts';
import { userPath } from './users.ts';

export interface RoleRepresentation {
  readonly id: string;
  readonly name: string;
}

export interface Granting {
  readonly api: KeycloakApi;
  readonly realm: string;
  readonly signal?: AbortSignal | undefined;
  /** For many new users: what may be given to one may be given to the next. */
  readonly book?: RoleBook;
}

/** Roles by name, by whose they are: those that our account may give. */
export type RoleBook = Map<string, ReadonlyMap<string, RoleRepresentation>>;

/**
 * `project` is the realm's name for its own roles, or a client's id (the UUID, not its `client_id`). Granting again
 * changes nothing. Throws KeycloakError where another try may succeed.
 */
export async function grantRoles(
  granting: Granting,
  path: string,
  grants: readonly TargetGrant[],
): Promise<readonly NotStored[]> {
  const missing: NotStored[] = [];
  for (const grant of grants) {
    try {
      if (!(await grantAt(granting, path, grant))) missing.push({ what: 'grants', code: 'role-not-found' });
    } catch (error) {
      // Our account may make users and not give this role: no other try of its will change that.
      const isSaid = error instanceof KeycloakError && (!error.isNobodysFault || error.status === 403);
      if (!isSaid) throw error;
      missing.push({ what: 'grants', code: error.reason });
    }
  }
  return missing;
}

export const containerOf = ({ project }: Pick<TargetGrant, 'project'>, realm: string) =>
  project === realm ? 'realm' : `clients/${encodeURIComponent(project)}`;

/** Whether the user has all of them now. */
async function grantAt(granting: Granting, userAt: string, grant: TargetGrant): Promise<boolean> {
  const { api, signal, realm, book } = granting;
  const container = containerOf(grant, realm);
  const path = `${userAt}/role-mappings/${container}`;
  const names = new Set(grant.roles);
  const known = book?.get(container);
  const isKnown = known !== undefined && [...names].every((name) => known.has(name));
  const available = isKnown ? known : byName(await rolesAt(granting, `${path}/available`));
  book?.set(container, available);
  const given = [...names].flatMap((name) => available.get(name) ?? []);
  if (given.length > 0) await api.call('POST', path, { body: given, signal });
  if (given.length === names.size) return true;
  const has = byName(await rolesAt(granting, path));
  return [...names].every((name) => has.has(name));
}

export const byName = (roles: readonly RoleRepresentation[]) =>
  new Map(roles.map((role) => [role.name, role]));

export async function rolesAt({ api, signal }: Pick<Granting, 'api' | 'signal'>, path: string) {
  return (await api.call<readonly RoleRepresentation[]>('GET', path, { signal })).document;
}

/**
 * The realm's roles that our account may give, by name, as its own service account is told them: `partialImport` looks at
 * no rights, and makes a role that there is not. Empty where they cannot be had. Throws KeycloakError where another try may
 * succeed.
 */
export async function givableRealmRoles(
  { api, signal }: Pick<Granting, 'api' | 'signal'>,
  clientId: string,
): Promise<ReadonlySet<string>> {
  try {
    const id = await ownAccountId({ api, signal }, clientId);
    if (id === undefined) return new Set();
    const roles = await rolesAt({ api, signal }, `${userPath(id)}/role-mappings/realm/available`);
    return new Set(roles.map(({ name }) => name));
  } catch (error) {
    if (!(error instanceof KeycloakError) || error.isTemporary) throw error;
    return new Set();
  }
}

/** The user as whom our client calls; undefined where we are not told. Throws KeycloakError. */
export async function ownAccountId(
  { api, signal }: Pick<Granting, 'api' | 'signal'>,
  clientId: string,
): Promise<string | undefined> {
  const username = `service-account-${clientId.toLowerCase()}`;
  const query = new URLSearchParams({ username, exact: 'true', max: '1', briefRepresentation: 'true' });
  const { document } = await api.call<readonly UserRepresentation[]>('GET', `/users?${query}`, { signal });
  return document[0]?.id;
}
