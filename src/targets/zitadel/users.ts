/**
 * Who is at ZITADEL. What it reads is behind what it writes, by a moment: one user by id is brought up to date when asked
 * for, searches are not. So what a creation answered counts for more than a search that finds nothing, and nothing is
 * ever concluded from not finding somebody but that the next try may.
 */
import type { FoundUser, TargetLink, TargetUser } from '../connection.ts';
import type { ZitadelApi } from './api.ts';
import { grantsOf } from './grants.ts';
import type { Message, UserQuery } from './messages.ts';
import {
  findLinkEvents,
  findLinks,
  findMetadata,
  findMethods,
  findUsers,
  getUser,
  LINK_ADDED,
  PLACEHOLDER_MARK,
  send,
} from './messages.ts';
import { isNotFound } from './outcomes.ts';
import { ZitadelError } from './zitadel-error.ts';

export interface Asking {
  readonly api: ZitadelApi;
  /** The id of our identity provider at ZITADEL. */
  readonly ourIdp: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sync compares roles: then it is also told which somebody has. */
  readonly comparesGrants?: boolean | undefined;
}

/** `zitadel.user.v2.User`; a field with its default value is left out. */
export interface User {
  readonly userId: string;
  readonly details?: { readonly resourceOwner?: string; readonly creationDate?: string };
  readonly state?: string;
  readonly username?: string;
  readonly preferredLoginName?: string;
  readonly human?: {
    readonly profile?: Readonly<
      Partial<Record<'givenName' | 'familyName' | 'nickName' | 'displayName' | 'preferredLanguage', string>>
    >;
    readonly email?: { readonly email?: string; readonly isVerified?: boolean };
    readonly phone?: { readonly phone?: string; readonly isVerified?: boolean };
    /** Absent where no password was ever set. */
    readonly passwordChanged?: string;
  };
}

const STATES: Readonly<Record<string, FoundUser['state']>> = {
  USER_STATE_ACTIVE: 'active',
  USER_STATE_INACTIVE: 'inactive',
  USER_STATE_DELETED: 'deleted',
  USER_STATE_LOCKED: 'locked',
  USER_STATE_INITIAL: 'initial',
};
const MAX_TEXT = 200;
/** So far back people are found by their link; the ledger knows the older ones. */
const LINK_EVENTS = 1_000;

/** Throws ZitadelError, as all of these. */
export async function userById(asking: Asking, userId: string): Promise<FoundUser | undefined> {
  if (!isText(userId)) return undefined;
  const answer = await orUndefined(send<{ user?: User }>(asking.api, getUser(userId), asking.signal));
  return answer?.user && found(asking, answer.user, { grants: 'fresh' });
}

/** A login name counts for more than the address of somebody else. */
export async function userByLogin(
  asking: Asking,
  login: string,
  organization?: string,
): Promise<FoundUser | undefined> {
  if (!isText(login)) return undefined;
  for (const query of [{ loginName: login }, { email: login }]) {
    const users = await search(asking, { ...query, organization });
    if (users.length > 0) return users.length === 1 ? found(asking, users[0]!) : undefined;
  }
  return undefined;
}

/** People with the same name or address, anywhere. */
export async function namesakes(
  asking: Asking,
  { username, email }: Pick<TargetUser, 'username' | 'email'>,
): Promise<readonly FoundUser[]> {
  const users = await search(asking, {
    loginName: username,
    username,
    ...(email && { email: email.address }),
  });
  const all = await Promise.all(users.map((user) => found(asking, user)));
  return all.filter((user) => user !== undefined);
}

/**
 * ZITADEL cannot be searched for links; its newest events can be, and they are never behind. Where it does not let us
 * read them nobody is found.
 */
export async function userBySubject(asking: Asking, sub: string): Promise<FoundUser | undefined> {
  const { api, ourIdp, signal } = asking;
  if (ourIdp === undefined) return undefined;
  const { events = [] } = await send<LinkEvents>(api, findLinkEvents(LINK_EVENTS), signal).catch((error) => {
    if (!(error instanceof ZitadelError) || error.isTemporary || error.status === 401) throw error;
    return {} as LinkEvents;
  });
  const last = events.find(({ payload }) => payload?.userId === sub && payload.idpConfigId === ourIdp);
  if (last?.type?.type !== LINK_ADDED) return undefined;
  const user = await userById(asking, last.aggregate?.id ?? '');
  if (!user || isLinked(user, { ourIdp, sub })) return user;
  const link = { idpId: ourIdp, userId: sub, userName: String(last.payload?.displayName ?? '') };
  return { ...user, links: [...user.links, link] };
}

/** `zitadel.event.v1.Event`, newest first. */
interface LinkEvents {
  readonly events?: readonly {
    readonly aggregate?: { readonly id?: string };
    readonly type?: { readonly type?: string };
    readonly payload?: Readonly<Record<string, unknown>>;
  }[];
}

export const isLinked = (
  { links }: FoundUser,
  { ourIdp, sub }: { ourIdp: string | undefined; sub: string },
) => links.some(({ idpId, userId }) => idpId === ourIdp && userId === sub);

export async function linksOf({ api, signal }: Asking, userId: string): Promise<readonly TargetLink[]> {
  const answer = await send<{ result?: Partial<TargetLink>[] }>(api, findLinks(userId), signal);
  return (answer.result ?? []).map(({ idpId = '', userId: id = '', userName = '' }) => ({
    idpId,
    userId: id,
    userName,
  }));
}

async function search({ api, signal }: Asking, query: UserQuery): Promise<readonly User[]> {
  const { result = [] } = await send<{ result?: User[] }>(api, findUsers(query), signal);
  return result;
}

/** How it writes that nobody has chosen a language. */
const UNDETERMINED = 'und';

function profileOf({ profile = {}, phone = {} }: NonNullable<User['human']>) {
  const { givenName, familyName, nickName, displayName, preferredLanguage: locale } = profile;
  return {
    ...(phone.phone && { phone: { number: phone.phone, isVerified: phone.isVerified ?? false } }),
    ...(givenName && { givenName }),
    ...(familyName && { familyName }),
    ...(nickName && { nickname: nickName }),
    ...(displayName && { displayName }),
    ...(locale && locale !== UNDETERMINED && { locale }),
  };
}

/** With all that `FoundUser` says; undefined for machines, and for people who have just gone. */
export async function found(
  asking: Asking,
  user: User,
  how: { readonly grants?: 'fresh' | 'listed' } = {},
): Promise<FoundUser | undefined> {
  const { userId, details, human, username = '', preferredLoginName } = user;
  const state = STATES[user.state ?? ''] ?? 'inactive';
  if (!human || state === 'deleted') return undefined;
  const ask = <T>(message: Message) => send<T>(asking.api, message, asking.signal);
  const rest = await orUndefined(
    Promise.all([
      linksOf(asking, userId),
      ask<{ authMethodTypes?: string[] }>(findMethods(userId)),
      ask<{ result?: { key?: string; value?: string }[] }>(findMetadata(userId, details?.resourceOwner)),
      how.grants && asking.comparesGrants
        ? grantsOf(asking, { userId, organization: details?.resourceOwner }, how.grants)
        : undefined,
    ]),
  );
  if (!rest) return undefined;
  const [links, { authMethodTypes = [] }, { result: metadata = [] }, grants] = rest;
  const { email, isVerified = false } = human.email ?? {};
  return {
    targetUserId: userId,
    username,
    loginName: preferredLoginName || username,
    ...(details?.resourceOwner && { organization: details.resourceOwner }),
    state,
    ...(email && { email: { address: email, isVerified } }),
    ...profileOf(human),
    hasPassword:
      (human.passwordChanged !== undefined ||
        authMethodTypes.includes('AUTHENTICATION_METHOD_TYPE_PASSWORD')) &&
      !isPlaceholder(user, metadata),
    hasTotp: authMethodTypes.includes('AUTHENTICATION_METHOD_TYPE_TOTP'),
    ...(grants && { grants }),
    links,
    metadata: Object.fromEntries(
      metadata.map(({ key = '', value = '' }) => [key, Buffer.from(value, 'base64').toString()]),
    ),
  };
}

/** Whatever is set later makes it a password: the mark counts only for the one that the user was made with. */
const isPlaceholder = ({ human, details }: User, metadata: readonly { key?: string }[]) =>
  human?.passwordChanged !== undefined &&
  human.passwordChanged === details?.creationDate &&
  metadata.some(({ key }) => key === PLACEHOLDER_MARK);

/** Two of them would be another path. */
const isText = (text: string) =>
  text.trim() !== '' && [...text].length <= MAX_TEXT && text !== '.' && text !== '..';

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
