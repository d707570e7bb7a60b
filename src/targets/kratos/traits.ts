/** What Kratos calls traits: a document of the operator's own form, with each piece of a person where the settings say. */
import type { ProfileField, TargetUser } from '../connection.ts';
import { PROFILE_FIELDS } from '../connection.ts';
import type { KratosSettings } from './kratos-settings.ts';

export type TraitPaths = KratosSettings['traits'];
export type Traits = Readonly<Record<string, unknown>>;

/** Whom Kratos may refuse a value of, and takes without it. */
export const OPTIONAL_FIELDS: readonly ProfileField[] = PROFILE_FIELDS.filter(
  (field) => field !== 'email' && field !== 'username',
);

export function fieldOf(user: TargetUser, field: ProfileField): string | undefined {
  if (field === 'email') return user.email?.address;
  return field === 'phone' ? user.phone?.number : user[field];
}

/** A text; undefined for what is not there or is none. */
export function traitAt(traits: unknown, path: string | null): string | undefined {
  let at: unknown = path === null ? undefined : traits;
  for (const name of path?.split('.') ?? [])
    at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return typeof at === 'string' && at !== '' ? at : undefined;
}

/** The same with this value at the path; undefined takes away what is there. */
export function withTrait(traits: unknown, path: string, value: string | undefined): Traits {
  const [name = '', ...rest] = path.split('.');
  const { [name]: there, ...others } = isObject(traits) ? traits : {};
  if (rest.length === 0) return value === undefined ? others : { ...others, [name]: value };
  if (value === undefined && !isObject(there))
    return { ...others, ...(there !== undefined && { [name]: there }) };
  return { ...others, [name]: withTrait(there, rest.join('.'), value) };
}

/** The whole document of somebody new. */
export function traitsOf(user: TargetUser, paths: TraitPaths, without: ReadonlySet<ProfileField>): Traits {
  return PROFILE_FIELDS.reduce<Traits>((traits, field) => {
    const [path, value] = [paths[field], fieldOf(user, field)];
    return path === null || !value?.trim() || without.has(field) ? traits : withTrait(traits, path, value);
  }, {});
}

/** The piece of the profile that stands at a JSON pointer into the identity. */
export const fieldAt = (paths: TraitPaths, pointer: string | undefined): ProfileField | undefined =>
  PROFILE_FIELDS.find(
    (field) => paths[field] !== null && pointer === `/traits/${paths[field].replaceAll('.', '/')}`,
  );

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
