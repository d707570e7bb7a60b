/** Changes as messages: each known as the same when it comes again, and taken down once more for `replay`. */
import { createHash } from 'node:crypto';
import { FootbridgeError } from '../../errors.ts';
import type { Change, Hint } from './change-queue.ts';
import { hintOf } from './hints.ts';
import type { Nats } from './nats-connection.ts';
import type { Message } from './nats-partitions.ts';
import type { Names } from './nats-streams.ts';
import { keyOf } from './nats-streams.ts';

export interface Identified {
  /** The `Nats-Msg-Id` (ADR-4): within the duplicate window the stream takes the same one once. */
  readonly id: string;
  readonly body: Message;
}

/** What is kept of what was heard. */
export type Logged = Pick<Message, 'target' | 'person' | 'hint'>;

/** Published and not answered yet; as many are one message of the log. */
const AT_ONCE = 250;
const MAX_TEXT = 500;
/** A password that is sealed is the longest of it. */
const MAX_HINT = 16 * 1024;

/** Throws bad_request for what cannot be stored. */
export function identified(change: Change): Identified {
  const { source, id, target, person, lane } = change;
  const hint = hintOf(change.hint, Date.now());
  if (!isStorable(id) || !isStorable(person) || JSON.stringify(hint).length > MAX_HINT)
    throw new FootbridgeError('bad_request', { detail: 'a change with an id, person or hint that is none' });
  return { id: messageId('change', source, id, target), body: { target, person, lane, hint } };
}

const isStorable = (text: string) =>
  text !== '' && text.length <= MAX_TEXT && !text.includes('\0') && text.isWellFormed();

export const messageId = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url');

/** How many were new. What of it was stored before an outage is not new when it is put again. */
export async function publish(
  { js }: Nats,
  names: Names,
  { messages, isLogged }: { readonly messages: readonly Identified[]; readonly isLogged: boolean },
): Promise<number> {
  const publishOne = ({ id: msgID, body }: Identified) => {
    const partition = names.partitionOf(keyOf(body.target, body.person));
    return js.publish(names.changeSubject(body.target, body.lane, partition), JSON.stringify(body), {
      msgID,
    });
  };
  let isNew = 0;
  for (let at = 0; at < messages.length; at += AT_ONCE) {
    const some = messages.slice(at, at + AT_ONCE);
    const log = isLogged ? [js.publish(names.heardSubject, JSON.stringify(some.map(loggedOf)))] : [];
    const [answers] = await Promise.all([Promise.all(some.map(publishOne)), ...log]);
    isNew += answers.filter(({ duplicate }) => !duplicate).length;
  }
  return isNew;
}

/** Without a password: what is replayed is looked at, and not believed. */
function loggedOf({ body: { target, person, hint } }: Identified): Logged {
  const { sealedPassword: _, ...moments } = hint;
  return { target, person, hint: moments satisfies Hint };
}
