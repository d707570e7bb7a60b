/** What went wrong with a sign-in, as a code: one that a standard registers, or ours. Nothing else from outside is in it. */
import * as oidc from 'openid-client';
import { SignInFailed } from '../sign-in.ts';

/** RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, OpenID Connect Core 1.0 section 3.1.2.6 and its extensions. */
const REGISTERED = new Set([
  'access_denied',
  'account_selection_required',
  'consent_required',
  'insufficient_scope',
  'insufficient_user_authentication',
  'interaction_required',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_request_object',
  'invalid_scope',
  'invalid_target',
  'invalid_token',
  'login_required',
  'registration_not_supported',
  'request_not_supported',
  'request_uri_not_supported',
  'unauthorized_client',
  'unmet_authentication_requirements',
  'unsupported_grant_type',
  'unsupported_response_type',
]);
/** The same, of a server that has none of its own to say it with. */
const OUTAGES = new Set(['server_error', 'temporarily_unavailable']);

/** Of the library's own codes. */
const OURS: Readonly<Record<string, string>> = {
  OAUTH_HTTP_REQUEST_FORBIDDEN: 'not_https',
  OAUTH_REQUEST_PROTOCOL_FORBIDDEN: 'not_https',
  OAUTH_RESPONSE_IS_NOT_CONFORM: 'unexpected_status',
  OAUTH_RESPONSE_IS_NOT_JSON: 'not_json',
  OAUTH_PARSE_ERROR: 'not_json',
  OAUTH_KEY_SELECTION_FAILED: 'unknown_key',
  OAUTH_UNSUPPORTED_OPERATION: 'unsupported',
  OAUTH_MISSING_SERVER_METADATA: 'metadata_incomplete',
  OAUTH_INVALID_SERVER_METADATA: 'metadata_incomplete',
};

/** What can be compared, and was another one. */
const COMPARED = new Set(['iss', 'aud', 'azp', 'nonce', 'sub', 'auth_time', 'issuer']);

export const refused = (code: string) => new SignInFailed('refused', code);

/** Has no cause: the library's errors hold answers, tokens and codes. */
export function asSignInFailed(error: unknown): SignInFailed {
  const { cause } = error as { cause?: unknown };
  const known = [error, cause].find((one) => one instanceof SignInFailed);
  if (known) return known;
  if (error instanceof oidc.AuthorizationResponseError)
    return error.error === 'access_denied' ? new SignInFailed('cancelled', error.error) : said(error.error);
  if (error instanceof oidc.ResponseBodyError) return said(error.error);
  if (error instanceof oidc.WWWAuthenticateChallengeError)
    return said(error.cause[0]?.parameters.error ?? 'unauthorized');
  return refused(codeOf(error as LibraryError));
}

function said(code: string): SignInFailed {
  if (OUTAGES.has(code)) return new SignInFailed('unavailable', code);
  return refused(REGISTERED.has(code) || code === 'unauthorized' ? code : 'unknown_error');
}

interface LibraryError {
  readonly code?: unknown;
  /** Its details, or an error that has them, or an answer. */
  readonly cause?: unknown;
}

function codeOf({ code, cause }: LibraryError): string {
  if (cause instanceof Response && !cause.ok) return 'unexpected_status';
  const ours = OURS[String(code)];
  if (ours) return ours;
  const told: unknown = cause instanceof Error ? cause.cause : cause;
  const details = (typeof told === 'object' && told !== null ? told : {}) as Record<string, unknown>;
  const compared = String(details.claim ?? details.attribute);
  if (code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED') return compared === 'exp' ? 'expired' : 'wrong_time';
  if (COMPARED.has(compared)) return `wrong_${compared}`;
  if ('signature' in details) return 'wrong_signature';
  if ('header' in details) return 'wrong_algorithm';
  return 'invalid_response';
}
