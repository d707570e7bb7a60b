/** Whose login is under way in a session of ZITADEL's. */
import type { ZitadelApi } from './api.ts';
import { isNotFound } from './outcomes.ts';

/** `zitadel.session.v2.Session`, as far as it says who. */
interface Session {
  readonly factors?: { readonly user?: { readonly id?: string } };
}

/**
 * Undefined for a session without a user, and where we may not look: reading without the session's own token takes the
 * right `session.read` (IAM_OWNER, IAM_LOGIN_CLIENT). Throws ZitadelError.
 */
export async function userIdBySession(api: ZitadelApi, sessionId: string): Promise<string | undefined> {
  const path = `/v2/sessions/${encodeURIComponent(sessionId)}`;
  const answer = await api.call<{ session?: Session }>('GET', path).catch((error) => {
    if (isNotFound(error) || error.status === 403) return undefined;
    throw error;
  });
  return answer?.session?.factors?.user?.id;
}
