/** Users as ZITADEL's API shows them, and how they are searched for. */
import type { TextQueryMethodJson } from '@zitadel/proto/zitadel/object/v2/object_pb.js';
import type { SearchQueryJson, UserFieldNameJson } from '@zitadel/proto/zitadel/user/v2/query_pb.js';
import type { UserJson } from '@zitadel/proto/zitadel/user/v2/user_pb.js';
import { invalid, notFound } from './errors.ts';
import type { Instance, User } from './instance.ts';
import { loginNames } from './new-user.ts';

export function shownUser(instance: Instance, user: User): UserJson {
  const names = loginNames(instance, user);
  const known = {
    userId: user.id,
    state: user.state,
    username: user.username,
    loginNames: names,
    preferredLoginName: names[0] ?? user.username,
  };
  return {
    ...known,
    details: { ...instance.details(user), creationDate: user.createdAt },
    human: {
      profile: { preferredLanguage: 'und', ...user.profile },
      email: { email: user.email.address, isVerified: user.email.isVerified },
      ...(user.phone && { phone: { phone: user.phone.number, isVerified: user.phone.isVerified } }),
      passwordChangeRequired: user.password?.changeRequired ?? false,
      // There is no other sign of a password in this message.
      ...(user.password && { passwordChanged: user.password.changedAt }),
    },
  };
}

/** The user as they are, not as searches see them. */
export function userById(instance: Instance, id = '', error = 'QUERY-Dfbg2'): User {
  const user = instance.users.get(id);
  if (!user) throw notFound(error, 'Errors.User.NotFound');
  return user;
}

export function matches(instance: Instance, user: User, query: SearchQueryJson): boolean {
  const [[kind, value] = ['', {}]] = Object.entries(query) as [string, Record<string, never>][];
  const method = value.method as TextQueryMethodJson | undefined;
  const text = (found: string | undefined, wanted = '') => matchesText(found ?? '', wanted, method);
  const { profile, email, phone } = user;
  switch (kind) {
    case 'userNameQuery':
      return text(user.username, value.userName);
    case 'firstNameQuery':
      return text(profile.givenName, value.firstName);
    case 'lastNameQuery':
      return text(profile.familyName, value.lastName);
    case 'displayNameQuery':
      return text(profile.displayName, value.displayName);
    case 'emailQuery':
      return text(email.address, value.emailAddress);
    case 'phoneQuery':
      return text(phone?.number, value.number);
    case 'loginNameQuery':
      return loginNames(instance, user).some((name) => text(name, value.loginName));
    case 'stateQuery':
      return user.state === value.state;
    case 'typeQuery':
      return value.type === 'TYPE_HUMAN';
    case 'inUserIdsQuery':
      return ((value.userIds ?? []) as string[]).includes(user.id);
    case 'inUserEmailsQuery':
      return ((value.userEmails ?? []) as string[]).includes(email.address);
    case 'organizationIdQuery':
      return user.organization === value.organizationId;
    case 'orQuery':
      return ((value.queries ?? []) as SearchQueryJson[]).some((one) => matches(instance, user, one));
    case 'andQuery':
      return ((value.queries ?? []) as SearchQueryJson[]).every((one) => matches(instance, user, one));
    case 'notQuery':
      return !matches(instance, user, (value.query ?? {}) as SearchQueryJson);
    default:
      throw new Error(`the stand-in cannot search by ${kind}`);
  }
}

/** As ZITADEL sorts what it finds, before it is turned round or cut into pages. */
export function inOrder(users: readonly User[], column?: UserFieldNameJson): readonly User[] {
  if (!column || column === 'USER_FIELD_NAME_UNSPECIFIED') return users;
  const keys: Partial<Record<UserFieldNameJson, (user: User) => string>> = {
    USER_FIELD_NAME_CREATION_DATE: ({ createdAt }) => createdAt,
    USER_FIELD_NAME_USER_NAME: ({ username }) => username.toLowerCase(),
  };
  const key = keys[column];
  if (!key) throw new Error(`the stand-in cannot sort by ${column}`);
  return users.toSorted((one, other) => (key(one) < key(other) ? -1 : Number(key(one) > key(other))));
}

/** Without a method the comparison is exact, as protobuf's zero value is `EQUALS`. */
export function matchesText(
  found: string,
  wanted: string,
  method: TextQueryMethodJson = 'TEXT_QUERY_METHOD_EQUALS',
) {
  const ignoresCase = method.endsWith('_IGNORE_CASE');
  const [one, other] = ignoresCase ? [found.toLowerCase(), wanted.toLowerCase()] : [found, wanted];
  const how = method.replace('TEXT_QUERY_METHOD_', '').replace('_IGNORE_CASE', '');
  if (how === 'STARTS_WITH') return one.startsWith(other);
  if (how === 'CONTAINS') return one.includes(other);
  if (how === 'ENDS_WITH') return one.endsWith(other);
  return one === other;
}

interface Page {
  readonly offset?: string;
  readonly limit?: number;
  readonly asc?: boolean;
}

/** `SystemDefaults.MaxQueryLimit`, by default. */
const MAX_QUERY_LIMIT = 1_000;

/** One page of a search; at most 100 unless more is asked for, and newest first unless said otherwise. */
export function page<T>(all: readonly T[], { offset = '0', limit = 100, asc = false }: Page = {}): T[] {
  if (limit > MAX_QUERY_LIMIT) throw invalid('QUERY-4M0fs', 'Errors.Query.LimitExceeded');
  const ordered = asc ? all : [...all].reverse();
  return ordered.slice(Number(offset), Number(offset) + (limit || 100));
}

export const listDetails = (instance: Instance, total: number) => ({
  totalResult: String(total),
  processedSequence: String(instance.events.length),
  timestamp: instance.time,
});
export const v1Details = (instance: Instance, total: number) => ({
  totalResult: String(total),
  processedSequence: String(instance.events.length),
  viewTimestamp: instance.time,
});

/** The first version says when by another name. */
export function listDetailsV1(instance: Instance, total: number) {
  const { timestamp, ...details } = listDetails(instance, total);
  return { ...details, viewTimestamp: timestamp };
}
