/**
 * ZITADEL's Login V1 with an identity provider, from the authorize request to the user: what it sends, whom it finds,
 * what it makes, and when it runs which Actions V1.
 */
import type { Browser } from '../browser.ts';
import { ActionFailed, appendGrants, changed, runTrigger } from './actions-v1-flow.ts';
import type { AtProvider } from './at-provider.ts';
import { ApiError, precondition } from './errors.ts';
import type { Idp, Instance, User } from './instance.ts';
import { linkedUser } from './intents.ts';
import { beginJwtLogin, V1_JWT_DONE } from './jwt-idp.ts';
import type { LoginOutcome } from './login-outcome.ts';
import { failed } from './login-outcome.ts';
import type { ExternalPerson } from './login-v1-person.ts';
import { humanOf, personOf, updateUser } from './login-v1-person.ts';
import { addUser, assertLinkFree, linkAdded, loginNames } from './new-user.ts';
import { SYSTEM } from './passwords.ts';
import type { ExternalUser } from './relying-party.ts';
import { beginLogin, finishLogin } from './relying-party.ts';

export const V1_CALLBACK = '/ui/login/login/externalidp/callback';

export interface LoginV1 {
  readonly browser: Browser;
  readonly idpId: string;
  readonly atProvider: AtProvider;
  /** The application's `login_hint`. */
  readonly loginHint?: string;
  /** The organization that the application asked for by scope. */
  readonly organization?: string;
  /** A user whom ZITADEL knows already from its own first page. */
  readonly userId?: string;
  /** Names and addresses that Actions may not call. */
  readonly actionsDenylist?: readonly string[];
}

/** What ZITADEL keeps of a login under way; `id` is the state at the provider. */
export interface AuthRequest {
  readonly id: string;
  readonly idp: Idp;
  readonly organization: string;
  readonly requestedOrganization: string | undefined;
  readonly loginHint: string | undefined;
  readonly actionsDenylist: readonly string[];
  userId: string | undefined;
  linking: ExternalPerson[];
}

export async function loginV1(instance: Instance, given: LoginV1): Promise<LoginOutcome> {
  const idp = instance.idps.get(given.idpId);
  if (!idp) return failed('Errors.IDPConfig.NotExisting');
  const organization = given.organization ?? [...instance.organizations.keys()][0]!;
  if (!instance.loginIdpsOf(organization).has(idp.id))
    return failed('Errors.User.ExternalIDP.NotAllowed (VIEW-Fsj7f)');
  const request: AuthRequest = {
    id: `V1_${instance.newId()}`,
    idp,
    organization,
    requestedOrganization: given.organization,
    loginHint: given.loginHint,
    actionsDenylist: given.actionsDenylist ?? [],
    userId: given.userId,
    linking: [],
  };
  if (idp.kind === 'jwt') return throughJwt(instance, request, given);
  const redirectUri = `${instance.url}${V1_CALLBACK}`;
  let begun: Awaited<ReturnType<typeof beginLogin>>;
  try {
    begun = await beginLogin(idp, { state: request.id, redirectUri, loginHint: hintOf(instance, request) });
  } catch (error) {
    return failed(error);
  }
  const end = await given.atProvider({ browser: given.browser, url: begun.url, redirectUri });
  if (!end.location?.startsWith(redirectUri))
    return { kind: 'page', page: end.url, parameters: { status: String(end.status) } };
  const { codeVerifier } = begun;
  const work = finishLogin(idp, { callback: new URL(end.location), state: request.id, codeVerifier });
  return returnV1(instance, request, work);
}

/** The browser is back when the request with the token has been answered. */
async function throughJwt(instance: Instance, request: AuthRequest, given: LoginV1): Promise<LoginOutcome> {
  let outcome: LoginOutcome | undefined;
  const end = async (work: Promise<ExternalUser>) => {
    outcome = await returnV1(instance, request, work);
  };
  instance.waitingForJwt.set(request.id, { idpId: request.idp.id, end });
  const redirectUri = `${instance.url}${V1_JWT_DONE}`;
  await given.atProvider({
    browser: given.browser,
    url: beginJwtLogin(request.idp, request.id),
    redirectUri,
  });
  instance.waitingForJwt.delete(request.id);
  return outcome ?? failed('nobody came back');
}

/** The link's name if there is exactly one, else what the application said. */
function hintOf(instance: Instance, { userId, idp, loginHint }: AuthRequest): string | undefined {
  const user = instance.users.get(userId ?? '');
  const links = user?.links.filter(({ idpId }) => idpId === idp.id) ?? [];
  if (links.length === 1) return links[0]!.userName;
  return (user && (user.username || loginNames(instance, user)[0])) || loginHint;
}

/** From the provider's answer on; exported for JWT providers, which answer another way. */
export async function returnV1(
  instance: Instance,
  request: AuthRequest,
  work: Promise<ExternalUser>,
): Promise<LoginOutcome> {
  let external: ExternalUser;
  try {
    external = await work;
  } catch (error) {
    // It runs for failed logins as well, and nothing that goes wrong in it changes that.
    const nobody = personOf(request.idp, undefined);
    await runTrigger(instance, request, {
      trigger: 'post-authentication',
      person: nobody,
      authError: String((error as Error).message),
    }).catch(() => undefined);
    return failed(error);
  }
  try {
    return await authenticated(instance, request, external);
  } catch (error) {
    return failed(error);
  }
}

async function authenticated(
  instance: Instance,
  request: AuthRequest,
  external: ExternalUser,
): Promise<LoginOutcome> {
  const person = personOf(request.idp, external);
  const user = linkedUser(instance, request.idp.id, person.externalId);
  if (user) assertMayLogIn(user);
  if (user) request.userId = user.id;
  else request.linking.push(person);
  await runTrigger(instance, request, {
    trigger: 'post-authentication',
    person,
    external,
    authError: 'none',
  });
  if (!user) return nobodyYet(instance, request, person);
  const isUpdated = request.idp.options.isAutoUpdate || changed(person);
  if (isUpdated) updateUser(instance, user, person);
  storeMetadata(instance, user, person);
  return loggedIn(user, isUpdated ? ['updated'] : []);
}

function assertMayLogIn(user: User): void {
  if (user.state === 'USER_STATE_LOCKED') throw precondition('EVENT-SF3gb', 'Errors.User.Locked');
  if (user.state !== 'USER_STATE_ACTIVE') throw precondition('EVENT-FJ262', 'Errors.User.Inactive');
}

const loggedIn = (user: User, did: ('created' | 'linked' | 'updated')[]): LoginOutcome => ({
  kind: 'logged-in',
  userId: user.id,
  ...(user.totp?.isReady && { asks: 'totp' as const }),
  did,
});

/** Links by what the provider's options say, makes a user, or asks. */
async function nobodyYet(
  instance: Instance,
  request: AuthRequest,
  person: ExternalPerson,
): Promise<LoginOutcome> {
  const found = automatic(instance, request, person);
  if (found) {
    assertMayLogIn(found);
    const link = { idpId: request.idp.id, userId: person.externalId, userName: person.preferredUsername };
    assertLinkFree(instance, link);
    found.links.push(link);
    instance.userEvent(found, linkAdded(link), SYSTEM);
    return loggedIn(found, ['linked']);
  }
  if (!request.idp.options.isAutoCreation) return notFoundPage(request, person);
  let user: User;
  try {
    user = await register(instance, request, person);
  } catch (error) {
    if (error instanceof ApiError || error instanceof ActionFailed)
      return notFoundPage(request, person, error);
    throw error;
  }
  // They are stored by now: what fails from here on fails the login, and the user stays.
  request.userId = user.id;
  const grants = await runTrigger(instance, request, { trigger: 'post-creation', person, user });
  appendGrants(instance, user, grants);
  return loggedIn(user, ['created']);
}

/** Looks at verified addresses of its own, and never at whether the provider has verified the one it sent. */
function automatic(
  instance: Instance,
  { idp, requestedOrganization }: AuthRequest,
  person: ExternalPerson,
): User | undefined {
  const here = instance.projected.filter(
    (user) => !requestedOrganization || user.organization === requestedOrganization,
  );
  const same = (one: string, other: string) => one !== '' && one.toLowerCase() === other.toLowerCase();
  const fits = (user: User): boolean => {
    if (idp.options.autoLinking === 'AUTO_LINKING_OPTION_EMAIL')
      return user.email.isVerified && same(user.email.address, person.email);
    if (idp.options.autoLinking !== 'AUTO_LINKING_OPTION_USERNAME') return false;
    const names = requestedOrganization ? [user.username] : loginNames(instance, user);
    return names.some((name) => same(name, person.preferredUsername));
  };
  const found = here.filter(fits);
  return found.length === 1 ? instance.users.get(found[0]!.id) : undefined;
}

function notFoundPage({ idp }: AuthRequest, person: ExternalPerson, error?: Error): LoginOutcome {
  const { isCreationAllowed, isLinkingAllowed } = idp.options;
  if (!isCreationAllowed && !isLinkingAllowed)
    return failed(error ?? 'Errors.User.ExternalIDP.NoOptionAllowed (LOGIN-3kl44)');
  return {
    kind: 'page',
    page: 'external_not_found_option',
    parameters: {
      ...(error && { error: error.message }),
      username: person.preferredUsername,
      email: person.email,
      firstname: person.firstName,
      lastname: person.lastName,
      creation: String(isCreationAllowed),
      linking: String(isLinkingAllowed),
    },
  };
}

/** The user is stored before the last Actions run: what fails in them fails the login, and the user stays. */
async function register(instance: Instance, request: AuthRequest, person: ExternalPerson): Promise<User> {
  const mustBeDomain = instance.policiesOf(request.organization).domain.userLoginMustBeDomain;
  const human = humanOf(person, mustBeDomain);
  await runTrigger(instance, request, { trigger: 'pre-creation', person, human });
  const { username, firstName, lastName, nickName, displayName, preferredLanguage, email, isEmailVerified } =
    human;
  return addUser(
    instance,
    {
      organization: request.organization,
      selfRegistered: true,
      username,
      profile: {
        givenName: firstName,
        familyName: lastName,
        ...(nickName && { nickName }),
        ...(displayName && { displayName }),
        ...(preferredLanguage && preferredLanguage !== 'und' && { preferredLanguage }),
      },
      email: { email, isVerified: isEmailVerified },
      ...(human.phone && { phone: { phone: human.phone, isVerified: human.isPhoneVerified } }),
      metadata: [...human.metadata].map(([key, value]) => ({
        key,
        value: Buffer.from(value).toString('base64'),
      })),
      idpLinks: [{ idpId: request.idp.id, userId: person.externalId, userName: person.preferredUsername }],
    },
    SYSTEM,
  );
}

function storeMetadata(instance: Instance, user: User, { metadata }: ExternalPerson): void {
  for (const [key, value] of metadata) {
    user.metadata[key] = Buffer.from(value).toString('base64');
    instance.userEvent(user, ['user.metadata.set', { key, value: user.metadata[key] }], SYSTEM);
  }
}
