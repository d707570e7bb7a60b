/**
 * The FAPI 2.0 Security Profile (Final), as one setting: what it changes of the provider that `provider.ts` makes. What the
 * settings would have to say otherwise, `fapi-settings.ts` refuses when they are read.
 */
import { decodeJwt } from 'jose';
import type { ClientMetadata, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import { assertEndsSoon } from './client-assertion.ts';

/** Section 5.4.1. */
const ALGORITHMS = ['PS256', 'ES256', 'EdDSA', 'Ed25519'];
/** Of our own: there are keys for RS256 and for this. */
const OWN_ALGORITHM = 'ES256';
/** Section 5.3.2.1: accepted up to 10 seconds in the future, refused beyond 60. In between is ours to choose. */
const MAX_FUTURE_SECONDS = 60;

/** A client's own metadata (RFC 9449 section 5.2, RFC 9126 section 6); the profile leaves it no choice. */
export const FAPI_CLIENT = {
  dpop_bound_access_tokens: true,
  require_pushed_authorization_requests: true,
  id_token_signed_response_alg: OWN_ALGORITHM,
} satisfies Partial<ClientMetadata>;

export function underFapi(configuration: Configuration): Configuration {
  const { clients = [], features = {}, jwks } = configuration;
  // Those of our own pages (JWT hand-over, claim tokens) have a secret and push nothing.
  const other = clients.find(({ token_endpoint_auth_method: by }) => by !== 'private_key_jwt');
  if (other)
    throw new Error(`profile fapi-2.0: the client ${other.client_id} has no key to prove itself with`);
  return {
    ...configuration,
    // What is published signs nothing else than the profile allows.
    jwks: { keys: (jwks?.keys ?? []).filter(({ alg }) => alg === OWN_ALGORITHM) },
    clientAuthMethods: ['private_key_jwt'],
    pkce: { required: () => true },
    assertJwtClientAuthClaimsAndHeader: assertAssertion,
    enabledJWA: {
      ...configuration.enabledJWA,
      idTokenSigningAlgValues: [OWN_ALGORITHM],
      userinfoSigningAlgValues: [OWN_ALGORITHM],
      introspectionSigningAlgValues: [OWN_ALGORITHM],
      clientAuthSigningAlgValues: ALGORITHMS,
      dPoPSigningAlgValues: ALGORITHMS,
    },
    features: {
      ...features,
      fapi: { enabled: true, profile: '2.0' },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
      dPoP: { enabled: true, requireNonce: askForNoNonce },
    },
  } as Configuration;
}

interface Times {
  readonly iat?: unknown;
  readonly nbf?: unknown;
}

const isTooEarly = ({ iat, nbf }: Times): boolean =>
  [iat, nbf].some((time) => typeof time === 'number' && time > nowSeconds() + MAX_FUTURE_SECONDS);

/** The library looks at `iat` only where there is no `exp`. */
function assertAssertion(
  { oidc }: KoaContextWithOIDC,
  claims: Times & { readonly aud?: unknown; readonly exp?: unknown },
): void {
  assertEndsSoon(claims);
  if (claims.aud !== oidc.issuer) throw new errors.InvalidClientAuth('aud has to be the issuer, as a string');
  if (isTooEarly(claims)) throw new errors.InvalidClientAuth('the assertion is from the future');
}

/**
 * Nonces are optional (section 5.3.2.1) and not used. This is the one question that the library asks before it looks at a
 * proof; by itself it would take one from five minutes ahead.
 */
function askForNoNonce(ctx: KoaContextWithOIDC): boolean {
  if (isTooEarly(timesOf(ctx.get('DPoP'))))
    throw new errors.InvalidDpopProof('the DPoP proof is from the future');
  return false;
}

function timesOf(proof: string): Times {
  try {
    return decodeJwt(proof);
  } catch {
    // The library says what is wrong with it.
    return {};
  }
}
