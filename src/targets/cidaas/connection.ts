/** cidaas' REST API as a target's connection. */
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { TargetConnection, TargetUser, UserPage, UserUpdate } from '../connection.ts';
import type { ConnectDeps, Target } from '../target.ts';
import { accountOf, foundUserOf, linksIn } from './account.ts';
import { complete, present, setPassword, update } from './amending.ts';
import { openCidaasApi } from './api.ts';
import { cidaasApiSettings } from './app-token.ts';
import { asFootbridgeError, CidaasError } from './cidaas-error.ts';
import { cidaasSettings } from './cidaas-settings.ts';
import { entityOf } from './entity.ts';
import { setGroups } from './groups.ts';
import type { Importing } from './import.ts';
import { importAll, MAX_USERS } from './import.ts';
import { updateMany } from './many.ts';
import { checkPassword } from './password-check.ts';
import { keptFields } from './profile.ts';
import { filled, unlessGone, usersOf } from './users.ts';

export interface CidaasDeps extends ConnectDeps {
  /** What stands in the password's place of somebody whom cidaas is to ask us about; see `password-reference.ts`. */
  readonly reference?: (sub: string) => string;
}

/** Throws config_invalid where the settings do not say what cidaas needs. */
export function connectCidaas(target: Target, deps: CidaasDeps): TargetConnection {
  const settings = target.cidaas ?? cidaasSettings.parse({});
  const { ourIdp, nowSeconds, reference } = deps;
  const apiOptions = cidaasApiSettings(target.api!);
  const api = openCidaasApi(apiOptions, {
    cidaas: settings,
    ...(nowSeconds && { nowSeconds }),
  });
  const users = usersOf(api, settings);
  const provider = async () => {
    const known = await ourIdp();
    if (known !== undefined) return known;
    throw new FootbridgeError('target_refused', { detail: 'we are no identity provider there yet' });
  };
  const working = async (options: Pick<Importing, 'signal' | 'isLooking'> = { isLooking: true }) => ({
    ...{ api, users, settings, reference, accepts: target.accepts },
    ...{ ...options, provider: await provider() },
  });
  const found = async (work: ReturnType<typeof users.byId>) => {
    const account = await work;
    return account && foundUserOf(account, settings);
  };
  const work = { api, users, settings };
  const { passwordCheck: check } = settings;

  return {
    importUsers: (people, { bulk = false, signal } = {}) =>
      told(async () => {
        if ((await ourIdp()) === undefined) {
          return people.map(() => ({ kind: 'unavailable', code: 'no-identity-provider' }));
        }
        return importAll(await working({ signal, isLooking: !bulk }), people);
      }),
    userById: (id) => told(() => found(users.byId(id))),
    userBySubject: (sub) => told(async () => bySubject(work, sub, await provider())),
    userByLogin: (login, organization) =>
      told(async () => (organization === undefined ? byLogin(work, login) : undefined)),
    complete: (there, user) => told(async () => complete(await working(), there, user)),
    update: (there, user, fields) => told(() => update(work, there, { user, fields })),
    ...(settings.bulkUpdates !== 'off' && {
      updateMany: (updates: readonly UserUpdate[]) => told(() => updateMany(work, updates)),
    }),
    setGrants: (id, grants, projects) =>
      told(async () => {
        const groups = projects.map(({ project }) => project);
        await setGroups(work, await present(work, id), { grants, groups });
      }),
    ...(check && {
      checkPassword: (targetUserId: string, password: Secret) =>
        told(() => checkPassword(work, check, { targetUserId, password })),
    }),
    ownUserId: async () => apiOptions.clientCredentials.clientId,
    users: (options) => told(() => pageOf(work, options)),
    preview: (people) => told(async () => previews(await working(), people)),
    mailReset: (id) => told(() => mailReset(work, id)),
    setPassword: (id, password) => told(async () => setPassword(await working(), id, password)),
    deactivate: (id) =>
      told(() => changeStatus(work, id, { from: ['VERIFIED', 'PENDING', 'BLOCKED', ''], to: 'DECLINED' })),
    reactivate: (id) => told(() => changeStatus(work, id, { from: ['DECLINED', ''], to: 'VERIFIED' })),
    remove: (id) => told(() => remove(work, id)),
    unlink: (id, sub) => told(async () => unlink(work, id, { idpId: await provider(), userId: sub })),
    keeps: keptFields(settings),
    close: () => api.close(),
  };
}

type Reaching = Pick<Importing, 'api' | 'users' | 'settings'>;

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asFootbridgeError(error);
  }
}

/** Whoever answers to it without our link has it as something else: a username, an id elsewhere. */
async function bySubject({ users, settings }: Reaching, sub: string, provider: string) {
  const account = await users.byIdentifier(sub);
  const isLinked =
    account && linksIn(account).some(({ idpId, userId }) => idpId === provider && userId === sub);
  return isLinked ? foundUserOf(account, settings) : undefined;
}

/** Whether cidaas compares letters exactly here is not documented. */
async function byLogin({ users, settings }: Reaching, login: string) {
  const small = login.toLowerCase();
  const account =
    (await users.byIdentifier(login)) ?? (small === login ? undefined : await users.byIdentifier(small));
  return account && foundUserOf(account, settings);
}

/** `after` is what cidaas calls the place of the last one, as JSON. By when they were made: that never changes. */
async function pageOf(
  { api, settings }: Reaching,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<UserPage> {
  const body = {
    sortfield: 'createdTime',
    size: limit,
    ...(after !== undefined && { searchAfter: placeOf(after) }),
  };
  const answer = await unlessGone(() => api.call('POST', settings.paths.list, { body, isReading: true }));
  const { users: listed, data } = (answer?.document ?? {}) as { users?: unknown; data?: { users?: unknown } };
  const shown = [listed, data?.users].find(Array.isArray) ?? [];
  const accounts = shown.flatMap((one) => accountOf(one, settings) ?? []);
  const next = accounts.at(-1)?.sort;
  if (shown.length > 0 && next === undefined) {
    throw new CidaasError({
      status: 200,
      message: `POST ${settings.paths.list} does not say where it goes on`,
    });
  }
  return {
    users: accounts.map((account) => foundUserOf(account, settings)),
    ...(next !== undefined && { next: JSON.stringify(next) }),
  };
}

/** Throws bad_request for what is none. */
function placeOf(after: string): readonly unknown[] {
  if (/^\[[^{}]{1,500}\]$/.test(after)) return JSON.parse(after) as readonly unknown[];
  throw new FootbridgeError('bad_request', { detail: 'this is no place in the list of users' });
}

function previews(work: Importing, people: readonly TargetUser[]) {
  const parts = Array.from({ length: Math.ceil(people.length / MAX_USERS) }, (_one, index) =>
    people.slice(index * MAX_USERS, (index + 1) * MAX_USERS),
  );
  return parts.map((part) => ({
    method: 'POST',
    path: work.settings.paths.bulk,
    body: part.map((user) => entityOf(work, user).entity),
  }));
}

async function mailReset({ api, users, settings }: Reaching, id: string): Promise<void> {
  const account = await users.byId(id);
  const email = account?.fields.email;
  if (typeof email !== 'string' || email === '') {
    throw new CidaasError({ status: 400, message: 'there is no address to mail a new password to' });
  }
  const body = { email, resetMedium: 'email', processingType: 'LINK' };
  await api.call('POST', settings.paths.reset, { body });
}

/** cidaas refuses to change a status into itself. */
async function changeStatus(
  { api, users, settings }: Reaching,
  id: string,
  { from, to }: { readonly from: readonly string[]; readonly to: string },
): Promise<void> {
  const account = await users.byId(id);
  if (!account || !from.includes(account.status)) return;
  const path = filled(settings.paths.status, { sub: account.sub });
  await unlessGone(() => api.call('PATCH', path, { body: { userStatus: to } }));
}

async function remove({ api, users, settings }: Reaching, id: string): Promise<void> {
  const account = await users.byId(id);
  if (!account) return;
  await unlessGone(() => api.call('DELETE', filled(settings.paths.remove, { sub: account.sub })));
}

/** Leaves a link to another subject of ours alone. */
async function unlink(
  { api, users, settings }: Reaching,
  id: string,
  ours: { readonly idpId: string; readonly userId: string },
): Promise<void> {
  const account = await users.byId(id);
  const identity = account?.identities.find(
    ({ provider, userId }) => provider === ours.idpId && userId === ours.userId,
  );
  if (!identity) return;
  const { unlink: path } = settings.paths;
  if (path === undefined || identity.identityId === undefined) {
    throw new CidaasError({
      status: 400,
      reason: 'unlink_undocumented',
      message: 'unlink_undocumented: name cidaas.paths.unlink, or take the identity away by hand',
    });
  }
  await unlessGone(() => api.call('POST', filled(path, { identityId: identity.identityId! }), { body: {} }));
}
