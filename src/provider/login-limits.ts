/** What every try to prove something shares: how it may end, what it needs, and the limits it stays within. */
import type { FactorUses } from '../credentials/factor-uses.ts';
import type { RelyingParty } from '../credentials/passkeys.ts';
import type { Passwords } from '../credentials/passwords.ts';
import type { FootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { KnownPerson } from '../sessions/people-watch.ts';
import type { Db } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import type { ThroughTarget } from '../sync/passwords/through-target.ts';
import type { Target } from '../targets/target.ts';
import type { StoredPassword, User } from '../user.ts';
import type { Factors } from './login-factors.ts';
import type { LoginWatch } from './login-watch.ts';
import type { Bucket, Standing, Throttle } from './throttle.ts';

export type Proof =
  | {
      readonly kind: 'proved';
      readonly user: User;
      readonly amr: readonly string[];
      readonly writes: readonly Part[];
      /** As `LoginWatch` made it. */
      readonly mark?: string | undefined;
    }
  | {
      readonly kind: 'factor_needed';
      readonly user: User;
      readonly factors: Factors;
      readonly writes: readonly Part[];
    }
  | { readonly kind: 'moved'; readonly user: User; readonly target: string }
  | { readonly kind: 'wrong' | 'locked' }
  | Throttled;

export interface Throttled {
  readonly kind: 'throttled';
  readonly waitSeconds: number;
}

/** What proving a password needs, wherever it was typed. */
export interface PasswordDeps {
  readonly db: Db;
  readonly directory: Directory;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly failureFloorMs: number;
  /** What a proved password leaves behind for the target: parts of the statement that stores the login. */
  readonly watch?: LoginWatch;
  readonly carry?: (proved: CarriedLogin) => Promise<readonly Part[]>;
  /** Asked before the legacy store's own passwords: a target may have a newer one. Throws target_unavailable. */
  readonly throughTarget?: ThroughTarget;
  /** A record that lets nobody in: ambiguous, or not to be mapped. The person is told nothing; the operator should be. */
  readonly onUnusableRecord?: (error: FootbridgeError) => void;
}

export interface LoginDeps extends PasswordDeps {
  /** A part named `ledger_state` with columns target, state, captured and blocked: where this user stands at this client's target. */
  readonly ledgerStatePart: (sub: string, clientId: string) => Part | undefined;
  readonly uses: FactorUses;
  readonly relyingParty: RelyingParty;
  /** Writes what somebody should look into to the audit log. */
  readonly suspect: (sub: string, action: string) => Promise<void>;
}

/** Ways of rewriting a hash that are not to be trusted: `[format, write]`. */
type Blocked = readonly (readonly [format: string, write: string])[];

export interface CarriedLogin {
  readonly sub: string;
  /** Whose target it is carried to, unless `target` says it. */
  readonly clientId: string;
  readonly target?: Target;
  readonly password: string;
  readonly stored: readonly StoredPassword[];
  /** The one that opened; undefined where the store itself was asked. */
  readonly opened: StoredPassword | undefined;
  /** Where the user stands, and what was captured: as `ledgerStatePart` told it. */
  readonly state: string | undefined;
  readonly captured: string | undefined;
  readonly blocked: Blocked;
  readonly signal?: AbortSignal | undefined;
}

const MOVED = new Set(['cut-over', 'retired']);
/** By the state in the ledger: the person logs in at the target now, and only there. */
export const hasMovedForGood = (state: string | null | undefined): boolean => MOVED.has(state ?? '');

export interface Circumstances extends Standing {
  /** The target this user has moved to for good. */
  readonly moved: string | undefined;
  readonly state: string | undefined;
  readonly captured: string | undefined;
  readonly blocked: Blocked;
  readonly watched: KnownPerson | undefined;
}

/** Tries when the limits allow it; behind others of the same bucket it waits for their outcome and looks again. */
export async function withinLimits<T>(
  deps: Pick<PasswordDeps, 'db' | 'throttle'>,
  asked: Asked & { readonly signal?: AbortSignal | undefined },
  work: (circumstances: Circumstances) => Promise<T>,
): Promise<T | Throttled> {
  const { throttle } = deps;
  for (;;) {
    const [circumstances, look] = await throttle.look(asked.buckets, () => readCircumstances(deps, asked));
    if (circumstances.waitSeconds > 0) return { kind: 'throttled', waitSeconds: circumstances.waitSeconds };
    if (throttle.enter(asked.buckets, circumstances, look)) {
      return work(circumstances).finally(() => throttle.leave(asked.buckets));
    }
    if (look.isOld) continue;
    if (!(await throttle.afterAnother(asked.buckets, asked.signal)))
      return { kind: 'throttled', waitSeconds: 1 };
  }
}

interface Asked {
  readonly buckets: readonly Bucket[];
  readonly ledger?: Part | undefined;
  /** Named `watched_now`. */
  readonly watched?: Part | undefined;
}

/** Failures so far, where the user stands in the ledger, and under which password they were seen last; in one statement. */
async function readCircumstances(
  deps: Pick<PasswordDeps, 'db' | 'throttle'>,
  { buckets, ledger, watched }: Asked,
): Promise<Circumstances> {
  const parts = [
    deps.throttle.statePart(buckets),
    ...(ledger ? [ledger] : []),
    ...(watched ? [watched] : []),
  ];
  const [row] = await deps.db.runParts<{
    attempts: { bucket: string; failures: number; wait: number | null }[] | null;
    ledger: { target: string; state: string | null; captured: string | null; blocked: Blocked | null } | null;
    watched: KnownPerson | null;
  }>(
    parts,
    `select (select json_agg(a) from attempts a) as attempts, ${ledger ? '(select row_to_json(l) from ledger_state l limit 1)' : 'null::json'} as ledger,
       ${watched ? '(select row_to_json(w) from watched_now w)' : 'null::json'} as watched`,
  );
  const standing = deps.throttle.judge(buckets, row?.attempts ?? []);
  const captured = row?.ledger?.captured ?? undefined;
  return {
    ...standing,
    state: row?.ledger?.state ?? undefined,
    captured,
    blocked: row?.ledger?.blocked ?? [],
    watched: row?.watched ?? undefined,
    moved: row?.ledger && hasMovedForGood(row.ledger.state) ? row.ledger.target : undefined,
  };
}
