/** Finding users at Keycloak. */
import { FootbridgeError } from '../../errors.ts';
import type { TargetGrant } from '../connection.ts';
import type { KeycloakApi } from './api.ts';
import { KeycloakError } from './keycloak-error.ts';
import type { CredentialRepresentation, Kept, UserRepresentation } from './representation.ts';

export interface Users {
  byId(id: string, signal?: AbortSignal): Promise<Kept | undefined>;
  /** Throws target_refused where more than one has the link: Keycloak lets none of them in by it. */
  byLink(alias: string, userId: string, signal?: AbortSignal): Promise<Kept | undefined>;
  /** By username or email address; undefined where that is more than one. */
  byLogin(login: string, signal?: AbortSignal): Promise<Kept | undefined>;
}

/** Below the realm. Throws KeycloakError (404) for what is no id: as a path it would be another one. */
export function userPath(id: string): string {
  if (/^\.{0,2}$/.test(id))
    throw new KeycloakError({ status: 404, reason: 'user-not-found', message: 'this is not a user id' });
  return `/users/${encodeURIComponent(id)}`;
}

/** Undefined for a user who is not there. */
export async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KeycloakError) || error.status !== 404 || GONE_REALM.test(error.reason))
      throw error;
    if (IS_SAID.test(error.reason)) return undefined;
    // An outage, to whoever asks.
    throw new KeycloakError({ status: 0, reason: 'strange-404', message: error.message });
  }
}

/** The same status, and nobody is gone. */
const GONE_REALM = /^realm-/;
/** In Keycloak’s own words: a proxy answers 404 as well when Keycloak is away, and nobody is gone then. */
const IS_SAID = /^(?:[a-z]+-)+not-found|^could-not-find-/;
/** Two tell that it is not one. */
const MAX_FOUND = '2';

/** Reads somebody's roles; undefined where they are not told. */
export type ReadGrants = (path: string, signal?: AbortSignal) => Promise<readonly TargetGrant[] | undefined>;

export function usersOf(api: KeycloakApi, readGrants?: ReadGrants): Users {
  const search = async (query: Record<string, string>, signal?: AbortSignal) => {
    const path = `/users?${new URLSearchParams({ ...query, max: MAX_FOUND, briefRepresentation: 'true' })}`;
    return (await api.call<readonly UserRepresentation[]>('GET', path, { signal })).document;
  };
  const byId = (id: string, signal?: AbortSignal) =>
    unlessGone(async (): Promise<Kept> => {
      const path = userPath(id);
      const user = await api.call<UserRepresentation>('GET', path, { signal });
      const credentials = await api.call<readonly CredentialRepresentation[]>('GET', `${path}/credentials`, {
        signal,
      });
      const grants = await readGrants?.(path, signal);
      return { user: user.document, credentials: credentials.document, ...(grants && { grants }) };
    });
  return {
    byId,
    async byLink(alias, userId, signal) {
      const [first, second] = await search({ idpAlias: alias, idpUserId: userId }, signal);
      if (second) {
        throw new FootbridgeError('target_refused', {
          detail: 'two users of the realm have the same link to us',
        });
      }
      return first?.id === undefined ? undefined : byId(first.id, signal);
    },
    async byLogin(login, signal) {
      const found = [
        ...(await search({ username: login, exact: 'true' }, signal)),
        ...(login.includes('@') ? await search({ email: login, exact: 'true' }, signal) : []),
      ];
      const [id, ...others] = new Set(found.map((user) => user.id));
      return id === undefined || others.length > 0 ? undefined : byId(id, signal);
    },
  };
}
