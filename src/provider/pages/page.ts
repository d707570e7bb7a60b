/**
 * What a page shows, as plain data. Links and form targets may be paths (`/…`) or http(s) URLs; any other scheme
 * is drawn as `#`. All other text is escaped where it is drawn.
 */

import type {
  ClaimConfirmPage,
  ClaimDonePage,
  ClaimNeededPage,
  ClaimPage,
  ClaimProblemPage,
  ClaimSentPage,
  SignInUnknownPage,
} from './claim-page.ts';

export type * from './claim-page.ts';

/** Why a login did not go through. `wrong` is the one answer to an unknown user and to a wrong password. */
export type LoginProblem =
  | 'wrong'
  | 'throttled'
  | 'locked'
  | 'legacy_down'
  | 'overloaded'
  | 'cookies'
  | 'expired'
  | 'factor_unusable';

export type ErrorKind =
  | 'expired'
  | 'no_cookies'
  | 'legacy_down'
  | 'storage_down'
  | 'overloaded'
  | 'throttled'
  | 'locked'
  | 'client'
  | 'not_found'
  | 'internal';

/** Posts `username`, `password`, `form_token`, and `remember=yes` if the box is there and ticked. */
export interface LoginPage {
  readonly page: 'login';
  readonly action: string;
  readonly formToken: string;
  /** Shown in its field: the login hint, or what the person typed before. */
  readonly username?: string;
  /** Asks whether to stay signed in on this device; `chosen`: ticked already. */
  readonly remember?: 'offered' | 'chosen';
  readonly problem?: LoginProblem;
  readonly retryAfterSeconds?: number;
  readonly clientName?: string;
  readonly cancelHref?: string;
  /** Buttons that lead elsewhere: "Sign in with {name}". */
  readonly signInWith?: readonly { readonly name: string; readonly href: string }[];
}

/** Posts `username`, `form_token`: the password, if any is needed, is asked for on the login page. */
export interface UsernamePage {
  readonly page: 'username';
  readonly action: string;
  readonly formToken: string;
  readonly clientName?: string;
  readonly cancelHref?: string;
}

/** By what a right password can be followed. */
export type Way = 'passkey' | 'totp' | 'recovery';

/** Pages of the second step all post `step`, `form_token`, `factor`, or `other` with another way. */
interface SecondStepPage {
  readonly action: string;
  readonly formToken: string;
  /** Sealed by the caller: says which login this belongs to. */
  readonly step: string;
  /** What else the person may do instead. */
  readonly ways?: readonly Way[];
  readonly problem?: 'wrong' | 'throttled';
  readonly retryAfterSeconds?: number;
  readonly cancelHref?: string;
}

/** Posts `code` (digits, maybe with spaces). */
export interface CodePage extends SecondStepPage {
  readonly page: 'code';
}

/** Posts `code`, a recovery code as the person kept it. */
export interface RecoveryPage extends SecondStepPage {
  readonly page: 'recovery';
}

/**
 * Posts `credential_id`, `client_data`, `authenticator_data`, `signature`, `user_handle`, all base64url. The one page
 * with a script, from our own origin: `script-src 'self'`. Without script it says so and offers the other ways.
 */
export interface PasskeyPage extends SecondStepPage {
  readonly page: 'passkey';
  /** JSON for `navigator.credentials.get`, bytes as base64url. */
  readonly options: string;
}

export type FactorPage = CodePage | RecoveryPage | PasskeyPage;

/** Posts `choice` (`continue` or `other`), `form_token`. */
export interface ChooseAccountPage {
  readonly page: 'choose-account';
  readonly action: string;
  readonly formToken: string;
  readonly name: string;
  readonly clientName?: string;
}

/** Somebody comes from a legacy app. Posts `form_token`. */
export interface EnterPage {
  readonly page: 'enter';
  readonly action: string;
  readonly formToken: string;
  readonly name: string;
  readonly clientName?: string;
}

/** They are signed in, and nobody knows where to send them. */
export interface SignedInPage {
  readonly page: 'signed-in';
  readonly name: string;
  readonly clientName?: string;
}

/** Posts `xsrf`, and `logout=yes` only with the button that signs out (OpenID Connect RP-Initiated Logout 1.0, section 2). */
export interface ConfirmLogoutPage {
  readonly page: 'confirm-logout';
  readonly action: string;
  readonly xsrf: string;
  readonly clientName?: string;
}

/** How far it is with somebody who has to be told of a logout. `later`: it did not work, and is tried again. */
export type ToldState = 'done' | 'under-way' | 'later' | 'failed';

export interface LoggedOutPage {
  readonly page: 'logged-out';
  /** Other applications whose sessions end with this logout; empty or absent: none. */
  readonly told?: readonly { readonly name: string; readonly state: ToldState }[];
}

/** The person already lives in the target: a button leads there. */
export interface MovedPage {
  readonly page: 'moved';
  readonly targetName: string;
  readonly href: string;
}

export interface ErrorPage {
  readonly page: 'error';
  readonly kind: ErrorKind;
  /** Short, and the same as in the log, so that support finds the line. */
  readonly reference?: string;
  readonly retryAfterSeconds?: number;
  readonly backHref?: string;
  /** Protocol text that is safe to show, in English. */
  readonly detail?: string;
}

/** Carries `fields` on to `action` by one press of a button, because pages run no script. */
export interface FormPostPage {
  readonly page: 'form-post';
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

export type Page =
  | LoginPage
  | UsernamePage
  | CodePage
  | RecoveryPage
  | PasskeyPage
  | ChooseAccountPage
  | EnterPage
  | SignedInPage
  | ConfirmLogoutPage
  | LoggedOutPage
  | MovedPage
  | ClaimPage
  | ClaimConfirmPage
  | ClaimDonePage
  | ClaimProblemPage
  | ClaimSentPage
  | ClaimNeededPage
  | SignInUnknownPage
  | ErrorPage
  | FormPostPage;

export interface View {
  readonly locale: Locale;
  /** Pages hold neither inline script nor inline style, so a Content-Security-Policy needs no nonce for them. */
  readonly nonce?: never;
}

export const LOCALES = ['en', 'de', 'fr'] as const;
export type Locale = (typeof LOCALES)[number];
