/** Opens a target to set us up there. */
import { FootbridgeError } from '../../errors.ts';
import type { OurClient, Setup } from '../../targets/setup.ts';
import type { Target } from '../../targets/target.ts';
import type { Desk, SetupDesk } from '../operation.ts';

export interface OpenedSetup {
  readonly target: Target;
  readonly setup: Setup;
  readonly desk: SetupDesk;
  readonly client: OurClient | undefined;
}

/** Closes it afterwards. Throws not_found, target_without_api. */
export async function withSetup<T>(
  { db, keyring, targets, setup: desk }: Desk,
  name: string,
  work: (opened: OpenedSetup) => Promise<T>,
): Promise<T> {
  const target = targets.byName(name);
  if (!target) throw new FootbridgeError('not_found', { detail: `No target is called ${name}.` });
  if (!target.openSetup || !desk) throw new FootbridgeError('target_without_api', { detail: name });
  // The first with a redirect: a target may have another client that only fetches.
  const ours = desk.clients.filter(({ clientId }) => target.clientIds.includes(clientId));
  const client = ours.find(({ grantTypes }) => grantTypes.includes('authorization_code')) ?? ours[0];
  const isSynced = desk.synced?.includes(target.name) ?? false;
  const setup = target.openSetup(target, { db, keyring, issuer: desk.issuer, client, isSynced });
  try {
    return await work({ target, setup, desk, client });
  } finally {
    await setup.close();
  }
}
