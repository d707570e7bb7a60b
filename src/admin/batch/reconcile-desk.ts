/** What verifying and repairing need of the desk besides what every operation has. */
import { FootbridgeError } from '../../errors.ts';
import { connectionOf } from '../../migration/moving/back.ts';
import type { ReconcileDeps } from '../../migration/reconcile/deps.ts';
import type { ReconcileParts } from '../../migration/reconcile/parts.ts';
import { idpIdOf } from '../../targets/resources.ts';
import type { Desk } from '../operation.ts';

export function partsOf({ reconcile }: Desk): ReconcileParts {
  if (reconcile) return reconcile;
  throw new FootbridgeError('internal', { detail: 'the desk was opened without what reconciles' });
}

/** Throws not_found where no target is called so, target_without_api. */
export function reconcileDeps(desk: Desk, name: string): ReconcileDeps {
  const { db, keyring, directory, passwords, targets, audit } = desk;
  const { ledger, members, softwareVersion } = partsOf(desk);
  const target = targets.byName(name);
  if (!target) throw new FootbridgeError('not_found', { detail: `no target is called ${name}` });
  return {
    db,
    keyring,
    directory,
    passwords,
    target,
    connection: connectionOf({ targets }, name),
    ledger,
    members,
    ourIdp: (one) => idpIdOf(db, one),
    auditHead: async () => (await audit.verify()).head,
    softwareVersion,
  };
}

/** Throws bad_request where files are not for whoever asks. */
export function checkFiles({ files }: Desk, ...named: readonly (string | undefined)[]): void {
  if (files || named.every((name) => name === undefined)) return;
  throw new FootbridgeError('bad_request', { detail: 'Only the command line reads and writes files.' });
}
