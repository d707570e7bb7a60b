/** A password is typed at ZITADEL (request of `CreateSession` and `SetSession`), which has not looked at it yet. */
import { isIP } from 'node:net';
import type { HookCall, TargetHook } from '../hook.ts';
import { bare, messageOf, readMethodCall, refusal, stringOf, textOf } from './hooks-messages.ts';
import { CHECK_MARK } from './session-messages.ts';

export const SESSION_METHODS = ['SessionService/CreateSession', 'SessionService/SetSession'];

export const sessionHook: TargetHook = {
  name: 'session',
  summary: 'A password was typed at ZITADEL: checks it here for people whose password is not there yet.',
  read(payload): HookCall {
    const { request } = readMethodCall(payload, SESSION_METHODS);
    const { user, password: check } = messageOf(request.checks);
    const password = stringOf(messageOf(check).password);
    // We ask ourselves whether it is theirs at ZITADEL: only ZITADEL can say so, and to it the mark opens nothing.
    const isOurs = messageOf(request.metadata)[CHECK_MARK] !== undefined;
    if (password === undefined || isOurs) return { kind: 'ignored' };
    const { userId, loginName } = messageOf(user);
    const [targetUserId, login, targetSessionId] = [userId, loginName, request.sessionId].map(textOf);
    const address = textOf(messageOf(request.userAgent).ip);
    return {
      kind: 'typed',
      password,
      ...(targetUserId ? { targetUserId } : {}),
      ...(login ? { login } : {}),
      ...(targetSessionId ? { targetSessionId } : {}),
      ...(address && isIP(address) ? { network: address } : {}),
    };
  },
  answer(payload, result) {
    if (result.kind === 'refused') return refusal(result);
    return bare(readMethodCall(payload, SESSION_METHODS).request);
  },
};
