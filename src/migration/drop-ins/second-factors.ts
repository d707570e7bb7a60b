/** Second factors: no contract asks for one, so a password that is right here may be all that its caller ever asks for. */
import type { Credentials, TotpSecret } from '../../user.ts';
import type { DropInSettings } from './drop-in-settings.ts';

/** The seeds that this drop-in hands out. */
export function seedsFor(
  settings: DropInSettings,
  { totp, furtherTotp = [] }: Credentials,
): readonly TotpSecret[] {
  return settings.kind === 'keycloak' && settings.totp && totp ? [totp, ...furtherTotp] : [];
}

/** Whether the person has a second factor that the caller does not get from us. */
export function lacksFactor(settings: DropInSettings, credentials: Credentials): boolean {
  const { totp, passkeys = [], passkeyIsFactor } = credentials;
  if (passkeyIsFactor && passkeys.length > 0) return true;
  return totp !== undefined && seedsFor(settings, credentials).length === 0;
}

export const isKeptOut = (settings: DropInSettings, credentials: Credentials): boolean =>
  settings.secondFactors === 'refuse' && lacksFactor(settings, credentials);
