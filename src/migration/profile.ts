/** Who somebody is and where they stand, without any secret. */
import { FootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { Queryable } from '../store/db.ts';
import type { NeededClaim, Target } from '../targets/target.ts';
import type { User } from '../user.ts';
import type { LedgerRow } from './ledger.ts';
import { find } from './ledger.ts';
import type { ProfileAnswer } from './schemas.ts';

/** What a user is called at the target; never empty. */
export function usernameOf({ username, email, sub }: User): string {
  return username || email || sub;
}

/** The user as OpenID Connect claims (Core 1.0 section 5.1): absent rather than null, real booleans. */
export function profileClaims(user: User): Record<string, unknown> {
  const claims = {
    ...user.attributes,
    name: user.name,
    given_name: user.givenName,
    family_name: user.familyName,
    nickname: user.nickname,
    preferred_username: usernameOf(user),
    picture: user.picture,
    zoneinfo: user.zoneinfo,
    locale: user.locale,
    updated_at: user.updatedAt,
    email: user.email,
    email_verified: user.email === undefined ? undefined : user.emailVerified,
    phone_number: user.phoneNumber,
    phone_number_verified: user.phoneNumber === undefined ? undefined : user.phoneNumberVerified,
  };
  return Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== undefined && value !== null),
  );
}

/** The claims that the target cannot do without and the user does not have. */
export function missingClaims(profile: Readonly<Record<string, unknown>>, { needs }: Target): NeededClaim[] {
  return needs.filter((claim) => !profile[claim]);
}

export interface ProfileDeps {
  readonly db: Queryable;
  readonly directory: Directory;
}

/** Throws user_not_found, legacy_unavailable, storage_unavailable. */
export async function profileBySub(deps: ProfileDeps, target: Target, sub: string): Promise<ProfileAnswer> {
  const [user, row] = await Promise.all([deps.directory.userBySub(sub), find(deps.db, target.name, sub)]);
  if (!user) throw new FootbridgeError('user_not_found');
  return profileAnswer(user, row, target);
}

/** By what the person types to log in. Throws user_ambiguous besides. */
export async function profileByLogin(
  deps: ProfileDeps,
  target: Target,
  login: string,
): Promise<ProfileAnswer> {
  const entry = await deps.directory.findByLogin(login);
  if (!entry) throw new FootbridgeError('user_not_found');
  return profileAnswer(entry.user, await find(deps.db, target.name, entry.user.sub), target);
}

function profileAnswer(user: User, row: LedgerRow | undefined, target: Target): ProfileAnswer {
  const profile = profileClaims(user);
  return {
    sub: user.sub,
    userState: user.state,
    profile,
    missing: missingClaims(profile, target),
    roles: [...user.roles],
    ...(user.groups ? { groups: [...user.groups] } : {}),
    ...(user.metadata ? { metadata: { ...user.metadata } } : {}),
    state: row?.state ?? 'legacy',
    ...(row?.targetUserId ? { targetUserId: row.targetUserId } : {}),
    ...(row?.provedAt ? { provedAt: row.provedAt.toISOString() } : {}),
  };
}
