/** A target in memory that refuses what a real one refuses: unknown ids, taken names, empty fields, pages out of bounds. */
import { FootbridgeError } from '../../../src/errors.ts';
import type {
  FoundUser,
  ImportOutcome,
  ProfileField,
  Stored,
  TargetConnection,
  TargetUser,
} from '../../../src/targets/connection.ts';
import { PROFILE_FIELDS } from '../../../src/targets/connection.ts';

export interface MemoryUser {
  id: string;
  username: string;
  givenName: string;
  familyName: string;
  nickname?: string;
  locale?: string;
  email?: { address: string; isVerified: boolean };
  phone?: { number: string; isVerified: boolean };
  state: 'active' | 'inactive';
  password?: string;
  totp?: string;
  links: { idpId: string; userId: string; userName: string }[];
  metadata: Record<string, string>;
}

export type MemoryTarget = ReturnType<typeof openMemoryTarget>;

/** No real one gives more. */
const MAX_PAGE = 1_000;
const FIELDS = new Set<string>([
  ...['sub', 'legacyId', 'targetUserId', 'username', 'linkUserName', 'givenName', 'familyName', 'nickname'],
  ...['displayName', 'locale', 'email', 'phone', 'organization', 'password', 'placeholder', 'isTypedHere'],
  ...['totpSecret', 'totpRules', 'passkeys', 'recoveryCodes', 'identityProviderLinks', 'metadata', 'grants'],
]);

export interface MemoryOptions {
  /** Our identity provider's id. */
  readonly idp: string;
  /** The hash formats it reads. */
  readonly writes: readonly string[];
}

export function openMemoryTarget({ idp, writes }: MemoryOptions) {
  const users = new Map<string, MemoryUser>();
  const calls = { users: 0, userById: 0, writes: 0, largestPage: 0 };
  const refuse = (detail: string): never => {
    throw new FootbridgeError('target_refused', { detail });
  };
  const mustBe = (id: string) => users.get(id) ?? refuse(`404 ${id}`);
  const linkedTo = (sub: string) =>
    [...users.values()].filter(({ links }) =>
      links.some((link) => link.idpId === idp && link.userId === sub),
    );
  const holder = (field: 'username' | 'email', value: string, except: string) =>
    [...users.values()].find(
      (user) =>
        user.id !== except &&
        (field === 'username' ? user.username : user.email?.address)?.toLowerCase() === value.toLowerCase(),
    );
  const check = (user: TargetUser) => {
    for (const name of Object.keys(user)) if (!FIELDS.has(name)) refuse(`unknown field ${name}`);
    if (user.password && !writes.includes(user.password.format)) refuse(`format ${user.password.format}`);
    for (const field of ['username', 'givenName', 'familyName'] as const)
      if (!user[field].trim()) refuse(`${field} is empty`);
  };

  const importOne = (user: TargetUser): ImportOutcome => {
    check(user);
    if (!user.targetUserId) refuse('no id');
    const same = users.get(user.targetUserId) ?? linkedTo(user.sub)[0];
    if (same) return { kind: 'exists', found: foundOf(same) };
    if (holder('username', user.username, '') || (user.email && holder('email', user.email.address, '')))
      return { kind: 'conflict', code: 'taken' };
    calls.writes += 1;
    users.set(user.targetUserId, {
      id: user.targetUserId,
      ...profileOf(user),
      state: 'active',
      ...(user.password ? { password: String(user.password.encoded) } : {}),
      ...(user.totpSecret ? { totp: user.totpSecret } : {}),
      links: [linkOf(user, idp)],
      metadata: { ...user.metadata },
    });
    return { kind: 'created', targetUserId: user.targetUserId, stored: ['profile'], missing: [] };
  };

  const connection: TargetConnection = {
    importUsers: async (all) => all.map(importOne),
    userById: async (id) => {
      calls.userById += 1;
      const user = users.get(id);
      return user && foundOf(user);
    },
    userBySubject: async (sub) => {
      const [user] = linkedTo(sub);
      return user && foundOf(user);
    },
    userByLogin: async (login) => {
      const all = [...users.values()].filter(({ username }) => username === login);
      return all.length === 1 ? foundOf(all[0]!) : undefined;
    },
    users: async ({ after, limit }) => {
      if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) refuse(`limit ${limit}`);
      calls.users += 1;
      const ids = sortedIds(users);
      const start = after === undefined ? 0 : firstAfter(ids, after);
      const page = ids.slice(start, start + limit);
      calls.largestPage = Math.max(calls.largestPage, page.length);
      const isLast = start + limit >= ids.length;
      return {
        users: page.map((id) => foundOf(users.get(id)!)),
        ...(isLast ? {} : { next: page.at(-1)! }),
      };
    },
    update: async (found, user, fields) => {
      check(user);
      const there = mustBe(found.targetUserId);
      for (const field of fields)
        if (!(PROFILE_FIELDS as readonly string[]).includes(field)) refuse(`no field ${field}`);
      if (fields.includes('username') && holder('username', user.username, there.id))
        refuse('username taken');
      if (fields.includes('email') && user.email && holder('email', user.email.address, there.id))
        refuse('email taken');
      calls.writes += 1;
      const wanted = profileOf(user) as Partial<Record<ProfileField, unknown>>;
      for (const field of fields) {
        if (wanted[field] === undefined) delete there[field as 'nickname'];
        else Object.assign(there, { [field]: wanted[field] });
      }
    },
    complete: async ({ targetUserId }, user) => {
      check(user);
      const there = mustBe(targetUserId);
      const stored: Stored[] = [];
      calls.writes += 1;
      const others = linkedTo(user.sub).filter(({ id }) => id !== there.id);
      if (others.length > 0) return { stored, missing: [{ what: 'links', code: 'linked-elsewhere' }] };
      const link = linkOf(user, idp);
      if (!there.links.some(({ userId }) => userId === link.userId)) there.links.push(link);
      for (const [key, value] of Object.entries(user.metadata)) there.metadata[key] ??= value;
      if (user.password) there.password ??= String(user.password.encoded);
      if (user.totpSecret) there.totp ??= user.totpSecret;
      return { stored: ['links'], missing: [] };
    },
    setPassword: async (id, password) => {
      if (!writes.includes(password.format)) refuse(`format ${password.format}`);
      calls.writes += 1;
      mustBe(id).password = String(password.encoded);
    },
    deactivate: async (id) => setState(id, 'inactive'),
    reactivate: async (id) => setState(id, 'active'),
    remove: async (id) => {
      calls.writes += 1;
      users.delete(id);
    },
    unlink: async (id, sub) => {
      calls.writes += 1;
      const user = users.get(id);
      if (user) user.links = user.links.filter((link) => link.idpId !== idp || link.userId !== sub);
    },
    close: async () => undefined,
  };

  function setState(id: string, state: MemoryUser['state']): void {
    calls.writes += 1;
    const user = users.get(id);
    if (user) user.state = state;
  }
  return { users, calls, connection, linkedTo };
}

const cached = new WeakMap<Map<string, MemoryUser>, { size: number; ids: string[] }>();

/** Sorted once while nobody comes or goes. */
function sortedIds(users: Map<string, MemoryUser>): string[] {
  const known = cached.get(users);
  if (known && known.size === users.size && known.ids.every((id) => users.has(id))) return known.ids;
  const ids = [...users.keys()].sort();
  cached.set(users, { size: users.size, ids });
  return ids;
}

function firstAfter(ids: readonly string[], after: string): number {
  const at = ids.findIndex((id) => id > after);
  return at < 0 ? ids.length : at;
}

const linkOf = ({ sub, username, linkUserName }: TargetUser, idpId: string) => ({
  idpId,
  userId: sub,
  userName: linkUserName ?? username,
});

function profileOf(user: TargetUser) {
  const { username, givenName, familyName, nickname, locale, email, phone } = user;
  return {
    ...{ username, givenName, familyName },
    ...(nickname ? { nickname } : {}),
    ...(locale ? { locale } : {}),
    ...(email ? { email: { ...email } } : {}),
    ...(phone ? { phone: { ...phone } } : {}),
  };
}

function foundOf({ id, state, password, totp, links, metadata, ...profile }: MemoryUser): FoundUser {
  return {
    targetUserId: id,
    loginName: profile.username,
    ...profile,
    state,
    hasPassword: password !== undefined,
    hasTotp: totp !== undefined,
    links: links.map((link) => ({ ...link })),
    metadata: { ...metadata },
  };
}
