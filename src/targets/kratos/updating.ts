/** Changing what somebody at Kratos is called, and where they can be reached. */
import type { FoundUser, ProfileField, TargetUser } from '../connection.ts';
import type { KratosApi } from './api.ts';
import type { Identity, VerifiableAddress } from './identity.ts';
import { isAddress } from './identity.ts';
import { KratosError } from './kratos-error.ts';
import type { TraitPaths } from './traits.ts';
import { fieldOf, traitAt, withTrait } from './traits.ts';
import type { Users } from './users.ts';
import { identityPath } from './users.ts';

/** RFC 6902. Whole members: a path into one that is not there is an error. */
export interface Operation {
  readonly op: 'replace';
  readonly path: `/${'traits' | 'verifiable_addresses' | 'metadata_admin' | 'metadata_public' | 'state'}`;
  readonly value: unknown;
}

/** Answers as they are then, without secrets. Throws KratosError. */
export const patchIdentity = (
  api: KratosApi,
  id: string,
  operations: readonly Operation[],
): Promise<Identity> => api.call<Identity>('PATCH', identityPath(id), { body: operations });

export interface Change {
  readonly user: TargetUser;
  readonly fields: readonly ProfileField[];
  readonly paths: TraitPaths;
}

/** Throws KratosError. */
export async function updateProfile(
  { api, users }: { readonly api: KratosApi; readonly users: Users },
  { targetUserId }: FoundUser,
  change: Change,
): Promise<void> {
  const identity = await users.byId(targetUserId);
  if (!identity)
    throw new KratosError({ status: 404, isGone: true, message: 'the identity is not there any more' });
  const operations = profileOperations(identity, change);
  if (operations.length > 0) await patchIdentity(api, identity.id, operations);
}

/** What makes these fields as `user` has them; a field without a trait stays out. */
export function profileOperations(identity: Identity, { user, fields, paths }: Change): Operation[] {
  const { traits: before, verifiable_addresses: addressesBefore = [] } = identity;
  const traits = fields.reduce<unknown>((all, field) => {
    const [path, value] = [paths[field], fieldOf(user, field)?.trim() || undefined];
    return path === null || traitAt(all, path) === value ? all : withTrait(all, path, value);
  }, before);
  const addresses = fields.reduce<readonly VerifiableAddress[]>((all, field) => {
    if (field === 'email' && paths.email !== null && user.email)
      return withAddress(all, { via: 'email', value: user.email.address, isVerified: user.email.isVerified });
    if (field === 'phone' && paths.phone !== null && user.phone)
      return withAddress(all, { via: 'sms', value: user.phone.number, isVerified: user.phone.isVerified });
    return all;
  }, addressesBefore);
  const changed = (path: Operation['path'], from: unknown, to: unknown): Operation[] =>
    from === to ? [] : [{ op: 'replace', path, value: to }];
  return [
    ...changed('/traits', before, traits),
    ...changed('/verifiable_addresses', addressesBefore, addresses),
  ];
}

/** One that is not verified Kratos makes itself of the trait; one that belongs to no trait any more it takes away. */
function withAddress(
  addresses: readonly VerifiableAddress[],
  { via, value, isVerified }: Pick<VerifiableAddress, 'via' | 'value'> & { readonly isVerified: boolean },
): readonly VerifiableAddress[] {
  const is = isAddress(via, value);
  const there = addresses.find(is);
  if ((there?.verified ?? false) === isVerified) return addresses;
  const status = isVerified ? 'completed' : 'pending';
  const one = { ...there, value: value.trim().toLowerCase(), via, verified: isVerified, status };
  return [...addresses.filter((address) => !is(address)), one];
}
