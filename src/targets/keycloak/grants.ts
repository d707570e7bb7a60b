/**
 * The roles that a user has, and making them others, at the realm and the clients that `users.grants` of the settings names.
 * Only roles that stand there are ever taken away: a realm's roles are not all ours, and everybody has some by default.
 * Which roles of a client somebody has is only told to whoever may see that client (`view-clients`).
 */
import type { ManagedProject, TargetGrant } from '../connection.ts';
import type { KeycloakApi } from './api.ts';
import { KeycloakError, unlessForbidden } from './keycloak-error.ts';
import type { RoleRepresentation } from './roles.ts';
import { byName, containerOf, rolesAt } from './roles.ts';

type Translated = Pick<TargetGrant, 'project' | 'roles'>;

export interface Granting {
  readonly api: KeycloakApi;
  readonly realm: string;
  /** Of the settings: what may be taken away, by project. */
  readonly translated: readonly Translated[];
  readonly signal?: AbortSignal | undefined;
}

const mappingsAt = (path: string, project: string, realm: string) =>
  `${path}/role-mappings/${containerOf({ project }, realm)}`;

/** Undefined where not all can be told: what is not known is not what somebody lacks. Throws KeycloakError. */
export async function grantsOf(
  granting: Granting,
  path: string,
): Promise<readonly TargetGrant[] | undefined> {
  const { realm, translated } = granting;
  const byDefault = `default-roles-${realm.toLowerCase()}`;
  try {
    const grants: TargetGrant[] = [];
    for (const project of new Set(translated.map((one) => one.project))) {
      const names = (await rolesAt(granting, mappingsAt(path, project, realm))).map(({ name }) => name);
      const roles = project === realm ? names.filter((name) => name !== byDefault) : names;
      if (roles.length > 0) grants.push({ project, roles });
    }
    return grants;
  } catch (error) {
    // Not the user is gone, who was just read, but the client; or we may not see it.
    if (error instanceof KeycloakError && (error.status === 403 || error.status === 404)) return undefined;
    throw error;
  }
}

interface Wanted {
  readonly grants: readonly TargetGrant[];
  readonly projects: readonly ManagedProject[];
}

/** Throws KeycloakError (404 for a user or client that is not there), and target_refused where a role is not ours to give. */
export async function setGrants(
  granting: Granting,
  path: string,
  { grants, projects }: Wanted,
): Promise<void> {
  for (const project of new Set(projects.map((one) => one.project))) {
    const at = mappingsAt(path, project, granting.realm);
    const roles = { wanted: rolesIn(grants, project), ours: rolesIn(granting.translated, project) };
    await allowed(() => setAt(granting, at, roles));
  }
}

const rolesIn = (grants: readonly Translated[], project: string): ReadonlySet<string> =>
  new Set(grants.filter((grant) => grant.project === project).flatMap(({ roles }) => roles));

interface Roles {
  readonly wanted: ReadonlySet<string>;
  readonly ours: ReadonlySet<string>;
}

/** Nothing is written where not all can be. What is too much goes first: a half-done change gives nobody more than either. */
async function setAt(granting: Granting, at: string, { wanted, ours }: Roles): Promise<void> {
  const { api } = granting;
  const has = byName(await rolesAt(granting, at));
  const missing = [...wanted].filter((name) => !has.has(name));
  const available = missing.length > 0 ? byName(await rolesAt(granting, `${at}/available`)) : undefined;
  const given = missing.flatMap((name): RoleRepresentation[] => {
    const role = available?.get(name);
    return role ? [role] : [];
  });
  if (given.length < missing.length) {
    const message = 'a role of users.grants is not there, or not ours to give';
    throw new KeycloakError({ status: 400, reason: 'role-not-found', message });
  }
  const taken = [...has.values()].filter(({ name }) => ours.has(name) && !wanted.has(name));
  if (taken.length > 0) await api.call('DELETE', at, { body: taken });
  if (given.length > 0) await api.call('POST', at, { body: given });
}

/** A 403 is no outage here: our account may make users and not see this client, or not give this role. */
const MAY_NOT_GIVE =
  'keycloak: our client may not see the roles that are given of a client of users.grants (view-clients), or not give them';
const allowed = <T>(work: () => Promise<T>): Promise<T> => unlessForbidden(MAY_NOT_GIVE, work);
