/**
 * What has happened at ZITADEL: events, delivered once or twice or too late or in another order, and sometimes never.
 * So they only say where to look; what is done is up to how it is there by then.
 */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { HookCall, TargetHook } from '../hook.ts';
import type { Message } from './hooks-messages.ts';
import { messageOf, textOf } from './hooks-messages.ts';

const event = z.looseObject({
  aggregateID: z.string().min(1).max(200),
  aggregateType: z.string(),
  event_type: z.string(),
  /** Who did it, not whom it was done to. */
  userID: z.string().optional(),
  event_payload: z.unknown().optional(),
});

interface Happened {
  readonly targetUserId: string;
  readonly editor?: string;
  readonly payload: Message;
}

const linked = ({ targetUserId, payload }: Happened) => {
  const sub = textOf(payload.userId);
  const identityProvider = textOf(payload.idpConfigId) ?? textOf(payload.idpId);
  return { targetUserId, ...(sub ? { sub } : {}), ...(identityProvider ? { identityProvider } : {}) };
};
const done = ({ targetUserId, editor }: Happened) => ({ targetUserId, ...(editor ? { editor } : {}) });

const MEANINGS: Readonly<Record<string, (happened: Happened) => HookCall>> = {
  'user.human.added': ({ targetUserId }) => ({ kind: 'linked', targetUserId }),
  'user.human.externalidp.added': (happened) => ({ kind: 'linked', ...linked(happened) }),
  'user.human.externalidp.removed': (happened) => ({ kind: 'unlinked', ...linked(happened) }),
  'user.human.externalidp.cascade.removed': (happened) => ({ kind: 'unlinked', ...linked(happened) }),
  'user.idp.link.added': (happened) => ({ kind: 'linked', ...linked(happened) }),
  'user.idp.link.removed': (happened) => ({ kind: 'unlinked', ...linked(happened) }),
  'user.human.password.changed': ({ targetUserId }) => ({ kind: 'password-set', targetUserId }),
  'user.human.password.check.succeeded': ({ targetUserId }) => ({ kind: 'logged-in', targetUserId }),
  'user.deactivated': (happened) => ({ kind: 'deactivated', ...done(happened) }),
  'user.reactivated': (happened) => ({ kind: 'reactivated', ...done(happened) }),
  'user.removed': (happened) => ({ kind: 'removed', ...done(happened) }),
};

/**
 * Those to be told of; releases name them differently. A user that is made with a link has an event of the link too, and
 * without one there is nothing for us to do.
 */
export const EVENT_TYPES: readonly string[] = Object.keys(MEANINGS).filter(
  (type) => type !== 'user.human.added',
);

export const eventsHook: TargetHook = {
  name: 'events',
  summary: 'Something has happened to a user at ZITADEL.',
  read(payload) {
    const { success, data } = event.safeParse(payload);
    if (!success) throw new FootbridgeError('bad_request', { detail: 'not an event' });
    const { aggregateID, aggregateType, event_type: type, userID, event_payload } = data;
    const meaning = Object.hasOwn(MEANINGS, type) ? MEANINGS[type] : undefined;
    if (aggregateType !== 'user' || !meaning) return { kind: 'ignored' };
    const editor = userID ? { editor: userID } : {};
    return meaning({ targetUserId: aggregateID, ...editor, payload: payloadOf(event_payload) });
  },
  // Nobody reads the body. An outage is told as one: there is nobody whom a refusal would help.
  answer: (_, result) => ({ status: result.kind === 'refused' ? 503 : 200, body: {} }),
};

/** An object, or the base64 of one in older releases. May hold a password's hash: it goes nowhere. */
function payloadOf(value: unknown): Message {
  if (typeof value !== 'string') return messageOf(value);
  try {
    return messageOf(JSON.parse(Buffer.from(value, 'base64').toString('utf8')));
  } catch {
    throw new FootbridgeError('bad_request', { detail: 'the event’s payload is not JSON' });
  }
}
