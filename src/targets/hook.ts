/**
 * What a target calls at us while it works: its own messages on one side, what they mean on the other. A kind of target
 * declares its hooks; `migration/hooks/hooks-routes.ts` takes the calls, `migration/hooks/at-login.ts` does what they ask for.
 */

import type { Secret } from '../settings.ts';
import type { TargetConnection, TargetUser } from './connection.ts';
import type { TargetEvent } from './webhook.ts';

export type HookCall =
  /** Somebody came back from a login at us; the target is about to make or to find a user. */
  | {
      readonly kind: 'returned';
      readonly sub: string;
      readonly targetUserId?: string;
      /** The identity provider's id at the target: nobody's business but ours if it is ours. */
      readonly identityProvider?: string;
      /** Ours, from the login. */
      readonly ticket?: string;
    }
  /** A user was made, or linked to our subject. `sub` where the target says it. */
  | {
      readonly kind: 'linked';
      readonly targetUserId: string;
      readonly sub?: string;
      readonly identityProvider?: string;
    }
  | {
      readonly kind: 'unlinked';
      readonly targetUserId: string;
      readonly sub?: string;
      readonly identityProvider?: string;
    }
  /** The target itself has found a password right. */
  | { readonly kind: 'logged-in'; readonly targetUserId: string }
  /** A password was typed at the target, which waits for our word. */
  | {
      readonly kind: 'typed';
      readonly password: string;
      readonly targetUserId?: string;
      readonly login?: string;
      readonly organization?: string;
      /** The session at the target that it was typed into, where only that is told. */
      readonly targetSessionId?: string;
      /** Where it was typed, if the target tells: an address. */
      readonly network?: string;
    }
  /** A new password was set at the target: the legacy one is no longer the person's. */
  | { readonly kind: 'password-set'; readonly targetUserId: string; readonly editor?: string }
  /** Somebody is looked for at the target. Nothing is ever created for that. */
  | { readonly kind: 'lookup'; readonly login: string; readonly found: boolean }
  | {
      readonly kind: 'deactivated' | 'reactivated' | 'removed';
      readonly targetUserId: string;
      /** The target's user who did it: what we did there ourselves comes back to us. */
      readonly editor?: string;
    }
  /** A session at the target has a person now. Where the target does not say who, it is asked. */
  | {
      readonly kind: 'session-started';
      readonly targetSessionId: string;
      readonly targetUserId?: string;
      /** Seconds since the epoch. Absent: somebody has said this name, and proved nothing yet. */
      readonly provedAt?: number;
      readonly editor?: string;
    }
  /** A session at the target has ended; `targetUserId` where it says so: all of that person's, if no session is named. */
  | {
      readonly kind: 'session-ended';
      readonly targetSessionId?: string;
      readonly targetUserId?: string;
      readonly editor?: string;
    }
  /** Somebody with this ticket is at the target, which asks what to call them. */
  | { readonly kind: 'announced'; readonly ticket: string }
  /** Anybody says so: worth a look, and believed only as far as the ledger and the target say the same. */
  | { readonly kind: 'hinted'; readonly targetUserId: string; readonly sub: string }
  /** Something of a user's that is of interest to sync alone: `TargetHook.event` says what. */
  | { readonly kind: 'changed' }
  /** Nothing to do with us. */
  | { readonly kind: 'ignored' };

export type HookResult =
  | { readonly kind: 'go-on' }
  /** With what the target is to know of the person, for hooks that rewrite the target's message. */
  | { readonly kind: 'go-on-with'; readonly user: TargetUser }
  | {
      readonly kind: 'refused';
      readonly reason: 'wrong-password' | 'legacy-down' | 'throttled' | 'disabled';
      readonly retryAfterSeconds?: number;
    };

export interface HookAnswer {
  readonly status: number;
  /** JSON. */
  readonly body: unknown;
}

export interface TargetHook {
  /** In the path: `/hooks/<kind>/<target>/<name>`. */
  readonly name: string;
  readonly summary: string;
  /** Its calls carry no signature: it may only read what anybody may say, `announced` and `hinted`. */
  readonly isUnsigned?: true;
  /** What the message means; `payload` is the JSON after signature and encryption are off. Throws bad_request. */
  read(payload: unknown): HookCall;
  /**
   * What sync is to hear of the message, whatever else it means; undefined: nothing. Where it does not name the user, the
   * target is asked. Throws bad_request, target_unavailable.
   */
  event?(
    payload: unknown,
    connection: Pick<TargetConnection, 'userIdByGrant'> | undefined,
  ): Promise<TargetEvent | undefined>;
  /** The answer in the target's words; `payload` is the same message again, undefined if it could not be opened. */
  answer(payload: unknown, result: HookResult): HookAnswer;
}

/** What opens the bodies of a target's calls. */
export interface PayloadDeps {
  /** Private JWKs as JSON, for what the target encrypts to this hook; newest first. */
  readonly decryptionKeys: (hook: string) => Promise<readonly Secret[]>;
  /** Seconds since the epoch. */
  readonly nowSeconds: () => number;
}

/**
 * Takes encryption and the target's own signature off a body whose HMAC is proved already; the JSON in it. Throws
 * bad_request, bad_signature, target_unavailable (its public keys cannot be had).
 */
export type OpenPayload = (hook: string, body: Uint8Array) => Promise<unknown>;
