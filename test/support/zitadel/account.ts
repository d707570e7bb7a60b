/**
 * People who change what is theirs in their own account (ZITADEL's console, or the pages of a login): everything is done by
 * themselves, so that the events name them as who did it.
 */
import type { UpdateHumanUserRequestJson } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import type { Call } from './handlers.ts';
import type { Instance, User } from './instance.ts';
import { addUser } from './new-user.ts';
import { setPassword } from './passwords.ts';
import { userById } from './user-answers.ts';
import { changeUser, removeUser } from './users-v2.ts';

/** Each throws ApiError for what ZITADEL would not take. */
export interface Account {
  changeProfile(profile: UpdateHumanUserRequestJson['profile']): Promise<void>;
  changeUsername(username: string): Promise<void>;
  /** Unverified, until `verifyEmail`. */
  changeEmail(address: string): Promise<void>;
  /** With the code that was mailed. */
  verifyEmail(): void;
  changePhone(number: string): Promise<void>;
  verifyPhone(): void;
  removePhone(): void;
  /** With the one before, or with a code that was mailed. */
  changePassword(password: string): Promise<void>;
  remove(): void;
}

export function accountOf(instance: Instance, userId: string): Account {
  const me = () => userById(instance, userId);
  const call = (user: User): Call => ({
    instance,
    actor: { userId, organization: user.organization, roles: [] },
    organization: user.organization,
    namesOrganization: false,
    may: () => false,
  });
  const change = async (what: UpdateHumanUserRequestJson) => changeUser(call(me()), me(), what);
  const say = (type: string) => instance.userEvent(me(), [type], call(me()).actor);
  return {
    changeProfile: (profile) => change({ ...(profile && { profile }) }),
    changeUsername: (username) => change({ username }),
    async changeEmail(email) {
      await change({ email: { email, sendCode: {} } });
      say('user.human.email.code.added');
    },
    verifyEmail() {
      me().email.isVerified = true;
      say('user.human.email.verified');
    },
    async changePhone(phone) {
      await change({ phone: { phone, sendCode: {} } });
      say('user.human.phone.code.added');
    },
    verifyPhone() {
      const { phone } = me();
      if (!phone) throw new Error('there is no number to verify');
      phone.isVerified = true;
      say('user.human.phone.verified');
    },
    removePhone() {
      delete me().phone;
      say('user.human.phone.removed');
    },
    changePassword: async (password) =>
      setPassword(instance, me(), { password: { password }, actor: call(me()).actor }),
    remove: () => removeUser(call(me()), me()),
  };
}

/** Somebody makes an account at the pages of Login V1. Their id. */
export async function registerSelf(
  instance: Instance,
  organization: string,
  given: {
    readonly username: string;
    readonly givenName: string;
    readonly familyName: string;
    readonly email: string;
    readonly password: string;
  },
): Promise<string> {
  const { username, givenName, familyName, email, password } = given;
  const userId = instance.newId();
  const user = await addUser(
    instance,
    {
      ...{ organization, userId, username, selfRegistered: true },
      profile: { givenName, familyName },
      email: { email, sendCode: {} },
      password: { password },
    },
    { userId, organization, roles: [] },
  );
  return user.id;
}
