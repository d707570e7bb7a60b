/** Passwords of people who are kept equal, both ways: what the engine, the login pages and the intake need of it. */
import type { CarryingDeps } from '../../migration/carrying.ts';
import type { Part } from '../../store/statement.ts';
import type { Targets } from '../../targets/target.ts';
import type { PasswordInput } from '../people/password-turn.ts';
import type { CapturingDeps, Caught } from './capturing.ts';
import { catchPassword, syncedCaptures } from './capturing.ts';
import type { Owner } from './password-states.ts';
import { dueOnes, noteTold } from './password-states.ts';
import type { PasswordResult, PasswordTurnsDeps } from './password-turns.ts';
import { passwordTurn } from './password-turns.ts';
import type { ThroughTarget, ThroughTargetDeps } from './through-target.ts';
import { throughTarget } from './through-target.ts';

export interface PasswordSyncDeps
  extends PasswordTurnsDeps,
    Omit<ThroughTargetDeps, keyof PasswordTurnsDeps>,
    Omit<CapturingDeps, keyof PasswordTurnsDeps> {
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  /** It is these people's turn: kept for good when it returns. Throws storage_unavailable. */
  readonly wake: (people: readonly Owner[]) => Promise<void>;
}

export interface PasswordSync {
  /** In a person's turn, of whoever is at the target. Throws target_unavailable, legacy_unavailable, storage_unavailable, hashing_overloaded. */
  turn(input: PasswordInput): Promise<PasswordResult>;
  /** For `PasswordDeps.throughTarget`. */
  readonly throughTarget: ThroughTarget;
  /** For `CarryingDeps.synced`. */
  readonly captures: NonNullable<CarryingDeps['synced']>;
  /** A password that an app has told of; see `catchPassword`. */
  caught(sub: string, password: string): Promise<Caught>;
  /** Wakes those of whom something was caught: call it every second or so, on every node. How many. Throws storage_unavailable. */
  round(): Promise<number>;
}

const WOKEN_AT_ONCE = 500;

export function openPasswordSync(deps: PasswordSyncDeps): PasswordSync {
  const wakeSome = async (): Promise<number> => {
    const due = await dueOnes(deps.db, WOKEN_AT_ONCE);
    if (due.length === 0) return 0;
    // First their turn is kept: whoever dies in between wakes them twice.
    await deps.wake(due.map(({ target, sub }) => ({ target, sub })));
    await noteTold(deps.db, due);
    return due.length;
  };
  const captures = syncedCaptures(deps);
  return {
    turn: (input) => passwordTurn(deps, input),
    throughTarget: throughTarget(deps),
    captures: (proved, except): Promise<readonly Part[]> => captures(proved, except),
    async caught(sub, password) {
      const caught = await catchPassword(deps, sub, password);
      if (caught.kind === 'caught' && caught.targets.length > 0) await wakeSome();
      return caught;
    },
    async round() {
      let total = 0;
      for (let woken = WOKEN_AT_ONCE; woken === WOKEN_AT_ONCE; total += woken) woken = await wakeSome();
      return total;
    },
  };
}
