/** The flow External Authentication of Actions V1: which scripts run when, what they see, and what they may set. */
import { decodeJwt } from 'jose';
import type { StoredAction } from './actions-store.ts';
import { runActionV1 } from './actions-v1.ts';
import { flowKey } from './actions-v1-calls.ts';
import type { HostValue } from './actions-v1-values.ts';
import type { Instance, User } from './instance.ts';
import type { AuthRequest } from './login-v1.ts';
import type { ExternalPerson, Human, Person } from './login-v1-person.ts';
import { loginNames } from './new-user.ts';
import { SYSTEM } from './passwords.ts';
import type { ExternalUser } from './relying-party.ts';

const TRIGGERS = { 'post-authentication': '1', 'pre-creation': '2', 'post-creation': '3' } as const;

export interface Occasion {
  readonly trigger: keyof typeof TRIGGERS;
  readonly person: ExternalPerson;
  readonly external?: ExternalUser;
  readonly authError?: string;
  readonly human?: Human;
  readonly user?: User;
}

/** An action that may not fail has. */
export class ActionFailed extends Error {}

interface ActionGrant {
  projectId: string;
  projectGrantId: string;
  roles: string[];
}

export const changed = ({ isChanged }: Person): boolean => isChanged;

/** Runs what the organization has for the trigger, one after the other. Throws when one fails that may not. */
export async function runTrigger(
  instance: Instance,
  request: AuthRequest,
  occasion: Occasion,
): Promise<ActionGrant[]> {
  const ids = instance.flows.get(flowKey(request.organization, '1', TRIGGERS[occasion.trigger])) ?? [];
  const grants: ActionGrant[] = [];
  for (const action of ids
    .flatMap((id) => instance.actions.get(id) ?? [])
    .filter(({ isActive }) => isActive)) {
    await run(instance, request, { action, occasion, grants });
  }
  return grants;
}

async function run(
  instance: Instance,
  request: AuthRequest,
  { action, occasion, grants }: { action: StoredAction; occasion: Occasion; grants: ActionGrant[] },
): Promise<void> {
  const ran = await runActionV1(action.script, action.name, {
    ctx: contextOf(instance, request, occasion),
    api: apiOf(occasion, grants),
    timeoutMs: action.timeoutMs,
    denylist: request.actionsDenylist,
  });
  instance.actionRuns.push({ name: action.name, trigger: occasion.trigger, ...ran });
  if (ran.error !== undefined && !action.allowedToFail) throw new ActionFailed(ran.error);
}

function contextOf(instance: Instance, request: AuthRequest, occasion: Occasion): HostValue {
  const { trigger, person, external, human, user } = occasion;
  const shared = { authRequest: shownRequest(instance, request), httpRequest: shownHttp(instance) };
  if (trigger === 'pre-creation') {
    return { v1: { ...shared, user: { username: human!.username, human: shownPerson(human!) } } };
  }
  if (trigger === 'post-creation') return { v1: { ...shared, getUser: () => shownUser(instance, user!) } };
  const claims = external ? decodeJwt(external.idToken) : {};
  return {
    accessToken: external?.accessToken ?? '',
    idToken: external?.idToken ?? '',
    // The ID token's, not userinfo's.
    getClaim: (name: string) => (claims[name] ?? null) as HostValue,
    claimsJSON: () => JSON.stringify(claims),
    v1: { ...shared, externalUser: shownExternal(person), authError: occasion.authError ?? 'none' },
  };
}

const shownPerson = (person: Person): HostValue => ({
  firstName: person.firstName,
  lastName: person.lastName,
  nickName: person.nickName,
  displayName: person.displayName,
  avatarKey: '',
  preferredLanguage: person.preferredLanguage,
  gender: 0,
  email: person.email,
  isEmailVerified: person.isEmailVerified,
  phone: person.phone,
  isPhoneVerified: person.isPhoneVerified,
});

const shownExternal = (person: ExternalPerson): HostValue => ({
  externalId: person.externalId,
  externalIdpId: person.idpId,
  human: shownPerson(person),
});

function shownRequest(instance: Instance, request: AuthRequest): HostValue {
  const user = instance.users.get(request.userId ?? '');
  return {
    id: request.id,
    agentId: 'agent',
    creationDate: instance.time,
    changeDate: instance.time,
    browserInfo: null,
    applicationId: 'app',
    callbackUri: 'https://app.example/callback',
    transferState: 'state',
    prompt: [],
    uiLocales: [],
    loginHint: request.loginHint ?? '',
    instanceId: instance.id,
    request: { oidc: { scopes: ['openid'] } },
    userId: request.userId ?? '',
    userName: user?.username ?? '',
    loginName: user ? (loginNames(instance, user)[0] ?? '') : '',
    displayName: user?.profile.displayName ?? '',
    resourceOwner: user?.organization ?? '',
    requestedOrgId: request.requestedOrganization ?? '',
    selectedIdpConfigId: request.idp.id,
    linkingUsers: request.linking.map(shownExternal),
    passwordVerified: false,
    mfasVerified: [],
    audience: [],
  };
}

const shownHttp = (instance: Instance): HostValue => ({
  method: 'GET',
  url: '/ui/login/login/externalidp/callback',
  proto: 'HTTP/1.1',
  contentLength: 0,
  host: new URL(instance.url).host,
  form: {},
  postForm: {},
  remoteAddr: '127.0.0.1:1',
  headers: {},
});

const shownUser = (instance: Instance, user: User): HostValue => ({
  id: user.id,
  creationDate: user.createdAt,
  changeDate: user.changedAt,
  resourceOwner: user.organization,
  sequence: user.sequence,
  state: 1,
  username: user.username,
  loginNames: loginNames(instance, user),
  preferredLoginName: loginNames(instance, user)[0] ?? '',
  human: {
    firstName: user.profile.givenName ?? '',
    lastName: user.profile.familyName ?? '',
    nickName: user.profile.nickName ?? '',
    displayName: user.profile.displayName ?? '',
    preferredLanguage: user.profile.preferredLanguage ?? 'und',
    email: user.email.address,
    isEmailVerified: user.email.isVerified,
    phone: user.phone?.number ?? '',
    isPhoneVerified: user.phone?.isVerified ?? false,
  },
});

/** Go makes a text of whatever it is given, and a boolean of whatever it is given. */
function apiOf({ trigger, person, human }: Occasion, grants: ActionGrant[]): HostValue {
  if (trigger === 'post-creation')
    return { userGrants: [], v1: { appendUserGrant: (given: object) => appendGrant(grants, given) } };
  const of = (trigger === 'pre-creation' ? human : person)! as unknown as Person & Record<string, unknown>;
  const set = (name: string, value: unknown) => {
    of[name] = value;
    of.isChanged = true;
    return undefined;
  };
  const text = (name: string) => (value: unknown) => set(name, String(value));
  const flag = (name: string) => (value: unknown) => set(name, Boolean(value));
  return {
    setFirstName: text('firstName'),
    setLastName: text('lastName'),
    setNickName: text('nickName'),
    setDisplayName: text('displayName'),
    setPreferredLanguage: text('preferredLanguage'),
    setEmail: text('email'),
    setEmailVerified: flag('isEmailVerified'),
    setPhone: text('phone'),
    setPhoneVerified: flag('isPhoneVerified'),
    ...(trigger === 'pre-creation'
      ? { setUsername: text('username'), setGender: text('gender') }
      : { setPreferredUsername: text('preferredUsername') }),
    metadata: [],
    v1: {
      user: {
        appendMetadata: (key: string, value: unknown) => {
          of.metadata.set(key, JSON.stringify(value));
          return undefined;
        },
      },
    },
  } as HostValue;
}

function appendGrant(grants: ActionGrant[], given: object): undefined {
  const { projectId = '', projectGrantId = '', roles = [] } = given as Partial<ActionGrant>;
  if (!projectId) throw new Error('projectId not set');
  grants.push({ projectId, projectGrantId, roles });
}

export function appendGrants(instance: Instance, user: User, grants: readonly ActionGrant[]): void {
  for (const { projectId, projectGrantId, roles } of grants) {
    const id = instance.newId();
    const grant = {
      id,
      userId: user.id,
      organization: user.organization,
      projectId,
      projectGrantId,
      roleKeys: roles,
      isActive: true,
    };
    instance.grants.set(id, grant);
    const aggregate = { type: 'usergrant', id, resourceOwner: user.organization };
    instance.push(
      { type: 'user.grant.added', aggregate, payload: { userId: user.id, projectId, roleKeys: roles } },
      SYSTEM,
    );
  }
}
