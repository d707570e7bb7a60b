/**
 * Setting ourselves up at a target, in words that fit every target: what has to be there, how it is, how it is made,
 * and how it is taken away again. What is made is recorded in `resources.ts`. `run-setup.ts` goes through it.
 */
import type { Secret } from '../settings.ts';
import type { Queryable } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Resource } from './resources.ts';
import type { Target } from './target.ts';

/** How what a step makes is at the target. */
export type Present =
  | { readonly state: 'missing' }
  | { readonly state: 'same' }
  /** `differences`: one each, in words, without secrets. */
  | { readonly state: 'differs'; readonly differences: readonly string[] }
  /** Only a person can do it, and this is how. */
  | { readonly state: 'by-hand'; readonly todo: string };

/** One thing that has to be at the target. */
export interface Step {
  /** Stays the same from run to run. */
  readonly id: string;
  /** What it is: one sentence. */
  readonly what: string;
  /** Why it is needed, and why it is as it is. */
  readonly why: string;
  /** The steps that have to be done before. */
  readonly needs?: readonly string[];
  look(): Promise<Present>;
  /** Makes it, or makes it what it has to be, and records it. Doing it again changes nothing. */
  apply(): Promise<void>;
}

/** One thing of ours that is to go. */
export interface Undoing {
  readonly id: string;
  /** What is done: one sentence. */
  readonly what: string;
  /** Takes it away, or makes it what it was before us. Succeeds where it is gone already. Does not touch the record. */
  undo(): Promise<void>;
}

export type Verdict = 'ok' | 'warn' | 'wrong' | 'unknown';

export interface Finding {
  readonly verdict: Verdict;
  readonly sentence: string;
  /** What to do about it; may have several lines. */
  readonly todo?: string;
}

export interface Check {
  readonly id: string;
  /** What is looked at, in a few words. */
  readonly title: string;
  /** Changes nothing that stays. May throw what the target answered. */
  run(): Promise<Finding>;
}

/** A login that was tried: one entry per answer on the way. */
export interface Hop {
  readonly what: string;
  readonly isGood: boolean;
  readonly detail?: string;
}

/** The client of ours that belongs to the target. */
export interface OurClient {
  readonly clientId: string;
  readonly secret?: Secret | undefined;
  readonly authMethod: string;
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  readonly pkce: 'required' | 'optional';
}

export interface SetupDeps {
  readonly db: Queryable;
  readonly keyring: Keyring;
  /** The provider's issuer. */
  readonly issuer: string;
  /** Where the target's login is a client of ours. */
  readonly client?: OurClient | undefined;
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly nowMs?: () => number;
  /** Sync keeps the legacy store and this target equal, and is to hear of every change there. */
  readonly isSynced?: boolean;
}

export interface RotateOptions {
  /** How long what was signed with the key before is still taken. */
  readonly keepPreviousSeconds: number;
}

/** A target's API, opened to set us up there. All of it throws target_unavailable and target_refused. */
export interface Setup {
  /** In the order in which they are made. */
  steps(): Promise<readonly Step[]>;
  /** Of what is recorded, also of what is no longer a step. */
  undoing(resource: Resource): Undoing;
  checks(): readonly Check[];
  /** Replaces every key that a hook's calls are signed with or encrypted to; the hooks' names. */
  rotateKeys(options: RotateOptions): Promise<readonly string[]>;
  /** Where a login has to be allowed to come back to. */
  redirectUris(): Promise<readonly string[]>;
  /** Each makes a throw-away user with a kind of hash, logs in, and removes the user. */
  hashProofs?(): readonly Check[];
  /** A real login of a real person from end to end. `password` is never in what it says. */
  tryLogin?(login: { readonly username: string; readonly password: Secret }): Promise<readonly Hop[]>;
  close(): Promise<void>;
}

export type OpenSetup = (target: Target, deps: SetupDeps) => Setup;
