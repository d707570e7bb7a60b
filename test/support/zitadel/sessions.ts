/** `zitadel.session.v2.SessionService`: what of a login is proved, check by check. */

import type { SessionJson } from '@zitadel/proto/zitadel/session/v2/session_pb.js';
import type {
  ChecksJson,
  CreateSessionRequestJson,
} from '@zitadel/proto/zitadel/session/v2/session_service_pb.js';
import { SessionService } from '@zitadel/proto/zitadel/session/v2/session_service_pb.js';
import { denied, invalid, notFound, precondition } from './errors.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { Instance, Session, User } from './instance.ts';
import { succeededIntent } from './intents.ts';
import { loginNames } from './new-user.ts';
import { checkPassword, SYSTEM } from './passwords.ts';
import { checkTotp } from './totp.ts';
import { listDetails, page } from './user-answers.ts';

export const sessionHandlers = handle(SessionService, {
  async createSession({ checks, metadata, lifetime }, call) {
    const { instance, actor } = call;
    const id = instance.newId();
    const session: Session = {
      id,
      token: '',
      creator: actor.userId,
      factors: {},
      metadata: {},
      createdAt: instance.time,
      changedAt: instance.time,
      sequence: 0,
    };
    // What fails leaves no session behind.
    const said = await checkAll(call, session, checks ?? {});
    instance.sessions.set(id, session);
    say(call, session, 'session.added');
    store(call, session, { said, metadata, lifetime });
    return { details: details(instance, session), sessionId: id, sessionToken: session.token };
  },
  async setSession({ sessionId, sessionToken, checks, metadata, lifetime }, call) {
    const session = sessionOf(call, [sessionId, sessionToken], 'session.write');
    const said = await checkAll(call, session, checks ?? {});
    store(call, session, { said, metadata, lifetime });
    return { details: details(call.instance, session), sessionToken: session.token };
  },
  getSession({ sessionId, sessionToken }, call) {
    return { session: shown(call.instance, sessionOf(call, [sessionId, sessionToken], 'session.read')) };
  },
  listSessions({ query, queries = [] }, { instance, may, actor }) {
    const all = [...instance.sessions.values()].filter(
      (session) =>
        (may('session.read') || session.creator === actor.userId) &&
        queries.every(({ idsQuery, userIdQuery, creatorQuery }) => {
          if (idsQuery) return (idsQuery.ids ?? []).includes(session.id);
          if (userIdQuery) return session.userId === userIdQuery.id;
          if (creatorQuery) return session.creator === (creatorQuery.id ?? actor.userId);
          return true;
        }),
    );
    const sessions = page(all, query).map((session) => shown(instance, session));
    return { details: listDetails(instance, all.length), sessions };
  },
  deleteSession({ sessionId, sessionToken }, call) {
    const { instance } = call;
    const session = instance.sessions.get(sessionId ?? '');
    if (sessionToken ? sessionToken !== session?.token : !mayEnd(call, session))
      throw sessionToken
        ? denied('COMMAND-sGr42', 'Errors.Session.Token.Invalid')
        : denied('AUTHZ-stand1', 'Errors.PermissionDenied');
    // One that has ended or never was is answered as if it had just been ended.
    if (!session) return { details: instance.detailsHere() };
    instance.sessions.delete(session.id);
    say(call, session, 'session.terminated');
    return { details: details(instance, session) };
  },
});

const mayEnd = ({ actor, may }: Call, session: Session | undefined) =>
  may('session.delete') || (session?.userId !== undefined && session.userId === actor.userId);

/** By its token, or by the right to do so. */
function sessionOf(
  call: Call,
  [id = '', token = '']: [string | undefined, string | undefined],
  permission: string,
): Session {
  const session = call.instance.sessions.get(id);
  if (!session) throw notFound('QUERY-SFeaa', 'Errors.Session.NotExisting');
  if (token ? token !== session.token : !call.may(permission) && session.creator !== call.actor.userId)
    throw denied('COMMAND-sGr42', 'Errors.Session.Token.Invalid');
  const isOver = session.expiresAt && Date.parse(session.expiresAt) <= call.instance.now();
  if (isOver) throw precondition('COMMAND-Hewfq', 'Errors.Session.Expired');
  return session;
}

type Said = [event: string, payload: Record<string, unknown>][];

/** One check after the other; the first that fails is the answer, and nothing is stored of those before it. */
async function checkAll(call: Call, session: Session, checks: ChecksJson): Promise<Said> {
  const { instance } = call;
  const said: Said = [];
  const proved: Session['factors'] = {};
  let user = session.userId ? instance.users.get(session.userId) : undefined;
  if (checks.user) {
    user = userOf(instance, checks.user);
    if (session.userId && session.userId !== user.id)
      throw invalid('COMMAND-stand12', 'user change not possible');
    proved.user = instance.time;
    said.push([
      'session.user.checked',
      {
        userID: user.id,
        userResourceOwner: user.organization,
        checkedAt: instance.time,
      },
    ]);
  }
  const { password, idpIntent, totp } = checks;
  if (password) {
    await checkPassword(instance, needed(user), password.password ?? '');
    proved.password = instance.time;
    said.push(['session.password.checked', { checkedAt: instance.time }]);
  }
  if (idpIntent) {
    checkIntent(instance, needed(user), idpIntent);
    proved.intent = instance.time;
    said.push(['session.intent.checked', { checkedAt: instance.time }]);
  }
  if (totp) {
    checkCode(instance, needed(user), totp.code ?? '');
    proved.totp = instance.time;
    said.push(['session.totp.checked', { checkedAt: instance.time }]);
  }
  if (user) session.userId = user.id;
  Object.assign(session.factors, proved);
  return said;
}

/** Names are looked up as searches see them; who is not active gets no session. */
function userOf(instance: Instance, { userId, loginName }: NonNullable<ChecksJson['user']>): User {
  const byName = instance.projected.find((one) =>
    loginNames(instance, one).some((name) => name.toLowerCase() === loginName?.toLowerCase()),
  );
  const user = instance.users.get(userId ?? byName?.id ?? '');
  if (!user) throw notFound('QUERY-Dfbg2', 'Errors.User.NotFound');
  if (user.state !== 'USER_STATE_ACTIVE') throw precondition('SESSION-Gj4ko', 'Errors.User.NotActive');
  return user;
}

function needed(user: User | undefined): User {
  if (!user) throw precondition('COMMAND-Sfw3f', 'Errors.User.UserIDMissing');
  return user;
}

/** The intent is used up. */
function checkIntent(instance: Instance, user: User, given: NonNullable<ChecksJson['idpIntent']>): void {
  const intent = succeededIntent(instance, given.idpIntentId, given.idpIntentToken);
  const { userId: externalId } = intent.information as { userId: string };
  const isLinked = user.links.some((link) => link.idpId === intent.idpId && link.userId === externalId);
  if (intent.userId ? intent.userId !== user.id : !isLinked)
    throw precondition('COMMAND-O8xk3w', 'Errors.Intent.OtherUser');
  intent.state = 'consumed';
}

function checkCode(instance: Instance, user: User, code: string): void {
  if (!user.totp?.isReady) throw precondition('COMMAND-3Mif9s', 'Errors.User.MFA.OTP.NotReady');
  if (checkTotp(user.totp.secret, code, instance.now())) {
    user.totp.failed = 0;
    instance.userEvent(user, ['user.human.mfa.otp.check.succeeded'], SYSTEM);
    return;
  }
  user.totp.failed++;
  instance.userEvent(user, ['user.human.mfa.otp.check.failed'], SYSTEM);
  const { maxOtpAttempts } = instance.policiesOf(user.organization).lockout;
  if (maxOtpAttempts && user.totp.failed >= maxOtpAttempts) {
    user.state = 'USER_STATE_LOCKED';
    instance.userEvent(user, ['user.locked'], SYSTEM);
  }
  throw invalid('EVENT-8isk2', 'Errors.User.MFA.OTP.InvalidCode');
}

interface Stored {
  readonly said: Said;
  readonly metadata: CreateSessionRequestJson['metadata'];
  readonly lifetime: string | undefined;
}

/** Every change makes a new token; the old one is none any more. */
function store(call: Call, session: Session, { said, metadata, lifetime }: Stored): void {
  const { instance } = call;
  for (const [event, payload] of said) say(call, session, event, payload);
  Object.assign(session.metadata, metadata);
  if (lifetime)
    session.expiresAt = new Date(instance.now() + Number.parseFloat(lifetime) * 1_000).toISOString();
  session.token = instance.newSecret();
  say(call, session, 'session.token.set');
}

function say(
  { instance, actor }: Call,
  session: Session,
  type: string,
  payload: Record<string, unknown> = {},
): void {
  const aggregate = { type: 'session', id: session.id, resourceOwner: instance.id };
  const { sequence, createdAt } = instance.push({ type, aggregate, payload }, actor);
  Object.assign(session, { sequence, changedAt: createdAt });
}

const details = (instance: Instance, { sequence, changedAt }: Session) => ({
  sequence: String(sequence),
  changeDate: changedAt,
  resourceOwner: instance.id,
});

function shown(instance: Instance, session: Session): SessionJson {
  const user = instance.users.get(session.userId ?? '');
  const { factors } = session;
  const at = (verifiedAt: string | undefined) => (verifiedAt ? { verifiedAt } : undefined);
  const [password, intent, totp] = [at(factors.password), at(factors.intent), at(factors.totp)];
  return {
    id: session.id,
    creationDate: session.createdAt,
    changeDate: session.changedAt,
    sequence: String(session.sequence),
    factors: {
      ...(user &&
        factors.user && {
          user: {
            verifiedAt: factors.user,
            id: user.id,
            loginName: loginNames(instance, user)[0] ?? user.username,
            displayName: user.profile.displayName ?? '',
            organizationId: user.organization,
          },
        }),
      ...(password && { password }),
      ...(intent && { intent }),
      ...(totp && { totp }),
    },
    metadata: session.metadata,
    ...(session.expiresAt && { expirationDate: session.expiresAt }),
  };
}
