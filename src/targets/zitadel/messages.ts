/**
 * The calls about one user, as ZITADEL's protobufs have them (`zitadel.user.v2.UserService`, and for metadata and grants
 * the Management API, which all releases have). The gateway loses unknown fields without a word, so a test holds every
 * message against the protobufs.
 */
import type { TargetLink } from '../connection.ts';
import type { FittingUser } from './fitting.ts';
import type { Message } from './message.ts';
import { managed, there } from './message.ts';
import { GRANT_ADDED, USER_AGGREGATES, USER_EVENTS } from './user-events.ts';

export type { Message } from './message.ts';
export { send } from './message.ts';

const of = (userId: string, rest = '') => `/v2/users/${encodeURIComponent(userId)}${rest}`;
const base64 = (text: string) => Buffer.from(text).toString('base64');

/**
 * An unverified address or number asks for its code to be returned, and nobody looks at it: otherwise ZITADEL sends a
 * mail or a text message to everybody who is moved.
 */
const verification = (isVerified: boolean) => (isVerified ? { isVerified } : { returnCode: {} });

/** `zitadel.user.v2.AddHumanUserRequest`: all or nothing, in one commit. */
export function addHumanUser(user: FittingUser): Message {
  const { email, phone, organization, hash = user.placeholderHash, totpSecret } = user;
  return {
    method: 'POST',
    path: '/v2/users/human',
    ...there(organization),
    body: {
      userId: user.targetUserId,
      username: user.username,
      ...(organization !== undefined && { organization: { orgId: organization } }),
      profile: profileOf(user),
      email: { email: email.address, ...verification(email.isVerified) },
      ...(phone && { phone: { phone: phone.number, ...verification(phone.isVerified) } }),
      metadata: entriesOf(withMark(user)),
      ...(hash !== undefined && hashed(hash)),
      idpLinks: user.links,
      ...(totpSecret !== undefined && { totpSecret }),
    },
  };
}

/** The metadata that says that a user's password is a placeholder. */
export const PLACEHOLDER_MARK = 'footbridge_password';

const withMark = ({ metadata, placeholderHash }: FittingUser): FittingUser['metadata'] =>
  placeholderHash === undefined ? metadata : [...metadata, [PLACEHOLDER_MARK, 'placeholder']];

const profileOf = ({ givenName, familyName, nickname, displayName, locale }: FittingUser) => ({
  givenName,
  familyName,
  ...(nickname && { nickName: nickname }),
  ...(displayName && { displayName }),
  ...(locale && { preferredLanguage: locale }),
});
const hashed = (hash: string) => ({ hashedPassword: { hash, changeRequired: false } });
const entriesOf = (metadata: FittingUser['metadata']) =>
  metadata.map(([key, value]) => ({ key, value: base64(value) }));

/** `UpdateHumanUserRequest`. ZITADEL tells the user by mail, unless its notification policy says otherwise. */
export const setHash = (userId: string, hash: string, organization?: string): Message => ({
  method: 'PUT',
  path: `/v2/users/human/${encodeURIComponent(userId)}`,
  ...there(organization),
  body: { password: hashed(hash) },
});

/** What an `UpdateHumanUserRequest` may change of a person; what is not there stays. */
export interface Change {
  readonly username?: string;
  /** Both names always; an empty text takes away what may be lacking. */
  readonly profile?: {
    readonly givenName: string;
    readonly familyName: string;
    readonly nickName?: string;
    readonly displayName?: string;
    readonly preferredLanguage?: string;
  };
  readonly email?: NonNullable<FittingUser['email']>;
  readonly phone?: NonNullable<FittingUser['phone']>;
}

export const changeUser = (
  userId: string,
  { email, phone, ...change }: Change,
  organization?: string,
): Message => ({
  method: 'PUT',
  path: `/v2/users/human/${encodeURIComponent(userId)}`,
  ...there(organization),
  body: {
    ...change,
    ...(email && { email: { email: email.address, ...verification(email.isVerified) } }),
    ...(phone && { phone: { phone: phone.number, ...verification(phone.isVerified) } }),
  },
});

export const removePhone = (userId: string, organization?: string): Message => ({
  method: 'DELETE',
  path: of(userId, '/phone'),
  ...there(organization),
  body: {},
});

export const addLink = (userId: string, link: TargetLink, organization?: string): Message => ({
  method: 'POST',
  path: of(userId, '/links'),
  ...there(organization),
  body: { idpLink: link },
});

export const removeLink = (userId: string, link: Pick<TargetLink, 'idpId' | 'userId'>): Message => ({
  method: 'DELETE',
  path: of(userId, `/links/${encodeURIComponent(link.idpId)}/${encodeURIComponent(link.userId)}`),
});

export const setMetadata = (
  userId: string,
  metadata: FittingUser['metadata'],
  organization?: string,
): Message => ({
  method: 'POST',
  path: managed(userId, 'metadata/_bulk'),
  ...there(organization),
  body: { metadata: entriesOf(metadata) },
});

export const getUser = (userId: string): Message => ({ method: 'GET', path: of(userId) });
export const findLinks = (userId: string): Message => ({
  method: 'POST',
  path: of(userId, '/links/_search'),
  body: { query: { limit: PAGE } },
});
export const findMethods = (userId: string): Message => ({
  method: 'GET',
  path: of(userId, '/authentication_methods'),
});
export const findMetadata = (userId: string, organization?: string): Message => ({
  method: 'POST',
  path: managed(userId, 'metadata/_search'),
  ...there(organization),
  body: { query: { limit: PAGE } },
});

/** More links or metadata of one user are not looked at. */
const PAGE = 100;
/** Enough to see that there is more than one. */
const FEW = 5;
const IGNORE_CASE = 'TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE';

export interface UserQuery {
  readonly loginName?: string;
  readonly username?: string;
  readonly email?: string;
  readonly organization?: string | undefined;
}

/** People to whom any of the names belongs; all given texts have 1 to 200 characters. */
export function findUsers({ loginName, username, email, organization }: UserQuery): Message {
  const method = IGNORE_CASE;
  const names = [
    ...(loginName === undefined ? [] : [{ loginNameQuery: { loginName, method } }]),
    ...(username === undefined ? [] : [{ userNameQuery: { userName: username, method } }]),
    ...(email === undefined ? [] : [{ emailQuery: { emailAddress: email, method } }]),
  ];
  const inside =
    organization === undefined ? [] : [{ organizationIdQuery: { organizationId: organization } }];
  return {
    method: 'POST',
    path: '/v2/users',
    body: {
      query: { limit: FEW },
      queries: [{ orQuery: { queries: names } }, { typeQuery: { type: 'TYPE_HUMAN' } }, ...inside],
    },
  };
}

export const LINK_ADDED = 'user.human.externalidp.added';
const LINK_EVENTS = [LINK_ADDED, 'user.human.externalidp.removed', 'user.human.externalidp.cascade.removed'];
/** The newest events that linked somebody to an identity provider, or took such a link away. */
export const findLinkEvents = (limit: number): Message => ({
  method: 'POST',
  path: '/admin/v1/events/_search',
  body: { limit, asc: false, eventTypes: LINK_EVENTS, aggregateTypes: ['user'] },
});

/** What has become of users since then (RFC 3339), oldest first; what happened at that very moment is not among it. */
export const listUserEvents = (from: string, limit: number): Message => ({
  method: 'POST',
  path: '/admin/v1/events/_search',
  body: { limit, asc: true, eventTypes: USER_EVENTS, aggregateTypes: USER_AGGREGATES, from },
});
/** How a grant began: whose it is. */
export const findGrantAdded = (grantId: string): Message => ({
  method: 'POST',
  path: '/admin/v1/events/_search',
  body: {
    limit: 1,
    asc: true,
    eventTypes: [GRANT_ADDED],
    aggregateTypes: ['usergrant'],
    aggregateId: grantId,
  },
});

/** `ListUsersRequest`: people in the order in which they were made. */
export const listUsers = ({
  offset,
  limit,
}: {
  readonly offset: number;
  readonly limit: number;
}): Message => ({
  method: 'POST',
  path: '/v2/users',
  body: {
    query: { offset: String(offset), limit, asc: true },
    sortingColumn: 'USER_FIELD_NAME_CREATION_DATE',
    queries: [{ typeQuery: { type: 'TYPE_HUMAN' } }],
  },
});

/** `PasswordResetRequest`: ZITADEL mails a link to its own page. */
export const mailReset = (userId: string): Message => ({
  method: 'POST',
  path: of(userId, '/password_reset'),
  body: { sendLink: { notificationType: 'NOTIFICATION_TYPE_Email' } },
});

export const deactivate = (userId: string): Message => ({
  method: 'POST',
  path: of(userId, '/deactivate'),
  body: {},
});
export const reactivate = (userId: string): Message => ({
  method: 'POST',
  path: of(userId, '/reactivate'),
  body: {},
});
export const remove = (userId: string): Message => ({ method: 'DELETE', path: of(userId) });

/** The user of our token. */
export const myUser: Message = { method: 'GET', path: '/auth/v1/users/me' };
/** What the user of our token may do. */
export const myPermissions: Message = {
  method: 'POST',
  path: '/auth/v1/permissions/zitadel/me/_search',
  body: {},
};
/** The organization of our token. */
export const myOrganization: Message = { method: 'GET', path: '/management/v1/orgs/me' };
