/** A person's password in their turn: only where one of the sides may have another one. */
import type { FootbridgeError } from '../../errors.ts';
import { isFootbridgeError } from '../../errors.ts';
import { fingerprintOf } from '../../migration/captured-passwords.ts';
import type { LedgerRow } from '../../migration/ledger.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { FoundUser } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Hint } from '../queue/change-queue.ts';
import type { PairSettings } from '../sync-settings.ts';
import type { Authority } from './deciding.ts';
import { authorityOf } from './looking.ts';
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

/** The fingerprint of the legacy password that was dealt with; one that waits is dealt with again in every turn, and woken by nobody. */
const noteOf = (madeOf: string | undefined, isWaiting: boolean) =>
  isWaiting ? `${WAITS}${madeOf ?? ''}` : madeOf;
const WAITS = 'waits ';

/** Whether the legacy store has another password than the one that was noted. */
export const isAnotherPassword = (madeOf: string | undefined, noted: string | undefined): boolean =>
  madeOf !== noted && noted !== `${WAITS}${madeOf ?? ''}`;

interface Deps {
  readonly keyring: Keyring;
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
  for (const plan of plans) {
    const one = await passwordOf(deps, plan);
    if (one) dealt.set(plan, one);
  }
  return dealt;
}

async function passwordOf(
  { keyring, target, pair, password }: Deps,
  { person }: Plan,
): Promise<PasswordDealt | undefined> {
  const { row, entry, found, turn, state, sub } = person;
  const authority = authorityOf(pair, row)('password');
  if (authority === 'never') return undefined;
  const { passwords } = entry.credentials;
  const madeOf =
    passwords.length > 0 ? fingerprintOf(keyring, { target: target.name, sub }, passwords) : undefined;
  const hasChanged = madeOf !== state.password;
  if (!hasChanged && turn.hint.passwordAt === undefined) return undefined;
  try {
    const { kind } = await password({ pair, target, row, entry, found, hint: turn.hint, authority });
    return { kind: 'dealt', noted: noteOf(madeOf, kind === 'waits') };
  } catch (error) {
    if (!isFootbridgeError(error) || error.code === 'storage_unavailable') throw error;
    return { kind: 'failed', error };
  }
}
