/** Whether somebody can log in at a target without us: plain logic over what the target says of its user. */
import type { FoundUser } from '../../targets/connection.ts';
import type { Link } from './wipes.ts';

export type LocalLogin = 'password' | 'passkey' | 'other-link';

/** A placeholder is no password: the target's folder says so in `hasPassword`. A second factor alone opens nothing. */
export function localLogins(found: FoundUser, ourIdps: ReadonlySet<string>): LocalLogin[] {
  return [
    ...(found.hasPassword ? (['password'] as const) : []),
    ...(found.hasPasskeys ? (['passkey'] as const) : []),
    ...(found.links.some(({ idpId }) => !ourIdps.has(idpId)) ? (['other-link'] as const) : []),
  ];
}

export interface LinkFate {
  readonly link: Link;
  /** Our link is there, and is to go. */
  readonly unlinks: boolean;
}

/** `found`: undefined where nobody is there. */
export function linkFate(
  found: FoundUser | undefined,
  { sub, ourIdps }: { readonly sub: string; readonly ourIdps: ReadonlySet<string> },
): LinkFate {
  if (!found || found.state === 'deleted') return { link: 'none', unlinks: false };
  if (localLogins(found, ourIdps).length === 0) return { link: 'kept', unlinks: false };
  return {
    link: 'local',
    unlinks: found.links.some(({ idpId, userId }) => ourIdps.has(idpId) && userId === sub),
  };
}
