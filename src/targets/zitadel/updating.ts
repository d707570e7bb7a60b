/** What of a person's profile at ZITADEL is to be another. */
import type { FoundUser, ProfileField, TargetUser } from '../connection.ts';
import type { FittingUser } from './fitting.ts';
import { fit } from './fitting.ts';
import type { Change } from './messages.ts';
import { changeUser, removePhone, send } from './messages.ts';
import type { Asking } from './users.ts';
import { ZitadelError } from './zitadel-error.ts';

type Fields = ReadonlySet<ProfileField>;

/** Throws ZitadelError, also for what it would not take. An address cannot be taken away, nor what was proved of it or of a number. */
export async function update(
  asking: Asking,
  { found, user }: { readonly found: FoundUser; readonly user: TargetUser },
  wanted: readonly ProfileField[],
): Promise<void> {
  const fields = new Set(wanted);
  const fitting = fit(changed(found, user, fields), asking.ourIdp);
  if (fitting.kind === 'refused') throw refused(fitting.code, fitting.sentence);
  const isLost = fields.has('phone') && user.phone !== undefined && fitting.user.phone === undefined;
  if (isLost) throw refused('invalid_phone', 'ZITADEL takes numbers that begin with + and their country.');
  const change = changeOf(found, fitting.user, fields);
  const { targetUserId, organization } = found;
  const { api, signal } = asking;
  if (Object.keys(change).length > 0) await send(api, changeUser(targetUserId, change, organization), signal);
  if (fields.has('phone') && !user.phone && found.phone) {
    await send(api, removePhone(targetUserId, organization), signal);
  }
}

const refused = (id: string, message: string) => new ZitadelError({ status: 400, code: 3, id, message });

/** The person with what is not to be changed as it is there: nobody is refused for that. */
function changed(found: FoundUser, user: TargetUser, fields: Fields): TargetUser {
  const { email, phone, nickname, displayName, locale, ...rest } = user;
  const { password: _password, placeholder: _placeholder, totpSecret: _totp, ...person } = rest;
  const address = (fields.has('email') && email) || found.email;
  return {
    ...person,
    targetUserId: found.targetUserId,
    username: fields.has('username') ? user.username : found.username,
    givenName: (fields.has('givenName') ? undefined : found.givenName) ?? user.givenName,
    familyName: (fields.has('familyName') ? undefined : found.familyName) ?? user.familyName,
    ...(address && { email: address }),
    ...(fields.has('phone') && phone && { phone }),
    ...(fields.has('nickname') && nickname && { nickname }),
    ...(fields.has('displayName') && displayName && { displayName }),
    ...(fields.has('locale') && locale && { locale }),
  };
}

const IN_PROFILE: readonly ProfileField[] = ['givenName', 'familyName', 'nickname', 'displayName', 'locale'];

function changeOf(found: FoundUser, user: FittingUser, fields: Fields): Change {
  const { username, email, phone, givenName, familyName } = user;
  const profile = {
    givenName,
    familyName,
    ...(fields.has('nickname') && { nickName: user.nickname ?? '' }),
    // As ZITADEL itself does where none is given.
    ...(fields.has('displayName') && { displayName: user.displayName ?? `${givenName} ${familyName}` }),
    ...(fields.has('locale') && { preferredLanguage: user.locale ?? '' }),
  };
  return {
    ...(fields.has('username') && username !== found.username && { username }),
    ...(IN_PROFILE.some((field) => fields.has(field)) && { profile }),
    ...(fields.has('email') && isOther(addressOf(found), addressOf(user)) && { email }),
    ...(phone && isOther(numberOf(found), numberOf(user)) && { phone }),
  };
}

interface Proved {
  readonly value: string;
  readonly isVerified: boolean;
}

const addressOf = ({ email }: Pick<FoundUser, 'email'>): Proved | undefined =>
  email && { value: email.address, isVerified: email.isVerified };
const numberOf = ({ phone }: Pick<FoundUser, 'phone'>): Proved | undefined =>
  phone && { value: phone.number, isVerified: phone.isVerified };

/** What is the same, and not proved any further, is not said again: a code would be made for it. */
const isOther = (there: Proved | undefined, wanted: Proved | undefined) =>
  wanted !== undefined && (there?.value !== wanted.value || (wanted.isVerified && !there.isVerified));
