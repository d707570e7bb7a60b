/**
 * Whether a password is somebody's at ZITADEL: by a session that is made for it and ended at once. It counts there as a
 * login, a wrong one towards the lockout. Codes: `internal/command` of ZITADEL's source; that of a wrong password was also
 * seen in answers of a running one.
 */
import type { Secret } from '../../settings.ts';
import type { ZitadelApi } from './api.ts';
import { send } from './messages.ts';
import { checkingSession, deleteSession } from './session-messages.ts';
import { allowed } from './sessions.ts';
import { ZitadelError } from './zitadel-error.ts';

/** `zitadel.session.v2.CheckPassword`. */
const MAX_PASSWORD = 200;
/** Of this release and of the first ones with sessions. */
const WRONG = /^COMMAND-(?:3M0fs|SAF3g)$/;
/** There is none, so no text is it. */
const NOT_SET = /^COMMAND-(?:3nJ4t|WEf3t)$/;

/**
 * False only where ZITADEL says so of this password. Whoever is locked, deactivated or gone is not asked about: that throws,
 * as does what ZITADEL could not be asked. Throws ZitadelError, and target_refused where our token may not.
 */
export async function checkPassword(api: ZitadelApi, userId: string, password: Secret): Promise<boolean> {
  const text = password.reveal();
  if (!isSendable(text))
    throw new ZitadelError({
      status: 400,
      code: 3,
      id: 'unsendable_password',
      message: 'ZITADEL takes passwords of 1 to 200 characters',
    });
  try {
    const made = await allowed(
      send<{ sessionId?: string; sessionToken?: string }>(api, checkingSession(userId, text)),
      'session.write',
    );
    await end(api, made);
    return true;
  } catch (error) {
    if (error instanceof ZitadelError && (error.isWrongPassword || isWrong(error))) return false;
    throw error;
  }
}

/** By its own token, so that no right is needed. What was answered stands without it: the session ends by itself. */
async function end(
  api: ZitadelApi,
  { sessionId, sessionToken }: { readonly sessionId?: string; readonly sessionToken?: string },
): Promise<void> {
  if (!sessionId) return;
  await send(api, deleteSession(sessionId, sessionToken)).catch((error) => {
    if (!(error instanceof ZitadelError)) throw error;
  });
}

const isWrong = ({ status, id = '' }: ZitadelError) => status === 400 && (WRONG.test(id) || NOT_SET.test(id));

/** Half of a character has no UTF-8. */
const isSendable = (text: string) => text !== '' && [...text].length <= MAX_PASSWORD && text.isWellFormed();
