/**
 * Roles of the realm and of its clients. What may be given to a user is asked of that user: for this `manage-users` is
 * enough, where reading the roles by name wants rights with which secrets of clients can be read.
 */
import type { NotStored, TargetGrant, TargetUser } from '../connection.ts';
import type { KeycloakApi } from './api.ts';
import { KeycloakError } from './keycloak-error.ts';

interface RoleRepresentation {
  readonly id: string;
  readonly name: string;
}

export interface Granting {
  readonly api: KeycloakApi;
  readonly realm: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `project` is the realm's name for its own roles, or a client's id (the UUID, not its `client_id`). Granting again
 * changes nothing. Throws KeycloakError where another try may succeed.
 */
export async function grantRoles(
  { api, realm, signal }: Granting,
  userPath: string,
  { grants }: TargetUser,
): Promise<readonly NotStored[]> {
  const missing: NotStored[] = [];
  for (const grant of grants) {
    const path = `${userPath}/role-mappings/${containerOf(grant, realm)}`;
    try {
      if (!(await grantAt({ api, signal }, path, grant.roles))) {
        missing.push({ what: 'grants', code: 'role-not-found' });
      }
    } catch (error) {
      if (!(error instanceof KeycloakError) || error.isNobodysFault) throw error;
      missing.push({ what: 'grants', code: error.reason });
    }
  }
  return missing;
}

const containerOf = ({ project }: TargetGrant, realm: string) =>
  project === realm ? 'realm' : `clients/${encodeURIComponent(project)}`;

/** Whether the user has all of them now. */
async function grantAt(
  { api, signal }: Pick<Granting, 'api' | 'signal'>,
  path: string,
  names: readonly string[],
): Promise<boolean> {
  const rolesAt = async (at: string) =>
    (await api.call<readonly RoleRepresentation[]>('GET', at, { signal })).document;
  const given = (await rolesAt(`${path}/available`)).filter(({ name }) => names.includes(name));
  if (given.length > 0) await api.call('POST', path, { body: given, signal });
  if (given.length === new Set(names).size) return true;
  const has = (await rolesAt(path)).map(({ name }) => name);
  return names.every((name) => has.includes(name));
}
