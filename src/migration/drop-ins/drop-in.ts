/**
 * What a drop-in is: a password contract that somebody else has laid down and calls at us. The contract says its words,
 * the core does the rest, the same for all: who calls, the limits, the comparison, the ledger.
 *
 * A new contract is a file in `contracts/` that exports a `DropInContract`, a line in its `index.ts`, and a variant in
 * `drop-in-settings.ts`. Write down what the caller does with each status: an outage must never read as a wrong password.
 */
import type { z } from 'zod';
import type { ErrorCode } from '../../errors.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { TotpSecret, User } from '../../user.ts';
import type { DropInSettings } from './drop-in-settings.ts';

/** A call of a caller that has shown who it is. */
export interface DropInCall {
  /** As it came, percent-encoded. */
  readonly path: string;
  /** Empty for GET. */
  readonly body: Uint8Array;
  /** For what we gave the caller ourselves. */
  readonly keyring: Pick<Keyring, 'macs'>;
}

/** Somebody says that this is their password. */
export interface Claim {
  /** What was typed, or else the subject. */
  readonly who: { readonly login: string } | { readonly sub: string };
  readonly password: string;
  /** Where it was typed, if the caller tells: an address. */
  readonly address?: string;
}

/** People who are disabled, excluded or have left for good are `wrong`: no contract has a word for them. */
export type Verdict =
  | { readonly kind: 'right'; readonly user: User }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'throttled'; readonly waitSeconds: number };

export interface Answer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body: unknown;
}

/** Somebody who was looked up, before any proof. */
export interface Found {
  readonly kind: 'found';
  readonly user: User;
  /** Only where the settings hand them out. */
  readonly seeds: readonly TotpSecret[];
  /** Whether they have a second factor that is not in `seeds`. */
  readonly lacksFactor: boolean;
}

/** `withheld`: there is somebody, whom the caller is not to make a user of; `unknown`: there really is nobody. */
export type LookedUp = Found | { readonly kind: 'withheld' | 'unknown' };

interface CallDescription {
  /** With `:name`, the drop-in's. */
  readonly path: string;
  readonly summary: string;
  readonly request?: z.ZodType;
  readonly response: z.ZodType;
  /** Besides what every call may be answered. */
  readonly errors?: readonly ErrorCode[];
}

/** The caller has a password and wants to know whether it is right. */
export interface PasswordCall<S extends DropInSettings = DropInSettings> extends CallDescription {
  readonly asks: 'password';
  /** The path that is served besides, where there is one drop-in of this kind. */
  readonly alone?: string;
  /** Seconds: a caller that waits as long as Retry-After says must not keep a person waiting. */
  readonly maxRetryAfter?: number;
  /** Throws bad_request. */
  read(call: DropInCall, settings: S): Claim;
  /** May throw wrong_password, throttled, where the contract is ours. */
  answer(verdict: Verdict, settings: S): Answer;
}

/** The caller wants to know who somebody is, and may make them a user for it. */
export interface PersonCall<S extends DropInSettings = DropInSettings> extends CallDescription {
  readonly asks: 'person';
  readonly method: 'GET' | 'POST';
  /** Whom it asks about, as typed. Throws bad_request, insufficient_scope. */
  read(call: DropInCall, settings: S): string;
  /** Whether they are told about to whoever typed this. */
  fits(user: User, login: string, settings: S): boolean;
  /** May throw user_not_found, user_excluded, where the contract is ours. */
  answer(looked: LookedUp, settings: S): Answer;
}

/** `S`: the settings of its kind. */
export interface DropInContract<S extends DropInSettings = DropInSettings> {
  readonly kind: S['kind'];
  readonly calls: readonly (PasswordCall<S> | PersonCall<S>)[];
}
