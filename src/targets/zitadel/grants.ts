/**
 * Roles of people in projects. ZITADEL keeps one grant per user, project and organization; ours are those in the user's own
 * organization. Whether a search is up to date with what was written before it, nobody promises: asking for one grant by
 * its id brings it there (source: `GetUserGrantByID` triggers the projection, `ListUserGrants` does not).
 */
import type { ManagedProject, TargetGrant } from '../connection.ts';
import { addGrant, getGrant, listGrants, reactivateGrant, removeGrant, setRoles } from './grant-messages.ts';
import { findGrantAdded, getUser, send } from './messages.ts';
import { isNotFound } from './outcomes.ts';
import type { Asking, User } from './users.ts';
import { ZitadelError } from './zitadel-error.ts';

/** `zitadel.user.v1.UserGrant` */
export interface StoredGrant {
  readonly id: string;
  readonly projectId?: string;
  readonly projectGrantId?: string;
  readonly roleKeys?: readonly string[];
  readonly state?: string;
}

interface Place {
  readonly userId: string;
  readonly organization: string | undefined;
}

const PAGE = 100;
/** Nobody has more; those beyond are not looked at. */
const MAX_GRANTS = 1_000;
/** Not an id of ZITADEL's, which are numbers: asked for only so that the search is up to date. */
const NO_GRANT = 'none';

/** Those that hold. `listed`: as the search has them; undefined: our token may not look. Throws ZitadelError. */
export async function grantsOf(
  asking: Asking,
  place: Place,
  how: 'fresh' | 'listed',
): Promise<readonly TargetGrant[] | undefined> {
  try {
    if (how === 'fresh') await bringUpToDate(asking, place);
    const stored = await listed(asking, place);
    return perProject(stored.filter(isActive).map(grantIn));
  } catch (error) {
    if (error instanceof ZitadelError && error.status === 403) return undefined;
    throw error;
  }
}

/** More than one of them changes at a time only if somebody else is at it, too. */
const TRIES = 3;

/** Throws ZitadelError. What is too much goes first; done in part it is done in full by the next try. */
export async function setGrants(
  asking: Asking,
  userId: string,
  wanted: { readonly grants: readonly TargetGrant[]; readonly projects: readonly ManagedProject[] },
): Promise<void> {
  const { user } = await send<{ user?: User }>(asking.api, getUser(userId), asking.signal);
  const place = { userId, organization: user?.details?.resourceOwner };
  for (let tries = 1; ; tries += 1) {
    try {
      return await makeSo(asking, place, wanted);
    } catch (error) {
      // Somebody else has given or taken one meanwhile: it is looked at anew.
      const isMoved = error instanceof ZitadelError && (error.status === 409 || isNotFound(error));
      if (!isMoved || tries === TRIES) throw error;
    }
  }
}

async function makeSo(
  { api, signal }: Asking,
  { userId, organization }: Place,
  { grants, projects }: Parameters<typeof setGrants>[2],
): Promise<void> {
  const ours = new Set(projects.map(keyOf));
  await bringUpToDate({ api, signal }, { userId, organization });
  const stored = await listed({ api, signal }, { userId, organization });
  const there = new Map(stored.map((grant) => [keyOf(grantIn(grant)), grant]));
  const wanted = new Map(
    perProject(grants)
      .filter((grant) => ours.has(keyOf(grant)) && grant.roles.length > 0)
      .map((grant) => [keyOf(grant), grant]),
  );
  for (const [key, { id }] of there) {
    if (!ours.has(key) || wanted.has(key)) continue;
    await send(api, removeGrant(userId, id, organization), signal).catch(ifGone);
  }
  for (const [key, grant] of wanted) {
    const known = there.get(key);
    if (!known) await send(api, addGrant(userId, grant, organization), signal);
    else {
      const { id, roleKeys = [] } = known;
      // Roles first: nothing that is too much ever holds.
      if (!isSame(roleKeys, grant.roles))
        await send(api, setRoles(userId, { id, roles: grant.roles }, organization), signal);
      if (!isActive(known)) await send(api, reactivateGrant(userId, id, organization), signal);
    }
  }
}

/** Undefined for one that nobody ever had, and where we may not look. Events are never behind. */
export async function userIdByGrant(
  { api, signal }: Pick<Asking, 'api' | 'signal'>,
  grantId: string,
): Promise<string | undefined> {
  type Answer = { events?: { payload?: Readonly<Record<string, unknown>> }[] };
  try {
    const { events = [] } = await send<Answer>(api, findGrantAdded(grantId), signal);
    const userId = events[0]?.payload?.userId;
    return typeof userId === 'string' && userId !== '' ? userId : undefined;
  } catch (error) {
    if (error instanceof ZitadelError && error.status === 403) return undefined;
    throw error;
  }
}

async function bringUpToDate(
  { api, signal }: Pick<Asking, 'api' | 'signal'>,
  { userId, organization }: Place,
): Promise<void> {
  await send(api, getGrant(userId, NO_GRANT, organization), signal).catch(ifGone);
}

async function listed(
  { api, signal }: Pick<Asking, 'api' | 'signal'>,
  { userId, organization }: Place,
): Promise<readonly StoredGrant[]> {
  const found = new Map<string, StoredGrant>();
  for (let offset = 0; offset < MAX_GRANTS; offset += PAGE) {
    const message = listGrants(userId, { offset, limit: PAGE }, organization);
    const { result = [] } = await send<{ result?: readonly StoredGrant[] }>(api, message, signal);
    for (const grant of result) found.set(grant.id, grant);
    if (result.length < PAGE) break;
  }
  return [...found.values()];
}

function ifGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

const isActive = ({ state }: StoredGrant) => state !== 'USER_GRANT_STATE_INACTIVE';

const grantIn = ({ projectId = '', projectGrantId, roleKeys = [] }: StoredGrant): TargetGrant => ({
  project: projectId,
  ...(projectGrantId && { projectGrant: projectGrantId }),
  roles: roleKeys,
});

const keyOf = ({ project, projectGrant }: ManagedProject) => `${project}/${projectGrant ?? ''}`;
const isSame = (some: readonly string[], others: readonly string[]) =>
  JSON.stringify([...some].sort()) === JSON.stringify([...others].sort());

/** All roles in a project together, each once. */
export function perProject(grants: readonly TargetGrant[]): readonly TargetGrant[] {
  const merged = new Map<string, TargetGrant>();
  for (const grant of grants) {
    const key = keyOf(grant);
    const roles = new Set([...(merged.get(key)?.roles ?? []), ...grant.roles]);
    merged.set(key, { ...grant, roles: [...roles] });
  }
  return [...merged.values()];
}
