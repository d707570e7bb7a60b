/** Sessions at Kratos, by its admin API. */
import type { TargetConnection, TargetSession } from '../connection.ts';
import type { KratosApi } from './api.ts';
import { identityPath, unlessGone } from './users.ts';

/** `session`; times are RFC 3339. */
interface Session {
  readonly id?: string;
  readonly active?: boolean;
  readonly authenticated_at?: string;
  readonly issued_at?: string;
  readonly identity?: { readonly id?: string } | null;
  readonly devices?: readonly { readonly user_agent?: string; readonly ip_address?: string }[];
}

/** More are not looked at. */
const MAX_SESSIONS = 250;
const MAX_DEVICE = 200;
const ID = /^[0-9a-f-]{36}$/i;

/** Throw KratosError. */
export const sessionsAt = (
  api: KratosApi,
): Required<Pick<TargetConnection, 'sessionsOf' | 'sessionById' | 'endSession' | 'endSessionsOf'>> => ({
  async sessionsOf(userId) {
    const query = `active=true&per_page=${MAX_SESSIONS}`;
    const listed = await unlessGone(() =>
      api.call<readonly Session[]>('GET', `${identityPath(userId)}/sessions?${query}`),
    );
    const all = listed ?? [];
    return all.flatMap((session) => liveOf(session, userId) ?? []).sort((a, b) => b.startedAt - a.startedAt);
  },
  async sessionById(sessionId) {
    if (!ID.test(sessionId)) return undefined;
    const session = await unlessGone(() =>
      api.call<Session>('GET', `/sessions/${sessionId}?expand=identity`),
    );
    const userId = session?.identity?.id;
    return session && userId ? liveOf(session, userId) : undefined;
  },
  async endSession(sessionId) {
    if (ID.test(sessionId)) await unlessGone(() => api.call('DELETE', `/sessions/${sessionId}`));
  },
  async endSessionsOf(userId) {
    await unlessGone(() => api.call('DELETE', `${identityPath(userId)}/sessions`));
  },
});

function liveOf(session: Session, targetUserId: string): TargetSession | undefined {
  const { id, active, issued_at = '', authenticated_at = '', devices = [] } = session;
  const [startedAt, provedAt] = [issued_at, authenticated_at].map((time) =>
    Math.floor(Date.parse(time) / 1_000),
  );
  if (!id || !active || !startedAt) return undefined;
  const device = (devices[0]?.user_agent || devices[0]?.ip_address)?.slice(0, MAX_DEVICE);
  return { id, targetUserId, startedAt, ...(provedAt && { provedAt }), ...(device && { device }) };
}
