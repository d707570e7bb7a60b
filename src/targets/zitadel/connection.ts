/** ZITADEL's API as a target's connection. */
import { FootbridgeError } from '../../errors.ts';
import type { TargetConnection, TargetUser } from '../connection.ts';
import type { ConnectDeps, Target } from '../target.ts';
import { openZitadelApi } from './api.ts';
import { complete } from './completing.ts';
import { setGrants, userIdByGrant } from './grants.ts';
import { importUsers } from './import.ts';
import { usersPage } from './listing.ts';
import { bulkOf, previewUsers } from './many.ts';
import type { Message } from './messages.ts';
import { deactivate, mailReset, myUser, reactivate, remove, removeLink, send, setHash } from './messages.ts';
import { isNobodysFault, isNotFound, thrown } from './outcomes.ts';
import { checkPassword } from './password-check.ts';
import { endSession, endSessionsOf, sessionById, sessionsOf, userIdBySession } from './sessions.ts';
import { update } from './updating.ts';
import type { Asking } from './users.ts';
import { linksOf, userById, userByLogin, userBySubject } from './users.ts';
import { ZitadelError } from './zitadel-error.ts';

/** `target` has an API. Throws config_invalid for a service user's key that cannot sign. */
export function connectZitadel(target: Target, deps: ConnectDeps): TargetConnection {
  const { ourIdp, nowSeconds, isSynced = false } = deps;
  const settings = target.api!;
  const api = openZitadelApi(settings, nowSeconds ? { nowSeconds } : {});
  const bulk = bulkOf(api, settings.timeoutMs);
  const comparesGrants = isSynced && target.users.grants.length > 0;
  const asking = async (signal?: AbortSignal): Promise<Asking> => ({
    api,
    ourIdp: await ourIdp(),
    signal,
    comparesGrants,
  });

  /** ZITADEL refuses what is so already: then it is looked whether it is. */
  const idempotent = async (message: Message, isSo: (asked: Asking) => Promise<boolean>) => {
    const asked = await asking();
    await send(api, message)
      .catch(async (error) => {
        if (isNotFound(error)) return;
        const isAnswer = error instanceof ZitadelError && !isNobodysFault(error);
        if (!isAnswer || !(await isSo(asked))) throw error;
      })
      .catch(thrown);
  };
  const hasState = (userId: string, state: 'active' | 'inactive') => async (asked: Asking) => {
    const user = await userById(asked, userId);
    return user === undefined || user.state === state;
  };

  let ownUserId = settings.serviceUser?.userId;

  return {
    importUsers: async (users, { bulk: isBulk = false, signal } = {}) =>
      importUsers(await asking(signal), users, isBulk ? bulk : undefined),
    userById: async (userId) => userById(await asking(), userId).catch(thrown),
    userBySubject: async (sub) => userBySubject(await asking(), sub).catch(thrown),
    userByLogin: async (login, organization) =>
      userByLogin(await asking(), login, organization).catch(thrown),
    async ownUserId() {
      ownUserId ??= (await send<{ user?: { id?: string } }>(api, myUser).catch(thrown)).user?.id;
      return ownUserId;
    },
    userIdBySession: (sessionId) => userIdBySession(api, sessionId).catch(thrown),
    userIdByGrant: (grantId) => userIdByGrant({ api }, grantId).catch(thrown),
    sessionsOf: (userId) => sessionsOf({ api, nowSeconds }, userId).catch(thrown),
    sessionById: (sessionId) => sessionById({ api, nowSeconds }, sessionId).catch(thrown),
    endSession: (sessionId) => endSession({ api }, sessionId).catch(thrown),
    endSessionsOf: (userId) => endSessionsOf({ api, nowSeconds }, userId).catch(thrown),
    complete: async (found, user) => complete(await asking(), found, user).catch(thrown),
    users: async (options) => usersPage(await asking(), options).catch(thrown),
    update: async (found, user, fields) => update(await asking(), { found, user }, fields).catch(thrown),
    setGrants: async (userId, grants, projects) =>
      setGrants(await asking(), userId, { grants, projects }).catch(thrown),
    checkPassword: (userId, password) => checkPassword(api, userId, password).catch(thrown),
    preview: async (users) => previewUsers(await asking(), users, bulk),
    async mailReset(userId) {
      await send(api, mailReset(userId)).catch(thrown);
    },
    async setPassword(userId, password) {
      await send(api, setHash(userId, encodedOf(password))).catch(thrown);
    },
    deactivate: (userId) => idempotent(deactivate(userId), hasState(userId, 'inactive')),
    reactivate: (userId) => idempotent(reactivate(userId), hasState(userId, 'active')),
    remove: (userId) => idempotent(remove(userId), async () => false),
    async unlink(userId, sub) {
      const { ourIdp: idpId } = await asking();
      if (idpId === undefined) return;
      await idempotent(removeLink(userId, { idpId, userId: sub }), async (asked) => {
        const links = await linksOf(asked, userId);
        return !links.some((link) => link.idpId === idpId && link.userId === sub);
      });
    },
    close: () => api.close(),
  };
}

function encodedOf({ encoded, format }: NonNullable<TargetUser['password']>): string {
  if (typeof encoded === 'string') return encoded;
  throw new FootbridgeError('target_refused', { detail: `zitadel takes no ${format}` });
}
