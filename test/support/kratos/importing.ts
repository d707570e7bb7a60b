/** From the body of a creation or an update to an identity (`identityFromCreateIdentityBody`, `importCredentials`). */
import { randomUUID } from 'node:crypto';
import { badRequest } from './errors.ts';
import { checkImported } from './hashes.ts';
import type { Credential, Identity } from './identities.ts';

/** Decoded already. */
export interface CreateBody {
  readonly schema_id?: string;
  readonly external_id?: string;
  readonly state?: string;
  readonly traits?: Record<string, unknown>;
  readonly metadata_public?: unknown;
  readonly metadata_admin?: unknown;
  readonly organization_id?: string | null;
  readonly region?: string;
  readonly verifiable_addresses?: readonly {
    readonly value?: string;
    readonly verified?: boolean;
    readonly via?: string;
    readonly status?: string;
  }[];
  readonly credentials?: CredentialsBody;
}

export interface CredentialsBody {
  readonly password?: {
    readonly config?: {
      readonly hashed_password?: string;
      readonly password?: string;
      readonly use_password_migration_hook?: boolean;
    };
  };
  readonly oidc?: { readonly config?: { readonly providers?: readonly ProviderBody[] } };
  readonly totp?: { readonly config?: { readonly totp_url?: string } };
  readonly passkey?: {
    readonly config?: { readonly user_handle?: string; readonly credentials?: readonly object[] };
  };
  readonly webauthn?: {
    readonly config?: { readonly user_handle?: string; readonly credentials?: readonly object[] };
  };
  readonly lookup_secret?: { readonly config?: { readonly codes?: readonly object[] } };
}

interface ProviderBody {
  readonly provider?: string;
  readonly subject?: string;
}

const REGIONS = ['eu-central', 'asia-northeast', 'us-east', 'us-west', 'eu', 'asia', 'us', 'global'];

/** Throws what refuses the whole call. */
export function identityFrom(body: CreateBody, isOld: boolean): Identity {
  const { schema_id = '', external_id, state = 'active', traits = {}, region } = body;
  checkState(state || 'active');
  if (region && !REGIONS.includes(region)) throw badRequest('The region is not valid.');
  const identity: Identity = {
    id: randomUUID(),
    ...(external_id && { external_id }),
    schema_id: schema_id || 'default',
    state: state || 'active',
    traits,
    metadata_public: body.metadata_public ?? null,
    metadata_admin: body.metadata_admin ?? null,
    organization_id: body.organization_id ?? null,
    verifiable_addresses: (body.verifiable_addresses ?? []).map(
      ({ value = '', verified = false, via = 'email', status = '' }) => ({
        id: randomUUID(),
        value,
        verified,
        via: via || 'email',
        status,
      }),
    ),
    recovery: [],
    credentials: {},
  };
  return { ...identity, credentials: importCredentials(identity, body.credentials ?? {}, isOld) };
}

export function checkState(state: string): void {
  if (state !== 'active' && state !== 'inactive') throw badRequest('identity state is not valid');
}

/** Adds to what is there; a password and the seed of one-time codes replace theirs. */
export function importCredentials(
  { id, credentials }: Identity,
  body: CredentialsBody,
  isOld: boolean,
): Identity['credentials'] {
  const all: Record<string, Credential> = { ...credentials };
  const { password, oidc, totp, passkey, webauthn, lookup_secret: lookup } = body;
  if (password)
    all.password = { identifiers: all.password?.identifiers ?? [], config: passwordConfig(password, isOld) };
  if (oidc) all.oidc = oidcCredential(all.oidc, oidc.config?.providers ?? []);
  if (isOld) return all;
  if (webauthn) {
    const { user_handle = null, credentials: keys = [] } = webauthn.config ?? {};
    const before = (all.webauthn?.config.credentials as object[]) ?? [];
    const identifiers = all.webauthn?.identifiers ?? [];
    all.webauthn = { identifiers, config: { user_handle, credentials: [...before, ...keys] } };
  }
  if (passkey) all.passkey = passkeyCredential(all.passkey, passkey.config ?? {});
  if (lookup) {
    const codes = [
      ...((all.lookup_secret?.config.recovery_codes as object[]) ?? []),
      ...(lookup.config?.codes ?? []),
    ];
    all.lookup_secret = { identifiers: [id], config: { recovery_codes: codes } };
  }
  if (totp) all.totp = { identifiers: [id], config: { totp_url: totp.config?.totp_url ?? '' } };
  return all;
}

function passwordConfig({ config = {} }: NonNullable<CredentialsBody['password']>, isOld: boolean) {
  if (config.use_password_migration_hook) return { hashed_password: '', use_password_migration_hook: true };
  // A password in clear is hashed there; ours never are.
  if (config.password) throw badRequest('This stand-in hashes nothing: send a hash.');
  checkImported(config.hashed_password ?? '', isOld);
  return { hashed_password: config.hashed_password };
}

/** Added without a look at what is there: the same link twice is in its own way. */
function oidcCredential(before: Credential | undefined, providers: readonly ProviderBody[]): Credential {
  const all = providers.map(({ provider = '', subject = '' }) => ({ provider, subject }));
  return {
    identifiers: [
      ...(before?.identifiers ?? []),
      ...all.map(({ provider, subject }) => `${provider}:${subject}`),
    ],
    config: { providers: [...((before?.config.providers as object[]) ?? []), ...all] },
  };
}

function passkeyCredential(
  before: Credential | undefined,
  {
    user_handle: given = '',
    credentials = [],
  }: NonNullable<NonNullable<CredentialsBody['passkey']>['config']>,
): Credential {
  const handle = given || String(before?.config.user_handle ?? '');
  if (handle === '')
    throw badRequest(
      'Passkey credential import requires a non-empty user_handle. It must match the WebAuthn user handle stored on the authenticator.',
    );
  const all = [...((before?.config.credentials as object[]) ?? []), ...credentials];
  if (all.length === 0)
    throw badRequest(
      'Passkey credential import requires at least one entry in credentials.passkey.config.credentials.',
    );
  // The handle's bytes, as text; those that are none become U+FFFD here.
  const identifiers = new Set([
    ...(before?.identifiers ?? []),
    Buffer.from(handle, 'base64').toString('utf8'),
  ]);
  return { identifiers: [...identifiers], config: { user_handle: handle, credentials: all } };
}
