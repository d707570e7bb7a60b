/** What applications get for a code, and for the token in it: claims as ZITADEL writes them, what is empty left out. */
import { createHash } from 'node:crypto';
import type { App } from './apps.ts';
import { OAuthRefusal } from './apps.ts';
import type { Granted } from './authorize.ts';
import type { Instance, User } from './instance.ts';
import { loginNames } from './new-user.ts';

/** ZITADEL's defaults: twelve hours for both. */
const LIFETIME_SECONDS = 43_200;

interface Issued {
  readonly userId: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
}

export interface AppTokens {
  issue(granted: Granted): Promise<object>;
  /** Throws OAuthRefusal. */
  userinfo(authorization: string | undefined): object;
}

export function openAppTokens(instance: Instance): AppTokens {
  const tokens = new Map<string, Issued>();
  return {
    async issue(granted) {
      const { userId, request } = granted;
      const accessToken = instance.newSecret();
      const expiresAt = instance.now() + LIFETIME_SECONDS * 1_000;
      tokens.set(accessToken, { userId, scopes: request.scopes, expiresAt });
      const idToken = request.scopes.includes('openid')
        ? { id_token: await instance.key.sign(idTokenClaims(instance, granted, accessToken)) }
        : {};
      return {
        access_token: accessToken,
        token_type: 'Bearer',
        expires_in: LIFETIME_SECONDS,
        ...idToken,
        ...(request.state && { state: request.state }),
      };
    },
    userinfo(authorization = '') {
      const token = /^Bearer (.+)$/i.exec(authorization)?.[1];
      if (!token) throw new OAuthRefusal('invalid_request', 'access token missing', 401);
      const issued = tokens.get(token);
      if (!issued || issued.expiresAt <= instance.now())
        throw new OAuthRefusal('access_denied', 'access token invalid', 401);
      const user = instance.users.get(issued.userId);
      if (user?.state !== 'USER_STATE_ACTIVE') throw new OAuthRefusal('access_denied', 'no active user', 401);
      return claimsOf(instance, user, issued.scopes);
    },
  };
}

function idTokenClaims(instance: Instance, granted: Granted, accessToken: string): Record<string, unknown> {
  const { request, userId, sessionId, amr, authTime } = granted;
  const { app, audience, nonce, scopes } = request;
  const issuedAt = Math.floor(instance.now() / 1_000);
  const user = instance.users.get(userId)!;
  return {
    iss: instance.url,
    ...(app.hasUserinfoInIdToken ? claimsOf(instance, user, scopes) : { sub: userId }),
    aud: withClient(audience, app),
    exp: issuedAt + LIFETIME_SECONDS,
    iat: issuedAt,
    auth_time: authTime,
    ...(nonce && { nonce }),
    amr,
    azp: app.clientId,
    client_id: app.clientId,
    at_hash: halfHash(accessToken),
    sid: sessionId,
  };
}

const withClient = (audience: readonly string[], { clientId }: App) =>
  audience.includes(clientId) ? audience : [...audience, clientId];

/** OpenID Connect Core 1.0 section 3.1.3.6, for RS256. */
function halfHash(token: string): string {
  return createHash('sha256').update(token, 'ascii').digest().subarray(0, 16).toString('base64url');
}

/** By scope: a word for an address that is not verified is missing, not false. */
function claimsOf(instance: Instance, user: User, scopes: readonly string[]): Record<string, unknown> {
  const { profile, email, phone } = user;
  const byScope: Readonly<Record<string, Record<string, unknown>>> = {
    profile: {
      name: profile.displayName,
      given_name: profile.givenName,
      family_name: profile.familyName,
      nickname: profile.nickName,
      locale: profile.preferredLanguage === 'und' ? undefined : profile.preferredLanguage,
      updated_at: Math.floor(Date.parse(user.changedAt) / 1_000),
      preferred_username: loginNames(instance, user)[0] ?? user.username,
    },
    email: { email: email.address, email_verified: email.isVerified },
    phone: { phone_number: phone?.number, phone_number_verified: phone?.isVerified },
  };
  const all = Object.assign({ sub: user.id }, ...scopes.map((scope) => byScope[scope]));
  return Object.fromEntries(Object.entries(all).filter(([, value]) => Boolean(value)));
}
