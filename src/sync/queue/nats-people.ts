/**
 * The people of one partition, in the memory of the node that has it: what was heard of them and is not settled yet, who waits
 * for another try, who is a dead letter, and whom somebody is at. Nothing here speaks to NATS, and all of it may be lost.
 */
import type { Hint, Lane, Turn } from './change-queue.ts';

/** A message that was delivered and not acknowledged yet. */
export interface Heard {
  /** Its place in the stream. */
  readonly seq: number;
  /** The subject that acknowledges it. */
  readonly ack: string;
  readonly lane: Lane;
  readonly hint: Hint;
  readonly sinceMs: number;
}

/** A record of somebody who waits or is dead. Of what is in it, only this is in memory. */
export interface Kept {
  readonly seq: number;
  readonly lane: Lane | 'dead';
  /** Milliseconds since the epoch; infinity for a dead letter. */
  readonly dueMs: number;
}

export interface Lease {
  readonly ticket: string;
  /** Milliseconds that no change of the clock moves. */
  readonly untilMs: number;
  /** The messages that the turn is about. */
  readonly seqs: ReadonlySet<number>;
  /** The records that it is about. */
  readonly kept: readonly Kept[];
  /** As it was handed out. */
  turn?: Turn;
  /** Somebody is just settling it. */
  isSettling: boolean;
}

export interface Person {
  /** A digest of target and person. */
  readonly key: string;
  readonly target: string;
  /** Not known before something was heard or the record was read. */
  name: string | undefined;
  readonly heard: Map<number, Heard>;
  /** One, or two where a node died between two steps. */
  kept: readonly Kept[];
  lease: Lease | undefined;
  /** Where the person is found again: among those who wait, or those who are due. */
  grain?: number | undefined;
  queue?: string | undefined;
}

export interface Counts {
  readonly people: number;
  readonly changes: number;
  readonly leased: number;
}

export interface People {
  /** False: it was settled before it was delivered again, and is only to be acknowledged. */
  hear(who: { readonly key: string; readonly target: string; readonly name: string }, heard: Heard): boolean;
  keep(who: { readonly key: string; readonly target: string }, kept: Kept): void;
  get(key: string): Person | undefined;
  /** Who is due, longest first. */
  due(target: string, lane: Lane, limit: number): readonly Person[];
  /** The turn begins, about all that is known now. */
  lease(person: Person, lease: Pick<Lease, 'ticket' | 'untilMs'>): Lease;
  /** The turn ends: what it was about is settled, and this is kept of it; what was heard meanwhile stays. */
  settled(person: Person, kept: readonly Kept[]): void;
  /** The turn ends, and nothing of it is settled. */
  released(person: Person): void;
  /** Leases that have run out are none any more, and whose time has come are due. */
  advance(now: { readonly nowMs: number; readonly elapsedMs: number }): void;
  /** Everything is delivered and read again. Only leases stay. */
  forgetMessages(): void;
  leasedOf(target: string): number;
  /** Who waits for another try. */
  waitingOf(target: string): number;
  counts(): Counts;
}

/** More of them make another turn, of which nothing comes. */
const OWED = 1_000;
/** How exactly a due time is kept. */
const GRAIN_MS = 250;

export function openPeople(): People {
  const people = new Map<string, Person>();
  const places = new Map<string, Set<Person>>();
  /** The same as `places`, by due time in grains. */
  const waiting = new Map<number, Set<Person>>();
  const waitingBy = new Map<string, number>();
  const leased = new Set<Person>();
  /** Messages that are settled and are still to be delivered again, as after the connection was lost. */
  const owed = new Set<number>();
  let changes = 0;
  /** Before these there is nothing to be found. */
  let nextGrain = Number.POSITIVE_INFINITY;
  let nextLeaseEndMs = Number.POSITIVE_INFINITY;

  const enter = (key: string, target: string): Person => {
    const known = people.get(key);
    if (known) return known;
    const person: Person = { key, target, name: undefined, heard: new Map(), kept: [], lease: undefined };
    people.set(key, person);
    return person;
  };
  const leave = (person: Person) => {
    leased.delete(person);
    if (person.grain !== undefined) {
      leaveSet(waiting, person.grain, person);
      waitingBy.set(person.target, (waitingBy.get(person.target) ?? 0) - 1);
    }
    if (person.queue !== undefined) leaveSet(places, person.queue, person);
    person.grain = undefined;
    person.queue = undefined;
  };
  const wait = (person: Person, dueMs: number) => {
    person.grain = Math.ceil(dueMs / GRAIN_MS);
    nextGrain = Math.min(nextGrain, person.grain);
    enterSet(waiting, person.grain, person);
    waitingBy.set(person.target, (waitingBy.get(person.target) ?? 0) + 1);
  };
  const place = (person: Person) => {
    leave(person);
    const dueMs = dueOf(person);
    if (person.lease) {
      leased.add(person);
      nextLeaseEndMs = Math.min(nextLeaseEndMs, person.lease.untilMs);
    } else if (dueMs === 0) {
      person.queue = queueOf(person.target, laneOf(person));
      enterSet(places, person.queue, person);
    } else if (dueMs < Number.POSITIVE_INFINITY) wait(person, dueMs);
    else if (person.kept.length === 0) people.delete(person.key);
  };
  const endLeases = (elapsedMs: number) => {
    nextLeaseEndMs = Number.POSITIVE_INFINITY;
    for (const person of [...leased]) {
      // Who is just settling came in time.
      if (person.lease && person.lease.untilMs <= elapsedMs && !person.lease.isSettling)
        person.lease = undefined;
      place(person);
    }
  };
  const endWaiting = (grain: number) => {
    const due = [...waiting].filter(([at]) => at <= grain);
    for (const person of due.flatMap(([, set]) => [...set])) {
      person.kept = person.kept.map((kept) =>
        kept.dueMs <= grain * GRAIN_MS ? { ...kept, dueMs: 0 } : kept,
      );
      place(person);
    }
    nextGrain = Math.min(Number.POSITIVE_INFINITY, ...waiting.keys());
  };
  const release = (person: Person) => {
    person.lease = undefined;
    place(person);
  };

  return {
    get: (key) => people.get(key),
    hear({ key, target, name }, heard) {
      if (owed.delete(heard.seq)) return false;
      const person = enter(key, target);
      person.name ??= name;
      if (!person.heard.has(heard.seq)) changes += 1;
      person.heard.set(heard.seq, heard);
      // Who waits in this queue keeps the place.
      if (!person.lease && person.queue !== queueOf(target, laneOf(person))) place(person);
      return true;
    },
    keep({ key, target }, kept) {
      const person = enter(key, target);
      person.kept = [...person.kept.filter(({ seq }) => seq !== kept.seq), kept];
      place(person);
    },
    due: (target, lane, limit) => firstOf(places.get(queueOf(target, lane)), limit),
    lease(person, { ticket, untilMs }) {
      const seqs = new Set(person.heard.keys());
      person.lease = { ticket, untilMs, seqs, kept: person.kept, isSettling: false };
      place(person);
      return person.lease;
    },
    settled(person, kept) {
      for (const seq of person.lease?.seqs ?? []) {
        if (person.heard.delete(seq)) changes -= 1;
        else if (owed.size < OWED) owed.add(seq);
      }
      person.kept = kept;
      release(person);
    },
    released: release,
    advance({ nowMs, elapsedMs }) {
      if (elapsedMs >= nextLeaseEndMs) endLeases(elapsedMs);
      const grain = Math.floor(nowMs / GRAIN_MS);
      if (grain >= nextGrain) endWaiting(grain);
    },
    forgetMessages() {
      changes = 0;
      for (const person of [...people.values()]) {
        person.heard.clear();
        person.kept = [];
        place(person);
      }
    },
    waitingOf: (target) => waitingBy.get(target) ?? 0,
    leasedOf: (target) => [...leased].filter((person) => person.target === target).length,
    counts: () => ({ people: people.size, changes, leased: leased.size }),
  };
}

const queueOf = (target: string, lane: Lane) => `${lane} ${target}`;

function enterSet<K>(sets: Map<K, Set<Person>>, key: K, person: Person): void {
  const set = sets.get(key);
  if (set) set.add(person);
  else sets.set(key, new Set([person]));
}

function leaveSet<K>(sets: Map<K, Set<Person>>, key: K, person: Person): void {
  const set = sets.get(key);
  if (set?.delete(person) && set.size === 0) sets.delete(key);
}

function firstOf(set: ReadonlySet<Person> | undefined, limit: number): Person[] {
  const first: Person[] = [];
  for (const person of set ?? []) {
    if (first.length >= limit) break;
    first.push(person);
  }
  return first;
}

/** 0: now. */
const dueOf = ({ heard, kept }: Person): number =>
  heard.size > 0 ? 0 : Math.min(Number.POSITIVE_INFINITY, ...kept.map(({ dueMs }) => dueMs));

/** Of the two the one that is taken first. */
export function laneOf({ heard, kept }: Pick<Person, 'heard' | 'kept'>): Lane {
  for (const { lane } of heard.values()) if (lane === 'live') return 'live';
  return kept.some(({ lane }) => lane === 'live') ? 'live' : 'backlog';
}
