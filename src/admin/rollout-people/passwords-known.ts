/** What is known of somebody's newest password: by sync, which asks both sides, and else by what the target has told. */
import type { PasswordStanding } from '../../migration/phases/return-person.ts';
import { newestOf } from '../../store/audit-log.ts';
import { allPairs, HEARS, TAKES_TURNS } from '../../sync/pairs.ts';
import { passwordStateOf } from '../../sync/passwords/password-states.ts';
import type { Desk } from '../operation.ts';

export interface PasswordsKnown {
  standingOf(of: { readonly sub: string; readonly since: Date | null }): Promise<PasswordStanding>;
  /** The legacy store has a newer one that is not at the target yet. */
  lacks(sub: string): Promise<boolean>;
}

export async function openPasswordsKnown(desk: Desk, target: string): Promise<PasswordsKnown> {
  const { db, directory, targets } = desk;
  const pair = (await allPairs(db)).find((one) => one.target === target);
  const isHeard = pair !== undefined && HEARS.has(pair.state);
  const isTaken = pair !== undefined && TAKES_TURNS.has(pair.state);
  const isChecked = targets.connection(target)?.checkPassword !== undefined;
  const stateOf = (sub: string) => passwordStateOf(db, { target, sub });
  return {
    async standingOf({ sub, since }) {
      const known = isHeard ? await stateOf(sub) : undefined;
      if (known?.state === 'at-target')
        return isChecked && directory.applies(sub).password ? 'catchable' : 'lost';
      if (known && isTaken) return 'here';
      return (await wasSet(desk, { target, sub, since })) ? 'lost' : 'unknown';
    },
    lacks: async (sub) => isHeard && (await stateOf(sub))?.state === 'waits',
  };
}

async function wasSet(
  { db, keyring }: Desk,
  { target, sub, since }: { readonly target: string; readonly sub: string; readonly since: Date | null },
): Promise<boolean> {
  // Also as the log knew them under older master keys.
  const subjects = keyring.macs('audit-subject', sub);
  const newest = await newestOf(db, { action: 'target.password-set', target }, subjects);
  return [...newest.values()].some((at) => since === null || at > since);
}
