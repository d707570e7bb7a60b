/** Who is who: the target's users, our people, and the provider's sessions that theirs at the target come from. */
import type { LedgerRow } from '../../migration/ledger.ts';
import { findByTargetUser } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { Db } from '../../store/db.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { Endings } from '../ending/ending.ts';

export interface TargetSessionsDeps {
  readonly db: Db;
  readonly targets: Pick<Targets, 'all' | 'byName' | 'connection'>;
  readonly endings: Pick<Endings, 'end'>;
  /**
   * The provider's session, as `oidc_records.uid`, in which this person last authorized one of these clients, not longer
   * than ten minutes before `at` (seconds since the epoch). Undefined where there is none.
   */
  readonly opSessionOf: (question: {
    readonly sub: string;
    readonly clientIds: readonly string[];
    readonly at: number;
  }) => Promise<Buffer | undefined>;
  /** All of this person's sessions of the provider in which one of these clients is authorized. */
  readonly opSessionsOf: (question: {
    readonly sub: string;
    readonly clientIds: readonly string[];
  }) => Promise<readonly Buffer[]>;
  /** Told of what went wrong while nobody waited. */
  readonly onError?: (error: unknown, target: string) => void;
}

/** By how much the target's clock may differ from ours. */
const CLOCK_SECONDS = 60;

/** Our person behind a target's user who is theirs at this moment, or (`gone`) was until they were removed. */
export async function personAt(
  { db }: Pick<TargetSessionsDeps, 'db'>,
  target: Target,
  { targetUserId, gone = false }: { readonly targetUserId: string; readonly gone?: boolean },
): Promise<LedgerRow | undefined> {
  const row = await findByTargetUser(db, target.name, targetUserId);
  return row && (hasTargetUser(row.state) || (gone && row.state === 'deleted')) ? row : undefined;
}

/** The provider's session that one at the target came from, where that is certain. */
export const originOf = (
  { opSessionOf }: Pick<TargetSessionsDeps, 'opSessionOf'>,
  { clientIds }: Target,
  { sub, at }: { readonly sub: string; readonly at: number },
): Promise<Buffer | undefined> =>
  clientIds.length === 0
    ? Promise.resolve(undefined)
    : opSessionOf({ sub, clientIds, at: at + CLOCK_SECONDS });

/** The target's own user as whom we call it: what that one does there comes from us, and comes back. */
export async function isOurs(
  { targets }: Pick<TargetSessionsDeps, 'targets'>,
  target: Target,
  editor: string | undefined,
): Promise<boolean> {
  if (editor === undefined) return false;
  return editor === (await targets.connection(target.name)?.ownUserId?.());
}
