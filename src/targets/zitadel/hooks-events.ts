/**
 * What has happened at ZITADEL: events, delivered once or twice or too late or in another order, and sometimes never.
 * So they only say where to look; what is done is up to how it is there by then.
 */
import { z } from 'zod';
import { foreignJson } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';
import type { HookCall, TargetHook } from '../hook.ts';
import type { Message } from './hooks-messages.ts';
import { messageOf, textOf } from './hooks-messages.ts';
import type { Happened } from './user-events.ts';
import { changeIn, sequenceOf, USER_EVENTS, userEvent } from './user-events.ts';

const event = z.looseObject({
  aggregateID: z.string().min(1).max(200),
  aggregateType: z.string(),
  event_type: z.string(),
  sequence: z.unknown().optional(),
  /** Who did it, not whom it was done to. */
  userID: z.string().max(200).optional(),
  /** RFC 3339. */
  created_at: z.string().max(64).optional(),
  event_payload: z.unknown().optional(),
});

const linked = ({ aggregateId: id, payload }: Happened) => {
  const sub = textOf(payload.userId);
  const identityProvider = textOf(payload.idpConfigId) ?? textOf(payload.idpId);
  return { targetUserId: id, ...(sub ? { sub } : {}), ...(identityProvider ? { identityProvider } : {}) };
};
const done = ({ aggregateId: id, editor }: Happened) => ({ targetUserId: id, ...(editor ? { editor } : {}) });

/**
 * Somebody has proved in a session who they are. Whose it is stands in an earlier event: a name typed at the login page
 * makes a session its user's before anything is proved, and such a session is nobody's yet.
 */
const proved = ({ aggregateId: id, payload, createdAt, editor }: Happened): HookCall => ({
  kind: 'session-started',
  targetSessionId: id,
  provedAt: secondsOf(payload.checkedAt) ?? secondsOf(createdAt) ?? Math.floor(Date.now() / 1_000),
  ...(editor && { editor }),
});

function named({ aggregateId: id, payload, editor }: Happened): HookCall {
  const targetUserId = textOf(payload.userID);
  return targetUserId === undefined
    ? { kind: 'ignored' }
    : { kind: 'session-started', targetSessionId: id, targetUserId, ...(editor && { editor }) };
}

/** At Login V1, whose sessions have no events of their own; newer releases name the session. */
const signedOut = ({ aggregateId: id, editor, payload }: Happened): HookCall => {
  const targetSessionId = textOf(payload.sessionID);
  return {
    kind: 'session-ended',
    targetUserId: id,
    ...(targetSessionId && { targetSessionId }),
    ...(editor && { editor }),
  };
};

/** By aggregate type and event type. */
const MEANINGS: Readonly<Record<'user' | 'session', Meanings>> = {
  user: {
    'user.human.added': ({ aggregateId: id }) => ({ kind: 'linked', targetUserId: id }),
    'user.human.externalidp.added': (happened) => ({ kind: 'linked', ...linked(happened) }),
    'user.human.externalidp.removed': (happened) => ({ kind: 'unlinked', ...linked(happened) }),
    'user.human.externalidp.cascade.removed': (happened) => ({ kind: 'unlinked', ...linked(happened) }),
    'user.idp.link.added': (happened) => ({ kind: 'linked', ...linked(happened) }),
    'user.idp.link.removed': (happened) => ({ kind: 'unlinked', ...linked(happened) }),
    'user.human.password.changed': (happened) => ({ kind: 'password-set', ...done(happened) }),
    'user.human.password.check.succeeded': ({ aggregateId: id }) => ({ kind: 'logged-in', targetUserId: id }),
    'user.human.signed.out': signedOut,
    'user.deactivated': (happened) => ({ kind: 'deactivated', ...done(happened) }),
    'user.reactivated': (happened) => ({ kind: 'reactivated', ...done(happened) }),
    'user.removed': (happened) => ({ kind: 'removed', ...done(happened) }),
  },
  session: {
    'session.user.checked': named,
    'session.password.checked': proved,
    'session.intent.checked': proved,
    'session.webAuthN.checked': proved,
    'session.terminated': ({ aggregateId: id, editor }) => ({
      kind: 'session-ended',
      targetSessionId: id,
      ...(editor && { editor }),
    }),
  },
};
type Meanings = Readonly<Record<string, (happened: Happened) => HookCall>>;

/** Those that tell of sessions: of no use to whom sessions are all the same. */
export const SESSION_EVENTS: readonly string[] = [...Object.keys(MEANINGS.session), 'user.human.signed.out'];

/**
 * Those to be told of; releases name them differently. A user that is made with a link has an event of the link too, and
 * without one there is nothing for us to do.
 */
export const EVENT_TYPES: readonly string[] = [
  ...Object.keys(MEANINGS.user),
  ...Object.keys(MEANINGS.session),
].filter((type) => type !== 'user.human.added');

/** Those that only sync is to be told of besides. */
export const SYNC_EVENTS: readonly string[] = USER_EVENTS.filter((type) => !EVENT_TYPES.includes(type));

export const eventsHook: TargetHook = {
  name: 'events',
  summary: 'Something has happened to a user or a session at ZITADEL.',
  read(payload) {
    const happened = happenedIn(payload);
    const meaning = meaningOf(happened);
    if (meaning) return meaning(happened);
    return { kind: changeIn(happened) ? 'changed' : 'ignored' };
  },
  async event(payload, connection) {
    return userEvent(happenedIn(payload), async (grantId) => connection?.userIdByGrant?.(grantId));
  },
  // Nobody reads the body. An outage is told as one: there is nobody whom a refusal would help.
  answer: (_, result) => ({ status: result.kind === 'refused' ? 503 : 200, body: {} }),
};

function meaningOf({ aggregateType, type }: Pick<Happened, 'aggregateType' | 'type'>) {
  const meanings = aggregateType === 'user' || aggregateType === 'session' ? MEANINGS[aggregateType] : {};
  return Object.hasOwn(meanings, type) ? meanings[type] : undefined;
}

/** Throws bad_request. */
function happenedIn(message: unknown): Happened {
  const { success, data } = event.safeParse(message);
  if (!success) throw new FootbridgeError('bad_request', { detail: 'not an event' });
  const { aggregateType, event_type: type } = data;
  // What is nothing to us is not looked into.
  const isOfUse = meaningOf({ aggregateType, type }) || changeIn({ aggregateType, type });
  return {
    aggregateType,
    aggregateId: data.aggregateID,
    type,
    sequence: sequenceOf(data.sequence),
    createdAt: data.created_at,
    editor: data.userID,
    payload: isOfUse ? payloadOf(data.event_payload) : {},
  };
}

/** An object, or the base64 of one in older releases. May hold a password's hash. Not every event has one. */
function payloadOf(value: unknown): Message {
  if (typeof value !== 'string' || value === '') return messageOf(value);
  try {
    return messageOf(foreignJson(Buffer.from(value, 'base64').toString('utf8')));
  } catch {
    throw new FootbridgeError('bad_request', { detail: 'the event’s payload is not JSON' });
  }
}

/** Of an RFC 3339 time, and not of the time to come. */
function secondsOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' && value.length <= 64 ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.floor(Math.min(ms, Date.now()) / 1_000);
}
