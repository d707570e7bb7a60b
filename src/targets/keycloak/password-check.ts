/**
 * Whether a password is somebody's, by logging in with it as a client of its own (RFC 6749 section 4.3). Only a token of that
 * very user proves it. One sentence of Keycloak's says that it is wrong, and says the same of a person who was to type a
 * code, or is locked: so both are looked for, and then nothing is told.
 */
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { Exchanged } from '../exchange.ts';
import type { KeycloakApi } from './api.ts';
import { errorOf, KeycloakError } from './keycloak-error.ts';
import type { PasswordCheckSettings } from './keycloak-settings.ts';
import type { Kept } from './representation.ts';
import { hasPassword } from './representation.ts';
import { basic } from './service-account.ts';
import type { Users } from './users.ts';
import { userPath } from './users.ts';

export interface Checking {
  readonly api: KeycloakApi;
  readonly users: Pick<Users, 'byId'>;
  readonly endSession: (sessionId: string) => Promise<void>;
  readonly settings: PasswordCheckSettings;
}

/** Throws KeycloakError, and target_refused where neither answer would be proved. */
export async function checkPassword(work: Checking, userId: string, password: Secret): Promise<boolean> {
  const kept = await work.users.byId(userId);
  if (!kept) throw new KeycloakError({ status: 404, message: 'the user is not there any more' });
  const { username = '', federationLink } = kept.user;
  if (!hasPassword(kept) && !federationLink) return false;
  const obstacle = obstacleOf(kept, work.settings);
  if (obstacle) throw untold(obstacle);
  const text = password.reveal();
  if (text === '') return false;
  const answer = await ask(work, username, text);
  if (answer.status >= 200 && answer.status < 300) return proved(work, answer, userId);
  if (!isWrong(answer)) throw refusal(answer);
  if (await isLocked(work.api, userId)) throw untold('is locked after too many tries');
  return false;
}

/** Asked before the password is sent: the answer is then the same for every password, and no failure is counted there. */
function obstacleOf({ user, credentials }: Kept, { asksForCode }: PasswordCheckSettings): string | undefined {
  if (user.enabled === false) return 'is deactivated';
  if ((user.requiredActions ?? []).length > 0) return 'has to do something at their next login';
  const hasCodes = user.totp === true || credentials.some(({ type }) => type === 'otp');
  return asksForCode && hasCodes ? 'has one-time codes, which this login would ask for' : undefined;
}

const untold = (why: string) =>
  new FootbridgeError('target_refused', { detail: `keycloak tells of no password: this user ${why}` });

function ask({ api, settings }: Checking, username: string, password: string): Promise<Exchanged> {
  const { clientId, clientSecret } = settings;
  const form = new URLSearchParams({ grant_type: 'password', scope: 'openid', username, password });
  if (!clientSecret) form.set('client_id', clientId);
  return api.grant(form, clientSecret ? { authorization: basic(clientId, clientSecret.reveal()) } : {});
}

interface TokenAnswer {
  readonly id_token?: unknown;
  readonly session_state?: unknown;
  readonly error?: unknown;
  readonly error_description?: unknown;
}
const documentOf = ({ document }: Exchanged) => (document ?? {}) as TokenAnswer;

/** Its username may have become another user's meanwhile. */
async function proved({ endSession }: Checking, answer: Exchanged, userId: string): Promise<boolean> {
  const { id_token: token, session_state: sessionId } = documentOf(answer);
  // Where it stays, it ends by itself: what was proved is proved.
  if (typeof sessionId === 'string') await endSession(sessionId).catch(() => undefined);
  const sub = typeof token === 'string' ? subjectOf(token) : undefined;
  if (sub === userId) return true;
  const why = sub === undefined ? 'it gives no ID token' : 'its ID token names another user';
  throw new FootbridgeError('target_refused', { detail: `keycloak: keycloak.passwordCheck: ${why}` });
}

/** The token comes from Keycloak itself, by the connection that we have opened: who sent it need not be proved (OpenID Connect Core section 3.1.3.7, 6). */
function subjectOf(token: string): string | undefined {
  try {
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof sub === 'string' ? sub : undefined;
  } catch {
    return undefined;
  }
}

/** Other sentences follow a right password, or none: `Account disabled`, `Account is not fully set up`. */
const WRONG = 'Invalid user credentials';

function isWrong(answer: Exchanged): boolean {
  const { error, error_description: sentence } = documentOf(answer);
  return (answer.status === 400 || answer.status === 401) && error === 'invalid_grant' && sentence === WRONG;
}

function refusal(answer: Exchanged): Error {
  const { status, document, retryAfterSeconds } = answer;
  const error = errorOf(status, document, { what: 'the direct access grant', retryAfterSeconds });
  if (error.isTemporary) return error;
  return new FootbridgeError('target_refused', {
    detail: `keycloak: ${error.message}: see keycloak.passwordCheck`,
  });
}

/** Then a right password is answered like a wrong one. */
async function isLocked(api: KeycloakApi, userId: string): Promise<boolean> {
  const path = `/attack-detection/brute-force${userPath(userId)}`;
  const { document } = await api.call<{ readonly disabled?: unknown }>('GET', path);
  return document?.disabled === true;
}
