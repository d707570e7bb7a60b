/**
 * ZITADEL has taken somebody back from us and is about to tell its login who it is (response of
 * `RetrieveIdentityProviderIntent`). For somebody it does not know, the answer says which user to make.
 */

import type { TargetUser } from '../connection.ts';
import type { HookCall, TargetHook } from '../hook.ts';
import { fit } from './fitting.ts';
import type { Message } from './hooks-messages.ts';
import { bare, messageOf, readMethodCall, refusal, textOf } from './hooks-messages.ts';
import { addHumanUser } from './messages.ts';

export const INTENT_METHODS = ['UserService/RetrieveIdentityProviderIntent'];

/** Where our userinfo and ID token carry the ticket. */
const TICKET_CLAIM = 'urn:footbridge:ticket';

export const intentHook: TargetHook = {
  name: 'intent',
  summary: 'Somebody comes back from a login here: fills in the user that ZITADEL is about to make.',
  read(payload): HookCall {
    const { response } = readMethodCall(payload, INTENT_METHODS);
    const { idpId, userId, rawInformation } = messageOf(response.idpInformation);
    const [sub, identityProvider] = [textOf(userId), textOf(idpId)];
    const targetUserId = textOf(response.userId);
    const ticket = textOf(messageOf(rawInformation)[TICKET_CLAIM]);
    if (!sub || !identityProvider) return { kind: 'ignored' };
    return {
      kind: 'returned',
      sub,
      identityProvider,
      ...(targetUserId ? { targetUserId } : {}),
      ...(ticket ? { ticket } : {}),
    };
  },
  answer(payload, result) {
    if (result.kind === 'refused') return refusal(result);
    const { response } = readMethodCall(payload, INTENT_METHODS);
    return bare(result.kind === 'go-on-with' ? filled(response, result.user) : response);
  },
};

/**
 * Older logins make the user of `addHumanUser`, and some leave the hash out; newer ones make it of `createUser` as it
 * is. Both are filled where they are there: where neither is, ZITADEL makes nobody.
 */
function filled(response: Message, user: TargetUser): Message {
  const fitting = fit(user, textOf(messageOf(response.idpInformation).idpId));
  if (fitting.kind === 'refused') return response;
  const added = messageOf(addHumanUser(fitting.user).body);
  const { addHumanUser: older, createUser: newer } = response;
  return {
    ...response,
    ...(older === undefined ? {} : { addHumanUser: { ...withoutPassword(messageOf(older)), ...added } }),
    ...(newer === undefined ? {} : { createUser: created(messageOf(newer), added) }),
  };
}

/** `zitadel.user.v2.CreateUserRequest`, of the same as `AddHumanUserRequest`. */
function created(theirs: Message, added: Message): Message {
  const { userId, username, organization, ...human } = added;
  const { orgId } = messageOf(organization);
  return {
    ...theirs,
    ...(orgId === undefined ? {} : { organizationId: orgId }),
    userId,
    username,
    human: { ...withoutPassword(messageOf(theirs.human)), ...human },
  };
}

/** It is one of two: a message with both is none. */
function withoutPassword({ password: _, hashedPassword: __, ...rest }: Message): Message {
  return rest;
}
