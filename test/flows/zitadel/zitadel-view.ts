/** What ZITADEL has of somebody in the end: of the stand-in as it is stored, of a real one as its API tells. */

import type { JsonObject } from '@bufbuild/protobuf';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { CallError } from '../../support/zitadel/login-v2.ts';

export interface SeenUser {
  readonly id: string;
  readonly organization: string;
  readonly username: string;
  readonly state: string;
  readonly email: string;
  readonly isEmailVerified: boolean;
  readonly hasPassword: boolean;
  readonly hasTotp: boolean;
  /** `<provider>/<user id there>` */
  readonly links: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Roles by project. */
  readonly grants: Readonly<Record<string, readonly string[]>>;
}

export interface Wanted {
  readonly username: string;
  readonly email: string | undefined;
  readonly sub: string;
}

export interface ZitadelView {
  /** Everybody with this name, address, or link. */
  usersOf(wanted: Wanted): Promise<SeenUser[]>;
  /** Whether a login with this password would work. */
  opens(userId: string, password: string): Promise<boolean>;
}

const text = (base64: string) => Buffer.from(base64, 'base64').toString();
const same = (one: string | undefined, other: string | undefined) =>
  one?.toLowerCase() === other?.toLowerCase();

export function standInView({ instance, opens }: Zitadel): ZitadelView {
  return {
    opens,
    usersOf: async ({ username, email, sub }) =>
      [...instance.users.values()]
        .filter(
          (user) =>
            same(user.username, username) ||
            (email && same(user.email.address, email)) ||
            user.links.some(({ userId }) => userId === sub),
        )
        .map(({ id, organization, username: name, state, email: address, ...user }) => ({
          id,
          organization,
          username: name,
          state,
          email: address.address,
          isEmailVerified: address.isVerified,
          hasPassword: user.password !== undefined,
          hasTotp: user.totp?.isReady === true,
          links: user.links.map((link) => `${link.idpId}/${link.userId}`),
          metadata: Object.fromEntries(
            Object.entries(user.metadata).map(([key, value]) => [key, text(value)]),
          ),
          grants: Object.fromEntries(
            [...instance.grants.values()]
              .filter(({ userId }) => userId === id)
              .map(({ projectId, roleKeys }) => [projectId, roleKeys]),
          ),
        })),
  };
}

/** About users of another organization than the token's, the first version of the API has to be told so. */
export type OrganizedCall = <T = JsonObject>(
  verb: string,
  path: string,
  body?: object,
  organization?: string,
) => Promise<T>;

interface Found {
  readonly userId: string;
  readonly state: string;
  readonly username: string;
  readonly details: { readonly resourceOwner: string };
  readonly human: { readonly email: { readonly email: string; readonly isVerified?: boolean } };
}

export function apiView(call: OrganizedCall): ZitadelView {
  const search = async <T>(path: string, body: object, organization?: string): Promise<readonly T[]> =>
    (await call<{ result?: T[] }>('POST', path, body, organization)).result ?? [];
  const seen = async ({ userId, state, username, details, human }: Found): Promise<SeenUser> => {
    const methods = await call<{ authMethodTypes?: string[] }>(
      'GET',
      `/v2/users/${userId}/authentication_methods`,
    );
    const has = (name: string) =>
      methods.authMethodTypes?.includes(`AUTHENTICATION_METHOD_TYPE_${name}`) ?? false;
    const links = await search<{ idpId: string; userId: string }>(`/v2/users/${userId}/links/_search`, {});
    const metadata = await search<{ key: string; value: string }>(
      `/management/v1/users/${userId}/metadata/_search`,
      {},
      details.resourceOwner,
    );
    const grants = await search<{ projectId: string; roleKeys?: string[] }>(
      '/management/v1/users/grants/_search',
      { queries: [{ userIdQuery: { userId } }] },
      details.resourceOwner,
    );
    return {
      id: userId,
      organization: details.resourceOwner,
      username,
      state,
      email: human.email.email,
      isEmailVerified: human.email.isVerified ?? false,
      hasPassword: has('PASSWORD'),
      hasTotp: has('TOTP'),
      links: links.map((link) => `${link.idpId}/${link.userId}`),
      metadata: Object.fromEntries(metadata.map(({ key, value }) => [key, text(value)])),
      grants: Object.fromEntries(grants.map(({ projectId, roleKeys = [] }) => [projectId, roleKeys])),
    };
  };
  return {
    async usersOf({ username, email }) {
      const method = 'TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE';
      const queries = [
        { userNameQuery: { userName: username, method } },
        ...(email ? [{ emailQuery: { emailAddress: email, method } }] : []),
      ];
      return Promise.all(
        (await search<Found>('/v2/users', { queries: [{ orQuery: { queries } }] })).map(seen),
      );
    },
    async opens(userId, password) {
      const checks = { user: { userId }, password: { password } };
      return call('POST', '/v2/sessions', { checks }).then(
        () => true,
        (error) => {
          if (error instanceof CallError) return false;
          throw error;
        },
      );
    },
  };
}
