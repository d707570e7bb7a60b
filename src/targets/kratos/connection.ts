/** Kratos' admin API as a target's connection. */
import { FootbridgeError } from '../../errors.ts';
import { Secret } from '../../settings.ts';
import type { FoundUser, ResetLink, TargetConnection } from '../connection.ts';
import { PROFILE_FIELDS } from '../connection.ts';
import type { ConnectDeps, Target } from '../target.ts';
import { openKratosApi } from './api.ts';
import { complete, putCredentials } from './completing.ts';
import { hashProblem } from './hash-rules.ts';
import type { Identity } from './identity.ts';
import { foundUserOf, linkIdentifier } from './identity.ts';
import type { Importing } from './import.ts';
import { importBulk, importEach, preview } from './import.ts';
import { asFootbridgeError, KratosError } from './kratos-error.ts';
import type { KratosSettings } from './kratos-settings.ts';
import { kratosSettings } from './kratos-settings.ts';
import { checkPassword } from './password-check.ts';
import type { PublicApi } from './public-api.ts';
import { openPublicApi } from './public-api.ts';
import { sessionsAt } from './sessions.ts';
import { patchIdentity, updateProfile } from './updating.ts';
import { identityPath, unlessGone, usersOf } from './users.ts';

/** Throws config_invalid where the settings do not say what Kratos needs. */
export function connectKratos(target: Target, { ourIdp }: ConnectDeps): TargetConnection {
  const settings = target.kratos ?? kratosSettings.parse({});
  const api = openKratosApi(target.api!);
  const users = usersOf(api, settings);
  const sessions = sessionsAt(api);
  const login = openLogin(target, settings);
  const unknownFields = new Set<string>();
  const provider = async () => {
    const known = await ourIdp();
    if (known !== undefined) return known;
    throw new FootbridgeError('target_refused', { detail: 'kratos: api.identityProvider is not set' });
  };
  const importing = async (signal?: AbortSignal): Promise<Importing> => ({
    api,
    users,
    settings,
    provider: await provider(),
    accepts: target.accepts,
    unknownFields,
    signal,
  });
  const foundOrNot = (identity: Identity | undefined): FoundUser | undefined =>
    identity && foundUserOf(identity, settings);
  /** Also where the id is ours. */
  const present = async (id: string) => {
    const identity = await users.byId(id);
    if (identity) return identity;
    throw new KratosError({ status: 404, isGone: true, message: 'the identity is not there any more' });
  };
  const change = (id: string, work: (identity: Identity) => Promise<unknown>) =>
    told(() => unlessGone(async () => work(await present(id))).then(nothing));
  const setState = (value: 'active' | 'inactive') => (id: string) =>
    change(id, async (identity) => {
      if (identity.state === value) return;
      await patchIdentity(api, identity.id, [{ op: 'replace', path: '/state', value }]);
    });

  return {
    keeps: new Set(PROFILE_FIELDS.filter((field) => settings.traits[field] !== null)),
    importUsers: (people, { bulk = false, signal } = {}) =>
      told(async () => {
        if ((await ourIdp()) === undefined) {
          return people.map(() => ({ kind: 'unavailable', code: 'no-identity-provider' }));
        }
        const work = await importing(signal);
        return bulk ? importBulk(work, people) : importEach(work, people);
      }),
    preview: (people) => told(async () => preview(await importing(), people)),
    userById: (id) => told(async () => foundOrNot(await users.byId(id))),
    userBySubject: (sub) => told(async () => foundOrNot(await users.byLink(await provider(), sub))),
    userByLogin: (login, organization) =>
      told(async () => {
        const found = foundOrNot(await users.byLogin(login));
        return organization === undefined || found?.organization === organization ? found : undefined;
      }),
    users: (options) => told(() => users.page(options)),
    sessionsOf: (id) => told(() => sessions.sessionsOf(id)),
    sessionById: (id) => told(() => sessions.sessionById(id)),
    endSession: (id) => told(() => sessions.endSession(id)),
    endSessionsOf: (id) => told(() => sessions.endSessionsOf(id)),
    complete: (found, user) => told(async () => complete(await importing(), found, user)),
    update: (found, user, fields) =>
      told(() => updateProfile({ api, users }, found, { user, fields, paths: settings.traits })),
    setPassword: (id, password) =>
      told(async () => {
        const problem = hashProblem(password, target.accepts);
        if (problem) throw new KratosError({ status: 400, reason: problem.code, message: problem.sentence });
        const config = { hashed_password: password.encoded };
        await putCredentials(api, await present(id), { password: { config } });
      }),
    ...(login && {
      checkPassword: (id: string, password: Secret) =>
        told(() => checkPassword({ login, users, ...sessions }, id, password)),
    }),
    resetLink: (id) => told(async () => resetLink((await present(id)).id)),
    deactivate: setState('inactive'),
    reactivate: setState('active'),
    remove: (id) => change(id, (identity) => api.call('DELETE', identityPath(identity.id))),
    unlink: (id, sub) =>
      change(id, async (identity) => {
        const identifier = linkIdentifier({ idpId: await provider(), userId: sub });
        if (!identity.credentials?.oidc?.identifiers?.includes(identifier)) return;
        const query = new URLSearchParams({ identifier });
        await api.call('DELETE', `${identityPath(identity.id)}/credentials/oidc?${query}`);
      }),
    close: async () => {
      await api.close();
      await login?.close();
    },
  };

  async function resetLink(id: string): Promise<ResetLink> {
    const body = { identity_id: id, expires_in: `${settings.resetLinkSeconds}s` };
    const answer = await api.call<{ recovery_link?: unknown; expires_at?: unknown }>(
      'POST',
      '/recovery/link',
      {
        body,
      },
    );
    const expiresAt = new Date(String(answer?.expires_at));
    if (typeof answer?.recovery_link === 'string' && !Number.isNaN(expiresAt.getTime())) {
      return { url: new Secret(answer.recovery_link), expiresAt };
    }
    throw new KratosError({ status: 200, message: 'POST /admin/recovery/link answers without a link' });
  }
}

const nothing = () => undefined;

function openLogin({ api }: Target, { publicUrl }: KratosSettings): PublicApi | undefined {
  if (publicUrl === undefined) return undefined;
  const { timeoutMs, perSecond } = api!;
  return openPublicApi({ url: publicUrl, timeoutMs, perSecond });
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asFootbridgeError(error);
  }
}
