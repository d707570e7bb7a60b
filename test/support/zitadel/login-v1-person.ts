/** Somebody as Login V1 has them from an identity provider, and as it makes or changes a user of them. */
import type { Idp, Instance, User } from './instance.ts';
import { normalizedPhone } from './new-user.ts';
import { SYSTEM } from './passwords.ts';
import type { ExternalUser } from './relying-party.ts';

export interface Person {
  firstName: string;
  lastName: string;
  nickName: string;
  displayName: string;
  preferredLanguage: string;
  email: string;
  isEmailVerified: boolean;
  phone: string;
  isPhoneVerified: boolean;
  /** JSON by key, as `appendMetadata` stores it. */
  readonly metadata: Map<string, string>;
  /** Whether an Action has set something. */
  isChanged: boolean;
}

export interface ExternalPerson extends Person {
  readonly externalId: string;
  readonly idpId: string;
  preferredUsername: string;
}

export interface Human extends Person {
  username: string;
}

export function personOf(idp: Idp, external: ExternalUser | undefined): ExternalPerson {
  const claims = external?.claims;
  return {
    externalId: claims?.sub ?? '',
    idpId: idp.id,
    preferredUsername: claims?.preferredUsername ?? '',
    firstName: claims?.givenName ?? '',
    lastName: claims?.familyName ?? '',
    nickName: claims?.nickname ?? '',
    displayName: claims?.name ?? '',
    preferredLanguage: claims?.locale || 'und',
    email: claims?.email ?? '',
    isEmailVerified: claims?.emailVerified ?? false,
    phone: claims?.phoneNumber ?? '',
    isPhoneVerified: claims?.phoneNumberVerified ?? false,
    metadata: new Map(),
    isChanged: false,
  };
}

/** Where login names end in the organization's domain, everything from the last `@` on is cut off. */
export function humanOf(person: ExternalPerson, mustBeDomain: boolean): Human {
  const at = person.preferredUsername.lastIndexOf('@');
  const username = mustBeDomain && at > 1 ? person.preferredUsername.slice(0, at) : person.preferredUsername;
  return { ...person, username, metadata: person.metadata };
}

/** Overwrites what there is, at every login where it is switched on; a verified address stays verified. */
export function updateUser(instance: Instance, user: User, person: ExternalPerson): void {
  const say = (type: string, payload?: Record<string, unknown>) =>
    instance.userEvent(user, [type, payload], SYSTEM);
  const { email, phone } = user;
  if (person.email && !(person.email === email.address && email.isVerified)) {
    user.email = { address: person.email, isVerified: person.isEmailVerified };
    say('user.human.email.changed', { email: person.email });
  }
  const number = person.phone ? normalizedPhone(person.phone) : '';
  if (number && !(number === phone?.number && phone.isVerified)) {
    user.phone = { number, isVerified: person.isPhoneVerified };
    say('user.human.phone.changed', { phone: number });
  }
  user.profile = {
    ...user.profile,
    givenName: person.firstName,
    familyName: person.lastName,
    nickName: person.nickName,
    displayName: person.displayName,
    preferredLanguage: person.preferredLanguage,
  };
  say('user.human.profile.changed', { firstName: person.firstName, lastName: person.lastName });
  const link = user.links.find(({ idpId, userId }) => idpId === person.idpId && userId === person.externalId);
  if (link) link.userName = person.preferredUsername;
}
