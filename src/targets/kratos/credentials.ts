/** The credentials that Kratos imports (`identityWithCredentials`), each with what of it cannot be had there. */
import type { Passkey } from '../../user.ts';
import type { NotStored, TargetUser } from '../connection.ts';
import { linkIdentifier } from './identity.ts';

/** The identifier of a credential is a `varchar(255)`, and text: one that is not fails everybody in the call. */
const MAX_IDENTIFIER = 255;
/** Before which a name stands in an authenticator app. */
const UNNAMED = 'account';

/** PostgreSQL has no text with it. */
const NUL = '\u0000';
export const isText = (text: string, max = Number.POSITIVE_INFINITY) =>
  text.trim() !== '' && [...text].length <= max && !text.includes(NUL);
export const isIdentifier = (text: string) => isText(text, MAX_IDENTIFIER);

/** As the body of a creation or an update has them; releases up to v26.2.0 know the first two. */
export interface Credentials {
  readonly password?: { readonly config: object };
  readonly oidc?: { readonly config: { readonly providers: readonly Provider[] } };
  readonly totp?: { readonly config: { readonly totp_url: string } };
  readonly passkey?: { readonly config: object };
  readonly webauthn?: { readonly config: object };
  readonly lookup_secret?: { readonly config: { readonly codes: readonly { readonly code: string }[] } };
}
export type Imported = keyof Credentials;

interface Provider {
  readonly provider: string;
  readonly subject: string;
}

export interface Part<K extends Imported> {
  readonly credential?: Credentials[K];
  readonly missing: readonly NotStored[];
}

/** Our link first. `provider` is our id among Kratos' OIDC providers. */
export function oidcPart(user: TargetUser, provider: string): Part<'oidc'> {
  const ours = { idpId: provider, userId: user.sub };
  const all = new Map([ours, ...user.identityProviderLinks].map((link) => [linkIdentifier(link), link]));
  const fitting = [...all].filter(([identifier]) => isIdentifier(identifier));
  const providers = fitting.map(([, { idpId, userId }]) => ({ provider: idpId, subject: userId }));
  return {
    ...(providers.length > 0 && { credential: { config: { providers } } }),
    missing: fitting.length < all.size ? [{ what: 'links', code: 'link-too-long' }] : [],
  };
}

/** Kratos computes SHA-1, six digits, 30 seconds whatever the URL says. */
export function totpPart({ totpSecret, totpRules, email, username }: TargetUser): Part<'totp'> {
  if (totpSecret === undefined) return { missing: [] };
  const { algorithm = 'SHA1', digits = 6, periodSeconds = 30 } = totpRules ?? {};
  if (algorithm !== 'SHA1' || digits !== 6 || periodSeconds !== 30 || !/^[A-Z2-7]+$/.test(totpSecret)) {
    return { missing: [{ what: 'totp', code: 'totp-not-supported' }] };
  }
  const name = [email?.address, username].find((text) => text?.trim()) ?? UNNAMED;
  const label = encodeURIComponent(name.toWellFormed());
  const rules = 'algorithm=SHA1&digits=6&period=30';
  return {
    credential: { config: { totp_url: `otpauth://totp/${label}?secret=${totpSecret}&${rules}` } },
    missing: [],
  };
}

/** Whether the person's keys are asked for beside the password; where nobody says, they are taken for that. */
export const hasKeyFactor = (user: TargetUser): boolean =>
  (user.passkeys?.length ?? 0) > 0 && user.passkeyIsFactor !== false;

/**
 * Keys for a login without a password. They share one user handle, and Kratos finds their owner by it: as text. It never
 * asks for one of them after a password.
 */
export function passkeyPart(user: TargetUser): Part<'passkey'> {
  return hasKeyFactor(user) ? { missing: [] } : keysOf(user, { isPasswordless: true, isUsable: isText255 });
}

/** Keys as second factor: whoever has one is asked for it after the password. Here the handle is only compared. */
export function webauthnPart(user: TargetUser): Part<'webauthn'> {
  return hasKeyFactor(user) ? keysOf(user, { isPasswordless: false, isUsable: () => true }) : { missing: [] };
}

interface Keys {
  readonly isPasswordless: boolean;
  readonly isUsable: (userHandle: Buffer) => boolean;
}

/** Without `flags` Kratos takes those of the next login for right. */
function keysOf({ passkeys = [] }: TargetUser, { isPasswordless, isUsable }: Keys) {
  const handleOf = ({ userHandle = '' }: Passkey) => Buffer.from(userHandle, 'base64url');
  const handle = passkeys.map(handleOf).find(isUsable);
  const fitting = passkeys.filter((one) => handle?.equals(handleOf(one)));
  const missing: readonly NotStored[] =
    fitting.length < passkeys.length ? [{ what: 'passkeys', code: 'user-handle' }] : [];
  if (!handle) return { missing };
  const config = {
    user_handle: handle.toString('base64'),
    credentials: fitting.map((one) => credentialOf(one, isPasswordless)),
  };
  return { credential: { config }, missing };
}

/** Not for bytes that are no text, or none that Kratos' database takes. */
const isText255 = (bytes: Buffer) => {
  const text = bytes.toString('utf8');
  return isIdentifier(text) && Buffer.from(text, 'utf8').equals(bytes);
};

const credentialOf = (
  { credentialId, publicKey, signCount, transports }: Passkey,
  isPasswordless: boolean,
) => ({
  id: Buffer.from(credentialId, 'base64url').toString('base64'),
  public_key: Buffer.from(publicKey).toString('base64'),
  attestation_type: 'none',
  is_passwordless: isPasswordless,
  display_name: isPasswordless ? 'Passkey' : 'Security key',
  authenticator: { aaguid: Buffer.alloc(16).toString('base64'), sign_count: signCount, clone_warning: false },
  ...(transports.length > 0 && { transport: transports }),
});

/** Only beside a second factor: Kratos would take them for one, and ask for a code at every login until none is left. */
export function recoveryCodesPart(
  { recoveryCodes = [] }: TargetUser,
  hasSecondFactor: boolean,
): Part<'lookup_secret'> {
  if (recoveryCodes.length === 0) return { missing: [] };
  const codes = recoveryCodes.filter((code) => isText(code)).map((code) => ({ code }));
  if (!hasSecondFactor || codes.length === 0) {
    return { missing: [{ what: 'recoveryCodes', code: 'without-second-factor' }] };
  }
  return { credential: { config: { codes } }, missing: [] };
}
