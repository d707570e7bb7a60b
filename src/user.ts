/**
 * The mapped person and what they prove themselves with: the words every room shares.
 * A `User` carries no secret and may be cached; `Credentials` never leave the request that read them.
 */

/** A legacy user in OpenID Connect's terms (OpenID Connect Core 1.0, section 5.1). */
export interface User {
  /** Stable, non-pairwise subject: `<store>:<legacy id>`, or the bare id where the operator says so. */
  readonly sub: string;
  /** The legacy store's own primary key, as text. */
  readonly legacyId: string;
  readonly username?: string;
  readonly email?: string;
  /** True only on the mapping's positive proof. */
  readonly emailVerified: boolean;
  readonly phoneNumber?: string;
  readonly phoneNumberVerified: boolean;
  readonly name?: string;
  readonly givenName?: string;
  readonly familyName?: string;
  readonly nickname?: string;
  /** A valid BCP 47 tag, or absent. */
  readonly locale?: string;
  readonly zoneinfo?: string;
  readonly picture?: string;
  /** Seconds since the epoch. */
  readonly updatedAt?: number;
  /** Seconds since the epoch, as the legacy store has it. */
  readonly lastLoginAt?: number;
  readonly state: UserState;
  readonly roles: readonly string[];
  /** Groups, where the store tells them from roles. */
  readonly groups?: readonly string[];
  /** The organizations they belong to, where the mapping says so. */
  readonly organizations?: readonly LegacyOrganization[];
  /** Extra claims named by the mapping; JSON values. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** What goes along to the target without ever being a claim; JSON values. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** An organization as one of its members sees it in the legacy store. */
export interface LegacyOrganization {
  /** The store's own primary key, as text. */
  readonly id: string;
  readonly name: string;
  /** Two letters (ISO 3166-1 alpha-2), upper case. */
  readonly countryCode?: string;
  /** What kind of organization it is, in the target's words: the mapping translates them. */
  readonly kinds: readonly string[];
  /** What this person is in it. */
  readonly roles: readonly string[];
  /** True only on the mapping's positive proof. */
  readonly isOwner: boolean;
}

export type UserState = 'active' | 'disabled' | 'locked';

/** One stored password: which format it is written in and the raw columns that hold it. */
export interface StoredPassword {
  /** A format's name, or `auto` where the mark is unmistakable; `recipe` where there is one. */
  readonly format: string;
  /** How a home-made hash comes about, in the language of docs/recipes.md; goes before the format. */
  readonly recipe?: string;
  readonly columns: Readonly<Record<string, unknown>>;
  /** Site-wide values such as a pepper. Never logged. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Present when the hash depends on the user name. */
  readonly username?: string;
}

/** A time-based one-time password seed (RFC 6238). */
export interface TotpSecret {
  readonly secret: Uint8Array;
  readonly digits: 6 | 8;
  readonly periodSeconds: number;
  readonly algorithm: 'SHA1' | 'SHA256' | 'SHA512';
}

/** A public-key credential (Web Authentication Level 3, section 4). Nothing in it is secret, but it names a person. */
export interface Passkey {
  /** base64url, no padding. */
  readonly credentialId: string;
  /** A COSE_Key (RFC 9052 section 7), whatever the store writes it as. */
  readonly publicKey: Uint8Array;
  /** As the store last saw it; 0 where the authenticator does not count. */
  readonly signCount: number;
  readonly transports: readonly string[];
  /** The domain it was made for, where the store or the mapping says so. */
  readonly rpId?: string;
  /** base64url, no padding. */
  readonly userHandle?: string;
}

/** Opens the second factor once: as the store shows it to its owner, or hashed. */
export type RecoveryCode = { readonly code: string } | { readonly hash: StoredPassword };

/** An account elsewhere that this person logs in with. */
export interface IdentityProviderLink {
  readonly provider: string;
  /** The person's id there. */
  readonly userId: string;
  readonly username?: string;
}

export interface Credentials {
  /** Any of them opens the door (an LDAP entry may hold several). Empty: no password can match. */
  readonly passwords: readonly StoredPassword[];
  readonly totp?: TotpSecret;
  /** Seeds of further devices; any of them gives a right code. */
  readonly furtherTotp?: readonly TotpSecret[];
  readonly passkeys?: readonly Passkey[];
  /** True where a passkey is asked for after the password, false where it only could replace one. */
  readonly passkeyIsFactor?: boolean;
  readonly recoveryCodes?: readonly RecoveryCode[];
  readonly identityProviderLinks?: readonly IdentityProviderLink[];
  /** The store's own verdict, where it is to be asked. */
  readonly storeCheck?: StoreCheck;
}

/** A password that the store checks itself: an LDAP bind, a call. */
export interface StoreCheck {
  /** True: no hash is looked at; false: only what no hash opens is asked for. */
  readonly only: boolean;
  /** False: it is wrong. Throws legacy_unavailable. */
  verify(password: string): Promise<boolean>;
}

/** One person as the legacy store holds them now. */
export interface LegacyEntry {
  readonly user: User;
  readonly credentials: Credentials;
  /** Claims that the store has a value for, but none that could be passed on. */
  readonly dropped?: readonly string[];
}
