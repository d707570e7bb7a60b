/**
 * Sessions at Keycloak. Its API tells a person's sessions and ends them, and cannot be asked about one alone. Offline
 * sessions are left out: they belong to apps that act without the person.
 */
import type { TargetConnection, TargetSession } from '../connection.ts';
import type { KeycloakApi } from './api.ts';
import { unlessForbidden } from './keycloak-error.ts';
import { unlessGone, userPath } from './users.ts';

/** `UserSessionRepresentation`; times are milliseconds since the epoch. */
interface UserSession {
  readonly id?: string;
  readonly userId?: string;
  readonly start?: number;
  readonly ipAddress?: string;
}

/** More are not looked at. */
const MAX_SESSIONS = 1_000;
const MAX_DEVICE = 200;

/** Throw KeycloakError, and target_refused where a right is missing. */
export const sessionsAt = (
  api: KeycloakApi,
): Required<Pick<TargetConnection, 'sessionsOf' | 'endSession' | 'endSessionsOf'>> => ({
  async sessionsOf(userId) {
    const answer = await unlessGone(() =>
      allowed(() => api.call<readonly UserSession[]>('GET', `${userPath(userId)}/sessions`)),
    );
    const all = Array.isArray(answer?.document) ? answer.document.slice(0, MAX_SESSIONS) : [];
    return all.flatMap((session) => liveOf(session, userId) ?? []).sort((a, b) => b.startedAt - a.startedAt);
  },
  async endSession(sessionId) {
    if (!/^[\w.~-]{1,200}$/.test(sessionId) || /^\.{1,2}$/.test(sessionId)) return;
    await unlessGone(() => allowed(() => api.call('DELETE', `/sessions/${sessionId}`)));
  },
  async endSessionsOf(userId) {
    await unlessGone(() => allowed(() => api.call('POST', `${userPath(userId)}/logout`)));
  },
});

/** Keycloak makes a session once it knows who it is. */
function liveOf({ id, start, ipAddress }: UserSession, targetUserId: string): TargetSession | undefined {
  if (!id || typeof start !== 'number') return undefined;
  const startedAt = Math.floor(start / 1_000);
  const device = ipAddress?.slice(0, MAX_DEVICE);
  return { id, targetUserId, startedAt, provedAt: startedAt, ...(device && { device }) };
}

const MAY_NOT_END = 'keycloak: our client lacks the role manage-users of realm-management';
const allowed = <T>(work: () => Promise<T>): Promise<T> => unlessForbidden(MAY_NOT_END, work);
