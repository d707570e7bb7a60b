/**
 * Whether a password is somebody's, by logging in with it as an app without a browser does. Only a session of that very
 * identity proves it, and only one message says that it is wrong. Kratos asks for second factors after it has made the session.
 */
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { TargetSession } from '../connection.ts';
import type { Exchanged } from '../exchange.ts';
import type { Identity } from './identity.ts';
import { hasPassword } from './identity.ts';
import { errorOf, KratosError } from './kratos-error.ts';
import type { PublicApi } from './public-api.ts';
import type { Users } from './users.ts';

export interface Checking {
  readonly login: Pick<PublicApi, 'logIn'>;
  readonly users: Pick<Users, 'byId'>;
  readonly sessionById: (id: string) => Promise<TargetSession | undefined>;
  readonly endSession: (id: string) => Promise<void>;
}

/** Throws KratosError, and target_refused where neither answer would be proved. */
export async function checkPassword(work: Checking, id: string, password: Secret): Promise<boolean> {
  const identity = await work.users.byId(id);
  if (!identity)
    throw new KratosError({ status: 404, isGone: true, message: 'the identity is not there any more' });
  const identifier = identity.credentials?.password?.identifiers?.[0];
  // With the mark in a password's place Kratos would ask us, and there is none there yet.
  if (!hasPassword(identity) || identifier === undefined) return false;
  // Asked before: the answer is then the same for every password.
  if (identity.state === 'inactive') throw untold('is deactivated');
  const text = password.reveal();
  if (text === '') return false;
  const answer = await work.login.logIn(identifier, text);
  if (answer.status === 200) return proved(work, answer, identity);
  if (isWrong(answer)) return false;
  throw refusal(answer);
}

const untold = (why: string) =>
  new FootbridgeError('target_refused', { detail: `kratos tells of no password: this identity ${why}` });

interface LoginAnswer {
  /** Without its identity where a second factor is still wanted. */
  readonly session?: { readonly id?: unknown; readonly identity?: { readonly id?: unknown } | null };
  readonly ui?: {
    readonly messages?: unknown;
    readonly nodes?: unknown;
  };
}
const documentOf = ({ document }: Exchanged) => (document ?? {}) as LoginAnswer;

/** The login name may have become another person's meanwhile. */
async function proved(work: Checking, answer: Exchanged, identity: Identity): Promise<boolean> {
  const { session } = documentOf(answer);
  if (typeof session?.id !== 'string')
    throw new KratosError({ status: 200, isStrange: true, message: 'a login answers without a session' });
  const whose = session.identity?.id ?? (await work.sessionById(session.id))?.targetUserId;
  // Where it stays, it ends by itself: what was proved is proved.
  await work.endSession(session.id).catch(() => undefined);
  if (whose === identity.id) return true;
  throw new FootbridgeError('target_refused', { detail: 'kratos: the login name is another person’s' });
}

/** `ErrorValidationInvalidCredentials` of its `text` package. */
const INVALID_CREDENTIALS = 4_000_006;

const messagesOf = (answer: Exchanged): readonly { readonly id?: unknown }[] => {
  const { messages } = documentOf(answer).ui ?? {};
  return Array.isArray(messages) ? messages : [];
};
const isWrong = (answer: Exchanged) =>
  answer.status === 400 && messagesOf(answer).some(({ id }) => id === INVALID_CREDENTIALS);

/** Messages have numbers, which say what is the matter, as 4000010: the address has to be verified first. */
function refusal(answer: Exchanged): Error {
  const { status, document, retryAfterSeconds } = answer;
  const numbers = messagesOf(answer).flatMap(({ id }) => (typeof id === 'number' ? [id] : []));
  // The flow is over: another one may do.
  if (status === 410) return new KratosError({ status: 0, message: 'a login flow has expired' });
  const error = errorOf(status, document, { what: 'a login with a password', retryAfterSeconds });
  if (error.isTemporary) return error;
  const said = numbers.length > 0 ? `${error.message} (${numbers.join(', ')})` : error.message;
  return new FootbridgeError('target_refused', { detail: `kratos: ${said}: see kratos.publicUrl` });
}
