/**
 * What is compared of a user, as keyed digests: two of them tell whether two values are the same, and nothing else. They
 * are salted with the user's id at the target, so that two people with one name do not share a digest.
 */
import { hash } from 'node:crypto';
import type { Keyring } from '../../store/encryption.ts';
import type { FoundUser, ProfileField, TargetUser } from '../../targets/connection.ts';
import { PROFILE_FIELDS } from '../../targets/connection.ts';

/** `password`, `totp`, `link` to us and `legacyId` tell of presence; `password` also of which one it is in the legacy store. */
export const COMPARED_FIELDS = [...PROFILE_FIELDS, 'state', 'password', 'totp', 'link', 'legacyId'] as const;
export type ComparedField = (typeof COMPARED_FIELDS)[number];

/** By field; `''`: there is none. What is not in it is not compared. */
export type Marks = Readonly<Partial<Record<ComparedField, string>>>;

/** What was the same on both sides last; `of` tells of which user at the target. */
export type Base = Marks & { readonly of: string };

/** Of a hundred million values that are told apart, two look the same once in a thousand reconciliations. */
export const MARK_BYTES = 8;

/** Of one user at the target. */
export interface Marking {
  readonly key: string;
}

/** One HMAC for a person: with one for every field they would be a third of a verification's time. */
export function markingOf(keyring: Keyring, target: string, targetUserId: string): Marking {
  return { key: keyring.mac('compared', target, targetUserId).toString('base64') };
}

/** As older master keys have made them. */
export function olderMarkings(keyring: Keyring, target: string, targetUserId: string): Marking[] {
  const [, ...older] = keyring.macs('compared', target, targetUserId);
  return older.map((key) => ({ key: key.toString('base64') }));
}

/** A prefix key is enough: most of each digest is never shown. */
function markOf({ key }: Marking, field: string, value: string): string {
  return value === '' ? '' : hash('sha256', `${key} ${field} ${value}`).slice(0, 2 * MARK_BYTES);
}

/** Which user it is, for `Base`: of another one nothing is known. */
export const ownerMark = (marking: Marking): string => markOf(marking, 'id', 'of');

/** What an older master key has made, as far as it can be read still: the marks of profiles cannot. */
export function withoutProfile(base: Base): Marks {
  const kept = Object.entries(base).filter(
    ([field]) => field !== 'of' && !(PROFILE_FIELDS as readonly string[]).includes(field),
  );
  return Object.fromEntries(kept);
}

const flat = (text: string | undefined) => (text ?? '').normalize('NFC').replace(/\s+/gu, ' ').trim();
const folded = (text: string | undefined) => flat(text).toLowerCase();
const verified = (text: string, isVerified: boolean | undefined) =>
  text && `${text}${isVerified ? ' verified' : ''}`;

type Profile =
  | Pick<FoundUser, ProfileField | 'targetUserId'>
  | Pick<TargetUser, ProfileField | 'targetUserId'>;

/** Whose address is their name: targets without names of their own show it in its place, and it changes with it. */
export function isNamedByEmail({ username, email }: Profile): boolean {
  return email !== undefined && folded(username) === folded(email.address);
}

/** Targets fold the case of names and addresses, and no two people differ by it. */
const NORMALISED: Readonly<Record<ProfileField, (user: Profile) => string>> = {
  username: ({ username }) => folded(username),
  givenName: ({ givenName }) => flat(givenName),
  familyName: ({ familyName }) => flat(familyName),
  nickname: ({ nickname }) => flat(nickname),
  displayName: ({ displayName }) => flat(displayName),
  locale: ({ locale }) => folded(locale).replaceAll('_', '-'),
  email: ({ email }) => verified(folded(email?.address), email?.isVerified),
  phone: ({ phone }) => verified(flat(phone?.number).replace(/[^\d+]/g, ''), phone?.isVerified),
};

/** As it is compared: spaces, case and composition that nobody means are gone. */
export const profileValue = (user: Profile, field: ProfileField): string => NORMALISED[field](user);

/** As it is marked: what stands for a name is none. */
function markedValue(user: Profile, field: ProfileField): string {
  const hasNoName = isNamedByEmail(user) || user.username === user.targetUserId;
  return field === 'username' && hasNoName ? '' : profileValue(user, field);
}

/** What targets make up where we say nothing. */
const MADE_UP: readonly ProfileField[] = ['displayName', 'locale'];

/** What should be there. What the target may make up is left out where the person has none. */
export function wantedProfile(marking: Marking, user: TargetUser): Marks {
  const fields = PROFILE_FIELDS.filter((field) => !(MADE_UP.includes(field) && !user[field]));
  return Object.fromEntries(fields.map((field) => [field, markOf(marking, field, markedValue(user, field))]));
}

/** Everybody has a name: who comes without one was told of in short. */
const NAMES = ['givenName', 'familyName'] as const;
const IN_SHORT: readonly ProfileField[] = ['username', 'email'];

/** What is there. `isShort`: where even the names are absent, the rest is not known rather than empty. */
export function foundProfile(
  marking: Marking,
  user: FoundUser,
  { isShort = false }: { readonly isShort?: boolean } = {},
): Marks {
  const fields = isShort && NAMES.every((name) => user[name] === undefined) ? IN_SHORT : PROFILE_FIELDS;
  return Object.fromEntries(fields.map((field) => [field, markOf(marking, field, markedValue(user, field))]));
}

/**
 * For whoever has just stored somebody: what both sides have now. `user.targetUserId` is the id that the target gave.
 * Password and second factor are not in it: that they arrived is to be seen first.
 */
export function digestsOf(keyring: Keyring, target: string, user: TargetUser): Base {
  const marking = markingOf(keyring, target, user.targetUserId);
  return { of: ownerMark(marking), ...wantedProfile(marking, user), state: 'active' };
}
