/**
 * The calls about one user, as ZITADEL's protobufs have them (`zitadel.user.v2.UserService`, and for metadata and grants
 * the Management API, which all releases have). The gateway loses unknown fields without a word, so a test holds every
 * message against the protobufs.
 */
import type { TargetGrant, TargetLink } from '../connection.ts';
import type { CallOptions, ZitadelApi } from './api.ts';
import type { FittingUser } from './fitting.ts';

export interface Message extends Pick<CallOptions, 'body' | 'organization'> {
  readonly method: Parameters<ZitadelApi['call']>[0];
  readonly path: string;
}

export const send = <T>(
  api: ZitadelApi,
  { method, path, ...options }: Message,
  signal?: AbortSignal,
): Promise<T> => api.call<T>(method, path, signal ? { ...options, signal } : options);

const of = (userId: string, rest = '') => `/v2/users/${encodeURIComponent(userId)}${rest}`;
const managed = (userId: string, rest: string) =>
  `/management/v1/users/${encodeURIComponent(userId)}/${rest}`;
const there = (organization: string | undefined) => (organization === undefined ? {} : { organization });
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

/** `AddUserGrantRequest`, also as the import takes it. */
export const grantBody = ({ project, projectGrant, roles }: TargetGrant) => ({
  projectId: project,
  ...(projectGrant !== undefined && { projectGrantId: projectGrant }),
  roleKeys: roles,
});
export const addGrant = (userId: string, grant: TargetGrant, organization?: string): Message => ({
  method: 'POST',
  path: managed(userId, 'grants'),
  ...there(organization),
  body: grantBody(grant),
});
export const findGrants = (userId: string, { project }: TargetGrant, organization?: string): Message => ({
  method: 'POST',
  path: '/management/v1/users/grants/_search',
  ...there(organization),
  body: { queries: [{ userIdQuery: { userId } }, { projectIdQuery: { projectId: project } }] },
});
export const setRoles = (
  userId: string,
  grant: { readonly id: string; readonly roles: readonly string[] },
  organization?: string,
): Message => ({
  method: 'PUT',
  path: managed(userId, `grants/${encodeURIComponent(grant.id)}`),
  ...there(organization),
  body: { roleKeys: grant.roles },
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

/** `zitadel.session.v2.ListSessionsRequest`; what we may not see is left out of the answer without a word. */
export const findSessions = (
  userId: string,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Message => ({
  method: 'POST',
  path: '/v2/sessions/search',
  body: {
    query: { offset: String(offset), limit, asc: false },
    queries: [{ userIdQuery: { id: userId } }],
    sortingColumn: 'SESSION_FIELD_NAME_CREATION_DATE',
  },
});
export const getSession = (sessionId: string): Message => ({ method: 'GET', path: session(sessionId) });
/** `DeleteSessionRequest`, without the session's own token. */
export const deleteSession = (sessionId: string): Message => ({
  method: 'DELETE',
  path: session(sessionId),
  body: {},
});
const session = (sessionId: string) => `/v2/sessions/${encodeURIComponent(sessionId)}`;

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
