/**
 * What has become of a user, for sync: the same event told by the hook and read again from the list of events is the same
 * here, id and all, so that it counts once. Names and payloads: `internal/repository/{user,usergrant}` of ZITADEL's source.
 */
import { Secret } from '../../settings.ts';
import type { TargetEvent } from '../webhook.ts';
import type { Message } from './hooks-messages.ts';
import { textOf } from './hooks-messages.ts';

/** An event, wherever it was read. */
export interface Happened {
  readonly aggregateType: string;
  readonly aggregateId: string;
  readonly type: string;
  /** Counts the events of the aggregate; of all aggregates in older releases. */
  readonly sequence?: string | undefined;
  /** RFC 3339. */
  readonly createdAt?: string | undefined;
  /** Who did it, not whom it was done to. */
  readonly editor?: string | undefined;
  readonly payload: Message;
}

type Change = Extract<TargetEvent['about'], { kind: 'user' }>['change'];

const CHANGES: Readonly<Record<string, Readonly<Record<string, Change>>>> = {
  user: {
    'user.human.added': 'changed',
    'user.human.selfregistered': 'changed',
    'user.human.initialization.check.succeeded': 'changed',
    'user.human.profile.changed': 'changed',
    'user.human.email.changed': 'changed',
    'user.human.email.verified': 'changed',
    'user.human.phone.changed': 'changed',
    'user.human.phone.verified': 'changed',
    'user.human.phone.removed': 'changed',
    'user.human.password.changed': 'password',
    'user.username.changed': 'changed',
    // An organization has proved that a domain is its own: other people's names in it are changed.
    'user.domain.claimed': 'changed',
    'user.human.externalidp.added': 'changed',
    'user.human.externalidp.removed': 'changed',
    'user.human.externalidp.cascade.removed': 'changed',
    'user.idp.link.added': 'changed',
    'user.idp.link.removed': 'changed',
    'user.locked': 'changed',
    'user.unlocked': 'changed',
    'user.deactivated': 'changed',
    'user.reactivated': 'changed',
    'user.removed': 'removed',
  },
  usergrant: {
    'user.grant.added': 'changed',
    'user.grant.changed': 'changed',
    'user.grant.cascade.changed': 'changed',
    'user.grant.removed': 'changed',
    'user.grant.cascade.removed': 'changed',
    'user.grant.deactivated': 'changed',
    'user.grant.reactivated': 'changed',
  },
};

/** `ListEventsRequest` takes 30 names at most. */
export const USER_EVENTS: readonly string[] = Object.values(CHANGES).flatMap(Object.keys);
export const USER_AGGREGATES: readonly string[] = Object.keys(CHANGES);
/** A grant's first event, the only one that says whose it is. */
export const GRANT_ADDED = 'user.grant.added';

/** Whose a grant is; undefined where nobody can tell. */
export type UserOfGrant = (grantId: string) => Promise<string | undefined>;

/** Whether it is one of these; then `userEvent` may still find nobody whom it is about. */
export function changeIn({ aggregateType, type }: Pick<Happened, 'aggregateType' | 'type'>) {
  const changes = Object.hasOwn(CHANGES, aggregateType) ? CHANGES[aggregateType]! : {};
  return Object.hasOwn(changes, type) ? changes[type] : undefined;
}

/** Undefined for what is nothing to sync, and for a grant of which nobody can tell whose it is. */
export async function userEvent(
  happened: Happened,
  userOfGrant: UserOfGrant,
): Promise<TargetEvent | undefined> {
  const change = changeIn(happened);
  if (!change) return undefined;
  const { aggregateType, aggregateId, type, createdAt, editor, payload } = happened;
  const isGrant = aggregateType === 'usergrant';
  const targetUserId = isGrant ? (textOf(payload.userId) ?? (await userOfGrant(aggregateId))) : aggregateId;
  if (targetUserId === undefined) return undefined;
  const hash = change === 'password' ? hashIn(payload) : undefined;
  return {
    id: idOf(happened),
    name: type,
    about: { kind: 'user', targetUserId, change, ...(editor && { editor }), ...(hash && { hash }) },
    at: timeOf(createdAt),
  };
}

/** Without its number, which every release tells, it is told apart by what it is and when. */
export const idOf = ({ aggregateId, sequence, type, createdAt }: Omit<Happened, 'payload'>): string =>
  sequence === undefined ? `${aggregateId}:${type}:${createdAt ?? ''}` : `${aggregateId}:${sequence}`;

/** An uint64, which JSON has as a number or as text. */
export function sequenceOf(value: unknown): string | undefined {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  return /^\d{1,20}$/.test(text) ? text : undefined;
}

/** In passwap's notation; older releases put something encrypted elsewhere in the payload. */
const HASH = /^[\x21-\x7e]{1,1000}$/;

function hashIn({ encodedHash }: Message): Secret | undefined {
  return typeof encodedHash === 'string' && HASH.test(encodedHash) ? new Secret(encodedHash) : undefined;
}

/** Now, where it does not say. */
function timeOf(text: string | undefined): Date {
  const at = new Date(text ?? Number.NaN);
  return Number.isNaN(at.getTime()) ? new Date() : at;
}
