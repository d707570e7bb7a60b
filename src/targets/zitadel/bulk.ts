/**
 * Many users in one call: `POST /admin/v1/import`. It is the older road and less careful than making users one by one, so
 * only those take it to whom that makes no difference:
 * - It mails everybody whose address is unverified, or who has neither hash nor link, and texts unverified numbers.
 * - It stores a second factor in a second commit, and between the two the user could log in without.
 * - It takes every hash. One user with each kind of hash goes first and alone, where ZITADEL looks at it.
 */
import type { ImportOutcome, NotStored } from '../connection.ts';
import type { Fitted } from './creating.ts';
import { storedAtOnce } from './creating.ts';
import type { FittingUser } from './fitting.ts';
import { grantBody } from './grant-messages.ts';
import { perProject } from './grants.ts';
import type { Message } from './messages.ts';
import { send } from './messages.ts';
import type { Asking } from './users.ts';

/** Those of one call, whatever organizations they belong to. */
export const CHUNK_USERS = 50;
/** With these, a message of a whole chunk stays below the 4 MiB that gRPC takes. */
const MAX_METADATA_BYTES = 16_384;
/** Of our own limit: ZITADEL gives up before we do, and says so. */
const TIMEOUT_SHARE = 0.8;

export function isBulkable(user: FittingUser): boolean {
  const { email, phone, links, hash, placeholderHash, totpSecret, metadata } = user;
  const bytes = metadata.reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0);
  return (
    email.isVerified &&
    phone?.isVerified !== false &&
    (links.length > 0 || hash !== undefined) &&
    placeholderHash === undefined &&
    totpSecret === undefined &&
    bytes <= MAX_METADATA_BYTES
  );
}

/** The scheme of an encoded hash, by which ZITADEL chooses a verifier. */
export const hashKind = ({ hash = '' }: FittingUser) => /^\$([^$]*)\$/.exec(hash)?.[1] ?? 'bare';

interface At {
  /** Of those who name none. */
  readonly organization: string;
  readonly timeoutMs: number;
}

/** `zitadel.admin.v1.ImportDataRequest` */
export function importData(users: readonly FittingUser[], { organization, timeoutMs }: At): Message {
  const byOrganization = Map.groupBy(users, (user) => user.organization ?? organization);
  const orgs = [...byOrganization].map(([orgId, some]) => orgOf(orgId, some));
  const timeout = `${Math.floor(timeoutMs * TIMEOUT_SHARE)}ms`;
  return { method: 'POST', path: '/admin/v1/import', body: { timeout, dataOrgs: { orgs } } };
}

/** `DataOrg` */
function orgOf(orgId: string, users: readonly FittingUser[]): object {
  return {
    orgId,
    humanUsers: users.map((user) => ({ userId: user.targetUserId, user: importHumanUser(user) })),
    userMetadata: users.flatMap(({ targetUserId: id, metadata }) =>
      metadata.map(([key, value]) => ({ id, key, value: Buffer.from(value).toString('base64') })),
    ),
    userGrants: users.flatMap(({ targetUserId: userId, grants }) =>
      perProject(grants).map((grant) => ({ userId, ...grantBody(grant) })),
    ),
  };
}

/** `zitadel.management.v1.ImportHumanUserRequest` */
function importHumanUser(user: FittingUser): object {
  const { username, givenName, familyName, nickname, displayName, locale, email, phone, hash } = user;
  return {
    userName: username,
    profile: {
      firstName: givenName,
      lastName: familyName,
      ...(nickname && { nickName: nickname }),
      ...(displayName && { displayName }),
      ...(locale && { preferredLanguage: locale }),
    },
    email: { email: email.address, isEmailVerified: email.isVerified },
    ...(phone && { phone: { phone: phone.number, isPhoneVerified: phone.isVerified } }),
    ...(hash !== undefined && { hashedPassword: { value: hash } }),
    idps: user.links.map(({ idpId, userId, userName }) => ({
      configId: idpId,
      externalUserId: userId,
      displayName: userName,
    })),
  };
}

/** `zitadel.admin.v1.ImportDataResponse` */
interface Imported {
  readonly errors?: readonly Row[];
  readonly success?: { readonly orgs?: readonly { readonly humanUserIds?: readonly string[] }[] };
}

interface Row {
  /** `human_user`, `user_metadata`, `user_grant`, …; `org` for every organization that is there already. */
  readonly type?: string;
  /** `<user>`, `<user>_<key>`, `<organization>_<project>_<user>`. */
  readonly id?: string;
  /** `ID=COMMAND-ziuna Message=Errors.User.AlreadyExisting` */
  readonly message?: string;
}

/** One outcome per user, in order; undefined for those who were not taken. Throws ZitadelError. */
export async function importChunk(
  { api, signal }: Asking,
  chunk: readonly Fitted[],
  at: At,
): Promise<readonly (ImportOutcome | undefined)[]> {
  const users = chunk.map(({ user }) => user);
  const { errors = [], success } = await send<Imported>(api, importData(users, at), signal);
  const taken = new Set((success?.orgs ?? []).flatMap(({ humanUserIds = [] }) => humanUserIds));
  return chunk.map(({ user, leftOut }) => {
    const { targetUserId } = user;
    if (!taken.has(targetUserId)) return undefined;
    const refused = errors.flatMap((row) => missingOf(row, targetUserId));
    const grants = user.grants.length === 0 ? [] : (['grants'] as const);
    const stored = [...storedAtOnce(user), ...grants].filter(
      (what) => !refused.some((one) => one.what === what),
    );
    const missing = [...leftOut, ...refused];
    return { kind: 'created', targetUserId, stored, missing };
  });
}

function missingOf({ type, id = '', message = '' }: Row, userId: string): NotStored[] {
  const code = /\bID=([\w.-]+)/.exec(message)?.[1] ?? /\(([\w.-]+)\)$/.exec(message)?.[1] ?? 'import';
  if (type === 'user_metadata' && id.startsWith(`${userId}_`)) return [{ what: 'metadata', code }];
  if (type === 'user_grant' && `_${id}_`.includes(`_${userId}_`)) return [{ what: 'grants', code }];
  return [];
}
