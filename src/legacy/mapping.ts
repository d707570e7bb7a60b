/** A legacy record as the mapping describes it: a user, and what they prove themselves with. */
import type { Credentials, LegacyEntry, StoredPassword, User, UserState } from '../user.ts';
import { emailOf, localeOf, phoneNumberOf, pictureOf, zoneinfoOf } from './claims.ts';
import type { LegacyRow, Related } from './connector.ts';
import type { Scope } from './fields.ts';
import { firstOf, jsonFrom, rowsOf, storedOf, textFrom, textsFrom, unmappable } from './fields.ts';
import { linksOf } from './identity-provider-links.ts';
import type { Field, Mapping, PasswordMapping } from './mapping-settings.ts';
import { organizationsOf } from './organizations.ts';
import { passkeysOf } from './passkeys.ts';
import { isProved } from './proofs.ts';
import { recoveryCodesOf } from './recovery-codes.ts';
import { keyOf } from './subjects.ts';
import { totpOf } from './totp-secret.ts';
import { isBlank, momentOf } from './values.ts';

export interface LegacyRecord {
  readonly sub: string;
  readonly row: LegacyRow;
  readonly related: Related;
  readonly sparse: boolean;
  readonly nowMs: number;
}

/** More roles than this do not fit into a token. */
const MAX_ROLES = 200;
/** Several passwords per person exist (LDAP, upgrades under way); each costs a hash per wrong guess. */
const MAX_PASSWORDS = 5;

/** Throws mapping_failed: a column that is not there, a proof that does not answer, a second factor that cannot be read. */
export function mapRecord(mapping: Mapping, { sub, row, related, sparse, nowMs }: LegacyRecord): LegacyEntry {
  const scope: Scope = { row: row.columns, related, sparse, nowMs };
  const user = userOf(mapping, scope, { sub, legacyId: row.id });
  const dropped = droppedBy(mapping, scope, user);
  return {
    user,
    credentials: credentialsOf(mapping, scope),
    ...(dropped.length > 0 ? { dropped } : {}),
  };
}

/** Claims that the store has something for, but nothing well-formed. */
function droppedBy(mapping: Mapping, scope: Scope, user: User): string[] {
  const claims = [
    ['email', mapping.email, user.email],
    ['phone_number', mapping.phoneNumber, user.phoneNumber],
    ['locale', mapping.locale, user.locale],
    ['picture', mapping.picture, user.picture],
  ] as const;
  return claims
    .filter(
      ([, field, value]) =>
        value === undefined && field !== undefined && textFrom(field, scope) !== undefined,
    )
    .map(([claim]) => claim);
}

function userOf(mapping: Mapping, scope: Scope, identity: Pick<User, 'sub' | 'legacyId'>): User {
  const text = (field: Field | undefined) => textFrom(field, scope);
  const email = emailOf(text(mapping.email));
  const phoneNumber = phoneNumberOf(text(mapping.phoneNumber));
  const username = text(mapping.username) ?? email ?? identity.legacyId;
  return {
    ...identity,
    username,
    ...defined({ email, phoneNumber, nickname: text(mapping.nickname) }),
    emailVerified: email !== undefined && isProved(mapping.emailVerified, scope),
    phoneNumberVerified: phoneNumber !== undefined && isProved(mapping.phoneNumberVerified, scope),
    ...namesOf(mapping, scope, username),
    ...defined({
      locale: localeOf(text(mapping.locale)),
      zoneinfo: zoneinfoOf(text(mapping.zoneinfo)),
      picture: pictureOf(text(mapping.picture)),
      updatedAt: secondsOf(firstOf(mapping.updatedAt, scope)),
      lastLoginAt: secondsOf(firstOf(mapping.lastLogin, scope)),
    }),
    state: stateOf(mapping, scope),
    roles: namesIn(mapping.roles, scope),
    ...(mapping.groups.length > 0 ? { groups: namesIn(mapping.groups, scope) } : {}),
    ...(mapping.organizations
      ? { organizations: organizationsOf(mapping.organizations, scope, isKeyBeside(identity)) }
      : {}),
    attributes: jsonValues(mapping.attributes, scope),
    ...(Object.keys(mapping.metadata).length > 0 ? { metadata: jsonValues(mapping.metadata, scope) } : {}),
  };
}

/** Organizations have the prefix that their members have. */
const isKeyBeside =
  ({ sub, legacyId }: Pick<User, 'sub' | 'legacyId'>) =>
  (id: string) =>
    keyOf(sub.slice(0, sub.length - legacyId.length), id) !== undefined;

const namesIn = (fields: readonly Field[], scope: Scope) =>
  [...new Set(fields.flatMap((field) => textsFrom(field, scope)))].slice(0, MAX_ROLES);

const jsonValues = (fields: Readonly<Record<string, Field>>, scope: Scope) =>
  defined(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, jsonFrom(field, scope)])));

function namesOf(
  mapping: Mapping,
  scope: Scope,
  username: string,
): Pick<User, 'name' | 'givenName' | 'familyName'> {
  const [name, givenName, familyName] = [mapping.name, mapping.givenName, mapping.familyName].map((field) =>
    textFrom(field, scope),
  );
  const { placeholder } = mapping.names;
  const standIn = placeholder === 'none' ? undefined : placeholder === 'username' ? username : '-';
  return defined({
    // Before the placeholders: nobody is called “Bob -”.
    name: name ?? ([givenName, familyName].filter(Boolean).join(' ') || undefined),
    givenName: givenName ?? standIn,
    familyName: familyName ?? standIn,
  });
}

function stateOf(mapping: Mapping, scope: Scope): UserState {
  if (isProved(mapping.disabled, scope)) return 'disabled';
  return isProved(mapping.locked, scope) ? 'locked' : 'active';
}

function secondsOf(value: unknown): number | undefined {
  const moment = momentOf(value);
  return moment !== undefined && Number.isFinite(moment) ? Math.floor(moment / 1_000) : undefined;
}

function credentialsOf(mapping: Mapping, scope: Scope): Credentials {
  const passwords = mapping.password.flatMap((one) => passwordsOf(one, scope));
  if (passwords.length > MAX_PASSWORDS) throw unmappable(`password: more than ${MAX_PASSWORDS} for one user`);
  return { passwords, ...factorsOf(mapping, scope) };
}

function factorsOf(mapping: Mapping, scope: Scope): Omit<Credentials, 'passwords'> {
  const [totp, ...furtherTotp] = mapping.totp ? totpOf(mapping.totp, scope) : [];
  const passkeys = mapping.passkeys ? passkeysOf(mapping.passkeys, scope) : [];
  const recoveryCodes = mapping.recoveryCodes ? recoveryCodesOf(mapping.recoveryCodes, scope) : [];
  const identityProviderLinks = linksOf(mapping.identityProviderLinks, scope);
  return {
    ...(totp ? { totp } : {}),
    ...(furtherTotp.length > 0 ? { furtherTotp } : {}),
    ...(mapping.passkeys && passkeys.length > 0
      ? { passkeys, passkeyIsFactor: isProved(mapping.passkeys.secondFactor, scope) }
      : {}),
    ...(recoveryCodes.length > 0 ? { recoveryCodes } : {}),
    ...(identityProviderLinks.length > 0 ? { identityProviderLinks } : {}),
  };
}

function passwordsOf(mapping: PasswordMapping, record: Scope): StoredPassword[] {
  const { from, when, format, recipe, settings } = mapping;
  const scopes = from === undefined ? [record] : rowsOf(from, record).map((row) => ({ ...record, row }));
  return scopes.flatMap((scope) => {
    if (when !== undefined && !isProved(when, scope)) return [];
    const columns = Object.entries(mapping.columns).map(
      ([name, field]) => [name, storedOf(field, scope)] as const,
    );
    if (isBlank(columns[0]?.[1])) return [];
    const username = textFrom(mapping.username, record);
    return {
      format,
      ...(recipe === undefined ? {} : { recipe }),
      columns: Object.fromEntries(columns),
      ...(settings
        ? {
            settings: Object.fromEntries(
              Object.entries(settings).map(([name, value]) => [name, value.reveal()]),
            ),
          }
        : {}),
      ...(username === undefined ? {} : { username }),
    };
  });
}

/** Without the keys whose value is undefined. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
