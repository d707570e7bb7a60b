/**
 * What a legacy store tells of its own changes, whichever way it does: a table that triggers fill, the database's log, a
 * column that says when, a directory's change numbers. A feed is read from a place on and only says whom to look at again;
 * nothing is lost as long as a place is kept after what was read before it.
 */

export interface LegacyChange {
  /** The same each time this change is read, and unique in its feed; 200 characters at most. */
  readonly id: string;
  /** The user's primary key as text. */
  readonly legacyId: string;
  readonly kind: 'changed' | 'deleted';
  /** By the store's clock, where it says so. */
  readonly at?: Date;
  /** It was made by our own `apply`: an echo. Only where the store can tell. */
  readonly isOurs?: true;
}

export interface FeedPage {
  /** In the order in which they were made, as far as the store knows it. */
  readonly changes: readonly LegacyChange[];
  /** Where the next page begins; opaque, 2,000 characters at most. */
  readonly position: string;
  /** False: everything that the store had was in it. */
  readonly isMore: boolean;
}

/** How far we are behind what the store has; whatever of it can be known. */
export interface FeedLag {
  readonly changes?: number;
  readonly bytes?: number;
  readonly seconds?: number;
  /** Something an operator has to look at before it hurts: a slot that keeps the log, a log that is about to be purged. */
  readonly problem?: string;
}

/** One reader at a time. All throw legacy_unavailable, and config_invalid where the store is not set up for it. */
export interface Feed {
  /** How it is called: `outbox`, `log`, `poll`. */
  readonly name: string;
  /**
   * What comes after this place, at most so many. Without one it begins now: what was before is the alignment's. Throws
   * feed_lost where the store has not kept what comes after it.
   */
  read(position: string | undefined, limit: number): Promise<FeedPage>;
  /** Everything up to this place is kept here: the store may forget it. May be said again. */
  confirm(position: string): Promise<void>;
  lag(position: string | undefined): Promise<FeedLag>;
  /** Ends what is held open; a later `read` opens it again. */
  close(): Promise<void>;
}

/** What has to be at the store for its feed or for the marks of `apply`: tables, triggers, a slot. */
export interface StoreSetup {
  /** What would be done, as statements (or words where there are none), in order; nothing is asked of the store. */
  plan(): readonly string[];
  /** Does it with the connection of `setup`; doing it again changes nothing. */
  install(): Promise<void>;
  /** Takes away what `install` has made, with what it has in it. */
  remove(): Promise<void>;
  /** What is missing or wrong, in sentences; empty: nothing. */
  check(): Promise<readonly string[]>;
}

/** A store's feed, with subjects in place of the store's ids. */
export interface StoreFeed {
  readonly store: string;
  readonly feed: Feed;
  subjectOf(legacyId: string): string;
}
