/**
 * The tokens of the JWT hand-over. ZITADEL takes every token of the issuer for a login: it looks neither at `aud` nor
 * whether a token was used before, and accepts one without `exp`. So issuer and key serve nothing else, and the tokens
 * live for less than a minute.
 */
import { randomUUID } from 'node:crypto';
import type { JWK } from 'jose';
import { importJWK, SignJWT } from 'jose';
import { nowSeconds } from '../clock.ts';
import { usernameOf } from '../migration/profile.ts';
import type { Target } from '../targets/target.ts';
import type { User } from '../user.ts';

export const JWT_IDP_ALG = 'RS256';
/** ZITADEL refuses an `iat` of more than three seconds ahead of its clock; ours may be ahead. */
const BACKDATED_SECONDS = 5;

export interface TokenOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly key: JWK;
  readonly lifetimeSeconds: number;
}

export async function jwtIdpToken(claims: Claims, options: TokenOptions): Promise<string> {
  const { issuer, audience, key, lifetimeSeconds } = options;
  const { sub, ...profile } = claims;
  const now = nowSeconds();
  return new SignJWT(profile)
    .setProtectedHeader({ alg: JWT_IDP_ALG, kid: String(key.kid), typ: 'JWT' })
    .setIssuer(issuer)
    .setSubject(sub)
    .setAudience(audience)
    .setJti(randomUUID())
    .setIssuedAt(now - BACKDATED_SECONDS)
    .setExpirationTime(now + lifetimeSeconds)
    .sign(await importJWK(key, JWT_IDP_ALG));
}

export type Claims = { readonly sub: string } & Readonly<Record<string, unknown>>;

/** What ZITADEL makes a user of; real booleans, and names that are never empty. */
export function jwtIdpClaims(user: User, { users }: Pick<Target, 'users'>): Claims {
  const { placeholders } = users;
  return {
    sub: user.sub,
    preferred_username: usernameOf(user),
    given_name: user.givenName ?? placeholders.givenName,
    family_name: user.familyName ?? placeholders.familyName,
    ...(user.email === undefined ? {} : { email: user.email, email_verified: user.emailVerified }),
  };
}

/** The public halves (RFC 7517 section 5). */
export function publicKeys(keys: readonly JWK[]): { keys: JWK[] } {
  return { keys: keys.map(({ kty, n, e, kid, alg, use }) => ({ kty, n, e, kid, alg, use }) as JWK) };
}
