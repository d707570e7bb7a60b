/**
 * Signing in at a target with us as its client: the authorization code flow (RFC 6749 section 4.1) with PKCE (RFC 7636),
 * for people who prove there who they are. Nothing is kept here: what has to be remembered between the two halves goes
 * into the browser's sealed cookie.
 */
import type { TargetMember } from './organizations.ts';

/** What is known of somebody who may have to sign up there, to spare them the typing. */
export interface SignUpHints {
  readonly email?: string;
  readonly givenName?: string;
  readonly familyName?: string;
  readonly organization?: {
    readonly name: string;
    readonly countryCode?: string;
    readonly kinds: readonly string[];
  };
}

export interface SignInRequest {
  readonly purpose: 'person' | 'organization';
  /** Where the target sends the browser: always the same, without a query. */
  readonly redirectUri: string;
  readonly hints: SignUpHints;
  /** They are to be asked, although they are signed in there: it was the wrong account. */
  readonly isOtherAccount?: boolean;
  /** BCP 47. */
  readonly locale?: string;
}

/** Between the two halves; JSON, never outside our sealed cookie. */
export interface SignInChecks {
  /** 256 random bits; nothing of ours can be read from it. */
  readonly state: string;
  /** RFC 7636. */
  readonly verifier: string;
  /** OpenID Connect only. */
  readonly nonce?: string;
  readonly purpose: SignInRequest['purpose'];
  readonly redirectUri: string;
}

/** Who somebody has proved to be at the target. */
export interface SignedIn {
  /** The id by which the ledger knows users of this target. */
  readonly targetUserId: string;
  readonly name?: string;
  readonly givenName?: string;
  readonly familyName?: string;
  readonly username?: string;
  readonly email?: string;
  /** Advisory: the target's word. */
  readonly emailVerified: boolean;
  /** RFC 8176 values, where the target says so. */
  readonly amr: readonly string[];
  /** Seconds since the epoch, where the target says so. */
  readonly authTime?: number;
}

/** An organization that somebody has shown to be theirs to link. */
export interface SignedInOrganization {
  readonly targetOrganizationId: string;
  readonly name: string;
  /** Who was there, where the target says so. */
  readonly by?: string;
  /** All who are in it there, with their roles: which of these decide for it is ours to say. */
  readonly members: readonly TargetMember[];
}

/** Why nobody came back. Thrown, with a code that may be logged and counted. */
export class SignInFailed extends Error {
  override name = 'SignInFailed';
  /**
   * `cancelled`: the person, or their administrator, said no. `refused`: the target did, or what it sent is not good.
   * `unavailable`: it does not answer; the same again may succeed, from the beginning.
   */
  readonly kind: 'cancelled' | 'refused' | 'unavailable';
  /** The target's or our own; never what was typed, and never a code or token. */
  readonly code: string;

  constructor(kind: SignInFailed['kind'], code: string, options?: ErrorOptions) {
    super(`signing in at the target: ${kind} (${code})`, options);
    this.kind = kind;
    this.code = code;
  }
}

export interface TargetSignIn {
  /** Where to send the browser. Throws SignInFailed. */
  begin(request: SignInRequest): Promise<{ readonly url: string; readonly checks: SignInChecks }>;
  /**
   * `query`: what the browser brought back. The caller has compared `state` already; it is checked again. `iss` (RFC 9207) is
   * checked where it is there, and wanted where the target announces it. Throws SignInFailed.
   */
  finish(query: URLSearchParams, checks: SignInChecks): Promise<SignedIn>;
  /** Where there are organizations: for checks whose purpose is one. Throws SignInFailed. */
  finishOrganization?(query: URLSearchParams, checks: SignInChecks): Promise<SignedInOrganization>;
  close(): Promise<void>;
}
