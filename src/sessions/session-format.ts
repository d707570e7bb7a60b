/**
 * How a framework writes a session down: what its cookie holds, under which key the session is stored, and what the
 * stored bytes mean. Where it is stored (a table, Redis) is the business of `apps/`.
 *
 * A new one is a file in `formats/` that exports a `SessionFormat`, a line in its `index.ts`, and vectors made by the real
 * framework in test/sessions/formats/.
 */
import type { z } from 'zod';

/** What a stored session says, whatever framework wrote it. */
export interface SessionContent {
  /** The session's own data: maps, lists, texts, numbers, booleans, null. Bounded in depth and size. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Where the framework has a place of its own for it; otherwise the settings say where in `data` it is. */
  readonly person?: string;
  /** Seconds since the epoch, where the framework writes it into the session itself. */
  readonly expiresAt?: number;
}

/** What a new session is to say. */
export interface NewSession {
  /** As the app names the person: a primary key, mostly. */
  readonly person: string;
  /** Columns of the person's stored password, for frameworks that bind the session to it. */
  readonly passwordColumns: Readonly<Record<string, unknown>> | undefined;
  /** More to write into the session, already filled in. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Seconds since the epoch. */
  readonly startedAt: number;
  readonly expiresAt: number;
}

export interface OpenFormat {
  /** The cookie's name by default. */
  readonly cookieName: string;
  /** Under which key the session of this cookie is stored; undefined: forged, or none. Never throws. */
  keyOf(cookie: string): string | undefined;
  /** A new session: what goes into the cookie, and the key to store it under. */
  newSession(): { readonly cookie: string; readonly key: string };
  /** Undefined: not a session of this framework, or a forged one. Never throws, whatever it gets. */
  read(stored: Uint8Array): SessionContent | undefined;
  write(session: NewSession): Uint8Array;
  /**
   * Whether the session is of the password that the person has now. False: the framework itself would not accept it any
   * more, so nobody is recognised by it. Absent: the framework binds its sessions to no password. Never throws.
   */
  isBoundTo?(
    content: SessionContent,
    passwordColumns: Readonly<Record<string, unknown>> | undefined,
  ): boolean;
}

export interface SessionFormat<S extends z.ZodObject = z.ZodObject> {
  /** Keys and names that the framework has settings for; `{}` where it needs none. */
  readonly settings: S;
  open(settings: z.output<S>): OpenFormat;
  /** Where it stores by default, for the presets. */
  readonly table?: TableLayout;
  readonly redis?: { readonly prefix: string };
}

/** A framework's table of sessions. */
export interface TableLayout {
  readonly table: string;
  readonly key: string;
  readonly data: string;
  /** bytes: the column is binary; text otherwise. */
  readonly dataIs?: 'text' | 'bytes';
  /** The column that says until when (or since when) the session is good. */
  readonly time?: {
    readonly column: string;
    readonly means: 'expires' | 'last-used';
    /** How it is written: a timestamp of the database, or seconds or milliseconds since the epoch. */
    readonly unit: 'timestamp' | 'seconds' | 'milliseconds';
  };
  /** The column that holds the person, where there is one. */
  readonly person?: string;
  /** When the row was made. */
  readonly created?: { readonly column: string; readonly unit: 'timestamp' | 'seconds' | 'milliseconds' };
}
