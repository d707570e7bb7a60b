/**
 * ZITADEL's Login V2: an application of its own, which does everything through the API, so that every step is in
 * `requests` and runs the Actions it would run. One object is one browser at the login.
 */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Browser } from '../browser.ts';
import type { AtProvider } from './at-provider.ts';
import type { LoginOutcome } from './login-outcome.ts';
import { failed } from './login-outcome.ts';
import { afterProvider } from './login-v2-intent.ts';

export interface LoginV2Options {
  readonly browser: Browser;
  /** Calls the API as the login does, with the rights of an IAM_LOGIN_CLIENT. */
  readonly call: ApiCall;
  /** Where the login is served. */
  readonly origin: string;
  /** The organization that the application asked for. */
  readonly organization?: string;
}

/** Throws `CallError`. */
export type ApiCall = <T = JsonObject>(verb: string, path: string, body?: object) => Promise<T>;

export class CallError extends Error {
  readonly status: number;
  readonly id: string | undefined;
  readonly failedAttempts: number | undefined;
  constructor(
    status: number,
    body: { message?: string; details?: { id?: string; failedAttempts?: string }[] },
  ) {
    super(body.message ?? `HTTP ${status}`);
    this.status = status;
    this.id = body.details?.[0]?.id;
    const attempts = body.details?.[0]?.failedAttempts;
    this.failedAttempts = attempts === undefined ? undefined : Number(attempts);
  }
}

interface FoundUser {
  readonly userId: string;
  readonly state: string;
  readonly preferredLoginName: string;
  readonly details: { readonly resourceOwner: string };
  readonly human?: {
    readonly email?: { readonly isVerified?: boolean };
    readonly passwordChangeRequired?: boolean;
  };
}

interface LoginSettings {
  readonly allowUsernamePassword?: boolean;
  readonly allowRegister?: boolean;
  readonly ignoreUnknownUsernames?: boolean;
  readonly allowDomainDiscovery?: boolean;
  readonly forceMfa?: boolean;
}

interface SessionCookie {
  readonly id: string;
  readonly token: string;
  readonly userId: string;
}

export class LoginV2 {
  readonly #given: LoginV2Options;
  #cookie: SessionCookie | undefined;

  constructor(given: LoginV2Options) {
    this.#given = given;
  }

  /** What the first page does with a name: nobody is told whether it exists where the settings say so. */
  async submitLoginName(loginName: string): Promise<LoginOutcome> {
    const settings = await this.#settings();
    const users = await this.#search(loginName);
    if (settings.ignoreUnknownUsernames) return page('/password', { loginName });
    if (users.length > 1) return failed('errors.moreThanOneUserFound');
    return users[0] ? this.#known(users[0], settings) : this.#unknown(loginName, settings);
  }

  /** What the password page does. Without a session of the name yet, user and password go in one call. */
  async submitPassword(loginName: string, password: string): Promise<LoginOutcome> {
    const settings = await this.#settings();
    try {
      if (this.#cookie) {
        const { id, token, userId } = this.#cookie;
        const { sessionToken } = await this.#call<{ sessionToken: string }>('PATCH', `/v2/sessions/${id}`, {
          sessionToken: token,
          checks: { password: { password } },
          lifetime: '86400s',
        });
        this.#cookie = { id, token: sessionToken, userId };
      } else {
        const users = await this.#search(loginName);
        if (users.length !== 1) return failed('errors.couldNotVerifyPassword');
        await this.#createSession(
          { user: { userId: users[0]!.userId }, password: { password } },
          users[0]!.userId,
        );
      }
    } catch (error) {
      return failed(settings.ignoreUnknownUsernames ? 'errors.failedToAuthenticateNoLimit' : error);
    }
    return this.#afterPassword();
  }

  /** What the page for one-time codes does. */
  async submitCode(code: string): Promise<LoginOutcome> {
    const { id, token, userId } = this.#cookie!;
    try {
      const body = { sessionToken: token, checks: { totp: { code } } };
      const { sessionToken } = await this.#call<{ sessionToken: string }>(
        'PATCH',
        `/v2/sessions/${id}`,
        body,
      );
      this.#cookie = { id, token: sessionToken, userId };
      return { kind: 'logged-in', userId, sessionId: id, did: [] };
    } catch (error) {
      return failed(error);
    }
  }

  /** Where the button of an identity provider leads. */
  async startProvider(idpId: string): Promise<LoginOutcome> {
    const query = this.#given.organization ? `?organization=${this.#given.organization}` : '';
    const urls = {
      successUrl: `${this.#given.origin}/ui/v2/login/idp/oidc/success${query}`,
      failureUrl: `${this.#given.origin}/ui/v2/login/idp/oidc/failure${query}`,
    };
    try {
      const { authUrl } = await this.#call<{ authUrl: string }>('POST', '/v2/idp_intents', { idpId, urls });
      return { kind: 'redirect', url: authUrl, idpId };
    } catch (error) {
      return failed(error);
    }
  }

  /** Over the provider and back, to the end. */
  async throughProvider(idpId: string, atProvider: AtProvider): Promise<LoginOutcome> {
    const started = await this.startProvider(idpId);
    return started.kind === 'redirect' ? this.finishProvider(started.url, atProvider) : started;
  }

  /** From an address of `startProvider`, or of the first page. */
  async finishProvider(url: string, atProvider: AtProvider): Promise<LoginOutcome> {
    const { browser, origin } = this.#given;
    const redirectUri = `${origin}/idps/callback`;
    const end = await atProvider({ browser, url, redirectUri });
    if (!end.location?.startsWith(redirectUri)) return page(end.url, { status: String(end.status) });
    const returned = await browser.visit(end.location);
    return this.openReturn(new URL(returned.location ?? end.location));
  }

  /** Opens what the callback redirects to; opening it twice is what a reload does. */
  openReturn(to: URL): Promise<LoginOutcome> {
    return afterProvider(
      { ...this.#given, createSession: (checks, userId) => this.#createSession(checks, userId) },
      to,
    );
  }

  #call<T = JsonObject>(verb: string, path: string, body?: object): Promise<T> {
    return this.#given.call<T>(verb, path, body);
  }

  async #settings(organization = this.#given.organization): Promise<LoginSettings> {
    const query = organization ? `?ctx.orgId=${organization}` : '?ctx.instance=true';
    return (await this.#call<{ settings: LoginSettings }>('GET', `/v2/settings/login${query}`)).settings;
  }

  /** By login name; where nobody has it, by address or number. */
  async #search(loginName: string): Promise<readonly FoundUser[]> {
    const { organization } = this.#given;
    const here = organization ? [{ organizationIdQuery: { organizationId: organization } }] : [];
    const method = 'TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE';
    const human = { typeQuery: { type: 'TYPE_HUMAN' } };
    const byName = [human, ...here, { loginNameQuery: { loginName, method } }];
    const { result = [] } = await this.#call<{ result?: FoundUser[] }>('POST', '/v2/users', {
      queries: byName,
    });
    if (result.length > 0) return result;
    const either = {
      orQuery: {
        queries: [{ emailQuery: { emailAddress: loginName, method } }, { phoneQuery: { number: loginName } }],
      },
    };
    const found = await this.#call<{ result?: FoundUser[] }>('POST', '/v2/users', {
      queries: [human, ...here, either],
    });
    return found.result ?? [];
  }

  async #createSession(checks: object, userId: string): Promise<SessionCookie> {
    const made = await this.#call<{ sessionId: string; sessionToken: string }>('POST', '/v2/sessions', {
      checks,
      lifetime: '86400s',
    });
    this.#cookie = { id: made.sessionId, token: made.sessionToken, userId };
    await this.#call(
      'GET',
      `/v2/sessions/${made.sessionId}?sessionToken=${encodeURIComponent(made.sessionToken)}`,
    );
    return this.#cookie;
  }

  async #known(user: FoundUser, settings: LoginSettings): Promise<LoginOutcome> {
    try {
      await this.#createSession({ user: { userId: user.userId } }, user.userId);
    } catch (error) {
      return failed(error);
    }
    const loginName = user.preferredLoginName;
    if (user.state === 'USER_STATE_INITIAL') return failed('errors.initialUserNotSupported');
    const methods = await this.#methods(user.userId);
    const has = (name: string) => methods.includes(`AUTHENTICATION_METHOD_TYPE_${name}`);
    if (methods.length === 0) {
      return user.human?.email?.isVerified
        ? page('/authenticator/set', { loginName })
        : page('/verify', { loginName });
    }
    if (has('IDP')) return this.#toOwnProvider(user.userId);
    if (!settings.allowUsernamePassword) return failed('errors.usernamePasswordNotAllowed');
    return page('/password', { loginName, organization: user.details.resourceOwner });
  }

  async #methods(userId: string): Promise<readonly string[]> {
    const path = `/v2/users/${userId}/authentication_methods`;
    return (await this.#call<{ authMethodTypes?: string[] }>('GET', path)).authMethodTypes ?? [];
  }

  async #toOwnProvider(userId: string): Promise<LoginOutcome> {
    const { result = [] } = await this.#call<{ result?: { idpId: string }[] }>(
      'POST',
      `/v2/users/${userId}/links/_search`,
      {},
    );
    return result.length === 1 ? this.startProvider(result[0]!.idpId) : failed('errors.noIdentityProvider');
  }

  async #unknown(loginName: string, settings: LoginSettings): Promise<LoginOutcome> {
    const organization = this.#given.organization ?? (await this.#discovered(loginName));
    if (settings.allowRegister && !settings.allowUsernamePassword) {
      const only = await this.#onlyProvider(organization);
      return only ? this.startProvider(only) : failed('errors.userNotFound');
    }
    if (settings.allowRegister && organization) return page('/register', { organization, email: loginName });
    return failed('errors.userNotFound');
  }

  async #onlyProvider(organization: string | undefined): Promise<string | undefined> {
    const query = organization ? `?ctx.orgId=${organization}` : '?ctx.instance=true';
    const path = `/v2/settings/login/idps${query}`;
    const { identityProviders: all = [] } = await this.#call<{ identityProviders?: { id: string }[] }>(
      'GET',
      path,
    );
    return all.length === 1 ? all[0]!.id : undefined;
  }

  /** The organization whose domain stands behind the @. */
  async #discovered(loginName: string): Promise<string | undefined> {
    const domain = /@(.+)$/.exec(loginName)?.[1];
    if (!domain) return undefined;
    const queries = [{ domainQuery: { domain } }];
    const { result = [] } = await this.#call<{ result?: { id: string }[] }>(
      'POST',
      '/v2/organizations/_search',
      { queries },
    );
    if (result.length !== 1) return undefined;
    return (await this.#settings(result[0]!.id)).allowDomainDiscovery ? result[0]!.id : undefined;
  }

  async #afterPassword(): Promise<LoginOutcome> {
    const { id, userId } = this.#cookie!;
    const { user } = await this.#call<{ user: FoundUser }>('GET', `/v2/users/${userId}`);
    const methods = await this.#methods(userId);
    if (methods.includes('AUTHENTICATION_METHOD_TYPE_TOTP'))
      return page('/otp/time-based', { loginName: user.preferredLoginName });
    if (user.human?.passwordChangeRequired)
      return page('/password/change', { loginName: user.preferredLoginName });
    return { kind: 'logged-in', userId, sessionId: id, did: [] };
  }
}

export const page = (name: string, parameters: Record<string, string>): LoginOutcome => ({
  kind: 'page',
  page: name,
  parameters,
});
