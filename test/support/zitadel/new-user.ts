/** Making a user: the checks in ZITADEL's order, one for all the messages that can ask for it. */
import type { AddHumanUserRequestJson } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import { alreadyExists, invalid, precondition } from './errors.ts';
import type { Actor, Instance, Link, User } from './instance.ts';
import { newPassword } from './passwords.ts';

export interface NewUser extends Omit<AddHumanUserRequestJson, 'organization'> {
  readonly organization: string;
  /** The first version of the API sends a mail to whoever cannot log in yet: they are `initial`. */
  readonly mayBeInitial?: boolean;
  readonly selfRegistered?: boolean;
}

export async function addUser(instance: Instance, given: NewUser, actor: Actor): Promise<User> {
  const username = given.username?.trim() || given.email?.email || '';
  const email = given.email?.email?.trim() ?? '';
  assertEmail(email);
  if (!username) throw invalid('V2-zzad3', 'Errors.Invalid.Argument');
  if (!given.profile?.givenName?.trim()) throw invalid('USER-UCej2', 'Errors.User.Profile.FirstNameEmpty');
  if (!given.profile?.familyName?.trim()) throw invalid('USER-4hB7d', 'Errors.User.Profile.LastNameEmpty');
  const phone = given.phone?.phone ? normalizedPhone(given.phone.phone) : undefined;
  for (const { key, value } of given.metadata ?? []) assertMetadata(key, value);
  const id = given.userId ?? instance.newId();
  if (instance.users.has(id)) throw precondition('COMMAND-7yiox1isql', 'Errors.User.AlreadyExisting');
  assertDomain(instance, given.organization, username);
  const password = await newPassword(instance, given.organization, given);
  for (const link of given.idpLinks ?? []) assertIdp(instance, link.idpId);
  assertUsernameFree(instance, given.organization, username);
  for (const link of given.idpLinks ?? []) assertLinkFree(instance, link as Link);
  const { givenName, familyName } = given.profile;
  const user: User = {
    id,
    organization: given.organization,
    username,
    state:
      given.mayBeInitial && (!given.email?.isVerified || !password) && !given.idpLinks?.length
        ? 'USER_STATE_INITIAL'
        : 'USER_STATE_ACTIVE',
    profile: { displayName: `${givenName} ${familyName}`, ...given.profile },
    email: { address: email, isVerified: given.email?.isVerified ?? false },
    ...(phone && { phone: { number: phone, isVerified: given.phone?.isVerified ?? false } }),
    ...(password && { password }),
    failedPasswords: 0,
    ...(given.totpSecret && { totp: { secret: given.totpSecret, isReady: true, failed: 0 } }),
    links: (given.idpLinks ?? []).map(({ idpId = '', userId = '', userName = '' }) => ({
      idpId,
      userId,
      userName,
    })),
    metadata: Object.fromEntries((given.metadata ?? []).map(({ key = '', value = '' }) => [key, value])),
    // One event makes both.
    createdAt: password?.changedAt ?? instance.time,
    changedAt: instance.time,
    sequence: 0,
  };
  instance.users.set(id, user);
  announce(instance, user, { actor, selfRegistered: given.selfRegistered ?? false });
  return user;
}

/** The events of a new user, in ZITADEL's order. */
function announce(
  instance: Instance,
  user: User,
  { actor, selfRegistered }: { actor: Actor; selfRegistered: boolean },
): void {
  const say = (type: string, payload?: Record<string, unknown>) =>
    instance.userEvent(user, [type, payload], actor);
  const { givenName, familyName, nickName, displayName, preferredLanguage } = user.profile;
  say(selfRegistered ? 'user.human.selfregistered' : 'user.human.added', {
    userName: user.username,
    firstName: givenName,
    lastName: familyName,
    ...(nickName && { nickName }),
    displayName,
    ...(preferredLanguage && { preferredLanguage }),
    email: user.email.address,
    ...(user.phone && { phone: user.phone.number }),
    ...(user.password && { encodedHash: user.password.hash, changeRequired: user.password.changeRequired }),
  });
  say(user.email.isVerified ? 'user.human.email.verified' : 'user.human.email.code.added');
  if (user.phone) say(user.phone.isVerified ? 'user.human.phone.verified' : 'user.human.phone.code.added');
  for (const [key, value] of Object.entries(user.metadata)) say('user.metadata.set', { key, value });
  for (const link of user.links) say(...linkAdded(link));
  if (user.totp) {
    say('user.human.mfa.otp.added', { otpSecret: {} });
    say('user.human.mfa.otp.verified', { userAgentID: '' });
  }
}

export const linkAdded = ({ idpId, userId, userName }: Link): [string, Record<string, unknown>] => [
  'user.human.externalidp.added',
  { idpConfigId: idpId, userId, displayName: userName },
];

export function assertEmail(address: string): void {
  if (!address) throw invalid('EMAIL-spblu', 'Errors.User.Email.Empty');
  if (!/^[^@\s]+@[^@\s]+$/.test(address)) throw invalid('EMAIL-599BI', 'Errors.User.Email.Invalid');
}

/** As libphonenumber's E.164, roughly: a Swiss number when no country is said. */
export function normalizedPhone(number: string): string {
  const digits = number
    .replace(/[\s()./-]/g, '')
    .replace(/^00/, '+')
    .replace(/^0(?=[1-9])/, '+41');
  if (!/^\+[1-9]\d{5,14}$/.test(digits)) throw invalid('PHONE-so0wa', 'Errors.User.Phone.Invalid');
  return digits;
}

export function assertMetadata(key = '', value = ''): void {
  if (!key.trim()) throw invalid('USER-Drght', 'Errors.User.Metadata.KeyEmpty');
  if (!value) throw invalid('USER-Dbgth', 'Errors.User.Metadata.ValueEmpty');
}

export function assertIdp(instance: Instance, idpId = ''): void {
  if (!instance.idps.has(idpId)) throw precondition('COMMAND-39nf2', 'Errors.IDPConfig.NotExisting');
}

export function assertLinkFree(instance: Instance, { idpId, userId }: Pick<Link, 'idpId' | 'userId'>): void {
  const isTaken = [...instance.users.values()].some(({ links }) =>
    links.some((link) => link.idpId === idpId && link.userId === userId),
  );
  if (isTaken) throw alreadyExists('V3-DKcYh', 'Errors.User.ExternalIDP.AlreadyExists');
}

/** A name that ends in a domain of another organization is not for this one. */
export function assertDomain(instance: Instance, organization: string, username: string): void {
  if (instance.policiesOf(organization).domain.userLoginMustBeDomain || !username.includes('@')) return;
  const domain = username.slice(username.lastIndexOf('@') + 1);
  const owner = [...instance.organizations.values()].find(({ domains }) => domains.includes(domain));
  if (owner && owner.id !== organization)
    throw invalid('COMMAND-SFd21', 'Errors.User.DomainNotAllowedAsUsername');
}

/** Names are unique in the instance, or in the organization where its domain is put behind them. */
export function assertUsernameFree(instance: Instance, organization: string, username: string): void {
  const inOrganization = instance.policiesOf(organization).domain.userLoginMustBeDomain;
  const isTaken = [...instance.users.values()].some(
    (user) =>
      user.username.toLowerCase() === username.toLowerCase() &&
      (inOrganization ? user.organization === organization : true),
  );
  if (isTaken) throw alreadyExists('V3-DKcYh', 'Errors.User.AlreadyExists');
}

/** What may be typed to log in; the first is what ZITADEL calls preferred. */
export function loginNames(instance: Instance, user: User): string[] {
  if (!instance.policiesOf(user.organization).domain.userLoginMustBeDomain) return [user.username];
  const domains = instance.organizations.get(user.organization)?.domains ?? [];
  return domains.map((domain) => `${user.username}@${domain}`);
}
