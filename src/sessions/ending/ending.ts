/**
 * Ending sessions: whoever logs out somewhere is logged out everywhere. One statement ends what is ours and writes down
 * who else has to be told; `courier.ts` tells them, for a day if it must. Nobody waits for that.
 */
import type { Part } from '../../store/statement.ts';

/** Why sessions end: few values, for the log, the metrics and people. */
export const ENDING_CAUSES = [
  'logout', // at our own page, asked for by the person or a client
  'replaced', // somebody else logged in in the same browser
  'legacy', // at a legacy app
  'target', // at a target
  'client', // at a client, which told us
  'operator',
  'password-changed',
  'deactivated',
  'removed',
] as const;
export type EndingCause = (typeof ENDING_CAUSES)[number];

/** `session`: what belongs to the same login; `person`: everything the same people have. */
export type EndingScope = 'session' | 'person';

/** Whose sessions, and which. */
export type Selection =
  /** One of the provider's sessions, as `oidc_records.uid`. */
  | { readonly by: 'op-session'; readonly uid: Buffer }
  | { readonly by: 'person'; readonly sub: string }
  /** The provider's session in which this client has this `sid`. */
  | { readonly by: 'client'; readonly clientId: string; readonly sid: string }
  /** A session at a legacy app, by any of the ids that `registry.idsOf` gives. */
  | { readonly by: 'legacy'; readonly app: string; readonly ids: readonly Buffer[] }
  | { readonly by: 'target'; readonly target: string; readonly id: string }
  /** Up to `limit` of all, of those that have a session for this client if one is named. */
  | { readonly by: 'any'; readonly limit: number; readonly clientId?: string };

export interface EndingRequest {
  readonly selection: Selection;
  readonly cause: EndingCause;
  /** For the record: `user`, `operator:…`, `client:…`, `legacy:…`, `target:…`, `footbridge`. */
  readonly actor: string;
  /** By default as the settings say, and `person` where a person is named or the cause is about them. */
  readonly scope?: EndingScope;
  /** Who asked for it knows already. */
  readonly initiator?: { readonly kind: 'client' | 'legacy' | 'target'; readonly name: string };
  /** Also what outlives a session, such as refresh tokens with offline_access. */
  readonly everything?: boolean;
  /** One of many: whoever waits for a logout of their own goes first. */
  readonly isBulk?: boolean;
}

export interface Ended {
  /** The ending's id, for the page that shows how far it is. */
  readonly id: string;
  /** Sessions of ours that ended. */
  readonly opSessions: number;
  readonly legacySessions: number;
  readonly targetSessions: number;
  /** Who is still to be told. */
  readonly deliveries: number;
}

export interface Endings {
  /**
   * Ends, and writes down who has to be told; throws storage_unavailable. Ending what has ended changes nothing, except
   * that those who know a person's sessions better than we do are told again where the cause is about that person.
   */
  end(request: EndingRequest): Promise<Ended>;
  /** The same as parts of a statement that does more; `id` is the ending's. `afterCommit` lets the courier start at once. */
  parts(request: EndingRequest): {
    readonly id: string;
    readonly parts: readonly Part[];
    afterCommit(): void;
  };
}

/** What the provider adds to the statement: the sessions are its own. */
export interface OpSessionParts {
  /**
   * The last is named `ending_ops (uid bytea, sub text, authorizations jsonb)`: the provider's sessions that are selected,
   * and with `person` everything else that the same people have. For `op-session`, `legacy` and `target` an earlier part
   * `ending_from (op_session bytea, sub text)` says which.
   */
  select(request: {
    readonly selection: Selection;
    readonly scope: EndingScope;
    /** Sessions that somebody else is busy with are left for the next time. */
    readonly skipsLocked: boolean;
  }): readonly Part[];
  /**
   * Takes away what `ending_ops` names, with all that hangs on it; and with `everything`, what was ever granted to
   * `ending_people (sub text)`.
   */
  remove(options: { readonly everything: boolean }): readonly Part[];
}

/** Who can be told. */
export interface Recipients {
  /** Clients with a back-channel logout URI. */
  readonly clients: readonly string[];
  /** Legacy apps whose sessions end with ours. */
  readonly apps: readonly string[];
  /** Of these, the ones that can end all of a person's sessions without our knowing them. */
  readonly appsByPerson: readonly string[];
  /** Targets whose sessions end with ours. */
  readonly targets: readonly string[];
}
