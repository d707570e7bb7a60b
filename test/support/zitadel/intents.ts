/** Intents of the second version: a login at an identity provider, from its beginning to what it said of the person. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '@bufbuild/protobuf';
import type { AddHumanUserRequestJson } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import { UserService } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import { sendRedirect } from './body.ts';
import { invalid, notFound, precondition } from './errors.ts';
import { handle } from './handlers.ts';
import type { Idp, Instance, Intent, User } from './instance.ts';
import { beginJwtLogin, readJwt, V1_JWT, V1_JWT_DONE } from './jwt-idp.ts';
import { SYSTEM } from './passwords.ts';
import type { ExternalUser } from './relying-party.ts';
import { beginLogin, finishLogin } from './relying-party.ts';
import type { Page } from './server.ts';

export const INTENT_CALLBACK = '/idps/callback';

export const intentHandlers = handle(UserService, {
  async startIdentityProviderIntent({ idpId = '', urls }, { instance }) {
    const idp = instance.idps.get(idpId);
    if (!idp) throw notFound('QUERY-SAFrt', 'Errors.IDPConfig.NotExisting');
    if (!idp.isActive) throw precondition('COMMAND-stand10', 'Errors.IDPConfig.NotActive');
    const { successUrl = '', failureUrl = '' } = urls ?? {};
    const intent: Intent = { id: instance.newId(), idpId, successUrl, failureUrl, state: 'started' };
    instance.intents.set(intent.id, intent);
    if (idp.kind === 'jwt')
      return { details: instance.detailsHere(), authUrl: beginJwtLogin(idp, intent.id) };
    try {
      const redirectUri = `${instance.url}${INTENT_CALLBACK}`;
      const { url, codeVerifier } = await beginLogin(idp, { state: intent.id, redirectUri });
      intent.codeVerifier = codeVerifier;
      return { details: instance.detailsHere(), authUrl: url };
    } catch (error) {
      throw precondition('COMMAND-stand11', (error as Error).message);
    }
  },
  retrieveIdentityProviderIntent({ idpIntentId, idpIntentToken }, { instance }) {
    const intent = succeededIntent(instance, idpIntentId, idpIntentToken);
    const { information = {}, userId, addHumanUser } = intent;
    const known = userId ? { userId } : {};
    return {
      details: instance.detailsHere(),
      idpInformation: information,
      ...known,
      ...newUser(instance, addHumanUser),
    };
  },
});

/** The shape depends on the release: older ones have one, newer ones both, and their login reads the second. */
function newUser(instance: Instance, addHumanUser: AddHumanUserRequestJson | undefined): JsonObject {
  if (!addHumanUser) return {};
  const { username, metadata: _none, ...human } = addHumanUser;
  const older = { addHumanUser: { ...addHumanUser } } as JsonObject;
  if (instance.intentAnswer === 'add-human-user') return older;
  return { ...older, createUser: { ...(username && { username }), human } } as JsonObject;
}

export function succeededIntent(instance: Instance, id = '', token = ''): Intent {
  const intent = instance.intents.get(id);
  if (!intent || !token || intent.token !== token)
    throw invalid('CRYPTO-CRYPTO', 'Errors.Intent.InvalidToken');
  if (intent.state !== 'succeeded') throw precondition('COMMAND-Df4bw', 'Errors.Intent.NotSucceeded');
  return intent;
}

/** Who is linked to somebody at an identity provider. */
export const linkedUser = (instance: Instance, idpId: string, externalId: string): User | undefined =>
  [...instance.users.values()].find(({ links }) =>
    links.some((link) => link.idpId === idpId && link.userId === externalId),
  );

/** Where providers send people back to. */
export function intentPage(instance: Instance): Page {
  return async (req, res) => {
    const url = new URL(req.url ?? '/', instance.url);
    if (url.pathname === INTENT_CALLBACK) {
      sendRedirect(res, await returned(instance, url));
      return true;
    }
    if (url.pathname === V1_JWT) return forLoginV1(instance, url, [req, res]);
    if (url.pathname !== '/idps/jwt') return false;
    const intent = instance.intents.get(url.searchParams.get('authRequestID') ?? '');
    if (!intent) return false;
    const idp = instance.idps.get(intent.idpId)!;
    const work = readJwt(idp, { headers: req.headers, query: url.searchParams, nowMs: instance.now() });
    sendRedirect(res, await settled(instance, intent, work));
    return true;
  };
}

async function forLoginV1(
  instance: Instance,
  { searchParams: query }: URL,
  [req, res]: [IncomingMessage, ServerResponse],
): Promise<boolean> {
  const waiting = instance.waitingForJwt.get(query.get('authRequestID') ?? '');
  const idp = waiting && instance.idps.get(waiting.idpId);
  if (!idp) return false;
  await waiting.end(readJwt(idp, { headers: req.headers, query, nowMs: instance.now() }));
  sendRedirect(res, `${instance.url}${V1_JWT_DONE}`);
  return true;
}

async function returned(instance: Instance, callback: URL): Promise<string> {
  const intent = instance.intents.get(callback.searchParams.get('state') ?? '');
  if (!intent) return `${instance.url}/ui/v2/login/error?error=unknown_state`;
  const idp = instance.idps.get(intent.idpId)!;
  const { id: state, codeVerifier } = intent;
  return settled(instance, intent, finishLogin(idp, { callback, state, codeVerifier }));
}

/** Where the browser goes next. A second return for the same intent is none. */
async function settled(instance: Instance, intent: Intent, work: Promise<ExternalUser>): Promise<string> {
  try {
    if (intent.state !== 'started') throw new Error('Errors.Intent.NotStarted');
    const user = await work;
    succeed(instance, intent, user);
    const found = intent.userId ? { user: intent.userId } : {};
    return withQuery(intent.successUrl, { id: intent.id, token: intent.token!, ...found });
  } catch (error) {
    if (intent.state === 'started') intent.state = 'failed';
    const reason = (error as Error).message;
    return withQuery(intent.failureUrl, { id: intent.id, error: 'login_failed', error_description: reason });
  }
}

function withQuery(url: string, parameters: Record<string, string>): string {
  const to = new URL(url);
  for (const [name, value] of Object.entries(parameters)) to.searchParams.set(name, value);
  return to.href;
}

function succeed(instance: Instance, intent: Intent, user: ExternalUser): void {
  const idp = instance.idps.get(intent.idpId)!;
  const { claims } = user;
  const linked = linkedUser(instance, idp.id, claims.sub);
  intent.state = 'succeeded';
  intent.token = instance.newSecret();
  if (linked) intent.userId = linked.id;
  intent.information = {
    idpId: idp.id,
    userId: claims.sub,
    userName: claims.preferredUsername,
    rawInformation: user.raw as JsonObject,
    oauth: { accessToken: user.accessToken, idToken: user.idToken },
  };
  if (!linked) intent.addHumanUser = asNewUser(idp, user);
  if (linked)
    instance.userEvent(linked, ['user.human.externallogin.check.succeeded', { idpConfigId: idp.id }], SYSTEM);
}

/** What ZITADEL makes of claims for a user to be. Its link's name may be empty, which no creation takes. */
export function asNewUser(idp: Idp, { claims }: Pick<ExternalUser, 'claims'>): AddHumanUserRequestJson {
  const { preferredUsername, givenName, familyName, nickname, name, locale } = claims;
  return {
    ...(preferredUsername && { username: preferredUsername }),
    profile: {
      givenName,
      familyName,
      ...(nickname && { nickName: nickname }),
      ...(name && { displayName: name }),
      ...(locale && { preferredLanguage: locale }),
    },
    email: { email: claims.email, isVerified: claims.emailVerified },
    ...(claims.phoneNumber && {
      phone: { phone: claims.phoneNumber, isVerified: claims.phoneNumberVerified },
    }),
    idpLinks: [{ idpId: idp.id, userId: claims.sub, userName: preferredUsername }],
  };
}
