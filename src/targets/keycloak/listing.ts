/** All users of a realm, which Keycloak lists in the order of their names, without service accounts. */
import type { FoundUser, UserPage } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import { offsetPage } from '../offset-pages.ts';
import type { KeycloakApi } from './api.ts';
import { AT_ONCE } from './import.ts';
import type { CredentialRepresentation, FederatedIdentity, UserRepresentation } from './representation.ts';
import { foundUserOf } from './representation.ts';
import { unlessGone, userPath } from './users.ts';

/** With all their attributes, more would be more than an answer may have. */
const MAX_PAGE = 1_000;

/** Two calls for each user besides: a list does not say what they are linked to, nor whether they have a password. Throws KeycloakError. */
export async function listUsers(
  api: KeycloakApi,
  options: { readonly after?: string; readonly limit: number },
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
  const found = await inParallel(items, AT_ONCE, (user) => whole(api, user));
  return { users: found.filter((user) => user !== undefined), ...(next !== undefined && { next }) };
}

/** Undefined for somebody who has left since they were listed. */
const whole = (api: KeycloakApi, user: UserRepresentation): Promise<FoundUser | undefined> =>
  unlessGone(async () => {
    const path = userPath(user.id ?? '');
    const [links, credentials] = await Promise.all([
      api.call<readonly FederatedIdentity[]>('GET', `${path}/federated-identity`),
      api.call<readonly CredentialRepresentation[]>('GET', `${path}/credentials`),
    ]);
    return foundUserOf({
      user: { ...user, federatedIdentities: links.document },
      credentials: credentials.document,
    });
  });
