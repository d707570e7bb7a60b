/** Keycloak's Admin REST API as a target's connection. */
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { FoundUser, TargetConnection } from '../connection.ts';
import type { ConnectDeps, Target } from '../target.ts';
import type { KeycloakApi } from './api.ts';
import { openKeycloakApi } from './api.ts';
import { importBulk, previewBulk } from './bulk.ts';
import { complete, update } from './completing.ts';
import { grantsOf, setGrants } from './grants.ts';
import { importEach } from './import.ts';
import { asFootbridgeError, KeycloakError } from './keycloak-error.ts';
import { listUsers } from './listing.ts';
import type { BulkMemory, ImportingMany } from './partial-import.ts';
import { checkPassword } from './password-check.ts';
import type { Kept, UserRepresentation } from './representation.ts';
import { foundUserOf, passwordCredential } from './representation.ts';
import { ownAccountId } from './roles.ts';
import { keycloakSettings } from './service-account.ts';
import { sessionsAt } from './sessions.ts';
import type { ReadGrants } from './users.ts';
import { unlessGone, userPath, usersOf } from './users.ts';

/** Throws config_invalid where the settings do not say what Keycloak needs. */
export function connectKeycloak(target: Target, { ourIdp, nowSeconds }: ConnectDeps): TargetConnection {
  const settings = keycloakSettings(target.api!);
  const api = openKeycloakApi(settings, nowSeconds ? { nowSeconds } : {});
  const { realm } = settings;
  const translated = target.users.grants;
  const readGrants: ReadGrants | undefined =
    translated.length > 0 ? (path, signal) => grantsOf({ api, realm, translated, signal }, path) : undefined;
  const users = usersOf(api, readGrants);
  const sessions = sessionsAt(api);
  const change = (id: string, body: UserRepresentation) => api.call('PUT', userPath(id), { body });
  const alias = async () => {
    const known = await ourIdp();
    if (known !== undefined) return known;
    throw new FootbridgeError('target_refused', { detail: 'we are no identity provider there yet' });
  };
  const memory: BulkMemory = {};
  const { clientId } = settings.clientCredentials;
  const { passwordCheck } = target.keycloak ?? {};
  let ownUserId: string | undefined;
  const importing = async (signal?: AbortSignal): Promise<ImportingMany> => ({
    api,
    users,
    realm,
    alias: await alias(),
    accepts: target.accepts,
    clientId,
    memory,
    signal,
  });

  return {
    importUsers: (people, { bulk = false, signal } = {}) =>
      told(async () => {
        if ((await ourIdp()) === undefined) {
          return people.map(() => ({ kind: 'unavailable', code: 'no-identity-provider' }));
        }
        return bulk
          ? importBulk(await importing(signal), people)
          : importEach(await importing(signal), people);
      }),
    userById: (id) => told(async () => foundOrNot(await users.byId(id))),
    userBySubject: (sub) => told(async () => foundOrNot(await users.byLink(await alias(), sub))),
    userByLogin: (login, organization) =>
      told(async () => (organization === undefined ? foundOrNot(await users.byLogin(login)) : undefined)),
    ownUserId: () =>
      told(async () => {
        ownUserId ??= await ownAccountId({ api }, clientId);
        return ownUserId;
      }),
    sessionsOf: (id) => told(() => sessions.sessionsOf(id)),
    endSession: (id) => told(() => sessions.endSession(id)),
    endSessionsOf: (id) => told(() => sessions.endSessionsOf(id)),
    complete: (found, user) => told(async () => complete(await importing(), found, user)),
    users: (options) => told(() => listUsers(api, { ...options, readGrants })),
    update: ({ targetUserId: id }, user, fields) =>
      told(async () => {
        if (fields.length > 0) await update({ api, users }, user, { id, fields });
      }),
    setGrants: (id, grants, projects) =>
      told(() => setGrants({ api, realm, translated }, userPath(id), { grants, projects })),
    ...(passwordCheck && {
      checkPassword: (id: string, password: Secret) =>
        told(() => {
          const { endSession } = sessions;
          return checkPassword({ api, users, endSession, settings: passwordCheck }, id, password);
        }),
    }),
    preview: (people) => told(async () => previewBulk(await importing(), people)),
    // Without an address it answers 400, and where it cannot send mails 500.
    mailReset: (id) =>
      told(async () => {
        const body = ['UPDATE_PASSWORD'];
        await api.call('PUT', `${userPath(id)}/execute-actions-email`, { body });
      }),
    setPassword: (id, password) =>
      told(async () => {
        if (!target.accepts.some(({ write }) => write === password.format)) {
          throw new KeycloakError({ status: 400, message: `no password is written as ${password.format}` });
        }
        await change(id, { credentials: [passwordCredential(password)] });
      }),
    deactivate: (id) => told(() => unlessGone(() => change(id, { enabled: false })).then(nothing)),
    reactivate: (id) => told(() => unlessGone(() => change(id, { enabled: true })).then(nothing)),
    remove: (id) => told(() => unlessGone(() => api.call('DELETE', userPath(id))).then(nothing)),
    unlink: (id, sub) => told(async () => unlink(api, { id, sub, alias: await alias() })),
    close: () => api.close(),
  };
}

const nothing = () => undefined;
const foundOrNot = (kept: Kept | undefined): FoundUser | undefined => kept && foundUserOf(kept);

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asFootbridgeError(error);
  }
}

/** Leaves a link to another subject of ours alone. */
async function unlink(api: KeycloakApi, { id, sub, alias }: { id: string; sub: string; alias: string }) {
  await unlessGone(async () => {
    const path = userPath(id);
    const { document } = await api.call<UserRepresentation>('GET', path);
    const isOurs = document.federatedIdentities?.some(
      ({ identityProvider, userId }) => identityProvider === alias && userId === sub,
    );
    if (isOurs) await api.call('DELETE', `${path}/federated-identity/${encodeURIComponent(alias)}`);
  });
}
