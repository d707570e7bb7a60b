/** All users of a realm, which Keycloak lists in the order of their names, without service accounts. */
import type { FoundUser, UserPage } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import { offsetPage } from '../offset-pages.ts';
import type { KeycloakApi } from './api.ts';
import { AT_ONCE } from './import.ts';
import type { CredentialRepresentation, FederatedIdentity, UserRepresentation } from './representation.ts';
import { foundUserOf } from './representation.ts';
import type { ReadGrants } from './users.ts';
import { unlessGone, userPath } from './users.ts';

/** With all their attributes, more would be more than an answer may have. */
const MAX_PAGE = 1_000;

interface ListOptions {
  readonly after?: string;
  readonly limit: number;
  readonly readGrants?: ReadGrants | undefined;
}

/** Two calls for each user besides, three with their roles: a list says neither what they are linked to nor what they have. Throws KeycloakError. */
export async function listUsers(
  api: KeycloakApi,
  { readGrants, ...options }: ListOptions,
): Promise<UserPage> {
  const list = {
    idOf: ({ id = '' }: UserRepresentation) => id,
    maxPage: MAX_PAGE,
    async at(first: number, max: number) {
      const path = `/users?first=${first}&max=${max}&briefRepresentation=false`;
      return (await api.call<readonly UserRepresentation[]>('GET', path)).document;
    },
  };
  const { items, next } = await offsetPage(list, options);
  const found = await inParallel(items, AT_ONCE, (user) => whole(api, user, readGrants));
  return { users: found.filter((user) => user !== undefined), ...(next !== undefined && { next }) };
}

/** Undefined for somebody who has left since they were listed. */
const whole = (
  api: KeycloakApi,
  user: UserRepresentation,
  readGrants: ReadGrants | undefined,
): Promise<FoundUser | undefined> =>
  unlessGone(async () => {
    const path = userPath(user.id ?? '');
    const [links, credentials, grants] = await Promise.all([
      api.call<readonly FederatedIdentity[]>('GET', `${path}/federated-identity`),
      api.call<readonly CredentialRepresentation[]>('GET', `${path}/credentials`),
      readGrants?.(path),
    ]);
    return foundUserOf({
      user: { ...user, federatedIdentities: links.document },
      credentials: credentials.document,
      ...(grants && { grants }),
    });
  });
