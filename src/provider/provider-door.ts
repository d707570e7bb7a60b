import type { Provider } from 'oidc-provider';

/** What other rooms' routes may ask of the provider, within their request. */
export interface ProviderDoor {
  /** An access token of the client_credentials grant, as the API's callers present it (RFC 6750). */
  resolveToken(token: string): Promise<{ clientId: string; scopes: readonly string[] } | undefined>;
}

export const doorOf = (provider: Provider): ProviderDoor => ({
  async resolveToken(token) {
    const found = await provider.ClientCredentials.find(token);
    // A sender-constrained token shown without its proof is no token.
    if (!found?.isValid || !found.clientId || found.jkt) return undefined;
    return { clientId: found.clientId, scopes: [...found.scopes] };
  },
});
