/** A person in Kratos' words (`identity` of its admin API), and what we read of it. */
import type { FoundUser, TargetLink } from '../connection.ts';
import type { KratosSettings } from './kratos-settings.ts';
import { isObject, traitAt } from './traits.ts';

/** `verifiableIdentityAddress`; what Kratos adds to it goes back as it came. */
export interface VerifiableAddress {
  readonly value: string;
  readonly verified: boolean;
  readonly via: 'email' | 'sms';
  readonly status: string;
}

export interface Credential {
  /** What finds it: login names, `provider:subject`, the user handle. */
  readonly identifiers?: readonly string[];
  /** Only told of the kinds that were asked for. */
  readonly config?: unknown;
}

export type CredentialKind = 'password' | 'oidc' | 'totp' | 'passkey' | 'webauthn' | 'lookup_secret' | 'code';

export interface Identity {
  readonly id: string;
  readonly external_id?: string;
  readonly schema_id: string;
  readonly state?: string;
  readonly traits?: unknown;
  readonly metadata_public?: unknown;
  readonly metadata_admin?: unknown;
  readonly organization_id?: string | null;
  readonly verifiable_addresses?: readonly VerifiableAddress[];
  readonly credentials?: Readonly<Partial<Record<CredentialKind, Credential>>>;
}

/** Whether there is a hash. Kratos keeps a password credential without one for everybody who has a login name. */
export const hasPassword = ({ credentials }: Identity): boolean => {
  const config = credentials?.password?.config;
  return isObject(config) && typeof config.hashed_password === 'string' && config.hashed_password !== '';
};

/** Whether Kratos asks us about the password that is typed. */
export const isMarked = ({ credentials }: Identity): boolean => {
  const config = credentials?.password?.config;
  return isObject(config) && config.use_password_migration_hook === true;
};

/** Whether there are keys for a second factor. Kratos keeps such a credential without one, too. */
export const hasKeys = ({ credentials }: Identity): boolean => {
  const config = credentials?.webauthn?.config;
  return isObject(config) && Array.isArray(config.credentials) && config.credentials.length > 0;
};

/** `provider:subject`, cut at the first colon as Kratos does. It knows no other name of an account. */
export function linksOf({ credentials }: Identity): TargetLink[] {
  return (credentials?.oidc?.identifiers ?? []).flatMap((identifier) => {
    const colon = identifier.indexOf(':');
    const userId = identifier.slice(colon + 1);
    return colon < 1 || userId === ''
      ? []
      : [{ idpId: identifier.slice(0, colon), userId, userName: userId }];
  });
}

export const linkIdentifier = ({ idpId, userId }: Pick<TargetLink, 'idpId' | 'userId'>) =>
  `${idpId}:${userId}`;

export const metadataOf = (identity: Identity, { metadata }: KratosSettings): Record<string, unknown> => {
  const there = identity[metadata];
  return isObject(there) ? there : {};
};

/** `identity` was asked for with its password. */
export function foundUserOf(identity: Identity, settings: KratosSettings): FoundUser {
  const { id, external_id: externalId, traits, credentials = {}, state } = identity;
  const { organization_id: organization } = identity;
  const trait = (field: keyof KratosSettings['traits']) => traitAt(traits, settings.traits[field]);
  const logins = [credentials.password, credentials.code].flatMap((one) => one?.identifiers ?? []);
  const [email, phone, displayName] = [trait('email'), trait('phone'), trait('displayName')];
  const [givenName, familyName, nickname, locale] = [
    trait('givenName'),
    trait('familyName'),
    trait('nickname'),
    trait('locale'),
  ];
  const username = trait('username') ?? email ?? logins[0] ?? id;
  const isLogin = (text: string | undefined) =>
    text !== undefined && logins.includes(text.trim().toLowerCase());
  return {
    targetUserId: id,
    username,
    loginName: [trait('username'), email].find(isLogin) ?? logins[0] ?? username,
    ...(organization && { organization }),
    state: state === 'inactive' ? 'inactive' : 'active',
    ...(email && { email: { address: email, isVerified: isVerified(identity, 'email', email) } }),
    ...(phone && { phone: { number: phone, isVerified: isVerified(identity, 'sms', phone) } }),
    ...(givenName && { givenName }),
    ...(familyName && { familyName }),
    ...(nickname && { nickname }),
    ...(displayName && { displayName }),
    ...(locale && { locale }),
    hasPassword: hasPassword(identity),
    hasTotp: credentials.totp !== undefined,
    hasPasskeys: credentials.passkey !== undefined || hasKeys(identity),
    ...(externalId && { externalId }),
    links: linksOf(identity),
    metadata: Object.fromEntries(
      Object.entries(metadataOf(identity, settings)).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    ),
  };
}

/** Kratos keeps addresses in small letters. */
export const isAddress =
  (via: VerifiableAddress['via'], value: string) =>
  (one: VerifiableAddress): boolean =>
    one.via === via && one.value === value.trim().toLowerCase();

const isVerified = (
  { verifiable_addresses = [] }: Identity,
  via: VerifiableAddress['via'],
  value: string,
): boolean => verifiable_addresses.some((one) => one.verified && isAddress(via, value)(one));
