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
  readonly state: UserState;
  readonly roles: readonly string[];
  /** Extra claims named by the mapping; JSON values. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

export type UserState = 'active' | 'disabled' | 'locked';

/** One stored password: which format it is written in and the raw columns that hold it. */
export interface StoredPassword {
  /** A format's name, or `auto` where the mark is unmistakable. */
  readonly format: string;
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

export interface Credentials {
  /** Any of them opens the door (an LDAP entry may hold several). Empty: no password can match. */
  readonly passwords: readonly StoredPassword[];
  readonly totp?: TotpSecret;
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
}
