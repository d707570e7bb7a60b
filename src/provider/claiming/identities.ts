/** Who somebody is on either side, as pages and letters show it. */

import type { SignedIn } from '../../targets/sign-in.ts';
import type { LegacyOrganization, User } from '../../user.ts';
import type { Identity } from '../pages/page.ts';

/** Of somebody who has proved to be them. */
export function identityHere(system: string, { name, username, email }: User): Identity {
  const isSame = username === email;
  return {
    system,
    ...(name ? { name } : {}),
    ...(username && !isSame ? { username } : {}),
    ...(email ? { email } : {}),
  };
}

/** Of whoever holds a link: enough to see whose it is, and not to learn who that is. */
export function maskedHere(system: string, { name, email }: User): Identity {
  return {
    system,
    ...(name ? { name: maskedName(name) } : {}),
    ...(email ? { email: maskedEmail(email) } : {}),
  };
}

export function identityThere(
  system: string,
  { name, givenName, familyName, username, email }: SignedIn,
): Identity {
  const full = name ?? [givenName, familyName].filter(Boolean).join(' ');
  return {
    system,
    ...(full ? { name: full } : {}),
    ...(username && username !== email ? { username } : {}),
    ...(email ? { email } : {}),
  };
}

/** `e•••a@example.com`; of a short local part nothing is left. */
export function maskedEmail(email: string): string {
  const at = email.lastIndexOf('@');
  const local = [...email.slice(0, Math.max(0, at))];
  const shown = local.length > 3 ? `${local[0]}•••${local.at(-1)}` : '•••';
  return `${shown}${at < 0 ? '' : email.slice(at)}`;
}

/** `Erika M•••`. */
export function maskedName(name: string): string {
  const [first = '', ...rest] = name.trim().split(/\s+/);
  return [first, ...rest.map((word) => `${[...word][0]}•••`)].join(' ');
}

/** In a letter to the account's owner, who may not be the one who was there. */
export function maskedThere({ email, name, username }: SignedIn): string {
  if (email) return maskedEmail(email);
  if (name) return maskedName(name);
  return username ? `${[...username][0]}•••` : '•••';
}

/** Whether both addresses are known and differ. */
export const isEmailDifferent = (here: User, there: SignedIn): boolean =>
  here.email !== undefined &&
  there.email !== undefined &&
  here.email.toLowerCase() !== there.email.toLowerCase();

/** What somebody may have to type at the target, where they sign up. */
export function hintsOf({ email, givenName, familyName }: User, organization?: LegacyOrganization) {
  return {
    ...(email ? { email } : {}),
    ...(givenName ? { givenName } : {}),
    ...(familyName ? { familyName } : {}),
    ...(organization
      ? {
          organization: {
            name: organization.name,
            kinds: organization.kinds,
            ...(organization.countryCode ? { countryCode: organization.countryCode } : {}),
          },
        }
      : {}),
  };
}
