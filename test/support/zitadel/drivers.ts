/** Logins at the stand-in, each as one of ZITADEL's own or a customer's login does it. */
import type { Browser } from '../browser.ts';
import type { Account } from './account.ts';
import { accountOf, registerSelf } from './account.ts';
import type { Instance } from './instance.ts';
import type { LoginOutcome } from './login-outcome.ts';
import { failed } from './login-outcome.ts';
import type { LoginV1 } from './login-v1.ts';
import { loginV1 } from './login-v1.ts';
import type { ApiCall } from './login-v2.ts';
import { CallError, LoginV2 } from './login-v2.ts';
import type { OAuthServer } from './oauth.ts';
import { SYSTEM } from './passwords.ts';

export interface Drivers {
  loginV1(given: LoginV1): Promise<LoginOutcome>;
  /** A browser at Login V2. */
  loginV2(browser: Browser, organization?: string): LoginV2;
  /** A login page of the customer's own: name and password in one call. */
  ownLogin(loginName: string, password: string): Promise<LoginOutcome>;
  /** At Login V1: of its sessions the API knows nothing. `sessionId`: as newer releases name it. */
  signOutV1(userId: string, sessionId?: string): void;
  /** Somebody at their own account. */
  account(userId: string): Account;
  /** Somebody makes an account; their id. */
  register(given: Parameters<typeof registerSelf>[2], organization?: string): Promise<string>;
  /** Calls the API as the login does. */
  readonly loginClient: ApiCall;
}

export function openDrivers(instance: Instance, oauth: OAuthServer): Drivers {
  const client = oauth.addServiceUser({ roles: ['IAM_LOGIN_CLIENT'] });
  const loginClient: ApiCall = async (verb, path, body) => {
    const answer = await fetch(instance.url + path, {
      method: verb,
      headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (text.startsWith('fault of')) throw new Error(text);
    const json = JSON.parse(text);
    if (!answer.ok) throw new CallError(answer.status, json as object);
    return json as never;
  };
  return {
    loginClient,
    account: (userId) => accountOf(instance, userId),
    register: (given, organization) =>
      registerSelf(instance, organization ?? [...instance.organizations.keys()][0]!, given),
    loginV1: (given) => loginV1(instance, given),
    loginV2: (browser, organization) =>
      new LoginV2({
        browser,
        call: loginClient,
        origin: instance.url,
        ...(organization && { organization }),
      }),
    signOutV1(userId, sessionId) {
      const user = instance.users.get(userId)!;
      const payload = { userAgentID: 'agent', ...(sessionId && { sessionID: sessionId }) };
      instance.userEvent(user, ['user.human.signed.out', payload], { ...SYSTEM, userId });
    },
    async ownLogin(loginName, password) {
      try {
        const checks = { user: { loginName }, password: { password } };
        const { sessionId } = await loginClient<{ sessionId: string }>('POST', '/v2/sessions', { checks });
        return {
          kind: 'logged-in',
          userId: instance.sessions.get(sessionId)?.userId ?? '',
          sessionId,
          did: [],
        };
      } catch (error) {
        return failed(error);
      }
    },
  };
}
