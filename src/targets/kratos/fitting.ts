/**
 * A person as Kratos takes them, found before it is asked: one value that it cannot keep refuses everybody in the call
 * (`identityFromCreateIdentityBody`), or fails them all with a 500 of its database. What a person cannot be without
 * refuses the whole person; the rest is left out and said.
 */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import type { ImportOutcome, NotStored, ProfileField, Stored, TargetUser } from '../connection.ts';
import type { Credentials, Imported } from './credentials.ts';
import {
  hasKeyFactor,
  isIdentifier,
  isText,
  oidcPart,
  passkeyPart,
  recoveryCodesPart,
  totpPart,
  webauthnPart,
} from './credentials.ts';
import { hashProblem } from './hash-rules.ts';
import type { VerifiableAddress } from './identity.ts';
import type { KratosSettings } from './kratos-settings.ts';
import type { Traits } from './traits.ts';
import { fieldOf, OPTIONAL_FIELDS, traitsOf } from './traits.ts';

/** `createIdentityBody` */
export interface CreateBody {
  readonly schema_id: string;
  readonly external_id: string;
  readonly traits: Traits;
  readonly verifiable_addresses?: readonly VerifiableAddress[];
  readonly metadata_public?: object;
  readonly metadata_admin?: object;
  readonly organization_id?: string;
  readonly region?: string;
  readonly credentials: Credentials;
}

export interface Fitted {
  readonly kind: 'fits';
  readonly body: CreateBody;
  /** What of the person is in the body. */
  readonly stored: readonly Stored[];
  readonly missing: readonly NotStored[];
}
export type Fitting = Fitted | Extract<ImportOutcome, { kind: 'refused' }>;

export interface FittingOptions {
  readonly settings: KratosSettings;
  /** Our id among Kratos' OIDC providers. */
  readonly provider: string;
  readonly accepts: readonly AcceptedFormat[];
  /** Fields that this Kratos has said it does not have. */
  readonly unknownFields: ReadonlySet<string>;
}

/** `external_id` is a `varchar(64)`. */
const MAX_EXTERNAL_ID = 64;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `without`: pieces of the profile that Kratos has refused already. */
export function fit(
  user: TargetUser,
  options: FittingOptions,
  without: ReadonlySet<ProfileField> = new Set(),
): Fitting {
  const problem = unacceptable(user, options);
  if (problem) return { kind: 'refused', code: problem[0], sentence: problem[1] };
  const { settings } = options;
  const dropped = new Set([...without, ...OPTIONAL_FIELDS.filter((field) => !isKept(user, field))]);
  const { credentials, missing } = credentialsOf(user, options);
  const metadata = metadataFor(user);
  const addresses = addressesOf(user, settings, dropped);
  const body: CreateBody = {
    schema_id: settings.schemaId,
    external_id: user.targetUserId,
    traits: traitsOf(user, settings.traits, dropped),
    ...(addresses.length > 0 && { verifiable_addresses: addresses }),
    ...(metadata.entries.length > 0 && { [settings.metadata]: Object.fromEntries(metadata.entries) }),
    ...(user.organization !== undefined && { organization_id: user.organization }),
    ...(settings.region && !options.unknownFields.has('region') && { region: settings.region }),
    credentials,
  };
  return {
    kind: 'fits',
    body,
    stored: storedIn(body, user),
    missing: [
      ...[...dropped].map((field): NotStored => ({ what: 'profile', code: `trait-${field}` })),
      ...missing,
      ...metadata.missing,
      ...(user.grants.length > 0 ? [{ what: 'grants', code: 'not-supported' } as const] : []),
    ],
  };
}

/** Blank is as good as not there. */
const isKept = (user: TargetUser, field: ProfileField) => {
  const value = fieldOf(user, field);
  return !value?.trim() || isText(value);
};

type Problem = readonly [code: string, sentence: string];

function unacceptable(user: TargetUser, { settings, accepts }: FittingOptions): Problem | undefined {
  const { targetUserId, organization, password } = user;
  if (!isText(targetUserId, MAX_EXTERNAL_ID))
    return ['external-id', `Kratos takes external ids of 1 to ${MAX_EXTERNAL_ID} characters.`];
  if (organization !== undefined && !UUID.test(organization))
    return ['organization', 'Organizations at Ory are named by their id, a UUID.'];
  for (const field of ['email', 'username'] as const) {
    const value = settings.traits[field] === null ? undefined : fieldOf(user, field);
    if (value?.trim() && !isIdentifier(value))
      return [
        `trait-${field}`,
        `Kratos cannot keep this ${field}: it has more than 255 characters, or a NUL.`,
      ];
  }
  const problem = password && hashProblem(password, accepts);
  return problem && [problem.code, problem.sentence];
}

/** Kratos drops those that its schema does not verify. */
function addressesOf(
  { email, phone }: TargetUser,
  { traits }: KratosSettings,
  dropped: ReadonlySet<ProfileField>,
): VerifiableAddress[] {
  const verified = { verified: true, status: 'completed' } as const;
  const hasEmail = traits.email !== null && email?.isVerified;
  const hasPhone = traits.phone !== null && phone?.isVerified && !dropped.has('phone');
  return [
    ...(hasEmail ? [{ value: email.address.trim().toLowerCase(), via: 'email', ...verified } as const] : []),
    ...(hasPhone ? [{ value: phone.number, via: 'sms', ...verified } as const] : []),
  ];
}

export function metadataFor({ metadata }: TargetUser): {
  readonly entries: readonly (readonly [string, string])[];
  readonly missing: readonly NotStored[];
} {
  const all = Object.entries(metadata).filter(([key, value]) => key !== '' && value !== '');
  const entries = all.filter(([key, value]) => isText(key) && (value.trim() === '' || isText(value)));
  return {
    entries,
    missing: entries.length < all.length ? [{ what: 'metadata', code: 'value-not-text' }] : [],
  };
}

/** Without their second factor nobody gets their password: it alone would open the door. */
export function credentialsOf(
  user: TargetUser,
  { provider, unknownFields }: Pick<FittingOptions, 'provider' | 'unknownFields'>,
): { readonly credentials: Credentials; readonly missing: readonly NotStored[] } {
  const unlessUnknown = <P extends object>(field: Imported, what: Stored, part: P) =>
    'credential' in part && unknownFields.has(field)
      ? { missing: [{ what, code: 'unknown-field' }] as const }
      : (part as P & { readonly missing: readonly NotStored[] });
  const oidc = oidcPart(user, provider);
  const totp = unlessUnknown('totp', 'totp', totpPart(user));
  const webauthn = unlessUnknown('webauthn', 'passkeys', webauthnPart(user));
  const passkey = unlessUnknown('passkey', 'passkeys', passkeyPart(user));
  const hasFactor = 'credential' in totp || 'credential' in webauthn;
  const codes = unlessUnknown('lookup_secret', 'recoveryCodes', recoveryCodesPart(user, hasFactor));
  const isOpen = needsFactor(user) && !hasFactor;
  const password = isOpen ? undefined : passwordOf(user);
  return {
    credentials: {
      ...(password && { password }),
      ...('credential' in oidc && { oidc: oidc.credential }),
      ...('credential' in totp && { totp: totp.credential }),
      ...('credential' in passkey && { passkey: passkey.credential }),
      ...('credential' in webauthn && { webauthn: webauthn.credential }),
      ...('credential' in codes && { lookup_secret: codes.credential }),
    } as Credentials,
    missing: [
      ...(isOpen && user.password ? [{ what: 'password', code: 'second_factor_missing' } as const] : []),
      ...[oidc, totp, webauthn, passkey, codes].flatMap((part) => part.missing),
    ],
  };
}

/** Whether the password alone must not open the door. */
export const needsFactor = (user: TargetUser) => user.totpSecret !== undefined || hasKeyFactor(user);

function passwordOf({ password, isTypedHere }: TargetUser): Credentials['password'] {
  if (password) return { config: { hashed_password: password.encoded } };
  return isTypedHere ? { config: { use_password_migration_hook: true } } : undefined;
}

function storedIn({ credentials, metadata_admin, metadata_public }: CreateBody, user: TargetUser): Stored[] {
  return [
    'profile',
    ...(credentials.password && user.password ? (['password'] as const) : []),
    ...(credentials.totp ? (['totp'] as const) : []),
    ...(credentials.passkey || credentials.webauthn ? (['passkeys'] as const) : []),
    ...(credentials.lookup_secret ? (['recoveryCodes'] as const) : []),
    ...(credentials.oidc ? (['links'] as const) : []),
    ...(metadata_admin || metadata_public ? (['metadata'] as const) : []),
  ];
}
