/** What ZITADEL calls at us: Actions V2 around its API's methods, its events, and the scripts of Actions V1. */
import { randomUUID } from 'node:crypto';
import { Secret } from '../../settings.ts';
import type { HookCall, TargetHook } from '../hook.ts';
import type { TargetEvent } from '../webhook.ts';
import { EVENT_TYPES, eventsHook, SYNC_EVENTS } from './hooks-events.ts';
import { INTENT_METHODS, intentHook } from './hooks-intent.ts';
import type { MethodCall } from './hooks-messages.ts';
import { bare, messageOf, readMethodCall, stringOf, textOf } from './hooks-messages.ts';
import { scriptHook } from './hooks-script.ts';
import { SESSION_METHODS, sessionHook } from './hooks-session.ts';
import { sequenceOf } from './user-events.ts';

const PASSWORD_METHODS = ['UserService/SetPassword'];
const LOOKUP_METHODS = ['UserService/ListUsers'];

const passwordHook: TargetHook = {
  name: 'password',
  summary: 'A password was set at ZITADEL: from now on it is the person’s.',
  read(payload): HookCall {
    const { request, caller } = readMethodCall(payload, PASSWORD_METHODS);
    const targetUserId = textOf(request.userId);
    if (!targetUserId) return { kind: 'ignored' };
    return { kind: 'password-set', targetUserId, ...(caller && { editor: caller }) };
  },
  event: async (payload) => passwordEvent(readMethodCall(payload, PASSWORD_METHODS)),
  // It is set already: nothing of ours may make it look as if it were not.
  answer: (payload) => (payload ? bare(readMethodCall(payload, PASSWORD_METHODS).response) : NOT_NOW),
};

/** The new password itself, which the event of the same change tells only the hash of, so it has an id of its own. */
function passwordEvent({ method, caller, request, response }: MethodCall): TargetEvent | undefined {
  const targetUserId = textOf(request.userId);
  const password = stringOf(messageOf(request.newPassword).password);
  if (targetUserId === undefined || password === undefined) return undefined;
  const { sequence, changeDate } = messageOf(response.details);
  const at = new Date(textOf(changeDate) ?? Number.NaN);
  const when = sequenceOf(sequence) ?? textOf(changeDate);
  return {
    id: `${targetUserId}:${method}:${when ?? randomUUID()}`,
    name: method,
    about: {
      ...{ kind: 'user', targetUserId, change: 'password', password: new Secret(password) },
      ...(caller && { editor: caller }),
    },
    at: Number.isNaN(at.getTime()) ? new Date() : at,
  };
}

const lookupHook: TargetHook = {
  name: 'lookup',
  summary: 'Somebody is looked for at ZITADEL: only counts.',
  read(payload): HookCall {
    const { request, response } = readMethodCall(payload, LOOKUP_METHODS);
    const login = loginIn(request.queries);
    const found = Array.isArray(response.result) && response.result.length > 0;
    return login === undefined ? { kind: 'ignored' } : { kind: 'lookup', login, found };
  },
  answer: (payload) => (payload ? bare(readMethodCall(payload, LOOKUP_METHODS).response) : NOT_NOW),
};

/** Before the message is read there is none to give back. */
const NOT_NOW = { status: 503, body: {} };

/** How deep ZITADEL's queries may be nested before we stop looking. */
const MAX_DEPTH = 4;

/** The first name that somebody is looked for by. */
function loginIn(queries: unknown, depth = 0): string | undefined {
  if (!Array.isArray(queries) || depth > MAX_DEPTH) return undefined;
  for (const query of queries.map(messageOf)) {
    const { loginNameQuery, userNameQuery, emailQuery, orQuery, andQuery } = query;
    const name =
      textOf(messageOf(loginNameQuery).loginName) ??
      textOf(messageOf(userNameQuery).userName) ??
      textOf(messageOf(emailQuery).emailAddress) ??
      loginIn(messageOf(orQuery).queries, depth + 1) ??
      loginIn(messageOf(andQuery).queries, depth + 1);
    if (name !== undefined) return name;
  }
  return undefined;
}

export const zitadelHooks: readonly TargetHook[] = [
  intentHook,
  sessionHook,
  passwordHook,
  lookupHook,
  eventsHook,
  scriptHook,
];

/** When ZITADEL has to call which hook; `Service/Method`s without the version of their package. */
export const HOOK_CONDITIONS = {
  intent: { response: INTENT_METHODS },
  session: { request: SESSION_METHODS },
  password: { response: PASSWORD_METHODS },
  lookup: { response: LOOKUP_METHODS },
  events: { event: [...EVENT_TYPES, ...SYNC_EVENTS] },
} as const;
