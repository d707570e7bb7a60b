/** What a target tells us by itself: read from its webhook, or read again from its list of events. */
import type { IncomingHttpHeaders } from 'node:http';

export interface TargetEvent {
  /** The target's; the same at every delivery. */
  readonly id: string;
  /** In the target's words. */
  readonly name: string;
  /** What it says: only these are acted upon, by reading again what is so now. */
  readonly about:
    | { readonly kind: 'memberships'; readonly targetOrganizationId: string }
    | { readonly kind: 'organization-connection'; readonly targetOrganizationId: string }
    | { readonly kind: 'person-connection'; readonly targetUserId: string }
    | { readonly kind: 'nothing-of-ours' };
  /** By the target's clock. */
  readonly at: Date;
}

export interface TargetWebhook {
  /** Constant-time; before anything is parsed. Throws bad_signature, bad_request. */
  read(headers: IncomingHttpHeaders, body: Buffer): TargetEvent;
  /** Where events can be read again: a page (the first is 1) of those since then, oldest first. Throws target_unavailable, target_refused. */
  replay?(
    since: Date,
    page: number,
  ): Promise<{ readonly events: readonly TargetEvent[]; readonly isLast: boolean }>;
  close(): Promise<void>;
}
