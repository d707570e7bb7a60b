/** Where an app keeps its sessions, whatever that is: bytes under a key. */

export interface StoredSession {
  /** As the framework wrote them. */
  readonly data: Uint8Array;
  /** Seconds since the epoch; absent: the store does not say. */
  readonly expiresAt?: number;
  readonly lastUsedAt?: number;
  /** When it was made, or earlier. */
  readonly createdAt?: number;
  /** What stands beside the data, where the store has a place for the person there. */
  readonly person?: string;
}

export interface SessionToStore {
  readonly key: string;
  readonly data: Uint8Array;
  readonly person: string;
  /** Seconds since the epoch. */
  readonly authTime: number;
  readonly now: number;
  readonly expiresAt: number;
}

/** All throw legacy_unavailable when the store does not answer. */
export interface SessionStore {
  /** Undefined: there is none, or its time is over. */
  read(key: string): Promise<StoredSession | undefined>;
  /** Never replaces one that is there. */
  insert(session: SessionToStore): Promise<void>;
  /** It lives until then (seconds since the epoch), if it is still there and would end sooner. */
  extend(key: string, until: number, now: number): Promise<void>;
  remove(key: string): Promise<void>;
  /** Only where the store has the person beside the data. */
  removeAllOf?(person: string): Promise<void>;
  close(): Promise<void>;
}
