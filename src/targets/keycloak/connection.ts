/** Keycloak's Admin REST API as a target's connection. */
import { FootbridgeError } from '../../errors.ts';
import type { FoundUser, TargetConnection, TargetUser } from '../connection.ts';
import type { ConnectDeps, Target } from '../target.ts';
import type { KeycloakApi } from './api.ts';
import { openKeycloakApi } from './api.ts';
import type { Importing } from './import.ts';
import { importBulk, importEach } from './import.ts';
import { asFootbridgeError, KeycloakError } from './keycloak-error.ts';
import type { Comparison, Kept, UserRepresentation } from './representation.ts';
import {
  attributesOf,
  compare,
  federatedIdentity,
  foundUserOf,
  hasPassword,
  isThere,
  linksOf,
  passwordCredential,
  totpCredential,
} from './representation.ts';
import { grantRoles } from './roles.ts';
import { keycloakSettings } from './service-account.ts';
import { sessionsAt } from './sessions.ts';
import { unlessGone, userPath, usersOf } from './users.ts';

/** Throws config_invalid where the settings do not say what Keycloak needs. */
export function connectKeycloak(target: Target, { ourIdp, nowSeconds }: ConnectDeps): TargetConnection {
  const settings = keycloakSettings(target.api!);
  const api = openKeycloakApi(settings, nowSeconds ? { nowSeconds } : {});
  const users = usersOf(api);
  const sessions = sessionsAt(api);
  const change = (id: string, body: UserRepresentation) => api.call('PUT', userPath(id), { body });
  const alias = async () => {
    const known = await ourIdp();
    if (known !== undefined) return known;
    throw new FootbridgeError('target_refused', { detail: 'we are no identity provider there yet' });
  };
  const importing = async (signal?: AbortSignal): Promise<Importing> => ({
    api,
    users,
    realm: settings.realm,
    alias: await alias(),
    accepts: target.accepts,
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
    sessionsOf: (id) => told(() => sessions.sessionsOf(id)),
    endSession: (id) => told(() => sessions.endSession(id)),
    endSessionsOf: (id) => told(() => sessions.endSessionsOf(id)),
    complete: (found, user) => told(async () => complete(await importing(), found, user)),
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

async function complete(work: Importing, { targetUserId }: FoundUser, user: TargetUser): Promise<Comparison> {
  const { api, users, alias } = work;
  const path = userPath(targetUserId);
  const before = await users.byId(targetUserId);
  if (!before) throw new KeycloakError({ status: 404, message: 'the user is not there any more' });
  const changes = changesFor(before, user);
  if (changes) await api.call('PUT', path, { body: changes });
  for (const link of linksOf(user, alias)) {
    if (isThere(link, foundUserOf(before).links)) continue;
    const at = `${path}/federated-identity/${encodeURIComponent(link.idpId)}`;
    await api.call('POST', at, { body: federatedIdentity(link) }).catch((error) => {
      // Linked to another account of that provider: what is missing is told below.
      if (!(error instanceof KeycloakError) || error.status !== 409) throw error;
    });
  }
  const after = (await users.byId(targetUserId)) ?? before;
  const { stored, missing } = compare(user, after, alias);
  const had = compare(user, before, alias).stored;
  const ungranted = await grantRoles(work, path, user);
  return {
    stored: [
      ...stored.filter((what) => !had.includes(what)),
      ...(user.grants.length > 0 && ungranted.length === 0 ? (['grants'] as const) : []),
    ],
    missing: [...missing, ...ungranted],
  };
}

/**
 * Undefined where nothing is lacking. With attributes, Keycloak takes a user for told completely and empties every field
 * that is not sent: so all of them are.
 */
function changesFor(kept: Kept, user: TargetUser): UserRepresentation | undefined {
  const { attributes = {}, ...there } = kept.user;
  const lacking = Object.entries(attributesOf(user)).filter(([name, [value]]) =>
    name in user.metadata ? attributes[name]?.[0] !== value : !(name in attributes),
  );
  const email = there.email === undefined && user.email;
  const credentials = [
    ...(user.password && !hasPassword(kept) ? [passwordCredential(user.password)] : []),
    ...(user.totpSecret && !there.totp ? [totpCredential(user.totpSecret)] : []),
  ];
  const isComplete = there.firstName && there.lastName && !email;
  if (lacking.length === 0 && credentials.length === 0 && isComplete) return undefined;
  return {
    ...there,
    firstName: there.firstName || user.givenName,
    lastName: there.lastName || user.familyName,
    ...(email && { email: email.address, emailVerified: email.isVerified }),
    attributes: { ...attributes, ...Object.fromEntries(lacking) },
    ...(credentials.length > 0 && { credentials }),
  };
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
