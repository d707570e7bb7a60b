/** The first version's user calls (`zitadel.management.v1.ManagementService`): import, metadata. */

import type { ImportHumanUserRequestJson } from '@zitadel/proto/zitadel/management_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import type { ObjectDetailsJson } from '@zitadel/proto/zitadel/object_pb.js';
import { notFound } from './errors.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { User } from './instance.ts';
import type { NewUser } from './new-user.ts';
import { addUser, assertMetadata } from './new-user.ts';
import { matchesText, page, userById, v1Details } from './user-answers.ts';
import { removeUser } from './users-v2.ts';

/** In the first version a user of another organization is nobody. */
function userHere({ instance, organization }: Call, id = '', error = 'COMMAND-M9dsd'): User {
  const user = userById(instance, id, error);
  if (user.organization !== organization) throw notFound(error, 'Errors.User.NotFound');
  return user;
}

/** The first version's message in the second's words. */
export function imported(given: ImportHumanUserRequestJson, organization: string): NewUser {
  const { profile = {}, email = {}, phone, hashedPassword, idps } = given;
  const { firstName = '', lastName = '', ...more } = profile;
  return {
    organization,
    mayBeInitial: true,
    username: given.userName ?? '',
    profile: { givenName: firstName, familyName: lastName, ...more } as NonNullable<NewUser['profile']>,
    email: { email: email.email ?? '', isVerified: email.isEmailVerified ?? false },
    ...(phone?.phone && { phone: { phone: phone.phone, isVerified: phone.isPhoneVerified ?? false } }),
    ...(given.password && {
      password: { password: given.password, changeRequired: given.passwordChangeRequired ?? false },
    }),
    ...(hashedPassword?.value && {
      hashedPassword: { hash: hashedPassword.value, changeRequired: given.passwordChangeRequired ?? false },
    }),
    ...(given.otpCode && { totpSecret: given.otpCode }),
    idpLinks: (idps ?? []).map(({ configId = '', externalUserId = '', displayName = '' }) => ({
      idpId: configId,
      userId: externalUserId,
      userName: displayName,
    })),
  };
}

const details = (user: User): ObjectDetailsJson => ({
  sequence: String(user.sequence),
  creationDate: user.createdAt,
  changeDate: user.changedAt,
  resourceOwner: user.organization,
});

export const userV1Handlers = handle(ManagementService, {
  async importHumanUser(given, { instance, organization, actor }) {
    const user = await addUser(instance, imported(given, organization), actor);
    return { userId: user.id, details: details(user) };
  },
  removeUser({ id }, call) {
    const user = userHere(call, id, 'COMMAND-m9od');
    removeUser(call, user);
    return { details: call.instance.detailsHere(user.organization) };
  },
  setUserMetadata({ id, key = '', value = '' }, call) {
    const user = userHere(call, id, 'META-uXHNj');
    assertMetadata(key, value);
    user.metadata[key] = value;
    call.instance.userEvent(user, ['user.metadata.set', { key, value }], call.actor);
    return { id: user.id, details: details(user) };
  },
  bulkSetUserMetadata({ id, metadata = [] }, call) {
    const user = userHere(call, id, 'META-uXHNj');
    for (const { key, value } of metadata) assertMetadata(key, value);
    for (const { key = '', value = '' } of metadata) {
      user.metadata[key] = value;
      call.instance.userEvent(user, ['user.metadata.set', { key, value }], call.actor);
    }
    return { details: details(user) };
  },
  listUserMetadata({ id, query, queries = [] }, call) {
    const user = userHere(call, id, 'QUERY-stand4');
    const all = Object.entries(user.metadata).filter(([key]) =>
      queries.every(({ keyQuery }) => matchesText(key, keyQuery?.key ?? '', keyQuery?.method)),
    );
    const result = page(all, { asc: true, ...query }).map(([key, value]) => ({
      key,
      value,
      details: details(user),
    }));
    return { details: v1Details(call.instance, all.length), result };
  },
  getUserMetadata({ id, key = '' }, call) {
    const user = userHere(call, id, 'QUERY-stand4');
    const value = user.metadata[key];
    if (value === undefined) throw notFound('QUERY-Rgh32', 'Errors.Metadata.NotFound');
    return { metadata: { key, value, details: details(user) } };
  },
  removeUserMetadata({ id, key = '' }, call) {
    const user = userHere(call, id, 'META-uXHNj');
    if (!(key in user.metadata)) throw notFound('META-Fjaio', 'Errors.Metadata.NotFound');
    delete user.metadata[key];
    call.instance.userEvent(user, ['user.metadata.removed', { key }], call.actor);
    return { details: details(user) };
  },
});
