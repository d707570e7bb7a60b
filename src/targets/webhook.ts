/** What a target tells us by itself: read from its webhook, or read again from its list of events. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Secret } from '../settings.ts';

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
    | {
        readonly kind: 'user';
        readonly targetUserId: string;
        /** `password`: which one is not to be read again, so that it is remembered that there is another one. */
        readonly change: 'changed' | 'password' | 'removed';
        /** The target's user who did it: what we have done there ourselves comes back to us. */
        readonly editor?: string;
        /** The hash of the new password, where the target tells it; never logged. */
        readonly hash?: Secret;
        /** The new password itself, where the target shows it; never logged. */
        readonly password?: Secret;
      }
    | { readonly kind: 'nothing-of-ours' };
  /** By the target's clock. */
  readonly at: Date;
}

export interface TargetWebhook {
  /**
   * Constant-time; before anything is parsed. `url` is what was asked for, with its query. Throws unauthorized, bad_signature,
   * bad_request, target_unavailable where the target has to be asked who called.
   */
  read(headers: IncomingHttpHeaders, body: Buffer, url?: URL): TargetEvent | Promise<TargetEvent>;
  /** Where events can be read again: a page (the first is 1) of those since then, oldest first. Throws target_unavailable, target_refused. */
  replay?(
    since: Date,
    page: number,
  ): Promise<{ readonly events: readonly TargetEvent[]; readonly isLast: boolean }>;
  close(): Promise<void>;
}
