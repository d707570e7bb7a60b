/** Sessions and recovery links in the admin API. */
import type { Kept, Route } from './answers.ts';
import { ID, shown, uuidOf } from './answers.ts';
import { badRequest, Refused } from './errors.ts';
import type { Session } from './sessions.ts';

const recoveryLink: Route = ({ identities, publicUrl, now }, { body }) => {
  const { identity_id = '', expires_in = '3600s' } = (body ?? {}) as {
    identity_id?: string;
    expires_in?: string;
  };
  if (!identities.byId.has(identity_id)) throw badRequest('The requested identity id does not exist.');
  const [, amount, unit = ''] = /^(\d+)([smh])$/.exec(expires_in) ?? [];
  const seconds = Number(amount) * ({ s: 1, m: 60, h: 3_600 }[unit] ?? 0);
  if (!(seconds > 0)) throw badRequest(`Unable to parse "expires_in" as a duration string: ${expires_in}`);
  return {
    status: 200,
    document: {
      recovery_link: `${publicUrl}/self-service/recovery?flow=${identity_id}&token=a-recovery-token`,
      expires_at: new Date(now().getTime() + seconds * 1_000).toISOString(),
    },
  };
};

const shownSession = ({ identities }: Kept, session: Session) => {
  const identity = identities.byId.get(session.identityId);
  return {
    id: session.id,
    active: session.isActive && identity?.state === 'active',
    authenticated_at: session.issuedAt.toISOString(),
    issued_at: session.issuedAt.toISOString(),
    identity: identity ? shown(identity) : null,
    devices: [{ ip_address: '127.0.0.1', user_agent: 'stand-in' }],
  };
};
const sessionsOf = ({ sessions }: Kept, id: string) =>
  [...sessions.values()].filter((one) => one.identityId === uuidOf(id));
const sessionOf = ({ sessions }: Kept, id: string) => {
  if (!/^[0-9a-f-]{32,36}$/i.test(id))
    throw new Refused(400, { message: `uuid: incorrect UUID length in string "${id}"` });
  const session = sessions.get(id);
  if (session) return session;
  throw new Refused(404);
};

export const SESSION_ROUTES: readonly (readonly [string, string, Route])[] = [
  ['POST', '/recovery/link', recoveryLink],
  [
    'GET',
    `/identities/${ID}/sessions`,
    (kept, { query }, id) => {
      const all = sessionsOf(kept, id).map((session) => shownSession(kept, session));
      const active = query.get('active');
      return {
        status: 200,
        document: active === null ? all : all.filter((one) => String(one.active) === active),
      };
    },
  ],
  [
    'DELETE',
    `/identities/${ID}/sessions`,
    (kept, _call, id) => {
      const all = sessionsOf(kept, id);
      if (all.length === 0) throw new Refused(404);
      for (const { id: sessionId } of all) kept.sessions.delete(sessionId);
      return { status: 204 };
    },
  ],
  [
    'GET',
    `/sessions/${ID}`,
    (kept, _call, id) => ({ status: 200, document: shownSession(kept, sessionOf(kept, id)) }),
  ],
  [
    'DELETE',
    `/sessions/${ID}`,
    (kept, _call, id) => {
      sessionOf(kept, id).isActive = false;
      return { status: 204 };
    },
  ],
];
