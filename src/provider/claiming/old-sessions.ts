/** A session that began with the old login does not outlive it. */
import { standingOf } from '../../migration/claim-tokens/claiming.ts';
import { CLAIM_CLIENT } from '../own-clients.ts';
import type { ClaimingParts } from './claiming-options.ts';

/** Whether somebody with a session has to link their account before it opens this client. Throws legacy_unavailable, storage_unavailable. */
export type OldLoginIsOver = (sub: string, clientId: string) => Promise<boolean>;

/** Whoever has linked goes on: they could sign in at the target just as well. Without a rule that has ended, nothing is asked. */
export function oldSessions({ claimTokens, enforcement, claiming }: ClaimingParts): OldLoginIsOver {
  const { db, directory, targets } = claiming;
  const concerned = claimTokens.filter((one) => one.enforcement.length > 0).map(({ target }) => target);
  return async (sub, clientId) => {
    if (concerned.length === 0 || clientId === CLAIM_CLIENT) return false;
    const own = targets.byClient(clientId)?.name;
    const user = await directory.userBySub(sub);
    if (!user) return false;
    for (const target of concerned) {
      if (target === own) continue;
      const { kind } = await enforcement.standingOf(target, { user, credentials: { passwords: [] } });
      if (kind === 'refused' && (await standingOf(db, { target, sub })).kind === 'free') return true;
    }
    return false;
  };
}
