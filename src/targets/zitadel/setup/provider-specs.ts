/**
 * What we are to ZITADEL as identity provider: a generic OpenID provider, and for legacy systems that only have a token a
 * JWT provider besides. Each option with its reason.
 */
import { Secret } from '../../../settings.ts';
import type { Context } from './context.ts';
import { differencesOf } from './context.ts';

/** As ZITADEL answers it; what is false or empty is left out. */
export interface Provider {
  readonly id: string;
  readonly name?: string;
  readonly config?: {
    readonly options?: Record<string, unknown>;
    readonly oidc?: Record<string, unknown>;
    readonly jwt?: Record<string, unknown>;
  };
}

export interface ProviderSpec {
  /** Its name among the recorded resources. */
  readonly name: 'oidc' | 'jwt';
  readonly path: 'generic_oidc' | 'generic_jwt';
  readonly what: string;
  readonly why: string;
  /** To make and to change it. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether this one, which nobody recorded, can only mean us. */
  isOurs(provider: Provider): boolean;
  /** Changes when a part of it does that ZITADEL never tells; sealed with the record. */
  readonly unseen?: Secret;
}

/**
 * Creation is on: whoever comes for the first time gets an account without a question. Linking is off, by hand and by
 * itself: who is the same person is only said by us, through the API. By username or address it would be a guess, and
 * the address may be one that nobody verified. Updating is off: each login would overwrite what people have changed
 * there since.
 */
const optionsOf = ({ target }: Context) => ({
  isLinkingAllowed: target.setup.allowLinking,
  isCreationAllowed: true,
  isAutoCreation: true,
  isAutoUpdate: false,
  autoLinking: 'AUTO_LINKING_OPTION_UNSPECIFIED',
});

const OPTIONS_WHY =
  'Accounts are made without a question at the first login; none is ever linked by username or address, which proves nothing; what people change there is not overwritten by a later login.';

export function oidcSpec(context: Context): ProviderSpec | undefined {
  const { deps, target } = context;
  const { client, issuer, keyring } = deps;
  if (!client) return undefined;
  const clientSecret = client.secret?.reveal() ?? '';
  return {
    name: 'oidc',
    path: 'generic_oidc',
    what: `Footbridge is a generic OpenID provider ${target.setup.scope === 'instance' ? 'of the instance' : 'of the organization'}, called “${target.setup.name}”.`,
    why: `People log in here with what they have. PKCE is on because we demand it; claims come from userinfo, because an ID token of ours has only the subject. ${OPTIONS_WHY}`,
    body: {
      name: target.setup.name,
      issuer,
      clientId: client.clientId,
      clientSecret,
      scopes: ['openid', 'profile', 'email', 'phone'],
      isIdTokenMapping: false,
      usePkce: true,
      providerOptions: optionsOf(context),
    },
    isOurs: ({ config }) => config?.oidc?.issuer === issuer && config.oidc.clientId === client.clientId,
    unseen: new Secret(keyring.mac('zitadel-client-secret', clientSecret).toString('base64url')),
  };
}

export function jwtSpec(context: Context): ProviderSpec | undefined {
  const settings = context.target.setup.jwtIdentityProvider;
  if (!settings) return undefined;
  // Where `provider/jwt-idp.ts` serves them.
  const own = `${context.deps.issuer}/jwt`;
  const { name, issuer = own, endpoint = own, keysEndpoint = `${own}/jwks`, headerName } = settings;
  return {
    name: 'jwt',
    path: 'generic_jwt',
    what: `Footbridge is a JWT provider, called “${name}”.`,
    why: `Whoever is logged in at the legacy system is handed over by a short-lived token. Its issuer and keys are its own: ZITADEL takes every token of that issuer for a login. ${OPTIONS_WHY}`,
    body: {
      name,
      issuer,
      jwtEndpoint: endpoint,
      keysEndpoint,
      headerName,
      providerOptions: optionsOf(context),
    },
    isOurs: ({ config }) => config?.jwt?.issuer === issuer && config.jwt.jwtEndpoint === endpoint,
  };
}

/** In words; not what ZITADEL never tells. */
export function differencesAt({ body, name }: ProviderSpec, provider: Provider): string[] {
  const { providerOptions, clientSecret: _unseen, name: title, ...config } = body;
  const options = { autoLinking: 'AUTO_LINKING_OPTION_UNSPECIFIED', ...provider.config?.options };
  return [
    ...differencesOf({ name: title }, { name: provider.name }),
    ...differencesOf(config, provider.config?.[name] ?? {}),
    ...differencesOf(providerOptions as Record<string, unknown>, options),
  ];
}

/** What a provider was before us, as ZITADEL takes it back. An empty secret leaves the one it has. */
export function bodyOf({ name: title, config }: Provider): object {
  const { options, oidc, jwt } = config ?? {};
  return { name: title, ...(oidc ?? jwt), providerOptions: options };
}
