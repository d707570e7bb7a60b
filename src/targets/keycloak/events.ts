/**
 * What Keycloak tells of its users, in the words of its Admin REST API (`EventRepresentation`, `AdminEventRepresentation`)
 * and of the extension that sends them (p2-inc/keycloak-events: one kind of event, `access.…` or `admin.…`). What an event
 * says has become of somebody is not believed: only of whom it is.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { TargetEvent } from '../webhook.ts';

type About = TargetEvent['about'];
type UserChange = Extract<About, { readonly kind: 'user' }>['change'];

/** `EventType` → what has changed. The realm has to store all of them. */
export const USER_EVENTS: Readonly<Record<string, UserChange>> = {
  REGISTER: 'changed',
  UPDATE_PROFILE: 'changed',
  UPDATE_EMAIL: 'changed',
  VERIFY_EMAIL: 'changed',
  VERIFY_PROFILE: 'changed',
  FEDERATED_IDENTITY_LINK: 'changed',
  REMOVE_FEDERATED_IDENTITY: 'changed',
  USER_DISABLED_BY_PERMANENT_LOCKOUT: 'changed',
  UPDATE_PASSWORD: 'password',
  RESET_PASSWORD: 'password',
  UPDATE_CREDENTIAL: 'password',
  REMOVE_CREDENTIAL: 'changed',
  DELETE_ACCOUNT: 'removed',
};
/** These are about any credential, and say which. */
const OF_A_CREDENTIAL = new Set(['UPDATE_CREDENTIAL', 'REMOVE_CREDENTIAL']);

/** `ResourceType`s that are about users. */
export const ADMIN_RESOURCES = ['USER', 'REALM_ROLE_MAPPING', 'CLIENT_ROLE_MAPPING'] as const;

const text = z.string().min(1).max(255);
const details = z.record(z.string(), z.unknown()).nullish();
/** Milliseconds since the epoch, as a Date can have them. */
const time = z.int().min(0).max(8.64e15);
const optional = text.nullish().catch(undefined);

const userEvent = z.object({ id: optional, time, type: text, userId: optional, details });
const authDetails = z.object({ userId: optional }).nullish().catch(undefined);
const adminEvent = z.object({
  id: optional,
  time,
  operationType: text,
  resourceType: text,
  resourcePath: z.string().max(2_000).nullish(),
  authDetails,
});
const sentEvent = z.object({
  id: optional,
  /** Of the sending; the same at each try of it. */
  uid: optional,
  time,
  type: text,
  realmName: z.string().max(255).nullish(),
  operationType: optional,
  resourceType: optional,
  resourcePath: z.string().max(2_000).nullish(),
  authDetails,
  details,
});

/** Undefined for what is none of an event of a user's own doing. */
export function fromUserEvent(document: unknown): TargetEvent | undefined {
  const { success, data } = userEvent.safeParse(document);
  if (!success) return undefined;
  const { type, userId, details: more } = data;
  return eventOf(data, `access.${type}`, ownDoing(type, userId, more));
}

/** Undefined for what is none of an administrator's doing. */
export function fromAdminEvent(document: unknown): TargetEvent | undefined {
  const { success, data } = adminEvent.safeParse(document);
  if (!success) return undefined;
  return eventOf(data, `admin.${data.resourceType}-${data.operationType}`, othersDoing(data));
}

/** What the extension sends; undefined for what is no event. `realm` by its name. */
export function fromSentEvent(document: unknown, realm: string | undefined): TargetEvent | undefined {
  const { success, data } = sentEvent.safeParse(document);
  if (!success) return undefined;
  const { type, id, uid, realmName, operationType, resourceType, authDetails: by, details: more } = data;
  const known = { ...data, id: id ?? uid };
  if (realm !== undefined && realmName && realmName !== realm) return eventOf(known, type, NOTHING);
  if (type.startsWith('access.')) {
    return eventOf(known, type, ownDoing(type.slice('access.'.length), by?.userId, more));
  }
  if (!type.startsWith('admin.') || !resourceType || !operationType) return eventOf(known, type, NOTHING);
  return eventOf(known, type, othersDoing({ ...data, resourceType, operationType }));
}

const NOTHING: About = { kind: 'nothing-of-ours' };

interface Known {
  readonly id?: string | null | undefined;
  readonly time: number;
}

/** Older versions give their events no id: then it is a digest of the event. */
function eventOf(known: Known, name: string, about: About): TargetEvent {
  const { id, time: at } = known;
  const digest = () => createHash('sha256').update(JSON.stringify(known)).digest('base64url');
  return { id: id ?? digest(), name, about, at: new Date(at) };
}

type Details = z.output<typeof details>;
function ownDoing(type: string, userId: string | null | undefined, more: Details): About {
  const change = Object.hasOwn(USER_EVENTS, type) ? USER_EVENTS[type] : undefined;
  if (change === undefined || !userId) return NOTHING;
  if (OF_A_CREDENTIAL.has(type) && more?.credential_type !== 'password') return NOTHING;
  return { kind: 'user', targetUserId: userId, change, editor: userId };
}

type OthersDoing = Pick<
  z.output<typeof adminEvent>,
  'operationType' | 'resourceType' | 'resourcePath' | 'authDetails'
>;

const PATH = /^users\/([^/?#]{1,255})(?:\/(.*))?$/;
/** What an administrator does below `users/<id>` and what changes nobody. */
const NO_CHANGE =
  /^(?:execute-actions-email|send-verify-email|reset-password-email|logout|impersonation|consents\b)/;

function othersDoing({ resourceType, operationType, resourcePath, authDetails: by }: OthersDoing): About {
  const [, targetUserId, below = ''] = PATH.exec(resourcePath ?? '') ?? [];
  const isOfUsers = ADMIN_RESOURCES.some((one) => one === resourceType);
  if (!isOfUsers || targetUserId === undefined || NO_CHANGE.test(below)) return NOTHING;
  const editor = by?.userId;
  const change = changeOf(below, operationType);
  return { kind: 'user', targetUserId, change, ...(editor && { editor }) };
}

/**
 * A password that comes with a whole user (`PUT users/<id>`) cannot be told from another change: Keycloak leaves
 * credentials out of what it stores.
 */
function changeOf(below: string, operationType: string): UserChange {
  if (below === '' && operationType === 'DELETE') return 'removed';
  return below === 'reset-password' ? 'password' : 'changed';
}
