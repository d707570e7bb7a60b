/**
 * The queue of people who are to be looked at: what is heard of somebody, from whichever side, is taken down once and makes it
 * their turn. Whoever takes a turn has the person alone, reads both sides as they are now, and so it matters neither in which
 * order changes came nor how often. What came meanwhile makes it their turn again.
 *
 * Two engines keep it: our PostgreSQL, and NATS JetStream where one database is outgrown. Both pass
 * `test/sync/queue/change-queue-contract.ts`.
 */

/** 0: somebody waits for it; 1: there is time, as with an alignment or a repair. The first is always taken first. */
export const LANES = { live: 0, backlog: 1 } as const;
export type Lane = keyof typeof LANES;

/** What a change tells; moments are ISO 8601, by the clock of the side that tells, and never later than when it was heard. */
export interface Hint {
  /** Something has changed there. */
  readonly legacyAt?: string;
  readonly targetAt?: string;
  /** The same, and it was certainly not us. */
  readonly othersAt?: string;
  /** The store says that the person is gone. */
  readonly goneAt?: string;
  /** The target says so of its user. */
  readonly removedAt?: string;
  /** There is another password at the target; with its hash or itself, sealed, where it is known. */
  readonly passwordAt?: string;
  readonly sealedPassword?: string;
}

export interface Change {
  /** Where it was heard: `legacy:<store>`, `target:<name>`, `login`, `sweep`, `operator`. */
  readonly source: string;
  /** Unique in its source, the same at every delivery; 200 characters at most. */
  readonly id: string;
  readonly target: string;
  /** A subject, or a stranger: see `strangerOf`. */
  readonly person: string;
  readonly lane: Lane;
  readonly hint: Hint;
}

const STRANGER = 'user ';
/** A user of the target of whom no subject is known. No subject has a blank, whatever stores and their ids are called. */
export const strangerOf = (targetUserId: string): string => STRANGER + targetUserId;
/** Their id at the target; undefined for a subject. */
export const strangerIn = (person: string): string | undefined =>
  person.startsWith(STRANGER) ? person.slice(STRANGER.length) : undefined;

export interface Problem {
  readonly code: string;
  readonly sentence: string;
}

/** Somebody's turn, taken. */
export interface Turn {
  readonly target: string;
  readonly person: string;
  readonly lane: Lane;
  /** The newest of each that was heard since the last turn that was done. */
  readonly hint: Hint;
  /** Tries that failed. */
  readonly attempts: number;
  /** When the first of what it is about was heard, ISO 8601. */
  readonly since: string;
  /** The engine's own: which lease, and how much was heard. */
  readonly ticket: string;
}

export type Settlement =
  | { readonly turn: Turn; readonly result: 'done' }
  /** Again after so long; what was heard is kept. `counts`: it was a failure of this person's. */
  | {
      readonly turn: Turn;
      readonly result: 'later';
      readonly seconds: number;
      readonly counts: boolean;
      readonly problem: Problem;
    }
  /** Nobody tries again by themselves: a dead letter. */
  | { readonly turn: Turn; readonly result: 'dead'; readonly problem: Problem };

export interface QueueStats {
  readonly target: string;
  readonly live: number;
  readonly backlog: number;
  /** Of the two, whom somebody is at. */
  readonly underWay: number;
  /** Of the two, who wait for another try. */
  readonly waiting: number;
  readonly dead: number;
  /** How long the oldest has waited that is due; 0: nobody does. */
  readonly oldestLiveSeconds: number;
  readonly oldestBacklogSeconds: number;
}

export interface DeadLetter {
  readonly target: string;
  readonly person: string;
  readonly problem: Problem;
  readonly attempts: number;
  readonly since: Date;
  readonly diedAt: Date;
}

/** All throw storage_unavailable where the engine does not answer: nothing is lost then, and nothing is half done. */
export interface ChangeQueue {
  /** Kept for good when it returns; how many of them were new. A change that was put before changes nothing. */
  put(changes: readonly Change[]): Promise<number>;
  /** Turns of different people, live ones first; each is its taker's alone for so long. */
  take(options: {
    readonly targets: readonly string[];
    readonly limit: number;
    readonly leaseSeconds: number;
  }): Promise<readonly Turn[]>;
  /** Of turns that were taken; one whose lease has run out is nobody's business any more, and nothing happens. */
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** Per target that has somebody waiting, or had. */
  stats(): Promise<readonly QueueStats[]>;
  /** Whoever is free is told that there is something: only to be quick, a poll finds it anyway. Returns how to stop. */
  onPut(listener: () => void): () => void;
  dead(options: { readonly target?: string; readonly limit: number }): Promise<readonly DeadLetter[]>;
  /** Dead letters are due again; how many. */
  redrive(options: { readonly target: string; readonly person?: string }): Promise<number>;
  /** Everybody of whom something was heard in this time, as far as it is kept, gets a turn again; how many. */
  replay(options: { readonly target: string; readonly since: Date; readonly until: Date }): Promise<number>;
  close(): Promise<void>;
}
