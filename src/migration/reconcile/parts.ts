/** What whoever opens a reconciliation has to hand in from the rooms around it. */
import type { LedgerPages, MembersPage } from './deps.ts';

export interface ReconcileParts {
  readonly ledger: LedgerPages;
  readonly members: MembersPage;
  /** The target of a batch. Throws batch_not_found. */
  readonly targetOf: (batch: string) => Promise<string>;
  /** A compact JWS (RFC 7515), signed with the provider's current signing key. */
  readonly signReport: (payload: object) => Promise<string>;
  readonly softwareVersion: string;
}
