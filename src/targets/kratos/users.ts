/** Finding people at Kratos. */
import { FootbridgeError } from '../../errors.ts';
import type { UserPage } from '../connection.ts';
import type { KratosApi } from './api.ts';
import type { Identity } from './identity.ts';
import { foundUserOf, linkIdentifier } from './identity.ts';
import { KratosError } from './kratos-error.ts';
import type { KratosSettings } from './kratos-settings.ts';

export interface Users {
  /** By Kratos' own id, or by ours (`external_id`). */
  byId(id: string, signal?: AbortSignal): Promise<Identity | undefined>;
  byLink(provider: string, subject: string, signal?: AbortSignal): Promise<Identity | undefined>;
  /** By a name that they log in with; undefined where that is more than one. */
  byLogin(login: string, signal?: AbortSignal): Promise<Identity | undefined>;
  page(options: { readonly after?: string; readonly limit: number }): Promise<UserPage>;
}

/** Kratos' ids; it would take ours for one, too, which has no hyphens. */
const OWN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** What it gives at most, whatever is asked for. */
const MAX_PAGE = 500;
/** Two tell that it is not one. */
const MAX_FOUND = '2';
/**
 * The only way to learn whether there is a password is to be given its hash, which goes no further than `identity.ts`; and
 * whether there are keys, to be given them.
 */
const WITH_CREDENTIALS = 'include_credential=password&include_credential=webauthn';

/** Below `/admin`. Throws KratosError (404) for what is no id: as a path it would be another one. */
export function identityPath(id: string): string {
  if (!OWN_ID.test(id))
    throw new KratosError({ status: 404, isGone: true, message: 'this is not an id of Kratos' });
  return `/identities/${id}`;
}

/** Undefined for somebody who is not there. */
export async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KratosError && error.isGone) return undefined;
    throw error;
  }
}

export function usersOf(api: KratosApi, settings: KratosSettings): Users {
  const search = (query: Record<string, string>, signal?: AbortSignal) => {
    const path = `/identities?${new URLSearchParams(query)}&${WITH_CREDENTIALS}`;
    return api.call<readonly Identity[]>('GET', path, { signal });
  };
  /** At Ory Network a read may be seconds behind unless it is said that it must not be. */
  const byIdentifier = (identifier: string, signal?: AbortSignal) =>
    search({ credentials_identifier: identifier, page_size: MAX_FOUND, consistency: 'strong' }, signal);
  return {
    async byId(id, signal) {
      if (/^\.{0,2}$/.test(id)) return undefined;
      const path = OWN_ID.test(id) ? identityPath(id) : `/identities/by/external/${encodeURIComponent(id)}`;
      return unlessGone(() => api.call<Identity>('GET', `${path}?${WITH_CREDENTIALS}`, { signal }));
    },
    async byLink(provider, subject, signal) {
      const identifier = linkIdentifier({ idpId: provider, userId: subject });
      const all = await byIdentifier(identifier, signal);
      // A login name may read the same.
      const linked = all.filter(({ credentials }) => credentials?.oidc?.identifiers?.includes(identifier));
      if (linked.length > 1) {
        throw new FootbridgeError('target_refused', {
          detail: 'kratos: two people have the same link to us',
        });
      }
      return linked[0];
    },
    async byLogin(login, signal) {
      if (login.trim() === '') return undefined;
      const all = await byIdentifier(login, signal);
      const named = all.filter(({ credentials }) => !credentials?.oidc?.identifiers?.includes(login));
      return named.length === 1 ? named[0] : undefined;
    },
    async page({ after, limit }) {
      const size = String(Math.min(limit, MAX_PAGE));
      const all = await search({ page_size: size, ...(after !== undefined && { page_token: after }) });
      const last = all.at(-1);
      // Its pages go by id, and the token is the last one: a page that is not full need not be the last.
      return { users: all.map((one) => foundUserOf(one, settings)), ...(last && { next: last.id }) };
    },
  };
}
