/** One try to move one person: what it works with, what it knows, and how it tells that no other will succeed. */
import type { Passwords } from '../../credentials/passwords.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { Queryable } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { NotStored, TargetConnection, TargetUser } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import type { auditOf } from '../given-password.ts';
import type { LedgerRow, PasswordOutcome } from '../ledger.ts';
import type { Work } from './target-work.ts';

/** What a try passes through; `afterStep` is told of each as soon as it is done. */
export const STEPS = [
  'claimed',
  'released',
  'looked',
  'stored',
  'recorded',
  'completed',
  'checked',
  'confirmed',
  'flagged',
  'finished',
] as const;
export type Step = (typeof STEPS)[number];

export interface StepDeps {
  readonly db: Queryable;
  readonly keyring: Keyring;
  readonly directory: Directory;
  readonly passwords: Pick<Passwords, 'translate' | 'rehash' | 'identify' | 'hash'>;
  /** The id of our identity provider at the target; undefined before it was set up there. */
  readonly ourIdp: (target: Target) => Promise<string | undefined>;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** A step is done: where tests let the process die. */
  readonly afterStep?: (step: Step) => Promise<void> | void;
}

/** One try for one person. */
export interface Moving extends StepDeps {
  readonly target: Target;
  readonly connection: TargetConnection;
  readonly work: Work;
  readonly signal?: AbortSignal | undefined;
}

/** As things are, no other try will end otherwise. `code` may be the target's own; `detail` is. */
export class NeverMoves extends Error {
  readonly code: string;
  readonly detail: string | undefined;
  constructor(code: string, sentence: string, detail?: string) {
    super(sentence);
    this.name = 'NeverMoves';
    this.code = code;
    this.detail = detail;
  }
}

export async function done({ afterStep, signal }: Moving, step: Step): Promise<void> {
  await afterStep?.(step);
  signal?.throwIfAborted();
}

/** The ledger's record of this person, with who asks, for the next event. */
export function moveOf({ work, pseudonym }: Moving) {
  const { target, sub, actor } = work;
  return { target, sub, actor, subject: pseudonym(sub) };
}

/** What our own database knows, read in one go. */
export interface Standing {
  readonly row: LedgerRow | undefined;
  readonly captured: { readonly sealed: string | null; readonly madeOf: string | null };
  readonly blocked: readonly (readonly [format: string, write: string])[];
}

/** The person as the legacy store has them now, and as they are to be at the target. */
export interface Person {
  readonly entry: LegacyEntry;
  readonly user: TargetUser;
  /** What the target cannot be given. */
  readonly missing: readonly NotStored[];
  readonly outcome: PasswordOutcome;
  /** The fingerprint of the legacy password. */
  readonly madeOf: string;
  /** The target may have been given an earlier one. */
  readonly hasNewPassword: boolean;
  /** For the audit record. */
  readonly password: ReturnType<typeof auditOf>;
}
