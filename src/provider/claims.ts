/**
 * A user's claims by scope and client (OpenID Connect Core 1.0 section 5.4). Types are strict on purpose: a number
 * where a string belongs, or "yes" for a boolean, makes ZITADEL's library refuse the whole login.
 */
import type { Account, AccountClaims, KoaContextWithOIDC } from 'oidc-provider';
import { profileClaims } from '../migration/profile.ts';
import type { User } from '../user.ts';
import { startedAt } from './session-lives.ts';

/** The single-use right to fetch the secrets of the user who just logged in; only for a target's own client. */
export const TICKET_CLAIM = 'urn:footbridge:ticket';

/** What somebody is in their organizations; with scope `roles`, where organizations can be linked. */
export const ORGANIZATIONS_CLAIM = 'urn:footbridge:organizations';

export interface OrganizationClaim {
  /** The store's id with its prefix, as `sub` is a person's. */
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
}

/** Claims by scope, as the discovery document lists them. */
export const CLAIMS_BY_SCOPE = {
  openid: ['sub', 'acr', 'amr', 'auth_time', TICKET_CLAIM],
  profile: [
    'name',
    'given_name',
    'family_name',
    'nickname',
    'preferred_username',
    'picture',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  phone: ['phone_number', 'phone_number_verified'],
  roles: ['roles'],
  legacy: ['legacy_id'],
} satisfies Record<string, string[]>;

/** Every claim a user has, whatever the scope; absent rather than null or empty. */
export function userClaims(user: User): AccountClaims {
  const roles = user.roles.length ? { roles: [...user.roles] } : {};
  return { ...profileClaims(user), ...roles, legacy_id: user.legacyId, sub: user.sub };
}

export interface ClaimsOptions {
  readonly organizationsOf?: ((user: User) => Promise<readonly OrganizationClaim[]>) | undefined;
  /** Whether this client wants its profile claims in the ID token as well. */
  readonly claimsInIdToken: (clientId: string) => boolean;
  /** The ticket for this login and client; undefined when it is no target's client. */
  readonly ticket: (login: {
    sub: string;
    clientId: string;
    authTime: number;
    /**
     * When this login began here: `authTime`, or later when a legacy system was asked and knew the person. That is a
     * login too, for its session was judged afresh; how long a ticket is good counts from here.
     */
    startedAt: number;
    sessionUid: string;
  }) => Promise<string | undefined>;
}

/** What the token at hand knows of the login it came from. */
interface LoginMark {
  readonly authTime?: number;
  readonly sessionUid?: string;
  readonly extra?: { readonly auth_time?: number };
}

export function accountOf(
  user: User,
  ctx: KoaContextWithOIDC,
  token: unknown,
  options: ClaimsOptions,
): Account {
  const mark = (token ?? {}) as LoginMark;
  return {
    accountId: user.sub,
    async claims(use, scope, requested) {
      const clientId = ctx.oidc.client?.clientId ?? '';
      const authTime = mark.authTime ?? mark.extra?.auth_time;
      const ticket =
        authTime && mark.sessionUid
          ? await options.ticket({
              sub: user.sub,
              clientId,
              authTime,
              startedAt: startedAt({ loginTs: authTime, uid: mark.sessionUid }),
              sessionUid: mark.sessionUid,
            })
          : undefined;
      const organizations = scope.split(' ').includes('roles')
        ? await options.organizationsOf?.(user)
        : undefined;
      const all = {
        ...userClaims(user),
        ...(ticket ? { [TICKET_CLAIM]: ticket } : {}),
        ...(organizations?.length ? { [ORGANIZATIONS_CLAIM]: organizations } : {}),
      } as AccountClaims;
      if (use !== 'id_token' || options.claimsInIdToken(clientId)) return all;
      // A client that calls userinfo gets a short ID token: the subject, the ticket, and what it asked for by name.
      const wanted = new Set(['sub', TICKET_CLAIM, ...Object.keys(requested ?? {})]);
      return Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name))) as AccountClaims;
    },
  };
}
