/** All people of an instance, or of an organization, as far as our token sees them: in the order in which they were made. */
import type { UserPage } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import { offsetPage } from '../offset-pages.ts';
import { listUsers, send } from './messages.ts';
import type { Asking, User } from './users.ts';
import { found } from './users.ts';

/** ZITADEL's own bound for a page, by default. */
const MAX_PAGE = 1_000;
const PARALLEL_USERS = 8;

/**
 * Three calls for each besides: a search says neither what they are linked to, nor their second factors and metadata; a
 * fourth for their roles, where sync compares them.
 * Throws ZitadelError.
 */
export async function usersPage(
  asking: Asking,
  options: { readonly after?: string; readonly limit: number },
): Promise<UserPage> {
  const list = {
    idOf: ({ userId }: User) => userId,
    maxPage: MAX_PAGE,
    async at(offset: number, limit: number) {
      const { result = [] } = await send<{ result?: readonly User[] }>(
        asking.api,
        listUsers({ offset, limit }),
        asking.signal,
      );
      return result;
    },
  };
  const { items, next } = await offsetPage(list, options);
  const users = await inParallel(items, PARALLEL_USERS, (user) => found(asking, user, { grants: 'listed' }));
  return { users: users.filter((user) => user !== undefined), ...(next !== undefined && { next }) };
}
