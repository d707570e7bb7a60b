/**
 * The login that an application's request leads to, as Login V2 goes: which session of the browser is good enough, what
 * `prompt` and `login_hint` do, and every check through the session service that it uses.
 */
import type { IncomingMessage } from 'node:http';
import type { Button, Shown } from './app-pages.ts';
import { shownPage } from './app-pages.ts';
import type { Authenticated, Authorizations, AuthRequest } from './authorize.ts';
import { ApiError } from './errors.ts';
import type { Call } from './handlers.ts';
import type { Instance, Session, User } from './instance.ts';
import { addUser, loginNames } from './new-user.ts';
import { SYSTEM } from './passwords.ts';
import { sessionHandlers } from './sessions.ts';

/** A page, or where the browser goes; `cookie` where it has none yet. */
export type LoginStep = (Shown | { readonly location: string }) & { readonly cookie?: string };

export interface AppLogin {
  step(req: IncomingMessage, query: URLSearchParams, form: URLSearchParams): Promise<LoginStep>;
}

const COOKIE = 'sessions';
const CANCEL: Button = { label: 'Cancel', name: 'action', value: 'cancel' };
const [create, change] = ['CreateSession', 'SetSession'].map(
  (name) => sessionHandlers.find(([full]) => full.endsWith(`/${name}`))![1],
) as [Checking, Checking];
type Checking = (request: object, call: Call) => Promise<{ sessionId?: string; sessionToken: string }>;

export function openAppLogin(
  instance: Instance,
  authorizations: Authorizations,
  organization: string,
): AppLogin {
  /** Session ids by cookie. */
  const browsers = new Map<string, string[]>();
  const actor = { ...SYSTEM, userId: 'LOGIN' };
  const call: Call = { instance, actor, organization, namesOrganization: false, may: () => true };

  const sessionsOf = (key: string | undefined): Session[] =>
    (browsers.get(key ?? '') ?? []).flatMap((id) => instance.sessions.get(id) ?? []);

  const finished = (request: AuthRequest, session: Session): LoginStep => ({
    location: authorizations.grant(request, authenticated(session)),
  });

  /** With the cookie of the browser, which is made here. */
  const remembered = (key: string | undefined, session: Session, step: LoginStep): LoginStep => {
    const cookie = key && browsers.has(key) ? key : instance.newSecret();
    const others = sessionsOf(cookie).filter(({ userId }) => userId !== session.userId);
    browsers.set(cookie, [...others.map(({ id }) => id), session.id]);
    return { ...step, cookie: `${COOKIE}=${cookie}; Path=/ui; HttpOnly; SameSite=Lax` };
  };

  const begin = (request: AuthRequest, sessions: readonly Session[]): LoginStep => {
    const { prompts } = request;
    const usable = sessions.filter((session) => isUsable(instance, request, session));
    if (prompts.includes('create')) return registerPage(request);
    if (prompts.includes('none')) {
      const [session] = usable;
      return session
        ? finished(request, session)
        : { location: authorizations.refuse(request, 'login_required', 'No active session found') };
    }
    if (sessions.length === 0 || prompts.includes('login')) return loginPage(request);
    if (prompts.includes('select_account') || usable.length === 0)
      return accountsPage(instance, request, sessions);
    return finished(request, usable[0]!);
  };

  const typed = async (request: AuthRequest, key: string | undefined, form: URLSearchParams) => {
    const loginName = form.get('loginName') ?? '';
    try {
      const user = userNamed(instance, loginName);
      const checks = {
        user: { userId: user?.id ?? '' },
        password: { password: form.get('password') ?? '' },
      };
      const { sessionId = '' } = await create({ checks, lifetime: '86400s' }, call);
      const session = instance.sessions.get(sessionId)!;
      request.pending = session.id;
      const needsCode = instance.users.get(session.userId ?? '')?.totp?.isReady;
      return remembered(key, session, needsCode ? codePage(request) : finished(request, session));
    } catch (error) {
      return loginPage(request, { loginName, problem: problemOf(error) });
    }
  };

  const code = async (request: AuthRequest, form: URLSearchParams): Promise<LoginStep> => {
    const session = instance.sessions.get(request.pending ?? '');
    if (!session) return loginPage(request);
    try {
      const checks = { totp: { code: form.get('code') ?? '' } };
      await change({ sessionId: session.id, sessionToken: session.token, checks }, call);
      return finished(request, session);
    } catch (error) {
      return codePage(request, problemOf(error));
    }
  };

  const register = async (request: AuthRequest, key: string | undefined, form: URLSearchParams) => {
    const [givenName, familyName, email, password] = ['givenName', 'familyName', 'email', 'password'].map(
      (name) => form.get(name) ?? '',
    ) as [string, string, string, string];
    try {
      await addUser(
        instance,
        {
          organization,
          selfRegistered: true,
          username: email,
          profile: { givenName, familyName },
          email: { email, isVerified: false },
          password: { password },
        },
        actor,
      );
      return await typed(request, key, new URLSearchParams({ loginName: email, password }));
    } catch (error) {
      return registerPage(request, { givenName, familyName, email, problem: problemOf(error) });
    }
  };

  const chosen = (request: AuthRequest, sessions: readonly Session[], userId: string): LoginStep => {
    const session = sessions.find((one) => one.userId === userId);
    const isGood = session && isComplete(instance, session) && isRecent(instance, request, session);
    return isGood ? finished(request, session) : loginPage(request);
  };

  return {
    async step(req, query, form) {
      const request = authorizations.requestOf(query.get('authRequest'));
      if (!request)
        return shownPage({ name: 'error', title: 'There is no such request any more', status: 404 });
      const key = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]+)`).exec(req.headers.cookie ?? '')?.[1];
      const sessions = sessionsOf(key);
      if (req.method !== 'POST') return begin(request, sessions);
      switch (form.get('action')) {
        case 'cancel':
          return { location: authorizations.refuse(request, 'access_denied', 'The person said no.') };
        case 'other':
          return loginPage(request);
        case 'code':
          return code(request, form);
        case 'register':
          return register(request, key, form);
        case 'login':
          return typed(request, key, form);
        default:
          return chosen(request, sessions, form.get('account') ?? '');
      }
    },
  };
}

/** By login name; where nobody has it, by an address that only one has. */
function userNamed(instance: Instance, typed: string): User | undefined {
  const is = (name: string) => name.toLowerCase() === typed.trim().toLowerCase();
  const users = [...instance.users.values()];
  const byName = users.find((user) => loginNames(instance, user).some(is));
  const byAddress = users.filter(({ email }) => is(email.address));
  return byName ?? (byAddress.length === 1 ? byAddress[0] : undefined);
}

function authenticated({ id, userId = '', factors }: Session): Authenticated {
  const proved = [...(factors.password ? ['pwd'] : []), ...(factors.totp ? ['otp'] : [])];
  const amr = proved.length > 1 ? [...proved, 'mfa'] : proved;
  return { userId, sessionId: id, amr, authTime: Math.floor(provedAt(factors) / 1_000) };
}

const provedAt = ({ password, totp }: Session['factors']) => Date.parse(totp ?? password ?? '');

function isComplete(instance: Instance, { userId, factors, expiresAt }: Session): boolean {
  const user = instance.users.get(userId ?? '');
  const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= instance.now();
  if (user?.state !== 'USER_STATE_ACTIVE' || isOver) return false;
  return factors.password !== undefined && (!user.totp?.isReady || factors.totp !== undefined);
}

const isRecent = (instance: Instance, { maxAgeSeconds }: AuthRequest, { factors }: Session) =>
  maxAgeSeconds === undefined || instance.now() - provedAt(factors) < maxAgeSeconds * 1_000;

/** Of whoever the hint means, if there is one. */
function isUsable(instance: Instance, request: AuthRequest, session: Session): boolean {
  const user = instance.users.get(session.userId ?? '');
  const isMeant = !request.loginHint || (user && loginNames(instance, user).includes(request.loginHint));
  return Boolean(isMeant) && isComplete(instance, session) && isRecent(instance, request, session);
}

function problemOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  throw error;
}

function loginPage(
  { loginHint = '', uiLocales }: AuthRequest,
  { loginName = loginHint, problem }: { readonly loginName?: string; readonly problem?: string } = {},
): Shown {
  return shownPage({
    name: 'login',
    title: 'Welcome back!',
    uiLocales,
    problem,
    fields: [
      { label: 'Login name', name: 'loginName', value: loginName },
      { label: 'Password', name: 'password', type: 'password' },
    ],
    buttons: [{ label: 'Continue', name: 'action', value: 'login' }, CANCEL],
  });
}

const codePage = ({ uiLocales }: AuthRequest, problem?: string): Shown =>
  shownPage({
    name: 'code',
    title: 'Verify your second factor',
    uiLocales,
    problem,
    fields: [{ label: 'Code', name: 'code' }],
    buttons: [{ label: 'Continue', name: 'action', value: 'code' }, CANCEL],
  });

function accountsPage(instance: Instance, { uiLocales }: AuthRequest, sessions: readonly Session[]): Shown {
  const buttons = sessions.flatMap(({ userId = '' }) => {
    const user = instance.users.get(userId);
    return user ? [{ label: loginNames(instance, user)[0]!, name: 'account', value: userId }] : [];
  });
  const other = { label: 'Add another account', name: 'action', value: 'other' };
  return shownPage({
    name: 'accounts',
    title: 'Accounts',
    uiLocales,
    buttons: [...buttons, other, CANCEL],
  });
}

interface Registering {
  readonly givenName?: string;
  readonly familyName?: string;
  readonly email?: string;
  readonly problem?: string;
}

function registerPage({ loginHint = '', uiLocales }: AuthRequest, given: Registering = {}): Shown {
  const { givenName = '', familyName = '', email = loginHint, problem } = given;
  return shownPage({
    name: 'register',
    title: 'Register',
    uiLocales,
    problem,
    fields: [
      { label: 'First name', name: 'givenName', value: givenName },
      { label: 'Last name', name: 'familyName', value: familyName },
      { label: 'E-mail', name: 'email', type: 'email', value: email },
      { label: 'Password', name: 'password', type: 'password' },
    ],
    buttons: [{ label: 'Register', name: 'action', value: 'register' }, CANCEL],
  });
}
