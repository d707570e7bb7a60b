/** What is looked at before a legacy store may go: plain data, so that the criteria are plain logic. */
import type { ReconciliationReport } from '../../migration/reconcile/report.ts';
import type { State } from '../../migration/states.ts';

export interface Terms {
  /** Nobody has logged in through us for so long. */
  readonly quietDays: number;
  /** A comparison of both sides is no older. */
  readonly reportDays: number;
  /** So many people may be left behind, and why. */
  readonly acceptLeft?: { readonly people: number; readonly reason: string } | undefined;
}

/** `never`: nothing has ever happened to them; `unreadable`: their record cannot be mapped; else the ledger's state. */
export type LeftClass = 'never' | 'unreadable' | State;

export interface LeftPeople {
  readonly class: LeftClass;
  readonly people: number;
  /** Subjects. */
  readonly examples: readonly string[];
}

export interface Facts {
  readonly target: string;
  readonly nowMs: number;
  readonly logins: {
    /** People who proved a password here on the way to this target within the quiet days. */
    readonly proved: number;
    readonly lastAt: Date | null;
    /** Logins that were counted within them, by app. */
    readonly counted: readonly { readonly app: string; readonly logins: number }[];
  };
  readonly people: {
    /** By the ledger. */
    readonly states: Readonly<Partial<Record<State, number>>>;
    /** Of the active people of the legacy store; null: it could not be read from end to end. */
    readonly left: readonly LeftPeople[] | null;
  };
  readonly letters: {
    /** Null: the queue does not answer. */
    readonly sync: number | null;
    /** Told of a logout in vain. */
    readonly deliveries: number;
    readonly work: { readonly waiting: number; readonly givenUp: number };
    /** Of the target, and not looked at yet. */
    readonly events: number;
    /** What the legacy store is still to be told. */
    readonly legacyWrites: number;
  };
  readonly running: {
    readonly batches: readonly { readonly id: string; readonly state: string }[];
    readonly campaigns: readonly { readonly campaign: string; readonly letters: number }[];
    readonly phases: readonly { readonly phase: string; readonly state: string }[];
  };
  readonly report: ReconciliationReport | null;
  readonly sync: {
    /** Null: the settings do not keep this target equal. */
    readonly state: string | null;
    /** What is still to be done, as sentences. */
    readonly undone: readonly string[];
  };
  readonly approvals: readonly { readonly id: string; readonly operation: string }[];
  readonly audit: { readonly ok: boolean; readonly problem: string | null };
  /** Hooks of ours that the target calls at its logins. */
  readonly hooks: number;
}
