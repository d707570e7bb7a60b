/**
 * What an operator can do, defined once and reached from the command line, the HTTP API and the console. An operation
 * with `changes: true` is a dry run unless told to execute.
 */
import type { z } from 'zod';
import type { SettingNode } from '../config-sources.ts';
import type { Passwords } from '../credentials/passwords.ts';
import type { Directory } from '../legacy/directory.ts';
import type { Mailer } from '../mail/mailer.ts';
import type { Batches } from '../migration/batch/batches.ts';
import type { BatchEngine } from '../migration/batch/engine.ts';
import type { ClaimTokenSettings } from '../migration/claim-tokens/claim-settings.ts';
import type { Mover } from '../migration/moving/mover.ts';
import type { ReconcileParts } from '../migration/reconcile/parts.ts';
import type { Health } from '../observability/health.ts';
import type { SessionLifetimes } from '../provider/session-lives.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { Endings } from '../sessions/ending/ending.ts';
import type { AuditLog } from '../store/audit-log.ts';
import type { Db } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { SchemaStatus } from '../store/schema.ts';
import type { ChangeQueue } from '../sync/queue/change-queue.ts';
import type { SyncSettings } from '../sync/sync-settings.ts';
import type { OurClient } from '../targets/setup.ts';
import type { Targets } from '../targets/target.ts';

/** Each may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What operations work with. */
export interface Desk {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly audit: AuditLog;
  /** Dangerous operations wait for a second pair of eyes. */
  readonly fourEyes?: boolean;
  /** Who goes when; absent in tests of what has nothing to do with it. */
  readonly rollout?: Rollout;
  /** The provider's clients and the legacy apps that a plan may name, by their names there. */
  readonly appNames?: readonly string[];
  readonly directory: Directory;
  readonly passwords: Pick<Passwords, 'examine' | 'translate' | 'rehash' | 'identify'>;
  readonly targets: Targets;
  readonly mover: Mover;
  readonly batches: Batches;
  readonly batchEngine: BatchEngine;
  /** Undefined: only targets write to people. */
  readonly mailer?: Mailer | undefined;
  readonly endings: Endings;
  /** Who may link their own accounts, and from when on they have to. */
  readonly claimTokens: readonly ClaimTokenSettings[];
  /** The provider's issuer: links of ours begin with it. */
  readonly issuer: string;
  /** Under which browsers reach the console. */
  readonly consoleOrigin?: string;
  /** Of the provider's sessions. */
  readonly lifetimes: SessionLifetimes;
  /** How the directory is set up, as plain data. */
  readonly legacySettings: unknown;
  readonly schema: () => Promise<SchemaStatus>;
  readonly keyCacheSeconds: number;
  readonly keepKeysSeconds: number;
  /** Who is at the desk, for the audit log. */
  readonly actor: string;
  /** What they may do; absent where nobody asked (`perform` says it): they may decide nothing for others. */
  readonly role?: Role;
  /** What comparing both sides needs. */
  readonly reconcile?: ReconcileParts;
  /** On the command line only: elsewhere no file is read or written. */
  readonly files?: true;
  /** What setting us up at a target needs. */
  readonly setup?: SetupDesk;
  /** What keeping both sides equal needs. */
  readonly sync?: SyncDesk;
  /** Every setting with where it comes from; undefined where they were not read from a file. */
  readonly settingsTree?: () => readonly SettingNode[] | undefined;
  /** As `/readyz` says it; on a server. */
  readonly health?: () => Promise<Health>;
}

export interface SyncDesk {
  readonly settings: SyncSettings;
  readonly queue: ChangeQueue;
  /** The legacy stores, and what stands before a primary key in their subjects. */
  readonly stores: readonly { readonly name: string; readonly prefix: string }[];
}

export interface SetupDesk {
  /** The provider's issuer. */
  readonly issuer: string;
  /** The clients of our provider. */
  readonly clients: readonly OurClient[];
  /** The targets that sync keeps equal with the legacy store. */
  readonly synced?: readonly string[];
  /** On the command line only: elsewhere no file is read or written. */
  readonly configFile?: string;
}

/** How far something long has come. */
export interface Progress {
  readonly users: number;
  /** Where it is known. */
  readonly total: number | undefined;
  /** Done by an earlier run that was cut off. */
  readonly continuedFrom: number;
  readonly perSecond: number;
  /** Those of `users` of whom nothing came. */
  readonly failed?: number;
  /** Still to come, where that is not what `total` leaves. */
  readonly waiting?: number;
  /** Why it is slow or stands still; `until` is ISO 8601. */
  readonly note?: { readonly code: string; readonly sentence: string; readonly until?: string };
}

export interface RunOptions {
  /** Operations that change nothing do not look at it. */
  readonly execute: boolean;
  /** On the command line only. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Somebody has pressed Ctrl-C: what runs long ends as soon as it may. */
  readonly signal?: AbortSignal | undefined;
}

export interface Operation<Input extends z.ZodObject = z.ZodObject, Output = unknown> {
  /** Two words, as on the command line: `user show`. */
  readonly name: string;
  readonly summary: string;
  readonly input: Input;
  /** Names of input fields given by position on the command line. */
  readonly positional?: readonly (keyof z.output<Input> & string)[];
  readonly changes: boolean;
  /** Who may do it; who only looks may do what changes nothing, operators the rest. */
  readonly role?: Role;
  /** What cannot be taken back, or ends something for many: with `--execute` only once somebody else has approved it. */
  readonly danger?: true | ((input: z.output<Input>) => boolean);
  /** It looks at `signal`: Ctrl-C lets it end in order. */
  readonly interruptible?: true;
  run(desk: Desk, input: z.output<Input>, options: RunOptions): Promise<Output>;
  /** On the command line this needs neither settings nor our database: none are opened. */
  offline?(input: z.output<Input>): boolean;
  /** In place of `run` then. */
  runOffline?(input: z.output<Input>): Promise<Output>;
  /** For people; the machine-readable answer is the output itself. */
  print(output: Output): string;
  /** The output as one HTML file (`--html FILE`). */
  page?(output: Output): string;
  /** True when something wrong was found: the command exits with 1. */
  foundWrong?(output: Output): boolean;
}

export function defineOperation<Input extends z.ZodObject, Output>(
  operation: Operation<Input, Output>,
): Operation {
  return operation as unknown as Operation;
}
