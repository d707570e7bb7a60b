/** Login V2 after an identity provider: whom it finds, whom it links, whom it makes of what the intent says. */
import type {
  AddHumanUserRequestJson,
  CreateUserRequestJson,
} from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import type { LoginOutcome } from './login-outcome.ts';
import { failed } from './login-outcome.ts';
import type { ApiCall } from './login-v2.ts';

export interface AfterProvider {
  readonly call: ApiCall;
  readonly organization?: string;
  createSession(checks: object, userId: string): Promise<{ readonly id: string }>;
}

interface Retrieved {
  readonly userId?: string;
  readonly idpInformation?: { readonly idpId: string; readonly userId?: string; readonly userName?: string };
  readonly addHumanUser?: AddHumanUserRequestJson;
  readonly createUser?: CreateUserRequestJson;
  readonly updateUser?: object;
}

interface Options {
  readonly isLinkingAllowed?: boolean;
  readonly isCreationAllowed?: boolean;
  readonly isAutoCreation?: boolean;
  readonly isAutoUpdate?: boolean;
  readonly autoLinking?: string;
}

interface Context extends AfterProvider {
  readonly intent: { readonly idpIntentId: string; readonly idpIntentToken: string };
  readonly retrieved: Retrieved;
  readonly information: NonNullable<Retrieved['idpInformation']>;
  readonly options: Options;
}

export async function afterProvider(given: AfterProvider, to: URL): Promise<LoginOutcome> {
  const intent = {
    idpIntentId: to.searchParams.get('id') ?? '',
    idpIntentToken: to.searchParams.get('token') ?? '',
  };
  if (!intent.idpIntentToken) return failed(to.searchParams.get('error_description') ?? 'no token');
  try {
    const path = `/v2/idp_intents/${intent.idpIntentId}`;
    const { idpIntentToken } = intent;
    const retrieved = await given.call<Retrieved>('POST', path, { idpIntentToken });
    const information = retrieved.idpInformation;
    if (!information) return failed('missing_idp_info');
    const { idp } = await given.call<{ idp: { config?: { options?: Options } } }>(
      'GET',
      `/v2/idps/${information.idpId}`,
    );
    const context: Context = { ...given, intent, retrieved, information, options: idp.config?.options ?? {} };
    return (await known(context)) ?? (await linked(context)) ?? (await created(context)) ?? asked(context);
  } catch (error) {
    return failed(error);
  }
}

async function enter(
  context: Context,
  userId: string,
  did: ('created' | 'linked' | 'updated')[],
): Promise<LoginOutcome> {
  const checks = { user: { userId }, idpIntent: context.intent };
  const { id } = await context.createSession(checks, userId);
  return { kind: 'logged-in', userId, sessionId: id, did };
}

async function known(context: Context): Promise<LoginOutcome | undefined> {
  const { userId, addHumanUser, updateUser } = context.retrieved;
  if (!userId) return undefined;
  const isUpdated = context.options.isAutoUpdate && (updateUser ?? addHumanUser);
  if (isUpdated) await context.call('PATCH', `/v2/users/${userId}`, { ...isUpdated }).catch(() => undefined);
  return enter(context, userId, isUpdated ? ['updated'] : []);
}

/** By an address that both sides have verified, or by name: the first who is found. */
async function linked(context: Context): Promise<LoginOutcome | undefined> {
  const { options, information, organization } = context;
  const { email, isVerified } = proposed(context.retrieved)?.email ?? {};
  const here = organization ? [{ organizationIdQuery: { organizationId: organization } }] : [];
  const query =
    options.autoLinking === 'AUTO_LINKING_OPTION_EMAIL' && email && isVerified
      ? { emailQuery: { emailAddress: email } }
      : options.autoLinking === 'AUTO_LINKING_OPTION_USERNAME' && information.userName
        ? { userNameQuery: { userName: information.userName } }
        : undefined;
  if (!query) return undefined;
  const { result = [] } = await context.call<{
    result?: { userId: string; details: { resourceOwner: string } }[];
  }>('POST', '/v2/users', { queries: [...here, query] });
  const [user] = result;
  if (!user) return undefined;
  if (!(await mayLink(context, user.details.resourceOwner))) return failed('validation_failed');
  const { idpId, userId = '', userName = '' } = information;
  await context.call('POST', `/v2/users/${user.userId}/links`, { idpLink: { idpId, userId, userName } });
  return enter(context, user.userId, ['linked']);
}

async function mayLink({ call, information }: Context, organization: string): Promise<boolean> {
  const path = `/v2/settings/login/idps?ctx.orgId=${organization}&linkingAllowed=true`;
  const { identityProviders = [] } = await call<{ identityProviders?: { id: string }[] }>('GET', path);
  return identityProviders.some(({ id }) => id === information.idpId);
}

/** What there is to make a user of: newer answers say it as it is to be sent, older ones in the older message. */
function proposed({ createUser, addHumanUser }: Retrieved): AddHumanUserRequestJson | undefined {
  return createUser
    ? { ...createUser.human, ...(createUser.username && { username: createUser.username }) }
    : addHumanUser;
}

async function created(context: Context): Promise<LoginOutcome | undefined> {
  const { retrieved, options } = context;
  const user = proposed(retrieved);
  if (!options.isAutoCreation || !user) return undefined;
  if (!user.profile?.givenName || !user.profile.familyName) return registration(context, user);
  const organizationId = context.organization ?? (await defaultOrganization(context));
  const path = '/v2/users/new';
  try {
    const { id } = await context.call<{ id: string }>('POST', path, request(retrieved, organizationId));
    return await enter(context, id, ['created']);
  } catch (error) {
    return failed(`user_creation_failed: ${(error as Error).message}`);
  }
}

/**
 * `createUser` goes on as an Action has left it, with a hash and a seed if there are any. Of the older message only this
 * is taken: neither hash nor seed, nor the id.
 */
function request(
  { createUser, addHumanUser = {} }: Retrieved,
  organizationId: string,
): CreateUserRequestJson {
  if (createUser) return { ...createUser, organizationId };
  const { username, profile, email, phone, idpLinks, metadata } = addHumanUser;
  const human = {
    ...(profile && { profile }),
    ...(email && { email }),
    ...(phone && { phone }),
    ...(idpLinks && { idpLinks }),
    ...(metadata && { metadata }),
  };
  return { organizationId, ...(username && { username }), human };
}

async function defaultOrganization({ call }: Context): Promise<string> {
  const { defaultOrgId } = await call<{ defaultOrgId: string }>('GET', '/v2/settings');
  return defaultOrgId;
}

function registration({ information }: Context, user: AddHumanUserRequestJson): LoginOutcome {
  const parameters = {
    idpId: information.idpId,
    idpUserId: information.userId ?? '',
    idpUserName: information.userName ?? '',
    givenName: user.profile?.givenName ?? '',
    familyName: user.profile?.familyName ?? '',
    email: user.email?.email ?? '',
  };
  return { kind: 'page', page: '/idp/oidc/complete-registration', parameters };
}

/** By hand, or not at all. */
function asked(context: Context): LoginOutcome {
  const user = proposed(context.retrieved);
  if (context.options.isCreationAllowed && user) return registration(context, user);
  return { kind: 'page', page: '/idp/oidc/account-not-found', parameters: {} };
}
