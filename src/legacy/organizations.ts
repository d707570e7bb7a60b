/** The organizations that somebody belongs to, out of the rows of their memberships. */
import type { LegacyOrganization } from '../user.ts';
import { countryCodeOf } from './claims.ts';
import type { Field } from './field-settings.ts';
import type { Scope } from './fields.ts';
import { textFrom, textsFrom } from './fields.ts';
import type { OrganizationMapping } from './organization-settings.ts';
import { isProved } from './proofs.ts';
import { scopesOf } from './rows.ts';

/** Users are kept in memory; who is in more is kept with those they own first. */
export const MAX_ORGANIZATIONS = 200;
/** Of one organization, kinds and roles each. */
const MAX_NAMES = 50;

/** `isKey`: whether a key can be made of an id; a row with another one is left out. */
export function organizationsOf(
  mapping: OrganizationMapping,
  record: Scope,
  isKey: (id: string) => boolean,
): LegacyOrganization[] {
  const byId = new Map<string, LegacyOrganization>();
  for (const scope of scopesOf(mapping, record)) {
    const id = textFrom(mapping.id, scope);
    if (id === undefined || !isKey(id)) continue;
    const known = byId.get(id);
    const found = organizationIn(mapping, scope, id);
    byId.set(id, known ? together(known, found) : found);
  }
  const all = [...byId.values()];
  if (all.length <= MAX_ORGANIZATIONS) return all;
  return all.toSorted((a, b) => Number(b.isOwner) - Number(a.isOwner)).slice(0, MAX_ORGANIZATIONS);
}

function organizationIn(mapping: OrganizationMapping, scope: Scope, id: string): LegacyOrganization {
  const countryCode = countryCodeOf(textFrom(mapping.countryCode, scope));
  return {
    id,
    name: textFrom(mapping.name, scope) ?? id,
    ...(countryCode === undefined ? {} : { countryCode }),
    kinds: namesIn(mapping.kinds, scope),
    roles: namesIn(mapping.roles, scope),
    isOwner: isProved(mapping.owner, scope),
  };
}

const together = (one: LegacyOrganization, other: LegacyOrganization): LegacyOrganization => ({
  ...other,
  ...one,
  name: one.name === one.id ? other.name : one.name,
  kinds: distinct([...one.kinds, ...other.kinds]),
  roles: distinct([...one.roles, ...other.roles]),
  isOwner: one.isOwner || other.isOwner,
});

const namesIn = (fields: readonly Field[], scope: Scope) =>
  distinct(fields.flatMap((field) => textsFrom(field, scope)));
const distinct = (names: readonly string[]) => [...new Set(names)].slice(0, MAX_NAMES);
