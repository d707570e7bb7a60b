/**
 * What we do at a target through its API, in words that fit every target. Whoever implements it turns these into the
 * target's own calls, and the target's own errors into these outcomes.
 */

import type { Secret } from '../settings.ts';
import type { Passkey, TotpSecret } from '../user.ts';

/** A person as they are to be at the target; made of the legacy entry by `migration/moving/target-user.ts`. */
export interface TargetUser {
  /** Our subject: the id under which the target knows this person at us, its external identity provider. */
  readonly sub: string;
  readonly legacyId: string;
  /** The id to ask for, the same at every try; targets that choose ids themselves ignore it. */
  readonly targetUserId: string;
  readonly username: string;
  /** What the link to us calls the person: it comes back as login hint, so we must know them by it. The username when absent. */
  readonly linkUserName?: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly nickname?: string;
  readonly displayName?: string;
  /** BCP 47. */
  readonly locale?: string;
  readonly email?: { readonly address: string; readonly isVerified: boolean };
  readonly phone?: { readonly number: string; readonly isVerified: boolean };
  /** Where at the target, if not in its default organization. */
  readonly organization?: string;
  readonly password?: { readonly encoded: string | object; readonly format: string };
  /**
   * Stands in the password's place at a creation: the hash of something nobody knows, so that the target asks for a
   * password at all, which is then proved here. As long as it stands there, the user has no password.
   */
  readonly placeholder?: NonNullable<TargetUser['password']>;
  /** The target asks us when this person types a password: for kinds that take a mark in a password's place. */
  readonly isTypedHere?: true;
  /** Base 32 (RFC 4648), no padding. */
  readonly totpSecret?: string;
  /** Of `totpSecret`; where absent what RFC 6238 suggests: SHA-1, six digits, thirty seconds. */
  readonly totpRules?: Pick<TotpSecret, 'algorithm' | 'digits' | 'periodSeconds'>;
  /** Only those whose kind says `passkeys`, with a user handle. */
  readonly passkeys?: readonly Passkey[];
  /** Of `passkeys`: whether one is asked for after the password, or only could replace it. */
  readonly passkeyIsFactor?: boolean;
  /** In clear, as their owner knows them; only for kinds that say `recoveryCodes`. */
  readonly recoveryCodes?: readonly string[];
  /** Accounts at further external identity providers, by the provider's id at the target; ours is not among them. */
  readonly identityProviderLinks: readonly TargetLink[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly grants: readonly TargetGrant[];
}

export interface TargetLink {
  /** The provider's id at the target. */
  readonly idpId: string;
  readonly userId: string;
  /** Never empty. */
  readonly userName: string;
}

export interface TargetGrant {
  readonly project: string;
  readonly projectGrant?: string;
  readonly roles: readonly string[];
}

/** What of a user a target has stored. */
export type Stored =
  | 'profile'
  | 'password'
  | 'totp'
  | 'passkeys'
  | 'recoveryCodes'
  | 'links'
  | 'metadata'
  | 'grants';

/** What a target could not store, and why; `code` is the target's own. */
export interface NotStored {
  readonly what: Stored;
  readonly code: string;
}

export type ImportOutcome =
  | {
      readonly kind: 'created';
      readonly targetUserId: string;
      readonly stored: readonly Stored[];
      readonly missing: readonly NotStored[];
    }
  /** This very person is there: under the id we ask for, or linked to our subject. */
  | { readonly kind: 'exists'; readonly found: FoundUser }
  /** Somebody has this username or email, and nothing proves that it is the same person. */
  | { readonly kind: 'conflict'; readonly code: string; readonly found?: FoundUser }
  /** The target will never take this user as they are. `code` is the target's own. */
  | { readonly kind: 'refused'; readonly code: string; readonly sentence: string }
  /** Another try may succeed: nobody knows whether this one did. */
  | {
      readonly kind: 'unavailable';
      readonly code: string;
      readonly retryAfterSeconds?: number;
      /** It is well, did nothing, and wants fewer calls (429). */
      readonly isThrottled?: true;
    };

/** A user as the target has them. */
export interface FoundUser {
  readonly targetUserId: string;
  readonly username: string;
  /** What the target takes as login hint. */
  readonly loginName: string;
  readonly organization?: string;
  readonly state: 'active' | 'inactive' | 'locked' | 'initial' | 'deleted';
  readonly email?: { readonly address: string; readonly isVerified: boolean };
  /** The next ones only where the target tells them with the user. */
  readonly phone?: { readonly number: string; readonly isVerified: boolean };
  readonly givenName?: string;
  readonly familyName?: string;
  readonly nickname?: string;
  readonly displayName?: string;
  readonly locale?: string;
  readonly grants?: readonly TargetGrant[];
  readonly hasPassword: boolean;
  readonly hasTotp: boolean;
  /** Where the target tells. */
  readonly hasPasskeys?: boolean;
  /** The id that we asked for, where the target has an id of its own and keeps ours beside it. */
  readonly externalId?: string;
  /** All external identity providers, ours included. */
  readonly links: readonly TargetLink[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** A session at the target. */
export interface TargetSession {
  readonly id: string;
  readonly targetUserId: string;
  /** Seconds since the epoch. */
  readonly startedAt: number;
  /** When they proved who they are, seconds since the epoch; absent: only their name was said in it so far. */
  readonly provedAt?: number;
  /** What the person sits at, in the target's words. */
  readonly device?: string;
}

export interface ImportOptions {
  /**
   * Through the target's interface for many at once, where it has one. `created` then rests on the target's word for it
   * and is not read back; `stored` names what of each user was in the message that it took.
   */
  readonly bulk?: boolean;
  readonly signal?: AbortSignal;
}

/** What of a profile can be compared and replaced. */
export const PROFILE_FIELDS = [
  'username',
  'givenName',
  'familyName',
  'nickname',
  'displayName',
  'locale',
  'email',
  'phone',
] as const;
export type ProfileField = (typeof PROFILE_FIELDS)[number];

/** A page of all users of a target. */
export interface UserPage {
  readonly users: readonly FoundUser[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: string;
}

/** One request as it would be sent, for people to read. The Authorization header is not in it; secrets are. */
export interface Preview {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Opens an account to whoever has it: never logged, never in an answer of ours. */
export interface ResetLink {
  readonly url: Secret;
  readonly expiresAt: Date;
}

/** Fields of a user who is there, to be as in `user`. */
export interface UserUpdate {
  readonly targetUserId: string;
  readonly user: TargetUser;
  readonly fields: readonly ProfileField[];
}

export type UpdateOutcome =
  | { readonly kind: 'updated' }
  | { readonly kind: 'gone' }
  /** The target will never take it as it is. */
  | { readonly kind: 'refused'; readonly code: string; readonly sentence: string }
  | Extract<ImportOutcome, { readonly kind: 'unavailable' }>;

/** Where grants are ours to give and to take. */
export type ManagedProject = Pick<TargetGrant, 'project' | 'projectGrant'>;

/**
 * All calls are bounded in time. Those that do not return outcomes throw target_unavailable (try again) and
 * target_refused (the target's answer in `detail`).
 */
export interface TargetConnection {
  /** One outcome per user, in order; never throws for a user's sake. Links every user to our subject. */
  importUsers(users: readonly TargetUser[], options?: ImportOptions): Promise<readonly ImportOutcome[]>;
  userById(targetUserId: string): Promise<FoundUser | undefined>;
  /** The user linked to this subject of ours. */
  userBySubject(sub: string): Promise<FoundUser | undefined>;
  /** By what a person types at the target. More than one is nobody. */
  userByLogin(login: string, organization?: string): Promise<FoundUser | undefined>;
  /** The id of the user as whom we call: what that one does there comes from us. */
  ownUserId?(): Promise<string | undefined>;
  /** The id of the user whose login is under way in this session of the target's own; only where it tells. */
  userIdBySession?(targetSessionId: string): Promise<string | undefined>;
  /** The id of the user whose grant this is or was; only where it tells. */
  userIdByGrant?(targetGrantId: string): Promise<string | undefined>;
  /** The person's sessions at the target that are live, newest first; only where it tells. */
  sessionsOf?(targetUserId: string): Promise<readonly TargetSession[]>;
  /** One session, if it is live. */
  sessionById?(targetSessionId: string): Promise<TargetSession | undefined>;
  /** Ends one; one that is over already is no failure. */
  endSession?(targetSessionId: string): Promise<void>;
  /** Ends all that a person has there. */
  endSessionsOf?(targetUserId: string): Promise<void>;
  /** Stores what `user` has and `found` lacks, our link included; a password there is never replaced. Saying it again changes nothing. */
  complete(
    found: FoundUser,
    user: TargetUser,
  ): Promise<{ readonly stored: readonly Stored[]; readonly missing: readonly NotStored[] }>;
  /** All users of the target, a page at a time, each once however long it takes; whoever comes meanwhile may be missed. */
  users?(options: { readonly after?: string; readonly limit: number }): Promise<UserPage>;
  /** Writes these fields of `user` over what `found` has there; a field that `user` lacks is taken away where the target can. */
  update?(found: FoundUser, user: TargetUser, fields: readonly ProfileField[]): Promise<void>;
  /** Which fields of a profile it keeps, and tells of; all of them when absent. */
  readonly keeps?: ReadonlySet<ProfileField>;
  /** These users, those who are there; only where one call reads many. */
  usersByIds?(targetUserIds: readonly string[]): Promise<ReadonlyMap<string, FoundUser>>;
  /**
   * Many at once where the target has a call for it (`capabilities.batch`): at most so many in each, one outcome per update in
   * order; never throws for one user's sake. The person's link, metadata and password stay as they are.
   */
  updateMany?(updates: readonly UserUpdate[]): Promise<readonly UpdateOutcome[]>;
  /** Makes these their grants in all of the projects that are named, and leaves those in others alone. */
  setGrants?(
    targetUserId: string,
    grants: readonly TargetGrant[],
    projects: readonly ManagedProject[],
  ): Promise<void>;
  /** Whether this is the user's password at the target. Counts there as a login; throws target_unavailable, target_refused. */
  checkPassword?(targetUserId: string, password: Secret): Promise<boolean>;
  /** What `importUsers(users, { bulk: true })` would send, without sending anything. */
  preview?(users: readonly TargetUser[]): Promise<readonly Preview[]>;
  /** The target mails them a way to choose a new password; throws target_refused where they have no address. */
  mailReset?(targetUserId: string): Promise<void>;
  /** A link to the target's page where they choose one, for us to mail. */
  resetLink?(targetUserId: string): Promise<ResetLink>;
  /** Replaces the password. */
  setPassword(targetUserId: string, password: NonNullable<TargetUser['password']>): Promise<void>;
  /** The next four answer nothing when it is so already, also for a user who is gone. */
  deactivate(targetUserId: string): Promise<void>;
  reactivate(targetUserId: string): Promise<void>;
  remove(targetUserId: string): Promise<void>;
  /** Takes away the link to our subject. */
  unlink(targetUserId: string, sub: string): Promise<void>;
  close(): Promise<void>;
}
