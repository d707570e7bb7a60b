/** Ourselves as a client of an issuer: its metadata, read when it is needed first, and how we say who we are. */
import { createPrivateKey } from 'node:crypto';
import { importPKCS8 } from 'jose';
import * as oidc from 'openid-client';
import { nowSeconds as systemSeconds } from '../../clock.ts';
import type { SignInSettings } from '../sign-in-settings.ts';
import { isLoopback } from '../sign-in-settings.ts';
import type { Asking } from './asking.ts';
import { asSignInFailed, refused } from './refusals.ts';

/** Endpoints change seldom. Keys are read again by the library: after five minutes, or for one that it does not know. */
const METADATA_SECONDS = 3_600;

export interface RelyingPartyOptions {
  /** Whom an assertion is for (RFC 7523 section 3): the issuer, or the token endpoint where only that is taken. */
  readonly assertionFor?: 'issuer' | 'token-endpoint';
  /** Seconds since the epoch; the system's clock by default. */
  readonly nowSeconds?: () => number;
}

export interface RelyingParty {
  /** Throws SignInFailed. Those who ask at once wait for one answer; nothing is remembered of a failure. */
  configuration(): Promise<oidc.Configuration>;
  /** What is known of the issuer is out of date. */
  forget(): void;
}

export function openRelyingParty(
  signIn: SignInSettings,
  asking: Asking,
  { assertionFor = 'issuer', nowSeconds = systemSeconds }: RelyingPartyOptions = {},
): RelyingParty {
  let known: { readonly configuration: oidc.Configuration; readonly until: number } | undefined;
  let discovering: Promise<oidc.Configuration> | undefined;
  const discover = async () => {
    try {
      const configuration = await discovered(signIn, asking, await authenticationOf(signIn, assertionFor));
      known = { configuration, until: nowSeconds() + METADATA_SECONDS };
      return configuration;
    } catch (error) {
      throw asSignInFailed(error);
    }
  };
  return {
    async configuration() {
      if (known && nowSeconds() < known.until) return known.configuration;
      discovering ??= discover().finally(() => {
        discovering = undefined;
      });
      return discovering;
    },
    forget() {
      known = undefined;
    },
  };
}

async function discovered(
  { issuer, clientId, timeoutMs }: SignInSettings,
  { fetch }: Asking,
  authentication: oidc.ClientAuth,
): Promise<oidc.Configuration> {
  if (issuer === undefined) throw refused('no_issuer');
  const url = new URL(issuer);
  const configuration = await oidc.discovery(url, clientId, undefined, authentication, {
    [oidc.customFetch]: fetch,
    timeout: Math.ceil(timeoutMs / 1_000),
    // Without this the library takes TLS for a signature (OpenID Connect Core 1.0 section 3.1.3.7, 6).
    execute: [oidc.enableNonRepudiationChecks, ...(isLoopback(url) ? [oidc.allowInsecureRequests] : [])],
  });
  const metadata = configuration.serverMetadata();
  // The library lets two well-known clouds name another issuer: one for many tenants, of whom each could be anybody.
  if (new URL(metadata.issuer).href !== url.href) throw refused('wrong_issuer');
  const { authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint } = metadata;
  for (const needed of [authorization_endpoint, token_endpoint, jwks_uri])
    if (needed === undefined) throw refused('metadata_incomplete');
  for (const endpoint of [authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint])
    if (endpoint !== undefined) needSafe(endpoint);
  return configuration;
}

/** An issuer on loopback is asked in clear; nobody else, even where it says so. */
function needSafe(endpoint: string): void {
  if (!URL.canParse(endpoint)) throw refused('metadata_incomplete');
  const url = new URL(endpoint);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url))) throw refused('not_https');
}

/** A secret, a key, or neither: a public client proves with PKCE alone that it is the one that began. */
async function authenticationOf(
  { clientSecret, privateKey, keyId, algorithm, authentication }: SignInSettings,
  assertionFor: RelyingPartyOptions['assertionFor'],
): Promise<oidc.ClientAuth> {
  if (clientSecret) {
    const secret = clientSecret.reveal();
    return authentication === 'post' ? oidc.ClientSecretPost(secret) : oidc.ClientSecretBasic(secret);
  }
  if (!privateKey) return oidc.None();
  const pkcs8 = createPrivateKey(privateKey.reveal()).export({ type: 'pkcs8', format: 'pem' }).toString();
  const key = { key: await importPKCS8(pkcs8, algorithm), ...(keyId !== undefined && { kid: keyId }) };
  return (server, client, body, headers) =>
    oidc.PrivateKeyJwt(key, {
      [oidc.modifyAssertion]: (header, payload) => {
        // `EdDSA` where the library writes the newer `Ed25519` (RFC 9864), which few know yet.
        header.alg = algorithm;
        if (assertionFor === 'token-endpoint') payload.aud = server.token_endpoint!;
      },
    })(server, client, body, headers);
}
