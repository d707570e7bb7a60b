/** The client by which people log in for the JWT hand-over, and where it has its places. */
import { randomBytes } from 'node:crypto';
import type { ClientMetadata } from 'oidc-provider';

export const JWT_IDP_CLIENT = 'footbridge-jwt-idp';
export const JWT_IDP_PATH = '/jwt';
export const RETURN_PATH = `${JWT_IDP_PATH}/return`;

/** The issuer of the tokens, which nothing else is signed for. */
export const jwtIdpIssuer = (issuer: string): string => `${issuer}${JWT_IDP_PATH}`;

/** A client like any other. Its codes are never redeemed: the session is what is wanted. */
export function jwtIdpClient(issuer: string): ClientMetadata {
  return {
    client_id: JWT_IDP_CLIENT,
    client_secret: randomBytes(32).toString('base64url'),
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [`${issuer}${RETURN_PATH}`],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    scope: 'openid',
  };
}
