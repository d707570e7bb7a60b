/** What a target is told of somebody whom it is about to make a user of itself, after a login at us. */
import { refuse } from '../../credentials/reasons.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { TargetUser } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import type { GivenPassword } from '../given-password.ts';
import type { LedgerRow } from '../ledger.ts';
import { targetUserFor, targetUserIdOf } from '../moving/target-user.ts';
import type { SecretsAnswer } from '../schemas.ts';
import type { RetrievalDeps } from '../secret-retrieval.ts';
import { retrieveSecrets } from '../secret-retrieval.ts';

/** The person at this target, and where they stand there. */
export interface Expected {
  readonly target: Target;
  readonly row: LedgerRow;
}

const NO_PASSWORD: GivenPassword = { password: refuse('no_hash'), outcome: 'none' };

/** Without secrets; undefined where the target could not make this user. Throws user_disabled, legacy_unavailable. */
export async function profileUser(
  { directory }: Pick<RetrievalDeps, 'directory'>,
  expected: Expected,
): Promise<TargetUser | undefined> {
  const made = targetUser(expected, await activeEntry(directory, expected), NO_PASSWORD);
  if (!made) return undefined;
  const { totpSecret: _, ...user } = made;
  return user;
}

/**
 * With secrets: the same release as when the target fetches them itself, for the same ticket, within the same limits,
 * and as good only once. Throws what `retrieveSecrets` throws.
 */
export async function releasedUser(
  deps: RetrievalDeps,
  expected: Expected,
  ticket: string,
): Promise<TargetUser | undefined> {
  const { encryption: _, ...target } = expected.target;
  const { sub } = expected.row;
  const entry = await activeEntry(deps.directory, expected);
  const caller = { actor: `target:${target.name}`, target, isSigned: true };
  const { body } = await retrieveSecrets(deps, { caller, sub, ticket });
  const { password } = JSON.parse(body) as Pick<SecretsAnswer, 'password'>;
  return targetUser(expected, entry, { ...NO_PASSWORD, password: password as GivenPassword['password'] });
}

function targetUser(
  { target, row }: Expected,
  entry: LegacyEntry,
  given: GivenPassword,
): TargetUser | undefined {
  const targetUserId = row.targetUserId ?? targetUserIdOf(target.name, row.sub, row.removals);
  const made = targetUserFor({ entry, target, given, targetUserId, blocked: [] });
  return made.kind === 'user' ? made.user : undefined;
}

async function activeEntry(directory: RetrievalDeps['directory'], { row }: Expected): Promise<LegacyEntry> {
  const entry = await directory.findBySub(row.sub);
  if (!entry) throw new FootbridgeError('user_not_found');
  if (entry.user.state !== 'active') throw new FootbridgeError('user_disabled');
  return entry;
}

/** Whether it is about this person, and no outage: then the target makes nobody of them. */
export function isRefusedPerson(error: unknown): boolean {
  return (['user_not_found', 'user_disabled', 'user_excluded'] as const).some((code) =>
    isFootbridgeError(error, code),
  );
}
