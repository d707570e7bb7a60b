/** `POST /users-srv/user/bulk` of the stand-in: adds users, or updates whoever has one of their identifiers. */

import type { PasswordHashInfo } from './passwords.ts';
import { problemWithPassword } from './passwords.ts';
import type { Account, Identity, Tenant } from './tenant.ts';
import { newIdentity } from './tenant.ts';

type Fields = Record<string, unknown>;

export const SYSTEM_FIELDS = new Set([
  'email',
  'email_verified',
  'mobile_number',
  'mobile_number_verified',
  'given_name',
  'family_name',
  'username',
  'nickname',
  'locale',
]);
const ENTITY = new Set([
  ...SYSTEM_FIELDS,
  'provider',
  'password_hash_info',
  'identities',
  'customFields',
  'groups',
  'roles',
  'createdTime',
  'lastLoggedInTime',
]);
const IDENTITY = new Set([
  ...SYSTEM_FIELDS,
  'provider',
  'providerUserId',
  'identityId',
  'password_hash_info',
]);
/** Throw-away addresses, and domains that receive no mail. */
const BAD_DOMAINS = ['disposable.example', 'no-mx.example'];

class Failed extends Error {
  readonly code: number;
  constructor(message: string, code = 417) {
    super(message);
    this.code = code;
  }
}

/** One row of `process_states`. */
export function imported(tenant: Tenant, given: unknown): object {
  const identifier = { email: localOf(given)?.email };
  try {
    const { account, isNew, hasNewPassword } = upsert(tenant, given);
    tenant.tellOurs(isNew ? 'ACCOUNT_CREATED_WITH_CIDAAS_IDENTITY' : 'ACCOUNT_MODIFIED', account.sub);
    if (!isNew && hasNewPassword) tenant.tellOurs('PASSWORD_CHANGED', account.sub);
    return { identifier, sub: account.sub, state: isNew ? 'CREATED' : 'UPDATED' };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return { identifier, sub: 'ANONYMOUS', state: 'FAILED', code: error.code, message: error.message };
  }
}

const objectOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};

function localOf(given: unknown): Fields | undefined {
  const { identities, ...rest } = objectOf(given);
  const listed = (Array.isArray(identities) ? identities : []).map(objectOf);
  const local = listed.find(({ provider }) => provider === 'self');
  return local ?? ('email' in rest || rest.provider === 'self' ? rest : undefined);
}

function upsert(tenant: Tenant, given: unknown) {
  const entity = checkedEntity(tenant, given);
  const {
    password_hash_info: password,
    provider: _self,
    customFields: _custom,
    identities: _all,
    ...own
  } = entity.local;
  const identifiers = [
    own.email,
    own.mobile_number,
    own.username,
    entity.custom[tenant.settings.customFields[0]!],
  ];
  const [there, ...others] = new Set(
    identifiers.flatMap((text) => (typeof text === 'string' ? (tenant.byIdentifier(text) ?? []) : [])),
  );
  if (others.length > 0) throw new Failed('the identifiers belong to more than one user');
  if (there?.password && password && !tenant.settings.migrationMode) {
    throw new Failed('the password was migrated already');
  }
  const account = there ?? tenant.add();
  if (tenant.settings.isEmptying) emptied(account);
  merge(account, 'self', own);
  for (const { provider, ...fields } of entity.others) merge(account, String(provider), fields);
  Object.assign(account.customFields, entity.custom);
  if (password) account.password = password as PasswordHashInfo;
  return { account, isNew: there === undefined, hasNewPassword: password !== undefined };
}

/** All but who they are. */
function emptied(account: Account): void {
  account.identities = account.identities.map(({ provider, identityId, providerUserId }) => ({
    provider,
    identityId,
    ...(providerUserId !== undefined && { providerUserId }),
  }));
  account.customFields = {};
}

function checkedEntity({ settings }: Tenant, given: unknown) {
  const { identities = [], customFields = {} } = objectOf(given);
  unknownIn(objectOf(given), ENTITY);
  if (!Array.isArray(identities)) throw new Failed('identities must be an array');
  const local = localOf(given);
  if (!local) throw new Failed('a user needs an identifier');
  const others = identities.map(objectOf).filter((one) => one.provider !== 'self');
  for (const identity of identities.map(objectOf)) {
    unknownIn(identity, IDENTITY);
    if (identity.provider === 'self') continue;
    if (!settings.providers.includes(String(identity.provider))) throw new Failed('unknown provider');
    if (typeof identity.providerUserId !== 'string') throw new Failed('providerUserId is required');
  }
  checkEmail(local.email);
  const custom = objectOf(customFields) as Record<string, string>;
  for (const [key, value] of Object.entries(custom)) {
    if (!settings.customFields.includes(key)) throw new Failed(`the field ${key} is not enabled`);
    if (typeof value !== 'string') throw new Failed(`the field ${key} is a text`);
  }
  if (local.password_hash_info !== undefined) {
    const problem = problemWithPassword(local.password_hash_info, settings.custom?.algorithm);
    if (problem) throw new Failed(problem, 400);
  }
  return { local, others, custom };
}

function unknownIn(given: Fields, known: ReadonlySet<string>): void {
  const unknown = Object.keys(given).find((key) => !known.has(key));
  if (unknown !== undefined) throw new Failed(`unknown field ${unknown}`, 400);
}

function checkEmail(email: unknown): void {
  const domain = typeof email === 'string' ? /^[^@\s]+@([^@\s]+\.[^@\s]+)$/.exec(email)?.[1] : undefined;
  if (domain === undefined || BAD_DOMAINS.includes(domain)) throw new Failed('invalid email passed', 507);
}

function merge(account: Account, provider: string, fields: Fields): void {
  const there = account.identities.find(
    (one) =>
      one.provider === provider && (provider === 'self' || one.providerUserId === fields.providerUserId),
  );
  const { identityId: _own, ...rest } = fields;
  if (there) Object.assign(there, rest);
  else account.identities.push(newIdentity({ ...rest, provider }) as Identity);
}
