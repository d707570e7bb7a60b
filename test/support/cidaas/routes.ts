/** The calls that the stand-in takes, each with the scope it wants. */
import { imported, SYSTEM_FIELDS } from './bulk.ts';
import type { Account, Tenant } from './tenant.ts';
import type { WebhookSetup, Webhooks } from './webhooks.ts';
import { newSetup, problemWithSetup } from './webhooks.ts';

export interface Call {
  readonly tenant: Tenant;
  /** What stands in the path's braces. */
  readonly at: string;
  readonly body: unknown;
  /** What stands in the second ones. */
  readonly second: string;
  readonly heard: Heard;
  readonly webhooks: Webhooks;
}

/** What it was asked for. */
export interface Heard {
  /** Users per bulk import, in order. */
  readonly batches: number[];
  /** Addresses that were mailed a way to a new password. */
  readonly mailed: string[];
  /** With such an address in it, a bulk import of more than one is refused as a whole. */
  readonly poison: Set<string>;
}

export class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly scope: string;
  answer(call: Call): { readonly status: number; readonly body?: object };
}

/** The import takes no more; the search neither. */
const MAX = 1_000;
const STATES = ['VERIFIED', 'PENDING', 'DECLINED'];

const accountAt = ({ tenant, at }: Call): Account => {
  const account = tenant.bySub(decodeURIComponent(at));
  if (account) return account;
  throw new Refused(404, 'user not found');
};
const membersOf = (body: unknown, known: readonly string[]) => {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refused(400, 'invalid body');
  const unknown = Object.keys(body).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Refused(400, `unknown field ${unknown}`);
  return body as Record<string, unknown>;
};
function shown({ settings }: Tenant, { password: _secret, place: _place, groups, ...account }: Account) {
  return settings.hidesGroups ? account : { ...account, groups };
}
const success = (data?: object) => ({
  status: 200,
  body: { success: true, status: 200, ...(data && { data }) },
});

function bulk({ tenant, body, heard }: Call) {
  if (!Array.isArray(body) || body.length === 0) throw new Refused(400, 'expected an array of users');
  heard.batches.push(body.length);
  if (body.length > MAX) throw new Refused(413, 'too many users');
  const text = JSON.stringify(body);
  if (body.length > 1 && [...heard.poison].some((email) => text.includes(email))) {
    throw new Refused(417, 'validation failed');
  }
  return { status: 200, body: { process_states: body.map((entity) => imported(tenant, entity)) } };
}

function update(call: Call) {
  const account = accountAt(call);
  const { userData, customFields } = membersOf(call.body, ['userData', 'customFields', 'mfa_enabled']);
  const known = [...SYSTEM_FIELDS, 'provider', 'identityId'];
  const { provider, identityId, ...fields } = membersOf(userData, known);
  const identity = account.identities.find(
    (one) => one.provider === provider && (identityId === undefined || one.identityId === identityId),
  );
  if (!identity) throw new Refused(400, 'the identity does not exist');
  const owner = typeof fields.email === 'string' ? call.tenant.byIdentifier(fields.email) : undefined;
  if (owner && owner !== account) throw new Refused(417, 'the identifier is taken');
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === '') delete identity[name];
    else identity[name] = value;
  }
  Object.assign(account.customFields, customFields);
  call.tenant.tellOurs('email' in fields ? 'EMAIL_CHANGED' : 'ACCOUNT_MODIFIED', account.sub);
  return success(shown(call.tenant, account));
}

function changeStatus(call: Call) {
  const account = accountAt(call);
  const { userStatus } = membersOf(call.body, ['userStatus', 'user_status_reason']);
  if (!STATES.includes(String(userStatus)) || userStatus === account.userStatus) {
    throw new Refused(400, 'invalid status transition');
  }
  account.userStatus = String(userStatus);
  const event = userStatus === 'VERIFIED' ? 'ACCOUNT_ACTIVATED' : 'ACCOUNT_DEACTIVATED';
  call.tenant.tellOurs(event, account.sub);
  return success();
}

function list({ tenant, body }: Call) {
  const { sortfield, size = 50, searchAfter } = membersOf(body, ['sortfield', 'size', 'searchAfter', 'pit']);
  if (sortfield !== 'createdTime' && sortfield !== 'updatedTime')
    throw new Refused(400, 'sortfield is required');
  if (Number(size) > MAX) throw new Refused(400, 'size is too large');
  const after = Array.isArray(searchAfter) ? Number(searchAfter[1]) : 0;
  const page = tenant.all().filter(({ place }) => place > after);
  if (page.length === 0) return { status: 204 };
  const users = page.slice(0, Number(size)).map((account) => {
    const {
      identityId: _id,
      provider: _self,
      ...system
    } = account.identities.find(({ provider }) => provider === 'self') ?? account.identities[0] ?? {};
    return { ...shown(tenant, account), system, sort: [1_700_000_000_000, account.place] };
  });
  return { status: 200, body: { users } };
}

function join(call: Call) {
  const { tenant, at } = call;
  const { sub, groupId, roles = [] } = membersOf(call.body, ['sub', 'groupId', 'roles']);
  const id = decodeURIComponent(at);
  const allowed = Object.hasOwn(tenant.settings.groups, id) ? tenant.settings.groups[id] : undefined;
  if (!allowed || groupId !== id) throw new Refused(404, 'group not found');
  const account = accountAt({ ...call, at: String(sub) });
  const wanted = roles as string[];
  if (!wanted.every((role) => allowed.includes(role))) throw new Refused(417, 'role not allowed');
  const others = account.groups.filter((one) => one.groupId !== id);
  const isNew = others.length === account.groups.length;
  account.groups = [...others, { groupId: id, roles: wanted }];
  tenant.tellOurs(isNew ? 'GROUP_USER_ROLE_ADDED' : 'GROUP_USER_ROLE_UPDATED', account.sub);
  return success();
}

function leave({ tenant, at, second }: Call) {
  const id = decodeURIComponent(at);
  const account = tenant.bySub(decodeURIComponent(second));
  if (!account?.groups.some(({ groupId }) => groupId === id))
    throw new Refused(404, 'user group map not found');
  account.groups = account.groups.filter(({ groupId }) => groupId !== id);
  tenant.tellOurs('GROUP_USER_ROLE_REMOVED', account.sub);
  return success();
}

const SETUP = ['auth_type', 'url', 'events', 'apikeyDetails', 'totpDetails', 'cidaasAuthDetails', 'disable'];

function subscribe({ body, webhooks }: Call) {
  const given = membersOf(body, SETUP) as unknown as Omit<WebhookSetup, 'id'>;
  const problem = problemWithSetup(given, [...webhooks.setups.values()]);
  if (problem) throw new Refused(400, problem);
  const setup = newSetup(given);
  webhooks.setups.set(setup.id, setup);
  return { status: 201, body: { success: true, status: 201, data: setup } };
}

function unsubscribe({ at, webhooks }: Call) {
  if (!webhooks.setups.delete(at)) throw new Refused(404, 'webhook not found');
  return success();
}

function reset({ tenant, body, heard }: Call) {
  const { email, resetMedium, processingType } = membersOf(body, ['email', 'resetMedium', 'processingType']);
  const isAsked = resetMedium === 'email' && (processingType === 'LINK' || processingType === 'CODE');
  if (!isAsked || !tenant.byIdentifier(String(email))) throw new Refused(417, 'reset failed');
  heard.mailed.push(String(email));
  return success();
}

function unlink({ tenant, at }: Call) {
  const account = tenant
    .all()
    .find(({ identities }) => identities.some(({ identityId }) => identityId === at));
  if (!account) throw new Refused(404, 'identity not found');
  account.identities = account.identities.filter(({ identityId }) => identityId !== at);
  return success();
}

export const ROUTES: readonly Route[] = [
  { method: 'POST', path: /^\/users-srv\/user\/bulk$/, scope: 'cidaas:bulk_user_create', answer: bulk },
  {
    method: 'GET',
    path: /^\/user-srv\/users\/([^/]+)$/,
    scope: 'cidaas:users_read',
    answer: (call) => success(shown(call.tenant, accountAt(call))),
  },
  {
    method: 'POST',
    path: /^\/useractions-srv\/userexistence$/,
    scope: 'cidaas:users_read',
    answer: ({ tenant, body }) => {
      const account = tenant.byAnything(String(membersOf(body, ['userId']).userId));
      return account ? success({ sub: account.sub }) : { status: 204 };
    },
  },
  { method: 'PUT', path: /^\/user-srv\/users\/([^/]+)$/, scope: 'cidaas:users_write', answer: update },
  {
    method: 'PATCH',
    path: /^\/user-srv\/users\/([^/]+)\/status$/,
    scope: 'cidaas:users_write',
    answer: changeStatus,
  },
  {
    method: 'DELETE',
    path: /^\/users-srv\/user\/purge\/([^/]+)$/,
    scope: 'cidaas:users_delete',
    answer: (call) => {
      const { sub } = accountAt(call);
      call.tenant.remove(sub);
      call.tenant.tellOurs('ACCOUNT_DELETED', sub);
      return { status: 202, body: { success: true, status: 202 } };
    },
  },
  { method: 'POST', path: /^\/user-ext-srv\/bulkread\/users$/, scope: 'cidaas:users_search', answer: list },
  {
    method: 'POST',
    path: /^\/groups-srv\/usergroups\/([^/]+)\/users$/,
    scope: 'cidaas:groups_write',
    answer: join,
  },
  {
    method: 'DELETE',
    path: /^\/groups-srv\/usergroups\/([^/]+)\/users\/([^/]+)$/,
    scope: 'cidaas:groups_write',
    answer: leave,
  },
  { method: 'POST', path: /^\/webhook-srv\/webhooks$/, scope: 'cidaas:webhook_write', answer: subscribe },
  {
    method: 'GET',
    path: /^\/webhook-srv\/webhooks$/,
    scope: 'cidaas:webhook_read',
    answer: ({ webhooks }) => ({ status: 200, body: { data: [...webhooks.setups.values()] } }),
  },
  {
    method: 'DELETE',
    path: /^\/webhook-srv\/webhooks\/([^/]+)$/,
    scope: 'cidaas:webhook_delete',
    answer: unsubscribe,
  },
  {
    method: 'POST',
    path: /^\/password-srv\/resetpassword\?action=initiatereset$/,
    scope: 'cidaas:users_write',
    answer: reset,
  },
  {
    method: 'POST',
    path: /^\/users-srv\/user\/unlink\/([^/]+)$/,
    scope: 'cidaas:users_write',
    answer: unlink,
  },
];
