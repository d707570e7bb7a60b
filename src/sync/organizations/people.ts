/** Who the users of a target are here. */
import { findByTargetUsers } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { Queryable } from '../../store/db.ts';

/** The target's ids → subjects, of those who are linked now. */
export async function peopleOf(
  q: Queryable,
  target: string,
  targetUserIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (targetUserIds.length === 0) return new Map();
  const rows = await findByTargetUsers(q, target, targetUserIds);
  return new Map(
    rows.flatMap(({ targetUserId, sub, state }) =>
      targetUserId !== null && hasTargetUser(state) ? [[targetUserId, sub] as const] : [],
    ),
  );
}
