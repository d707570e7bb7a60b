/**
 * Legacy sessions beside ours: whoever is signed in at an old app is known here, at a login here each configured app gets
 * its session, and what is used on one side lives on at the other.
 */
import type { Directory } from '../legacy/directory.ts';
import type { Db } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import type { LegacyEntry, User } from '../user.ts';
import type { Send } from './ending/delivery.ts';
import { endAt } from './ending-at-apps.ts';
import type {
  BrowserRequest,
  CallOptions,
  CreateFailure,
  FoundSession,
  LegacyAppDeps,
  LegacyLogin,
} from './legacy-app.ts';
import { checking } from './legacy-session-rounds.ts';
import type { LegacySessionSettings } from './legacy-session-settings.ts';
import { visitApps } from './legacy-session-visits.ts';
import { createAll } from './making.ts';
import type { OpenApp } from './opened-app.ts';
import { isConcerned, openConfigured, openedApp } from './opened-app.ts';
import { acceptFrom, recogniseAt } from './recognising.ts';
import type { StoreSubjects } from './store-subjects.ts';

export type { BrowserRequest, CreateFailure, FoundSession, LegacyLogin } from './legacy-app.ts';

export interface LegacySessions {
  /**
   * Gives the person a session at each app concerned. Takes no longer than the slowest app's limit. Throws
   * legacy_unavailable when a required session was not made.
   */
  create(login: LegacyLogin): Promise<CreatedLegacySessions>;
  /** Whether the request has anything in it that an app could know somebody by: asks nobody. */
  mayKnow(request: BrowserRequest, clientId: string): boolean;
  /**
   * Who is signed in at one of the apps in this browser; undefined: nobody, or not surely, or not well enough (too old,
   * unused for too long, without the second factor that the person has, no longer active). Outages recognise nobody: people
   * are asked for their password then. Never throws, and never takes longer than its own limit.
   */
  recognise(
    request: BrowserRequest,
    options: CallOptions & { readonly clientId: string },
  ): Promise<Recognised | undefined>;
  /** The same judgement of what an app has said by way of the browser (`askUrl`, hand-over). */
  accept(app: string, found: FoundSession): Promise<Recognised | undefined>;
  /** Apps that can only be asked by sending the browser there. */
  asks(clientId: string): readonly { readonly app: string; url(state: string): string }[];
  /**
   * A session of ours is used: its legacy sessions live on, those that failed are made now, and one that has ended is told.
   * Asks each app every half minute at most. Never throws.
   */
  visit(visit: VisitedSession): Promise<Visit>;
  /** Ends one at its app, or all of a person's there. For the courier. */
  readonly end: Send;
  /** Takes our own cookies of the apps from the browser that logs out. */
  clearCookies(): readonly string[];
  /** One round of asking about live sessions that nobody has told us of; call it regularly. Safe on several nodes. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface Recognised {
  readonly app: string;
  readonly user: User;
  /** Seconds since the epoch; never later than the person proved who they are. */
  readonly authTime: number;
  /** RFC 8176 values, as far as they are certain. */
  readonly amr: readonly string[];
  /** Whether the second factor was used. */
  readonly isTwoFactor: boolean;
  /** Writes it down as the provider's session's own. */
  parts(opSession: Buffer): readonly Part[];
  /** Once that is written down: false where the legacy session has ended while we were at it. */
  isStillSo?(): Promise<boolean>;
}

export interface CreatedLegacySessions {
  /** `Set-Cookie` values for the answer to the browser. */
  readonly setCookies: readonly string[];
  /** Where to send the browser instead of `returnTo`: the app sends it on from there. */
  readonly redirectTo?: string;
  readonly failures: readonly { readonly app: string; readonly failure: CreateFailure }[];
  /** Writes down what was made and what was not, until `tiePart` gives it to the provider's session. */
  parts(login: Buffer): readonly Part[];
}

export interface VisitedSession {
  /** What the browser brings: an app may know somebody else by it. */
  readonly request?: BrowserRequest;
  /** As `oidc_records.uid`. */
  readonly opSession: Buffer;
  readonly user: User;
  readonly clientId: string;
  readonly authTime: number;
  readonly amr: readonly string[];
  /** Seconds since the epoch: how long the provider's session lives if it is not used again, and at all. */
  readonly idleUntil: number;
  readonly expiresAt: number;
  readonly remember: boolean;
}

export interface Visit {
  readonly setCookies: readonly string[];
  /** The app whose session is over although it was still good: the person has logged out there. */
  readonly endedAt?: string;
  /** It is not over: somebody else is signed in there now, in this browser. */
  readonly isReplaced?: boolean;
}

export interface LegacySessionDeps extends LegacyAppDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly directory: Pick<Directory, 'findBySub' | 'findByLogin' | 'legacyIdOf' | 'userBySub'>;
  /** What stands before the primary keys of each legacy store in our subjects. */
  readonly stores: readonly StoreSubjects[];
  /**
   * When everything that this person had was ended last, seconds since the epoch, by somebody who meant the person: a new
   * password, an operator. A legacy session that is older lets nobody in.
   */
  readonly personEndedAt?: (sub: string) => Promise<number | undefined>;
  /** For the statement in which somebody's session begins: they are watched from now on (people-watch.ts). */
  readonly watchParts?: (entry: LegacyEntry) => readonly Part[];
  readonly checkSeconds: number;
  /** A live session has ended at its app: ours is to end. */
  readonly onEnded: (ended: { readonly app: string; readonly ids: readonly Buffer[] }) => Promise<void>;
  /** A live session was used at its app: the provider's lives on with it. */
  readonly onUsed: (used: { readonly opSession: Buffer; readonly at: number }) => Promise<void>;
  /** Told of every attempt, for metrics and the log. */
  readonly onOutcome?: (outcome: {
    readonly app: string;
    readonly outcome: 'created' | CreateFailure;
  }) => void;
  /** Told of every answer of an app, and of every app that gave none; not of those that were not asked. */
  readonly onRecognition?: (outcome: { readonly app: string; readonly outcome: RecognitionOutcome }) => void;
}

export type RecognitionOutcome =
  | 'recognised'
  | 'nobody'
  | 'unknown_user'
  | 'inactive'
  | 'too_old'
  | 'idle'
  | 'factor'
  | 'outage';

/** `openApp`: how an app is opened; as its kind says, by default. Throws config_invalid. */
export function openLegacySessions(
  settings: LegacySessionSettings,
  deps: LegacySessionDeps,
  openApp: OpenApp = openConfigured,
): LegacySessions {
  const apps = settings.map((app) => openedApp(app, openApp(app, deps), deps.stores));
  return {
    create: (login) => createAll(apps, deps, login),
    mayKnow: (request, clientId) =>
      apps.some(
        (opened) =>
          opened.app.recognise && isConcerned(opened, clientId) && (opened.app.mayKnow?.(request) ?? true),
      ),
    recognise: (request, { clientId }) => recogniseAt(apps, deps, { request, clientId }),
    accept: (name, found) => acceptFrom(apps, deps, { name, found }),
    asks: (clientId) =>
      apps.flatMap((opened) => {
        const { name, app } = opened;
        if (!app.askUrl || !isConcerned(opened, clientId)) return [];
        return [{ app: name, url: (state: string) => app.askUrl!(state) }];
      }),
    visit: (visit) => visitApps(apps, deps, visit),
    end: endAt(apps, deps),
    clearCookies: () => apps.flatMap(({ app }) => app.clearCookies?.() ?? []),
    check: checking(apps, deps),
    async close() {
      await Promise.all(apps.map(({ app }) => app.close()));
    },
  };
}
