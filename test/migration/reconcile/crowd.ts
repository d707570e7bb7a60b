/** Twenty thousand people on both sides, worked out from their numbers, so that no process has to hold them. */
import type { FoundUser, TargetConnection } from '../../../src/targets/connection.ts';
import type { LegacyPerson, World } from './world.ts';
import { IDP, personOf, subOf } from './world.ts';

/** Of every thousand one is missing, one was changed, one has gone from the legacy store, one is nobody's. */
const EVERY = 1_000;
const idOf = (n: number) => `user-${String(n).padStart(7, '0')}`;
const numberOf = (id: string) => (/^user-\d{7}$/.test(id) ? Number(id.slice(5)) : 0);

export const isMissing = (n: number) => n % EVERY === 1;
export const isChanged = (n: number) => n % EVERY === 2;
export const isGone = (n: number) => n % EVERY === 3;
const isForeign = (n: number) => n % EVERY === 4;

function userOf(n: number, size: number): FoundUser | undefined {
  if (n < 1 || n > size || isMissing(n)) return undefined;
  const { login, email, given, family } = personOf(n);
  return {
    targetUserId: idOf(n),
    username: login,
    loginName: login,
    givenName: given,
    familyName: isChanged(n) ? 'Other' : family,
    nickname: `nick-${n}`,
    email: { address: email, isVerified: true },
    state: 'active',
    hasPassword: true,
    hasTotp: false,
    links: isForeign(n) ? [] : [{ idpId: IDP, userId: subOf(n), userName: login }],
    metadata: isForeign(n) ? {} : { legacy_id: String(n) },
  };
}

/** Only looks: the rest is not asked for. */
export function crowdConnection(world: World, size: number, onPage?: (length: number) => void) {
  const connection: TargetConnection = {
    ...world.memory.connection,
    userById: async (id) => userOf(numberOf(id), size),
    userBySubject: async (sub) => userOf(Number(sub.slice('shop:'.length)), size),
    users: async ({ after, limit }) => {
      const numbers = Array.from({ length: limit }, (_, at) => (after ? numberOf(after) : 0) + at + 1);
      const last = numbers.at(-1)!;
      const users = numbers.flatMap((n) => userOf(n, size) ?? []);
      onPage?.(users.length);
      return { users, ...(last < size ? { next: idOf(last) } : {}) };
    },
  };
  return connection;
}

export async function writeCrowd(world: World, size: number): Promise<void> {
  const numbers = Array.from({ length: size }, (_, at) => at + 1);
  const people: LegacyPerson[] = numbers.filter((n) => !isGone(n) && !isForeign(n)).map((n) => personOf(n));
  world.writeLegacy(people);
  const ours = numbers.filter((n) => !isForeign(n));
  await world.writeLedger(ours.map((id) => ({ id, state: 'migrated', targetUserId: idOf(id) })));
}
