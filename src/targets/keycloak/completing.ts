/** What a user at Keycloak lacks, and what of their profile is to be another. */
import type { FoundUser, ProfileField, TargetUser } from '../connection.ts';
import type { Importing } from './import.ts';
import { KeycloakError } from './keycloak-error.ts';
import type { Comparison, Kept, UserRepresentation } from './representation.ts';
import {
  attributesOf,
  compare,
  federatedIdentity,
  foundUserOf,
  hasPassword,
  isThere,
  linksOf,
  passwordCredential,
  totpCredential,
} from './representation.ts';
import { grantRoles } from './roles.ts';
import { userPath } from './users.ts';

/** Throws KeycloakError, as the other one. */
export async function complete(
  work: Importing,
  { targetUserId }: FoundUser,
  user: TargetUser,
): Promise<Comparison> {
  const { api, users, alias } = work;
  const path = userPath(targetUserId);
  const before = await users.byId(targetUserId);
  if (!before) throw gone();
  const changes = changesFor(before, user);
  if (changes) await api.call('PUT', path, { body: changes });
  for (const link of linksOf(user, alias)) {
    if (isThere(link, foundUserOf(before).links)) continue;
    const at = `${path}/federated-identity/${encodeURIComponent(link.idpId)}`;
    await api.call('POST', at, { body: federatedIdentity(link) }).catch((error) => {
      // Linked to another account of that provider: what is missing is told below.
      if (!(error instanceof KeycloakError) || error.status !== 409) throw error;
    });
  }
  const after = (await users.byId(targetUserId)) ?? before;
  const { stored, missing } = compare(user, after, alias);
  const had = compare(user, before, alias).stored;
  const ungranted = await grantRoles(work, path, user.grants);
  return {
    stored: [
      ...stored.filter((what) => !had.includes(what)),
      ...(user.grants.length > 0 && ungranted.length === 0 ? (['grants'] as const) : []),
    ],
    missing: [...missing, ...ungranted],
  };
}

const gone = () => new KeycloakError({ status: 404, message: 'the user is not there any more' });

/**
 * Undefined where nothing is lacking. With attributes, Keycloak takes a user for told completely and empties every field
 * that is not sent: so all of them are.
 */
function changesFor(kept: Kept, user: TargetUser): UserRepresentation | undefined {
  const { attributes = {}, ...there } = kept.user;
  const lacking = Object.entries(attributesOf(user)).filter(([name, [value]]) =>
    name in user.metadata ? attributes[name]?.[0] !== value : !(name in attributes),
  );
  const email = there.email === undefined && user.email;
  const credentials = [
    ...(user.password && !hasPassword(kept) ? [passwordCredential(user.password)] : []),
    ...(user.totpSecret && !there.totp ? [totpCredential(user.totpSecret)] : []),
  ];
  const isComplete = there.firstName && there.lastName && !email;
  if (lacking.length === 0 && credentials.length === 0 && isComplete) return undefined;
  return {
    ...there,
    firstName: there.firstName || user.givenName,
    lastName: there.lastName || user.familyName,
    ...(email && { email: email.address, emailVerified: email.isVerified }),
    attributes: { ...attributes, ...Object.fromEntries(lacking) },
    ...(credentials.length > 0 && { credentials }),
  };
}

/** The attributes that hold a field; Keycloak has no display name of its own, and whoever wants one puts the names together. */
const ATTRIBUTES: Readonly<Partial<Record<ProfileField, readonly string[]>>> = {
  locale: ['locale'],
  nickname: ['nickname'],
  phone: ['phoneNumber', 'phoneNumberVerified'],
};

/**
 * Writes these fields over what is there. An attribute that the realm's user profile does not know is dropped without a
 * word: that is an error here, for whoever compares would find the same difference again and again.
 */
export async function update(
  { api, users }: Pick<Importing, 'api' | 'users'>,
  user: TargetUser,
  { id, fields }: { readonly id: string; readonly fields: readonly ProfileField[] },
): Promise<void> {
  const path = userPath(id);
  const kept = await users.byId(id);
  if (!kept) throw gone();
  const names = fields.flatMap((field) => ATTRIBUTES[field] ?? []);
  const all: Readonly<Record<string, readonly string[]>> = attributesOf(user);
  const wanted = names.flatMap((name) => (all[name] ? [[name, all[name]] as const] : []));
  const others = Object.entries(kept.user.attributes ?? {}).filter(([name]) => !names.includes(name));
  const { email, emailVerified, ...there } = kept.user;
  const address = fields.includes('email') ? emailOf(user) : { email, emailVerified };
  await api.call('PUT', path, {
    body: {
      ...there,
      ...address,
      ...(fields.includes('username') && { username: user.username }),
      ...(fields.includes('givenName') && { firstName: user.givenName }),
      ...(fields.includes('familyName') && { lastName: user.familyName }),
      attributes: Object.fromEntries([...others, ...wanted]),
    },
  });
  if (wanted.length === 0) return;
  const { document } = await api.call<UserRepresentation>('GET', path);
  if (wanted.every(([name, [value]]) => document.attributes?.[name]?.[0] === value)) return;
  throw new KeycloakError({
    status: 400,
    reason: 'attribute-not-kept',
    message: 'the realm keeps no such attribute',
  });
}

/** Left out, it is taken away. */
const emailOf = ({ email }: TargetUser) =>
  email ? { email: email.address, emailVerified: email.isVerified } : { emailVerified: false };
