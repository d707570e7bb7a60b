/** `zitadel.user.v2.UserService`: links to identity providers, metadata, one-time codes, and which factors there are. */
import { randomBytes } from 'node:crypto';
import type { AuthenticationMethodTypeJson } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import { UserService } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import { invalid, notFound, precondition } from './errors.ts';
import { handle } from './handlers.ts';
import type { User } from './instance.ts';
import { assertIdp, assertLinkFree, assertMetadata, linkAdded, loginNames } from './new-user.ts';
import { checkTotp, toBase32 } from './totp.ts';
import { listDetails, matchesText, page, userById } from './user-answers.ts';

export const factorHandlers = handle(UserService, {
  addIDPLink({ userId, idpLink }, { instance, actor }) {
    const user = userById(instance, userId, 'COMMAND-rZsfgd');
    const { idpId = '', userId: externalId = '', userName = '' } = idpLink ?? {};
    assertIdp(instance, idpId);
    const link = { idpId, userId: externalId, userName };
    assertLinkFree(instance, link);
    user.links.push(link);
    instance.userEvent(user, linkAdded(link), actor);
    return { details: instance.details(user) };
  },
  listIDPLinks({ userId, query }, { instance }) {
    const user = instance.projected.find(({ id }) => id === userId);
    const result = page(user?.links ?? [], { asc: true, ...query });
    return { details: listDetails(instance, user?.links.length ?? 0), result };
  },
  removeIDPLink({ userId, idpId, linkedUserId }, { instance, actor }) {
    const user = userById(instance, userId, 'COMMAND-5N8dF');
    const at = user.links.findIndex((link) => link.idpId === idpId && link.userId === linkedUserId);
    if (at < 0) throw notFound('COMMAND-1M9xR', 'Errors.User.ExternalIDP.NotFound');
    user.links.splice(at, 1);
    instance.userEvent(
      user,
      ['user.human.externalidp.removed', { idpConfigId: idpId, userId: linkedUserId }],
      actor,
    );
    return { details: instance.details(user) };
  },
  setUserMetadata({ userId, metadata = [] }, { instance, actor }) {
    const user = userById(instance, userId, 'COMMAND-uXHNj');
    for (const { key, value } of metadata) assertMetadata(key, value);
    for (const { key = '', value = '' } of metadata) {
      user.metadata[key] = value;
      instance.userEvent(user, ['user.metadata.set', { key, value }], actor);
    }
    return { setDate: instance.time };
  },
  listUserMetadata({ userId, pagination, filters = [] }, { instance }) {
    const user = userById(instance, userId, 'USER-stand2');
    const fits = (key: string) =>
      filters.every(({ keyFilter }) =>
        matchesText(
          key,
          keyFilter?.key ?? '',
          keyFilter?.method?.replace('FILTER', 'QUERY') as 'TEXT_QUERY_METHOD_EQUALS',
        ),
      );
    const all = Object.entries(user.metadata).filter(([key]) => fits(key));
    const shown = page(all, { asc: true, ...pagination } as Parameters<typeof page>[1]);
    const metadata = shown.map(([key, value]) => ({
      key,
      value,
      creationDate: user.createdAt,
      changeDate: user.changedAt,
    }));
    return { pagination: { totalResult: String(all.length), appliedLimit: '100' }, metadata };
  },
  deleteUserMetadata({ userId, keys = [] }, { instance, actor }) {
    const user = userById(instance, userId, 'COMMAND-uXHNj');
    for (const key of keys) {
      if (!(key in user.metadata)) throw notFound('META-Fjaio', 'Errors.Metadata.NotFound');
      delete user.metadata[key];
      instance.userEvent(user, ['user.metadata.removed', { key }], actor);
    }
    return { deletionDate: instance.time };
  },
  registerTOTP({ userId }, { instance, actor }) {
    const user = userById(instance, userId, 'COMMAND-SqyJz');
    if (user.totp?.isReady) throw precondition('COMMAND-do9se', 'Errors.User.MFA.OTP.AlreadyReady');
    const secret = toBase32(randomBytes(20));
    user.totp = { secret, isReady: false, failed: 0 };
    instance.userEvent(user, ['user.human.mfa.otp.added', { otpSecret: {} }], actor);
    const label = encodeURIComponent(`ZITADEL:${loginNames(instance, user)[0] ?? user.username}`);
    return {
      details: instance.details(user),
      uri: `otpauth://totp/${label}?algorithm=SHA1&digits=6&issuer=ZITADEL&period=30&secret=${secret}`,
      secret,
    };
  },
  verifyTOTPRegistration({ userId, code = '' }, { instance, actor }) {
    const user = userById(instance, userId, 'COMMAND-3Mif9s');
    if (!user.totp) throw notFound('COMMAND-3Mif9s', 'Errors.User.MFA.OTP.NotExisting');
    if (user.totp.isReady) throw precondition('COMMAND-qx4ls', 'Errors.Users.MFA.OTP.AlreadyReady');
    if (!checkTotp(user.totp.secret, code, instance.now()))
      throw invalid('EVENT-8isk2', 'Errors.User.MFA.OTP.InvalidCode');
    user.totp.isReady = true;
    instance.userEvent(user, ['user.human.mfa.otp.verified', { userAgentID: '' }], actor);
    return { details: instance.details(user) };
  },
  removeTOTP({ userId }, { instance, actor }) {
    const user = userById(instance, userId, 'COMMAND-5M0sd');
    if (!user.totp) throw notFound('COMMAND-Hd9sd', 'Errors.User.MFA.OTP.NotExisting');
    delete user.totp;
    instance.userEvent(user, ['user.human.mfa.otp.removed'], actor);
    return { details: instance.details(user) };
  },
  listAuthenticationMethodTypes({ userId }, { instance }) {
    const user = instance.users.get(userId ?? '');
    const authMethodTypes = user ? methodsOf(user) : [];
    return { details: listDetails(instance, authMethodTypes.length), authMethodTypes };
  },
  listAuthenticationFactors({ userId }, { instance }) {
    const user = userById(instance, userId, 'QUERY-stand3');
    const state = user.totp?.isReady
      ? ('AUTH_FACTOR_STATE_READY' as const)
      : ('AUTH_FACTOR_STATE_NOT_READY' as const);
    return { result: user.totp ? [{ state, otp: {} }] : [] };
  },
});

function methodsOf(user: User): AuthenticationMethodTypeJson[] {
  return [
    ...(user.password ? (['AUTHENTICATION_METHOD_TYPE_PASSWORD'] as const) : []),
    ...(user.links.length ? (['AUTHENTICATION_METHOD_TYPE_IDP'] as const) : []),
    ...(user.totp?.isReady ? (['AUTHENTICATION_METHOD_TYPE_TOTP'] as const) : []),
  ];
}
