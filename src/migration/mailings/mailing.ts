/** One letter of a campaign, as whoever sends it has it in hand. */

export const MAILING_STATES = ['waiting', 'sending', 'sent', 'failed', 'skipped', 'unsure'] as const;
export type MailingState = (typeof MAILING_STATES)[number];

/**
 * What people are asked to do: choose a password, register a passkey again, link their account; or, with the end of the old
 * login before them, link it at last.
 */
export type MailingRemedy = 'reset' | 'passkey' | 'claim' | 'claim-reminder';

export interface Campaign<Remedy extends MailingRemedy = MailingRemedy> {
  readonly campaign: string;
  readonly target: string;
  readonly remedy: Remedy;
}

export interface Addressee {
  readonly sub: string;
  /** The key of an organization of theirs that it is about; empty: it is about them. */
  readonly organization?: string;
  /** Of a batch: why something did not come along. */
  readonly code: string | null;
  /** When the batch was done with them. */
  readonly batchedAt: Date | null;
}

/** One that we have the lease of. */
export interface Mailing extends Campaign, Required<Addressee> {
  /** Tries that the recipient's side put off. */
  readonly attempts: number;
  readonly announcedAt: Date | null;
  readonly lease: string;
}

/** Why somebody got none; no secrets, and no words of other systems. */
export interface MailingProblem {
  readonly code: string;
  readonly detail?: string;
}

export interface MailingEnd {
  readonly state: Extract<MailingState, 'sent' | 'failed' | 'skipped' | 'unsure'>;
  readonly problem?: MailingProblem | undefined;
  readonly nowMs: number;
  /** For the audit record, which is written of all but who was skipped. */
  readonly actor: string;
  readonly subject: Buffer;
}

export interface MailingCount {
  readonly state: MailingState;
  readonly code: string | null;
  readonly users: number;
  readonly examples: readonly string[];
}

export interface MailingDay {
  /** UTC, as 2026-03-01: when they were written down, or when it ended for them. */
  readonly day: string;
  readonly enrolled: number;
  readonly sent: number;
  readonly failed: number;
  readonly skipped: number;
  readonly unsure: number;
}

export interface Times {
  /** When the last one went out; those that a clock ahead of ours has written do not count. */
  readonly startedMs: number | null;
  /** When the next one is due; null: none is left, but for those that others work on. */
  readonly dueMs: number | null;
}
