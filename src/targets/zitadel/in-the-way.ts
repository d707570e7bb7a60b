/** Who has the name or the link that ZITADEL says is taken: the very person, or somebody else. */
import { setTimeout as wait } from 'node:timers/promises';
import type { FoundUser, ImportOutcome } from '../connection.ts';
import type { FittingUser } from './fitting.ts';
import type { Asking } from './users.ts';
import { isLinked, namesakes, userBySubject } from './users.ts';
import type { ZitadelError } from './zitadel-error.ts';

/** Searches are behind what was written by no more than that, as a rule. */
const LAG_MS = 1_000;

/** Throws ZitadelError. */
export async function inTheWay(
  asking: Asking,
  user: FittingUser,
  { reason: code }: ZitadelError,
): Promise<ImportOutcome> {
  const found = await look(asking, user, code);
  if (found) return found;
  // Somebody is there and nobody is found: they came a moment ago, or our token does not let us see them.
  await wait(LAG_MS);
  return (await look(asking, user, code)) ?? { kind: 'conflict', code };
}

async function look(asking: Asking, user: FittingUser, code: string): Promise<ImportOutcome | undefined> {
  const others = await namesakes(asking, user);
  const { ourIdp } = asking;
  const { sub } = user;
  const same = others.find((other) => isLinked(other, { ourIdp, sub })) ?? (await userBySubject(asking, sub));
  if (same) return { kind: 'exists', found: same };
  const found = namesake(others, user);
  return found && { kind: 'conflict', code, found };
}

/** Whom to ask about: the only one with this address, or else the only one with this name. */
function namesake(others: readonly FoundUser[], { username, email }: FittingUser): FoundUser | undefined {
  const isSame = (one = '', other = '') => one.toLowerCase() === other.toLowerCase();
  const byAddress = others.filter((other) => isSame(other.email?.address, email.address));
  const byName = others.filter(
    (other) => isSame(other.username, username) || isSame(other.loginName, username),
  );
  return [byAddress, byName].find(({ length }) => length === 1)?.[0];
}
