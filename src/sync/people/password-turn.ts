/** A person's password in their turn: only where one of the sides may have another one. */
import type { FootbridgeError } from '../../errors.ts';
import { isFootbridgeError } from '../../errors.ts';
import type { LedgerRow } from '../../migration/ledger.ts';
import type { FoundUser } from '../../targets/connection.ts';
import { inParallel } from '../../targets/in-parallel.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Hint } from '../queue/change-queue.ts';
import type { PairSettings } from '../sync-settings.ts';
import type { Authority } from './deciding.ts';
import { authorityOf } from './looking.ts';
import { noteOf } from './password-note.ts';
import type { Plan } from './planning.ts';

export interface PasswordInput {
  readonly pair: PairSettings;
  readonly target: Target;
  readonly row: LedgerRow;
  readonly entry: LegacyEntry;
  readonly found: FoundUser | undefined;
  readonly hint: Hint;
  readonly authority: Authority;
}

/** `waits`: until it is typed where somebody can catch it; the state says so. */
export type PasswordTurn = (input: PasswordInput) => Promise<{
  readonly kind: 'equal' | 'wrote' | 'waits' | 'conflict';
}>;

export type PasswordDealt =
  /** What is noted of it; see `noteOf`. */
  | { readonly kind: 'dealt'; readonly noted: string | undefined }
  | { readonly kind: 'failed'; readonly error: FootbridgeError };

interface Deps {
  readonly target: Target;
  readonly pair: PairSettings;
  readonly password: PasswordTurn;
}

/** Those of whom there is anything to be done. Throws storage_unavailable. */
export async function passwordsOf(
  deps: Deps,
  plans: readonly Plan[],
): Promise<ReadonlyMap<Plan, PasswordDealt>> {
  const dealt = new Map<Plan, PasswordDealt>();
  await inParallel(plans, deps.pair.atOnce, async (plan) => {
    const one = await passwordOf(deps, plan);
    if (one) dealt.set(plan, one);
  });
  return dealt;
}

async function passwordOf(
  { target, pair, password }: Deps,
  { person }: Plan,
): Promise<PasswordDealt | undefined> {
  const { row, entry, found, turn, state, madeOf } = person;
  const authority = authorityOf(pair, row)('password');
  if (authority === 'never' || !found) return undefined;
  const hasChanged = madeOf !== state.password;
  // Of a store that keeps its hashes to itself nobody can tell but by its word.
  const mayHaveChanged =
    madeOf === undefined && entry.credentials.storeCheck !== undefined && turn.hint.legacyAt !== undefined;
  if (!hasChanged && !mayHaveChanged && turn.hint.passwordAt === undefined) return undefined;
  try {
    const { kind } = await password({ pair, target, row, entry, found, hint: turn.hint, authority });
    return { kind: 'dealt', noted: noteOf(madeOf, kind === 'waits') };
  } catch (error) {
    if (!isFootbridgeError(error) || error.code === 'storage_unavailable') throw error;
    return { kind: 'failed', error };
  }
}
