/** One person, looked up afresh on both sides: for whoever moved meanwhile, and before anything is repaired. */
import type { FoundUser } from '../../targets/connection.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Person } from './classify.ts';
import { basesOf } from './compared.ts';
import type { Comparing } from './deps.ts';
import { freshLeft } from './should-be.ts';
import { everybody, idsOf } from './target-pages.ts';
import { rightOf } from './target-side.ts';

export interface Look {
  readonly person: Person;
  readonly entry: LegacyEntry | undefined;
  /** By their ids. */
  readonly found: ReadonlyMap<string, FoundUser>;
}

export interface Looked {
  readonly sub: string;
  /** Who was found to be them before. */
  readonly targetUserIds?: readonly string[];
  readonly isMember: boolean;
}

/** Throws legacy_unavailable, target_unavailable, target_refused, storage_unavailable. */
export async function lookAgain(
  { deps, reading, shouldBe }: Comparing,
  { sub, targetUserIds = [], isMember }: Looked,
): Promise<Look> {
  const { db, directory, ledger, target, connection } = deps;
  const { left, entry } = await freshLeft(shouldBe, () => directory.findBySub(sub));
  const [row] = await ledger.of(target.name, [sub]);
  const own = idsOf(target.name, sub, row);
  const users = await everybody(connection, { sub, ids: [...new Set([...own, ...targetUserIds])] });
  const found = new Map(users.map((user) => [user.targetUserId, user]));
  const bases = await basesOf(db, target.name, [sub]);
  const rights = users.map((user) => rightOf(reading, user, { isShort: true }));
  const person = { sub, left, row, ownId: own[0]!, rights, base: bases.get(sub), isMember };
  return { person, entry, found };
}
