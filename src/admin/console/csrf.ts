/** A word in every form that only our pages know: a MAC over the session, so that nothing is kept for it. */
import { FootbridgeError } from '../../errors.ts';
import type { Keyring } from '../../store/encryption.ts';

export const csrfOf = (keyring: Keyring, session: Buffer): string =>
  keyring.mac('console-form', session).toString('base64url');

/** Throws foreign_form. */
export function needCsrf(keyring: Keyring, session: Buffer, given: string | null): void {
  const isOurs = keyring
    .macs('console-form', session)
    .some((mac) => keyring.equal(mac.toString('base64url'), given ?? ''));
  if (!isOurs) throw new FootbridgeError('foreign_form');
}
