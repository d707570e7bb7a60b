/** A target in memory, as strict as a real one: ids and usernames are unique, and what it is told to do badly it does badly. */
import type {
  FoundUser,
  ImportOutcome,
  Stored,
  TargetConnection,
  TargetUser,
} from '../../../src/targets/connection.ts';

export interface MemoryTarget extends TargetConnection {
  readonly people: Map<string, { readonly user: TargetUser; found: FoundUser }>;
  /** How many were in each call. */
  readonly calls: number[];
  /** How often each subject was sent. */
  readonly sent: Map<string, number>;
  /** Looks at each call before anything is done. Outcomes for all: nothing was done. */
  before: ((users: readonly TargetUser[]) => Promise<readonly ImportOutcome[] | undefined>) | undefined;
  /** After it is done: what is answered instead. */
  instead: ((outcomes: readonly ImportOutcome[]) => Promise<readonly ImportOutcome[]>) | undefined;
  /** Somebody who is there before us, linked to our subject. */
  put(user: TargetUser): void;
  /** Per user. */
  refuses: ((user: TargetUser) => ImportOutcome | undefined) | undefined;
}

export const IDP = 'our-idp';

const storedOf = (user: TargetUser): Stored[] => [
  'profile',
  'links',
  'metadata',
  'grants',
  ...(user.password ? (['password'] as const) : []),
  ...(user.totpSecret ? (['totp'] as const) : []),
];

export function openMemoryTarget(): MemoryTarget {
  const people: MemoryTarget['people'] = new Map();
  const bySub = (sub: string) =>
    [...people.values()].find(({ found }) => found.links.some(({ userId }) => userId === sub))?.found;
  const importOne = (user: TargetUser): ImportOutcome => {
    const refused = target.refuses?.(user);
    if (refused) return refused;
    if (spent.has(user.targetUserId))
      return {
        kind: 'refused',
        code: 'id_spent',
        sentence: 'This id was given once, and is not given again.',
      };
    const there = people.get(user.targetUserId) ?? people.get(linked.get(user.sub) ?? '');
    if (there) return { kind: 'exists', found: there.found };
    if (names.has(user.username)) return { kind: 'conflict', code: 'username' };
    names.add(user.username);
    const found: FoundUser = {
      targetUserId: user.targetUserId,
      username: user.username,
      loginName: user.username,
      state: 'active',
      ...(user.email ? { email: user.email } : {}),
      hasPassword: user.password !== undefined,
      hasTotp: user.totpSecret !== undefined,
      links: [{ idpId: IDP, userId: user.sub, userName: user.username }, ...user.identityProviderLinks],
      metadata: user.metadata,
    };
    people.set(user.targetUserId, { user, found });
    return { kind: 'created', targetUserId: user.targetUserId, stored: storedOf(user), missing: [] };
  };
  const names = new Set<string>();
  /** Whom `put` has linked to us: subject → id. */
  const linked = new Map<string, string>();
  /** Of users who were removed. */
  const spent = new Set<string>();
  const change = (id: string, more: Partial<FoundUser>) => {
    const one = people.get(id);
    if (one) one.found = { ...one.found, ...more };
  };
  const target: MemoryTarget = {
    people,
    calls: [],
    sent: new Map(),
    before: undefined,
    instead: undefined,
    refuses: undefined,
    put: (user) => {
      const { sub, targetUserId, username } = user;
      if (people.has(targetUserId) || names.has(username)) throw new Error(`${username} is there already`);
      names.add(username);
      linked.set(sub, targetUserId);
      const found: FoundUser = {
        ...{
          targetUserId,
          username,
          loginName: username,
          state: 'active',
          hasPassword: true,
          hasTotp: false,
        },
        ...{ links: [{ idpId: IDP, userId: sub, userName: username }], metadata: user.metadata },
      };
      people.set(targetUserId, { user, found });
    },
    importUsers: async (some) => {
      target.calls.push(some.length);
      for (const { sub } of some) target.sent.set(sub, (target.sent.get(sub) ?? 0) + 1);
      const early = await target.before?.(some);
      if (early) return early;
      const outcomes = some.map(importOne);
      return (await target.instead?.(outcomes)) ?? outcomes;
    },
    userById: async (id) => people.get(id)?.found,
    userBySubject: async (sub) => bySub(sub),
    userByLogin: async (login) => [...people.values()].find(({ found }) => found.username === login)?.found,
    complete: async (found, user) => {
      change(found.targetUserId, { hasPassword: found.hasPassword || user.password !== undefined });
      return { stored: [], missing: [] };
    },
    setPassword: async (id, password) => {
      const one = people.get(id);
      if (one) people.set(id, { ...one, user: { ...one.user, password } });
    },
    deactivate: async (id) => change(id, { state: 'inactive' }),
    reactivate: async (id) => change(id, { state: 'active' }),
    remove: async (id) => {
      const one = people.get(id);
      if (one) {
        names.delete(one.user.username);
        spent.add(id);
      }
      people.delete(id);
    },
    unlink: async (id, sub) => {
      if (linked.get(sub) === id) linked.delete(sub);
      const { links = [] } = people.get(id)?.found ?? {};
      change(id, { links: links.filter(({ idpId, userId }) => idpId !== IDP || userId !== sub) });
    },
    users: async ({ after = '', limit }) => {
      const all = [...people.values()].map(({ found }) => found);
      const sorted = all.sort((a, b) => (a.targetUserId < b.targetUserId ? -1 : 1));
      const left = sorted.filter(({ targetUserId }) => targetUserId > after);
      const page = left.slice(0, limit);
      return { users: page, ...(left.length > limit ? { next: page.at(-1)!.targetUserId } : {}) };
    },
    close: async () => undefined,
  };
  return target;
}

export const all = (users: readonly unknown[], outcome: ImportOutcome): ImportOutcome[] =>
  users.map(() => outcome);
