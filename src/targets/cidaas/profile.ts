/** What of a profile is to be written, and writing it: `PUT /user-srv/users/{sub}`, which changes nothing that is not sent. */
import type { ProfileField, TargetUser } from '../connection.ts';
import type { Account } from './account.ts';
import { LOCAL } from './account.ts';
import type { Refused } from './checking.ts';
import { isAddress, MAX_NAME } from './checking.ts';
import type { CidaasSettings } from './cidaas-settings.ts';
import { fieldsOf } from './entity.ts';
import type { Importing } from './import.ts';
import { filled } from './users.ts';

/** System fields by cidaas' names; `null`: it is emptied. */
export type Changes = Readonly<Record<string, string | boolean | null>>;

const FIELD_OF: Readonly<Record<Exclude<ProfileField, 'displayName'>, readonly string[]>> = {
  username: ['username'],
  givenName: ['given_name'],
  familyName: ['family_name'],
  nickname: ['nickname'],
  locale: ['locale'],
  email: ['email', 'email_verified'],
  phone: ['mobile_number', 'mobile_number_verified'],
};

/** The fields that are on in the settings of the tenant. */
export const keptFields = ({ fields }: Pick<CidaasSettings, 'fields'>): ReadonlySet<ProfileField> =>
  new Set(
    (Object.entries(FIELD_OF) as [ProfileField, readonly string[]][]).flatMap(([field, [name]]) =>
      name === 'email' || fields.some((on) => on === name) ? [field] : [],
    ),
  );

/**
 * What of `fields` differs from `account`. A field that the person lacks is emptied; one that is off at the tenant is left
 * alone. What says whether something is verified goes with what it is said of.
 */
export function changesOf(
  account: Account,
  { user, fields }: { readonly user: TargetUser; readonly fields: readonly ProfileField[] },
  settings: CidaasSettings,
): Changes {
  const values = fieldsOf(user, settings);
  const isOn = (name: string) => name === 'email' || settings.fields.some((field) => field === name);
  const groups = fields.flatMap((field) => (field === 'displayName' ? [] : [FIELD_OF[field]]));
  return Object.fromEntries(
    groups.flatMap(([name = '', verified]) => {
      if (!isOn(name)) return [];
      const value = values[name] ?? null;
      // Nobody is left without the address that cidaas knows them by.
      if (value === null && name === 'email') return [];
      const proof = verified !== undefined && value !== null ? [[verified, values[verified] === true]] : [];
      const entries = [[name, value], ...proof] as [string, string | boolean | null][];
      return entries.every((entry) => isThere(account, entry)) ? [] : entries;
    }),
  );
}

function isThere({ fields }: Account, [name, value]: readonly [string, unknown]): boolean {
  const shown = fields[name];
  if (typeof value === 'boolean') return (shown === true) === value;
  return value === null ? shown === undefined || shown === null || shown === '' : shown === value;
}

/** Seen from here, before anything is sent. */
export function problemWithChanges(changes: Changes): Refused | undefined {
  const { email, ...others } = changes;
  if (typeof email === 'string' && !isAddress(email)) {
    return {
      kind: 'refused',
      code: 'invalid-email',
      sentence: 'The email address is not one that mail can be sent to.',
    };
  }
  const isLong = Object.values(others).some((value) => typeof value === 'string' && value.length > MAX_NAME);
  if (!isLong) return undefined;
  return {
    kind: 'refused',
    code: 'name-too-long',
    sentence: `A name is longer than ${MAX_NAME} characters.`,
  };
}

/** Throws CidaasError. */
export async function putProfile(
  { api, settings, signal }: Pick<Importing, 'api' | 'settings' | 'signal'>,
  account: Account,
  changes: Changes,
): Promise<void> {
  const local = account.identities.find(({ provider }) => provider === LOCAL);
  const identity = local?.identityId === undefined ? {} : { identityId: local.identityId };
  const body = { userData: { provider: LOCAL, ...identity, ...changes } };
  await api.call('PUT', filled(settings.paths.update, { sub: account.sub }), { body, signal });
}
