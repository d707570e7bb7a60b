/** The pages on which people link their own accounts, as plain data; what holds for all pages is said in `page.ts`. */

/** Who somebody is on one side, as the page shows it: of what is not proved yet, masked by the caller. */
export interface Identity {
  /** The system's name for people. */
  readonly system: string;
  readonly name?: string;
  readonly username?: string;
  readonly email?: string;
}

/** Posts `choice` (`continue` or `not-me`), `form_token`: the first page behind a claim token. */
export interface ClaimPage {
  readonly page: 'claim';
  readonly action: string;
  readonly formToken: string;
  readonly targetName: string;
  /** Whose link it is; its system alone while nobody knows yet. */
  readonly here: Identity;
  /** Who they have proved to be at the target already: they do not have to go there. */
  readonly there?: Identity;
  /** An organization's link: its name. */
  readonly organization?: string;
  /** `continue` leads to our own login page first. */
  readonly needsLogin: boolean;
}

/** Posts `choice` (`link`, `other` or `cancel`), `form_token`. Both sides are proved; nothing is linked yet. */
export interface ClaimConfirmPage {
  readonly page: 'claim-confirm';
  readonly action: string;
  readonly formToken: string;
  readonly targetName: string;
  readonly here: Identity;
  readonly there: Identity;
  /** An organization's link: what it is called on both sides. */
  readonly organization?: { readonly here: string; readonly there: string };
  /** The addresses differ, which is allowed and worth a look. */
  readonly isEmailDifferent: boolean;
}

/** Posts `organization` (an id of the list) and `form_token`, where there are any that are `open`. */
export interface ClaimDonePage {
  readonly page: 'claim-done';
  readonly action: string;
  readonly formToken: string;
  readonly targetName: string;
  /** Absent: the person was linked just now, or before. */
  readonly organization?: string;
  readonly here: Identity;
  readonly there: Identity;
  /** The person owns these. */
  readonly organizations: readonly {
    readonly id: string;
    readonly name: string;
    readonly state: 'open' | 'linked';
  }[];
  /** Where they go on. */
  readonly continue?: { readonly href: string; readonly name: string };
}

/** Why a link is not made. Each has a way on. */
export type ClaimProblem =
  /** There is no such link. */
  | 'unknown'
  | 'expired'
  | 'used'
  | 'revoked'
  /** A link for an organization where one for a person belongs, or the other way round. */
  | 'purpose'
  /** The person is linked already, to the same account there: nothing to do. */
  | 'linked'
  /** The person is linked already, to another account there. */
  | 'linked_elsewhere'
  /** The account there is linked to another person. */
  | 'conflict'
  /** Another account there has begun with this link. */
  | 'held'
  /** Somebody else is logged in here than the link is for. */
  | 'wrong_account'
  /** The person went to the target and said no. */
  | 'cancelled'
  /** The target did not let them in, or what it said is not good. */
  | 'refused'
  | 'target_down'
  /** The browser that came back is not the one that went, or took too long. */
  | 'lost'
  /** "That is not me." */
  | 'not_me'
  /** The person is gone or disabled here, or may not be linked. */
  | 'gone'
  | 'owner_needed'
  | 'person_first'
  /** At the target somebody else decides for this organization. */
  | 'not_decider'
  | 'organization_linked';

/** What the person can do next; each posts `choice` with its name and `form_token`, or is a link where `href` says so. */
export type ClaimWay = 'retry' | 'other-account' | 'new-link' | 'log-out' | 'sign-in' | 'continue';

export interface ClaimProblemPage {
  readonly page: 'claim-problem';
  readonly problem: ClaimProblem;
  readonly targetName?: string;
  readonly action: string;
  /** Absent: there is nothing to post. */
  readonly formToken?: string;
  readonly ways: readonly { readonly way: ClaimWay; readonly href?: string }[];
  /** A mail or web address. */
  readonly contact?: string;
}

/** "We have sent you a new link", whether or not there is anybody to send one to. */
export interface ClaimSentPage {
  readonly page: 'claim-sent';
  readonly targetName: string;
}

/** The password was right, and the old login ends. Posts `choice` (`link`, or `later` where it is `soon`), `step`, `form_token`. */
export interface ClaimNeededPage {
  readonly page: 'claim-needed';
  readonly kind: 'soon' | 'refused';
  readonly action: string;
  readonly formToken: string;
  /** Sealed by the caller. */
  readonly step: string;
  readonly targetName: string;
  /** The last day of the old login; ISO 8601 date. */
  readonly until?: string;
  /** Masked address to which the link was mailed. */
  readonly mailedTo?: string;
}

/** Somebody signed in at the target, and no account here is linked. Posts `choice=link`, `form_token` where `kind` is `claim`. */
export interface SignInUnknownPage {
  readonly page: 'sign-in-unknown';
  readonly kind: 'claim' | 'tell';
  readonly action: string;
  readonly formToken: string;
  readonly there: Identity;
  readonly contact?: string;
  /** Back to the login page. */
  readonly backHref: string;
}
