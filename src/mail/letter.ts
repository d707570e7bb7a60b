/**
 * What is written to people, as plain data. What people, here or at a target, have given themselves (`name`, `there`,
 * `organization`) is said only where it is nothing that mail programs would turn into a link.
 */
import type { Secret } from '../settings.ts';
import type { MailLocale } from './locale.ts';

/** Leads to a page where they choose one: whoever has the link has the account. */
export interface ChoosePassword {
  readonly letter: 'choose-password';
  readonly link: Secret;
  readonly expiresAt?: Date;
}

/** The target mails them itself, and they are told to expect it. */
export interface PasswordResetAnnounced {
  readonly letter: 'password-reset-announced';
}

export interface RegisterPasskey {
  readonly letter: 'register-passkey';
  /** Where they log in at the target. */
  readonly link: Secret;
}

/** A link by which they link their account, or one of their organizations, themselves (`migration/claim-tokens`). */
export interface ClaimAccount {
  readonly letter: 'claim-account';
  /** Whoever has it may link this account. */
  readonly link: Secret;
  readonly expiresAt: Date;
  /** What an organization's link is for. */
  readonly organization?: string;
}

/** The old login ends: they are asked again. */
export interface ClaimReminder {
  readonly letter: 'claim-reminder';
  readonly link: Secret;
  readonly expiresAt: Date;
  /** The last day of the old login (UTC). */
  readonly until: Date;
}

/** They typed their password, and the old login is over. */
export interface ClaimEnforced {
  readonly letter: 'claim-enforced';
  readonly link: Secret;
  readonly expiresAt: Date;
}

/** Their account, or organization, was linked just now; or somebody has tried although it was already. No link in it. */
export interface AccountLinked {
  readonly letter: 'account-linked' | 'link-tried';
  /** What it is at the target: a name or address, masked. */
  readonly there?: string;
  /** Of an organization's, its name here. */
  readonly organization?: string;
  readonly at: Date;
}

export type Letter =
  | ChoosePassword
  | PasswordResetAnnounced
  | RegisterPasskey
  | ClaimAccount
  | ClaimReminder
  | ClaimEnforced
  | AccountLinked;

export interface Circumstance {
  readonly locale: MailLocale;
  /** As `nameOf` has let it through. */
  readonly name?: string | undefined;
  /** What people know the target by. */
  readonly target: string;
  /** Who signs. */
  readonly sender: string;
  /** An IANA name, for times; UTC when absent or unknown. */
  readonly timeZone?: string | undefined;
  /** Whom they can ask, as a mail or web address; the settings' when absent. */
  readonly contact?: string | undefined;
}

export interface Written {
  readonly locale: MailLocale;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** In a link's place where a letter is only shown. */
export const LINK_PLACEHOLDER = '[link]';
