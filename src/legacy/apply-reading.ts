/** What a store has of the fields that sync writes, by the store's own mapping and nothing else of it. */

import type { User } from '../user.ts';
import type { ApplyField } from './apply.ts';
import type { LegacyRecord } from './mapping.ts';
import { mapRecord } from './mapping.ts';
import type { Condition, Field, Mapping, Proof } from './mapping-settings.ts';
import { mapping as mappingSettings } from './mapping-settings.ts';

/** As `ApplyInput` has them; `null`: there is none. */
export type AppliedValues = Readonly<Record<ApplyField, string | null>>;

/**
 * What the store has of a person, in the words of `ApplyInput`: what `before` is taken from. A lock of the store's own is no
 * state that sync knows.
 */
export function appliedValues(user: User): AppliedValues {
  return {
    username: user.username ?? null,
    email: user.email ?? null,
    emailVerified: String(user.emailVerified),
    phoneNumber: user.phoneNumber ?? null,
    phoneNumberVerified: String(user.phoneNumberVerified),
    name: user.name ?? null,
    givenName: user.givenName ?? null,
    familyName: user.familyName ?? null,
    nickname: user.nickname ?? null,
    locale: user.locale ?? null,
    state: user.state === 'disabled' ? 'disabled' : 'active',
    roles: JSON.stringify(user.roles.toSorted()),
  };
}

const BARE = mappingSettings.parse({ names: { placeholder: 'none' } });

/** The part of a mapping that says these fields; what it says of credentials and further claims is left alone. */
export function narrowed(mapping: Mapping): Mapping {
  const { username, email, emailVerified, phoneNumber, phoneNumberVerified, disabled } = mapping;
  const { name, givenName, familyName, nickname, locale, roles } = mapping;
  const proofs = { emailVerified, phoneNumberVerified, disabled };
  return {
    ...BARE,
    username,
    email,
    phoneNumber,
    ...proofs,
    name,
    givenName,
    familyName,
    nickname,
    locale,
    roles,
  };
}

/** By a narrowed mapping. Throws mapping_failed. */
export const readApplied = (mapping: Mapping, record: LegacyRecord): AppliedValues =>
  appliedValues(mapRecord(mapping, record).user);

/** Where the mapping takes a field from: one place, several, or none. */
export type Source =
  | { readonly kind: 'field'; readonly field: Field }
  | { readonly kind: 'proof'; readonly proof: Proof }
  | { readonly kind: 'none' }
  | { readonly kind: 'several' };

export function sourceOf(field: ApplyField, mapping: Mapping): Source {
  switch (field) {
    case 'emailVerified':
    case 'phoneNumberVerified':
      return { kind: 'proof', proof: mapping[field] };
    case 'state':
      return { kind: 'proof', proof: mapping.disabled };
    case 'roles':
      if (mapping.roles.length > 1) return { kind: 'several' };
      return fieldSource(mapping.roles[0]);
    default:
      return fieldSource(mapping[field]);
  }
}

const fieldSource = (field: Field | undefined): Source =>
  field ? { kind: 'field', field } : { kind: 'none' };

/** The column of the user's own row that a field is read from, if it is one. */
export function ownColumnOf(source: Source): string | undefined {
  if (source.kind === 'field') return ownColumn(source.field);
  if (source.kind !== 'proof') return undefined;
  const columns = new Set(conditionsOf(source.proof).map(ownColumn));
  return columns.size === 1 ? [...columns][0] : undefined;
}

const ownColumn = ({ column, from }: Field | Condition) => (from === undefined ? column : undefined);

function conditionsOf(proof: Proof): readonly Condition[] {
  if (typeof proof === 'boolean') return [];
  if ('all' in proof) return proof.all;
  return 'any' in proof ? proof.any : [proof];
}

/** Whether anything of it is read from rows beside the user's own. */
export function readsRelated({ email, phoneNumber, ...mapping }: Mapping): boolean {
  const fields: readonly (Field | undefined)[] = [
    email,
    phoneNumber,
    mapping.username,
    mapping.name,
    mapping.givenName,
    mapping.familyName,
  ];
  const all: readonly (Field | undefined)[] = [...fields, mapping.nickname, mapping.locale, ...mapping.roles];
  const proofs = [mapping.emailVerified, mapping.phoneNumberVerified, mapping.disabled].flatMap(conditionsOf);
  return [...all, ...proofs].some((one) => one?.from !== undefined);
}
