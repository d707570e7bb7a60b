/** `zitadel.user.v2.UserService`: making users, finding them, changing them. Their factors are in `factors.ts`. */
import type { SetPasswordJson } from '@zitadel/proto/zitadel/user/v2/password_pb.js';
import type { UpdateHumanUserRequestJson } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import { UserService } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';
import { invalid, notFound, precondition } from './errors.ts';
import { removeGrant } from './grants.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { Instance, Organization, User } from './instance.ts';
import { addUser, assertDomain, assertEmail, assertUsernameFree, normalizedPhone } from './new-user.ts';
import { checkPassword, setPassword } from './passwords.ts';
import { inOrder, listDetails, matches, page, shownUser, userById } from './user-answers.ts';

export function organizationOf(instance: Instance, id: string): Organization {
  const organization = instance.organizations.get(id);
  if (!organization) throw precondition('COMMAND-QXPGs', 'Errors.Org.NotFound');
  return organization;
}

const human = (call: Call, id = '', error = 'COMMAND-ugjs0upun6') => userById(call.instance, id, error);

export const userHandlers = handle(UserService, {
  async addHumanUser({ organization, ...given }, call) {
    const { instance, actor } = call;
    const byDomain = [...instance.organizations.values()].find(({ domains }) =>
      domains.includes(organization?.orgDomain ?? ''),
    );
    const wanted = organization?.orgId ?? byDomain?.id ?? call.organization;
    const { id } = organizationOf(instance, wanted);
    const user = await addUser(instance, { ...given, organization: id }, actor);
    return { userId: user.id, details: { ...instance.details(user), creationDate: user.createdAt } };
  },
  async createUser({ organizationId = '', userId, username, human: given }, call) {
    const { instance, actor } = call;
    if (!given) throw invalid('USER-stand1', 'Errors.User.NotSupportedByTheStandIn');
    const { id: organization } = organizationOf(instance, organizationId);
    const named = { ...(userId && { userId }), ...(username && { username }) };
    const user = await addUser(instance, { ...given, ...named, organization }, actor);
    return { id: user.id, creationDate: user.createdAt };
  },
  getUserByID({ userId }, call) {
    const user = userById(call.instance, userId);
    if (!call.may('user.read')) throw notFound('QUERY-Dfbg2', 'Errors.User.NotFound');
    return { details: call.instance.details(user), user: shownUser(call.instance, user) };
  },
  listUsers({ query, queries = [], sortingColumn }, { instance, may }) {
    // Who may not read users is not told so: they see none.
    const seen = may('user.read') ? instance.projected : [];
    const all = seen.filter((user) => queries.every((one) => matches(instance, user, one)));
    const result = page(inOrder(all, sortingColumn), query).map((user) => shownUser(instance, user));
    return { details: listDetails(instance, all.length), ...(sortingColumn && { sortingColumn }), result };
  },
  async updateHumanUser({ userId, ...change }, call) {
    const user = human(call, userId);
    await changeUser(call, user, change);
    return { details: call.instance.details(user) };
  },
  async updateUser({ userId, username, human: change }, call) {
    const user = human(call, userId);
    await changeUser(call, user, { ...(username && { username }), ...change } as UpdateHumanUserRequestJson);
    return { changeDate: user.changedAt };
  },
  async setEmail({ userId, email = '', isVerified }, call) {
    const user = human(call, userId, 'COMMAND-ieJ2e');
    await changeUser(call, user, { email: { email, ...(isVerified !== undefined && { isVerified }) } });
    return { details: call.instance.details(user) };
  },
  async setPhone({ userId, phone = '', isVerified }, call) {
    const user = human(call, userId, 'COMMAND-ieJ2e');
    await changeUser(call, user, { phone: { phone, ...(isVerified !== undefined && { isVerified }) } });
    return { details: call.instance.details(user) };
  },
  removePhone({ userId }, call) {
    const user = human(call, userId, 'COMMAND-ieJ2e');
    if (user.state === 'USER_STATE_INITIAL')
      throw precondition('COMMAND-uz0Uu', 'Errors.User.NotInitialised');
    delete user.phone;
    call.instance.userEvent(user, ['user.human.phone.removed'], call.actor);
    return { details: call.instance.details(user) };
  },
  /** Whoever it is mailed to: the code in the event is all that there is of it here. */
  passwordReset({ userId, sendLink, returnCode }, call) {
    const user = human(call, userId, 'COMMAND-SAF4f');
    if (user.state === 'USER_STATE_INITIAL')
      throw precondition('COMMAND-Sfe4g', 'Errors.User.NotInitialised');
    const isSms = sendLink?.notificationType === 'NOTIFICATION_TYPE_SMS';
    const payload = { notificationType: isSms ? 1 : 0, codeReturned: returnCode !== undefined };
    call.instance.userEvent(user, ['user.human.password.code.added', payload], call.actor);
    const details = call.instance.details(user);
    return returnCode === undefined ? { details } : { details, verificationCode: 'STAND1' };
  },
  async setPassword({ userId, newPassword, currentPassword }, call) {
    const user = human(call, userId, 'COMMAND-Dfgbg');
    if (currentPassword) await checkPassword(call.instance, user, currentPassword);
    await setPassword(call.instance, user, {
      ...(newPassword && { password: newPassword }),
      actor: call.actor,
    });
    return { details: call.instance.details(user) };
  },
  deactivateUser({ userId }, call) {
    const user = human(call, userId, 'COMMAND-5gp2p62iin');
    if (user.state === 'USER_STATE_INITIAL')
      throw precondition('COMMAND-gvx4kct9r2', 'Errors.User.CantDeactivateInitial');
    if (user.state === 'USER_STATE_INACTIVE')
      throw precondition('COMMAND-5gunjw0cd7', 'Errors.User.AlreadyInactive');
    return moved(call, user, ['USER_STATE_INACTIVE', 'user.deactivated']);
  },
  reactivateUser({ userId }, call) {
    const user = human(call, userId, 'COMMAND-9hy5kzbuk6');
    if (user.state !== 'USER_STATE_INACTIVE')
      throw precondition('COMMAND-s5qqcz97hf', 'Errors.User.NotInactive');
    return moved(call, user, ['USER_STATE_ACTIVE', 'user.reactivated']);
  },
  lockUser({ userId }, call) {
    const user = human(call, userId, 'COMMAND-450yxuqrh1');
    if (user.state !== 'USER_STATE_ACTIVE' && user.state !== 'USER_STATE_INITIAL')
      throw precondition('COMMAND-lgws8wtsqf', 'Errors.User.ShouldBeActiveOrInitial');
    return moved(call, user, ['USER_STATE_LOCKED', 'user.locked']);
  },
  unlockUser({ userId }, call) {
    const user = human(call, userId, 'COMMAND-x377t913pw');
    if (user.state !== 'USER_STATE_LOCKED') throw precondition('COMMAND-olb9vb0oca', 'Errors.User.NotLocked');
    user.failedPasswords = 0;
    return moved(call, user, ['USER_STATE_ACTIVE', 'user.unlocked']);
  },
  deleteUser({ userId }, call) {
    const user = human(call, userId, 'COMMAND-bd4ir1mblj');
    removeUser(call, user);
    return { details: call.instance.detailsHere(user.organization) };
  },
});

/** Takes a user away with all that hangs on them, their sessions' user included. */
export function removeUser({ instance, actor }: Call, user: User): void {
  instance.users.delete(user.id);
  const idpLinks = user.links.map(({ idpId, userId }) => ({ idpConfigId: idpId, userId }));
  instance.userEvent(user, ['user.removed', { userName: user.username, idpLinks }], actor);
  for (const grant of instance.grants.values())
    if (grant.userId === user.id) removeGrant(instance, grant, ['user.grant.cascade.removed', actor]);
}

export function moved({ instance, actor }: Call, user: User, [state, event]: [User['state'], string]) {
  user.state = state;
  instance.userEvent(user, [event], actor);
  return { details: instance.details(user) };
}

export async function changeUser(call: Call, user: User, change: UpdateHumanUserRequestJson): Promise<void> {
  const { instance, actor } = call;
  const say = (type: string, payload?: Record<string, unknown>) =>
    instance.userEvent(user, [type, payload], actor);
  const { username, profile, email, phone, password } = change;
  if (username && username !== user.username) {
    assertDomain(instance, user.organization, username);
    assertUsernameFree(instance, user.organization, username);
    const oldUserName = user.username;
    user.username = username;
    say('user.username.changed', { userName: username, oldUserName });
  }
  if (profile) {
    user.profile = { ...user.profile, ...profile };
    say('user.human.profile.changed', { firstName: profile.givenName, lastName: profile.familyName });
  }
  if (email) changeEmail(user, email, say);
  if (phone) changePhone(user, phone, say);
  if (password) await changePassword(call, user, password);
}

type Say = (type: string, payload?: Record<string, unknown>) => unknown;

function changeEmail(user: User, given: NonNullable<UpdateHumanUserRequestJson['email']>, say: Say): void {
  const address = given.email ?? '';
  assertEmail(address);
  const isOther = address !== user.email.address;
  const isVerified = given.isVerified === true || (!isOther && user.email.isVerified);
  const wasVerified = !isOther && user.email.isVerified;
  user.email = { address, isVerified };
  if (isOther) say('user.human.email.changed', { email: address });
  if (isVerified && !wasVerified) say('user.human.email.verified');
}

function changePhone(user: User, given: NonNullable<UpdateHumanUserRequestJson['phone']>, say: Say): void {
  const number = normalizedPhone(given.phone ?? '');
  const isOther = number !== user.phone?.number;
  user.phone = {
    number,
    isVerified: given.isVerified === true || (!isOther && user.phone?.isVerified === true),
  };
  if (isOther) say('user.human.phone.changed', { phone: number });
  if (given.isVerified) say('user.human.phone.verified');
}

async function changePassword(call: Call, user: User, given: SetPasswordJson): Promise<void> {
  if (given.currentPassword) await checkPassword(call.instance, user, given.currentPassword);
  await setPassword(call.instance, user, { ...given, actor: call.actor });
}
