/** Passwords: what may be stored, and what opens what was. */
import { randomBytes, scryptSync } from 'node:crypto';
import type { HashedPasswordJson, PasswordJson } from '@zitadel/proto/zitadel/user/v2/password_pb.js';
import { refusalOf, verify } from '../../../example/demo/passwap.ts';
import { ApiError, invalid, precondition } from './errors.ts';
import type { Actor, Instance, User } from './instance.ts';
import { assertComplexity } from './policies.ts';

/** In passwap's notation, at its lowest costs: the stand-in's own hasher has to be fast, not good. */
function hashed(password: string): string {
  const salt = randomBytes(16);
  const bare = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  const key = scryptSync(password, salt, 32, { N: 2 ** 14, r: 8, p: 1 });
  return `$scrypt$ln=14,r=8,p=1$${bare(salt)}$${bare(key)}`;
}

/** What an import does with a password, before anything of the user is stored. */
export async function newPassword(
  instance: Instance,
  organization: string,
  given: { readonly password?: PasswordJson; readonly hashedPassword?: HashedPasswordJson },
): Promise<User['password']> {
  const { password, hashedPassword } = given;
  const changedAt = instance.time;
  if (hashedPassword?.hash) {
    const refusal = refusalOf(hashedPassword.hash);
    if (refusal) throw invalid(refusal.code, 'Errors.User.Password.NotSupported');
    return { hash: hashedPassword.hash, changeRequired: hashedPassword.changeRequired ?? false, changedAt };
  }
  if (!password?.password) return undefined;
  assertComplexity(instance.policiesOf(organization), password.password);
  return { hash: hashed(password.password), changeRequired: password.changeRequired ?? false, changedAt };
}

/** Whether a password opens the user's hash, as passwap verifies it. */
export async function opens(user: User, password: string): Promise<boolean> {
  return user.password !== undefined && (await verify(user.password.hash, password));
}

/** A password typed at a login: throws for a wrong one, and counts it, and locks. */
export async function checkPassword(instance: Instance, user: User, password: string): Promise<void> {
  const actor = SYSTEM;
  if (user.state === 'USER_STATE_LOCKED') throw precondition('COMMAND-JLK35', 'Errors.User.Locked');
  if (user.state !== 'USER_STATE_ACTIVE') throw precondition('COMMAND-3n77z', 'Errors.User.NotActive');
  if (!user.password) throw precondition('COMMAND-3nJ4t', 'Errors.User.Password.NotSet');
  if (await opens(user, password)) {
    user.failedPasswords = 0;
    instance.userEvent(user, ['user.human.password.check.succeeded'], actor);
    rehash(instance, user, password);
    return;
  }
  user.failedPasswords++;
  instance.userEvent(user, ['user.human.password.check.failed'], actor);
  const { maxPasswordAttempts } = instance.policiesOf(user.organization).lockout;
  if (maxPasswordAttempts && user.failedPasswords >= maxPasswordAttempts) {
    user.state = 'USER_STATE_LOCKED';
    instance.userEvent(user, ['user.locked'], actor);
  }
  throw new ApiError(3, ['COMMAND-3M0fs', 'Errors.User.Password.Invalid'], {
    failedAttempts: user.failedPasswords,
  });
}

/** What was hashed by others becomes ZITADEL's own at the first login. */
function rehash(instance: Instance, user: User, password: string): void {
  if (!instance.rehashes || !user.password || user.password.hash.startsWith('$scrypt$ln=14,r=8,p=1$')) return;
  user.password.hash = hashed(password);
  instance.userEvent(user, ['user.human.password.hash.updated', { encodedHash: user.password.hash }], SYSTEM);
}

/** Who does what nobody asked for. */
export const SYSTEM: Actor = { userId: 'SYSTEM', organization: '', roles: [] };

/** Sets the password of a user who is there; a verification code or the current one may be asked for before. */
export async function setPassword(
  instance: Instance,
  user: User,
  given: Parameters<typeof newPassword>[2] & { readonly actor: Actor },
): Promise<void> {
  if (user.state === 'USER_STATE_INITIAL') throw precondition('COMMAND-M9dse', 'Errors.User.NotInitialised');
  const password = await newPassword(instance, user.organization, given);
  if (!password) throw invalid('COMMAND-3klek4sbns', 'Errors.User.Password.Empty');
  user.password = password;
  user.failedPasswords = 0;
  const payload = { encodedHash: password.hash, changeRequired: password.changeRequired };
  instance.userEvent(user, ['user.human.password.changed', payload], given.actor);
}
