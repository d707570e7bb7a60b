/** A row of the table `legacy_sessions`, and what a session is found by in it. */
import type { Keyring } from '../store/encryption.ts';

export interface LegacySessionRow {
  readonly id: Buffer;
  readonly app: string;
  readonly sub: string;
  /** The provider's session, as `oidc_records.uid`. */
  readonly opSession: Buffer | null;
  readonly origin: 'created' | 'recognised';
  /** Sealed. */
  readonly handle: string | null;
  readonly authTime: Date | null;
  readonly amr: readonly string[];
  readonly createdAt: Date;
  readonly seenAt: Date;
  readonly checkedAt: Date;
  readonly expiresAt: Date;
  readonly attempts: number;
  readonly problem: string | null;
  readonly endedAt: Date | null;
  /** When the app itself said that it is over. */
  readonly overAt: Date | null;
  /** How long ago that is, by our database's clock. */
  readonly overForMs: number | null;
  /** How many further ones of ours live by it. */
  readonly sharedWith: number;
}

/** What is known of a session when it is written down. Times are seconds since the epoch. */
export interface NewLegacySession {
  readonly app: string;
  readonly sub: string;
  readonly origin: 'created' | 'recognised';
  readonly handle?: string;
  readonly authTime?: number;
  readonly amr: readonly string[];
  readonly expiresAt: number;
  /** When the app was asked that knows of it, by `performance.now()`. */
  readonly askedMs?: number;
  /** Why there is none. */
  readonly problem?: string;
  /** How it is written down already: under an older master key it has another id than it would get now. */
  readonly id?: Buffer;
}

/** What an app says has been on its way meanwhile, and its answer may be older than the end that it has confirmed since. */
const ON_ITS_WAY_MS = 25;
export const sinceAskedMs = (askedMs: number): number => performance.now() - askedMs + ON_ITS_WAY_MS;

/** To whom a new session belongs: the provider's, or the login that will begin one. */
export type Owner = { readonly opSession: Buffer } | { readonly login: Buffer };

const PURPOSE = 'legacy-session';

/** All ids that a session may have been written down under: one per master key. The first is the one to write. */
export const idsOf = (keyring: Keyring, app: string, handle: string): Buffer[] =>
  keyring.macs(PURPOSE, app, handle);
export const openHandle = (keyring: Keyring, app: string, sealed: string): string | undefined =>
  keyring.open(PURPOSE, sealed, app)?.toString();
export const sealHandle = (keyring: Keyring, app: string, handle: string): string =>
  keyring.seal(PURPOSE, handle, app);

/** A session that an app made when the browser came by (hand-over), and how the app calls it. */
export interface RedeemedSession {
  readonly app: string;
  readonly sub: string;
  readonly login: { readonly authTime: number };
  readonly session: string;
  /** Seconds since the epoch. */
  readonly expiresAt?: number;
}
