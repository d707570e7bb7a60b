/** A legacy user as they are to be at a target: the operator's rules for names, organizations and roles, applied. */
import { createHash } from 'node:crypto';
import { isRefusal } from '../../credentials/reasons.ts';
import { encodeBase32 } from '../../credentials/totp.ts';
import type { NotStored, TargetGrant, TargetLink, TargetUser } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import { readsTotp } from '../../targets/target.ts';
import type { Credentials, Passkey, TotpSecret, User } from '../../user.ts';
import type { GivenInput, GivenPassword } from '../given-password.ts';
import { usernameOf } from '../profile.ts';

export interface TargetUserInput extends GivenInput {
  readonly target: Target;
  /** What `passwordFor` found. */
  readonly given: GivenPassword;
  /** For people whose password is still to come; see `TargetUser.placeholder`. */
  readonly placeholder?: TargetUser['placeholder'];
  /** For them too, where the target takes a mark instead. */
  readonly isTypedHere?: true;
  readonly targetUserId: string;
}

export type TargetUserAnswer =
  | {
      readonly kind: 'user';
      readonly user: TargetUser;
      /** What the person has and this target cannot be given. */
      readonly missing: readonly NotStored[];
    }
  | { readonly kind: 'refused'; readonly code: string; readonly sentence: string };

/** ZITADEL's bound for names and ids; nobody is called more than that. */
const MAX_NAME_LENGTH = 200;
/** RFC 5321 section 4.5.3.1.1. */
const MAX_LOCAL_PART_LENGTH = 64;

const REFUSALS = {
  username_too_long: 'The username that the rules make of this person is longer than 200 characters.',
  email_missing:
    'The target insists on an email address, the person has none, and no placeholder is configured.',
} as const;

/**
 * The id to ask the target for: the same at every try, so that another try finds what an earlier one has made, and
 * another one after we removed the user, because targets do not give the same id twice.
 *
 * A plain hash will do. The id opens nothing, at the target the subject stands beside it anyway, and whoever could make
 * somebody else's id there beforehand is an administrator of the target, who could as well make the link. A key would
 * only make ids change when it is rotated. 128 bits keep any two people apart.
 */
export function targetUserIdOf(target: string, sub: string, removals: number): string {
  return createHash('sha256')
    .update(JSON.stringify([target, sub, removals]))
    .digest('hex')
    .slice(0, 32);
}

export function targetUserFor(input: TargetUserInput): TargetUserAnswer {
  const { entry, target, targetUserId } = input;
  const { user, credentials } = entry;
  const username = targetUsername(user, target);
  if (username.length > MAX_NAME_LENGTH) return refused('username_too_long');
  const email = emailFor(user, target);
  if (!email && target.needs.includes('email')) return refused('email_missing');
  const totp = totpFor(credentials, target);
  const passkeys = passkeysFor(credentials, target);
  const missing = missingFor(input, { totp, passkeys });
  const password = passwordFor(input, missing);
  const organization = organizationFor(user, target);
  return {
    kind: 'user',
    user: {
      sub: user.sub,
      legacyId: user.legacyId,
      targetUserId,
      username,
      linkUserName: usernameOf(user).slice(0, MAX_NAME_LENGTH),
      ...namesFor(user, target),
      ...(user.locale ? { locale: user.locale } : {}),
      ...(email ? { email } : {}),
      ...phoneFor(user),
      ...(organization ? { organization } : {}),
      ...password,
      ...(totp ? { totpSecret: encodeBase32(totp.secret), totpRules: rulesOf(totp) } : {}),
      ...(passkeys.length > 0 ? { passkeys, passkeyIsFactor: credentials.passkeyIsFactor === true } : {}),
      ...recoveryCodesFor(credentials, target),
      identityProviderLinks: linksFor(credentials, target),
      metadata: metadataFor(user, target),
      grants: grantsFor(user, target),
    },
    missing,
  };
}

const refused = (code: keyof typeof REFUSALS): TargetUserAnswer => ({
  kind: 'refused',
  code,
  sentence: REFUSALS[code],
});

function targetUsername(user: User, { users }: Target): string {
  const { from, dropDomain, suffix } = users.username;
  const chosen = [user[from], user.username, user.email].find((text) => text?.trim())?.trim() ?? user.sub;
  const at = chosen.lastIndexOf('@');
  // What begins with its only @ would have no name left.
  return (dropDomain && at > 0 ? chosen.slice(0, at) : chosen) + suffix;
}

function namesFor(user: User, { users }: Target) {
  const name = (text: string | undefined) => text?.trim().slice(0, MAX_NAME_LENGTH) || undefined;
  const [nickname, displayName] = [name(user.nickname), name(user.name)];
  return {
    givenName: name(user.givenName) ?? users.placeholders.givenName,
    familyName: name(user.familyName) ?? users.placeholders.familyName,
    ...(nickname ? { nickname } : {}),
    ...(displayName ? { displayName } : {}),
  };
}

/** A placeholder is nobody's address: never verified. */
function emailFor(user: User, { users }: Target): TargetUser['email'] {
  if (user.email) return { address: user.email, isVerified: user.emailVerified };
  const pattern = users.placeholders.email;
  return pattern ? { address: pattern.replaceAll('{id}', mailboxOf(user)), isVerified: false } : undefined;
}

/** The legacy id, where an address can hold it as it is. */
function mailboxOf({ legacyId, sub }: User): string {
  const fits = /^[\w-]+(?:\.[\w-]+)*$/.test(legacyId) && legacyId.length <= MAX_LOCAL_PART_LENGTH / 2;
  return fits ? legacyId : createHash('sha256').update(sub).digest('hex').slice(0, 32);
}

/** In E.164; a number without its country is no number there. */
function phoneFor({ phoneNumber, phoneNumberVerified }: User): Pick<TargetUser, 'phone'> {
  // The (0) is dialled at home only.
  const number = phoneNumber?.replace('(0)', '').replace(/[ ()./-]/g, '');
  if (!number || !/^\+[1-9]\d{6,14}$/.test(number)) return {};
  return { phone: { number, isVerified: phoneNumberVerified } };
}

/** An address that nobody has verified leads into no organization: anybody could have typed it. */
function organizationFor(user: User, { users }: Target): string | undefined {
  const domain = user.emailVerified ? user.email?.split('@').at(-1)?.toLowerCase() : undefined;
  const rule = users.organizations.find(
    ({ when }) =>
      (when.emailDomain !== undefined && when.emailDomain.toLowerCase() === domain) ||
      (when.role !== undefined && user.roles.includes(when.role)) ||
      (when.group !== undefined && (user.groups ?? []).includes(when.group)),
  );
  return rule?.organization ?? users.organization;
}

/** One grant per project, with the roles of all legacy roles that lead there. */
function grantsFor(user: User, { users }: Target): TargetGrant[] {
  const grants = new Map<string, TargetGrant>();
  for (const { role, project, projectGrant, roles } of users.grants) {
    if (!user.roles.includes(role)) continue;
    const key = JSON.stringify([project, projectGrant]);
    const all = new Set([...(grants.get(key)?.roles ?? []), ...roles]);
    grants.set(key, { project, ...(projectGrant ? { projectGrant } : {}), roles: [...all] });
  }
  return [...grants.values()];
}

function linksFor({ identityProviderLinks = [] }: Credentials, { users }: Target): TargetLink[] {
  return identityProviderLinks.flatMap(({ provider, userId, username }) => {
    const known = Object.hasOwn(users.identityProviders, provider);
    const idpId = known ? users.identityProviders[provider] : undefined;
    return idpId ? [{ idpId, userId, userName: username || userId }] : [];
  });
}

function metadataFor(user: User, { users }: Target): Record<string, string> {
  const entries = Object.entries(user.metadata ?? {}).flatMap(([key, value]) => {
    const text = typeof value === 'string' ? value : (JSON.stringify(value ?? undefined) ?? '');
    return key && key.length <= MAX_NAME_LENGTH && text ? [[key, text] as const] : [];
  });
  return { ...Object.fromEntries(entries), [users.legacyIdKey]: user.legacyId };
}

/** The first device whose codes the target computes. */
function totpFor({ totp, furtherTotp = [] }: Credentials, target: Target): TotpSecret | undefined {
  return [...(totp ? [totp] : []), ...furtherTotp].find((seed) => readsTotp(target.totp, seed));
}

const rulesOf = ({ algorithm, digits, periodSeconds }: TotpSecret) => ({ algorithm, digits, periodSeconds });

/** Without the handle that the authenticator gives back, no target finds its owner. */
function passkeysFor({ passkeys = [] }: Credentials, { capabilities }: Target): readonly Passkey[] {
  return capabilities?.passkeys ? passkeys.filter(({ userHandle }) => userHandle !== undefined) : [];
}

/** All or none: those that are hashed can be written nowhere, and half a sheet of codes misleads its owner. */
function recoveryCodesFor(
  { recoveryCodes = [] }: Credentials,
  { capabilities }: Target,
): Pick<TargetUser, 'recoveryCodes'> {
  const codes = recoveryCodes.flatMap((code) => ('code' in code ? [code.code] : []));
  const isWhole = codes.length > 0 && codes.length === recoveryCodes.length;
  return capabilities?.recoveryCodes && isWhole ? { recoveryCodes: codes } : {};
}

/** Without their second factor nobody gets their password at the target: it alone would open the door there. */
function missingFor(
  { entry, given }: TargetUserInput,
  { totp, passkeys }: { readonly totp: TotpSecret | undefined; readonly passkeys: readonly Passkey[] },
): NotStored[] {
  const missing: NotStored[] = [];
  const { credentials } = entry;
  const hasKey = credentials.passkeyIsFactor === true && passkeys.length > 0;
  const isFactorMissing = hasSecondFactor(credentials) && !totp && !hasKey;
  if (hasPassword(credentials) && isRefusal(given.password))
    missing.push({ what: 'password', code: given.password.reason });
  else if (hasPassword(credentials) && isFactorMissing)
    missing.push({ what: 'password', code: 'second_factor_missing' });
  if (isFactorMissing) {
    const code = credentials.totp ? 'totp_not_supported' : 'passkey_not_portable';
    missing.push({ what: 'totp', code });
  }
  return missing;
}

/** The password, or what stands in its place until it is typed at the target and proved here. */
function passwordFor(
  { given, placeholder, isTypedHere }: TargetUserInput,
  missing: readonly NotStored[],
): Pick<TargetUser, 'password' | 'placeholder' | 'isTypedHere'> {
  const lacks = (what: NotStored['what']) => missing.some((one) => one.what === what);
  if (!lacks('password') && !isRefusal(given.password)) {
    const { encoded, format } = given.password;
    return { password: { encoded, format } };
  }
  if (!lacks('password') || lacks('totp')) return {};
  return { ...(placeholder ? { placeholder } : {}), ...(isTypedHere ? { isTypedHere } : {}) };
}

/** Whether the person logs in with a password today. */
export function hasPassword({ passwords, storeCheck }: Credentials): boolean {
  return passwords.length > 0 || storeCheck !== undefined;
}

/** Whether a password alone does not open the door today. */
export function hasSecondFactor({ totp, passkeys, passkeyIsFactor }: Credentials): boolean {
  return totp !== undefined || (passkeyIsFactor === true && passkeys !== undefined);
}
