/** What somebody at Kratos lacks, a call for each thing. Saying it again changes nothing. */
import type { FoundUser, NotStored, Stored, TargetUser } from '../connection.ts';
import { PROFILE_FIELDS } from '../connection.ts';
import type { KratosApi } from './api.ts';
import type { Credentials, Imported } from './credentials.ts';
import { fit, metadataFor, needsFactor } from './fitting.ts';
import type { Identity } from './identity.ts';
import { hasKeys, hasPassword, isMarked, linkIdentifier, metadataOf } from './identity.ts';
import type { Importing } from './import.ts';
import { KratosError } from './kratos-error.ts';
import { fieldOf, traitAt } from './traits.ts';
import { patchIdentity, profileOperations } from './updating.ts';
import { identityPath } from './users.ts';

export interface Completed {
  readonly stored: readonly Stored[];
  readonly missing: readonly NotStored[];
}

const WHAT: Readonly<Record<Imported, Stored>> = {
  oidc: 'links',
  totp: 'totp',
  lookup_secret: 'recoveryCodes',
  webauthn: 'passkeys',
  passkey: 'passkeys',
  password: 'password',
};
/** The second factor before the password, which alone would open the door. */
const ORDER = [
  'oidc',
  'totp',
  'webauthn',
  'lookup_secret',
  'passkey',
  'password',
] as const satisfies readonly Imported[];

/** Throws KratosError for what another try may do. */
export async function complete(work: Importing, found: FoundUser, user: TargetUser): Promise<Completed> {
  const { api, users } = work;
  const fitted = fit(user, work);
  if (fitted.kind === 'refused')
    throw new KratosError({ status: 400, reason: fitted.code, message: fitted.sentence });
  const before = await users.byId(found.targetUserId);
  if (!before)
    throw new KratosError({ status: 404, isGone: true, message: 'the identity is not there any more' });

  const stored = new Set<Stored>();
  // The profile is the target's own by now.
  const missing = fitted.missing.filter(({ what }) => what !== 'profile');
  const note = async (what: Stored, call: () => Promise<Identity>): Promise<Identity | undefined> => {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof KratosError) || error.isNobodysFault) throw error;
      missing.push({ what, code: error.reason });
      return undefined;
    }
  };

  let now = before;
  for (const [what, operations] of [
    ['profile', lackingProfile(before, user, work)],
    ['metadata', lackingMetadata(before, user, work)],
  ] as const) {
    const after =
      operations.length > 0 && (await note(what, () => patchIdentity(api, before.id, operations)));
    if (!after) continue;
    now = after;
    stored.add(what);
  }
  let hasFactor = before.credentials?.totp !== undefined || hasKeys(before);
  for (const kind of ORDER) {
    // The answers to changes say nothing of hashes: whether there is a password was asked before.
    const credentials = lackingCredential(kind, fitted.body.credentials, { before, now });
    if (!credentials) continue;
    if (kind === 'password' && needsFactor(user) && !hasFactor) {
      missing.push({ what: 'password', code: 'second_factor_missing' });
      continue;
    }
    const after = await note(WHAT[kind], () => putCredentials(api, now, credentials));
    if (!after) continue;
    now = after;
    // Releases up to v26.2.0 take what they do not know without a word.
    if (after.credentials?.[kind]) {
      stored.add(WHAT[kind]);
      hasFactor ||= kind === 'totp' || kind === 'webauthn';
    } else missing.push({ what: WHAT[kind], code: 'not-kept' });
  }
  return { stored: [...stored].filter((what) => what !== 'password' || user.password), missing };
}

/**
 * `PUT` empties every field that it is not sent, except for credentials, which it adds: so all goes back as it is.
 * A password, and the seed of one-time codes, is replaced by it. Throws KratosError.
 */
export const putCredentials = (
  api: KratosApi,
  identity: Identity,
  credentials: Credentials,
): Promise<Identity> =>
  api.call<Identity>('PUT', identityPath(identity.id), {
    body: {
      schema_id: identity.schema_id,
      state: identity.state,
      traits: identity.traits,
      metadata_public: identity.metadata_public ?? null,
      metadata_admin: identity.metadata_admin ?? null,
      ...(identity.external_id && { external_id: identity.external_id }),
      credentials,
    },
  });

function lackingProfile(identity: Identity, user: TargetUser, { settings }: Importing) {
  const { traits: paths } = settings;
  const fields = PROFILE_FIELDS.filter(
    (field) => fieldOf(user, field)?.trim() && traitAt(identity.traits, paths[field]) === undefined,
  );
  return profileOperations(identity, { user, fields, paths });
}

function lackingMetadata(identity: Identity, user: TargetUser, { settings }: Importing) {
  const there = metadataOf(identity, settings);
  const lacking = metadataFor(user).entries.filter(([key, value]) => there[key] !== value);
  const value = { ...there, ...Object.fromEntries(lacking) };
  return lacking.length === 0 ? [] : [{ op: 'replace', path: `/${settings.metadata}`, value } as const];
}

/** What of this kind is to be added; undefined where nothing is. */
function lackingCredential(
  kind: Imported,
  wanted: Credentials,
  { before, now }: { readonly before: Identity; readonly now: Identity },
): Credentials | undefined {
  if (!wanted[kind]) return undefined;
  if (kind === 'oidc') {
    const there = now.credentials?.oidc?.identifiers ?? [];
    const providers = wanted.oidc!.config.providers.filter(
      ({ provider, subject }) => !there.includes(linkIdentifier({ idpId: provider, userId: subject })),
    );
    return providers.length === 0 ? undefined : { oidc: { config: { providers } } };
  }
  const isThere = {
    ...{ totp: now.credentials?.totp, passkey: now.credentials?.passkey },
    lookup_secret: now.credentials?.lookup_secret,
    webauthn: hasKeys(before),
    password: hasPassword(before) || isMarked(before),
  }[kind];
  const isReplaced = kind === 'password' && isMarked(before) && 'hashed_password' in wanted.password!.config;
  return isThere && !isReplaced ? undefined : { [kind]: wanted[kind] };
}
