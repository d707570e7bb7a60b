/** How the target makes a user out of claims, with ZITADEL's rules for new users and its error codes. */
import type { Claims } from './strict-claims.ts';
import type { Link, NewUser, TargetStore, TargetUser } from './target-store.ts';
import { WebError } from './web.ts';

/** The id under which the target knows Footbridge. */
export const IDP_ID = '310000000000000001';

/** Anything with one `@` in the middle; ZITADEL's own check is about as loose. */
const EMAIL = /^[^\s@]+@[^\s@]+$/;
/** IDPLink.UserName and the other names of the API. */
const MAX_NAME_RUNES = 200;

export interface Profile {
  readonly username: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly displayName?: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly phone?: string;
  readonly locale?: string;
}

/** Throws `WebError` 400 with the code ZITADEL answers. */
export function newUser(profile: Profile, origin: NewUser['origin']): NewUser {
  const refuse = (code: string, message: string) => {
    throw new WebError(400, code, message);
  };
  if (!profile.givenName) refuse('USER-UCej2', 'Errors.User.Profile.FirstNameEmpty');
  if (!profile.familyName) refuse('USER-4hB7d', 'Errors.User.Profile.LastNameEmpty');
  if (!profile.username) refuse('V2-zzad3', 'Errors.User.UsernameEmpty');
  if (!profile.email) refuse('EMAIL-spblu', 'Errors.User.Email.Empty');
  if (!EMAIL.test(profile.email)) refuse('EMAIL-599BI', 'Errors.User.Email.Invalid');
  for (const name of [profile.givenName, profile.familyName, profile.username]) {
    if ([...name].length > MAX_NAME_RUNES)
      refuse('USER-name', `A name is longer than ${MAX_NAME_RUNES} characters.`);
  }
  return {
    username: profile.username,
    given_name: profile.givenName,
    family_name: profile.familyName,
    display_name: profile.displayName || `${profile.givenName} ${profile.familyName}`,
    email: profile.email,
    email_verified: profile.emailVerified,
    phone: profile.phone ?? '',
    locale: profile.locale ?? '',
    origin,
  };
}

/**
 * The user of an external login: the linked one, or a new one made from the claims. Never one found by email or
 * username: whoever could set an address at the provider would take over an account here.
 */
export async function userOf(store: TargetStore, claims: Claims): Promise<TargetUser> {
  const linked = await store.userByLink(IDP_ID, claims.sub);
  if (linked) return linked;
  const user = newUser(
    {
      username: claims.preferredUsername,
      givenName: claims.givenName,
      familyName: claims.familyName,
      displayName: claims.name,
      email: claims.email,
      emailVerified: claims.emailVerified,
      phone: claims.phoneNumber,
      locale: claims.locale,
    },
    'first login',
  );
  const link: Link = { idpId: IDP_ID, externalId: claims.sub, userName: claims.preferredUsername };
  try {
    return await store.create(user, {}, link);
  } catch (error) {
    // The same person in another tab was quicker.
    const other = await store.userByLink(IDP_ID, claims.sub);
    if (other) return other;
    throw error;
  }
}
