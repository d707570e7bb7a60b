/** A new password on its way from a target's event to the turn that writes it: sealed for one person at one target. */
import { Secret } from '../../settings.ts';
import type { Keyring } from '../../store/encryption.ts';

/** As a target tells of it: its hash, or itself. */
export type NewPassword =
  | { readonly hash: Secret; readonly clear?: undefined }
  | { readonly clear: Secret; readonly hash?: undefined };

export interface SealOwner {
  readonly target: string;
  /** A subject, or `strangerOf` their id at the target as long as no subject is known. */
  readonly person: string;
}

const PURPOSE = 'sync-password';
const PREFIX = 'c.'.length;
const aad = ({ target, person }: SealOwner) => JSON.stringify([target, person]);

/** Begins with what it is, `c` for clear text and `h` for a hash: of two that tell of one change the first one counts. */
export function sealPassword(
  keyring: Pick<Keyring, 'seal'>,
  owner: SealOwner,
  password: NewPassword,
): string {
  const text = password.hash ? `h${password.hash.reveal()}` : `c${password.clear.reveal()}`;
  return `${text.charAt(0)}.${keyring.seal(PURPOSE, text, aad(owner))}`;
}

/** Undefined for what was sealed for somebody else, or by a key that is gone: as if the target had told nothing. */
export function openPassword(
  keyring: Pick<Keyring, 'open'>,
  owner: SealOwner,
  sealed: string | undefined,
): NewPassword | undefined {
  const text =
    sealed === undefined
      ? undefined
      : keyring.open(PURPOSE, sealed.slice(PREFIX), aad(owner))?.toString('utf8');
  if (!text) return undefined;
  const secret = new Secret(text.slice(1));
  return text.startsWith('h') ? { hash: secret } : { clear: secret };
}

/** For somebody else's name of the same person: a stranger has become a subject. */
export function resealPassword(
  keyring: Pick<Keyring, 'seal' | 'open'>,
  sealed: string,
  { from, to }: { readonly from: SealOwner; readonly to: SealOwner },
): string | undefined {
  const password = openPassword(keyring, from, sealed);
  return password && sealPassword(keyring, to, password);
}
