/**
 * What Keycloak drops without a word, it drops of everybody: attributes that the realm's user profile does not know, links
 * to an identity provider that it does not have. So of those who came with one message, one is read back for all.
 */
import type { ImportOutcome, NotStored, TargetUser } from '../connection.ts';
import type { Importing } from './import.ts';
import { KeycloakError } from './keycloak-error.ts';
import type { Added, Row } from './partial-import.ts';
import type { UserRepresentation } from './representation.ts';
import { compare, foundUserOf, isThere, linksOf, representationOf } from './representation.ts';
import { userPath } from './users.ts';

export interface Dropped {
  /** Identity providers. */
  readonly aliases: ReadonlySet<string>;
  readonly attributes: ReadonlySet<string>;
}

const NOTHING: Dropped = { aliases: new Set(), attributes: new Set() };

/** Looks at the one who came with most. Where that fails, nothing is known to be dropped. */
export async function droppedOf({ api, alias, signal }: Importing, added: Added): Promise<Dropped> {
  const made = [...added].flatMap(([{ user }, id]) => (typeof id === 'string' ? [{ user, id }] : []));
  const [sample] = made.sort((one, other) => richness(other.user) - richness(one.user));
  if (!sample) return NOTHING;
  const answer = await api.call<UserRepresentation>('GET', userPath(sample.id), { signal }).catch((error) => {
    if (!(error instanceof KeycloakError)) throw error;
  });
  if (!answer) return NOTHING;
  const { links, metadata } = foundUserOf({ user: answer.document, credentials: [] });
  const lost = linksOf(sample.user, alias).filter((link) => !isThere(link, links));
  return {
    aliases: new Set(lost.map(({ idpId }) => idpId)),
    attributes: new Set(Object.keys(sample.user.metadata).filter((key) => !(key in metadata))),
  };
}

const richness = ({ metadata, identityProviderLinks }: Row['user']) =>
  Object.keys(metadata).length + identityProviderLinks.length;

interface Made {
  readonly user: TargetUser;
  readonly id: string;
  readonly ungranted: readonly NotStored[];
}

/** On Keycloak's word for it: everything that was in the message, but for what it drops. */
export function createdByMessage(
  { alias, dropped }: { readonly alias: string; readonly dropped: Dropped },
  { user, id, ungranted }: Made,
): ImportOutcome {
  const {
    credentials = [],
    federatedIdentities = [],
    attributes = {},
    ...sent
  } = representationOf(user, alias);
  const kept = {
    ...sent,
    totp: user.totpSecret !== undefined,
    federatedIdentities: federatedIdentities.filter(
      ({ identityProvider }) => !dropped.aliases.has(identityProvider),
    ),
    attributes: Object.fromEntries(
      Object.entries(attributes).filter(([name]) => !dropped.attributes.has(name)),
    ),
  };
  const { stored, missing } = compare(user, { user: kept, credentials }, alias);
  return {
    kind: 'created',
    targetUserId: id,
    stored: user.grants.length > 0 && ungranted.length === 0 ? [...stored, 'grants'] : stored,
    missing: [...missing, ...ungranted],
  };
}
