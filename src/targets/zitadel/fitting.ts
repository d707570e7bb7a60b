/**
 * What ZITADEL would refuse of a user, found before it is asked: the `validate` rules of its messages and the checks of
 * its commands. What a person cannot be without refuses the whole user; the rest is left out and said.
 */
import type { ImportOutcome, NotStored, TargetLink, TargetUser } from '../connection.ts';

/** A user as every message of ZITADEL's takes them. */
export interface FittingUser
  extends Omit<TargetUser, 'email' | 'password' | 'placeholder' | 'identityProviderLinks' | 'metadata'> {
  readonly email: NonNullable<TargetUser['email']>;
  /** The encoded hash. */
  readonly hash?: string;
  /** Instead of it, where the password is still to come. */
  readonly placeholderHash?: string;
  /** Ours first, where our identity provider is known. */
  readonly links: readonly TargetLink[];
  /** None is empty. */
  readonly metadata: readonly (readonly [key: string, value: string])[];
}

export type Fitting =
  | { readonly kind: 'fits'; readonly user: FittingUser; readonly leftOut: readonly NotStored[] }
  | Extract<ImportOutcome, { kind: 'refused' }>;

/** Counted in code points, as Go counts runes. */
const MAX_LENGTH = 200;
const MAX_LOCALE = 10;
const MAX_LOCAL_PART = 64;
const MAX_METADATA_BYTES = 500_000;
/** The host part as protoc-gen-validate checks it: letters, digits and hyphens of ASCII. */
const ADDRESS = /^[^\s@<>"(),:;[\]\\]+@(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)$/i;
/** Others would be read as numbers of ZITADEL's default country. */
const INTERNATIONAL = /^\+[1-9]\d{5,14}$/;

export function fit(user: TargetUser, ourIdp: string | undefined): Fitting {
  const reason = unacceptable(user);
  if (reason) return { kind: 'refused', code: reason[0], sentence: reason[1] };
  const { email, password, placeholder, identityProviderLinks, metadata, phone, locale, ...rest } = user;
  const phoneNumber = phone?.number.replace(/[\s()./-]/g, '');
  const hasPhone = phoneNumber !== undefined && INTERNATIONAL.test(phoneNumber);
  const links = linksOf(user, ourIdp);
  const leftOut: NotStored[] = [];
  if (phone && !hasPhone) leftOut.push({ what: 'profile', code: 'invalid_phone' });
  if (ourIdp === undefined) leftOut.push({ what: 'links', code: 'no_identity_provider' });
  if (links.some((link) => !isLink(link))) leftOut.push({ what: 'links', code: 'invalid_link' });
  const entries = Object.entries(metadata).filter(([key, value]) => key.trim() !== '' && value !== '');
  if (entries.some((entry) => !isEntry(entry))) leftOut.push({ what: 'metadata', code: 'invalid_metadata' });
  const fitting: FittingUser = {
    ...rest,
    email: email!,
    ...(hasPhone && { phone: { number: phoneNumber, isVerified: phone!.isVerified } }),
    // It only chooses a language: nobody is refused for it.
    ...(locale !== undefined && locale.length <= MAX_LOCALE && { locale }),
    ...(password && { hash: password.encoded as string }),
    ...(placeholder && !password && { placeholderHash: placeholder.encoded as string }),
    links: links.filter(isLink),
    metadata: entries.filter(isEntry),
  };
  return { kind: 'fits', user: fitting, leftOut };
}

type Reason = readonly [code: string, sentence: string];

/** With ZITADEL's own codes where its commands check the same. */
function unacceptable(user: TargetUser): Reason | undefined {
  const { email, password } = user;
  const bounds = `of 1 to ${MAX_LENGTH} characters`;
  if (!isText(user.targetUserId)) return ['invalid_id', `ZITADEL takes ids ${bounds}.`];
  if (!isText(user.username)) return ['V2-zzad3', `ZITADEL takes usernames ${bounds}.`];
  if (!isText(user.givenName)) return ['USER-UCej2', `ZITADEL takes given names ${bounds}.`];
  if (!isText(user.familyName)) return ['USER-4hB7d', `ZITADEL takes family names ${bounds}.`];
  if (!isShort(user.nickname ?? '')) return ['invalid_nickname', `ZITADEL takes nicknames ${bounds}.`];
  if (!isShort(user.displayName ?? '')) return ['invalid_name', `ZITADEL takes display names ${bounds}.`];
  if (!email?.address) return ['EMAIL-spblu', 'ZITADEL takes nobody without an email address.'];
  if (!isAddress(email.address)) return ['EMAIL-599BI', 'ZITADEL does not take this email address.'];
  if (password && !(typeof password.encoded === 'string' && isText(password.encoded)))
    return ['invalid_hash', `ZITADEL takes hashes ${bounds}.`];
  if (user.totpSecret !== undefined && !isText(user.totpSecret))
    return ['invalid_totp', `ZITADEL takes TOTP secrets ${bounds}.`];
  return undefined;
}

const isShort = (text: string) => [...text].length <= MAX_LENGTH;
const isText = (text: string) => text.trim() !== '' && isShort(text);
const isAddress = (text: string) =>
  isShort(text) && text.indexOf('@') <= MAX_LOCAL_PART && ADDRESS.test(text);
const isLink = ({ idpId, userId, userName }: TargetLink) => [idpId, userId, userName].every(isText);
const isEntry = ([key, value]: readonly [string, string]) =>
  isText(key) && Buffer.byteLength(value) <= MAX_METADATA_BYTES;

/** Our link's name is what ZITADEL sends us as login hint. */
function linksOf(
  { sub, username, linkUserName: userName = username, identityProviderLinks }: TargetUser,
  ourIdp: string | undefined,
): TargetLink[] {
  const ours = ourIdp === undefined ? [] : [{ idpId: ourIdp, userId: sub, userName }];
  const all = [...ours, ...identityProviderLinks];
  // The same link twice would be in its own way.
  return all.filter(
    (link, at) => all.findIndex(({ idpId, userId }) => idpId === link.idpId && userId === link.userId) === at,
  );
}
