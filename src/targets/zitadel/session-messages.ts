/** The calls about sessions (`zitadel.session.v2.SessionService`). */
import type { Message } from './message.ts';

const session = (sessionId: string) => `/v2/sessions/${encodeURIComponent(sessionId)}`;

/** `zitadel.session.v2.ListSessionsRequest`; what we may not see is left out of the answer without a word. */
export const findSessions = (
  userId: string,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Message => ({
  method: 'POST',
  path: '/v2/sessions/search',
  body: {
    query: { offset: String(offset), limit, asc: false },
    queries: [{ userIdQuery: { id: userId } }],
    sortingColumn: 'SESSION_FIELD_NAME_CREATION_DATE',
  },
});
export const getSession = (sessionId: string): Message => ({ method: 'GET', path: session(sessionId) });
/** `DeleteSessionRequest`. Without the session's own token it takes the right to end another's. */
export const deleteSession = (sessionId: string, sessionToken?: string): Message => ({
  method: 'DELETE',
  path: session(sessionId),
  body: sessionToken === undefined ? {} : { sessionToken },
});

/** In the metadata of sessions that are only made to check a password: our own hook lets them through unasked. */
export const CHECK_MARK = 'footbridge_check';

/** `CreateSessionRequest`; the password has 1 to 200 characters. The session ends by itself should nobody end it. */
export const checkingSession = (userId: string, password: string): Message => ({
  method: 'POST',
  path: '/v2/sessions',
  body: {
    checks: { user: { userId }, password: { password } },
    metadata: { [CHECK_MARK]: Buffer.from('password').toString('base64') },
    lifetime: '60s',
  },
});
