/** Accounts elsewhere that a person logs in with. */
import type { IdentityProviderLink } from '../user.ts';
import type { LinkMapping } from './factor-settings.ts';
import type { Scope } from './fields.ts';
import { textFrom, unmappable } from './fields.ts';
import { scopesOf } from './rows.ts';

const MAX_LINKS = 50;

/** A row without a provider or without an id links to nothing. */
export function linksOf(mappings: readonly LinkMapping[], record: Scope): IdentityProviderLink[] {
  const links = mappings.flatMap((mapping) =>
    scopesOf(mapping, record).flatMap((scope) => {
      const provider = textFrom(mapping.provider, scope);
      const userId = textFrom(mapping.userId, scope);
      if (provider === undefined || userId === undefined) return [];
      const username = textFrom(mapping.username, scope);
      return { provider, userId, ...(username === undefined ? {} : { username }) };
    }),
  );
  if (links.length > MAX_LINKS)
    throw unmappable(`identityProviderLinks: more than ${MAX_LINKS} for one user`);
  return links;
}
