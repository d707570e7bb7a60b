/** What the calls of Actions V2 have in common, and how they are answered. */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { HookAnswer, HookResult } from '../hook.ts';

/** A protobuf message as JSON; nothing of it is lost on the way back. */
export type Message = Readonly<Record<string, unknown>>;

const message = z.record(z.string(), z.unknown());
const methodCall = z.looseObject({
  fullMethod: z.string(),
  userID: z.string().optional(),
  request: message.optional(),
  response: message.optional(),
});

/** A call around one method of ZITADEL's API, before it (`request`) or after it (`request` and `response`). */
export interface MethodCall {
  readonly method: string;
  /** The user who calls it. */
  readonly caller?: string;
  readonly request: Message;
  readonly response: Message;
}

/**
 * `methods`: `Service/Method`s of whatever package version. Throws bad_request for a call of any other: a signature
 * does not say which hook it was made for.
 */
export function readMethodCall(payload: unknown, methods: readonly string[]): MethodCall {
  const { success, data } = methodCall.safeParse(payload);
  const [, method] = /^\/zitadel\.[\w.]+\.(\w+\/\w+)$/.exec(data?.fullMethod ?? '') ?? [];
  if (!success || !method || !methods.includes(method))
    throw new FootbridgeError('bad_request', { detail: 'not a call that this hook is for' });
  const { userID, request = {}, response = {} } = data;
  return { method, ...(userID && { caller: userID }), request, response };
}

/** The member of a message as text; undefined where there is none. */
/** As it is: a password may hold anything. */
export const stringOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

// PostgreSQL stores no NUL, and no other control character belongs into a name.
const CONTROL = /[\u0000-\u001f\u007f]/;
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && !CONTROL.test(value) ? value : undefined;

/** The member of a message as message; empty where there is none. */
export const messageOf = (value: unknown): Message =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Message) : {};

/** The bare message: an envelope or an unknown field breaks the call, and so does nothing at all. */
export const bare = (body: Message): HookAnswer => ({ status: 200, body });

type Refusal = Extract<HookResult, { kind: 'refused' }>;

/**
 * What each reason becomes at ZITADEL: 400 InvalidArgument, as for its own wrong passwords; 403 PermissionDenied;
 * 429 ResourceExhausted. Whatever is not between 400 and 499 becomes FailedPrecondition: the person may try again.
 * Between them, what is not in ZITADEL's table becomes Unknown, which its login takes for a fault of its own.
 */
const REFUSALS: Record<Refusal['reason'], readonly [status: number, sentence: string]> = {
  'wrong-password': [400, 'The password is not right.'],
  disabled: [403, 'This user is disabled.'],
  throttled: [429, 'Too many attempts.'],
  'legacy-down': [503, 'The password cannot be checked at the moment.'],
};

/** HTTP 200, or ZITADEL would not look at the rest. */
export function refusal({ reason, retryAfterSeconds }: Refusal): HookAnswer {
  const [forwardedStatusCode, sentence] = REFUSALS[reason];
  const again = retryAfterSeconds === undefined ? '' : ` Try again in ${retryAfterSeconds} seconds.`;
  return { status: 200, body: { forwardedStatusCode, forwardedErrorMessage: sentence + again } };
}
