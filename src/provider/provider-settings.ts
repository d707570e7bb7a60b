/** The provider's settings: issuer, clients, lifetimes, limits. */
import { z } from 'zod';
import { count, httpOrigin, httpUrl, secret } from '../settings.ts';
import type { TargetSettings } from '../targets/target-settings.ts';
import { contradictions } from './fapi-settings.ts';
import { jwtIdpSettings } from './jwt-idp-settings.ts';
import { CLAIM_CLIENT, JWT_IDP_CLIENT } from './own-clients.ts';
import { isAddressOrRange } from './proxies.ts';

const DAY = 86_400;

export const clientSettings = z
  .strictObject({
    clientId: z
      .string()
      .regex(/^[\x21-\x7e]{1,128}$/)
      .describe('The client_id (RFC 6749 section 2.2).'),
    name: z.string().max(80).optional().describe('Shown to people on the login page.'),
    secret: secret.optional().describe('The client_secret; at least 12 characters.'),
    authMethod: z
      .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt'])
      .default('client_secret_basic')
      .describe('How the client authenticates at the token endpoint (OpenID Connect Core section 9).'),
    jwks: z
      .strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1) })
      .optional()
      .describe('The client’s public keys, for private_key_jwt.'),
    jwksUri: httpUrl.optional().describe('Where the client’s public keys are fetched from; prefer `jwks`.'),
    redirectUris: z.array(z.string()).default([]).describe('Compared exactly (RFC 9700 section 4.1.3).'),
    postLogoutRedirectUris: z.array(z.string()).default([]).describe('Where a logout may send the browser.'),
    backchannelLogoutUri: httpUrl
      .optional()
      .describe('Receives logout tokens (OpenID Connect Back-Channel Logout 1.0).'),
    toldOfOwnLogout: z
      .boolean()
      .default(false)
      .describe(
        'Sends it a logout token also for a logout that it asked for itself, as the certification suite expects. Keycloak shows an error page then.',
      ),
    initiateLoginUri: httpUrl
      .optional()
      .describe(
        'Where the client begins a login by itself (OpenID Connect Core section 4): people who come from a legacy app by a hand-over go there.',
      ),
    grantTypes: z
      .array(z.enum(['authorization_code', 'refresh_token', 'client_credentials']))
      .default(['authorization_code'])
      .describe('What the client may do at the token endpoint.'),
    scopes: z
      .array(z.string())
      .optional()
      .describe('The scopes it may ask for; all standard ones when absent.'),
    pkce: z
      .enum(['required', 'optional'])
      .default('required')
      .describe('PKCE (RFC 7636). Optional only for clients that cannot.'),
    idTokenAlg: z
      .enum(['RS256', 'ES256'])
      .optional()
      .describe('Signs the ID token: RS256 when absent, ES256 with profile `fapi-2.0`.'),
    userinfoAlg: z
      .enum(['RS256', 'ES256'])
      .optional()
      .describe('Signs userinfo as a JWT; plain JSON when absent.'),
    claimsInIdToken: z
      .boolean()
      .default(false)
      .describe('Puts profile claims into the ID token too (ZITADEL’s isIdTokenMapping needs it).'),
    dpopRequired: z.boolean().default(false).describe('Accepts only sender-constrained tokens (RFC 9449).'),
    parRequired: z
      .boolean()
      .default(false)
      .describe('Accepts only pushed authorization requests (RFC 9126).'),
    leadsTo: z
      .string()
      .optional()
      .describe(
        'A target’s name: people who log in to this client are moved there and go on there. The login asks for the username first.',
      ),
    mayEnsure: z
      .array(z.string())
      .default([])
      .describe(
        'Targets, by name, that this client may have people moved to (POST /migration/users/ensure).',
      ),
    mayIssueClaimTokens: z
      .array(z.string())
      .default([])
      .describe(
        'Targets, by name, for which this client may ask for claim tokens of people who are logged in there (POST /migration/claim-tokens). Whoever has its credentials can then link anybody.',
      ),
    trustedProof: z
      .boolean()
      .default(false)
      .describe(
        'Whether its word that it has just checked a person’s password counts as a proof. Whoever has its credentials can then move anybody.',
      ),
  })
  .superRefine((client, context) => {
    const fail = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (client.authMethod === 'private_key_jwt') {
      if (!client.jwks && !client.jwksUri) fail('jwks', 'private_key_jwt needs jwks or jwksUri');
    } else if (!client.secret) fail('secret', `${client.authMethod} needs a secret`);
    else if (client.secret.reveal().length < 12) fail('secret', 'a client secret has at least 12 characters');
    if (client.grantTypes.includes('authorization_code') && client.redirectUris.length === 0) {
      fail('redirectUris', 'authorization_code needs at least one redirect URI');
    }
    if (client.trustedProof && client.mayEnsure.length === 0)
      fail('trustedProof', 'this client may ensure nobody: name targets in mayEnsure');
    for (const [index, uri] of client.redirectUris.entries()) {
      if (!URL.canParse(uri) || new URL(uri).hash || uri.includes('*'))
        fail(`redirectUris.${index}`, 'expected an absolute URI without fragment or wildcard');
    }
  });
export type ClientSettings = z.output<typeof clientSettings>;

const isLoopback = (hostname: string) =>
  /^(?:127(?:\.\d+){3}|\[::1\]|localhost|.+\.localhost)$/.test(hostname);

const ownSettings = z.strictObject({
  issuer: httpOrigin
    .refine((origin) => origin.startsWith('https:') || isLoopback(new URL(origin).hostname), {
      error: 'expected https: passwords and codes would travel in clear; http is for loopback only',
    })
    .default('http://127.0.0.1:8080')
    .describe('The public origin; also the `iss` of every token. https except on loopback.'),
  profile: z
    .enum(['openid-connect', 'fapi-2.0'])
    .default('openid-connect')
    .describe(
      'How strict the protocol is. `fapi-2.0`: the FAPI 2.0 Security Profile, for all clients: pushed requests, private_key_jwt, tokens bound to a key (DPoP); settings that contradict it are refused. See docs/conformance.md.',
    ),
  clients: z.array(clientSettings).default([]).describe('The OAuth clients: targets and apps.'),
  lifetimes: z
    .strictObject({
      sessionIdleSeconds: count(60, 30 * DAY, 8 * 3600).describe(
        'A provider session ends after this long without use.',
      ),
      sessionSeconds: count(60, 90 * DAY, DAY).describe(
        'A provider session ends this long after the login, used or not.',
      ),
      rememberedSeconds: count(0, 90 * DAY, 0).describe(
        'How long a provider session lives, used or not, when the person asked to stay signed in on this device; the others end with the browser then. 0: nobody is asked.',
      ),
      interactionSeconds: count(60, 3600, 900).describe('How long a login page may stay open.'),
      codeSeconds: count(10, 600, 60).describe(
        'Authorization codes; RFC 6749 section 4.1.2 allows 600 at most.',
      ),
      accessTokenSeconds: count(30, 3600, 600).describe('Access tokens.'),
      idTokenSeconds: count(30, 3600, 300).describe('ID tokens.'),
      refreshTokenSeconds: count(60, 90 * DAY, 14 * DAY).describe('Refresh tokens.'),
    })
    .prefault({}),
  keys: z
    .strictObject({
      cacheSeconds: count(0, 86_400, 300).describe(
        'How long clients may cache our key set; a next key is published at least this long before it signs.',
      ),
      refreshSeconds: count(1, 300, 10).describe('How often a node looks for rotated keys.'),
    })
    .prefault({}),
  login: z
    .strictObject({
      failureFloorMs: count(0, 5_000, 600).describe(
        'A refused login never answers sooner, so that time tells nothing.',
      ),
      accountFailures: count(1, 100, 5).describe(
        'Wrong passwords per minute and identifier before it has to wait.',
      ),
      networkFailures: count(1, 100_000, 100).describe(
        'Wrong passwords per minute and network (/24, /64) before it has to wait.',
      ),
      networkLookups: count(1, 100_000, 120).describe(
        'Per minute and network, on all nodes together: usernames that are looked up before the password is asked for (`leadsTo`), and visitors whom legacy apps are asked about; beyond it everybody is asked for the password.',
      ),
      factorFailures: count(1, 20, 5).describe('Wrong one-time codes before the second factor is locked.'),
      blockSeconds: count(1, 3600, 30).describe('The first wait; it doubles with each further failure.'),
      maxBlockSeconds: count(1, 86_400, 900).describe('The longest wait.'),
      passkeys: z
        .strictObject({
          rpId: z
            .string()
            .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, { error: 'expected a domain in lower case' })
            .optional()
            .describe(
              'The domain the legacy system’s passkeys were made for; the issuer’s host when absent. Browsers use a passkey only on hosts inside its domain: if the issuer’s is not, nobody’s works here.',
            ),
          userVerification: z
            .enum(['required', 'preferred', 'discouraged'])
            .default('preferred')
            .describe('Whether the authenticator has to check who is there, by PIN, finger or face.'),
        })
        .prefault({})
        .describe('Passkeys as second factor (Web Authentication).'),
    })
    .prefault({}),
  jwtIdp: jwtIdpSettings
    .optional()
    .describe('For a ZITADEL that asks us who is here by its JWT identity provider.'),
  acceptedOrigins: z
    .array(httpOrigin)
    .default([])
    .describe(
      'Internal origins our server may call although they resolve to private addresses (back-channel logout, jwksUri).',
    ),
  trustedProxies: z
    .array(
      z.string().refine(isAddressOrRange, {
        error: 'expected an IP address, or a range as 10.0.0.0/8',
      }),
    )
    .default([])
    .describe(
      'Addresses, or ranges as 10.0.0.0/8, whose X-Forwarded-For is believed; the last entry counts.',
    ),
});
/** An address is no domain: no passkey can be used there. */
const isInside = (host: string, domain: string) => host === domain || host.endsWith(`.${domain}`);

export const providerSettings = ownSettings.superRefine((settings, context) => {
  const { issuer, login, clients, lifetimes } = settings;
  // Its own check has told so.
  if (!URL.canParse(issuer)) return;
  if (settings.profile === 'fapi-2.0')
    for (const contradiction of contradictions(settings))
      context.addIssue({ code: 'custom', ...contradiction });
  const { rememberedSeconds, sessionSeconds } = lifetimes;
  if (rememberedSeconds > 0 && rememberedSeconds < sessionSeconds) {
    const message = 'shorter than sessionSeconds: whoever asks to stay signed in would be out sooner';
    context.addIssue({ code: 'custom', path: ['lifetimes', 'rememberedSeconds'], message });
  }
  for (const [index, { clientId }] of clients.entries()) {
    const first = clients.findIndex((client) => client.clientId === clientId);
    if (first < index) {
      const message = `clients.${first} is called so already: each client needs an id of its own`;
      context.addIssue({ code: 'custom', path: ['clients', index, 'clientId'], message });
    }
    if (![JWT_IDP_CLIENT, CLAIM_CLIENT].includes(clientId)) continue;
    const path = ['clients', index, 'clientId'];
    context.addIssue({ code: 'custom', path, message: `${clientId} is a client of our own` });
  }
  const { rpId } = login.passkeys;
  const { hostname } = new URL(issuer);
  if (rpId === undefined || isInside(hostname, rpId)) return;
  const message = `the issuer’s host ${hostname} does not lie in this domain: no passkey would work`;
  context.addIssue({ code: 'custom', path: ['login', 'passkeys', 'rpId'], message });
});
export type ProviderSettings = z.output<typeof providerSettings>;

/** A name in these settings that no target has, or that cannot be meant. */
export interface WrongTarget {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What only all settings together can tell: the targets that clients and the JWT hand-over name. */
export function wrongTargets(
  { clients, jwtIdp }: ProviderSettings,
  targets: readonly Pick<TargetSettings, 'name' | 'clientIds' | 'api'>[],
): WrongTarget[] {
  const byName = new Map(targets.map((target) => [target.name, target]));
  const owned = new Set(targets.flatMap(({ clientIds }) => clientIds));
  const wrong: WrongTarget[] = [];
  const check = (name: string, path: readonly (string | number)[]) => {
    const target = byName.get(name);
    if (!target) wrong.push({ path, message: `no target is called ${name}` });
    else if (!target.api)
      wrong.push({ path, message: `${name} has no api: nobody can be moved there by us` });
  };
  for (const [index, client] of clients.entries()) {
    const at = ['clients', index] as const;
    if (client.leadsTo !== undefined) check(client.leadsTo, [...at, 'leadsTo']);
    for (const [i, name] of client.mayEnsure.entries()) check(name, [...at, 'mayEnsure', i]);
    for (const [i, name] of client.mayIssueClaimTokens.entries())
      if (!byName.has(name))
        wrong.push({ path: [...at, 'mayIssueClaimTokens', i], message: `no target is called ${name}` });
    if (client.leadsTo !== undefined && owned.has(client.clientId))
      wrong.push({ path: [...at, 'leadsTo'], message: 'this client is a target’s own' });
  }
  if (jwtIdp) check(jwtIdp.target, ['jwtIdp', 'target']);
  return wrong;
}
