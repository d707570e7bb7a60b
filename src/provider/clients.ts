/** Client settings as oidc-provider's metadata (OpenID Connect Dynamic Client Registration 1.0, section 2). */
import type { ClientMetadata } from 'oidc-provider';
import type { Target, Targets } from '../targets/target.ts';
import { FAPI_CLIENT } from './fapi.ts';
import { JWT_IDP_CLIENT } from './own-clients.ts';
import type { ClientSettings, ProviderSettings } from './provider-settings.ts';

/** The target that a login at a client is for: the client's own, or the one that it leads to, by settings or by plan. */
export function targetOfClients(
  { clients, jwtIdp }: Pick<ProviderSettings, 'clients' | 'jwtIdp'>,
  targets: Pick<Targets, 'byClient' | 'byName'>,
  plannedFor: (clientId: string) => string | undefined = () => undefined,
): (clientId: string) => Target | undefined {
  const leads = new Map(clients.map(({ clientId, leadsTo }) => [clientId, leadsTo]));
  leads.set(JWT_IDP_CLIENT, jwtIdp?.target);
  return (clientId) =>
    targets.byClient(clientId) ?? targets.byName(leads.get(clientId) ?? plannedFor(clientId) ?? '');
}

/** No fragment: a code belongs where scripts of the page do not look, and `code` is all we give. */
export const RESPONSE_MODES = ['query', 'form_post'];

export function clientMetadata(
  client: ClientSettings,
  profile: ProviderSettings['profile'] = 'openid-connect',
): ClientMetadata {
  const usesCode = client.grantTypes.includes('authorization_code');
  return {
    client_id: client.clientId,
    ...(client.name ? { client_name: client.name } : {}),
    ...(client.secret && client.authMethod !== 'private_key_jwt'
      ? { client_secret: client.secret.reveal() }
      : {}),
    token_endpoint_auth_method: client.authMethod,
    ...(client.jwks ? { jwks: client.jwks as NonNullable<ClientMetadata['jwks']> } : {}),
    ...(client.jwksUri ? { jwks_uri: client.jwksUri } : {}),
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...client.postLogoutRedirectUris],
    grant_types: [...client.grantTypes],
    response_types: usesCode ? ['code'] : [],
    response_modes: [...RESPONSE_MODES],
    ...(client.scopes ? { scope: client.scopes.join(' ') } : {}),
    id_token_signed_response_alg: client.idTokenAlg ?? 'RS256',
    ...(client.userinfoAlg ? { userinfo_signed_response_alg: client.userinfoAlg } : {}),
    // A logout token without sid would leave a person's second sign-in alive at some clients (security.md, more traps).
    ...(client.backchannelLogoutUri
      ? { backchannel_logout_uri: client.backchannelLogoutUri, backchannel_logout_session_required: true }
      : {}),
    ...(client.dpopRequired ? { dpop_bound_access_tokens: true } : {}),
    ...(client.parRequired ? { require_pushed_authorization_requests: true } : {}),
    ...(profile === 'fapi-2.0' ? FAPI_CLIENT : {}),
    subject_type: 'public',
  };
}
