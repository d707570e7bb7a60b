/** A person in Keycloak's words (`UserRepresentation` of its Admin REST API). */
import type { FoundUser, NotStored, Stored, TargetGrant, TargetLink, TargetUser } from '../connection.ts';

export interface CredentialRepresentation {
  readonly type: string;
  /** JSON, of which the first is shown again and the second never is. */
  readonly credentialData?: string;
  readonly secretData?: string;
}

export interface FederatedIdentity {
  /** The provider's alias. */
  readonly identityProvider: string;
  readonly userId: string;
  readonly userName: string;
}

export interface UserRepresentation {
  readonly id?: string;
  readonly username?: string;
  readonly enabled?: boolean;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly email?: string;
  readonly emailVerified?: boolean;
  /** Whether there is a credential for one-time codes; only told. */
  readonly totp?: boolean;
  readonly attributes?: Readonly<Record<string, readonly string[]>>;
  readonly credentials?: readonly CredentialRepresentation[];
  readonly federatedIdentities?: readonly FederatedIdentity[];
  /** What they have to do at their next login, as `UPDATE_PASSWORD`. */
  readonly requiredActions?: readonly string[];
  /** The directory that they come from, which has their password then. */
  readonly federationLink?: string;
  /** Only `partialImport` reads it. */
  readonly realmRoles?: readonly string[];
}

/** A new user. `alias` is that of our identity provider. */
export function representationOf(user: TargetUser, alias: string): UserRepresentation {
  return {
    username: user.username,
    enabled: true,
    firstName: user.givenName,
    lastName: user.familyName,
    ...(user.email && { email: user.email.address, emailVerified: user.email.isVerified }),
    attributes: attributesOf(user),
    credentials: [
      ...(user.password ? [passwordCredential(user.password)] : []),
      ...(user.totpSecret ? [totpCredential(user.totpSecret)] : []),
    ],
    federatedIdentities: linksOf(user, alias).map(federatedIdentity),
  };
}

/** Keycloak's own client scopes read these attributes: `profile` the first two, `phone` the others. */
export function attributesOf({ metadata, locale, nickname, phone }: TargetUser) {
  const all = {
    ...(locale && { locale }),
    ...(nickname && { nickname }),
    ...(phone && { phoneNumber: phone.number, phoneNumberVerified: String(phone.isVerified) }),
    ...metadata,
  };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, [value]]));
}

/** All the links that the user is to have, ours first. */
export const linksOf = (user: TargetUser, alias: string): readonly TargetLink[] => [
  { idpId: alias, userId: user.sub, userName: user.linkUserName ?? user.username },
  ...user.identityProviderLinks,
];

export const federatedIdentity = ({ idpId, userId, userName }: TargetLink): FederatedIdentity => ({
  identityProvider: idpId,
  userId,
  userName,
});

/** `argon2-keycloak` and `pbkdf2-keycloak` are written as the document that is imported. */
export const passwordCredential = (password: NonNullable<TargetUser['password']>) =>
  password.encoded as CredentialRepresentation;

/** RFC 6238 with SHA-1, six digits, 30 seconds: each credential carries its own rules, whatever the realm's policy is. */
export const totpCredential = (secret: string): CredentialRepresentation => ({
  type: 'otp',
  credentialData: JSON.stringify({
    subType: 'totp',
    digits: 6,
    counter: 0,
    period: 30,
    algorithm: 'HmacSHA1',
    secretEncoding: 'BASE32',
  }),
  secretData: JSON.stringify({ value: secret }),
});

/** What a user has there. */
export interface Kept {
  readonly user: UserRepresentation;
  readonly credentials: readonly CredentialRepresentation[];
  /** Only where they were asked for. */
  readonly grants?: readonly TargetGrant[];
}

export const hasPassword = ({ credentials }: Kept) => credentials.some(({ type }) => type === 'password');

export function foundUserOf({ user, credentials, grants }: Kept): FoundUser {
  const { id = '', username = '', email, emailVerified = false, firstName, lastName } = user;
  const metadata: Readonly<Record<string, string>> = Object.fromEntries(
    Object.entries(user.attributes ?? {}).map(([name, [value = '']]) => [name, value]),
  );
  const { nickname, locale, phoneNumber, phoneNumberVerified } = metadata;
  return {
    targetUserId: id,
    username,
    loginName: username,
    state: user.enabled === false ? 'inactive' : 'active',
    ...(email !== undefined && { email: { address: email, isVerified: emailVerified } }),
    ...(phoneNumber && { phone: { number: phoneNumber, isVerified: phoneNumberVerified === 'true' } }),
    ...(firstName && { givenName: firstName }),
    ...(lastName && { familyName: lastName }),
    ...(nickname && { nickname }),
    ...(locale && { locale }),
    ...(grants && { grants }),
    hasPassword: hasPassword({ user, credentials }),
    hasTotp: user.totp === true,
    links: (user.federatedIdentities ?? []).map(({ identityProvider, userId, userName }) => ({
      idpId: identityProvider,
      userId,
      userName,
    })),
    metadata,
  };
}

/**
 * What of `user` is there and what is not. Keycloak says nothing when it drops something: an attribute that the realm's
 * user profile does not know, a link to an identity provider that it does not have.
 */
export function compare(user: TargetUser, kept: Kept, alias: string): Comparison {
  const there = foundUserOf(kept);
  const lost = (what: Stored, isLost: boolean, code: string) => (isLost ? [{ what, code }] : []);
  const missing = [
    ...lost('password', user.password !== undefined && !there.hasPassword, 'not-kept'),
    ...lost('totp', user.totpSecret !== undefined && !there.hasTotp, 'not-kept'),
    ...lost(
      'links',
      linksOf(user, alias).some((link) => !isThere(link, there.links)),
      'link-not-kept',
    ),
    ...lost(
      'metadata',
      Object.keys(user.metadata).some((key) => !(key in there.metadata)),
      'attribute-not-kept',
    ),
  ];
  const wanted: Stored[] = [
    'profile',
    ...(user.password ? (['password'] as const) : []),
    ...(user.totpSecret ? (['totp'] as const) : []),
    'links',
    ...(Object.keys(user.metadata).length > 0 ? (['metadata'] as const) : []),
  ];
  return { stored: wanted.filter((what) => !missing.some((lack) => lack.what === what)), missing };
}

export interface Comparison {
  readonly stored: readonly Stored[];
  readonly missing: readonly NotStored[];
}

export const isThere = ({ idpId, userId }: TargetLink, links: readonly TargetLink[]) =>
  links.some((link) => link.idpId === idpId && link.userId === userId);
