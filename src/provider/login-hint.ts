/** Whether a login_hint (OpenID Connect Core section 3.1.2.1) means this user: any identifier they may type, or the sub. */
import type { User } from '../user.ts';

/** One case mapping, done once, in one place (security.md A7). */
export const foldIdentifier = (text: string): string => text.normalize('NFC').trim().toLowerCase();

export function isSamePerson(user: User, hint: string): boolean {
  const wanted = foldIdentifier(hint);
  return [user.sub, user.username, user.email, user.phoneNumber].some(
    (known) => known !== undefined && foldIdentifier(known) === wanted,
  );
}
