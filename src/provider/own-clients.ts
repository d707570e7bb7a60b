/** Clients of our own, by which people log in for pages of ours, and where those have their places. */
import { randomBytes } from 'node:crypto';
import type { ClientMetadata } from 'oidc-provider';
import { CLAIM_PATH } from '../migration/claim-tokens/claim-token.ts';

/** For the JWT hand-over. */
export const JWT_IDP_CLIENT = 'footbridge-jwt-idp';
export const JWT_IDP_PATH = '/jwt';
export const RETURN_PATH = `${JWT_IDP_PATH}/return`;

/** For people who link their account. */
export const CLAIM_CLIENT = 'footbridge-claim';
export const CLAIM_RETURN_PATH = `${CLAIM_PATH}/return`;

/** The issuer of the tokens, which nothing else is signed for. */
export const jwtIdpIssuer = (issuer: string): string => `${issuer}${JWT_IDP_PATH}`;

/** A client like any other. Its codes are never redeemed: the session is what is wanted. */
const ownClient = (id: string, redirectUri: string): ClientMetadata => ({
  client_id: id,
  client_secret: randomBytes(32).toString('base64url'),
  token_endpoint_auth_method: 'client_secret_basic',
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  scope: 'openid',
});

export const jwtIdpClient = (issuer: string): ClientMetadata =>
  ownClient(JWT_IDP_CLIENT, `${issuer}${RETURN_PATH}`);
export const claimClient = (issuer: string): ClientMetadata =>
  ownClient(CLAIM_CLIENT, `${issuer}${CLAIM_RETURN_PATH}`);

/** The request by which somebody logs in for such a page; nobody knows the challenge's verifier. */
export const ownLoginPath = (params: Readonly<Record<string, string>>): string =>
  `/auth?${new URLSearchParams({
    response_type: 'code',
    scope: 'openid',
    code_challenge: randomBytes(32).toString('base64url'),
    code_challenge_method: 'S256',
    ...params,
  })}`;
