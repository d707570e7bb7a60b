/**
 * A legacy app's own sessions, seen from here: whoever has one is known, whoever logs in here gets one, and they end
 * together. Each ability is optional; what the operator's settings describe, the app has.
 *
 * A new kind of app is a file in `apps/` that exports a `LegacyAppKind`, a line in its `index.ts`, and a test that calls
 * `legacyAppContract` (test/sessions/legacy-app-contract.ts).
 */
import { z } from 'zod';
import type { Directory } from '../legacy/directory.ts';
import { count } from '../settings.ts';
import type { Queryable } from '../store/db.ts';
import { signingKey } from '../targets/target-settings.ts';
import type { User } from '../user.ts';
import type { StoreSubjects } from './store-subjects.ts';

/** A login that has just succeeded. */
export interface LegacyLogin {
  readonly sub: string;
  readonly user: User;
  /** Seconds since the epoch. */
  readonly authTime: number;
  /** RFC 8176 values. */
  readonly amr: readonly string[];
  readonly clientId: string;
  /** Where the browser goes on with our login. */
  readonly returnTo: string;
  /** Seconds since the epoch: no session of this login is good after it. */
  readonly expiresAt: number;
  /** The person wants to stay logged in on this device: cookies outlive the browser. */
  readonly remember: boolean;
}

/** Why there is no legacy session: few values, to be counted. */
export type CreateFailure = 'timeout' | 'unreachable' | 'refused' | 'no_cookie' | 'storage';

export type Created =
  | {
      readonly setCookies?: readonly string[];
      /** The browser is sent there instead, and comes back from there. */
      readonly redirectTo?: string;
      /** What the app calls the session, if it can be asked about it; kept sealed. At most 4 KiB. */
      readonly handle?: string;
      /** Seconds since the epoch, where the app said so. */
      readonly expiresAt?: number;
    }
  | { readonly failure: CreateFailure };

/** How the app names the person. */
export interface LegacyPerson {
  /** `id`: the store's primary key; `login`: what they type; `subject`: our `sub`. */
  readonly by: 'id' | 'login' | 'subject';
  readonly value: string;
}

/** A session that is there and good at this moment. Times are seconds since the epoch; absent: the app does not say. */
export interface FoundSession {
  readonly handle: string;
  readonly person: LegacyPerson;
  /** When the person proved who they are; never later than it was. */
  readonly authTime?: number;
  /** RFC 8176 values, as far as the app tells; empty: it does not. */
  readonly amr: readonly string[];
  readonly lastUsedAt?: number;
  readonly expiresAt?: number;
}

/** What of the browser's request may be looked at. */
export interface BrowserRequest {
  /** The raw value, as RFC 6265 section 4.1.1 allows it, 4 KiB at most; otherwise undefined. */
  cookie(name: string): string | undefined;
  header(name: string): string | undefined;
}

/** A person whose sessions at the app are meant, all of them. */
export interface AppPerson {
  readonly sub: string;
  readonly legacyId: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface RenewOptions extends CallOptions {
  /** The login here that it lives on with: an app that keeps nothing writes its session anew from it. */
  readonly login?: Pick<LegacyLogin, 'sub' | 'user' | 'authTime' | 'amr' | 'expiresAt' | 'remember'>;
}

/** What an app of ours can do. All but `create` throw legacy_unavailable when the app or its store does not answer. */
export interface LegacyApp {
  /** Who is signed in there in this browser. Undefined: nobody, or not surely. */
  recognise?(request: BrowserRequest, options?: CallOptions): Promise<FoundSession | undefined>;
  /** Whether there is anything in the request to ask about: asks nobody. By default there may be. */
  mayKnow?(request: BrowserRequest): boolean;
  /** Where the browser is sent so that the app can say who it is; it comes back with `state` (docs/sessions/hand-over.md). */
  askUrl?(state: string): string;
  /** Gives the person a session there. Never throws, and never takes longer than its own limit. */
  create?(login: LegacyLogin): Promise<Created>;
  /** The session as it is now; undefined: it is over. */
  check?(handle: string, options?: CallOptions): Promise<FoundSession | undefined>;
  /** It was used here: it lives on until then (seconds since the epoch), if it would have ended sooner. */
  renew?(
    handle: string,
    until: number,
    options?: RenewOptions,
  ): Promise<{ readonly setCookies?: readonly string[] }>;
  /** Ends it; one that is over already is no failure. */
  end?(handle: string, options?: CallOptions): Promise<void>;
  /** Ends all that the person has there, known to us or not. */
  endAllOf?(person: AppPerson, options?: CallOptions): Promise<void>;
  /** `Set-Cookie` values that take the app's cookies from the browser at hand; only where we set them. */
  clearCookies?(): readonly string[];
  close(): Promise<void>;
}

export interface LegacyAppDeps {
  readonly db: Queryable;
  /** For what a framework binds a session to, such as the user's password hash. */
  readonly directory: Pick<Directory, 'findBySub' | 'legacyIdOf'>;
  /** The legacy stores, and what stands before a primary key in our `sub`: `shop:`, or nothing. */
  readonly stores?: readonly StoreSubjects[];
  /** Seconds since the epoch; the system's clock by default. */
  readonly nowSeconds?: () => number;
}

export interface LegacyAppKind<S extends z.ZodType> {
  readonly settings: S;
  open(settings: z.output<S>, deps: LegacyAppDeps): LegacyApp;
}

const DAY = 86_400;

/** What every app's settings begin with. */
export const commonSettings = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .describe('Names the legacy app.'),
  displayName: z.string().max(80).exactOptional().describe('Shown to people; the name when absent.'),
  clientIds: z
    .array(z.string())
    .exactOptional()
    .describe('Only for logins at these clients; by default at all.'),
  required: z
    .boolean()
    .default(false)
    .describe('True: no login without this session. Otherwise a failure is only counted, and tried again.'),
  identifies: z
    .enum(['id', 'login', 'subject'])
    .default('id')
    .describe(
      'How the app’s session names the person: by the primary key of the store, by what they type, or by our `sub`.',
    ),
  store: z
    .string()
    .exactOptional()
    .describe('The legacy store whose primary keys they are, where there are several.'),
  maxAgeSeconds: count(60, 90 * DAY, DAY).describe(
    'A session that began longer ago is not recognised. One that does not tell when it began counts as if it was this old.',
  ),
  maxIdleSeconds: count(60, 30 * DAY, 8 * 3_600).describe(
    'A session that was not used for longer is not recognised, where the app tells.',
  ),
  secondFactor: z
    .enum(['asked', 'assured'])
    .default('asked')
    .describe(
      'People with a second factor: `asked` for it here unless the session says that it was used; `assured`: the app makes no session without it.',
    ),
  follow: z.boolean().default(true).describe('When its session has ended there, ours ends.'),
  end: z.boolean().default(true).describe('When ours ends, its session is ended.'),
};

const keys = z.array(signingKey).max(4);
const KEYS_TEXT =
  'Shared keys for signed calls between us and the app: the first signs ours, all open the app’s.';
/** For apps that only call us, if at all. */
export const optionalKeys = { keys: keys.default([]).describe(KEYS_TEXT) };
/** For apps that are called, or have to call. */
export const requiredKeys = { keys: keys.min(1).describe(KEYS_TEXT) };
